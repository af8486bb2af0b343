"""``sym.random``: random numbers drawn anew each time the graph runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from .symbol import Symbol, call

__all__ = ["normal", "uniform"]


def _draw(operator: str, shape: int | Sequence[int] | None, dtype: Any, attributes: dict[str, Any]) -> Symbol:
    given = {"shape": shape, "dtype": dtype}
    attributes = {**{key: value for key, value in given.items() if value is not None}, **attributes}
    return call(OPERATORS[operator], operator, [], attributes)


def uniform(
    low: float = 0, high: float = 1, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any
) -> Symbol:
    """Numbers drawn evenly from ``[low, high)``; without a shape, in the one that their use asks for."""
    return _draw("_random_uniform", shape, dtype, {"low": low, "high": high, **kwargs})


def normal(
    loc: float = 0, scale: float = 1, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any
) -> Symbol:
    """Numbers drawn from a normal distribution with mean `loc` and standard deviation `scale`.

    Without a shape, in the one that their use asks for.
    """
    return _draw("_random_normal", shape, dtype, {"loc": loc, "scale": scale, **kwargs})
