"""The fused ``RNN`` operator: layers stacked over the door to the kernels."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from .._kernels.interface import Masks, Weights
from .._kernels.remembered import remembered
from .._kernels.stack import Stack, check_data, run_stack, stack_of
from .._kernels.step import run_step
from .._recurrence.layout import Layout, Slot
from .._recurrence.modes import MODES
from ..base import ArgumentError, ShapeError
from .inference import Attrs, Known, unify
from .registry import IsTraining, Operator, operator

_OF_THE_STACK = tuple(inspect.signature(stack_of).parameters)


def _stack(attrs: Mapping[str, Any]) -> Stack:
    """What the attributes describe; raises if they make no sense."""
    return stack_of(**{name: attrs[name] for name in _OF_THE_STACK})


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
    layout = _stack(attrs).layout
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


def _types(attrs: Attrs, ins: list[Any]) -> tuple[list[Any], list[Any]]:
    """States and parameters follow the data; lengths are whole numbers, which a half would not hold."""
    kind = ins[0]
    names = _inputs(attrs)
    found = [kind if own is None and name != "sequence_length" else own for name, own in zip(names, ins, strict=True)]
    return found, [kind] * len(_outputs(attrs))


class _Cuts(NamedTuple):
    """How a flat vector is cut, worked out once for each layout and input size."""

    slots: list[Slot]
    total: int
    sizes: list[int]
    shapes: list[tuple[int, ...] | None]
    """Of the matrices; None for a bias, which is a vector already."""
    places: list[list[list[int]]]
    """For each layer and direction, which parts make its `Weights`, in order."""


@remembered
def _cuts(layout: Layout, input_size: int) -> _Cuts:
    slots = list(layout.slots(input_size))
    at = {(slot.layer, slot.direction, slot.field): place for place, slot in enumerate(slots)}
    places = [
        [
            [at[layer, direction, field] for field in Weights._fields if (layer, direction, field) in at]
            for direction in range(layout.directions)
        ]
        for layer in range(layout.num_layers)
    ]
    return _Cuts(
        slots,
        slots[-1].offset + slots[-1].size,
        [slot.size for slot in slots],
        [slot.shape if slot.kind == "weight" else None for slot in slots],
        places,
    )


def cut(parameters: Tensor, layout: Layout, input_size: int) -> list[list[Weights]]:
    """The flat vector as each layer's, in it each direction's parameters; nothing is copied."""
    _, total, sizes, shapes, places = _cuts(layout, input_size)
    if parameters.shape != (total,):
        raise ShapeError(
            f"RNN: parameters: expected a vector of {total} for {layout} with input size {input_size}, "
            f"got shape {tuple(parameters.shape)}"
        )
    # one split, not many slices: its gradient is one concatenation
    parts = [
        part if shape is None else part.view(shape) for part, shape in zip(parameters.split(sizes), shapes, strict=True)
    ]
    return [[Weights(*[parts[place] for place in way]) for way in layer] for layer in places]


@operator("RNN", active=_inputs, outputs=_outputs, infer=_shapes, types=_types, check=_stack)
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
    stack = stack_of(
        mode,
        state_size,
        num_layers,
        bidirectional,
        p,
        projection_size,
        lstm_state_clip_min,
        lstm_state_clip_max,
        lstm_state_clip_nan,
    )
    check_data(data)
    weights = cut(parameters, stack.layout, data.shape[2])
    states = [state] if state_cell is None else [state, state_cell]
    output, final = run_stack(stack, data, weights, states, sequence_length, training)
    return (output, *final) if state_outputs else output


def _joined_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    """Where some lengths are not known, what is left of the whole is shared out evenly.

    Those are the first layer's input weights, which are all of one size.
    """
    sizes = [None if shape is None else shape[0] for shape in ins]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes):
        return [(size,) for size in sizes], [unify(outs[0], (sum(known),))]
    whole = None if outs[0] is None else outs[0][0]
    if whole is None:
        return ins, [unify(outs[0], (None,))]
    share, rest = divmod(whole - sum(known), len(sizes) - len(known))
    if rest or share < 0:
        raise ShapeError(f"_rnn_param_concat: {whole} elements in all do not fit parts of {sizes}")
    return [(share if size is None else size,) for size in sizes], outs


def _check_dim(attrs: Mapping[str, Any]) -> None:
    if attrs["dim"] != 0:
        raise ArgumentError(
            f"_rnn_param_concat: attribute dim: expected 0, the only axis of flat parts; got {attrs['dim']}"
        )


@operator("_rnn_param_concat", infer=_joined_shapes, check=_check_dim)
def rnn_param_concat(*data: Tensor, dim: int = 1) -> Tensor:
    """The flat parameter vector of a fused RNN, joined from flat parts in the order of `rennet._recurrence.layout`."""
    return torch.cat(data)


def _masks(attrs: Mapping[str, Any]) -> list[str]:
    """Which masks are given."""
    return [name for name in Masks._fields if attrs[name]]


def _outputs_of_parts(attrs: Mapping[str, Any]) -> Sequence[str]:
    return (*_outputs(attrs), "carried_output") if attrs["keep_hidden"] else _outputs(attrs)


def _idle_masks(attrs: Mapping[str, Any]) -> Sequence[int]:
    """Where the masks stand among the inputs, if they count in training only."""
    first = len(_inputs(attrs)) - 1
    return () if attrs["masks_always"] else range(first, first + len(_masks(attrs)))


@operator("_rnn_of_parts", outputs=_outputs_of_parts, check=_stack, ours=True, idle=_idle_masks)
def rnn_of_parts(
    *parts: Any,
    state_size: int,
    num_layers: int,
    bidirectional: bool = False,
    mode: Literal["rnn_relu", "rnn_tanh", "lstm", "gru"],
    p: float = 0.0,
    state_outputs: bool = True,
    projection_size: int | None = None,
    lstm_state_clip_min: float | None = None,
    lstm_state_clip_max: float | None = None,
    lstm_state_clip_nan: bool = False,
    use_sequence_length: bool = False,
    keep_hidden: bool = False,
    keep_cell: bool = False,
    drop_hidden: bool = False,
    masks_always: bool = False,
    training: IsTraining,
) -> Tensor | tuple[Tensor, ...]:
    """The ``RNN`` operator for parameters that are not in one vector, so that nothing is copied to make one.

    `parts` are the data, the states, with `use_sequence_length` the lengths, those masks of `_kernels.interface.Masks`
    that attributes of their names announce, and then each matrix and bias in the order of `rennet._recurrence.layout`.
    Masks count in training only, unless `masks_always`. With `keep_hidden` there is one more output: the hidden states
    that steps hand on. Graphs that are to be saved do not have this operator: MXNet knows none such.
    """
    stack = stack_of(
        mode,
        state_size,
        num_layers,
        bidirectional,
        p,
        projection_size,
        lstm_state_clip_min,
        lstm_state_clip_max,
        lstm_state_clip_nan,
    )
    data, *rest = parts
    check_data(data)
    count = len(stack.state_names)
    states, rest = rest[:count], rest[count:]
    lengths = rest.pop(0) if use_sequence_length else None
    given = {"keep_hidden": keep_hidden, "keep_cell": keep_cell, "drop_hidden": drop_hidden}
    masks = {name: rest.pop(0) for name, is_given in given.items() if is_given}
    if not (training or masks_always):
        masks = {}
    cuts = _cuts(stack.layout, data.shape[2])
    found = [tuple(part.shape) for part in rest]
    if found != [slot.shape for slot in cuts.slots]:
        expected = ", ".join(f"{slot.name()} {slot.shape}" for slot in cuts.slots)
        raise ShapeError(f"RNN: for data of shape {tuple(data.shape)}, expected parameters {expected}; got {found}")
    weights = [[Weights(*[rest[place] for place in way]) for way in layer] for layer in cuts.places]
    output, final = run_stack(stack, data, weights, states, lengths, training, Masks(**masks))
    # where nothing is masked, steps hand on what they put out
    carried = [final.pop() if masks else output] if keep_hidden else []
    return (output, *(final if state_outputs else []), *carried) if state_outputs or carried else output


def _states_of(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("output", "state_cell")[: MODES[attrs["mode"]].states]


@operator("_rnn_step", outputs=_states_of, ours=True)
def rnn_step(
    *parts: Tensor, mode: Literal["rnn_relu", "rnn_tanh", "lstm", "gru"], owner: str = "step"
) -> Tensor | tuple[Tensor, ...]:
    """One step of a recurrence: the output ``(N, H)`` and, of an LSTM, the cell state ``(N, H)``.

    `parts` are the data ``(N, I)``, the states ``(N, H)``, both matrices and both biases, in the order of
    `rennet._recurrence.layout`. Messages begin with `owner`: the cell, or a node of the step that stood in the graph.
    Graphs that are to be saved do not have this operator: MXNet knows no such one.
    """
    data, *rest = parts
    count = MODES[mode].states
    after = run_step(mode, data, rest[:count], Weights(*rest[count:]), owner)
    return after[0] if count == 1 else tuple(after)
