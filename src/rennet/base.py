"""Errors, and the small vocabulary every other module shares."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

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
