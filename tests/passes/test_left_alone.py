"""What must run step by step, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet import gluon

from .fusion import assert_agrees, heads_of, reasons
from .test_cells import CELLS, X

UNKNOWN_KIND = "a layer is applied to what comes of its own output, but not as in a known recurrence"

STEPS = pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])


def split(steps: int = 3) -> list[mx.sym.Symbol]:
    return list(mx.sym.split(X, num_outputs=steps, axis=1, squeeze_axis=True))


@STEPS
def test_a_decoder_that_is_given_its_own_outputs(oracle: Oracle, kind: str) -> None:
    cell = CELLS[kind]()
    cell.reset()
    step, weight, states, outputs = mx.sym.Variable("x"), mx.sym.Variable("w"), cell.begin_state(), []
    for _ in range(3):
        output, states = cell(step, states)
        step = mx.sym.FullyConnected(output, weight, num_hidden=4, no_bias=True)
        outputs.append(step)
    assert reasons(heads_of(outputs), {"x": (2, 4)}, oracle=oracle) == [
        "an input of a step is computed from the output of an earlier one"
    ]


@STEPS
def test_a_decoder_that_attends(oracle: Oracle, kind: str) -> None:
    """The input of each step is weighed by the output before it."""
    cell = CELLS[kind]()
    states, outputs, before = cell.begin_state(), [], None
    for step in split():
        step = step if before is None else mx.sym.broadcast_mul(step, mx.sym.mean(before, axis=1, keepdims=True))
        before, states = cell(step, states)
        outputs.append(before)
    assert reasons(heads_of(outputs), {"x": (2, 3, 4)}, oracle=oracle) == [
        "an input of a step is computed from the output of an earlier one"
    ]


@pytest.mark.parametrize(("kind", "name"), [("lstm", "c_t1_state_output"), ("gru", "c_t1__r_act_output")])
def test_what_is_inside_a_step_is_used_outside(oracle: Oracle, kind: str, name: str) -> None:
    outputs, _ = CELLS[kind]().unroll(3, X, merge_outputs=True)
    inside = outputs.get_internals()[name]
    found = reasons(mx.sym.Group([outputs, inside]), {"x": (2, 3, 4)}, oracle=oracle)
    assert found == [f"{name.removesuffix('_output')}, which is computed inside a step, is used outside"]


def test_projections_used_outside(oracle: Oracle) -> None:
    outputs, _ = CELLS["rnn"]().unroll(3, X, merge_outputs=True)
    inside = outputs.get_internals()["c_t2_i2h_output"]
    (found,) = reasons(mx.sym.Group([outputs, inside]), {"x": (2, 3, 4)}, oracle=oracle)
    assert found == "c_t2_i2h, which is computed inside a step, is used outside"


def test_two_recurrences_feed_each_other(oracle: Oracle) -> None:
    """Each is given what the other put out before; one of them cannot be all at once."""
    first, second = CELLS["lstm"]("a_"), CELLS["gru"]("b_")
    a_states, b_states, outputs = first.begin_state(), second.begin_state(), []
    left = right = mx.sym.Variable("x")
    for _ in range(3):
        new_left, a_states = first(right, a_states)
        new_right, b_states = second(left, b_states)
        left, right = new_left, new_right
        outputs += [left, right]
    found = reasons(heads_of(outputs), {"x": (2, 3)}, oracle=oracle)
    assert "an input of a step is computed from the output of an earlier one" in found


def test_circles_of_two(oracle: Oracle) -> None:
    """Neither needs itself, but each needs another step of the other."""
    a, b = CELLS["gru"]("a_"), CELLS["gru"]("b_")
    xs = [mx.sym.Variable(f"x{t}") for t in range(2)]
    a0, a_states = a(xs[0], a.begin_state())
    b0, b_states = b(xs[1], b.begin_state())
    # what each is given at its second step comes from the other's first
    a1, _ = a(b0, a_states)
    b1, _ = b(a0, b_states)
    found = reasons(heads_of([a1, b1]), {"x0": (2, 3), "x1": (2, 3)}, oracle=oracle)
    assert found == [None, "it and another recurrence feed each other"]


def test_circles_of_three(oracle: Oracle) -> None:
    cells = [CELLS["rnn"](f"{name}_") for name in "abc"]
    firsts = [cell(mx.sym.Variable(f"x{place}"), cell.begin_state()) for place, cell in enumerate(cells)]
    seconds = [cell(firsts[place - 1][0], firsts[place][1])[0] for place, cell in enumerate(cells)]
    found = reasons(heads_of(seconds), {f"x{place}": (2, 3) for place in range(3)}, oracle=oracle)
    assert sorted(found, key=str) == [None, None, "it and another recurrence feed each other"]


def test_begin_states_that_are_broadcast() -> None:
    h, w, u = (mx.sym.Variable(name) for name in ("h", "w", "u"))
    for step in split():
        i2h, h2h = (
            mx.sym.FullyConnected(data, weight, num_hidden=3, no_bias=True) for data, weight in ((step, w), (h, u))
        )
        h = mx.sym.tanh(mx.sym.broadcast_add(i2h, h2h))
    assert_agrees(h, {"x": (2, 3, 4), "h": (1, 3)})


def test_inputs_that_are_broadcast() -> None:
    h, w, u = (mx.sym.Variable(name) for name in ("h", "w", "u"))
    for step in (mx.sym.Variable("a"), mx.sym.Variable("b"), mx.sym.Variable("c")):
        i2h, h2h = (
            mx.sym.FullyConnected(data, weight, num_hidden=3, no_bias=True) for data, weight in ((step, w), (h, u))
        )
        h = mx.sym.tanh(mx.sym.broadcast_add(i2h, h2h))
    assert reasons(h, {"a": (2, 4), "b": (1, 4), "c": (2, 4), "h": (2, 3)}) == [UNKNOWN_KIND]


def test_inputs_that_are_flattened(oracle: Oracle) -> None:
    """A dense layer takes a picture too, as a vector."""
    steps = [mx.sym.Variable(f"x{t}") for t in range(3)]
    net = heads_of(*CELLS["gru"]().unroll(3, steps))
    shape = (2, 2, 2)
    assert reasons(net, {str(step.name): shape for step in steps}, oracle=oracle) == [UNKNOWN_KIND]


@STEPS
def test_something_between_the_steps(oracle: Oracle, kind: str) -> None:
    """Gradients are cut at each step."""
    cell = CELLS[kind]()
    states, outputs = cell.begin_state(), []
    for step in split():
        output, states = cell(step, states)
        states = [mx.sym.BlockGrad(state) for state in states]
        outputs.append(output)
    assert reasons(heads_of(outputs), {"x": (2, 3, 4)}, oracle=oracle) == [UNKNOWN_KIND]


def test_other_weights_at_each_step(oracle: Oracle) -> None:
    states, outputs = CELLS["lstm"]().begin_state(), []
    for t, step in enumerate(split()):
        output, states = CELLS["lstm"](f"c{t}_")(step, states)
        outputs.append(output)
    assert reasons(heads_of(outputs), {"x": (2, 3, 4)}, oracle=oracle) == []


def test_an_lstm_whose_cell_state_comes_from_elsewhere(oracle: Oracle) -> None:
    cell = CELLS["lstm"]()
    states, outputs = cell.begin_state(), []
    for step in split():
        output, states = cell(step, states)
        states = [states[0], states[1] * 0.5]
        outputs.append(output)
    assert reasons(heads_of(outputs), {"x": (2, 3, 4)}, oracle=oracle) == [UNKNOWN_KIND]


@pytest.mark.parametrize("activation", ["sigmoid", "softsign", "softrelu"])
def test_other_activations(oracle: Oracle, activation: str) -> None:
    net = heads_of(*mx.rnn.RNNCell(3, activation=activation).unroll(3, X))
    assert reasons(net, {"x": (2, 3, 4)}, oracle=oracle) == [UNKNOWN_KIND]


def test_nothing_recurrent() -> None:
    net = mx.sym.FullyConnected(X, num_hidden=3)
    assert reasons(net, {"x": (2, 4)}) == []
    assert reasons(X + 1, {"x": (2, 4)}) == []


def test_a_sum_over_time_that_feeds_a_recurrence(oracle: Oracle) -> None:
    """Running sums are a recurrence of another kind; looking for a pattern in them ends."""
    total, sums = None, []
    for step in split(60):
        total = step if total is None else total + step
        sums.append(total)
    net = heads_of(*CELLS["gru"]().unroll(10, sums[50:], merge_outputs=True))
    assert reasons(net, {"x": (2, 60, 4)}, oracle=oracle) == [None]


UNKNOWN = {
    "another activation": (lambda: gluon.rnn.LSTMCell(4, activation="relu", prefix="c_"), ["c_t0_h2h ... c_t3_h2h"]),
    "a plain one": (lambda: gluon.rnn.RNNCell(4, activation="sigmoid", prefix="c_"), ["c_t0_h2h ... c_t3_h2h"]),
    "projected": (lambda: gluon.contrib.rnn.LSTMPCell(4, 2, prefix="c_"), ["c_t0_h2h ... c_t3_h2h"]),
    "two layers": (lambda: _stacked("relu", "relu"), ["a_t0_h2h ... a_t3_h2h", "b_t0_h2h ... b_t3_h2h"]),
    "one of two": (lambda: _stacked("tanh", "relu"), [None, "b_t0_h2h ... b_t3_h2h"]),
}


def _stacked(*activations: str) -> Any:
    stack = gluon.rnn.HybridSequentialRNNCell()
    for name, activation in zip("ab", activations, strict=False):
        stack.add(gluon.rnn.LSTMCell(4, activation=activation, prefix=f"{name}_"))
    return stack


@pytest.mark.parametrize(("make", "names"), UNKNOWN.values(), ids=UNKNOWN)
def test_steps_of_no_known_kind_are_reported(make: Any, names: list[str | None]) -> None:
    outputs, _ = make().unroll(4, mx.sym.var("x"), merge_outputs=True)
    found = outputs.simple_bind(x=(2, 4, 3)).recurrences
    assert [None if each.why_not is None else each.name for each in found] == names
    for each in found:
        if each.why_not is not None:
            assert (each.mode, each.steps) == ("unknown", 4)
            assert each.why_not == UNKNOWN_KIND


def test_weights_that_are_shared_without_a_loop_are_not() -> None:
    cell = gluon.rnn.LSTMCell(4, prefix="c_")
    weight, other = mx.sym.var("w"), mx.sym.var("v")
    y, states, outs = mx.sym.var("y"), [mx.sym.var("h"), mx.sym.var("c")], []
    for _ in range(4):
        y, states = cell(y, states)
        y = mx.sym.FullyConnected(y, weight, no_bias=True, num_hidden=3)
        outs.append(mx.sym.FullyConnected(y, other, no_bias=True, num_hidden=3))
    found = mx.sym.Group([y, *outs]).simple_bind(y=(2, 3), h=(2, 4), c=(2, 4)).recurrences
    assert [each.mode for each in found] == ["lstm"]
