"""Plain cells over a whole sequence of arrays in one call of the fused operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ... import ndarray
from ..._cells.compositions import shares
from ..._cells.sequences import as_steps, is_merged, time_axis
from ..._recurrence.modes import MODES
from ..._state import flags
from ...ndarray import NDArray

if TYPE_CHECKING:
    from .basic_cells import DenseCell
    from .recurrent_cell import RecurrentCell


def plain_cells(cells: Sequence[RecurrentCell], inputs: Any, layout: str) -> list[DenseCell] | None:
    """The cells, if what they do over these inputs is what the fused operator does, and nobody watches their steps.

    Two cells must be of one kind and size: they are the two directions.
    """
    from .basic_cells import DenseCell  # which calls us

    first = inputs if is_merged(inputs) else inputs[0]
    if layout not in ("NTC", "TNC"):
        return None
    if not flags.fusing or not isinstance(first, NDArray) or len(first.shape) != (3 if first is inputs else 2):
        return None
    found = [cell for cell in cells if isinstance(cell, DenseCell) and cell._fused_mode() is not None]
    if len(found) != len(cells) or len({(cell._fused_mode(), cell._hidden_size) for cell in found}) != 1:
        return None
    return None if any(_is_watched(cell) for cell in found) else found


def _is_watched(cell: DenseCell) -> bool:
    return bool(cell._forward_hooks or cell._forward_pre_hooks) or cell._op_hook is not None


def unroll_at_once(
    cells: Sequence[DenseCell],
    length: int,
    inputs: Any,
    states: Any,
    layout: str,
    merge_outputs: bool | None,
    lengths: NDArray | None,
) -> tuple[Any, list[NDArray]]:
    """The outputs in the form that ``unroll`` gives, and the last states.

    Parameters
    ----------
    cells : sequence of DenseCell
        One, or the cells of the two directions, from `plain_cells`.
    length, inputs, layout, merge_outputs
        As for ``unroll``; `length` has been compared with the inputs.
    states : list of NDArray
        The states before the first step, cell by cell.
    lengths : NDArray or None
        ``(N,)``, how many steps of each sequence are no padding.
    """
    F, mode, axis = ndarray, MODES[cells[0]._fused_mode() or ""], time_axis(layout)
    if is_merged(inputs):
        data = F.swapaxes(inputs, dim1=0, dim2=1) if axis else inputs
    else:
        data = F.stack(*inputs, axis=0)
    given = [state for _, own in shares(cells, states) for state in own]
    begin = [_stacked(given[place :: mode.states]) for place in range(mode.states)]
    weights: list[NDArray] = []
    biases: list[NDArray] = []
    for cell, own in shares(cells, given):
        parts = cell._parameters_for(data.context, data[0], own)
        cell._counter = length - 1
        weights += [parts["i2h_weight"], parts["h2h_weight"]]
        biases += [parts["i2h_bias"], parts["h2h_bias"]]
    output, *final = F._internal._rnn_of_parts(
        data,
        *begin,
        *([] if lengths is None else [lengths]),
        *weights,
        *biases,
        state_size=cells[0]._hidden_size,
        num_layers=1,
        bidirectional=len(cells) == 2,
        mode=mode.name,
        use_sequence_length=lengths is not None,
    )
    after = [state[direction] for direction in range(len(cells)) for state in final]
    if merge_outputs or (merge_outputs is None and lengths is not None):
        return (F.swapaxes(output, dim1=0, dim2=1) if axis else output), after
    return as_steps(F, length, output, "TNC"), after


def _stacked(states: Sequence[NDArray]) -> NDArray:
    return ndarray.stack(*states, axis=0) if len(states) > 1 else ndarray.expand_dims(states[0], axis=0)
