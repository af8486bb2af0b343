"""Normalisation: by the statistics of a batch, a layer, an instance, or by a length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError, ShapeError
from .inference import Attrs, Known, all_alike, to_public, unify
from .registry import IsTraining, Operator, operator


def _axis(name: str, rank: int, axis: int) -> int:
    if not -rank <= axis < rank:
        raise ArgumentError(f"{name}: attribute axis: {axis} is outside of data with {rank} axes")
    return axis % rank


def _check_vectors(name: str, size: int, **vectors: Tensor) -> None:
    for key, vector in vectors.items():
        if vector.shape != (size,):
            raise ShapeError(f"{name}: {key}: expected shape {(size,)}, got {tuple(vector.shape)}")


def _along(vector: Tensor, rank: int, axis: int) -> Tensor:
    return vector.reshape(-1, *[1] * (rank - 1 - axis))


def _vectors_from_data(data: Known, axis: int, ins: list[Known]) -> list[Known]:
    """The inputs, of which all but the first have one number for each place along `axis`."""
    size = None if data is None else data[axis]
    common: Known = (size,)
    for vector in ins[1:]:
        common = unify(common, vector)
    return [data, *[common] * (len(ins) - 1)]


def batch_norm_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    """Names of the outputs."""
    return ("output", "mean", "var") if attrs["output_mean_var"] else ("output",)


def batch_norm_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    """One number of each kind for every place along the axis."""
    data = unify(ins[0], outs[0])
    axis = 0 if data is None else _axis("BatchNorm", len(data), attrs["axis"])
    ins = _vectors_from_data(data, axis, ins)
    return ins, [data, *[unify(out, ins[1]) for out in outs[1:]]]


def batch_norm_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    """Parameters and statistics of halves are float32."""
    data = ins[0]
    # as halves they would be too coarse
    statistics = element_type("float32") if data is not None and data.name in ("float16", "bfloat16") else data
    rest = [statistics if kind is None else kind for kind in ins[1:]]
    return [data, *rest], [data, statistics, statistics] if attrs["output_mean_var"] else [data]


MOVING = {"moving_mean": {"__init__": '["zero", {}]'}, "moving_var": {"__init__": '["one", {}]'}}
"""How the moving statistics begin."""


@operator(
    "BatchNorm",
    aux=("moving_mean", "moving_var"),
    outputs=batch_norm_outputs,
    hidden_outputs=lambda attrs: 0 if attrs["output_mean_var"] else 2,
    infer=batch_norm_shapes,
    types=batch_norm_types,
    marks=MOVING,
)
def batch_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    *,
    eps: float = 1e-3,
    momentum: float = 0.9,
    fix_gamma: bool = True,
    use_global_stats: bool = False,
    output_mean_var: bool = False,
    axis: int = 1,
    cudnn_off: bool = False,
    min_calib_range: float | None = None,
    max_calib_range: float | None = None,
    training: IsTraining,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """``(data - mean) / sqrt(var + eps) * gamma + beta``, with one of each for every place along `axis`.

    In training, mean and variance are those of the batch, and `moving_mean` and `moving_var` become `momentum` times
    themselves plus the rest of them; otherwise, or with `use_global_stats`, the moving ones are used. With `fix_gamma`
    gamma counts as 1 and gets no gradient. With `output_mean_var`, mean and ``1 / sqrt(var + eps)`` come out too.
    `cudnn_off` and the calibration ranges say how MXNet computes elsewhere, not what.
    """
    at = _axis("BatchNorm", data.dim(), axis)
    _check_vectors("BatchNorm", data.shape[at], gamma=gamma, beta=beta, moving_mean=moving_mean, moving_var=moving_var)
    values = data.to(gamma.dtype)
    if training and not use_global_stats:
        others = [place for place in range(data.dim()) if place != at]
        variance, mean = torch.var_mean(values, others, correction=0)
        with torch.no_grad():
            moving_mean.mul_(momentum).add_(mean, alpha=1 - momentum)
            moving_var.mul_(momentum).add_(variance, alpha=1 - momentum)
    else:
        # copies: the states may be updated before the way back
        mean, variance = moving_mean.detach().clone(), moving_var.detach().clone()
    scale = torch.rsqrt(variance + eps)
    factor = scale if fix_gamma else scale * gamma
    mean_, factor_, beta_ = (_along(each, data.dim(), at) for each in (mean, factor, beta))
    result = ((values - mean_) * factor_ + beta_).to(data.dtype)
    return (result, mean, scale) if output_mean_var else result


def _layer_norm_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("output", "mean", "std") if attrs["output_mean_var"] else ("output",)


def _layer_norm_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if data is None:
        return _vectors_from_data(None, 0, ins), outs
    axis = _axis("LayerNorm", len(data), attrs["axis"])
    statistics = (*data[:axis], 1, *data[axis + 1 :])
    return _vectors_from_data(data, axis, ins), [data, *[unify(out, statistics) for out in outs[1:]]]


@operator(
    "LayerNorm",
    outputs=_layer_norm_outputs,
    hidden_outputs=lambda attrs: 0 if attrs["output_mean_var"] else 2,
    infer=_layer_norm_shapes,
)
def layer_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, *, axis: int = -1, eps: float = 1e-5, output_mean_var: bool = False
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Mean 0 and variance 1 along `axis`, then times `gamma` plus `beta`, which have its size.

    With `output_mean_var`, the mean and ``sqrt(var + eps)`` come out too.
    """
    at = _axis("LayerNorm", data.dim(), axis)
    _check_vectors("LayerNorm", data.shape[at], gamma=gamma, beta=beta)
    if at == data.dim() - 1 and not output_mean_var:
        return torch_nn.layer_norm(data, gamma.shape, gamma, beta, eps)
    variance, mean = torch.var_mean(data, at, correction=0, keepdim=True)
    deviation = torch.sqrt(variance + eps)
    result = (data - mean) / deviation * _along(gamma, data.dim(), at) + _along(beta, data.dim(), at)
    return (result, mean, deviation) if output_mean_var else result


