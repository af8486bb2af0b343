"""Shape inference: partly known shapes, and the rules by which they become known.

A shape is None (nothing known) or a tuple whose unknown dimensions are None. A rule takes what is known of an
operator's input and output shapes and returns what is known after looking at them together; it may work backwards,
which is how weights get their shapes from data and begin states their batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from ..base import ShapeError

if TYPE_CHECKING:
    from .registry import Operator

Shape = tuple[int | None, ...]
Known = Shape | None
Attrs = Mapping[str, Any]
Rule = Callable[["Operator", Attrs, list[Known], list[Known]], tuple[list[Known], list[Known]]]


def from_public(shape: Sequence[int] | int | None) -> Known:
    """A shape as MXNet's API writes it, where 0 (or -1) means unknown, in our form."""
    if shape is None:
        return None
    if isinstance(shape, int):
        shape = (shape,)
    return tuple(None if size in (0, -1, None) else int(size) for size in shape)


def to_public(shape: Known) -> tuple[int, ...]:
    """The reverse of `from_public`: unknown is 0, and a wholly unknown shape is ``()``."""
    return () if shape is None else tuple(0 if size is None else size for size in shape)


def complete(shape: Known) -> TypeGuard[tuple[int, ...]]:
    """Is every dimension known."""
    return shape is not None and None not in shape


def unify(a: Known, b: Known) -> Known:
    """What two descriptions of one shape say together.

    >>> unify((None, 5), (3, None))
    (3, 5)
    >>> unify((2, 5), (3, None))
    Traceback (most recent call last):
    rennet.base.ShapeError: shapes (2, 5) and (3, 0) contradict each other
    """
    if a is None or b is None or a == b:
        return b if a is None else a
    if len(a) == len(b):
        merged = tuple(y if x is None else x for x, y in zip(a, b, strict=True))
        if all(y is None or x == y for x, y in zip(merged, b, strict=True)):
            return merged
    raise ShapeError(f"shapes {to_public(a)} and {to_public(b)} contradict each other")


def axis_within(op: str, attribute: str, axis: int, rank: int) -> int:
    """`axis` of an array with `rank` axes, counted from the front: a negative one counts from the end.

    >>> axis_within("Concat", "dim", -1, 3)
    2
    >>> axis_within("Concat", "dim", 7, 2)
    Traceback (most recent call last):
    rennet.base.ShapeError: Concat: attribute dim: expected an axis from -2 to 1, for there are 2 axes; got 7
    """
    if -rank <= axis < rank:
        return axis % rank
    raise ShapeError(
        f"{op}: attribute {attribute}: expected an axis from {-rank} to {rank - 1}, for there are {rank} axes; "
        f"got {axis}"
    )


STAND_INS = (1, 89)
"""Sizes tried where one is unknown: what then comes out the same does not depend on it."""


def _outputs_by_running(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> list[Known]:
    ranked = [shape for shape in ins if shape is not None]
    if len(ranked) < len(ins):
        return outs
    if all(complete(shape) for shape in ranked):
        return [unify(found, known) for found, known in zip(_run(op, attrs, ranked, 0), outs, strict=False)]
    try:
        first, second = (_run(op, attrs, ranked, size) for size in STAND_INS)
    except ShapeError:
        return outs  # the stand-in did not fit; the size it stood for may
    found = [
        tuple(a if a == b else None for a, b in zip(x, y, strict=True)) if len(x) == len(y) else None
        for x, y in zip(first, second, strict=True)
    ]
    return [unify(shape, known) for shape, known in zip(found, outs, strict=False)]


def _run(op: Operator, attrs: Attrs, ins: Sequence[Shape], stand_in: int) -> list[tuple[int, ...]]:
    sizes = [tuple(stand_in if size is None else size for size in shape) for shape in ins]
    try:
        results = op.run_on_meta(attrs, [torch.empty(shape, device="meta") for shape in sizes])
    except ShapeError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        shapes = ", ".join(map(str, sizes))
        raise ShapeError(f"{op.name} does not fit inputs of shapes {shapes}: {error}") from error
    return [tuple(result.shape) for result in results]


def forward_only(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    """The rule of an operator that infers nothing backwards: outputs, once all inputs are known."""
    return ins, _outputs_by_running(op, attrs, ins, outs)


def all_alike(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    """The rule of element-wise operators: every input and output has one shape."""
    common: Known = None
    for shape in (*ins, *outs):
        common = unify(common, shape)
    return [common] * len(ins), [common] * len(outs)


def given(shapes: Callable[[Attrs, list[Known], list[Known]], Sequence[Known]]) -> Rule:
    """A rule from a function that says what is known of the inputs; outputs come from running the operator."""

    def rule(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
        ins = [unify(known, said) for known, said in zip(ins, shapes(attrs, ins, outs), strict=True)]
        return ins, _outputs_by_running(op, attrs, ins, outs)

    return rule
