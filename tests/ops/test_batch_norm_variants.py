"""SyncBatchNorm and BatchNormWithReLU against real MXNet: outputs, gradients, moving statistics, graph files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle

from .draw import Draw

SYNC = ("_contrib_SyncBatchNorm", {"key": "layer_"})
RECTIFIED = ("_contrib_BatchNormWithReLU", {})


def _symbol(op: str, attrs: dict[str, Any]) -> mx.sym.Symbol:
    return getattr(mx.sym.contrib, op.removeprefix("_contrib_"))(mx.sym.Variable("x"), name="bn", **attrs)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("attrs", [{"fix_gamma": False}, {"eps": 0.1, "momentum": 0.3}], ids=str)
@pytest.mark.parametrize(
    ("op", "own", "shape"),
    # oneDNN takes images only
    [(*SYNC, (63, 3)), (*SYNC, (4, 3, 2, 5)), (*RECTIFIED, (4, 3, 2, 5)), (*RECTIFIED, (2, 7, 3, 3))],
    ids=str,
)
def test_against_mxnet(
    oracle: Oracle, op: str, own: dict[str, Any], shape: tuple[int, ...], attrs: dict[str, Any], train: bool
) -> None:
    symbol = _symbol(op, {**own, **attrs})
    draw, size = Draw(3), shape[1]
    args = {"x": 2 * draw.like(np.zeros(shape, np.float32)) + 1}
    args |= {name: draw.like(np.zeros(size, np.float32)) for name in ("bn_gamma", "bn_beta")}
    states = {"bn_moving_mean": draw.like(np.zeros(size, np.float32)), "bn_moving_var": draw.positive(str(size))}
    head = draw.like(args["x"])
    if op == RECTIFIED[0] and not train:
        head = np.zeros_like(head)  # oneDNN has no way back without a training step
    theirs = oracle.run_symbol(symbol.tojson(), args, states, is_train=train, head_grads=[head])
    arrays = {key: mx.nd.array(value) for key, value in args.items()}
    grads = {key: mx.nd.zeros(value.shape) for key, value in args.items()}
    aux = {key: mx.nd.array(value) for key, value in states.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads, aux_states=aux)
    outputs = executor.forward(is_train=train)
    assert_all_close(outputs, theirs.outputs, 1e-4, "output")
    assert_all_close(aux, theirs.aux, 1e-5, "states")
    if train:
        executor.backward([mx.nd.array(head)])
        assert_all_close(grads, theirs.gradients, 1e-3, "gradients")


@pytest.mark.parametrize(("op", "own"), [SYNC, RECTIFIED], ids=str)
@pytest.mark.parametrize("attrs", [{}, {"output_mean_var": True, "fix_gamma": False}], ids=str)
def test_graph_files(oracle: Oracle, op: str, own: dict[str, Any], attrs: dict[str, Any]) -> None:
    source = """
node = getattr(mx.sym.contrib, op)(mx.sym.Variable("x"), name="bn", **attrs)
text, outputs, shapes = node.tojson(), node.list_outputs(), node.infer_shape(x=(2, 3, 4, 5))
"""
    given = {"op": op.removeprefix("_contrib_"), "attrs": {**own, **attrs}}
    theirs = oracle.build(source, ["text", "outputs", "shapes"], given)
    ours = _symbol(op, {**own, **attrs})
    assert ours.tojson() == theirs["text"]
    assert ours.list_outputs() == theirs["outputs"]
    assert ours.infer_shape(x=(2, 3, 4, 5)) == tuple(theirs["shapes"])


def test_a_number_of_devices_that_makes_no_sense() -> None:
    with pytest.raises(mx.base.ArgumentError, match="SyncBatchNorm: attribute ndev: expected a positive number; got 0"):
        _symbol(SYNC[0], {"key": "a", "ndev": 0})


def test_statistics_of_several_devices_are_refused_in_training() -> None:
    arrays = [mx.nd.ones((2, 3)), *[mx.nd.ones(3)] * 4]
    assert mx.nd.contrib.SyncBatchNorm(*arrays, key="a", ndev=2).shape == (2, 3)
    with mx.autograd.train_mode():
        assert mx.nd.contrib.SyncBatchNorm(*arrays, key="a", ndev=2, use_global_stats=True).shape == (2, 3)
        with pytest.raises(mx.base.NotSupportedError, match=r"ndev \(num_devices .* training needs 1; got 2"):
            mx.nd.contrib.SyncBatchNorm(*arrays, key="a", ndev=2)
