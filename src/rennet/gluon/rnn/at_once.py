"""Plain cells over a whole sequence of arrays in one call of the fused operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import ndarray
from ..._cells.compositions import shares
from ..._cells.sequences import as_steps, is_merged, time_axis
from ..._recurrence.modes import MODES
from ..._state import flags
from ...autograd import pause
from ...ndarray import NDArray

if TYPE_CHECKING:
    from .basic_cells import DenseCell
    from .modifier_cells import ZoneoutCell
    from .recurrent_cell import HybridRecurrentCell, RecurrentCell


class Plain(NamedTuple):
    """A plain cell, and the cell around it that lets its states stay what they were, if there is one."""

    cell: DenseCell
    zoneout: ZoneoutCell | None = None


def plain_cells(cells: Sequence[RecurrentCell], inputs: Any, layout: str) -> list[Plain] | None:
    """The cells, if what they do over these inputs is what the fused operator does, and nobody watches their steps.

    Two cells must be of one kind and size: they are the two directions.
    """
    first = inputs if is_merged(inputs) else inputs[0]
    if layout not in ("NTC", "TNC"):
        return None
    if not flags.fusing or not isinstance(first, NDArray) or len(first.shape) != (3 if first is inputs else 2):
        return None
    found = [plain for plain in map(_plain, cells) if plain is not None]
    if len(found) != len(cells) or len({_kind(plain) for plain in found}) != 1:
        return None
    return None if any(_is_watched(cell) for plain in found for cell in plain if cell is not None) else found


def _plain(cell: RecurrentCell) -> Plain | None:
    from .basic_cells import DenseCell  # which calls us
    from .modifier_cells import ZoneoutCell

    zoneout, inside = None, cell
    if isinstance(cell, ZoneoutCell) and cell._is_itself():
        zoneout, inside = cell, cell.base_cell
    return Plain(inside, zoneout) if isinstance(inside, DenseCell) and inside._fused_mode() is not None else None


def _kind(plain: Plain) -> tuple[object, ...]:
    """What two cells that are to be the two directions have in common."""
    rates = None if plain.zoneout is None else plain.zoneout.state_rates()
    masks = None if rates is None else (*(rate > 0 for rate in rates), plain.zoneout and plain.zoneout.expectation)
    return plain.cell._fused_mode(), plain.cell._hidden_size, masks


def _is_watched(cell: HybridRecurrentCell) -> bool:
    return bool(cell._forward_hooks or cell._forward_pre_hooks) or cell._op_hook is not None


def unroll_at_once(
    plain: Sequence[Plain],
    length: int,
    inputs: Any,
    states: Any,
    layout: str,
    merge_outputs: bool | None,
    lengths: NDArray | None,
    drop: NDArray | None = None,
) -> tuple[Any, list[NDArray]]:
    """The outputs in the form that ``unroll`` gives, and the last states.

    Parameters
    ----------
    plain : sequence of Plain
        One, or the cells of the two directions, from `plain_cells`.
    length, inputs, layout, merge_outputs
        As for ``unroll``; `length` has been compared with the inputs.
    states : list of NDArray
        The states before the first step, cell by cell.
    lengths : NDArray or None
        ``(N,)``, how many steps of each sequence are no padding.
    drop : NDArray or None
        ``(N, H)``, what all steps but the first of a single cell multiply the hidden state by before they read it.
    """
    cells = [each.cell for each in plain]
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
    always = any(each.zoneout is not None and each.zoneout.expectation for each in plain)
    with pause(train_mode=flags.training):
        masks = _zoneout(plain, begin, length) if flags.training or always else {}
    if drop is not None and flags.training:
        masks["drop_hidden"] = F.expand_dims(drop, axis=0)
    output, *final = F._internal._rnn_of_parts(
        data,
        *begin,
        *([] if lengths is None else [lengths]),
        *masks.values(),
        *weights,
        *biases,
        state_size=cells[0]._hidden_size,
        num_layers=1,
        bidirectional=len(cells) == 2,
        mode=mode.name,
        use_sequence_length=lengths is not None,
        masks_always=always,
        **dict.fromkeys(masks, True),
    )
    if "keep_hidden" in masks:
        output = final.pop()  # zoneout's output is the hidden state that it hands on
    after = [state[direction] for direction in range(len(cells)) for state in final]
    if merge_outputs or (merge_outputs is None and lengths is not None):
        return (F.swapaxes(output, dim1=0, dim2=1) if axis else output), after
    return as_steps(F, length, output, "TNC"), after


def _zoneout(plain: Sequence[Plain], begin: Sequence[NDArray], length: int) -> dict[str, NDArray]:
    """The masks by the fused operator's names for them, drawn in the order in which steps would draw them."""
    F, masks = ndarray, {}
    kept: list[list[NDArray]] = [[] for _ in begin]
    for direction, zoneout in enumerate(each.zoneout for each in plain):
        if zoneout is None:
            continue
        zoneout._counter = length - 1
        rates, ones = zoneout.state_rates(), [F.ones_like(state[direction]) for state in begin]
        drawn: list[list[NDArray]] = [[] for _ in begin]
        for _ in range(length):
            for own, one, rate in zip(drawn, ones, rates, strict=True):
                if rate:
                    own.append(F.Dropout(one, p=rate))
        for own, both, rate in zip(drawn, kept, rates, strict=True):
            if own:
                all_steps = F.stack(*own, axis=0)
                both.append(all_steps * (1 - rate) if zoneout.expectation else all_steps)
    for name, both in zip(("keep_hidden", "keep_cell"), kept, strict=False):
        if both:
            masks[name] = both[0] if len(both) == 1 else F.concat(*both, dim=2)
    return masks


def _stacked(states: Sequence[NDArray]) -> NDArray:
    return ndarray.stack(*states, axis=0) if len(states) > 1 else ndarray.expand_dims(states[0], axis=0)
