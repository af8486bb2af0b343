"""Optimizers: MXNet's numbers and contract."""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle, Scheduler
from rennet import lr_scheduler, optimizer
from rennet.base import ArgumentError, ShapeError
from rennet.context import Context

SHARED = {
    "rescale_grad": st.sampled_from([1.0, 0.25]),
    "wd": st.sampled_from([0.0, 0.1]),
    "clip_gradient": st.sampled_from([None, 0.0, -1.0, 0.3]),
}
RULES = st.one_of(
    st.tuples(
        st.just("sgd"),
        st.fixed_dictionaries(
            {"momentum": st.sampled_from([0.0, 0.9]), "learning_rate": st.floats(0.01, 0.5), **SHARED}
        ),
    ),
    st.tuples(
        st.just("adam"),
        st.fixed_dictionaries(
            {
                "learning_rate": st.floats(0.001, 0.1),
                "beta1": st.floats(0.5, 0.95),
                "beta2": st.floats(0.9, 0.999),
                "epsilon": st.sampled_from([1e-8, 1e-3]),
                **SHARED,
            }
        ),
    ),
)
SCHEDULE: Scheduler = {"name": "FactorScheduler", "kwargs": {"step": 2, "factor": 0.5}}


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.random.randn(*shape).astype(np.float32) for shape in shapes]


