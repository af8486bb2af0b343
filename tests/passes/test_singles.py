"""Steps that no fused recurrence has taken, such as a decoder's: each is one call of the kernels' step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from rennet._kernels.door import pinned
from rennet.ndarray import NDArray
from rennet.program import Program

from .fusion import assert_agrees, bound, heads_of, operators, step_by_step
from .test_cells import CELLS

ROWS = (3, 20)
"""Few, which our own kernels take in inference, and many."""


def decoder(cell: mx.rnn.BaseRNNCell, steps: int = 3) -> mx.sym.Symbol:
    """Each step reads the output of the one before."""
    step, states, outputs = mx.sym.Variable("x"), cell.begin_state(), []
    for _ in range(steps):
        step, states = cell(step, states)
        outputs.append(step)
    return heads_of(outputs, states)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", ["rnn", "relu", "lstm", "gru"])
def test_a_decoder_of_symbols(kind: str, rows: int) -> None:
    net, shapes = decoder(CELLS[kind]()), {"x": (rows, 3)}
    (found,) = assert_agrees(net, shapes)
    assert found.why_not == "an input of a step is computed from the output of an earlier one"
    assert operators(net, shapes).count("_rnn_step") == 3


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_inference_is_the_same(kind: str) -> None:
    """Where nothing is recorded, a few rows go to other kernels."""
    net = decoder(CELLS[kind]())
    shapes = net.infer_shape(x=(2, 3))[0]
    random = np.random.default_rng(0)
    args = {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in zip(net.list_arguments(), shapes, strict=True)
    }
    ours = [each.asnumpy() for each in bound(net, args).forward()]
    plain = [each.asnumpy() for each in step_by_step(lambda: bound(net, args)).forward()]
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_what_is_looked_into_stays_as_it_is() -> None:
    output, _ = CELLS["lstm"]()(mx.sym.Variable("x"), CELLS["lstm"]().begin_state())
    inner = output.get_internals()
    gate = next(name for name in inner.list_outputs() if name.endswith("_i_output"))
    net = mx.sym.Group([output, inner[gate]])
    assert_agrees(net, {"x": (2, 4)})
    assert "_rnn_step" not in operators(net, {"x": (2, 4)})


def test_without_a_bias_it_stays_as_it_is() -> None:
    x, h = mx.sym.Variable("x"), mx.sym.Variable("h")
    sum_ = mx.sym.FullyConnected(x, num_hidden=3, name="i") + mx.sym.FullyConnected(
        h, num_hidden=3, no_bias=True, name="h2h"
    )
    net = mx.sym.tanh(sum_)
    assert_agrees(net, {"x": (2, 4), "h": (2, 3)})
    assert "_rnn_step" not in operators(net, {"x": (2, 4), "h": (2, 3)})


def test_a_layer_and_its_decoder() -> None:
    """A fused recurrence, from whose last states a decoder goes on."""
    encoder, cell = CELLS["lstm"]("e_"), CELLS["lstm"]("d_")
    _, states = encoder.unroll(4, mx.sym.Variable("x"))
    step, outputs = mx.sym.Variable("y"), []
    for _ in range(3):
        step, states = cell(step, states)
        outputs.append(step)
    net, shapes = mx.sym.stack(*outputs, axis=1), {"x": (2, 4, 5), "y": (2, 3)}
    found = assert_agrees(net, shapes)
    assert sorted(each.why_not is None for each in found) == [False, True]
    ran = operators(net, shapes)
    assert (ran.count("_rnn_of_parts"), ran.count("_rnn_step")) == (1, 3)


GLUON: dict[str, Callable[..., Any]] = {
    "lstm": mx.gluon.rnn.LSTMCell,
    "gru": mx.gluon.rnn.GRUCell,
    "rnn": mx.gluon.rnn.RNNCell,
    "relu": lambda *args, **kwargs: mx.gluon.rnn.RNNCell(*args, activation="relu", **kwargs),
}


def decoded(cell: Any, x: NDArray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Outputs and states of two steps, recorded and not, and the gradients of all that there is."""
    x.attach_grad()
    begin = [mx.nd.array(np.full(each["shape"], 0.3)) for each in cell.state_info(x.shape[0])]
    for state in begin:
        state.attach_grad()
    with mx.autograd.record():
        output, states = cell(x, begin)
        output, states = cell(x * 2, states)
        loss = (output * output).sum() + sum((state * 3).sum() for state in states)
    loss.backward()
    later, last = cell(x, states)
    gradients = [each.grad() for each in cell.collect_params().values()]
    leaves = [each.grad for each in (x, *begin) if each.grad is not None]
    values = [output, *states, later, *last]
    return [each.asnumpy() for each in values], [each.asnumpy() for each in (*leaves, *gradients)]


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", GLUON)
def test_a_loop_over_a_cell_of_gluon(kind: str, rows: int, hybrid: bool) -> None:
    cell = GLUON[kind](5)
    cell.initialize(mx.init.Uniform(0.5))
    cell.hybridize(hybrid)
    x = mx.nd.array(np.random.default_rng(1).normal(size=(rows, 4)))
    ours, plain = decoded(cell, x), step_by_step(lambda: decoded(cell, x))
    for one, other in zip([*ours[0], *ours[1]], [*plain[0], *plain[1]], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["native", "torch", "reference"])
