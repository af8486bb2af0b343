"""Operators that sort, and that find the largest elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError
from .registry import operator

IndexType = Literal["float16", "float32", "float64", "int32", "int64", "uint8"]


def _along(name: str, data: Tensor, axis: int | None) -> tuple[Tensor, int]:
    """The array to sort and the axis along which; without one it is flattened."""
    if axis is None:
        return data.flatten(), 0
    if not -data.dim() <= axis < data.dim():
        raise ArgumentError(f"{name}: attribute axis: {axis} is outside of an array of shape {tuple(data.shape)}")
    return data, axis % data.dim()


def _index_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type(attrs["dtype"])]


def _topk_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return {"both": ("output0", "output1"), "value": ("output0",)}.get(attrs["ret_typ"], ("output",))


def _topk_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    indices = element_type(attrs["dtype"])
    return ins, {"indices": [indices], "both": [ins[0], indices]}.get(attrs["ret_typ"], [ins[0]])


@operator("topk", outputs=_topk_outputs, hidden_outputs=lambda attrs: attrs["ret_typ"] == "value", types=_topk_types)
def topk(
    data: Tensor,
    *,
    axis: int | None = -1,
    k: int = 1,
    ret_typ: Literal["both", "indices", "mask", "value"] = "indices",
    is_ascend: bool = False,
    dtype: IndexType = "float32",
) -> Tensor | tuple[Tensor, Tensor]:
    """The `k` largest elements along `axis`, largest first, or the smallest with `is_ascend`; all if `k` is below 1.

    `ret_typ` chooses what comes out: their ``'indices'`` in the type `dtype`, the elements (``'value'``), ``'both'``,
    or a ``'mask'`` of ones and zeros in the shape of `data`. Without `axis` the array is flattened first. Of equal
    elements the first comes first.
    """
    values, at = _along("topk", data, axis)
    if k > values.shape[at]:
        raise ArgumentError(f"topk: attribute k: expected at most {values.shape[at]}, the size of the axis; got {k}")
    ordered = torch.sort(values, dim=at, descending=not is_ascend, stable=True)
    count = k if k >= 1 else values.shape[at]
    largest, places = ordered.values.narrow(at, 0, count), ordered.indices.narrow(at, 0, count)
    if ret_typ == "mask":
        return torch.zeros_like(values).scatter(at, places, 1).reshape(data.shape)
    if ret_typ == "value":
        return largest
    indices = places.to(element_type(dtype).torch)
    return indices if ret_typ == "indices" else (largest, indices)


@operator("argsort", types=_index_type)
def argsort(data: Tensor, *, axis: int | None = -1, is_ascend: bool = True, dtype: IndexType = "float32") -> Tensor:
    """The indices that would sort along `axis`, or the flattened array; equal elements keep their order."""
    values, at = _along("argsort", data, axis)
    return torch.argsort(values, dim=at, descending=not is_ascend, stable=True).to(element_type(dtype).torch)


@operator("sort", outputs=lambda attrs: ("output0",), hidden_outputs=1)
def sort(data: Tensor, *, axis: int | None = -1, is_ascend: bool = True) -> Tensor:
    """The elements in order along `axis`, or of the flattened array."""
    values, at = _along("sort", data, axis)
    return torch.sort(values, dim=at, descending=not is_ascend, stable=True).values


@operator("argmax_channel")
def argmax_channel(data: Tensor) -> Tensor:
    """The index of the largest element along axis 1, in the type of `data`."""
    return data.argmax(1).to(data.dtype)
