"""Every update rule: MXNet's numbers over many updates, states that can be saved, and nothing else touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle, Scheduler
from rennet import lr_scheduler, optimizer
from rennet.base import ArgumentError
from rennet.context import Context
from rennet.optimizer.rule import Rule

RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {"momentum": 0.9, "learning_rate": 0.05}),
    "nag": ("nag", {"momentum": 0.9, "learning_rate": 0.05}),
    "nag without momentum": ("nag", {"learning_rate": 0.05}),
    "signum": ("signum", {"learning_rate": 0.05, "momentum": 0.8}),
    "signum with decay beside": ("signum", {"learning_rate": 0.05, "wd_lh": 0.1}),
    "signsgd": ("signum", {"learning_rate": 0.05, "momentum": 0.0}),
    "adagrad": ("adagrad", {"learning_rate": 0.1}),
    "adagrad with eps": ("adagrad", {"learning_rate": 0.1, "eps": 0.1}),
    "rmsprop": ("rmsprop", {"learning_rate": 0.02}),
    "rmsprop with epsilon": ("rmsprop", {"gamma1": 0.8, "epsilon": 0.3, "learning_rate": 0.1, "clip_weights": 0.7}),
    "rmsprop centered": ("rmsprop", {"centered": True, "learning_rate": 0.02, "gamma2": 0.6}),
    "rmsprop centered with epsilon": (
        "rmsprop",
        {"centered": True, "gamma1": 0.7, "epsilon": 0.3, "learning_rate": 0.1, "clip_weights": 0.7},
    ),
    "adadelta": ("adadelta", {}),
    "adadelta with epsilon": ("adadelta", {"rho": 0.7, "epsilon": 0.1}),
    "adam": ("adam", {"learning_rate": 0.02}),
    "adamax": ("adamax", {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.9}),
    "nadam": ("nadam", {"learning_rate": 0.05}),
    "nadam with a fast schedule": (
        "nadam",
        {"learning_rate": 0.05, "beta1": 0.99, "beta2": 0.9, "epsilon": 0.1, "schedule_decay": 20.0},
    ),
    "ftml": ("ftml", {"learning_rate": 0.05}),
    "ftml with epsilon": ("ftml", {"learning_rate": 0.1, "beta1": 0.3, "beta2": 0.8, "epsilon": 0.1}),
    "ftrl": ("ftrl", {}),
    "ftrl with much zero": ("ftrl", {"lamda1": 2.0, "learning_rate": 0.5, "beta": 0.5}),
    "lamb": ("lamb", {"learning_rate": 0.05}),
    "lamb without correction": (
        "lamb",
        {"learning_rate": 0.1, "bias_correction": False, "lower_bound": 2.0, "epsilon": 0.1, "beta1": 0.5},
    ),
    "lamb with an upper bound": ("lamb", {"learning_rate": 0.1, "upper_bound": 0.5, "beta2": 0.9}),
    "dcasgd": ("dcasgd", {"learning_rate": 0.05, "lamda": 0.5}),
    "lars": ("lars", {"learning_rate": 2.0, "eta": 0.1}),
    "lars with momentum": ("lars", {"learning_rate": 2.0, "momentum": 0.8, "eta": 0.1, "eps": 0.5}),
    "lars without correction": ("lars", {"learning_rate": 9.0, "momentum": 0.8, "momentum_correction": False}),
    "lbsgd": ("lbsgd", {"learning_rate": 0.05, "momentum": 0.9}),
    "lbsgd by layers": ("lbsgd", {"learning_rate": 0.02, "warmup_strategy": "lars"}),
    "ccsgd": ("ccsgd", {"momentum": 0.9, "learning_rate": 0.05}),
}
"""One for each branch of a formula, with an epsilon large enough to show where it stands."""

EXTRAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decayed": {"wd": 0.1},
    "rescaled": {"wd": 0.1, "rescale_grad": 0.5},
    "clipped": {"wd": 0.3, "rescale_grad": 0.5, "clip_gradient": 0.2},
    "not clipped": {"wd": 0.1, "clip_gradient": None},
}
SHAPES = [(3, 5), (7,), (2, 1, 3), (1,)]
SCHEDULE: Scheduler = {"name": "FactorScheduler", "kwargs": {"step": 6, "factor": 0.5, "base_lr": 0.2}}
STEPS = 24

every_rule = pytest.mark.parametrize("rule", RULES)


def every_rule_but(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", [rule for rule, (name, _) in RULES.items() if name != kind])


def make(rule: str, **more: Any) -> optimizer.Optimizer:
    name, arguments = RULES[rule]
    return optimizer.create(name, **{**arguments, **more})


def draw(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """A weight and the gradients of its updates; some elements have none in the first of them."""
    rng = np.random.default_rng([seed, *shape])
    weight, *grads = (rng.normal(size=shape).astype(dtype) for _ in range(STEPS + 1))
    return weight, grads


@every_rule
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("scheduled", [True, False], ids=["scheduled", "fixed"])
def test_equal_to_mxnet(oracle: Oracle, rule: str, extra: str, scheduled: bool) -> None:
    kind, arguments = RULES[rule]
    arguments = {**arguments, **EXTRAS[extra]}
    if scheduled and kind == "ftrl":  # MXNet passes over its learning rate then
        arguments.pop("learning_rate", None)
    if scheduled and kind == "lbsgd":
        pytest.skip("MXNet asks the schedule before it counts the update")
    for shape in SHAPES:
        weight, grads = draw(shape)
        theirs = oracle.optimizer_steps(kind, arguments, weight, grads, SCHEDULE if scheduled else None)
        schedule = lr_scheduler.FactorScheduler(**SCHEDULE["kwargs"]) if scheduled else None
        made = optimizer.create(kind, param_idx2name={0: "fc_weight"}, lr_scheduler=schedule, **arguments)
        update, current = optimizer.get_updater(made), mx.nd.array(weight)
        for step, (grad, expected) in enumerate(zip(grads, theirs, strict=True)):
            update(0, mx.nd.array(grad), current)
            assert_close(current, expected, 1e-5, f"{shape}: step {step}")


@every_rule
def test_weights_of_16_bits(oracle: Oracle, rule: str) -> None:
    kind, arguments = RULES[rule]
    arguments = {**arguments, "wd": 0.1, "multi_precision": True}
    weight, grads = draw((3, 5), np.float16)
    theirs = oracle.optimizer_steps(kind, arguments, weight, grads)
    update = optimizer.get_updater(optimizer.create(kind, param_idx2name={0: "fc_weight"}, **arguments))
    current = mx.nd.array(weight, dtype="float16")
    for grad, expected in zip(grads, theirs, strict=True):
        update(0, mx.nd.array(grad, dtype="float16"), current)
        assert_close(current, expected, 1e-3, "weight")  # the last bit of a half
    assert update.states[0][0].dtype is np.float32


SEVERAL = """
made = mx.optimizer.create(kind, param_idx2name=names, **arguments)
made.set_lr_mult({"b_weight": 0.5})
made.set_wd_mult({"d_weight": 0.2})
update = mx.optimizer.get_updater(made)
current = [mx.nd.array(each) for each in weights]
for step in grads:
    for index, grad in enumerate(step):
        update(index, mx.nd.array(grad), current[index])
