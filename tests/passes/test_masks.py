"""Zoneout and variational dropout: fused, and with the same random numbers as step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.symbol import Symbol

from .fusion import assert_agrees, assert_fuses, bound, heads_of, operators, reasons, step_by_step

X = mx.sym.Variable("x")
LENGTHS = mx.sym.Variable("lengths")
SHAPES: dict[str, Any] = {"x": (3, 4, 5)}
rnn, contrib = mx.gluon.rnn, mx.gluon.contrib.rnn
Zoneout, Variational = rnn.ZoneoutCell, contrib.VariationalDropoutCell
KINDS = pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])


def unrolled(cell: Any, steps: int = 4, **how: Any) -> Symbol:
    return heads_of(*cell.unroll(steps, X, **how))


@KINDS
@pytest.mark.parametrize("expectation", [False, True])
@pytest.mark.parametrize("rates", [(0.2, 0.3), (0.0, 0.3), (0.2, 0.0)])
@pytest.mark.parametrize("steps", [2, 3, 7])
def test_zoneout(kind: str, rates: tuple[float, float], expectation: bool, steps: int) -> None:
    cell = mx.rnn.ZoneoutCell(getattr(mx.rnn, kind)(5), *rates, expectation=expectation)
    outputs, states = cell.unroll(steps, X, merge_outputs=True)
    shapes = {"x": (3, steps, 5)}
    assert_fuses(heads_of(outputs, states), shapes)
    # without the last states nobody looks at the last step's mask of the cell state
    assert_fuses(outputs, shapes)
    assert_agrees(states[-1], shapes)


@KINDS
@pytest.mark.parametrize("rates", [(0.2, 0.3, 0.4), (0, 0.3, 0), (0.2, 0, 0.4), (0.2, 0.3, 0)])
@pytest.mark.parametrize("merge", [True, False])
def test_variational_dropout(kind: str, rates: tuple[float, float, float], merge: bool) -> None:
    cell = Variational(getattr(rnn, kind)(5), *rates)
    assert_fuses(unrolled(cell, merge_outputs=merge, layout="TNC"), {"x": (4, 3, 6)})


@KINDS
@pytest.mark.parametrize(
    "wrap", [lambda c: Zoneout(c, 0.2, 0.3), lambda c: Variational(c, 0, 0.3)], ids=["zoneout", "var"]
)
@pytest.mark.parametrize("merge", [True, False])
def test_lengths(kind: str, wrap: Any, merge: bool) -> None:
    given = {"lengths": np.array([4, 0, 2], np.float32)}
    shapes = {**SHAPES, "lengths": (3,)}
    cell = wrap(getattr(rnn, kind)(5))
    assert_fuses(unrolled(cell, merge_outputs=merge, valid_length=LENGTHS), shapes, given=given)
    both = rnn.BidirectionalCell(wrap(getattr(rnn, kind)(5)), wrap(getattr(rnn, kind)(5)))
    net = unrolled(both, merge_outputs=merge, valid_length=LENGTHS)
    assert_fuses(net, shapes, given=given, count=2)
    assert operators(net, shapes).count("_rnn_of_parts") == 1


@KINDS
def test_both_ways(kind: str) -> None:
    make = getattr(mx.rnn, kind)
    left, right = (mx.rnn.ZoneoutCell(make(5, prefix=prefix), 0.1, 0.4) for prefix in "lr")
    net = unrolled(mx.rnn.BidirectionalCell(left, right), merge_outputs=True)
    assert_fuses(net, SHAPES, count=2)
    assert operators(net, SHAPES).count("_rnn_of_parts") == 1


def test_ways_that_are_masked_differently_are_no_pair() -> None:
    both = rnn.BidirectionalCell(Zoneout(rnn.LSTMCell(5), 0.1, 0.4), rnn.LSTMCell(5))
    net = unrolled(both, merge_outputs=True)
    assert_fuses(net, SHAPES, count=2)
    assert operators(net, SHAPES).count("_rnn_of_parts") == 2


@pytest.mark.parametrize("merge", [True, False])
def test_stacks(merge: bool) -> None:
    stack = rnn.HybridSequentialRNNCell()
    for cell in (
        Zoneout(rnn.LSTMCell(5), 0.2, 0.3),
        Variational(rnn.GRUCell(5), 0.2, 0.3, 0.4),
        rnn.ResidualCell(Zoneout(rnn.RNNCell(5), 0.2, 0.3)),
        Variational(rnn.LSTMCell(5), 0.2, 0.3, 0.4),
    ):
        stack.add(cell)
    assert_fuses(unrolled(stack, merge_outputs=merge), SHAPES, count=4)


def test_dropout_between_layers_does_not_break_fusion() -> None:
    stack = mx.rnn.SequentialRNNCell()
    for layer in range(3):
        stack.add(mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(5, prefix=f"l{layer}_"), 0.1, 0.1))
        stack.add(mx.rnn.DropoutCell(0.5))
    net = unrolled(stack, merge_outputs=True)
    executor = net.simple_bind(mx.cpu(), **SHAPES)
    assert [each.why_not for each in executor.recurrences] == [None] * 3
    names = operators(net, SHAPES)
    assert names.count("_rnn_of_parts") == 3
    # one mask for each state of each step, and one for all steps between the layers
    assert names.count("Dropout") == 3 * (4 + 4) + 3


def test_the_states_of_a_decoder_are_an_encoders() -> None:
    _, states = mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(5, prefix="e_"), 0.2, 0.3).unroll(3, mx.sym.Variable("y"))
    decoder = mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(5, prefix="d_"), 0.2, 0.3)
    outputs, states = decoder.unroll(4, X, begin_state=states)
    assert_fuses(heads_of(outputs, states), {**SHAPES, "y": (3, 3, 2)}, count=2)


@pytest.mark.parametrize("rate", [1e-9, 0.3])
@pytest.mark.parametrize("where", ["always", "training"])
def test_inference(rate: float, where: str) -> None:
    """Masks that are ones are neither made nor read."""
    net = unrolled(mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(5), rate, rate), merge_outputs=True)
    net = mx.sym.load_json(net.tojson().replace('"p": ', f'"mode": "{where}", "p": '))
    args, shapes = {}, net.infer_shape(**SHAPES)[0]
    for name, shape in zip(net.list_arguments(), shapes, strict=True):
        args[name] = np.random.RandomState(0).uniform(-1, 1, shape).astype("float32")
    fused, plain = bound(net, args), step_by_step(lambda: bound(net, args))
    assert [each.why_not for each in fused.recurrences] == [None]
    for executor in (fused, plain):
        mx.random.seed(1)
        executor.forward(is_train=False)
    for ours, theirs in zip(fused.outputs, plain.outputs, strict=True):
        np.testing.assert_allclose(ours.asnumpy(), theirs.asnumpy(), atol=1e-6)
    names = {getattr(call[0], "func", call[0]).__name__ for call in fused._program._calls(False)}
    assert ("dropout" in names) == (where == "always")


def test_inference_does_without_variational_dropout() -> None:
    net = unrolled(Variational(rnn.LSTMCell(5), 0.2, 0.3, 0.4), merge_outputs=True)
    executor = net.simple_bind(mx.cpu(), **SHAPES)
    runs = {training: executor._program._calls(training) for training in (True, False)}
    names = {
        training: [getattr(call[0], "func", call[0]).__name__ for call in calls] for training, calls in runs.items()
    }
    assert names[True].count("dropout") == 3
    # only that of the begin state is left
    assert names[False].count("dropout") == 1
    assert names[False].count("times_mask") == 2


def test_a_step_that_drops_by_a_mask_of_its_own_ends_a_chain() -> None:
    cell = mx.rnn.GRUCell(5)
    states, outputs = cell.begin_state(), []
    for t in range(4):
        drawn = mx.sym.Dropout(mx.sym.ones_like(states[0]), p=0.3)
        output, states = cell(mx.sym.slice_axis(X, axis=1, begin=t, end=t + 1).reshape((-3, -2)), [states[0] * drawn])
        outputs.append(output)
    assert_agrees(heads_of(outputs, states), SHAPES)


@pytest.mark.parametrize(
    "cell",
    [
        lambda: Zoneout(Variational(rnn.LSTMCell(5), 0.1, 0.2), 0.2, 0.3),
        lambda: Variational(Zoneout(rnn.LSTMCell(5), 0.2, 0.3), 0.1, 0.2),
        lambda: Zoneout(Zoneout(rnn.LSTMCell(5), 0.2, 0.3), 0.2, 0.3),
        lambda: Variational(Variational(rnn.GRUCell(5), 0.1, 0.2), 0.1, 0.2),
        lambda: Zoneout(rnn.ResidualCell(rnn.LSTMCell(5)), 0.2, 0.3),
    ],
)
def test_one_around_the_other_runs_step_by_step_and_agrees(cell: Any) -> None:
    assert_agrees(unrolled(cell(), merge_outputs=True), SHAPES)


@pytest.mark.parametrize(("scale", "found"), [("0.7", True), ("0.3", True), ("1.2", False), ("-0.1", False)])
def test_shares_of_any_size(scale: str, found: bool) -> None:
    """Of a new state the share is at most the whole; beyond that it is no zoneout."""
    net = unrolled(mx.rnn.ZoneoutCell(mx.rnn.GRUCell(5), 0.3, 0, expectation=True))
    net = mx.sym.load_json(net.tojson().replace('"scalar": "0.7"', f'"scalar": "{scale}"'))
    (reason,) = reasons(net, SHAPES)
    assert (reason is None) == found


def test_a_mask_that_is_looked_at_is_left_alone() -> None:
    outputs, states = mx.rnn.ZoneoutCell(mx.rnn.GRUCell(5), 0.2, 0.3).unroll(3, X, merge_outputs=True)
    mask = next(each for each in outputs.get_internals() if each.list_outputs()[0].startswith("dropout"))
    assert "is used outside" in str(reasons(heads_of([outputs, mask], states), {"x": (3, 3, 5)})[0])


def test_double_precision() -> None:
    cell = Variational(rnn.GRUCell(5), 0.2, 0.3, 0.4)
    net = unrolled(cell, merge_outputs=True, begin_state=[mx.sym.Variable("h")])
    shapes = {**SHAPES, "h": (3, 5)}
    found, _, _ = net.infer_shape(**shapes)
    drawn = np.random.RandomState(0)
    args = {name: drawn.uniform(-1, 1, shape) for name, shape in zip(net.list_arguments(), found, strict=True)}
    assert_fuses(net, shapes, given=args, tolerance=1e-13)


# real MXNet draws other numbers, so it is asked where all masks are ones, or all are zeros
NEVER, EVER = 1e-12, 1 - 1e-7
OF_MXNET = {
    "zoneout": "mx.rnn.ZoneoutCell(mx.rnn.{kind}(5), {0}, {1})",
    "gluon's zoneout": "mx.gluon.rnn.ZoneoutCell(mx.gluon.rnn.{kind}(5), {0}, {1})",
    "variational": "mx.gluon.contrib.rnn.VariationalDropoutCell(mx.gluon.rnn.{kind}(5), {0}, {1}, {0})",
}


def of_mxnet(oracle: Oracle, cell: str, how: str = "merge_outputs=True") -> Symbol:
    source = f"""