def _instance_norm_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if data is not None and len(data) < 3:
        raise ShapeError(f"InstanceNorm: data: expected at least 3 axes, got {len(data)}")
    return _vectors_from_data(data, 1, ins), [data]


@operator("InstanceNorm", hidden_outputs=2, infer=_instance_norm_shapes)
def instance_norm(data: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-3) -> Tensor:
    """Mean 0 and variance 1 over the axes after the second, then times `gamma` plus `beta`, one for each channel."""
    if data.dim() < 3:
        raise ShapeError(f"InstanceNorm: data: expected at least 3 axes, got shape {tuple(data.shape)}")
    _check_vectors("InstanceNorm", data.shape[1], gamma=gamma, beta=beta)
    variance, mean = torch.var_mean(data, tuple(range(2, data.dim())), correction=0, keepdim=True)
    return (data - mean) * torch.rsqrt(variance + eps) * _along(gamma, data.dim(), 1) + _along(beta, data.dim(), 1)


def _group_norm_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("output", "mean", "std") if attrs["output_mean_var"] else ("output",)


def _group_norm_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data, groups = unify(ins[0], outs[0]), attrs["num_groups"]
    _check_groups(data, groups)
    scales = [unify(vector, (groups,)) for vector in ins[1:]]
    statistics = (None if data is None else data[0], groups)
    return [data, *scales], [data, *[unify(out, statistics) for out in outs[1:]]]


def _check_groups(shape: Known, groups: int) -> None:
    if groups < 1:
        raise ArgumentError(f"GroupNorm: attribute num_groups: expected a positive number; got {groups}")
    if shape is not None and len(shape) < 3:
        raise ShapeError(f"GroupNorm: data: expected at least 3 axes, got {len(shape)}")
    if shape is not None and shape[1] is not None and shape[1] % groups:
        raise ShapeError(f"GroupNorm: {shape[1]} channels do not split into num_groups {groups} equal groups")


@operator(
    "GroupNorm",
    outputs=_group_norm_outputs,
    hidden_outputs=lambda attrs: 0 if attrs["output_mean_var"] else 2,
    infer=_group_norm_shapes,
)
def group_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    *,
    num_groups: int = 1,
    eps: float = 1e-5,
    output_mean_var: bool = False,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Mean 0 and variance 1 over each of `num_groups` groups of channels, then times `gamma` plus `beta`.

    Both have one number for each group. With `output_mean_var`, the mean and ``sqrt(var + eps)`` come out too.
    """
    _check_groups(tuple(data.shape), num_groups)
    _check_vectors("GroupNorm", num_groups, gamma=gamma, beta=beta)
    groups = data.reshape(data.shape[0], num_groups, -1)
    variance, mean = torch.var_mean(groups, 2, correction=0, keepdim=True)
    deviation = torch.sqrt(variance + eps)
    result = ((groups - mean) / deviation * _along(gamma, 3, 1) + _along(beta, 3, 1)).reshape(data.shape)
    return (result, mean.squeeze(2), deviation.squeeze(2)) if output_mean_var else result


def _check_axes(mode: str, shape: Sequence[int | None]) -> None:
    if mode != "instance" and len(shape) < 3:
        raise ShapeError(f"L2Normalization: mode {mode!r} needs at least 3 axes, got shape {to_public(tuple(shape))}")


def _l2_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    if data is not None:
        _check_axes(attrs["mode"], data)
    return [data], [data]


@operator("L2Normalization", hidden_outputs=1, infer=_l2_shapes)
def l2_normalization(
    data: Tensor, *, eps: float = 1e-10, mode: Literal["channel", "instance", "spatial"] = "instance"
) -> Tensor:
    """``data / sqrt(sum(data**2) + eps)``.

    The sum is over everything in an instance, over its channels (axis 1), or over the axes after them (``'spatial'``).
    """
    _check_axes(mode, data.shape)
    axes = {"instance": range(1, data.dim()), "channel": (1,), "spatial": range(2, data.dim())}[mode]
    return data / torch.sqrt(data.square().sum(tuple(axes), keepdim=True) + eps)


def _check_neighbours(attrs: Mapping[str, Any]) -> None:
    if attrs["nsize"] < 1 or attrs["nsize"] % 2 == 0:
        raise ArgumentError(f"LRN: attribute nsize: expected an odd number; got {attrs['nsize']}")


@operator("LRN", hidden_outputs=1, infer=all_alike, check=_check_neighbours)
def lrn(data: Tensor, *, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, nsize: int) -> Tensor:
    """``data / (knorm + alpha / nsize * s)**beta``, where s sums the squares of `nsize` neighbouring channels."""
    if data.dim() != 4:
        raise ShapeError(f"LRN: data: expected 4 axes, got shape {tuple(data.shape)}")
    return torch_nn.local_response_norm(data, nsize, alpha, beta, knorm)
