"""BatchNorm against real MXNet: outputs, gradients, and the moving statistics that it writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_close
from oracle.client import Oracle

from .draw import Draw

NAMES = ("x", "bn_gamma", "bn_beta")
STATES = ("bn_moving_mean", "bn_moving_var")


def _arrays(shape: tuple[int, ...], axis: int, dtype: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(3)
    size = shape[axis]
    args = [rng.normal(1, 2, shape), rng.normal(size=size), rng.normal(size=size)]
    states = [rng.normal(size=size), rng.uniform(0.5, 2, size)]
    return (
        {name: value.astype(dtype) for name, value in zip(NAMES, args, strict=True)},
        {name: value.astype(dtype) for name, value in zip(STATES, states, strict=True)},
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"fix_gamma": False},
        {"fix_gamma": False, "eps": 0.1, "momentum": 0.3},
        {"use_global_stats": True, "fix_gamma": False},
        {"axis": -1, "fix_gamma": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(63, 3), (5, 3, 7), (4, 3, 2, 5)], ids=str)
def test_batch_norm(oracle: Oracle, shape: tuple[int, ...], attrs: dict[str, Any], train: bool, dtype: str) -> None:
    symbol = mx.sym.BatchNorm(mx.sym.Variable("x"), name="bn", **attrs)
    args, aux = _arrays(shape, attrs.get("axis", 1), dtype)
    head = Draw(0, dtype).like(args["x"])
    theirs = oracle.run_symbol(symbol.tojson(), args, aux, is_train=train, head_grads=[head])
    arrays = {key: mx.nd.array(value, dtype=dtype) for key, value in args.items()}
    grads = {key: mx.nd.zeros(value.shape, dtype=dtype) for key, value in args.items()}
    states = {key: mx.nd.array(value, dtype=dtype) for key, value in aux.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads, aux_states=states)
    (output,) = executor.forward(is_train=train)
    tolerance = 1e-4 if dtype == "float32" else 1e-7
    assert_close(output.asnumpy(), theirs.outputs[0], tolerance, "output")
    if train:
        executor.backward([mx.nd.array(head, dtype=dtype)])
        for key, gradient in theirs.gradients.items():
            assert_close(grads[key].asnumpy(), gradient, 10 * tolerance, f"gradient of {key}")
    for key, state in theirs.aux.items():
        assert_close(states[key].asnumpy(), state, tolerance, key)


@pytest.mark.parametrize("train", [False, True])
def test_mean_and_deviation(oracle: Oracle, train: bool) -> None:
    args, aux = _arrays((5, 3, 7), 1, "float64")
    arrays = [*args.values(), *aux.values()]
    theirs = oracle.op("BatchNorm", arrays, {"output_mean_var": True}, is_train=train).outputs
    with mx.autograd.train_mode() if train else mx.autograd.predict_mode():
        ours = mx.nd.BatchNorm(*[mx.nd.array(each, dtype="float64") for each in arrays], output_mean_var=True)
    for mine, reference in zip(ours, theirs, strict=True):
        assert_close(mine.asnumpy(), reference, 1e-6, "output")


def test_the_graph_file(oracle: Oracle) -> None:
    source = """
def text(**attrs):
    return mx.sym.BatchNorm(mx.sym.Variable("x"), name="bn", **attrs).tojson()
plain, more = text(), text(output_mean_var=True, axis=-1)
"""
    theirs = oracle.build(source, ["plain", "more"])
    x = mx.sym.Variable("x")
    assert mx.sym.BatchNorm(x, name="bn").tojson() == theirs["plain"]
    assert mx.sym.BatchNorm(x, name="bn", output_mean_var=True, axis=-1).tojson() == theirs["more"]


def test_shapes_and_types() -> None:
    symbol = mx.sym.BatchNorm(mx.sym.Variable("x"), name="bn")
    assert symbol.list_auxiliary_states() == list(STATES)
    assert symbol.infer_shape(x=(2, 3, 4)) == ([(2, 3, 4), (3,), (3,)], [(2, 3, 4)], [(3,), (3,)])
    arguments, outputs, states = symbol.infer_type(x="float16")
    assert arguments == [np.float16, np.float32, np.float32]
    assert outputs == [np.float16]
    assert states == [np.float32, np.float32]


def test_objections() -> None:
    arrays = [mx.nd.ones(3)] * 4
    with pytest.raises(mx.base.ShapeError, match=r"BatchNorm: gamma: expected shape \(4,\), got \(3,\)"):
        mx.nd.BatchNorm(mx.nd.ones((2, 4)), *arrays)
    with pytest.raises(mx.base.ArgumentError, match="BatchNorm: attribute axis: 2 is outside of data with 2 axes"):
        mx.nd.BatchNorm(mx.nd.ones((2, 4)), *arrays, axis=2)
