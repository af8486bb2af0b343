"""Pooling over one, two or three axes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from ..base import ArgumentError, NotSupportedError, ShapeError
from .convolution import CHANNELS_FIRST, check_layout, check_window
from .registry import operator

_FIRST = {"NWC": "NCW", "NHWC": "NCHW", "NDHWC": "NCDHW"}
"""Each layout with the channels last, and the same with the channels first."""

PoolType = Literal["avg", "lp", "max", "sum"]


def _check(attrs: Mapping[str, Any]) -> None:
    if attrs["pooling_convention"] == "same":
        raise NotSupportedError("Pooling: attribute pooling_convention: 'same' is not supported; use 'valid' and pad")
    if attrs["pool_type"] == "lp" and attrs["p_value"] not in (1, 2, 3):
        raise ArgumentError(f"Pooling: attribute p_value: expected 1, 2 or 3 for 'lp'; got {attrs['p_value']}")
    if not attrs["global_pool"]:
        layout = _FIRST.get(attrs["layout"], attrs["layout"])
        check_window("Pooling", {**attrs, "layout": layout}, {"stride": 1, "pad": 0})
        if attrs["pad"] and any(width >= size for width, size in zip(attrs["pad"], attrs["kernel"], strict=True)):
            raise ArgumentError(
                f"Pooling: attribute pad: expected less than kernel {attrs['kernel']}; got {attrs['pad']}"
            )


def _width(size: int, kernel: int, stride: int, pad: int, convention: str) -> int:
    if size + 2 * pad < kernel:
        raise ShapeError(f"Pooling: kernel {kernel} does not fit an axis of size {size} with {pad} of padding")
    room = size + 2 * pad - kernel
    return 1 + (-(-room // stride) if convention == "full" else room // stride)


def _counts(data: Tensor, axis: int, width: int, window: tuple[int, int, int], include_pad: bool) -> Tensor:
    """How many elements each window along one axis takes the mean over."""
    kernel, stride, pad = window
    size = data.shape[axis]
    begin = torch.arange(width, device=data.device) * stride - pad
    # what lies beyond the padding never counts
    end = (begin + kernel).clamp(max=size + pad)
    if not include_pad:
        begin, end = begin.clamp(min=0), end.clamp(max=size)
    # a window that lies in the padding alone has none
    return (end - begin).clamp(min=0).to(data.dtype).reshape(-1, *[1] * (data.dim() - 1 - axis))


def _summed(data: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    means = {1: torch_nn.avg_pool1d, 2: torch_nn.avg_pool2d, 3: torch_nn.avg_pool3d}[len(kernel)]
    return means(data, kernel, stride) * prod(kernel)


def _largest(data: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    return {1: torch_nn.max_pool1d, 2: torch_nn.max_pool2d, 3: torch_nn.max_pool3d}[len(kernel)](data, kernel, stride)


def _check_rank(data: Tensor, kernel: tuple[int, ...], global_pool: bool) -> None:
    axes = len(kernel) if kernel and not global_pool else data.dim() - 2
    if axes not in CHANNELS_FIRST or data.dim() != axes + 2:
        raise ShapeError(
            f"Pooling: data: expected a batch axis, a channel axis and "
            f"{len(kernel) if kernel and not global_pool else '1 to 3'} more, got shape {tuple(data.shape)}"
        )


@operator(
    "Pooling",
    check=_check,
    hidden_outputs=lambda attrs: attrs["pool_type"] == "max" and attrs["layout"] not in _FIRST,
)
def pooling(
    data: Tensor,
    *,
    kernel: tuple[int, ...] = (),
    pool_type: PoolType = "max",
    global_pool: bool = False,
    cudnn_off: bool = False,
    pooling_convention: Literal["full", "same", "valid"] = "valid",
    stride: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    p_value: int | None = None,
    count_include_pad: bool | None = None,
    layout: Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"] | None = None,
) -> Tensor:
    """The largest element, mean, sum or p-norm of each window of ``(batch, channels, ...)`` data.

    The width that comes out is ``(width + 2 * pad - kernel) / stride + 1``, rounded down, or up by the ``'full'``
    convention. With `global_pool` there is one window, over everything. A mean counts the padding, unless
    `count_include_pad` is False. A layout with the channels last is that of what comes out, too. `cudnn_off` says how
    MXNet computes on a GPU, not what; PyTorch decides that by itself.
    """
    _check_rank(data, kernel, global_pool)
    if layout in _FIRST:
        first = pooling(
            data.movedim(-1, 1),
            kernel=kernel,
            pool_type=pool_type,
            global_pool=global_pool,
            pooling_convention=pooling_convention,
            stride=stride,
            pad=pad,
            p_value=p_value,
            count_include_pad=count_include_pad,
            layout=_FIRST[layout],
        )
        return first.movedim(1, -1)
    axes = len(kernel) if kernel and not global_pool else data.dim() - 2
    check_layout("Pooling", layout, axes)
    if global_pool:
        kernel, stride, pad = tuple(data.shape[2:]), (1,) * axes, (0,) * axes
    stride, pad = stride or (1,) * axes, pad or (0,) * axes
    windows = list(zip(kernel, stride, pad, strict=True))
    sizes = data.shape[2:]
    widths = [_width(size, *row, pooling_convention) for size, row in zip(sizes, windows, strict=True)]
    # so much is missing behind the last element for the last window to be whole
    behind = [
        max(0, (width - 1) * step + extent - before - size)
        for size, width, (extent, step, before) in zip(sizes, widths, windows, strict=True)
    ]
    borders = [width for pair in zip(reversed(pad), reversed(behind), strict=True) for width in pair]
    if pool_type == "max":
        lowest = torch.finfo(data.dtype).min
        return _largest(torch_nn.pad(data, borders, value=lowest), kernel, stride)
    if pool_type == "lp":
        assert p_value is not None
        return _summed(torch_nn.pad(data**p_value, borders), kernel, stride) ** (1 / p_value)
    total = _summed(torch_nn.pad(data, borders), kernel, stride)
    total = total[(..., *[slice(width) for width in widths])]
    if pool_type == "avg":
        counts = torch.ones((), dtype=data.dtype, device=data.device)
        for axis, (width, window) in enumerate(zip(widths, windows, strict=True), 2):
            counts = counts * _counts(data, axis, width, window, count_include_pad in (None, True))
        total = total / counts.clamp(min=1)
    return total
