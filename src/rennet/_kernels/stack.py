"""Layers on top of each other: checks of what is given, dropout between layers, autocast."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._recurrence.layout import Layout
from .._recurrence.modes import MODES
from ..base import ArgumentError, ShapeError, one_of
from .interface import Clip, Inputs, Weights
from .layer import is_transformed, run_layer
from .remembered import remembered


class Stack(NamedTuple):
    """What a fused RNN is, but for its parameters."""

    layout: Layout
    clip: Clip | None
    dropout: float

    @property
    def state_names(self) -> tuple[str, ...]:
        """``state`` and, for an LSTM, ``state_cell``."""
        return ("state", "state_cell")[: MODES[self.layout.mode].states]

    def state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        """Of each state, all layers and directions together."""
        layout = self.layout
        stacked = layout.num_layers * layout.directions
        return [(stacked, batch, width) for width in (layout.output_size, layout.hidden_size)[: len(self.state_names)]]


@remembered
def stack_of(
    mode: str,
    state_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    p: float = 0.0,
    projection_size: int | None = None,
    lstm_state_clip_min: float | None = None,
    lstm_state_clip_max: float | None = None,
    lstm_state_clip_nan: bool = False,
) -> Stack:
    """A checked stack; the arguments are the attributes of the ``RNN`` operator, and errors name them."""
    one_of("RNN: mode", mode, MODES)
    for name, size in (("state_size", state_size), ("num_layers", num_layers), ("projection_size", projection_size)):
        if size is not None and size < 1:
            raise ArgumentError(f"RNN: {name}: expected at least 1; got {size}")
    if projection_size is not None and mode != "lstm":
        raise ArgumentError(f"RNN: projection_size applies to mode 'lstm', not {mode!r}")
    if not 0 <= p < 1:
        raise ArgumentError(f"RNN: p: expected a rate in [0, 1); got {p}")
    if p and num_layers == 1 and not torch.compiler.is_compiling():
        _warn_of_idle_dropout()
    clip = _clip(mode, lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan)
    return Stack(Layout(mode, state_size, num_layers, bidirectional, projection_size), clip, p)


def _clip(mode: str, low: float | None, high: float | None, nan: bool) -> Clip | None:
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise ArgumentError("RNN: lstm_state_clip_min and lstm_state_clip_max go together; only one was given")
    if mode != "lstm":
        raise ArgumentError(f"RNN: lstm_state_clip_min and lstm_state_clip_max apply to mode 'lstm', not {mode!r}")
    if math.isnan(low) or math.isnan(high):
        raise ArgumentError(f"RNN: lstm_state_clip_min and lstm_state_clip_max: expected numbers; got {low}, {high}")
    if low > high:
        raise ArgumentError(f"RNN: lstm_state_clip_min {low} is above lstm_state_clip_max {high}")
    return Clip(low, high, nan)


@functools.cache
def _warn_of_idle_dropout() -> None:
    warnings.warn("RNN: p: dropout lies between layers, and there is only one: it has no effect", stacklevel=2)


def run_stack(
    stack: Stack,
    data: Tensor,
    weights: Sequence[list[Weights]],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    training: bool,
) -> tuple[Tensor, list[Tensor]]:
    """The outputs ``(T, N, D*R)`` and the final states of all layers.

    Parameters
    ----------
    stack : Stack
        What to run.
    data : Tensor
        ``(T, N, I)``, which `check_data` let pass.
    weights : sequence of list of Weights
        For each layer, for each direction; in the data's element type.
    states : sequence of Tensor
        In the shapes of `Stack.state_shapes`; any floating-point type, they follow the data's.
    lengths : Tensor or None
        ``(N,)``, whole numbers in ``[0, T]`` of any element type.
    training : bool
        Whether to drop outputs between layers.
    """
    kind = data.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind) and data.dtype != torch.float64:
        narrow = torch.get_autocast_dtype(kind)
        data = data.to(narrow)
        weights = [[Weights(*(part.to(narrow) for part in way.present())) for way in layer] for layer in weights]
        with torch.autocast(kind, enabled=False):
            return run_stack(stack, data, weights, states, lengths, training)
    states = _checked_states(stack, data, states)
    _check_weights(data, weights)
    if lengths is not None:
        lengths = _checked_lengths(data, lengths)
    num_layers, directions = stack.layout.num_layers, stack.layout.directions
    per_layer = [states] if num_layers == 1 else list(zip(*(s.split(directions) for s in states), strict=True))
    finals: list[list[Tensor]] = []
    for layer in range(num_layers):
        if layer and stack.dropout and training:
            data = torch_nn.dropout(data, stack.dropout, True)
        inputs = Inputs(data, weights[layer], list(per_layer[layer]), lengths)
        data, *final = run_layer(stack.layout.mode, stack.clip, inputs)
        finals.append(final)
    return data, finals[0] if num_layers == 1 else [torch.cat(parts) for parts in zip(*finals, strict=True)]


def check_data(data: Tensor) -> None:
    """Is it a sequence of vectors of floating-point numbers. To be asked before anything is made of its shape."""
    if data.dim() != 3:
        raise ShapeError(f"RNN: data: expected (T, N, input), got shape {tuple(data.shape)}")
    if not data.dtype.is_floating_point:
        raise ArgumentError(f"RNN: data: expected floating-point numbers, got {data.dtype}")


def _checked_states(stack: Stack, data: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """The states in the data's element type."""
    found = []
    for name, state, expected in zip(stack.state_names, states, stack.state_shapes(data.shape[1]), strict=True):
        if state.shape != expected:
            raise ShapeError(f"RNN: {name}: expected shape {expected}, got {tuple(state.shape)}")
        _check_device(name, state, data)
        found.append(state if state.dtype == data.dtype else state.to(data.dtype))
    return found


def _check_weights(data: Tensor, weights: Sequence[list[Weights]]) -> None:
    for each in weights[0][0].present():
        if each.dtype != data.dtype:
            raise ArgumentError(f"RNN: parameters: expected {data.dtype} as the data has, got {each.dtype}")
        _check_device("parameters", each, data)


def _checked_lengths(data: Tensor, lengths: Tensor) -> Tensor:
    """The lengths as int64 on the data's device."""
    steps, batch = data.shape[:2]
    if lengths.shape != (batch,):
        raise ShapeError(f"RNN: sequence_length: expected shape ({batch},), got {tuple(lengths.shape)}")
    _check_device("sequence_length", lengths, data)
    whole = lengths.to(torch.int64)
    # a tracer or a transform has no values to look at
    if batch and not (torch.compiler.is_compiling() or is_transformed() or lengths.is_meta):
        wrong = (whole < 0) | (whole > steps) | (whole != lengths)
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ArgumentError(
                f"RNN: sequence_length: expected whole numbers in [0, {steps}], got {lengths[row].item()} in row {row}"
            )
    return whole


def _check_device(name: str, tensor: Tensor, data: Tensor) -> None:
    if tensor.device != data.device:
        raise ArgumentError(f"RNN: {name}: expected it on {data.device} as the data is, got {tensor.device}")
