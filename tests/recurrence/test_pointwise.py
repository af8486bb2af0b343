"""One step of each recurrence, against the formulas written out, on tensors, NDArrays and Symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close
from rennet._recurrence.modes import MODES, Mode
from rennet._recurrence.pointwise import Ops

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def gates_of(x: Array, count: int) -> Array:
    """``(count, N, H)``."""
    return x.reshape(x.shape[0], count, -1).transpose(1, 0, 2)


def elman(squash: Callable[[Array], Array]) -> Callable[..., list[Array]]:
    return lambda i2h, h2h, h: [squash(i2h + h2h)]


def lstm(i2h: Array, h2h: Array, h: Array, c: Array) -> list[Array]:
    i, f, g, o = gates_of(i2h + h2h, 4)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(new), new]


def gru(i2h: Array, h2h: Array, h: Array) -> list[Array]:
    (a_r, a_z, a_n), (b_r, b_z, b_n) = gates_of(i2h, 3), gates_of(h2h, 3)
    z = sigmoid(a_z + b_z)
    return [(1 - z) * np.tanh(a_n + sigmoid(a_r + b_r) * b_n) + z * h]


FORMULAS = {"rnn_tanh": elman(np.tanh), "rnn_relu": elman(lambda x: np.maximum(x, 0)), "lstm": lstm, "gru": gru}

TORCH = {
    squash: Ops(split=lambda x, parts: x.chunk(parts, 1), gate=torch.sigmoid, squash=getattr(torch, squash))
    for squash in ("tanh", "relu")
}


def mxnet_ops(F: Any, squash: str) -> Ops:
    return Ops(
        split=lambda x, parts: F.SliceChannel(x, num_outputs=parts),
        gate=lambda x: F.Activation(x, act_type="sigmoid"),
        squash=lambda x: F.Activation(x, act_type=squash),
    )


def inputs_of(mode: Mode, batch: int = 3, hidden: int = 5) -> list[Array]:
    """i2h, h2h and the states."""
    wide, narrow = (batch, mode.num_gates * hidden), (batch, hidden)
    return [np.random.randn(*shape) for shape in (wide, wide, *[narrow] * mode.states)]


def test_every_mode_is_here() -> None:
    assert FORMULAS.keys() == MODES.keys()


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
@pytest.mark.parametrize(("batch", "hidden"), [(3, 5), (1, 1), (2, 63)])
def test_on_tensors(mode: Mode, batch: int, hidden: int) -> None:
    i2h, h2h, *states = inputs_of(mode, batch, hidden)
    ours = mode.step(
        TORCH[mode.squash], *map(torch.from_numpy, (i2h, h2h)), [torch.from_numpy(state) for state in states]
    )
    assert_all_close(ours, FORMULAS[mode.name](i2h, h2h, *states), 1e-12, mode.name)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_gradients(mode: Mode) -> None:
    tensors = [torch.from_numpy(array).requires_grad_() for array in inputs_of(mode)]
    assert torch.autograd.gradcheck(lambda i2h, h2h, *states: mode.step(TORCH[mode.squash], i2h, h2h, states), tensors)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_on_arrays_and_symbols(mode: Mode) -> None:
    numbers = inputs_of(mode)
    expected = FORMULAS[mode.name](*numbers)
    i2h, h2h, *states = [mx.nd.array(array, dtype="float64") for array in numbers]
    assert_all_close(mode.step(mxnet_ops(mx.nd, mode.squash), i2h, h2h, states), expected, 1e-12, "NDArrays")
    names = ["i2h", "h2h", *(f"state{place}" for place in range(mode.states))]
    variables = [mx.sym.Variable(name) for name in names]
    new = mode.step(mxnet_ops(mx.sym, mode.squash), variables[0], variables[1], variables[2:])
    values = dict(zip(names, (i2h, h2h, *states), strict=True))
    outputs = [each.eval(**{name: values[name] for name in each.list_arguments()})[0] for each in new]
    assert_all_close(outputs, expected, 1e-12, "Symbols")
