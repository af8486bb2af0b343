"""What is random: held to the statistics it promises, for real MXNet draws other numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from rennet.base import ArgumentError

SAMPLES = 200_000


def test_uniform() -> None:
    values = mx.nd.uniform(low=-1.5, high=0.5, shape=(2, SAMPLES // 2)).asnumpy()
    assert values.shape == (2, SAMPLES // 2)
    assert values.dtype == np.float32
    assert -1.5 <= values.min() < -1.49
    assert 0.49 < values.max() < 0.5
    assert abs(values.mean() + 0.5) < 0.01
    assert abs(values.std() - 2 / np.sqrt(12)) < 0.01
    # as many in each tenth
    counts, _ = np.histogram(values, 10, (-1.5, 0.5))
    assert np.abs(counts / SAMPLES - 0.1).max() < 0.005


def test_normal() -> None:
    values = mx.nd.normal(loc=3, scale=0.5, shape=(SAMPLES,)).asnumpy()
    assert abs(values.mean() - 3) < 0.01
    assert abs(values.std() - 0.5) < 0.01
    for sigmas, share in ((1, 0.6827), (2, 0.9545)):
        assert abs((np.abs(values - 3) < 0.5 * sigmas).mean() - share) < 0.005


@pytest.mark.parametrize("draw", [mx.nd.uniform, mx.nd.normal, mx.nd.random.uniform, mx.nd.random.normal])
def test_seeds_types_and_shapes(draw) -> None:
    mx.random.seed(7)
    first, second = draw(shape=(3, 4), dtype="float64"), draw(shape=(3, 4), dtype="float64")
    mx.random.seed(7)
    again = draw(shape=(3, 4), dtype="float64")
    assert first.dtype == np.float64
    assert (first == again).asnumpy().all()
    assert not (first == second).asnumpy().all()
    assert draw(shape=5).shape == (5,)
    assert draw(shape=(2,), dtype="float16").dtype == np.float16


def test_drawing_into_an_array() -> None:
    target = mx.nd.zeros((2, 3))
    assert mx.nd.random.uniform(1, 2, out=target) is target
    assert (target >= 1).asnumpy().all()


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda shape: mx.nd.random.gamma(2.0, 1.5, shape=shape), 3, 1.5 * np.sqrt(2)),
        (lambda shape: mx.nd.random.exponential(2.0, shape=shape), 2, 2),
        (lambda shape: mx.nd.random.poisson(3.0, shape=shape), 3, np.sqrt(3)),
        (lambda shape: mx.nd.random.randint(-2, 4, shape=shape), 0.5, np.sqrt(35 / 12)),
        (lambda shape: mx.nd.random.randn(*shape, loc=1, scale=2), 1, 2),
    ],
    ids=["gamma", "exponential", "poisson", "randint", "randn"],
)
def test_means_and_deviations(draw, mean: float, deviation: float) -> None:
    mx.random.seed(3)
    first = draw((2, SAMPLES // 2))
    mx.random.seed(3)
    values = first.asnumpy()
    assert (draw((2, SAMPLES // 2)).asnumpy() == values).all()
    assert values.shape == (2, SAMPLES // 2)
    assert abs(values.mean() - mean) < 0.02
    assert abs(values.std() - deviation) < 0.03


def test_whole_numbers() -> None:
    values = mx.nd.random.randint(-2, 4, shape=SAMPLES).asnumpy()
    assert values.dtype == np.int32
    assert np.unique(values).tolist() == [-2, -1, 0, 1, 2, 3]
    assert mx.nd.random.randint(0, 2, shape=3, dtype="int64").dtype == np.int64
    with pytest.raises(mx.base.ArgumentError, match="attribute high: expected more than low, 4; got 4"):
        mx.nd.random.randint(4, 4)


@pytest.mark.parametrize(
    ("draw", "means", "deviations"),
    [
        (mx.nd.random.normal, [-3, 5], [0.5, 2]),
        (mx.nd.random.uniform, [-1.25, 3.5], [3.5 / np.sqrt(12), 3 / np.sqrt(12)]),
        (mx.nd.random.gamma, None, None),
    ],
)
def test_parameters_in_arrays(draw, means, deviations) -> None:
    first, second = [-3.0, 5.0], [0.5, 2.0]
    if draw is mx.nd.random.gamma:
        first, means, deviations = [4.0, 9.0], [2, 18], [1, 6]
    values = draw(mx.nd.array(first), mx.nd.array(second), shape=(4, SAMPLES // 4)).asnumpy()
    assert values.shape == (2, 4, SAMPLES // 4)
    assert np.abs(values.mean((1, 2)) - means).max() < 0.06
    assert np.abs(values.std((1, 2)) - np.abs(deviations)).max() < 0.06
    assert draw(mx.nd.array(first), mx.nd.array(second)).shape == (2,)


def test_classes() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    data = mx.nd.array(probabilities)
    data.attach_grad()
    with mx.autograd.record():
        drawn, logarithms = mx.nd.random.multinomial(data, shape=SAMPLES, get_prob=True)
    values = drawn.asnumpy()
    assert values.shape == (2, SAMPLES)
    assert values.dtype == np.int32
    for row in range(2):
        shares = np.bincount(values[row], minlength=3) / SAMPLES
        assert np.abs(shares - probabilities[row]).max() < 0.01
    expected = np.log(np.take_along_axis(probabilities, values.astype(int), 1))
    assert np.allclose(logarithms.asnumpy(), expected, atol=1e-6)
    logarithms.backward()
    counts = np.stack([np.bincount(values[row], minlength=3) for row in range(2)])
    assert data.grad is not None
    reached = probabilities > 0
    assert np.allclose(data.grad.asnumpy()[reached], (counts[reached] / probabilities[reached]), rtol=5e-3)
    assert mx.nd.random.multinomial(mx.nd.array([0.0, 1.0])).asnumpy().tolist() == [1]


def test_distinct_classes() -> None:
    """Each at most once in a row; the first of every row is a plain draw."""
    mx.random.seed(5)
    sample: Any = getattr(mx.nd._internal, "_sample_unique_zipfian")  # noqa: B009
    samples, tries = sample(range_max=30, shape=(20000, 4))
    drawn: Any = samples.asnumpy()
    assert samples.dtype == tries.dtype == np.int64
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    assert drawn.min() == 0
    assert drawn.max() == 29
    classes = np.arange(30)
    expected = np.log((classes + 2) / (classes + 1)) / np.log(31)
    assert abs(np.bincount(drawn[:, 0], minlength=30) / 20000 - expected).max() < 0.015
    assert (tries.asnumpy() >= 4).all()
    assert tries.asnumpy().max() > 4
    every, _ = sample(range_max=7, shape=(3, 7))
    assert (np.sort(every.asnumpy(), 1) == np.arange(7)).all()
    node: Any = getattr(mx.sym._internal, "_sample_unique_zipfian")(  # noqa: B009
        range_max=7, shape=(3, 2), name="z"
    )
    assert node.list_outputs() == ["z_output0", "z_output1"]
    assert node.infer_shape()[1] == [(3, 2), (3,)]
    assert [each.shape for each in node.eval()] == [(3, 2), (3,)]
    for shape in ((6,), (2, 8)):
        with pytest.raises(ArgumentError, match=r"attribute shape: expected rows and at most 7 samples"):
            sample(range_max=7, shape=shape)


def test_shuffle() -> None:
    data = mx.nd.array(np.arange(600).reshape(200, 3))
    shuffled = mx.nd.shuffle(data).asnumpy()
    assert (shuffled != data.asnumpy()).any()
    assert (shuffled[shuffled[:, 0].argsort()] == data.asnumpy()).all()


def test_random_symbols() -> None:
    s = mx.sym.random
    drawn = [s.gamma(2, 1), s.exponential(2), s.poisson(3), s.normal(), s.uniform()]
    total = mx.sym.add_n(*[mx.sym.Variable("x"), *drawn])
    assert total.infer_shape(x=(2, 3))[1] == [(2, 3)]
    (result,) = total.eval(x=mx.nd.zeros((2, 3)))
    assert result.shape == (2, 3)
    (whole,) = s.randint(1, 5, shape=7).eval()
    assert whole.dtype == np.int32
    numbers = s.multinomial(mx.sym.Variable("p"), shape=4)
    assert [each.shape for each in numbers.eval(p=mx.nd.array([[0.5, 0.5]]))] == [(1, 4), (1, 4)]
    assert s.shuffle(mx.sym.Variable("x")).eval(x=mx.nd.arange(5))[0].shape == (5,)


class TestDropout:
    """Dropout while training."""

    @staticmethod
    def drop(data: mx.nd.NDArray, **attrs) -> mx.nd.NDArray:
        with mx.autograd.train_mode():
            return mx.nd.Dropout(data, **attrs)

    @pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
    def test_how_many_and_how_large(self, p: float) -> None:
        values = self.drop(mx.nd.ones(SAMPLES), p=p).asnumpy()
        assert abs((values == 0).mean() - p) < 0.005
        assert np.allclose(values[values != 0], 1 / (1 - p))

    def test_the_gradient_is_the_mask(self) -> None:
        data = mx.nd.array(np.random.uniform(1, 2, (63, 7)))
        data.attach_grad()
        with mx.autograd.record():
            output = mx.nd.Dropout(data, p=0.4)
        head = np.random.normal(size=data.shape).astype("f")
        output.backward(mx.nd.array(head))
        mask = output.asnumpy() / data.asnumpy()
        assert np.allclose(np.unique(mask.round(4)), [0, 1 / 0.6], atol=1e-3)
        assert data.grad is not None
        assert np.allclose(data.grad.asnumpy(), head * mask, atol=1e-5)

    @pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (-1,), (0, 1, 2)])
    def test_one_decision_along_axes(self, axes: tuple[int, ...]) -> None:
        values = self.drop(mx.nd.ones((20, 30, 40)), p=0.5, axes=axes).asnumpy()
        assert (values == values.mean(axes, keepdims=True).round()).all()
        assert set(np.unique(values)) <= {0, 2}
        if len(axes) < 3:
            assert 0 < values.mean() < 2

    def test_inference(self) -> None:
        data = mx.nd.array(np.random.normal(size=(5, 7)))
        assert (mx.nd.Dropout(data, p=0.9) == data).asnumpy().all()
        assert (self.drop(data, p=0.0) == data).asnumpy().all()
        always = mx.nd.Dropout(mx.nd.ones(SAMPLES), p=0.25, mode="always").asnumpy()
        assert abs((always == 0).mean() - 0.25) < 0.005

    def test_a_seed_fixes_the_mask(self) -> None:
        masks = []
        for seed in (1, 1, 2):
            mx.random.seed(seed)
            masks.append(self.drop(mx.nd.ones(100), p=0.5).asnumpy())
        assert (masks[0] == masks[1]).all()
        assert (masks[0] != masks[2]).any()

    @pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
    def test_objections(self, p: float) -> None:
        with pytest.raises(mx.base.ArgumentError, match=rf"Dropout: attribute p: expected a rate in \[0, 1\); got {p}"):
            mx.nd.Dropout(mx.nd.ones(3), p=p)


@pytest.mark.parametrize("name", [name for name in mx.random.__all__ if name != "seed"])
def test_random_is_nd_random(name: str) -> None:
    assert getattr(mx.random, name) is getattr(mx.nd.random, name)
    assert set(mx.nd.random.__all__) < set(mx.random.__all__)
