"""Layers on top of each other: checks of what is given, dropout between layers, autocast."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._recurrence.layout import Layout
from .._recurrence.modes import MODES
from ..base import ArgumentError, NotSupportedError, ShapeError, is_whole, one_of
from .interface import NO_MASKS, Clip, Inputs, Masks, Weights
from .layer import run_layer
from .lengths import check_form, whole
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
    if not isinstance(mode, str):
        raise ArgumentError(f"RNN: mode: expected one of {', '.join(MODES)}; got {mode!r}")
    one_of("RNN: mode", mode, MODES)
    check_size("state_size", state_size)
    check_size("num_layers", num_layers)
    if projection_size is not None:
        check_size("projection_size", projection_size)
    if projection_size is not None and mode != "lstm":
        raise ArgumentError(f"RNN: projection_size applies to mode 'lstm', not {mode!r}")
    if not isinstance(p, Real) or not 0 <= p < 1:
        raise ArgumentError(f"RNN: p: expected a rate in [0, 1); got {p!r}")
    if p and num_layers == 1 and not torch.compiler.is_compiling():
        _warn_of_idle_dropout()
    clip = _clip(mode, lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan)
    return Stack(Layout(mode, state_size, num_layers, bidirectional, projection_size), clip, p)


def check_size(name: str, size: int, least: int = 1) -> None:
    """Is it a whole number of at least `least`."""
    if not is_whole(size, least):
        raise ArgumentError(f"RNN: {name}: expected a whole number of at least {least}; got {size!r}")


def bounds_of(clip: tuple[float, float] | None, nan: bool) -> dict[str, Any]:
    """The operator's three attributes from bounds given together."""
    if clip is None:
        return {}
    if not isinstance(clip, tuple | list) or len(clip) != 2:
        raise ArgumentError(f"RNN: clip: expected two bounds (low, high), or None; got {clip!r}")
    return {"lstm_state_clip_min": clip[0], "lstm_state_clip_max": clip[1], "lstm_state_clip_nan": nan}


def _clip(mode: str, low: float | None, high: float | None, nan: bool) -> Clip | None:
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise ArgumentError("RNN: lstm_state_clip_min and lstm_state_clip_max go together; only one was given")
    if mode != "lstm":
        raise ArgumentError(f"RNN: lstm_state_clip_min and lstm_state_clip_max apply to mode 'lstm', not {mode!r}")
    if not all(isinstance(bound, Real) and not math.isnan(bound) for bound in (low, high)):
        raise ArgumentError(
            f"RNN: lstm_state_clip_min and lstm_state_clip_max: expected numbers; got {low!r}, {high!r}"
        )
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
    masks: Masks = NO_MASKS,
) -> tuple[Tensor, list[Tensor]]:
    """The outputs ``(T, N, D*R)`` and the final states of all layers; last of all what `Masks.keep_hidden` brings.

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
    masks : Masks
        Of any floating-point type, they follow the data's; for a single layer.
    """
    kind = data.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind) and data.dtype != torch.float64:
        narrow = torch.get_autocast_dtype(kind)
        data = data.to(narrow)
        weights = [[Weights(*(part.to(narrow) for part in way.present())) for way in layer] for layer in weights]
        with torch.autocast(kind, enabled=False):
            return run_stack(stack, data, weights, states, lengths, training, masks)
    states = _checked_states(stack, data, states)
    _check_weights(data, weights)
    if lengths is not None:
        check_form(lengths, data.shape[1])
        _check_device("sequence_length", lengths, data)
        # a tracer has no values; the operator that it sees looks at them when it runs
        lengths = lengths if torch.compiler.is_compiling() else whole(lengths, data.shape[0])
    num_layers, directions = stack.layout.num_layers, stack.layout.directions
    masks = _checked_masks(stack, data, masks)
    per_layer = [states] if num_layers == 1 else list(zip(*(s.split(directions) for s in states), strict=True))
    finals: list[list[Tensor]] = []
    for layer in range(num_layers):
        if layer and stack.dropout and training:
            data = torch_nn.dropout(data, stack.dropout, True)
        inputs = Inputs(data, weights[layer], list(per_layer[layer]), lengths, masks)
        data, *final = run_layer(stack.layout.mode, stack.clip, inputs)
        finals.append(final)
    return data, finals[0] if num_layers == 1 else [torch.cat(parts) for parts in zip(*finals, strict=True)]


def check_data(data: Tensor) -> None:
    """Is it a sequence of vectors of floating-point numbers. To be asked before anything is made of its shape."""
    if not isinstance(data, Tensor):
        raise ArgumentError(f"RNN: data: expected a tensor, got {type(data).__name__}")
    if data.dim() != 3:
        raise ShapeError(f"RNN: data: expected (T, N, input), got shape {tuple(data.shape)}")
    if not data.dtype.is_floating_point:
        raise ArgumentError(f"RNN: data: expected floating-point numbers, got {data.dtype}")


def _checked_states(stack: Stack, data: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """The states in the data's element type."""
    found = []
    for name, state, expected in zip(stack.state_names, states, stack.state_shapes(data.shape[1]), strict=True):
        if not isinstance(state, Tensor):
            raise ArgumentError(f"RNN: {name}: expected a tensor, got {type(state).__name__}")
        if state.shape != expected:
            raise ShapeError(f"RNN: {name}: expected shape {expected}, got {tuple(state.shape)}")
        _check_device(name, state, data)
        found.append(state if state.dtype == data.dtype else state.to(data.dtype))
    return found


def _checked_masks(stack: Stack, data: Tensor, masks: Masks) -> Masks:
    """The masks in the data's element type."""
    if not masks.present():
        return masks
    layout, (steps, batch, _) = stack.layout, data.shape
    ways, output, hidden = layout.directions, layout.output_size, layout.hidden_size
    if layout.num_layers > 1:
        raise NotSupportedError(f"RNN: {masks.present()[0]}: masks are those of one layer, not of {layout.num_layers}")
    shapes = Masks._fields, masks, ((steps, batch, ways * output), (steps, batch, ways * hidden), (ways, batch, output))
    for name, mask, expected in zip(*shapes, strict=True):
        if mask is not None and mask.shape != expected:
            raise ShapeError(f"RNN: {name}: expected shape {expected}, got {tuple(mask.shape)}")
        if mask is not None:
            _check_device(name, mask, data)
    if masks.keep_cell is not None and len(stack.state_names) == 1:
        raise ArgumentError(f"RNN: keep_cell applies to mode 'lstm', not {layout.mode!r}")
    if masks.keep_hidden is not None and masks.drop_hidden is not None:
        raise NotSupportedError("RNN: keep_hidden and drop_hidden: expected one of them; got both")
    return Masks(*(None if mask is None else mask.to(data.dtype) for mask in masks))


def _check_weights(data: Tensor, weights: Sequence[list[Weights]]) -> None:
    for each in (part for layer in weights for way in layer for part in way.present()):
        if each.dtype != data.dtype:
            raise ArgumentError(f"RNN: parameters: expected {data.dtype} as the data has, got {each.dtype}")
        _check_device("parameters", each, data)


def _check_device(name: str, tensor: Tensor, data: Tensor) -> None:
    if tensor.device != data.device:
        raise ArgumentError(f"RNN: {name}: expected it on {data.device} as the data is, got {tensor.device}")
