"""Dropout whose masks stay the same for a whole sequence."""

from __future__ import annotations

from typing import Any

from ...._cells.sequences import as_merged, in_form, time_axis
from ....base import NotSupportedError, expect_rate
from ...rnn.containers import BidirectionalCell
from ...rnn.modifier_cells import Remembering
from ...rnn.recurrent_cell import HybridRecurrentCell, begin_of, world_of

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
