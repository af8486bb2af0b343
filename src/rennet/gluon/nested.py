"""Nested arguments and results: flat lists, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import ArgumentError
from ..ndarray import NDArray
from ..symbol import Symbol

Form = Any
"""How leaves are nested: 0 for one leaf, n for a symbol of n outputs, -1 for None, a list of forms for a list."""


def flatten(args: Any, what: str) -> tuple[list[Any], Form]:
    """The leaves, each an array, a symbol or None, and how they were nested.

    >>> import rennet as mx
    >>> flatten([None, [None]], "input")[1]
    [-1, [-1]]
    """
    if isinstance(args, NDArray):
        return [args], 0
    if isinstance(args, Symbol):
        count = len(args.list_outputs())
        return [args], count if count > 1 else 0
    if args is None:
        return [None], -1
    if not isinstance(args, list | tuple):
        raise ArgumentError(
            f"HybridBlock {what}: expected (nested) lists of Symbols or NDArrays, got {args!r} of type "
            f"{type(args).__name__}"
        )
    flat: list[Any] = []
    forms: list[Form] = []
    for arg in args:
        leaves, form = flatten(arg, what)
        flat.extend(leaves)
        forms.append(form)
    return flat, forms


def regroup(leaves: Sequence[Any], form: Form) -> Any:
    """The reverse of `flatten`."""
    rest = list(leaves)
    result = _take(rest, form)
    assert not rest
    return result


def _take(rest: list[Any], form: Form) -> Any:
    if isinstance(form, list):
        return [_take(rest, each) for each in form]
    if form == -1:
        leaf = rest.pop(0)
        if leaf is not None:
            raise ArgumentError(f"expected None, as when the graph was made, got a {type(leaf).__name__}")
        return None
    if form == 0:
        return rest.pop(0)
    taken = rest[:form]
    del rest[:form]
    return taken
