"""Random numbers for which there is no operator: negative binomial ones, and those for arrays of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError

MANY = 20000
# Name, parameters, and the mean and variance of the distribution.
DISTRIBUTIONS: list[tuple[str, dict[str, float], float, float]] = [
    ("negative_binomial", {"k": 3, "p": 0.4}, 4.5, 11.25),
    ("negative_binomial", {"k": 1, "p": 1}, 0, 0),
    ("generalized_negative_binomial", {"mu": 2, "alpha": 0.3}, 2, 3.2),
    ("generalized_negative_binomial", {"mu": 2, "alpha": 0}, 2, 2),
    ("exponential", {"scale": 2}, 2, 4),
    ("poisson", {"lam": 4}, 4, 4),
]
each = pytest.mark.parametrize(("name", "parameters", "mean", "variance"), DISTRIBUTIONS)


def _hold(drawn: np.ndarray, mean: float, variance: float) -> None:
    assert drawn.mean() == pytest.approx(mean, abs=6 * (variance / drawn.size) ** 0.5)
    assert drawn.var() == pytest.approx(variance, rel=0.15)


@each
def test_moments(name: str, parameters: dict[str, float], mean: float, variance: float) -> None:
    draw = getattr(mx.random, name)
    _hold(draw(**parameters, shape=(MANY,)).asnumpy(), mean, variance)
    several = {key: mx.nd.array([value, value]) for key, value in parameters.items()}
    drawn = draw(**several, shape=(MANY // 2,))
    assert drawn.shape == (2, MANY // 2)
    _hold(drawn.asnumpy(), mean, variance)


@each
def test_real_mxnet_draws_so_too(
    oracle: Oracle, name: str, parameters: dict[str, float], mean: float, variance: float
) -> None:
    text = f"drawn = mx.nd.random.{name}(shape=({MANY},), **given)"
    _hold(oracle.build(text, ["drawn"], {"given": parameters})["drawn"], mean, variance)


def test_shapes_types_and_places(oracle: Oracle) -> None:
    text = """
two = mx.nd.array([[2, 3, 4]])
half = mx.nd.ones((1, 3)) / 2
calls = [
    lambda r: r.negative_binomial(2, 0.5), lambda r: r.negative_binomial(2, 0.5, shape=3),
    lambda r: r.negative_binomial(2, 0.5, shape=(2, 2), dtype="float64"), lambda r: r.negative_binomial(two, half),
    lambda r: r.negative_binomial(two, half, shape=(5, 2)),
    lambda r: r.generalized_negative_binomial(two, half, shape=2),
    lambda r: r.poisson(two), lambda r: r.poisson(two, shape=4), lambda r: r.exponential(two, shape=(4, 1)),
    lambda r: r.uniform_like(data=two), lambda r: r.normal_like(two), lambda r: r.gamma_like(two, alpha=2.0, beta=1.0),
    lambda r: r.exponential_like(two, lam=2.0), lambda r: r.poisson_like(two, lam=2.0),
    lambda r: r.negative_binomial_like(two, k=2, p=0.5),
    lambda r: r.generalized_negative_binomial_like(two, mu=1.0, alpha=0.5),
]
drawn = [call(mx.nd.random) for call in calls]
found = [[list(each.shape), np.dtype(each.dtype).name] for each in drawn]
"""
    theirs = oracle.build(text, ["found"], {})["found"]
    scope: dict[str, Any] = {"mx": mx, "np": np}
    exec(text, scope)
    assert scope["found"] == theirs


def test_one_seed_governs_them() -> None:
    def drawn() -> list[list[float]]:
        mx.random.seed(3)
        arrays = [
            mx.random.negative_binomial(3, 0.5, shape=9),
            mx.random.generalized_negative_binomial(3, 0.5, shape=9),
            mx.nd.random.poisson(mx.nd.ones(9)),
            mx.nd.random.exponential(mx.nd.ones(9)),
        ]
        return [array.asnumpy().tolist() for array in arrays]

    assert drawn() == drawn()


def test_into_an_array() -> None:
    out = mx.nd.zeros((2, 5))
    assert mx.nd.random.negative_binomial(9, 0.1, out=out) is out
    assert out.asnumpy().min() > 0
    assert mx.nd.random.uniform_like(out, 5, 6, out=out) is out
    assert (out.asnumpy() >= 5).all()


def test_numbers_beside_arrays() -> None:
    with pytest.raises(
        ArgumentError, match="negative_binomial: k and p: expected numbers or NDArrays, not one of each"
    ):
        mx.nd.random.negative_binomial(mx.nd.ones(2), 0.5)
