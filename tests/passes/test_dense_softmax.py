"""Softmax outputs of dense layers, which run as one operator: the same numbers as by the two, and as real MXNet's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.executor import Executor
from rennet.symbol import Symbol

from .fusion import assert_agrees, bound, step_by_step, trained

JOINED = "_softmax_output_of_dense"
ONE = {
    "plain": {},
    "ignoring": {"use_ignore": True, "ignore_label": 2},
    "ignoring -1": {"use_ignore": True},
    "scaled": {"grad_scale": 0.3, "normalization": "batch"},
    "valid": {"use_ignore": True, "ignore_label": 0, "normalization": "valid", "grad_scale": 2.0},
    "valid, none ignored": {"normalization": "valid"},
    "ignoring between two": {"use_ignore": True, "ignore_label": 2.5},
    "null": {"normalization": "null", "preserve_shape": True},
}
OTHERS = {
    "out_grad": {"out_grad": True},
    "smoothed": {"smooth_alpha": 0.2},
    "by channel": {"multi_output": True},
}


def network(no_bias: bool = False, **attributes: Any) -> Symbol:
    scores = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=5, no_bias=no_bias, name="dense")
    return mx.sym.SoftmaxOutput(scores, mx.sym.var("label"), name="softmax", **attributes)


def ran(executor: Executor) -> list[str]:
    return [node.op.name for node in executor._program.nodes if node.op is not None]


@pytest.mark.parametrize("no_bias", [False, True], ids=["bias", "no bias"])
@pytest.mark.parametrize("attributes", ONE.values(), ids=ONE)
def test_as_by_two_and_as_mxnet(oracle: Oracle, attributes: dict[str, Any], no_bias: bool) -> None:
    net = network(no_bias, **attributes)
    for labels in ([0, 2, 1, 2, 4, 3, 0], [-1, 2, 7, 2, -3, 5, 0], [2] * 7, [0] * 7, [-1] * 7):
        label = np.array(labels, "f")
        assert_agrees(net, {"x": (7, 2, 3), "label": (7,)}, oracle, {"label": label})


@pytest.mark.parametrize("attributes", {**ONE, **{key: OTHERS[key] for key in ("smoothed", "by channel")}}.values())
def test_labels_that_are_no_whole_numbers(oracle: Oracle, attributes: dict[str, Any]) -> None:
    """Their fractions do not count, nor does that of the label that is ignored."""
    for labels in ([0.4, -0.5, 2.5, 1.9, -1.2, 4.9, 2], [float("nan"), 1e10, 2, -float("inf"), 0.9, 5, -1e10]):
        label = np.array(labels, "f")
        for net in (network(**attributes), mx.sym.SoftmaxOutput(mx.sym.var("x"), mx.sym.var("label"), **attributes)):
            assert_agrees(net, {"x": (7, 5), "label": (7,)}, oracle, {"label": label})


@pytest.mark.parametrize("attributes", OTHERS.values(), ids=OTHERS)
def test_what_it_leaves_to_the_two(oracle: Oracle, attributes: dict[str, Any]) -> None:
    label = np.array([0, 2, 1], "f")
    # MXNet multiplies by the output where out_grad asks for the head gradient
    known = None if "out_grad" in attributes else oracle
    assert_agrees(network(**attributes), {"x": (3, 4), "label": (3,)}, known, {"label": label})


def test_probabilities_as_labels(oracle: Oracle) -> None:
    label = np.random.default_rng(0).dirichlet(np.ones(5), 3).astype("f")
    assert_agrees(network(), {"x": (3, 4), "label": (3, 5)}, oracle, {"label": label})


def test_double_precision() -> None:
    rng = np.random.default_rng(0)
    shapes = {"x": (6, 3), "dense_weight": (5, 3), "dense_bias": (5,)}
    args = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    args["label"] = np.array([0.0, 1, 1, 4, 0, 3])
    net = network(use_ignore=True, ignore_label=1, normalization="valid")
    executor = bound(net, args)
    assert ran(executor) == [JOINED]
    scores = args["x"] @ args["dense_weight"].T + args["dense_bias"]
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    gradient = (expected - np.eye(5)[args["label"].astype(int)]) * (args["label"] != 1)[:, None] / 4
    outputs, grads = trained(executor, [np.ones((6, 5))])
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-12)
    np.testing.assert_allclose(grads["dense_weight"], gradient.T @ args["x"], atol=1e-14)
    np.testing.assert_allclose(grads["dense_bias"], gradient.sum(0), atol=1e-14)
    np.testing.assert_allclose(grads["x"], gradient @ args["dense_weight"], atol=1e-14)


def test_scores_that_somebody_reads_stay() -> None:
    scores = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=5, name="dense")
    loss = mx.sym.SoftmaxOutput(scores, mx.sym.var("label"), name="softmax")
    assert ran(loss.simple_bind(x=(3, 4))) == [JOINED]
    assert ran(mx.sym.Group([loss, scores]).simple_bind(x=(3, 4))) == ["FullyConnected", "SoftmaxOutput"]
    assert ran(mx.sym.Group([loss, mx.sym.BlockGrad(scores)]).simple_bind(x=(3, 4))).count(JOINED) == 0
    assert ran(step_by_step(lambda: loss.simple_bind(x=(3, 4)))) == ["FullyConnected", "SoftmaxOutput"]


def test_probabilities_outlive_the_steps_after_them() -> None:
    """Large enough that their memory would be used again, if nobody held it."""
    executor = network(use_ignore=True, ignore_label=0).simple_bind(x=(60_000, 3), label=(60_000,))
    rng = np.random.default_rng(0)
    executor.arg_dict["dense_weight"][:] = rng.normal(size=(5, 3))
    executor.arg_dict["label"][:] = rng.integers(0, 5, 60_000)
    kept = []
    for _ in range(3):
        executor.arg_dict["x"][:] = rng.normal(size=(60_000, 3))
        (output,) = executor.forward(is_train=True)
        kept.append((output[10:20], output.asnumpy()[10:20].copy()))
        executor.backward()
        np.testing.assert_array_equal(executor.outputs[0].asnumpy()[10:20], kept[-1][1])
    for view, values in kept:
        np.testing.assert_array_equal(view.asnumpy(), values)
