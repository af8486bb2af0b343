"""Errors, and the small vocabulary every other module shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral, Number, Real
from typing import Any, TypeVar

Kind = TypeVar("Kind")

__all__ = ["ArgumentError", "FormatError", "MXNetError", "NotSupportedError", "ShapeError", "py_str"]

string_types = (str,)
numeric_types = (float, int)


class MXNetError(RuntimeError):
    """Root of every error that rennet raises on purpose."""


class ArgumentError(MXNetError, ValueError):
    """An argument has a value that makes no sense; says what was expected and what came."""


class ShapeError(MXNetError, ValueError):
    """Shapes contradict each other, or not enough is known to infer them."""


class NotSupportedError(MXNetError, NotImplementedError):
    """The request is understood, and named, but rennet does not do it."""


class FormatError(MXNetError, ValueError):
    """A file's content is not what its format says.

    Parameters
    ----------
    source : str
        The file, or ``<bytes>``.
    where : str
        Byte offset, or node, at which reading stopped.
    field : str
        What was being read.
    expected, got : str
        What should have stood there, and what did.
    mend : str, optional
        What the user can do.
    """

    def __init__(self, source: str, where: str, field: str, expected: str, got: str, mend: str = "") -> None:
        self.source, self.where, self.field = source, where, field
        self.expected, self.got, self.mend = expected, got, mend
        text = f"{source}, {where}: {field}: expected {expected}, got {got}"
        super().__init__(f"{text}. {mend}" if mend else text)


def py_str(x: bytes) -> str:
    """Text from the bytes a C library handed out."""
    return x.decode("utf-8")


def _as_list(obj: Any) -> list[Any]:
    """A list of one from anything that is not a list or tuple already."""
    return list(obj) if isinstance(obj, list | tuple) else [obj]


def one_of(argument: str, value: str, known: Iterable[str]) -> str:
    """`value` if it is one of `known`; otherwise an `ArgumentError` that names the argument and the choices."""
    known = sorted(known)
    if value not in known:
        raise ArgumentError(f"{argument}: expected one of {', '.join(known)}; got {value!r}")
    return value


def is_whole(value: Any, least: int) -> bool:
    """Is it a whole number, True and False not counted, of at least `least`."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def shown(value: Any) -> str:
    """What came, for an error: numbers, text and None as they are, of everything else the type.

    >>> shown("x"), shown([1, 2])
    ("'x'", 'list')
    """
    return repr(value) if value is None or isinstance(value, str | Number) else type(value).__name__


def expect(argument: str, value: Kind, kinds: Any, expected: str, mend: str = "") -> Kind:
    """`value` if it is of one of `kinds`; otherwise an `ArgumentError`.

    Parameters
    ----------
    argument : str
        Whose argument it is, and which: ``LSTMCell: prefix``.
    value
        What came.
    kinds : type or tuple of types
        What it may be.
    expected, mend : str
        The same in words, and what the user can do.

    Examples
    --------
    >>> expect("LSTMCell: prefix", 3, str, "a string")
    Traceback (most recent call last):
    rennet.base.ArgumentError: LSTMCell: prefix: expected a string, got 3
    """
    if isinstance(value, kinds):
        return value
    raise ArgumentError(f"{argument}: expected {expected}, got {shown(value)}{mend and '; '}{mend}")


def expect_call(argument: str, value: Kind, mend: str = "") -> Kind:
    """`value` if it can be called."""
    return expect(argument, value, Callable, "something that can be called", mend)


def expect_number(argument: str, value: Kind, expected: str = "a number") -> Kind:
    """`value` if it is a real number."""
    return expect(argument, value, Real, expected)


def expect_rate(argument: str, value: Kind) -> Kind:
    """`value` if it is the probability with which something is left out: from 0 to below 1."""
    if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < 1:
        return value
    raise ArgumentError(f"{argument}: expected a rate in [0, 1), got {shown(value)}")


def expect_whole(argument: str, value: Kind, least: int) -> Kind:
    """`value` if it is a whole number of at least `least`."""
    if is_whole(value, least):
        return value
    raise ArgumentError(f"{argument}: expected a whole number of at least {least}, got {shown(value)}")


def expect_names(argument: str, value: Any) -> list[str]:
    """`value` as a list of names; None is an empty one, and a single string is refused, not taken for its letters."""
    given = () if value is None else value
    mend = f"write [{value!r}]" if isinstance(value, str) else ""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ArgumentError(f"{argument}: expected a list of names, got {shown(value)}{mend and '; '}{mend}")
    return [expect(argument, name, str, "a list of names") for name in given]
