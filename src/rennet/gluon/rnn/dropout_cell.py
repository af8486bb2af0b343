"""Dropout between the layers of a stack, as a cell without state."""

from __future__ import annotations

from typing import Any

from ..._cells.lengths import as_lengths, masked
from ..._cells.sequences import in_form, is_merged
from ...base import ArgumentError, expect_rate, is_whole
from ..parameter_dict import ParameterDict
from .recurrent_cell import HybridRecurrentCell, listed, rows_of, world_of

__all__ = ["DropoutCell"]


class DropoutCell(HybridRecurrentCell):
    """Dropout on the inputs, in training only.

    Parameters
    ----------
    rate : float
        Probability with which an element is zeroed.
    axes : tuple of int
        Axes along which all elements share one decision. Where a whole sequence is unrolled in one array, they are the
        array's, so that ``axes=(1,)`` with the layout NTC decides once for all steps.
    prefix : str, optional
        Prefix of names; ``dropout0_`` and so on by default.
    params : ParameterDict, optional
        Not used: the cell has none.
    """

    def __init__(
        self,
        rate: float,
        axes: tuple[int, ...] = (),
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_rate("DropoutCell: rate", rate)
        if not isinstance(axes, list | tuple) or not all(is_whole(axis, 0) for axis in axes):
            raise ArgumentError(f"DropoutCell: axes: expected a tuple of whole numbers, got {axes!r}")
        super().__init__(prefix=prefix, params=params)
        self._rate, self._axes = rate, axes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rate={self._rate}, axes={self._axes})"

    def _alias(self) -> str:
        return "dropout"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """No states."""
        return []

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The inputs with dropout, and the states as they came."""
        return self._dropped(F, inputs, f"t{self._counter}_fwd"), states

    def _dropped(self, F: Any, inputs: Any, name: str) -> Any:
        return F.Dropout(data=inputs, p=self._rate, axes=self._axes, name=name) if self._rate > 0 else inputs

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Dropout on the whole sequence at once where it comes merged, otherwise step by step."""
        self.reset()
        F = world_of(inputs)
        inputs = in_form(F, length, inputs, layout, merge_outputs, stacked=True)
        if not is_merged(inputs):
            return super().unroll(length, inputs, begin_state, layout, merge_outputs, valid_length)
        with self.name_scope():
            outputs = self._dropped(F, inputs, "fwd")
        lengths = as_lengths(length, valid_length, inputs, rows_of(inputs, layout))
        if lengths is not None:
            outputs = masked(F, length, outputs, layout, lengths)
        return outputs, [] if begin_state is None else listed(begin_state)
