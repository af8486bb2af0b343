"""Cells made of cells. A child has ``state_info``, can be stepped by a call, and unrolled by ``unroll``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..symbol import Symbol
from .sequences import as_merged, as_steps, is_merged
from .states import expect_states


def shares(cells: Sequence[Any], states: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Each cell with its part of the states."""
    counts = [count_of_states(cell) for cell in cells]
    owner = type(cells[0]).__name__ if len(cells) == 1 else f"these {len(cells)} cells"
    flat = expect_states(owner, states, sum(counts))
    for cell, count in zip(cells, counts, strict=True):
        yield cell, flat[:count]
        flat = flat[count:]


def count_of_states(cell: Any) -> int:
    """How many states a cell has; ``state_info`` is a property in ``mx.rnn``, and a method in Gluon."""
    info = cell.state_info
    return len(info if isinstance(info, list) else info())


def step_in_turn(cells: Sequence[Any], inputs: Any, states: Any) -> tuple[Any, list[Any]]:
    """One step of stacked cells: each works on the output of the one below."""
    new: list[Any] = []
    for cell, own in shares(cells, states):
        inputs, after = cell(inputs, own)
        new.extend(after)
    return inputs, new


def unroll_in_turn(
    cells: Sequence[Any],
    length: int,
    inputs: Any,
    states: Any,
    layout: str,
    merge_outputs: bool | None,
    between: bool | None = None,
    **how: Any,
) -> tuple[Any, list[Any]]:
    """Stacked cells over a sequence: each is unrolled on the outputs of the one below, merged or not as `between` says.

    `how` goes to all of them.
    """
    new: list[Any] = []
    for place, (cell, own) in enumerate(shares(cells, states)):
        merge = merge_outputs if place == len(cells) - 1 else between
        inputs, after = cell.unroll(length, inputs=inputs, begin_state=own, layout=layout, merge_outputs=merge, **how)
        new.extend(after)
    return inputs, new


def unroll_both_ways(
    F: Any,
    cells: Sequence[Any],
    length: int,
    inputs: Any,
    states: Any,
    layout: str,
    merge_outputs: bool | None,
    output_prefix: str,
) -> tuple[Any, list[Any]]:
    """One cell forwards, one backwards, their outputs concatenated; returns the states of the two apart."""
    steps = as_steps(F, length, inputs, layout)
    (left, left_states), (right, right_states) = shares(cells, states)
    l_out, l_after = left.unroll(
        length, inputs=steps, begin_state=left_states, layout=layout, merge_outputs=merge_outputs
    )
    r_out, r_after = right.unroll(
        length, inputs=steps[::-1], begin_state=right_states, layout=layout, merge_outputs=merge_outputs
    )
    if merge_outputs is None:
        merge_outputs = is_merged(l_out) and is_merged(r_out)
    if merge_outputs:
        l_out, r_out = (as_merged(F, length, out, layout) for out in (l_out, r_out))
        r_out = F.reverse(r_out, axis=layout.index("T"))
        outputs = F.Concat(l_out, r_out, dim=2, name=f"{output_prefix}out")
    else:
        l_out, r_out = (as_steps(F, length, out, layout, "SliceChannel") for out in (l_out, r_out))
        outputs = [
            F.Concat(l_step, r_step, dim=1, name=f"{output_prefix}t{t}")
            for t, (l_step, r_step) in enumerate(zip(l_out, r_out[::-1], strict=True))
        ]
    return outputs, [l_after, r_after]


def unroll_with_residual(
    F: Any, cell: Any, length: int, inputs: Any, states: Any, layout: str, merge_outputs: bool | None
) -> tuple[Any, list[Any]]:
    """A cell over a sequence, its inputs added to its outputs."""
    outputs, after = cell.unroll(length, inputs=inputs, begin_state=states, layout=layout, merge_outputs=merge_outputs)
    if is_merged(outputs):
        return add_residual(F, outputs, as_merged(F, length, inputs, layout)), after
    steps = as_steps(F, length, inputs, layout)
    return [add_residual(F, output, step) for output, step in zip(outputs, steps, strict=True)], after


def add_residual(F: Any, output: Any, inputs: Any) -> Any:
    """The sum, named after the output."""
    named = {"name": f"{output.name}_plus_residual"} if isinstance(output, Symbol) else {}
    return F.elemwise_add(output, inputs, **named)
