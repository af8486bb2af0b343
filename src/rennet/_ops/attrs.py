"""Typed attributes: how the strings of a graph file, or the Python values of a call, become an operator's arguments.

An operator's keyword-only parameters are its attributes and their annotations are the types: ``int``, ``float``,
``bool``, ``str``, ``Literal[...]``, ``tuple[int, ...]``, `Bounds`, `DType`, and any of these ``| None``.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from .._dtypes import element_type
from ..base import ArgumentError

DType = Annotated[str, "dtype"]
"""An attribute that names an element type."""

Bounds = tuple[int | None, ...]
"""An attribute with a number, or None for all that there is, for each axis."""

Parser = Callable[[Any], Any]


def _integer(value: Any) -> int:
    if isinstance(value, str):
        return int(value.rstrip("L"))
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        raise ValueError(value)
    return int(value)


def _real(value: Any) -> float:
    return float(value)


_BOOLEANS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | int) and int(value) in (0, 1):
        return bool(value)
    return _BOOLEANS[str(value)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


_NUMBER = re.compile(r"[+-]?\d+L?")
_LIST = rf"\s*(?:{_NUMBER.pattern}\s*(?:,\s*{_NUMBER.pattern}\s*)*,?\s*)?"
_TUPLE = re.compile(rf"\s*(?:\({_LIST}\)|\[{_LIST}\]|{_NUMBER.pattern})\s*")


def _integers(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        found = _TUPLE.fullmatch(value)
        if found is None:
            raise ValueError(value)
        return tuple(_integer(part) for part in _NUMBER.findall(value))
    if isinstance(value, int | np.integer):
        return (int(value),)
    return tuple(_integer(part) for part in value)


_BOUND = rf"(?:{_NUMBER.pattern}|None)"
_BOUNDS = re.compile(rf"\s*[(\[]\s*(?:{_BOUND}\s*(?:,\s*{_BOUND}\s*)*,?\s*)?[)\]]\s*|\s*{_BOUND}\s*")


def _bounds(value: Any) -> Bounds:
    if isinstance(value, str):
        if _BOUNDS.fullmatch(value) is None:
            raise ValueError(value)
        value = re.findall(_BOUND, value)
    parts = (value,) if value is None or isinstance(value, int | np.integer) else value
    return tuple(None if part is None or part == "None" else _integer(part) for part in parts)


def _dtype(value: Any) -> str:
    return element_type(value).name


def _optional(inner: Parser) -> Parser:
    def parse(value: Any) -> Any:
        return None if value is None or value == "None" else inner(value)

    return parse


def _choice(known: tuple[str, ...]) -> Parser:
    def parse(value: Any) -> str:
        if str(value) not in known:
            raise ValueError(value)
        return str(value)

    return parse


_PARSERS: dict[Any, tuple[Parser, str]] = {
    int: (_integer, "an integer"),
    float: (_real, "a number"),
    bool: (_boolean, "True or False"),
    str: (_text, "a string"),
    tuple[int, ...]: (_integers, "a tuple of integers"),
    Bounds: (_bounds, "a tuple of integers or None"),
    DType: (_dtype, "an element type such as 'float32'"),
}


def parser_of(hint: Any) -> tuple[Parser, str]:
    """The parser for an annotation, and how to describe in an error what it takes."""
    if hint in _PARSERS:
        return _PARSERS[hint]
    if get_origin(hint) is Literal:
        known = get_args(hint)
        return _choice(known), "one of " + ", ".join(known)
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = [arg for arg in get_args(hint) if arg is not type(None)]
        parse, expected = parser_of(inner)
        return _optional(parse), f"{expected}, or None"
    raise TypeError(f"no attribute type for {hint!r}")


class Attribute:
    """One attribute of an operator: its name, type, and default.

    Examples
    --------
    >>> Attribute("shape", tuple[int, ...]).parse("Reshape", "(2L, 3L)")
    (2, 3)
    >>> Attribute("flatten", bool, True).parse("FullyConnected", "yes")
    Traceback (most recent call last):
    rennet.base.ArgumentError: FullyConnected: attribute flatten: expected True or False; got 'yes'
    """

    REQUIRED: Any = object()

    def __init__(self, name: str, hint: Any, default: Any = REQUIRED) -> None:
        self.name, self.default = name, default
        self._parse, self.expected = parser_of(hint)

    def parse(self, operator: str, value: Any) -> Any:
        """The Python value that `value` stands for."""
        try:
            return self._parse(value)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ArgumentError(
                f"{operator}: attribute {self.name}: expected {self.expected}; got {value!r}"
            ) from error


def at_least(operator: str, **least: int) -> Callable[[Mapping[str, Any]], None]:
    """A check that the named attributes are not below their least values.

    >>> at_least("FullyConnected", num_hidden=1)({"num_hidden": 0})
    Traceback (most recent call last):
    rennet.base.ArgumentError: FullyConnected: attribute num_hidden: expected a number of at least 1; got 0
    """

    def check(attrs: Mapping[str, Any]) -> None:
        for name, lowest in least.items():
            if attrs[name] < lowest:
                raise ArgumentError(
                    f"{operator}: attribute {name}: expected a number of at least {lowest}; got {attrs[name]}"
                )

    return check


def sizes_of(operator: str) -> Callable[[Mapping[str, Any]], None]:
    """A check of the attribute `shape` of an operator that makes arrays: sizes, of which 0 and -1 are unknown ones.

    >>> sizes_of("_zeros")({"shape": (2, -3)})
    Traceback (most recent call last):
    rennet.base.ArgumentError: _zeros: attribute shape: expected sizes, 0 or -1 for an unknown one; got (2, -3)
    """

    def check(attrs: Mapping[str, Any]) -> None:
        if any(size < -1 for size in attrs["shape"] or ()):
            raise ArgumentError(
                f"{operator}: attribute shape: expected sizes, 0 or -1 for an unknown one; got {attrs['shape']}"
            )

    return check


def to_text(value: Any) -> str:
    """An attribute's value as graph files spell it.

    >>> to_text((2, 3)), to_text([4]), to_text(True), to_text(np.float16)
    ('(2, 3)', '(4,)', 'True', 'float16')
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        # str of an element, not the repr that a tuple would give: NumPy's numbers say their type in it
        parts = [to_text(part) for part in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(value, type | np.dtype):
        return element_type(value).name
    return str(value)
