"""Dropout between the layers of a stack, as a cell without state."""

from __future__ import annotations

from typing import Any

from .. import symbol
from .._cells.sequences import in_form, is_merged
from ..base import expect_rate
from ..symbol import Symbol
from .cell import BaseRNNCell, RNNParams


class DropoutCell(BaseRNNCell):
    """Dropout on the inputs, in training only.

    Parameters
    ----------
    dropout : float
        Probability with which an element is zeroed.
    prefix : str
        Prefix of names.
    params : RNNParams, optional
        Not used: the cell has none.
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        self.dropout = expect_rate("DropoutCell: dropout", dropout)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """No states."""
        return []

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """The inputs with dropout, and the (no) states."""
        if self.dropout > 0:
            inputs = symbol.Dropout(data=inputs, p=self.dropout)
        return inputs, states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Dropout on the whole sequence at once where it comes merged, otherwise step by step."""
        self.reset()
        inputs = in_form(symbol, length, inputs, layout, merge_outputs)
        if is_merged(inputs):
            return self(inputs, [])
        return [self(step, [])[0] for step in inputs], []
