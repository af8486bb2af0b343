"""Operators that make arrays out of nothing: constants, ranges, random numbers.

A shape may have unknown dimensions (0) in a graph: shape inference fills them in, which is how begin states get their
batch size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .._dtypes import element_type
from .attrs import DType, at_least, sizes_of
from .inference import Attrs, Known, from_public, unify
from .registry import Device, Operator, operator


def given_shape(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    """The rule of an operator whose attribute `shape` may leave sizes open."""
    return [], [unify(outs[0], from_public(attrs["shape"]) if attrs["shape"] else None)]


def given_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    """The type rule of an operator whose result has the type in its attribute `dtype`."""
    return [], [element_type(attrs["dtype"])]


def _kind(dtype: str | None) -> torch.dtype:
    return element_type(dtype).torch


@operator("_zeros", infer=given_shape, types=given_type, check=sizes_of("_zeros"))
def zeros(*, shape: tuple[int, ...] = (), ctx: str = "", dtype: DType | None = "float32", device: Device) -> Tensor:
    """Zeros."""
    return torch.zeros(shape, dtype=_kind(dtype), device=device)


@operator("_ones", infer=given_shape, types=given_type, check=sizes_of("_ones"))
def ones(*, shape: tuple[int, ...] = (), ctx: str = "", dtype: DType | None = "float32", device: Device) -> Tensor:
    """Ones."""
    return torch.ones(shape, dtype=_kind(dtype), device=device)


@operator("_full", infer=given_shape, types=given_type, check=sizes_of("_full"))
def full(
    *, shape: tuple[int, ...] = (), value: float, ctx: str = "", dtype: DType | None = "float32", device: Device
) -> Tensor:
    """`value` everywhere."""
    return torch.full(shape, value, dtype=_kind(dtype), device=device)


@operator("_arange", types=given_type, check=at_least("_arange", repeat=1))
def arange(
    *,
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Evenly spaced numbers from `start` to before `stop`, each `repeat` times; with one number, from 0 to it."""
    if stop is None:
        start, stop = 0.0, start
    numbers = torch.arange(start, stop, step, dtype=_kind(dtype), device=device)
    return numbers.repeat_interleave(repeat) if repeat > 1 else numbers


@operator("_eye", types=given_type)
def eye(*, N: int, M: int = 0, k: int = 0, ctx: str = "", dtype: DType = "float32", device: Device) -> Tensor:
    """Ones on the `k`-th diagonal of an array of shape ``(N, M)``, or ``(N, N)`` if `M` is 0; zeros elsewhere."""
    row, column = torch.arange(N, device=device), torch.arange(M or N, device=device)
    return (column == row.unsqueeze(1) + k).to(_kind(dtype))


@operator(
    "_random_uniform",
    "random_uniform",
    "uniform",
    infer=given_shape,
    types=given_type,
    check=sizes_of("_random_uniform"),
)
def random_uniform(
    *,
    low: float = 0.0,
    high: float = 1.0,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Numbers drawn evenly from ``[low, high)``."""
    return torch.empty(shape, dtype=_kind(dtype), device=device).uniform_(low, high)


@operator(
    "_random_normal",
    "random_normal",
    "normal",
    infer=given_shape,
    types=given_type,
    check=sizes_of("_random_normal"),
)
def random_normal(
    *,
    loc: float = 0.0,
    scale: float = 1.0,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Numbers drawn from a normal distribution with mean `loc` and standard deviation `scale`."""
    return torch.empty(shape, dtype=_kind(dtype), device=device).normal_(loc, scale)
