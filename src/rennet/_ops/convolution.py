"""Convolution over one, two or three axes, channels first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch.nn.functional as torch_nn
from torch import Tensor

from ..base import ArgumentError, NotSupportedError, ShapeError
from .inference import Attrs, Known, to_public, unify
from .registry import Operator, operator

CHANNELS_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
"""The one layout of data with so many spatial axes."""


def check_window(name: str, attrs: Mapping[str, Any], options: Mapping[str, int]) -> None:
    """Raise unless kernel, layout and the named options (each with its least value) fit each other."""
    kernel, layout = attrs["kernel"], attrs["layout"]
    if len(kernel) not in CHANNELS_FIRST or min(kernel) < 1:
        raise ArgumentError(f"{name}: attribute kernel: expected 1 to 3 positive sizes; got {kernel}")
    for key, least in options.items():
        if attrs[key] and (len(attrs[key]) != len(kernel) or min(attrs[key]) < least):
            raise ArgumentError(
                f"{name}: attribute {key}: expected {len(kernel)} numbers of at least {least}, as many as kernel has, "
                f"or none; got {attrs[key]}"
            )
    check_layout(name, layout, len(kernel))


def check_layout(name: str, layout: str | None, axes: int) -> None:
    """Raise unless `layout` is None or the one with the channels first for so many spatial axes."""
    if layout is None or layout == CHANNELS_FIRST[axes]:
        return
    if layout not in CHANNELS_FIRST.values():
        raise NotSupportedError(
            f"{name}: attribute layout: only layouts with the channels first are supported, here "
            f"{CHANNELS_FIRST[axes]}; got {layout}. Transpose the data"
        )
    raise ArgumentError(
        f"{name}: attribute layout: expected {CHANNELS_FIRST[axes]} for {axes} spatial axes; got {layout}"
    )


def check_filters(name: str, attrs: Mapping[str, Any]) -> None:
    """Raise unless there are filters, and they split into the groups."""
    filters, groups = attrs["num_filter"], attrs["num_group"]
    if filters < 1:
        raise ArgumentError(f"{name}: attribute num_filter: expected a positive number; got {filters}")
    if groups < 1 or filters % groups:
        raise ArgumentError(
            f"{name}: attribute num_group: expected a positive divisor of num_filter {filters}; got {groups}"
        )


def check_channels(name: str, channels: int | None, groups: int) -> None:
    """Raise unless the channels, if they are known, split into the groups."""
    if channels is not None and channels % groups:
        raise ShapeError(f"{name}: {channels} channels do not split into num_group {groups} equal groups")


def check_rank(name: str, shape: Sequence[int | None], kernel: Sequence[int]) -> None:
    """Raise unless data of this shape has batch, channels, and a spatial axis for each size of the kernel."""
    if len(shape) != len(kernel) + 2:
        raise ShapeError(
            f"{name}: data: expected {len(kernel) + 2} axes ({CHANNELS_FIRST[len(kernel)]}) for kernel "
            f"{tuple(kernel)}, got shape {to_public(tuple(shape))}"
        )


def check_parameters(
    name: str, data: Tensor, weight: Tensor, bias: Tensor | None, expected: Sequence[int | None], filters: int
) -> None:
    """Raise unless weight and bias have the shapes that follow from the data and the attributes."""
    if weight.shape != expected:
        raise ShapeError(
            f"{name}: weight: expected shape {expected} for data of shape {tuple(data.shape)}, "
            f"got {tuple(weight.shape)}"
        )
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{name}: bias: expected shape {(filters,)}, got {tuple(bias.shape)}")


def inputs_in_use(attrs: Mapping[str, Any]) -> Sequence[str]:
    """Names of the inputs, with the bias if there is one."""
    return ("data", "weight") if attrs["no_bias"] else ("data", "weight", "bias")


def _check(attrs: Mapping[str, Any]) -> None:
    check_window("Convolution", attrs, {"stride": 1, "dilate": 1, "pad": 0})
    check_filters("Convolution", attrs)


def _window(attrs: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """Extent, stride and padding along each spatial axis."""
    axes = len(attrs["kernel"])
    ones, zeros = (1,) * axes, (0,) * axes
    rows = zip(attrs["kernel"], attrs["dilate"] or ones, attrs["stride"] or ones, attrs["pad"] or zeros, strict=True)
    return [((size - 1) * dilate + 1, stride, pad) for size, dilate, stride, pad in rows]


def _width_after(size: int | None, extent: int, stride: int, pad: int) -> int | None:
    if size is None:
        return None
    if size + 2 * pad < extent:
        raise ShapeError(
            f"Convolution: a kernel that spans {extent} does not fit an axis of size {size} with {pad} of padding"
        )
    return (size + 2 * pad - extent) // stride + 1


def _width_before(size: int | None, extent: int, stride: int, pad: int) -> int | None:
    return None if size is None or stride > 1 else size + extent - 1 - 2 * pad


def _weight_shape(attrs: Mapping[str, Any], channels: int | None) -> tuple[int | None, ...]:
    groups = attrs["num_group"]
    check_channels("Convolution", channels, groups)
    return (attrs["num_filter"], None if channels is None else channels // groups, *attrs["kernel"])


def _shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, weight, out, window = ins[0], ins[1], outs[0], _window(attrs)
    if data is not None:
        check_rank("Convolution", data, attrs["kernel"])
        channels = data[1]
        if channels is None and weight is not None and weight[1] is not None:
            channels = weight[1] * attrs["num_group"]
        widths = [_width_after(size, *row) for size, row in zip(data[2:], window, strict=True)]
        out = unify(out, (data[0], attrs["num_filter"], *widths))
        if out is not None:
            before = [_width_before(size, *row) for size, row in zip(out[2:], window, strict=True)]
            # a stride or padding may hide what was given, so only what is unknown is filled in
            known = (out[0], channels, *before)
            data = tuple(there if size is None else size for size, there in zip(data, known, strict=True))
    weight = unify(weight, _weight_shape(attrs, None if data is None else data[1]))
    shapes: list[Known] = [data, weight]
    if not attrs["no_bias"]:
        shapes.append(unify(ins[2], (attrs["num_filter"],)))
    return shapes, [out]


_CONVOLVE = {1: torch_nn.conv1d, 2: torch_nn.conv2d, 3: torch_nn.conv3d}


@operator("Convolution", active=inputs_in_use, infer=_shapes, check=_check)
def convolution(
    data: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...] = (),
    dilate: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    num_filter: int,
    num_group: int = 1,
    workspace: int = 1024,
    no_bias: bool = False,
    cudnn_tune: Literal["fastest", "limited_workspace", "off"] | None = None,
    cudnn_off: bool = False,
    layout: Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"] | None = None,
) -> Tensor:
    """Convolution of ``(batch, channels, ...)`` data with as many spatial axes as `kernel` has sizes.

    `weight` is ``(num_filter, channels / num_group, *kernel)``, `bias` is ``(num_filter,)``. The width that comes out
    is ``(width + 2 * pad - dilate * (kernel - 1) - 1) // stride + 1``. With `num_group` the channels are convolved in
    so many independent groups. Layouts with the channels last are refused. `workspace`, `cudnn_tune` and `cudnn_off`
    say how MXNet computes on a GPU, not what; PyTorch decides that by itself.
    """
    check_rank("Convolution", data.shape, kernel)
    expected = _weight_shape({"num_group": num_group, "num_filter": num_filter, "kernel": kernel}, data.shape[1])
    check_parameters("Convolution", data, weight, bias, expected, num_filter)
    options = {"kernel": kernel, "dilate": dilate, "stride": stride, "pad": pad}
    for size, row in zip(data.shape[2:], _window(options), strict=True):
        _width_after(size, *row)
    axes = len(kernel)
    ones, zeros = (1,) * axes, (0,) * axes
    return _CONVOLVE[axes](data, weight, bias, stride or ones, pad or zeros, dilate or ones, num_group)
