"""Dropout whose masks stay the same for a whole sequence."""

from __future__ import annotations

from typing import Any

from .... import ndarray
from ...._cells.lengths import as_lengths
from ...._cells.sequences import as_merged, expect_steps, in_form, is_merged, time_axis
from ...._state import flags
from ....base import NotSupportedError, expect_rate
from ....ndarray import NDArray
from ...rnn.at_once import Plain, plain_cells, unroll_at_once
from ...rnn.containers import BidirectionalCell
from ...rnn.modifier_cells import Remembering
from ...rnn.recurrent_cell import HybridRecurrentCell, begin_of, rows_of, world_of

__all__ = ["VariationalDropoutCell"]


class VariationalDropoutCell(Remembering):
    """Dropout on a cell's inputs, hidden state and outputs in training, with one mask each for all steps of a sequence.

    `unroll` draws new masks. Where the cell is stepped, the first step draws them, and they stay until `reset`.

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The cell inside; a bidirectional one cannot have `drop_states`: wrap the cells in it.
    drop_inputs, drop_states, drop_outputs : float
        Probabilities with which an element is zeroed of the inputs, of the first state before a step, of the outputs.

    Notes
    -----
    Gal & Ghahramani, A Theoretically Grounded Application of Dropout in Recurrent Neural Networks, 2016.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.contrib.rnn.VariationalDropoutCell(mx.gluon.rnn.RNNCell(4), drop_inputs=0.5)
    >>> cell.initialize(mx.init.One())
    >>> with mx.autograd.train_mode():
    ...     outputs, _ = cell.unroll(2, mx.nd.ones((1, 2, 3)), begin_state=mx.nd.zeros((1, 4)))
    >>> cell, outputs.shape
    (VariationalDropoutCell(p_out = 0.0, p_state = 0.0), (1, 2, 4))
    """

    _memory = ("drop_inputs_mask", "drop_states_mask", "drop_outputs_mask")
    drop_inputs_mask: Any
    drop_states_mask: Any
    drop_outputs_mask: Any

    def __init__(
        self,
        base_cell: HybridRecurrentCell,
        drop_inputs: float = 0.0,
        drop_states: float = 0.0,
        drop_outputs: float = 0.0,
    ) -> None:
        rates = {"drop_inputs": drop_inputs, "drop_states": drop_states, "drop_outputs": drop_outputs}
        for name, rate in rates.items():
            expect_rate(f"VariationalDropoutCell: {name}", rate)
        if drop_states and isinstance(base_cell, BidirectionalCell):
            raise NotSupportedError(
                "VariationalDropoutCell: drop_states: a BidirectionalCell cannot be stepped; wrap the cells inside it "
                "instead"
            )
        super().__init__(base_cell)
        self.drop_inputs, self.drop_states, self.drop_outputs = drop_inputs, drop_states, drop_outputs

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p_out = {self.drop_outputs}, p_state = {self.drop_states})"

    def _alias(self) -> str:
        return "vardrop"

    def _mask(self, F: Any, what: str, rate: float, like: Any) -> Any:
        """The sequence's mask, drawn if there is none yet."""
        mask = self._remembered(f"{what}_mask", like)
        if mask is None:
            mask = F.Dropout(F.ones_like(like), p=rate)
            setattr(self, f"{what}_mask", mask)
        return mask

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        if self.drop_states:
            states = [states[0] * self._mask(F, "drop_states", self.drop_states, states[0]), *states[1:]]
        if self.drop_inputs:
            inputs = inputs * self._mask(F, "drop_inputs", self.drop_inputs, inputs)
        output, states = self.base_cell(inputs, states)
        if self.drop_outputs:
            output = output * self._mask(F, "drop_outputs", self.drop_outputs, output)
        return output, states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """See `RecurrentCell.unroll`; merged outputs come naturally unless there are `drop_states`."""
        plain = plain_cells([self.base_cell], inputs, layout) if self.drop_states and self._is_itself() else None
        if plain is not None and plain[0].zoneout is None:
            return self._unroll_at_once(plain, length, inputs, begin_state, layout, merge_outputs, valid_length)
        if self.drop_states:
            return super().unroll(length, inputs, begin_state, layout, merge_outputs, valid_length)
        self.reset()
        F = world_of(inputs)
        inputs = as_merged(F, length, inputs, layout, stacked=True)
        states = begin_of(self, F, begin_state, inputs, layout)
        axes = (time_axis(layout),)
        if self.drop_inputs:
            inputs = F.Dropout(inputs, p=self.drop_inputs, axes=axes)
        how: dict[str, Any] = {"layout": layout, "merge_outputs": True}
        if valid_length is not None:
            how["valid_length"] = valid_length
        with self._laid_bare() as cell:
            outputs, states = cell.unroll(length, inputs=inputs, begin_state=states, **how)
        if self.drop_outputs:
            outputs = F.Dropout(outputs, p=self.drop_outputs, axes=axes)
        return in_form(F, length, outputs, layout, merge_outputs), states

    def _is_itself(self) -> bool:
        """Does it do what this class does, is nobody watching, and no subclass or attribute does something else."""
        names = ("__call__", "forward", "hybrid_forward", "_mask")
        ours = all(getattr(type(self), name) is getattr(VariationalDropoutCell, name) for name in names)
        is_watched = self._forward_hooks or self._forward_pre_hooks or self._op_hook is not None
        return ours and not is_watched and not self.__dict__.keys() & set(names)

    def _unroll_at_once(
        self,
        plain: list[Plain],
        length: int,
        inputs: Any,
        begin_state: Any,
        layout: str,
        merge_outputs: bool | None,
        valid_length: Any,
    ) -> tuple[Any, list[Any]]:
        """`unroll` of arrays around a plain cell, in one call of the fused operator."""
        self.reset()
        F, axis = ndarray, time_axis(layout)
        expect_steps(length, inputs, layout)
        states = begin_of(self, F, begin_state, inputs, layout)
        first = inputs if is_merged(inputs) else inputs[0]
        lengths = as_lengths(length, valid_length, first, rows_of(inputs, layout))
        self._counter = length - 1
        # masks are drawn in the order in which the first step draws them; in inference they are ones
        drop = self._mask(F, "drop_states", self.drop_states, states[0])
        begin = [states[0] * drop, *states[1:]] if flags.training else states
        data = as_merged(F, length, inputs, layout, stacked=True)
        if self.drop_inputs:
            step = F.slice_axis(inputs, axis=axis, begin=0, end=1).squeeze(axis) if first is inputs else first
            data = _times(data, self._mask(F, "drop_inputs", self.drop_inputs, step), axis)
        with self._laid_bare():
            outputs, after = unroll_at_once(plain, length, data, begin, layout, True, lengths, drop)
        if self.drop_outputs:
            outputs = _times(outputs, self._mask(F, "drop_outputs", self.drop_outputs, states[0]), axis)
        if lengths is not None:
            # a sequence without a step keeps the state that it was given
            after[0] = F.where(lengths > 0, after[0], states[0])
            merge_outputs = True if merge_outputs is None else merge_outputs
        return in_form(F, length, outputs, layout, bool(merge_outputs)), after


def _times(sequence: NDArray, mask: NDArray, axis: int) -> NDArray:
    """A sequence, whose time axis is `axis`, with one mask for all steps; in inference it stays as it is."""
    return ndarray.broadcast_mul(sequence, ndarray.expand_dims(mask, axis=axis)) if flags.training else sequence