answers = [each.asnumpy() for each in current]
"""


@every_rule_but("nadam")  # MXNet's schedule runs once for each parameter; see the next test
def test_several_parameters_at_once(oracle: Oracle, rule: str) -> None:
    kind, arguments = RULES[rule]
    drawn = [draw(shape) for shape in SHAPES]
    weights, grads = [weight for weight, _ in drawn], list(zip(*[grads for _, grads in drawn], strict=True))
    given = {
        "kind": kind,
        "arguments": {**arguments, "wd": 0.1},
        "names": {0: "a_weight", 1: "b_weight", 2: "c_bias", 3: "d_weight"},
        "weights": weights,
        "grads": [list(step) for step in grads],
    }
    theirs = oracle.build(SEVERAL, ["answers"], given)["answers"]
    made = make(rule, wd=0.1, param_idx2name=given["names"])
    made.set_lr_mult({"b_weight": 0.5})
    made.set_wd_mult({"d_weight": 0.2})
    update, current = optimizer.get_updater(made), [mx.nd.array(each) for each in weights]
    for step in grads:
        update([0, 1, 2, 3], [mx.nd.array(grad) for grad in step], current)
    assert_all_close(current, theirs, 1e-5, "weights")


def test_nadam_counts_each_parameter_apart(oracle: Oracle) -> None:
    kind, arguments = RULES["nadam"]
    drawn = [draw(shape) for shape in SHAPES]
    theirs = [oracle.optimizer_steps(kind, arguments, weight, grads)[-1] for weight, grads in drawn]
    update, current = optimizer.get_updater(make("nadam")), [mx.nd.array(weight) for weight, _ in drawn]
    for step in zip(*[grads for _, grads in drawn], strict=True):
        update([0, 1, 2, 3], [mx.nd.array(grad) for grad in step], current)
    assert_all_close(current, theirs, 1e-5, "weights")


@every_rule
def test_going_on_from_a_file_is_bitwise_the_same(rule: str) -> None:
    def started() -> optimizer.Updater:
        schedule = lr_scheduler.FactorScheduler(**SCHEDULE["kwargs"])
        return optimizer.get_updater(make(rule, wd=0.1, lr_scheduler=schedule, multi_precision=True))

    dtypes = [np.float32, np.float16]
    drawn = [draw((2, 3), dtype) for dtype in dtypes]
    weights = [mx.nd.array(weight, dtype=weight.dtype) for weight, _ in drawn]
    steps = [[mx.nd.array(g, dtype=g.dtype) for g in step] for step in zip(*[g for _, g in drawn], strict=True)]
    first, second = started(), started()
    for step in steps[:8]:
        first([0, "b"], step, weights)
    copies = [weight.copy() for weight in weights]
    second.set_states(first.get_states(dump_optimizer=True))
    for step in steps[8:]:
        first([0, "b"], step, weights)
        second([0, "b"], step, copies)
    for ours, theirs in zip(copies, weights, strict=True):
        assert torch.equal(ours.tensor, theirs.tensor)
    assert second.get_states(True) == first.get_states(True)


@every_rule
def test_updates_are_in_place_and_leave_gradients_alone(rule: str) -> None:
    made = make(rule, rescale_grad=0.5, wd=0.1, clip_gradient=0.1)
    assert isinstance(made, Rule)
    weight, grad = mx.nd.ones((2,)), mx.nd.ones((2,))
    tensor, before = weight.tensor, weight.tensor.data_ptr()
    states = [made.create_state(0, weight)]
    held = [each.tensor.data_ptr() for each in flat(states)]
    for _ in range(2):
        made.update([0], [weight], [grad], states)
    assert weight.tensor is tensor
    assert tensor.data_ptr() == before
    assert [each.tensor.data_ptr() for each in flat(states)] == held
    assert grad.asnumpy().tolist() == [1, 1]
    assert (weight.asnumpy() != 1).all()


def flat(state: Any) -> list[mx.nd.NDArray]:
    if isinstance(state, list | tuple):
        return [leaf for each in state for leaf in flat(each)]
    return [state] if isinstance(state, mx.nd.NDArray) else []


@every_rule
def test_nothing_asks_the_device_for_a_value(rule: str) -> None:
    # on meta tensors that would fail
    made = make(rule, wd=0.1, clip_gradient=1.0)
    assert isinstance(made, Rule)
    state = on_meta(made.create_state(0, mx.nd.NDArray(torch.empty(2, 2), Context("cpu"))))
    made.step([torch.empty(2, 2, device="meta")], [torch.empty(2, 2, device="meta")], [state], 0.1, 0.1, 1)


def on_meta(state: Any) -> Any:
    if isinstance(state, list | tuple):
        return type(state)(on_meta(each) for each in state)
    return mx.nd.NDArray(state.tensor.to("meta"), Context("cpu")) if isinstance(state, mx.nd.NDArray) else state


@every_rule
def test_double_precision(rule: str) -> None:
    results = []
    for dtype in ("float32", "float64"):
        weight, grads = draw((3, 5))
        update, current = optimizer.get_updater(make(rule, wd=0.1)), mx.nd.array(weight, dtype=dtype)
        for grad in grads:
            update(0, mx.nd.array(grad, dtype=dtype), current)
        results.append(current.asnumpy().astype(np.float32))
    assert_close(results[0], results[1], 1e-5, "weight")


@every_rule_but("adadelta")  # which has none
def test_a_learning_rate_of_zero_freezes(rule: str) -> None:
    update, weight = optimizer.get_updater(make(rule, wd=0.1, learning_rate=0.0)), mx.nd.array([0.5, -0.25])
    for _ in range(2):
        update(0, mx.nd.array([1, 1]), weight)
    assert weight.asnumpy().tolist() == [0.5, -0.25]


@every_rule
def test_without_a_gradient_no_weight_is_lost(rule: str) -> None:
    update, weight = optimizer.get_updater(make(rule)), mx.nd.array([1, -2])
    update(0, mx.nd.array([0, 0]), weight)
    assert np.isfinite(weight.asnumpy()).all()


def test_signs_without_momentum_take_both_decays() -> None:
    # MXNet fails on this one
    update = optimizer.get_updater(optimizer.Signum(learning_rate=0.5, momentum=0, wd=0.25, wd_lh=0.25))
    weight = mx.nd.array([4, -4])
    update(0, mx.nd.array([3, 3]), weight)
    assert weight.asnumpy().tolist() == [2.5, -3.5]


def test_a_schedule_keeps_its_rate_unless_ftrl_is_given_one(caplog: pytest.LogCaptureFixture) -> None:
    schedule = lr_scheduler.FactorScheduler(1, base_lr=0.5)
    assert optimizer.Ftrl(lr_scheduler=schedule).learning_rate == 0.5
    assert optimizer.Ftrl().learning_rate == 0.1
    assert optimizer.Ftrl(learning_rate=0.25, lr_scheduler=schedule).learning_rate == 0.25
    assert "overwritten by the optimizer's learning_rate of 0.25" in caplog.text


def test_the_rule_to_test_with(oracle: Oracle) -> None:
    weight, grads = draw((3,))
    theirs = oracle.optimizer_steps("test", {"rescale_grad": 0.5}, weight, grads)
    update, current = optimizer.get_updater(optimizer.create("test", rescale_grad=0.5)), mx.nd.array(weight)
    for grad, expected in zip(grads, theirs, strict=True):
        update(0, mx.nd.array(grad), current)
        assert_close(current, expected, 1e-6, "weight")
        assert_close(update.states[0], expected, 1e-6, "state")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("signum", {"momentum": -0.5}),
        ("nag", {"momentum": -0.5}),
        ("dcasgd", {"momentum": -0.5}),
        ("lars", {"momentum": -0.5}),
        ("lbsgd", {"momentum": -0.5}),
        ("rmsprop", {"gamma1": 1.0}),
        ("rmsprop", {"gamma2": -0.1}),
        ("adadelta", {"rho": 1.0}),
        ("adamax", {"beta1": 1.0}),
        ("nadam", {"beta2": 1.0}),
        ("ftml", {"beta1": 1.0}),
        ("lamb", {"beta2": 1.5}),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, float]) -> None:
    ((argument, value),) = arguments.items()
    with pytest.raises(ArgumentError, match=f"{argument}: expected at least 0.*, got {value}"):
        optimizer.create(name, **arguments)


def test_unknown_arguments_are_refused() -> None:
    for name in optimizer.Optimizer.opt_registry:
        with pytest.raises(ArgumentError, match="flavour"):
            optimizer.create(name, flavour=1)
