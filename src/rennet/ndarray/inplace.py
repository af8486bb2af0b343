"""Python's operators in place: ``x += y`` writes into the memory of `x`, which other arrays may share."""

from __future__ import annotations

from typing import Any

from .._state import flags


class InPlace:
    """Gives `NDArray` the operators that change it."""

    __slots__ = ()

    def __iadd__(self, other: Any) -> Any:
        return self._become(lambda x, y: x + y, other)

    def __isub__(self, other: Any) -> Any:
        return self._become(lambda x, y: x - y, other)

    def __imul__(self, other: Any) -> Any:
        return self._become(lambda x, y: x * y, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._become(lambda x, y: x / y, other)

    def __imod__(self, other: Any) -> Any:
        return self._become(lambda x, y: x % y, other)

    def _become(self, compute: Any, other: Any) -> Any:
        array: Any = self
        # an operator keeps its operands for going backwards, and this one is about to change
        operand = array.copy() if flags.recording else array
        array[:] = compute(operand, operand if other is self else other)
        return self
