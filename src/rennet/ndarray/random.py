"""``nd.random``: arrays of random numbers, all drawn from torch's generator, so that one seed governs everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._ops.catalogue import OPERATORS
from ..base import ArgumentError
from ..context import Context
from .array import NDArray, invoke
from .calling import call
from .creation import full

# what stands in mx.random too; the functions ending in _like do not
__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "multinomial",
    "negative_binomial",
    "normal",
    "poisson",
    "randint",
    "randn",
    "shuffle",
    "uniform",
]


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
    scale: float | NDArray = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Numbers drawn from an exponential distribution with mean `scale`, or `shape` of them for each of its elements."""
    if not isinstance(scale, NDArray):
        return _draw("_random_exponential", shape, dtype, ctx, out, lam=1.0 / scale)
    (means,) = _for_each([scale], shape)
    return _into(out, NDArray(torch.empty_like(means).exponential_() * means, scale.context), dtype)


def poisson(
    lam: float | NDArray = 1.0,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Whole numbers drawn from a Poisson distribution with mean `lam`, in a floating-point type.

    `lam` may be an array: then `shape` numbers are drawn for each of its elements.
    """
    if not isinstance(lam, NDArray):
        return _draw("_random_poisson", shape, dtype, ctx, out, lam=lam)
    (means,) = _for_each([lam], shape)
    return _into(out, NDArray(torch.poisson(means), lam.context), dtype)


def negative_binomial(
    k: float | NDArray = 1,
    p: float | NDArray = 1,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """How often something of probability `p` fails before it has succeeded `k` times, in a floating-point type.

    Both may be arrays: then `shape` numbers are drawn for each pair.

    >>> negative_binomial(3, 1, shape=2).asnumpy().tolist()
    [0.0, 0.0]
    """
    given = _arrays_of("negative_binomial", {"k": k, "p": p}, shape, ctx, out)
    wanted, chance = _for_each(given, shape if isinstance(k, NDArray) else ())
    return _into(out, NDArray(_poisson_of_gamma(wanted, (1 - chance) / chance), given[0].context), dtype)


def generalized_negative_binomial(
    mu: float | NDArray = 1,
    alpha: float | NDArray = 1,
    shape: int | Sequence[int] | None = None,
    dtype: Any = None,
    ctx: Context | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Whole numbers with mean `mu` and variance ``mu + alpha * mu ** 2``, in a floating-point type.

    Both may be arrays: then `shape` numbers are drawn for each pair. Where `alpha` is 0 the distribution is Poisson's.
    """
    given = _arrays_of("generalized_negative_binomial", {"mu": mu, "alpha": alpha}, shape, ctx, out)
    means, spread = _for_each(given, shape if isinstance(mu, NDArray) else ())
    some = torch.where(spread > 0, spread, torch.ones_like(spread))
    drawn = torch.where(spread > 0, _poisson_of_gamma(1 / some, some * means), torch.poisson(means))
    return _into(out, NDArray(drawn, given[0].context), dtype)


def _arrays_of(
    word: str, parameters: dict[str, Any], shape: int | Sequence[int] | None, ctx: Context | None, out: NDArray | None
) -> list[NDArray]:
    """The parameters as arrays: those that they are, or of the shape that is wanted."""
    arrays = [isinstance(value, NDArray) for value in parameters.values()]
    if all(arrays):
        return list(parameters.values())
    if any(arrays):
        raise ArgumentError(f"{word}: {' and '.join(parameters)}: expected numbers or NDArrays, not one of each")
    if out is not None:
        shape, ctx = out.shape if shape is None else shape, out.context
    return [full((1,) if shape is None else shape, value, ctx) for value in parameters.values()]


def _for_each(parameters: Sequence[NDArray], shape: int | Sequence[int] | None) -> list[Tensor]:
    """The parameters repeated along new last axes of these sizes."""
    sizes = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    tensors = [parameter.tensor.detach() for parameter in parameters]
    return [each.reshape(*each.shape, *[1] * len(sizes)).expand(*each.shape, *sizes) for each in tensors]


def _poisson_of_gamma(concentration: Tensor, scale: Tensor) -> Tensor:
    """Whole numbers whose mean is itself drawn: a negative binomial distribution."""
    return torch.poisson(torch.distributions.Gamma(concentration, 1.0, validate_args=False).sample() * scale)


def _into(out: NDArray | None, drawn: NDArray, dtype: Any) -> NDArray:
    if out is None:
        return drawn if dtype is None else drawn.astype(dtype, copy=False)
    out[:] = drawn
    return out


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


def uniform_like(data: NDArray, low: float = 0.0, high: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `uniform`, in the shape and type of `data` and on its device."""
    return uniform(low, high, data.shape, data.dtype, data.context, out)


def normal_like(data: NDArray, loc: float = 0.0, scale: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `normal`, in the shape and type of `data` and on its device."""
    return normal(loc, scale, data.shape, data.dtype, data.context, out)


def gamma_like(data: NDArray, alpha: float = 1.0, beta: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `gamma`, in the shape and type of `data` and on its device."""
    return gamma(alpha, beta, data.shape, data.dtype, data.context, out)


def exponential_like(data: NDArray, lam: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `exponential`, in the shape and type of `data` and on its device; `lam` is the rate, not the mean."""
    return exponential(1.0 / lam, data.shape, data.dtype, data.context, out)


def poisson_like(data: NDArray, lam: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `poisson`, in the shape and type of `data` and on its device."""
    return poisson(lam, data.shape, data.dtype, data.context, out)


def negative_binomial_like(data: NDArray, k: float = 1, p: float = 1.0, out: NDArray | None = None) -> NDArray:
    """As `negative_binomial`, in the shape and type of `data` and on its device."""
    return negative_binomial(k, p, data.shape, data.dtype, data.context, out)


def generalized_negative_binomial_like(
    data: NDArray, mu: float = 1.0, alpha: float = 1.0, out: NDArray | None = None
) -> NDArray:
    """As `generalized_negative_binomial`, in the shape and type of `data` and on its device."""
    return generalized_negative_binomial(mu, alpha, data.shape, data.dtype, data.context, out)
