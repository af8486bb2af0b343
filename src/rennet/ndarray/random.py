"""``nd.random``: arrays of random numbers, all drawn from torch's generator, so that one seed governs everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from ..base import ArgumentError
from ..context import Context
from .array import NDArray, call, invoke

__all__ = ["exponential", "gamma", "multinomial", "normal", "poisson", "randint", "randn", "shuffle", "uniform"]


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


def _draw_from(
    word: str,
    parameters: dict[str, Any],
    shape: int | Sequence[int] | None,
    dtype: Any,
    ctx: Context | None,
    out: NDArray | None,
) -> NDArray:
    """From the distribution with these parameters, or, where they are arrays, from one for each of their elements."""
    arrays = [isinstance(value, NDArray) for value in parameters.values()]
    if not any(arrays):
        return _draw(f"_random_{word}", shape, dtype, ctx, out, **parameters)
    if not all(arrays):
        raise ArgumentError(f"{word}: {' and '.join(parameters)}: expected numbers or NDArrays, not one of each")
    attributes = {"shape": () if shape is None else shape, "dtype": dtype}
    return call(OPERATORS[f"_sample_{word}"], list(parameters.values()), {**attributes, "out": out})


def uniform(
    low: float | NDArray = 0.0,
    high: float | NDArray = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn evenly from ``[low, high)``; one number if neither `shape` nor `out` is given.

    Bounds may be two arrays: then `shape` numbers are drawn for each pair.
    """
    return _draw_from("uniform", {"low": low, "high": high}, shape, dtype, ctx, out)


def normal(
    loc: float | NDArray = 0.0,
    scale: float | NDArray = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn from a normal distribution with mean `loc` and standard deviation `scale`.

    Both may be arrays: then `shape` numbers are drawn for each pair.
    """
    if isinstance(loc, NDArray) or isinstance(scale, NDArray):
        return _draw_from("normal", {"mu": loc, "sigma": scale}, shape, dtype, ctx, out)
    return _draw("_random_normal", shape, dtype, ctx, out, loc=loc, scale=scale)


def randn(*shape: int, loc: float = 0.0, scale: float = 1.0, dtype: Any = None, ctx: Context | None = None) -> NDArray:
    """As `normal`, with the sizes of the axes as arguments.

    >>> randn(2, 3).shape
    (2, 3)
    """
    return normal(loc, scale, shape or None, dtype, ctx)


def gamma(
    alpha: float | NDArray = 1.0,
    beta: float | NDArray = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn from a gamma distribution with shape `alpha` and scale `beta`.

    Both may be arrays: then `shape` numbers are drawn for each pair.
    """
    return _draw_from("gamma", {"alpha": alpha, "beta": beta}, shape, dtype, ctx, out)


def exponential(
    scale: float = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn from an exponential distribution with mean `scale`."""
    return _draw("_random_exponential", shape, dtype, ctx, out, lam=1.0 / scale)


def poisson(
    lam: float = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Whole numbers drawn from a Poisson distribution with mean `lam`, in a floating-point type."""
    return _draw("_random_poisson", shape, dtype, ctx, out, lam=lam)


def randint(
    low: int,
    high: int,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Whole numbers drawn evenly from `low` to before `high`, int32 by default."""
    return _draw("_random_randint", shape, dtype or "int32", ctx, out, low=low, high=high)


def multinomial(
    data: NDArray,
    shape: int | Sequence[int] = (),
    get_prob: bool = False,
    out: NDArray | None = None,
    dtype: Any = "int32",
) -> Any:
    """Numbers of classes, drawn with the probabilities along the last axis of `data`, `shape` of them for each row.

    With `get_prob`, a list of them and of the logarithms of their probabilities.
    """
    return call(
        OPERATORS["_sample_multinomial"], [data], {"shape": shape, "get_prob": get_prob, "dtype": dtype, "out": out}
    )


def shuffle(data: NDArray, out: NDArray | None = None) -> NDArray:
    """The parts along the first axis in random order."""
    return call(OPERATORS["_shuffle"], [data], {"out": out})
