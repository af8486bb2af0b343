"""``sym.random``: random numbers drawn anew each time the graph runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from .symbol import Symbol, call

__all__ = ["exponential", "gamma", "multinomial", "normal", "poisson", "randint", "shuffle", "uniform"]


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


def gamma(
    alpha: float = 1, beta: float = 1, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any
) -> Symbol:
    """Numbers drawn from a gamma distribution with shape `alpha` and scale `beta`."""
    return _draw("_random_gamma", shape, dtype, {"alpha": alpha, "beta": beta, **kwargs})


def exponential(scale: float = 1, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Numbers drawn from an exponential distribution with mean `scale`."""
    return _draw("_random_exponential", shape, dtype, {"lam": 1.0 / scale, **kwargs})


def poisson(lam: float = 1, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Whole numbers drawn from a Poisson distribution with mean `lam`, in a floating-point type."""
    return _draw("_random_poisson", shape, dtype, {"lam": lam, **kwargs})


def randint(low: int, high: int, shape: int | Sequence[int] | None = None, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Whole numbers drawn evenly from `low` to before `high`, int32 by default."""
    return _draw("_random_randint", shape, dtype, {"low": low, "high": high, **kwargs})


def multinomial(
    data: Symbol,
    shape: int | Sequence[int] | None = None,
    get_prob: bool = True,
    dtype: Any = "int32",
    **kwargs: Any,
) -> Symbol:
    """Numbers of classes, drawn with the probabilities along the last axis of `data`, `shape` of them for each row.

    With `get_prob`, the default here, the logarithms of their probabilities are a second output.
    """
    given = {} if shape is None else {"shape": shape}
    attributes = {**given, "get_prob": get_prob, "dtype": dtype, **kwargs}
    return call(OPERATORS["_sample_multinomial"], "_sample_multinomial", [data], attributes)


def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """The parts along the first axis in random order."""
    return call(OPERATORS["_shuffle"], "_shuffle", [data], kwargs)
