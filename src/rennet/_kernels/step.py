"""Single steps, as a decoder makes them: nothing is prepared that only many steps would pay for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .door import candidates
from .interface import Inputs, Weights
from .layer import run_layer

_CELLS: dict[str, Any] = {
    "lstm": torch.lstm_cell,
    "gru": torch.gru_cell,
    "rnn_tanh": torch.rnn_tanh_cell,
    "rnn_relu": torch.rnn_relu_cell,
}

_FEW_ROWS = 16
"""Up to so many sequences the native kernels read the weights of gates as they stand, and faster than torch."""


def run_step(mode: str, data: Tensor, states: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    """The states after one step, of which the first is the output.

    Parameters
    ----------
    mode : str
        Which recurrence.
    data : Tensor
        ``(N, I)``.
    states : sequence of Tensor
        The hidden state ``(N, H)`` and, for an LSTM, the cell state ``(N, H)``.
    weights : Weights
        Those of one direction, without a projection.
    """
    if not _by_torch(mode, data, states, weights):
        begin = [state[None] for state in states]
        _, *final = run_layer(mode, None, Inputs(data[None], [weights], begin, None))
        # no views: who runs operators copies those, and an output that is a state too would become two
        return [state[0].clone() for state in final]
    given = tuple(states) if len(states) > 1 else states[0]
    after = _CELLS[mode](data, given, weights.i2h_weight, weights.h2h_weight, weights.i2h_bias, weights.h2h_bias)
    return list(after) if len(states) > 1 else [after]


def _by_torch(mode: str, data: Tensor, states: Sequence[Tensor], weights: Weights) -> bool:
    """Do torch's cells compute it, rather than whichever backend the door chooses for one step."""
    allowed = candidates()
    if len(allowed) == 1:
        return allowed[0].name == "torch"
    if data.device.type != "cpu" or mode.startswith("rnn") or len(data) > _FEW_ROWS:
        return True
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (data, *states, *weights.present()))
