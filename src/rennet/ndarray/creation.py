"""Making arrays: from Python and NumPy values, from torch, and filled with constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .._dtypes import element_type
from .._ops.catalogue import OPERATORS
from ..base import ArgumentError
from ..context import Context, current_context
from .array import NDArray, invoke
from .indexing import in_order


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(size) for size in shape)


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """A new array with the values of a list, of numbers or arrays, a NumPy array, an NDArray or a torch tensor.

    Parameters
    ----------
    source_array : array-like
        The values.
    ctx : Context, optional
        The device; the current context by default.
    dtype : optional
        The element type; by default the source's for an NDArray or tensor, float32 for everything else.
    """
    where = ctx or current_context()
    if isinstance(source_array, NDArray):
        source_array = source_array.tensor
    if isinstance(source_array, torch.Tensor):
        kind = element_type(dtype).torch if dtype is not None else source_array.dtype
        tensor = source_array.detach().to(where.torch_device, kind, copy=True)
    else:
        kind = element_type(dtype).torch
        try:
            values = np.asarray(source_array)
            if values.dtype.kind not in "biuf":
                raise TypeError(f"its elements are of type {values.dtype}")
            tensor = torch.tensor(in_order(values), dtype=kind).to(where.torch_device)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"array: the source is not a regular array of numbers: {error}") from error
    return NDArray(tensor.reshape(1) if tensor.dim() == 0 else tensor, where)


def empty(shape: int | Sequence[int], ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """An array whose values are not set."""
    where = ctx or current_context()
    return NDArray(torch.empty(_shape(shape), dtype=element_type(dtype).torch, device=where.torch_device), where)


def _filled(operator: str, shape: Any, ctx: Context | None, dtype: Any, **more: Any) -> NDArray:
    attributes = {"shape": _shape(shape), "dtype": element_type(dtype).name, **more}
    return invoke(OPERATORS[operator], [], attributes, ctx=ctx)[0]


def zeros(shape: int | Sequence[int], ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """Zeros. Further keywords, such as the `name` that `begin_state` passes, are for graphs and mean nothing here."""
    return _filled("_zeros", shape, ctx, dtype)


def ones(shape: int | Sequence[int], ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """Ones. Further keywords, such as the `name` that `begin_state` passes, are for graphs and mean nothing here."""
    return _filled("_ones", shape, ctx, dtype)


def full(
    shape: int | Sequence[int], val: float, ctx: Context | None = None, dtype: Any = None, out: NDArray | None = None
) -> NDArray:
    """`val` everywhere."""
    result = _filled("_full", shape, ctx, dtype, value=val)
    if out is None:
        return result
    out[:] = result
    return out


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    ctx: Context | None = None,
    dtype: Any = None,
) -> NDArray:
    """Numbers from `start` to before `stop`, each `repeat` times; ``arange(n)`` counts from 0."""
    attributes = {"start": start, "stop": stop, "step": step, "repeat": repeat, "dtype": element_type(dtype).name}
    return invoke(OPERATORS["_arange"], [], attributes, ctx=ctx)[0]


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """Ones on the `k`-th diagonal of an array of shape ``(N, M)``, or ``(N, N)`` if `M` is 0; zeros elsewhere."""
    attributes = {"N": N, "M": M, "k": k, "dtype": element_type(dtype).name}
    return invoke(OPERATORS["_eye"], [], attributes, ctx=ctx)[0]


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, ctx: Context | None = None, dtype: Any = None
) -> NDArray:
    """`num` numbers at equal distances, from `start` to `stop`, or without `endpoint` to one step before it.

    >>> linspace(0, 1, 4, endpoint=False).asnumpy().tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    return array(np.linspace(start, stop, num, endpoint=endpoint), ctx, dtype)
