"""``nd.random``: arrays of random numbers, all drawn from torch's generator, so that one seed governs everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from ..context import Context
from .array import NDArray, invoke

__all__ = ["normal", "uniform"]


def _draw(
    operator: str, shape: int | Sequence[int] | None, dtype: Any, ctx: Context | None, out: NDArray | None, **how: float
) -> NDArray:
    if out is not None and shape is None:
        shape = out.shape
    attributes = {"shape": shape if shape is not None else (1,), "dtype": dtype or "float32", **how}
    result = invoke(OPERATORS[operator], [], attributes, ctx=out.context if out is not None else ctx)[0]
    if out is None:
        return result
    out[:] = result
    return out


def uniform(
    low: float = 0.0,
    high: float = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn evenly from ``[low, high)``; one number if neither `shape` nor `out` is given."""
    return _draw("_random_uniform", shape, dtype, ctx, out, low=low, high=high)


def normal(
    loc: float = 0.0,
    scale: float = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn from a normal distribution with mean `loc` and standard deviation `scale`."""
    return _draw("_random_normal", shape, dtype, ctx, out, loc=loc, scale=scale)
