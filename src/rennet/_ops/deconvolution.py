"""Transposed convolution over one, two or three axes, channels first: the way back through a convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch.nn.functional as torch_nn
from torch import Tensor

from ..base import ArgumentError, ShapeError
from .convolution import check_channels, check_filters, check_parameters, check_rank, check_window, inputs_in_use
from .inference import Attrs, Known, unify
from .registry import Operator, operator


def _check(attrs: Mapping[str, Any]) -> None:
    check_window("Deconvolution", attrs, {"stride": 1, "dilate": 1, "pad": 0, "adj": 0, "target_shape": 0})
    check_filters("Deconvolution", attrs)


def _window(attrs: Mapping[str, Any]) -> list[tuple[int, int, int, int, int]]:
    """Extent, stride, padding, adjustment and wanted width along each spatial axis."""
    axes = len(attrs["kernel"])
    ones, zeros = (1,) * axes, (0,) * axes
    # a target replaces padding and adjustment on all axes, as soon as one is given
    target = attrs["target_shape"] if any(attrs["target_shape"]) else None
    rows = zip(
        attrs["kernel"],
        attrs["dilate"] or ones,
        attrs["stride"] or ones,
        (not target and attrs["pad"]) or zeros,
        (not target and attrs["adj"]) or zeros,
        target or zeros,
        strict=True,
    )
    return [((size - 1) * dilate + 1, stride, pad, adj, want) for size, dilate, stride, pad, adj, want in rows]


def _borders(size: int, extent: int, stride: int, pad: int, adj: int, want: int) -> tuple[int, int]:
    """Padding and adjustment along one axis of the given size."""
    if want:
        surplus = (size - 1) * stride + extent - want
        if surplus < 0:
            raise ShapeError(
                f"Deconvolution: attribute target_shape: an axis of size {size} becomes at most {want + surplus} wide; "
                f"got {want}"
            )
        pad, adj = (surplus + 1) // 2, surplus % 2
    if adj >= stride:
        raise ArgumentError(
            f"Deconvolution: attribute {'target_shape' if want else 'adj'}: expected an adjustment of less than the "
            f"stride {stride}; got {f'{want}, which needs one of {adj}' if want else adj}"
        )
    return pad, adj


def _width_after(size: int | None, extent: int, stride: int, pad: int, adj: int, want: int) -> int | None:
    if size is None:
        return want or None
    pad, adj = _borders(size, extent, stride, pad, adj, want)
    width = (size - 1) * stride + extent - 2 * pad + adj
    if width < 1:
        raise ShapeError(
            f"Deconvolution: nothing is left of an axis of size {size} after {pad} of padding is taken from both sides"
        )
    return width


def _weight_shape(attrs: Mapping[str, Any], channels: int | None) -> tuple[int | None, ...]:
    groups = attrs["num_group"]
    check_channels("Deconvolution", channels, groups)
    return (channels, attrs["num_filter"] // groups, *attrs["kernel"])


def _shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, weight, out = ins[0], ins[1], outs[0]
    if data is not None:
        check_rank("Deconvolution", data, attrs["kernel"])
        channels = data[1] if data[1] is not None or weight is None else weight[0]
        widths = [_width_after(size, *row) for size, row in zip(data[2:], _window(attrs), strict=True)]
        out = unify(out, (data[0], attrs["num_filter"], *widths))
        data = (data[0] if out is None else out[0], channels, *data[2:])
    weight = unify(weight, _weight_shape(attrs, None if data is None else data[1]))
    shapes: list[Known] = [data, weight]
    if not attrs["no_bias"]:
        shapes.append(unify(ins[2], (attrs["num_filter"],)))
    return shapes, [out]


_DECONVOLVE = {1: torch_nn.conv_transpose1d, 2: torch_nn.conv_transpose2d, 3: torch_nn.conv_transpose3d}


@operator("Deconvolution", active=inputs_in_use, infer=_shapes, check=_check)
def deconvolution(
    data: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...] = (),
    dilate: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    adj: tuple[int, ...] = (),
    target_shape: tuple[int, ...] = (),
    num_filter: int,
    num_group: int = 1,
    workspace: int = 512,
    no_bias: bool = True,
    cudnn_tune: Literal["fastest", "limited_workspace", "off"] | None = None,
    cudnn_off: bool = False,
    layout: Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"] | None = None,
) -> Tensor:
    """Transposed convolution of ``(batch, channels, ...)`` data: each element becomes a whole window.

    `weight` is ``(channels, num_filter / num_group, *kernel)``, `bias` is ``(num_filter,)``. The width that comes out
    is ``(width - 1) * stride + dilate * (kernel - 1) + 1 - 2 * pad + adj``; where `target_shape` names a width, padding
    and adjustment are chosen for it. Layouts with the channels last are refused. `workspace`, `cudnn_tune` and
    `cudnn_off` say how MXNet computes on a GPU, not what; PyTorch decides that by itself.
    """
    check_rank("Deconvolution", data.shape, kernel)
    attrs = {
        "kernel": kernel,
        "stride": stride,
        "dilate": dilate,
        "pad": pad,
        "adj": adj,
        "target_shape": target_shape,
        "num_filter": num_filter,
        "num_group": num_group,
    }
    expected = _weight_shape(attrs, data.shape[1])
    check_parameters("Deconvolution", data, weight, bias, expected, num_filter)
    rows = list(zip(data.shape[2:], _window(attrs), strict=True))
    for size, row in rows:
        _width_after(size, *row)
    borders = [_borders(size, *row) for size, row in rows]
    ones = (1,) * len(kernel)
    return _DECONVOLVE[len(kernel)](
        data,
        weight,
        bias,
        stride or ones,
        [before for before, _ in borders],
        [adjustment for _, adjustment in borders],
        num_group,
        dilate or ones,
    )
