"""Operators that look elements up by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError, ShapeError
from .attrs import DType
from .inference import Known, given
from .registry import operator


def _first_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [ins[0]]


def _bounded(index: Tensor, size: int, mode: str) -> Tensor:
    index = index.long()
    return index % size if mode == "wrap" else index.clamp(0, size - 1)


@operator("take", types=_first_type)
def take(a: Tensor, indices: Tensor, *, axis: int = 0, mode: Literal["clip", "wrap", "raise"] = "clip") -> Tensor:
    """Slices of `a` along `axis` by number; numbers outside are clipped, wrapped, or an error."""
    if not -a.dim() <= axis < a.dim():
        raise ArgumentError(f"take: attribute axis: {axis} is outside of an array of shape {tuple(a.shape)}")
    axis %= a.dim()
    size = a.shape[axis]
    index = indices.long() if mode == "raise" else _bounded(indices, size, mode)
    # a tensor on the meta device has no values to check
    if mode == "raise" and index.numel() and not index.is_meta and bool(((index < 0) | (index >= size)).any()):
        lowest, highest = int(index.min()), int(index.max())
        raise ArgumentError(f"take: expected indices from 0 to {size - 1} for axis {axis}, got {lowest} to {highest}")
    picked = a.index_select(axis, index.flatten())
    return picked.reshape(*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :])


def _index_from_data(attrs: Mapping[str, Any], ins: list[Known], outs: list[Known]) -> list[Known]:
    data, index = ins
    if data is None or index is not None or attrs["axis"] is None:
        return ins
    at = attrs["axis"] % len(data)
    return [data, (*data[:at], *data[at + 1 :])]


@operator("pick", "choose_element_0index", infer=given(_index_from_data), types=_first_type)
def pick(
    data: Tensor,
    index: Tensor,
    *,
    axis: int | None = -1,
    keepdims: bool = False,
    mode: Literal["clip", "wrap"] = "clip",
) -> Tensor:
    """One element for each place, chosen along `axis` by `index`."""
    if axis is None or not -data.dim() <= axis < data.dim():
        raise ArgumentError(f"pick: attribute axis: expected one of an array of shape {tuple(data.shape)}; got {axis}")
    shape = list(data.shape)
    shape[axis] = 1
    where = _bounded(index, data.shape[axis], mode).reshape(shape)
    picked = torch.gather(data, axis, where)
    return picked if keepdims or picked.dim() == 1 else picked.squeeze(axis)


def _one_hot_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type(attrs["dtype"])]


@operator("one_hot", types=_one_hot_type)
def one_hot(
    indices: Tensor, *, depth: int, on_value: float = 1.0, off_value: float = 0.0, dtype: DType = "float32"
) -> Tensor:
    """`on_value` at each index along a new last axis of size `depth`, `off_value` elsewhere."""
    hit = indices.long().unsqueeze(-1) == torch.arange(depth, device=indices.device)
    kind = element_type(dtype).torch
    on = torch.as_tensor(on_value, dtype=kind, device=indices.device)
    return torch.where(hit, on, torch.as_tensor(off_value, dtype=kind, device=indices.device))


def _check_shape(name: str, shape: tuple[int, ...]) -> None:
    if not shape or any(size < 1 for size in shape[1:]):
        raise ArgumentError(f"{name}: attribute shape: expected sizes of at least 1; got {shape}")


@operator("_unravel_index", "unravel_index")
def unravel_index(data: Tensor, *, shape: tuple[int, ...] = ()) -> Tensor:
    """Places in an array of `shape` for places in the flattened one: a row for each axis, then the axes of `data`."""
    _check_shape("unravel_index", shape)
    places, rest = [], data.long()
    for size in reversed(shape[1:]):
        places.append(rest % size)
        rest = rest.div(size, rounding_mode="floor")
    return torch.stack([rest, *reversed(places)]).to(data.dtype)


@operator("_ravel_multi_index", "ravel_multi_index")
def ravel_multi_index(data: Tensor, *, shape: tuple[int, ...] = ()) -> Tensor:
    """The reverse of `unravel_index`: `data` has a row for each axis of `shape`."""
    _check_shape("ravel_multi_index", shape)
    if data.shape[0] != len(shape):
        raise ShapeError(
            f"ravel_multi_index: data: expected {len(shape)} rows for shape {shape}, got shape {tuple(data.shape)}"
        )
    flat = data[0].long()
    for size, row in zip(shape[1:], data[1:], strict=True):
        flat = flat * size + row.long()
    return flat.to(data.dtype)


@operator("batch_take", types=_first_type)
def batch_take(a: Tensor, indices: Tensor) -> Tensor:
    """``a[i, indices[i]]`` for each row i; numbers outside are clipped."""
    if a.dim() != 2 or indices.numel() != a.shape[0]:
        raise ShapeError(
            f"batch_take: expected a matrix and a number for each row, got shapes {tuple(a.shape)} and "
            f"{tuple(indices.shape)}"
        )
    where = _bounded(indices, a.shape[1], "clip").reshape(-1, 1)
    return a.gather(1, where).reshape(indices.shape)
