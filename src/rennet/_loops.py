"""What loops over arrays and over symbols share: nested lists taken apart, and what their functions must return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .base import ArgumentError

Structure = None | list["Structure"]
"""How leaves were nested: None is one leaf, a list what stood in it."""


def flatten(
    value: Any, kind: type, what: str, expand: Callable[[Any], Any] | None = None
) -> tuple[list[Any], Structure]:
    """The leaves of nested lists or tuples, from left to right, and how they were nested.

    Parameters
    ----------
    value
        A leaf, or nested lists of them.
    kind : type
        What leaves are.
    what : str
        What errors call `value`.
    expand : callable, optional
        Makes a leaf that has several parts a list of them, and gives others back.

    Raises
    ------
    ArgumentError
        If something else stands among the leaves.

    Examples
    --------
    >>> flatten([1, (2, [])], int, "numbers")
    ([1, 2], [None, [None, []]])
    >>> flatten([1, "2"], int, "numbers")
    Traceback (most recent call last):
    rennet.base.ArgumentError: numbers: expected int, or (nested) lists of them; got str
    """
    if isinstance(value, kind):
        parts = value if expand is None else expand(value)
        if not isinstance(parts, list):
            return [value], None
        value = parts
    if not isinstance(value, list | tuple):
        raise ArgumentError(f"{what}: expected {kind.__name__}, or (nested) lists of them; got {type(value).__name__}")
    leaves: list[Any] = []
    structure: list[Structure] = []
    for each in value:
        inner, nested = flatten(each, kind, what, expand)
        leaves += inner
        structure.append(nested)
    return leaves, structure


def nest(leaves: Sequence[Any], structure: Structure) -> Any:
    """The reverse of `flatten`; what was a tuple is a list.

    >>> nest([1, 2], [None, [None, []]])
    [1, [2, []]]
    """
    return _next(iter(leaves), structure)


def _next(leaves: Iterator[Any], structure: Structure) -> Any:
    return next(leaves) if structure is None else [_next(leaves, each) for each in structure]


def pair(what: str, result: Any) -> tuple[Any, Any]:
    """What a loop's function returned, as outputs and states."""
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise ArgumentError(f"{what}: expected it to return two things, outputs and states; got {result!r:.100}")
    return result[0], result[1]


def iterations(limit: Any) -> int:
    """The argument `max_iterations`, which has to be given."""
    if limit is None:
        raise ArgumentError("while_loop: max_iterations: expected an integer, got None; it has no default")
    try:
        return int(limit)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"while_loop: max_iterations: expected an integer, got {limit!r}") from error
