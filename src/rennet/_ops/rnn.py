"""The fused ``RNN`` operator: layers stacked over the door to the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._kernels.door import run as run_layer
from .._kernels.interface import Clip, Problem, Weights
from .._recurrence.layout import Layout
from ..base import ArgumentError, ShapeError
from .inference import Attrs, Known, unify
from .registry import IsTraining, Operator, operator


def layout_of(attrs: Mapping[str, Any]) -> Layout:
    """The parameter layout that an RNN operator's attributes describe."""
    return Layout(
        attrs["mode"], attrs["state_size"], attrs["num_layers"], attrs["bidirectional"], attrs["projection_size"]
    )


def _inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    names = ["data", "parameters", "state"]
    if attrs["mode"] == "lstm":
        names.append("state_cell")
    if attrs["use_sequence_length"]:
        names.append("sequence_length")
    return names


def _outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    if not attrs["state_outputs"]:
        return ("output",)
    return ("output", "state_output", "statecell_output") if attrs["mode"] == "lstm" else ("output", "state_output")


def _shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    layout = layout_of(attrs)
    names = _inputs(attrs)
    known = dict(zip(names, ins, strict=True))
    stacked = layout.num_layers * layout.directions
    output = outs[0]
    data = unify(known["data"], (None, None, None))
    data = unify(data, None if output is None else (*output[:2], None))
    batch = None if data is None else data[1]
    known["state"] = unify(known["state"], (stacked, batch, layout.output_size))
    if "state_cell" in known:
        known["state_cell"] = unify(known["state_cell"], (stacked, batch, layout.hidden_size))
    for name in ("state", "state_cell"):
        state = known.get(name)
        if batch is None and state is not None:
            batch = state[1]
    data = unify(data, (None, batch, None))
    known["data"] = data
    if data is not None and data[2] is not None:
        known["parameters"] = unify(known["parameters"], (layout.size(data[2]),))
    if "sequence_length" in known:
        known["sequence_length"] = unify(known["sequence_length"], (batch,))
    output = unify(output, (None if data is None else data[0], batch, layout.directions * layout.output_size))
    results = [output, known["state"], known.get("state_cell")]
    return [known[name] for name in names], results[: len(outs)]


def _clip(attrs_min: float | None, attrs_max: float | None, nan: bool, mode: str) -> Clip | None:
    if attrs_min is None and attrs_max is None:
        return None
    if attrs_min is None or attrs_max is None:
        raise ArgumentError("RNN: lstm_state_clip_min and lstm_state_clip_max go together; only one was given")
    if mode != "lstm":
        raise ArgumentError(f"RNN: lstm_state_clip_min and lstm_state_clip_max apply to mode 'lstm', not {mode!r}")
    if attrs_min > attrs_max:
        raise ArgumentError(f"RNN: lstm_state_clip_min {attrs_min} is above lstm_state_clip_max {attrs_max}")
    return Clip(attrs_min, attrs_max, nan)


def _weights(parameters: Tensor, layout: Layout, input_size: int) -> list[list[Weights]]:
    """The vector cut into each layer's, in it each direction's parameters."""
    slots = list(layout.slots(input_size))
    total = sum(slot.size for slot in slots)
    if parameters.dim() != 1 or parameters.numel() != total:
        raise ShapeError(
            f"RNN: parameters: expected a vector of {total} for {layout} with input size {input_size}, "
            f"got shape {tuple(parameters.shape)}"
        )
    # one split, not many slices: its gradient is one concatenation
    parts = parameters.split([slot.size for slot in slots])
    table: dict[tuple[int, int], dict[str, Tensor]] = {}
    for slot, part in zip(slots, parts, strict=True):
        table.setdefault((slot.layer, slot.direction), {})[f"{slot.group}_{slot.kind}"] = part.view(slot.shape)
    return [
        [Weights(**table[layer, direction]) for direction in range(layout.directions)]
        for layer in range(layout.num_layers)
    ]


@operator("RNN", active=_inputs, outputs=_outputs, infer=_shapes)
def rnn(
    data: Tensor,
    parameters: Tensor,
    state: Tensor,
    state_cell: Tensor | None = None,
    sequence_length: Tensor | None = None,
    *,
    state_size: int,
    num_layers: int,
    bidirectional: bool = False,
    mode: Literal["rnn_relu", "rnn_tanh", "lstm", "gru"],
    p: float = 0.0,
    state_outputs: bool = False,
    projection_size: int | None = None,
    lstm_state_clip_min: float | None = None,
    lstm_state_clip_max: float | None = None,
    lstm_state_clip_nan: bool = False,
    use_sequence_length: bool = False,
    training: IsTraining,
) -> Tensor | tuple[Tensor, ...]:
    """Layers of an RNN, LSTM or GRU over a sequence.

    `data` is ``(T, N, input)``, `parameters` the flat vector described in `rennet._recurrence.layout`, `state` and
    `state_cell` are ``(num_layers*directions, N, state_size)``. The output is ``(T, N, directions*state_size)``,
    followed with `state_outputs` by the final states. `p` drops outputs between layers, in training.

    The LSTM is Hochreiter & Schmidhuber's (1997) with forget gates; the GRU is Cho et al.'s (2014) in cuDNN's variant,
    in which the reset gate acts after the hidden projection.
    """
    layout = Layout(mode, state_size, num_layers, bidirectional, projection_size)
    clip = _clip(lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan, mode)
    if projection_size and mode != "lstm":
        raise ArgumentError(f"RNN: projection_size applies to mode 'lstm', not {mode!r}")
    if not 0 <= p < 1:
        raise ArgumentError(f"RNN: p: expected a rate in [0, 1); got {p}")
    if data.dim() != 3:
        raise ShapeError(f"RNN: data: expected (T, N, input), got shape {tuple(data.shape)}")
    states = [state] if state_cell is None else [state, state_cell]
    widths = (layout.output_size, state_size)
    for name, given, width in zip(("state", "state_cell"), states, widths, strict=False):
        expected = (num_layers * layout.directions, data.shape[1], width)
        if given.shape != expected:
            raise ShapeError(f"RNN: {name}: expected shape {expected}, got {tuple(given.shape)}")
    lengths = sequence_length.long() if sequence_length is not None else None
    needs_grad = torch.is_grad_enabled() and any(x.requires_grad for x in (data, parameters, *states))
    weights = _weights(parameters, layout, data.shape[2])
    per_layer = [s.split(layout.directions) for s in states]
    finals: list[list[Tensor]] = []
    for layer in range(num_layers):
        if layer and p and training:
            data = torch_nn.dropout(data, p, True)
        problem = Problem(
            mode,
            layout.directions,
            data.shape[0],
            data.shape[1],
            data.shape[2],
            state_size,
            projection_size,
            clip,
            lengths is not None,
            data.dtype,
            data.device,
            needs_grad,
        )
        data, final = run_layer(problem, data, weights[layer], [s[layer] for s in per_layer], lengths)
        finals.append(final)
    if not state_outputs:
        return data
    return data, *(parts[0] if num_layers == 1 else torch.cat(parts) for parts in zip(*finals, strict=True))
