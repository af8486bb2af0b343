"""Operators of neural networks: dense layers, activations, embedding, dropout, softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError, NotSupportedError, ShapeError
from .attrs import DType, at_least
from .inference import Attrs, Known, all_alike, axis_within, unify
from .registry import IsTraining, Operator, operator


def _dense_inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("data", "weight") if attrs["no_bias"] else ("data", "weight", "bias")


def _dense_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, out, units = ins[0], outs[0], attrs["num_hidden"]
    weight: Known = unify(ins[1], (units, None))
    if data is not None:
        inner = data[1:] if attrs["flatten"] else data[-1:]
        if None not in inner:
            weight = unify(weight, (units, prod(size for size in inner if size is not None)))
        elif len(inner) == 1 and weight is not None:
            data = (*data[:-1], weight[1])
        out = unify(out, (data[0], units) if attrs["flatten"] else (*data[:-1], units))
        if out is not None:
            kept = (out[0], *data[1:]) if attrs["flatten"] else (*out[:-1], data[-1])
            data = unify(data, kept)
    shapes: list[Known] = [data, weight]
    if not attrs["no_bias"]:
        shapes.append(unify(ins[2], (units,)))
    return shapes, [out]


@operator("FullyConnected", active=_dense_inputs, infer=_dense_shapes, check=at_least("FullyConnected", num_hidden=1))
def fully_connected(
    data: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    num_hidden: int,
    no_bias: bool = False,
    flatten: bool = True,
) -> Tensor:
    """``data @ weight.T + bias``.

    `weight` is ``(num_hidden, inputs)``. With `flatten` all axes of `data` after the first are taken together,
    otherwise the last axis alone is transformed.
    """
    if flatten and data.dim() != 2:
        data = data.flatten(1) if data.dim() > 1 else data.unsqueeze(1)
    inputs = data.shape[-1]
    if weight.shape != (num_hidden, inputs):
        raise ShapeError(
            f"FullyConnected: weight: expected shape {(num_hidden, inputs)} for data of shape {tuple(data.shape)}, "
            f"got {tuple(weight.shape)}"
        )
    return torch_nn.linear(data, weight, bias)


_ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softrelu": torch_nn.softplus,
    "softsign": torch_nn.softsign,
}


@operator("Activation", infer=all_alike)
def activation(
    data: Tensor,
    *,
    act_type: Literal["relu", "sigmoid", "tanh", "softrelu", "softsign"],
) -> Tensor:
    """An activation function, element by element."""
    return _ACTIVATIONS[act_type](data)


def _embedding_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data, out = ins[0], outs[0]
    if data is not None:
        out = unify(out, (*data, attrs["output_dim"]))
    if out is not None:
        data = unify(data, out[:-1])
    return [data, unify(ins[1], (attrs["input_dim"], attrs["output_dim"]))], [out]


def _embedding_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    weight = ins[1] or element_type(attrs["dtype"])
    return [ins[0], weight], [weight]


@operator(
    "Embedding",
    infer=_embedding_shapes,
    types=_embedding_types,
    check=at_least("Embedding", input_dim=1, output_dim=1),
)
def embedding(
    data: Tensor,
    weight: Tensor,
    *,
    input_dim: int,
    output_dim: int,
    dtype: DType = "float32",
    sparse_grad: bool = False,
) -> Tensor:
    """Rows of `weight` by number: shape ``data.shape + (output_dim,)``.

    Numbers outside ``[0, input_dim)`` are taken as the nearest one inside, as in MXNet.
    """
    if weight.shape != (input_dim, output_dim):
        raise ShapeError(f"Embedding: weight: expected shape {(input_dim, output_dim)}, got {tuple(weight.shape)}")
    return torch_nn.embedding(data.long().clamp(0, input_dim - 1), weight)


def _check_rate(attrs: Mapping[str, Any]) -> None:
    if not 0 <= attrs["p"] < 1:
        raise ArgumentError(f"Dropout: attribute p: expected a rate in [0, 1); got {attrs['p']}")


def _shared_axes(axes: tuple[int, ...], rank: int) -> set[int]:
    return {axis_within("Dropout", "axes", axis, rank) for axis in axes}


def _dropout_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if data is not None:
        _shared_axes(attrs["axes"], len(data))
    return [data], [data]


@operator("Dropout", hidden_outputs=1, infer=_dropout_shapes, check=_check_rate)
def dropout(
    data: Tensor,
    *,
    p: float = 0.5,
    mode: Literal["training", "always"] = "training",
    axes: tuple[int, ...] = (),
    cudnn_off: bool | None = False,
    training: IsTraining,
) -> Tensor:
    """Each element is zeroed with probability `p` and the others are scaled by ``1/(1-p)``.

    In training only, unless `mode` is ``'always'``. Along `axes` one decision is shared (variational dropout).
    """
    shared = _shared_axes(axes, data.dim())
    if p == 0 or not (training or mode == "always"):
        return data
    if not shared:
        return torch_nn.dropout(data, p, True)
    shape = [1 if axis in shared else size for axis, size in enumerate(data.shape)]
    return data * torch_nn.dropout(data.new_ones(shape), p, True)


@operator("_times_mask", ours=True, idle=lambda attrs: (1,))
def times_mask(data: Tensor, mask: Tensor, *, training: IsTraining) -> Tensor:
    """In training `data` times what dropout left of ones, which is broadcast; in inference, where that is 1, `data`."""
    return data * mask if training else data


def _scaled(data: Tensor, temperature: float | None) -> Tensor:
    return data if temperature in (None, 1.0) else data / temperature


def _softmax_inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("data", "length") if attrs["use_length"] else ("data",)


def _softmax_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if data is None:
        return [data, *ins[1:]], [data]
    at = axis_within(op.name, "axis", attrs["axis"], len(data))
    if len(ins) == 1:
        return [data], [data]
    return [data, unify(ins[1], (*data[:at], *data[at + 1 :]))], [data]


def _softmax_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type(attrs["dtype"]) if attrs["dtype"] else ins[0]]


@operator("softmax", active=_softmax_inputs, infer=_softmax_shapes, types=_softmax_types)
def softmax(
    data: Tensor,
    length: Tensor | None = None,
    *,
    axis: int = -1,
    temperature: float | None = None,
    dtype: DType | None = None,
    use_length: bool | None = False,
) -> Tensor:
    """``exp(x/temperature)``, normalised to sum 1 along `axis`.

    With `use_length` only the first `length` elements along `axis` count, and the others become 0; `length` has the
    shape of `data` without `axis`.
    """
    kind = element_type(dtype).torch if dtype else None
    axis = axis_within("softmax", "axis", axis, data.dim())
    if length is None:
        return torch.softmax(_scaled(data, temperature), axis, kind)
    behind = data.dim() - 1 - axis
    places = torch.arange(data.shape[axis], device=data.device).reshape([-1, *[1] * behind])
    padding = places >= length.long().unsqueeze(axis)
    scores = _scaled(data, temperature).masked_fill(padding, -torch.inf)
    # a length of 0 leaves nothing to normalise
    return torch.softmax(scores, axis, kind).masked_fill(padding, 0.0)


@operator("log_softmax", infer=_softmax_shapes, types=_softmax_types)
def log_softmax(
    data: Tensor,
    *,
    axis: int = -1,
    temperature: float | None = None,
    dtype: DType | None = None,
    use_length: bool | None = False,
) -> Tensor:
    """The logarithm of `softmax`."""
    if use_length:
        raise NotSupportedError("log_softmax: attribute use_length: the operator has no input for lengths")
    axis = axis_within("log_softmax", "axis", axis, data.dim())
    return torch.log_softmax(_scaled(data, temperature), axis, element_type(dtype).torch if dtype else None)


@operator("SoftmaxActivation", infer=all_alike)
def softmax_activation(data: Tensor, *, mode: Literal["channel", "instance"] = "instance") -> Tensor:
    """Softmax over everything in an instance, or over axis 1 in each place (``'channel'``)."""
    return torch.softmax(data, 1) if mode == "channel" else torch.softmax(data.flatten(1), 1).reshape(data.shape)


def _prelu_inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("data", "gamma") if attrs["act_type"] == "prelu" else ("data",)


def _prelu_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if len(ins) == 1:
        return [data], [data]
    if data is None:
        return [data, *ins[1:]], [data]
    channels: Known = (data[1] if len(data) > 1 else 1,) if ins[1] is None else ins[1]
    return [data, channels], [data]


_PRELU_SLOPE = {"gamma": {"__init__": '["Constant", {"value": 0.25}]'}}


@operator("LeakyReLU", active=_prelu_inputs, infer=_prelu_shapes, marks=_PRELU_SLOPE)
def leaky_relu(
    data: Tensor,
    gamma: Tensor | None = None,
    *,
    act_type: Literal["elu", "gelu", "leaky", "prelu", "selu"] = "leaky",
    slope: float = 0.25,
) -> Tensor:
    """Rectifiers that let something through below zero: leaky, elu, selu, gelu, and prelu with learned slopes."""
    if act_type == "prelu":
        slopes = gamma if gamma is not None else data.new_full((1,), slope)
        return torch.where(data > 0, data, data * slopes.reshape(-1, *[1] * (data.dim() - 2)))
    if act_type == "leaky":
        return torch_nn.leaky_relu(data, slope)
    if act_type == "elu":
        return torch_nn.elu(data, slope)
    return torch_nn.selu(data) if act_type == "selu" else torch_nn.gelu(data)
