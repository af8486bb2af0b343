"""Operators that take many elements together: sums, means, extremes, products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError, NotSupportedError, ShapeError
from .attrs import DType
from .inference import axis_within
from .registry import operator


def _axes(name: str, data: Tensor, axis: tuple[int, ...] | None, exclude: bool) -> tuple[int, ...]:
    every = range(data.dim())
    if not axis:
        return tuple(every)  # with `exclude` too
    chosen = [axis_within(name, "axis", at, data.dim()) for at in axis]
    if len(set(chosen)) < len(chosen):
        raise ArgumentError(f"{name}: attribute axis: expected each axis at most once; got {axis}")
    return tuple(at for at in every if (at in chosen) != exclude)


def _at_least_1d(result: Tensor) -> Tensor:
    """MXNet has no arrays without axes: a full reduction has shape (1,)."""
    return result.reshape(1) if result.dim() == 0 else result


def _prod(data: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        data = data.prod(axis, keepdim=keepdim)
    return data


class _Extreme(torch.autograd.Function):
    """The largest or smallest elements. As in MXNet, all that are equally extreme get the whole gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(data: Tensor, find: Callable[..., Tensor], axes: tuple[int, ...]) -> Tensor:
        return find(data, axes, keepdim=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, *heads: Tensor) -> tuple[Tensor | None, ...]:
        data, found = ctx.saved_tensors
        return heads[0] * (data == found), None, None


def _extreme(find: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(data: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
        found = _Extreme.apply(data, find, axes)
        return found if keepdim else found.squeeze(axes)

    return run


def _mean(data: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    return (data if data.is_floating_point() else data.double()).mean(axes, keepdim)


_REDUCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[str, ...], str]] = {
    "sum": (torch.sum, ("sum_axis",), "The sum"),
    "mean": (_mean, (), "The mean"),
    "max": (_extreme(torch.amax), ("max_axis",), "The largest element"),
    "min": (_extreme(torch.amin), ("min_axis",), "The smallest element"),
    "prod": (_prod, (), "The product"),
}


def _reduction(name: str, fn: Callable[..., Tensor], aliases: tuple[str, ...], doc: str) -> None:
    def run(
        data: Tensor, *, axis: tuple[int, ...] | None = None, keepdims: bool = False, exclude: bool = False
    ) -> Tensor:
        axes = _axes(name, data, axis, exclude)
        result = fn(data, axes, keepdim=keepdims) if axes else data.clone()
        return _at_least_1d(result.to(data.dtype))

    run.__doc__ = f"{doc} over `axis`, over all axes if None, or over all others with `exclude`."
    operator(name, *aliases)(run)


for _name, (_fn, _aliases, _doc) in _REDUCTIONS.items():
    _reduction(_name, _fn, _aliases, _doc)


def _norm_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type(attrs["out_dtype"]) if attrs["out_dtype"] else ins[0]]


@operator("norm", types=_norm_types)
def norm(
    data: Tensor,
    *,
    ord: int = 2,
    axis: tuple[int, ...] | None = None,
    out_dtype: DType | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The 1-norm or 2-norm over `axis`, or over everything."""
    if ord not in (1, 2):
        raise ArgumentError(f"norm: attribute ord: expected 1 or 2; got {ord}")
    values = data if data.is_floating_point() else data.double()
    kind = element_type(out_dtype).torch if out_dtype else data.dtype
    return _at_least_1d(torch.linalg.vector_norm(values, ord, _axes("norm", data, axis, False), keepdims).to(kind))


def _arg_extreme(name: str, fn: Callable[..., Tensor], doc: str) -> None:
    def run(data: Tensor, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
        # MXNet answers indices in the data's own type
        at = None if axis is None else axis_within(name, "axis", axis, data.dim())
        return _at_least_1d(fn(data, at, keepdims).to(data.dtype))

    run.__doc__ = f"The index of the {doc} element along `axis`, or in the flattened array."
    operator(name)(run)


_arg_extreme("argmax", torch.argmax, "largest")
_arg_extreme("argmin", torch.argmin, "smallest")


Storage = Literal["default", "csr", "row_sparse"] | None


def _dense_only(name: str, forward_stype: str | None) -> None:
    if forward_stype not in (None, "default"):
        raise NotSupportedError(f"{name}: attribute forward_stype: only dense results are made; got {forward_stype!r}")


@operator("dot")
def dot(
    lhs: Tensor,
    rhs: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    forward_stype: Storage = None,
) -> Tensor:
    """The product of the last axis of `lhs` with the first of `rhs`.

    With `transpose_a` it is the first axis of `lhs`, with `transpose_b` the last of `rhs`; the others keep their order.
    """
    _dense_only("dot", forward_stype)
    left = 0 if transpose_a else lhs.dim() - 1
    right = rhs.dim() - 1 if transpose_b else 0
    if lhs.shape[left] != rhs.shape[right]:
        raise ShapeError(
            f"dot: expected axis {left} of lhs and axis {right} of rhs to be of one size, "
            f"got shapes {tuple(lhs.shape)} and {tuple(rhs.shape)}"
        )
    return _at_least_1d(torch.tensordot(lhs, rhs, dims=([left], [right])))  # pyright: ignore[reportArgumentType]


@operator("batch_dot")
def batch_dot(
    lhs: Tensor,
    rhs: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    forward_stype: Storage = None,
) -> Tensor:
    """Matrix products of the last two axes, one for each place in the others."""
    _dense_only("batch_dot", forward_stype)
    left = lhs.transpose(-1, -2) if transpose_a else lhs
    right = rhs.transpose(-1, -2) if transpose_b else rhs
    if left.dim() < 3 or left.shape[:-2] != right.shape[:-2] or left.shape[-1] != right.shape[-2]:
        raise ShapeError(
            f"batch_dot: expected equal batches of matrices that can be multiplied, "
            f"got shapes {tuple(lhs.shape)} and {tuple(rhs.shape)}"
        )
    return torch.matmul(left, right)