def flat(states):
    return sum((flat(each) for each in states), []) if isinstance(states, list) else [states]
outputs, states = {cell}.unroll(4, mx.sym.Variable("x"), {how})
heads = flat(outputs) + flat(states)
net = mx.sym.Group(list({{head.list_outputs()[0]: head for head in heads}}.values()))
"""
    return mx.sym.load_json(oracle.build(source, ["net"])["net"].json)


@KINDS
@pytest.mark.parametrize("cell", OF_MXNET)
@pytest.mark.parametrize("rates", [(NEVER, NEVER), (0, EVER), (EVER, 0), (EVER, EVER), (NEVER, EVER)], ids=str)
def test_graphs_of_mxnet(oracle: Oracle, kind: str, cell: str, rates: tuple[float, float]) -> None:
    net = of_mxnet(oracle, OF_MXNET[cell].format(*rates, kind=kind))
    # in the first step MXNet takes the states as they are given: give it some
    assert_fuses(net, SHAPES, oracle)


@KINDS
@pytest.mark.parametrize("cell", OF_MXNET)
@pytest.mark.parametrize("rates", [(0.2, 0.3), (0, 0.3), (0.2, 0)], ids=str)
def test_graphs_of_mxnet_draw_the_same(oracle: Oracle, kind: str, cell: str, rates: tuple[float, float]) -> None:
    assert_fuses(of_mxnet(oracle, OF_MXNET[cell].format(*rates, kind=kind)), SHAPES)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
@pytest.mark.parametrize("rates", [(0, 0.3), (0, EVER)], ids=str)
def test_graphs_of_mxnet_with_lengths(oracle: Oracle, kind: str, rates: tuple[float, float]) -> None:
    """Its zoneout puts out what a step computed, and hands on something else."""
    cell = OF_MXNET["gluon's zoneout"].format(*rates, kind=kind)
    net = of_mxnet(oracle, cell, "merge_outputs=True, valid_length=mx.sym.Variable('lengths')")
    given = {"lengths": np.array([4, 1, 2], np.float32)}
    assert_fuses(net, {**SHAPES, "lengths": (3,)}, oracle if rates[1] == EVER else None, given=given)


def test_binding_many_steps() -> None:
    net = mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(2), 0.2, 0.3).unroll(3000, X, merge_outputs=True)[0]
    executor = net.simple_bind(mx.cpu(), x=(1, 3000, 2))
    assert [each.why_not for each in executor.recurrences] == [None]
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones((1, 3000, 2))])
    assert np.isfinite(executor.grad_dict["x"].asnumpy()).all()


def _zoned(data: Any, **how: Any) -> Any:
    cell = mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(5, prefix="z_"), 0.2, 0.3)
    return cell.unroll(4, data, merge_outputs=True, **how)[0]


def _of_a_fused_layer() -> Any:
    data = mx.sym.swapaxes(X, dim1=0, dim2=1)
    parameters, state = mx.sym.Variable("p"), mx.sym.Variable("h")
    below = mx.sym.RNN(data, parameters, state, state_size=3, num_layers=2, mode="rnn_tanh", p=0.5)
    return _zoned(below, layout="TNC")


OTHERS = {
    "noise before it": lambda: _zoned(X + mx.sym.random.uniform(shape=(3, 4, 2))),
    "noise after it": lambda: _zoned(X) + mx.sym.random.normal(shape=(3, 4, 5)),
    "before and after": lambda: (
        _zoned(mx.sym.Dropout(X)) + mx.sym.sample_normal(mx.sym.zeros((3, 4, 5)), mx.sym.ones((3, 4, 5)))
    ),
    "noise beside it": lambda: mx.sym.Group([_zoned(X), mx.sym.random.randint(0, 9, shape=(7,))]),
    "its order": lambda: _zoned(mx.sym.shuffle(X)),
    "its results' order": lambda: mx.sym.shuffle(_zoned(X)),
    "dropout of a fused layer": _of_a_fused_layer,
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_what_else_is_random_draws_the_same(make: Any) -> None:
    found = []
    for how in (
        lambda net: net.simple_bind(x=(3, 4, 2)),
        lambda net: step_by_step(lambda: net.simple_bind(x=(3, 4, 2))),
    ):
        executor = how(make())
        for place, array in enumerate(executor.arg_arrays):
            array[:] = np.random.RandomState(place).randn(*array.shape)
        mx.random.seed(3)
        found.append([output.asnumpy() for output in executor.forward(is_train=True)])
        assert [each.why_not for each in executor.recurrences] == [None] * (2 - len(found))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