def test_a_pinned_backend_computes_steps_too(backend: str) -> None:
    cell = GLUON["gru"](5)
    cell.initialize(mx.init.Uniform(0.5))
    x = mx.nd.array(np.random.default_rng(1).normal(size=(20, 4)))
    expected = decoded(cell, x)
    with pinned(backend):
        found = decoded(cell, x)
    for one, other in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("recording", [False, True])
@pytest.mark.parametrize("width", [1, 2, 5, 500_000])
@pytest.mark.parametrize("kind", GLUON)
def test_inputs_of_another_width_are_refused(kind: str, width: int, recording: bool, hybrid: bool) -> None:
    cell = GLUON[kind](4, input_size=3)
    cell.initialize()
    cell.hybridize(hybrid)
    states = cell.begin_state(batch_size=2)
    cell(mx.nd.ones((2, 3)), states)
    text = rf"{type(cell).__name__}: inputs: expected shape \(N, 3\) .* got \(2, {width}\)"
    with mx.autograd.record(recording), pytest.raises(mx.base.ShapeError, match=text):
        cell(mx.nd.ones((2, width)), states)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("recording", [False, True])
@pytest.mark.parametrize("kind", GLUON)
def test_element_types_that_differ_are_refused(kind: str, recording: bool, hybrid: bool) -> None:
    cell = GLUON[kind](4, input_size=3)
    cell.initialize()
    cell.hybridize(hybrid)
    single, double = ([mx.nd.zeros((2, 4), dtype=each) for _ in cell.state_info()] for each in ("float32", "float64"))
    x = mx.nd.ones((2, 3))
    owner, last = type(cell).__name__, len(single) - 1
    with mx.autograd.record(recording):
        with pytest.raises(mx.base.ArgumentError, match=f"({owner}|t0_out): i2h_weight: expected torch.float64"):
            cell(x.astype("float64"), double)
        with pytest.raises(mx.base.ArgumentError, match=rf"{owner}: states\[0\]: expected torch.float64"):
            cell(x.astype("float64"), single)
        with pytest.raises(mx.base.ArgumentError, match=rf"{owner}: states\[{last}\]: expected torch.float32"):
            cell(x, [*single[:-1], *double[-1:]])
        cell(x, single)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2, 1), (4,)])
@pytest.mark.parametrize("kind", [*GLUON, "sigmoid"])
def test_states_of_another_shape_are_refused(kind: str, shape: tuple[int, ...], hybrid: bool) -> None:
    """Those of one sequence are not used for all of them; nor are they before the parameters have shapes."""
    cell = mx.gluon.rnn.LSTMCell(4, activation="sigmoid") if kind == "sigmoid" else GLUON[kind](4)
    cell.initialize()
    cell.hybridize(hybrid)
    for place in range(len(cell.state_info())):
        states = cell.begin_state(batch_size=2)
        states[place] = mx.nd.zeros(shape)
        text = rf"{type(cell).__name__}: states\[{place}\]: expected shape \(2, 4\) .* got {re.escape(str(shape))}"
        with pytest.raises(mx.base.ShapeError, match=text):
            cell(mx.nd.ones((2, 3)), states)


@pytest.mark.parametrize("rows", ROWS)
def test_arrays_that_are_bound_must_have_one_type(rows: int) -> None:
    net = decoder(CELLS["lstm"](), steps=1)
    executor = net.simple_bind(mx.cpu(), x=(rows, 3), type_dict={"x": "float64"})
    for is_train in (False, True):
        with pytest.raises(mx.base.ArgumentError, match=r"t0_out: h2h_weight: expected torch\.float64"):
            executor.forward(is_train)


def test_under_autocast_types_may_differ() -> None:
    cell = GLUON["lstm"](4, input_size=3)
    cell.initialize()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = cell(mx.nd.ones((2, 3), dtype="bfloat16"), cell.begin_state(batch_size=2))
    assert output.shape == (2, 4)


def test_bodies_of_loops_are_fused_only_where_fusing_is_on() -> None:
    """The switch reaches graphs inside nodes."""
    weights = [mx.sym.Variable(name) for name in ("wi", "bi", "wh", "bh")]

    def body(data: mx.sym.Symbol, states: list[mx.sym.Symbol]) -> Any:
        x = mx.sym.FullyConnected(data, weights[0], weights[1], num_hidden=3)
        h = mx.sym.FullyConnected(states[0], weights[2], weights[3], num_hidden=3)
        new = mx.sym.tanh(x + h)
        return new, [new]

    net, _ = mx.sym.contrib.foreach(body, mx.sym.Variable("x"), [mx.sym.Variable("s")])
    shapes = {"x": (4, 2, 3), "s": (2, 3), "wi": (3, 3), "bi": (3,), "wh": (3, 3), "bh": (3,)}
    assert_agrees(net, shapes)
    ran: list[str] = []
    original = Program.run

    def run(self: Any, *args: Any) -> Any:
        ran.extend(node.op.name for node in self.nodes)
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "run", run)
        executor = net.simple_bind(mx.cpu(), **shapes)
        executor.forward()
        assert "_rnn_step" in ran
        ran.clear()
        step_by_step(executor.forward)
        assert "_rnn_step" not in ran
