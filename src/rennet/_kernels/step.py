"""Single steps, as a decoder makes them: nothing is prepared that only many steps would pay for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._recurrence.modes import MODES
from ..base import ArgumentError, ShapeError
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


def run_step(mode: str, data: Tensor, states: Sequence[Tensor], weights: Weights, owner: str = "step") -> list[Tensor]:
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
    owner : str
        Whose step it is, for messages.

    Raises
    ------
    ShapeError
        If shapes do not fit each other.
    ArgumentError
        If element types or devices are not those of the data.
    """
    _expect_weights(owner, mode, data, weights)
    expect_states_like(owner, data, states, weights.h2h_weight.shape[1])
    if not _by_torch(mode, data, states, weights):
        begin = [state[None] for state in states]
        _, *final = run_layer(mode, None, Inputs(data[None], [weights], begin, None))
        # no views: who runs operators copies those, and an output that is a state too would become two
        return [state[0].clone() for state in final]
    given = tuple(states) if len(states) > 1 else states[0]
    after = _CELLS[mode](data, given, weights.i2h_weight, weights.h2h_weight, weights.i2h_bias, weights.h2h_bias)
    return list(after) if len(states) > 1 else [after]


def expect_states_like(owner: str, data: Tensor, states: Sequence[Tensor], hidden: int) -> None:
    """Are the states ``(N, hidden)``, of the data's element type and where it is."""
    expected = data.shape[0], hidden
    for place, state in enumerate(states):
        if state.shape != expected:
            raise ShapeError(
                f"{owner}: states[{place}]: expected shape {expected} for inputs of shape {tuple(data.shape)}, "
                f"got {tuple(state.shape)}"
            )
        if state.dtype != data.dtype or state.device != data.device:
            _expect_alike(f"{owner}: states[{place}]", state, data)


def _expect_weights(owner: str, mode: str, data: Tensor, weights: Weights) -> None:
    hidden = weights.h2h_weight.shape[-1]
    given, inside = data.shape, weights.i2h_weight.shape[-1]
    if len(given) != 2 or given[1] != inside:
        shape = tuple(weights.i2h_weight.shape)
        raise ShapeError(
            f"{owner}: inputs: expected shape (N, {inside}) for i2h_weight of shape {shape}, got {tuple(given)}"
        )
    found = weights.i2h_weight, weights.h2h_weight, weights.i2h_bias, weights.h2h_bias
    rows = MODES[mode].num_gates * hidden
    expected = (rows, inside), (rows, hidden), (rows,), (rows,)
    for name, part, shape in zip(Weights._fields, found, expected, strict=False):
        if part.shape != shape:
            raise ShapeError(f"{owner}: {name}: expected shape {shape}, got {tuple(part.shape)}")
        if part.dtype != data.dtype or part.device != data.device:
            _expect_alike(f"{owner}: {name}", part, data)


def _expect_alike(what: str, tensor: Tensor, data: Tensor) -> None:
    if tensor.device != data.device:
        raise ArgumentError(f"{what}: expected it on {data.device} as the inputs are, got {tensor.device}")
    # under autocast torch makes them alike itself
    if not torch.is_autocast_enabled(data.device.type):
        raise ArgumentError(
            f"{what}: expected {data.dtype} as the inputs have, got {tensor.dtype}; inputs, states and parameters "
            "must have one type: arrays take another by astype, a cell's parameters by cast"
        )


def _by_torch(mode: str, data: Tensor, states: Sequence[Tensor], weights: Weights) -> bool:
    """Do torch's cells compute it, rather than whichever backend the door chooses for one step."""
    allowed = candidates()
    if len(allowed) == 1:
        return allowed[0].name == "torch"
    if torch.is_autocast_enabled(data.device.type):
        return True
    if data.device.type != "cpu" or mode.startswith("rnn") or len(data) > _FEW_ROWS:
        return True
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (data, *states, *weights.present()))
