"""Operators that cut arrays out of larger ones, and put borders around them."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from ..base import ArgumentError, NotSupportedError, ShapeError
from .attrs import Bounds
from .registry import first_type, operator


def _cut(data: Tensor, axis: int, begin: int | None, end: int | None, step: int | None) -> Tensor:
    size = data.shape[axis]
    if step == 0:
        raise ArgumentError("slice: attribute step: expected steps other than 0")
    places = range(*slice(begin, end, step).indices(size))
    if not places:
        raise ArgumentError(
            f"slice: begin {begin}, end {end} and step {step} leave nothing of axis {axis} of size {size}"
        )
    if places.step > 0:
        return data[(slice(None),) * axis + (slice(places.start, places.stop, places.step),)]
    return data.index_select(axis, torch.tensor(places, device=data.device))


@operator("slice", "crop")
def slice_(data: Tensor, *, begin: Bounds, end: Bounds, step: Bounds = ()) -> Tensor:
    """The elements from `begin` to before `end` along the first axes, in steps of `step`.

    Each is a tuple with a number, or None, for as many axes; negative numbers count from the end.
    """
    if len(begin) != len(end) or len(begin) > data.dim() or len(step) not in (0, len(begin)):
        raise ArgumentError(
            f"slice: begin, end and step: expected tuples of one length, at most {data.dim()} for data of shape "
            f"{tuple(data.shape)}; got {begin}, {end} and {step}"
        )
    for axis, bounds in enumerate(zip(begin, end, step or (None,) * len(begin), strict=True)):
        data = _cut(data, axis, *bounds)
    return data


@operator("slice_like", types=first_type)
def slice_like(data: Tensor, shape_like: Tensor, *, axes: tuple[int, ...] = ()) -> Tensor:
    """The first elements of `data`, as many as `shape_like` has, along `axes` or along all."""
    if not axes and data.dim() != shape_like.dim():
        raise ShapeError(
            f"slice_like: expected as many axes in both unless axes is given, got shapes {tuple(data.shape)} and "
            f"{tuple(shape_like.shape)}"
        )
    for axis in axes or range(data.dim()):
        if not (-data.dim() <= axis < data.dim() and -shape_like.dim() <= axis < shape_like.dim()):
            raise ArgumentError(
                f"slice_like: attribute axes: {axis} is outside of shapes {tuple(data.shape)} and "
                f"{tuple(shape_like.shape)}"
            )
        at, other = axis % data.dim(), axis % shape_like.dim()
        wanted = shape_like.shape[other]
        if wanted > data.shape[at]:
            raise ShapeError(f"slice_like: axis {at} of size {data.shape[at]} cannot be cut to {wanted}")
        data = data.narrow(at, 0, wanted)
    return data


_BORDERS = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


@operator("Pad", "pad")
def pad(
    data: Tensor,
    *,
    mode: Literal["constant", "edge", "reflect"],
    pad_width: tuple[int, ...],
    constant_value: float = 0.0,
) -> Tensor:
    """A border around `data` with 4 or 5 axes: a constant, the edge repeated, or the inside reflected.

    `pad_width` has the widths before and after each axis, in order; those of the first two axes are 0.
    """
    rank = data.dim()
    if rank not in (4, 5):
        raise NotSupportedError(f"Pad: only data with 4 or 5 axes can be padded; got shape {tuple(data.shape)}")
    if len(pad_width) != 2 * rank or min(pad_width) < 0 or any(pad_width[:4]):
        raise ArgumentError(
            f"Pad: attribute pad_width: expected {2 * rank} widths, of which the first four are 0; got {pad_width}"
        )
    widths = [width for axis in reversed(range(2, rank)) for width in pad_width[2 * axis : 2 * axis + 2]]
    fill = constant_value if mode == "constant" else None
    return torch_nn.pad(data, widths, _BORDERS[mode], fill)


@operator("broadcast_axis", "broadcast_axes")
def broadcast_axis(data: Tensor, *, axis: tuple[int, ...] = (), size: tuple[int, ...] = ()) -> Tensor:
    """Each of `axis`, of size 1, repeated up to the number in `size`."""
    if len(axis) != len(size):
        raise ArgumentError(f"broadcast_axis: axis and size: expected as many of each; got {axis} and {size}")
    shape = list(data.shape)
    for at, wanted in zip(axis, size, strict=True):
        if not -len(shape) <= at < len(shape) or shape[at] != 1:
            raise ShapeError(f"broadcast_axis: axis {at} of shape {tuple(data.shape)} is not of size 1")
        shape[at] = wanted
    return data.expand(shape)
