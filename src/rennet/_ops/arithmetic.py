"""Python's operators on arrays and symbols: which of our operators each of them is."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple


class Spelling(NamedTuple):
    """The names of one operation: on two operands, with a number, and with a number on the left."""

    pair: str
    scalar: str
    reflected: str = ""


class Arithmetic:
    """Gives a class Python's operators; the class says how one is applied.

    Attributes
    ----------
    _spellings : dict of str to Spelling
        The operators' names, by the operation.
    """

    __slots__ = ()
    _spellings: ClassVar[dict[str, Spelling]] = {}

    def _with(self, pair: str, scalar: str, other: Any, reflected: bool) -> Any:
        """Apply `pair` if `other` is of this class, `scalar` if it is a number; else return NotImplemented."""
        raise NotImplementedError

    def _apply(self, operation: str, other: Any) -> Any:
        spelling = self._spellings[operation]
        return self._with(spelling.pair, spelling.scalar, other, False)

    def _apply_reflected(self, operation: str, other: Any) -> Any:
        spelling = self._spellings[operation]
        return self._with(spelling.pair, spelling.reflected, other, True)

    def __add__(self, other: Any) -> Any:
        return self._apply("add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._apply("sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._apply_reflected("sub", other)

    def __mul__(self, other: Any) -> Any:
        return self._apply("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._apply("div", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._apply_reflected("div", other)

    def __mod__(self, other: Any) -> Any:
        return self._apply("mod", other)

    def __rmod__(self, other: Any) -> Any:
        return self._apply_reflected("mod", other)

    def __pow__(self, other: Any) -> Any:
        return self._apply("power", other)

    def __rpow__(self, other: Any) -> Any:
        return self._apply_reflected("power", other)

    def __eq__(self, other: object) -> Any:
        return self._apply("equal", other)

    def __ne__(self, other: object) -> Any:
        return self._apply("not_equal", other)

    def __gt__(self, other: Any) -> Any:
        return self._apply("greater", other)

    def __ge__(self, other: Any) -> Any:
        return self._apply("greater_equal", other)

    def __lt__(self, other: Any) -> Any:
        return self._apply("lesser", other)

    def __le__(self, other: Any) -> Any:
        return self._apply("lesser_equal", other)

    __hash__ = object.__hash__
