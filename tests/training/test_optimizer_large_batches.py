"""Rules of which MXNet's own cannot be held to all: delays, noise, layers and large batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle
from rennet import lr_scheduler, optimizer
from rennet.base import ArgumentError


def draw(count: int, shape: tuple[int, ...] = (3, 5)) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng([count, *shape])
    weight, *grads = (rng.normal(size=shape).astype(np.float32) for _ in range(count + 1))
    return weight, grads


def run(name: str, weight: np.ndarray, grads: list[np.ndarray], **arguments: Any) -> list[np.ndarray]:
    """The weight after each update."""
    made = optimizer.create(name, param_idx2name={0: "fc_weight"}, **arguments)
    update, current = optimizer.get_updater(made), mx.nd.array(weight)
    found = []
    for grad in grads:
        update(0, mx.nd.array(grad), current)
        found.append(current.asnumpy())
    return found


@pytest.mark.parametrize("strategy", ["linear", "power2", "sqrt", "lars"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("begin_epoch", [0, 1])
def test_large_batches(oracle: Oracle, strategy: str, momentum: float, begin_epoch: int) -> None:
    weight, grads = draw(24)
    arguments = {"learning_rate": 0.02, "momentum": momentum, "warmup_strategy": strategy, "wd": 0.1}
    arguments |= {"batch_scale": 3, "warmup_epochs": 2, "updates_per_epoch": 6, "begin_epoch": begin_epoch}
    arguments |= {"rescale_grad": 0.5, "clip_gradient": 0.4}
    expected = oracle.optimizer_steps("lbsgd", arguments, weight, grads)
    assert_all_close(run("lbsgd", weight, grads, **arguments), expected, 1e-5, "weight")
    assert (expected[0] == weight).all()


def test_delays_are_compensated_with_momentum_too() -> None:
    """By the formula: MXNet asks for the truth of the momentum, which an array of many elements has not."""
    weight, grads = draw(5)
    expected, before, move = weight.astype(np.float64), weight.astype(np.float64), np.zeros(weight.shape)
    found = run("dcasgd", weight, grads, learning_rate=0.1, momentum=0.8, lamda=0.5, wd=0.1)
    for grad, ours in zip(grads, found, strict=True):
        move = 0.8 * move - 0.1 * (grad + 0.1 * expected + 0.5 * grad**2 * (expected - before))
        before, expected = expected, expected + move
        assert_close(ours, expected.astype(np.float32), 1e-5, "weight")


def test_noise_is_drawn_from_the_seeded_stream() -> None:
    weight, (grad,) = draw(1, (400, 300))
    plain = weight - 0.02 * (np.clip(0.5 * grad, -0.4, 0.4) + 0.1 * weight)
    arguments = {"learning_rate": 0.04, "wd": 0.1, "rescale_grad": 0.5, "clip_gradient": 0.4}
    found = []
    for seed in (3, 3, 4):
        mx.random.seed(seed)
        found += run("sgld", weight, [grad], **arguments)
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()
    noise = (found[0] - plain) / 0.2
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert abs(np.corrcoef(noise.ravel(), ((found[2] - plain) / 0.2).ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("name", ["bn_gamma", "bn_beta", "fc_bias", "fc_weight"])
def test_layers_without_a_rate_of_their_own(oracle: Oracle, name: str) -> None:
    weight, grads = draw(4, (7,))
    arguments = {"learning_rate": 0.1, "wd": 0.1, "momentum": 0.5}
    expected = oracle.optimizer_steps("lars", arguments, weight, grads, param_name=name)
    update = optimizer.get_updater(optimizer.create("lars", param_idx2name={0: name}, **arguments))
    current = mx.nd.array(weight)
    for grad, each in zip(grads, expected, strict=True):
        update(0, mx.nd.array(grad), current)
        assert_close(current, each, 1e-5, name)


def test_the_momentum_follows_the_schedule_of_every_parameter() -> None:
    """As if each were updated alone; MXNet corrects that of the first few only."""
    drawn = [draw(6, shape) for shape in ((3, 5), (2,), (4, 1))]
    arguments = {"learning_rate": 1.0, "momentum": 0.9, "eta": 0.1}

    def schedule() -> lr_scheduler.FactorScheduler:
        return lr_scheduler.FactorScheduler(2, 0.5)

    alone = [run("lars", *each, **arguments, lr_scheduler=schedule())[-1] for each in drawn]
    names = {place: f"{letter}_weight" for place, letter in enumerate("abc")}
    made = optimizer.create("lars", param_idx2name=names, lr_scheduler=schedule(), **arguments)
    update, current = optimizer.get_updater(made), [mx.nd.array(weight) for weight, _ in drawn]
    for step in zip(*[grads for _, grads in drawn], strict=True):
        update([0, 1, 2], [mx.nd.array(grad) for grad in step], current)
    assert_all_close(current, alone, 1e-6, "weights")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"warmup_strategy": "cubic"},
            "LBSGD: warmup_strategy: expected one of lars, linear, power2, sqrt; got 'cubic'",
        ),
        ({"batch_scale": 0}, "LBSGD: batch_scale: expected a whole number of at least 1, got 0"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        optimizer.create("lbsgd", **arguments)
