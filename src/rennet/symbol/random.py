"""``sym.random``: random numbers drawn anew each time the graph runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from .symbol import Symbol, call

__all__ = ["normal", "uniform"]


def uniform(
    low: float = 0.0, high: float = 1.0, shape: int | Sequence[int] = (1,), dtype: Any = "float32", **kwargs: Any
) -> Symbol:
    """Numbers drawn evenly from ``[low, high)``."""
    attributes = {"low": low, "high": high, "shape": shape, "dtype": dtype, **kwargs}
    return call(OPERATORS["_random_uniform"], "_random_uniform", [], attributes)


def normal(
    loc: float = 0.0, scale: float = 1.0, shape: int | Sequence[int] = (1,), dtype: Any = "float32", **kwargs: Any
) -> Symbol:
    """Numbers drawn from a normal distribution with mean `loc` and standard deviation `scale`."""
    attributes = {"loc": loc, "scale": scale, "shape": shape, "dtype": dtype, **kwargs}
    return call(OPERATORS["_random_normal"], "_random_normal", [], attributes)