@settings(max_examples=60)
@given(
    rule=RULES,
    scheduled=st.booleans(),
    name=st.sampled_from(["fc_weight", "bn_gamma", "fc_bias"]),
    seed=st.integers(0, 2**31),
)
def test_equal_to_mxnet(oracle: Oracle, rule: tuple[str, dict], scheduled: bool, name: str, seed: int) -> None:
    kind, arguments = rule
    draw = np.random.RandomState(seed)
    weight, *grads = (draw.randn(3, 2).astype(np.float32) for _ in range(6))
    theirs = oracle.optimizer_steps(kind, arguments, weight, grads, SCHEDULE if scheduled else None, name)
    schedule = lr_scheduler.FactorScheduler(**SCHEDULE["kwargs"]) if scheduled else None
    ours = optimizer.create(kind, param_idx2name={0: name}, lr_scheduler=schedule, **arguments)
    update, current = optimizer.get_updater(ours), mx.nd.array(weight)
    for step, (grad, expected) in enumerate(zip(grads, theirs, strict=True)):
        update(0, mx.nd.array(grad), current)
        assert_close(current, expected, 2e-6, f"step {step}")


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_weights_of_16_bits(oracle: Oracle, kind: str) -> None:
    arguments = {
        "learning_rate": 0.05,
        "wd": 0.1,
        "multi_precision": True,
        **({"momentum": 0.9} if kind == "sgd" else {}),
    }
    weight, *grads = (each.astype(np.float16) for each in arrays(*[(3, 2)] * 6))
    theirs = oracle.optimizer_steps(kind, arguments, weight, grads)
    update = optimizer.get_updater(optimizer.create(kind, param_idx2name={0: "fc_weight"}, **arguments))
    current = mx.nd.array(weight, dtype="float16")
    for grad, expected in zip(grads, theirs, strict=True):
        update(0, mx.nd.array(grad, dtype="float16"), current)
        assert_close(current, expected, 1e-3, "weight")
    assert update.states[0][0].dtype is np.float32
    np.testing.assert_array_equal(update.states[0][0].asnumpy().astype(np.float16), current.asnumpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_without_a_copy_warn(dtype: str) -> None:
    update = optimizer.get_updater(optimizer.SGD())
    with pytest.warns(UserWarning, match="'w'.*multi_precision"):
        update("w", mx.nd.ones((1,), dtype=dtype), mx.nd.ones((1,), dtype=dtype))


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("size", [1, 7])
def test_lists_are_the_same_as_one_by_one(kind: str, size: int) -> None:
    arguments = {"wd": 0.1, "param_idx2name": {0: "a_weight", 1: "a_bias", 2: "b_weight"}, "multi_precision": True}
    shapes = [(2, 3), (3,), (1, 1)]
    weights = arrays(*shapes)

    def make() -> tuple[optimizer.Updater, list[mx.nd.NDArray]]:
        made = optimizer.create(kind, **arguments)
        made.set_lr_mult({"a_bias": 2.0, 2: 0.5})
        made.aggregate_num = size
        last = mx.nd.array(weights[2], dtype="float16")
        return optimizer.get_updater(made), [mx.nd.array(weights[0]), mx.nd.array(weights[1]), last]

    (one, first), (all_, second) = make(), make()
    for _ in range(3):
        grads = [mx.nd.array(each, dtype=w.dtype) for each, w in zip(arrays(*shapes), first, strict=True)]
        for index in range(3):
            one(index, grads[index], first[index])
        all_((0, 1, 2), tuple(grads), tuple(second))
    assert_all_close([w.asnumpy() for w in second], [w.asnumpy() for w in first], 0, "weights")


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_updates_are_in_place_and_leave_gradients_alone(kind: str) -> None:
    made = optimizer.create(kind, rescale_grad=0.5, wd=0.1, clip_gradient=0.1)
    weight, grad = mx.nd.ones((2,)), mx.nd.ones((2,))
    weight.attach_grad()
    tensor, before = weight.tensor, weight.tensor.data_ptr()
    state = made.create_state(0, weight)
    made.update(0, weight, grad, state)
    made.update([0], [weight], [grad], [state])
    assert weight.tensor is tensor
    assert tensor.data_ptr() == before
    assert tensor.requires_grad
    assert tensor.grad_fn is None
    assert grad.asnumpy().tolist() == [1, 1]
    assert (weight.asnumpy() != 1).all()


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_any_order_in_memory(kind: str) -> None:
    values, slopes = arrays((2, 3), (2, 3))
    plain, turned = mx.nd.array(values), mx.nd.from_torch(torch.tensor(values.T.copy()).T)
    grads = mx.nd.array(slopes), mx.nd.from_torch(torch.tensor(slopes.T.copy(), dtype=torch.float64).T)
    tensor = turned.tensor
    one, other = (optimizer.get_updater(optimizer.create(kind, wd=0.1)) for _ in range(2))
    for _ in range(2):
        one(0, grads[0], plain)
        other(0, grads[1], turned)
    assert turned.tensor is tensor
    assert not tensor.is_contiguous()
    assert_close(turned, plain.asnumpy(), 1e-6, "weight")


MULTIPLIERS = """
variables = [mx.sym.Variable("a_weight", lr_mult=2.0), mx.sym.Variable("b_bias", wd_mult=3.0),
             mx.sym.Variable("c_gamma"), mx.sym.Variable("d_beta"),
             mx.sym.Variable("e_weight", lr_mult=0.5, wd_mult=0.25)]
net = variables[0]
for each in variables[1:]:
    net = net + each
names = dict(enumerate(net.list_arguments()))
made = mx.optimizer.create("sgd", learning_rate=0.1, wd=0.01, sym=net, param_idx2name=names)
answers = [made._get_lrs(range(6)), made._get_wds(range(6))]
made.set_lr_mult({"c_gamma": 5.0, 3: 7.0})
made.set_wd_mult({"a_weight": 5.0, 1: 7.0})
answers += [made._get_lrs(range(6)), made._get_wds(range(6)), made._get_lr(3), made._get_wd(1)]
answers += [made.lr_mult, made.wd_mult]
class Parameter:
    lr_mult, wd_mult = 11.0, 13.0
made = mx.optimizer.create("adam", wd=0.01, param_idx2name={0: "x_bias"}, param_dict={0: Parameter()})
answers += [made._get_lr(0), made._get_wd(0), made.learning_rate]
"""


def test_multipliers(oracle: Oracle) -> None:
    ours: dict[str, Any] = {"mx": type("mx", (), {"sym": mx.sym, "optimizer": optimizer})}
    exec(MULTIPLIERS, ours)
    assert ours["answers"] == oracle.build(MULTIPLIERS, ["answers"])["answers"]


def test_counts() -> None:
    made = optimizer.SGD(begin_num_update=5)
    made._update_count([0, 1])
    made._update_count(0)
    made._set_current_context(1)
    made._update_count(0)
    assert (made.num_update, made._all_index_update_counts) == (7, {0: {0: 7, 1: 6}, 1: {0: 6}})


class Halving(optimizer.Optimizer):
    """As users write them: single arrays, a nested state, NDArray arithmetic."""

    def create_state(self, index: Any, weight: mx.nd.NDArray) -> Any:
        return (mx.nd.zeros(weight.shape, dtype=weight.dtype), None, [index, mx.nd.ones((1,))])

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        self._update_count(index)
        assert isinstance(weight, mx.nd.NDArray)
        state[0][:] = state[0] + grad
        weight[:] = weight - self._get_lr(index) * state[0] - self._get_wd(index) * weight


def test_an_optimizer_of_ones_own() -> None:
    made = Halving(learning_rate=0.5, multi_precision=True)
    update = optimizer.get_updater(made)
    weights = [mx.nd.ones((2,)), mx.nd.ones((2,), dtype="float16")]
    for _ in range(2):
        update([3, "x"], [mx.nd.ones((2,)), mx.nd.ones((2,), dtype="float16")], weights)
    assert [weight.asnumpy().tolist() for weight in weights] == [[-0.5, -0.5]] * 2
    assert made.num_update == 2
    with pytest.raises(NotImplementedError, match="must define update"):
        optimizer.Optimizer().update(0, weights[0], weights[0], None)


def test_a_builtin_with_another_update() -> None:
    class Damped(optimizer.SGD):
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            super().update(index, weight, grad * 0.5, state)  # would fail on a list

    update, weights = optimizer.get_updater(Damped(learning_rate=1.0)), [mx.nd.ones((1,)), mx.nd.ones((1,))]
    update([0, 1], [mx.nd.ones((1,)), mx.nd.ones((1,))], weights)
    assert [weight.asscalar() for weight in weights] == [0.5, 0.5]


def test_registry() -> None:
    assert isinstance(optimizer.create("SGD"), optimizer.SGD)
    assert isinstance(optimizer.Optimizer.create_optimizer("Adam"), optimizer.Adam)
    with pytest.raises(ArgumentError, match=r"expected the name of a registered one \(adadelta, .*sgd.*got 'sdg'"):
        optimizer.create("sdg")
    first = type("Passing", (optimizer.Optimizer,), {})
    assert optimizer.register(first) is first
    with pytest.warns(UserWarning, match="Passing takes the place of"):
        optimizer.register(type("Passing", (optimizer.Optimizer,), {}))
    del optimizer.Optimizer.opt_registry["passing"]


def test_the_learning_rate(caplog: pytest.LogCaptureFixture) -> None:
    assert optimizer.Optimizer().learning_rate == 0.01
    made = optimizer.SGD(learning_rate=0.3)
    made.set_learning_rate(0.2)
    assert made.learning_rate == 0.2
    schedule = lr_scheduler.FactorScheduler(1, 0.5, base_lr=1.0)
    made = optimizer.SGD(learning_rate=0.4, lr_scheduler=schedule)
    assert (made.learning_rate, schedule.base_lr) == (0.4, 0.4)
    assert caplog.messages == ["the scheduler's base_lr of 1 is overwritten by the optimizer's learning_rate of 0.4"]
    with pytest.raises(UserWarning, match="the scheduler decides"):
        made.set_learning_rate(1.0)


def test_copies_leave_the_parameters_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    made = optimizer.Adam(param_dict={0: object()}, lr_scheduler=lr_scheduler.FactorScheduler(1))
    again = copy.deepcopy(made)
    assert (again.param_dict, again.beta1, again.lr_scheduler.step) == ({}, made.beta1, 1)


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="param_idx2name: expected a dict"):
        optimizer.SGD(param_idx2name=["w"])
    with pytest.raises(ArgumentError, match=r"momentum: expected at least 0, got -0\.5"):
        optimizer.SGD(momentum=-0.5)
    with pytest.raises(ArgumentError, match="beta2: expected at least 0 and below 1, got 1"):
        optimizer.Adam(beta2=1)
    weight = mx.nd.ones((2,))
    with pytest.raises(ShapeError, match=r"parameter 'w': expected a gradient of shape \(2,\), got \(1,\)"):
        optimizer.SGD().update("w", weight, mx.nd.ones((1,)), None)
    with pytest.raises(ArgumentError, match="parameter 0: gradient: expected an NDArray, got Tensor"):
        optimizer.SGD().update(0, weight, torch.ones(2), None)


def test_large_lists_stay_on_the_device() -> None:
    # nothing in a step may ask a tensor for its value: on meta tensors that would fail
    for made in (optimizer.SGD(momentum=0.9, wd=0.1, clip_gradient=1.0), optimizer.Adam(wd=0.1, clip_gradient=1.0)):
        weights, grads = [torch.empty(2, 2, device="meta")], [torch.empty(2, 2, device="meta")]
        moments = [mx.nd.NDArray(torch.empty(2, 2, device="meta"), Context("cpu")) for _ in range(2)]
        states = [moments[0] if isinstance(made, optimizer.SGD) else tuple(moments)]
        made.step(weights, grads, states, 0.1, 0.1, 1)
