"""What the plain and the convolutional cells have in common: four parameters and a row of the table of recurrences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._cells.gated import CellWeights
from .._cells.states import expect_states
from .._recurrence.modes import MODES
from ..base import expect, expect_whole
from ..symbol import Symbol
from . import spelling
from .cell import BaseRNNCell, RNNParams


class GatedCell(BaseRNNCell):
    """A cell whose step is a row of the table of recurrences over two projections."""

    _mode = MODES["rnn_tanh"]
    _spelling = spelling.ELMAN

    def __init__(
        self, num_hidden: int, prefix: str, params: RNNParams | None, initializers: CellWeights | None = None
    ) -> None:
        expect_whole(f"{type(self).__name__}: num_hidden", num_hidden, 1)
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        for name in CellWeights._fields:
            init = getattr(initializers, name, None)
            self._params.get(name, **({} if init is None else {"init": init}))

    # looked up anew each time: a container may have given the cell other parameters
    _iW = property(lambda self: self._params.get("i2h_weight"))  # noqa: N815
    _iB = property(lambda self: self._params.get("i2h_bias"))  # noqa: N815
    _hW = property(lambda self: self._params.get("h2h_weight"))  # noqa: N815
    _hB = property(lambda self: self._params.get("h2h_bias"))  # noqa: N815

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return self._mode.gates

    @property
    def _gate_rows(self) -> int:
        return self._num_hidden

    @property
    def _num_gates(self) -> int:
        return self._mode.num_gates

    def _begin_step(self, states: Any) -> tuple[list[Symbol], CellWeights, str]:
        """The states as a list, the parameters, and the prefix of the step's names."""
        self._expect_bare()
        states = expect_states(type(self).__name__, states, self._mode.states)
        self._counter += 1
        return states, CellWeights(self._iW, self._iB, self._hW, self._hB), f"{self._prefix}t{self._counter}_"


def expect_activation(owner: str, activation: Any) -> Any:
    """The activation, if it is a name or can be called."""
    mend = "such as 'tanh' or 'relu', or a function of a symbol"
    return expect(f"{owner}: activation", activation, (str, Callable), "a name or something that can be called", mend)
