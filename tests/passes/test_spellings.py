"""Recurrences that are written in other words than those of the cells, by hand or by older generations of MXNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle

from .fusion import assert_agrees, assert_fuses, heads_of, operators
from .test_cells import CELLS, X

S: Any = mx.sym
WEIGHTS = ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")
SHAPES = {"x": (2, 3, 4)}
SCALE = S.Variable("scale", shape=(1, 3))


def variables() -> list[Any]:
    return [S.Variable(name) for name in WEIGHTS]


def split(steps: int = 3) -> list[Any]:
    return list(S.SliceChannel(X, num_outputs=steps, axis=1, squeeze_axis=True))


def dense(data: Any, weight: Any, bias: Any, width: int) -> Any:
    if bias is None:
        return S.FullyConnected(data, weight, num_hidden=width, no_bias=True)
    return S.FullyConnected(data, weight, bias, num_hidden=width)


def lstm(
    weights: list[Any],
    order: str = "ifgo",
    sigmoid: Callable[[Any], Any] = lambda x: S.Activation(x, act_type="sigmoid"),
    tanh: Callable[[Any], Any] = lambda x: S.Activation(x, act_type="tanh"),
    add: Callable[..., Any] = S.elemwise_add,
    mul: Callable[..., Any] = S.elemwise_mul,
) -> list[Any]:
    """All hidden states, and the last cell state."""
    h, c, outputs = S.zeros((2, 3)), S.zeros((2, 3)), []
    for step in split():
        total = add(dense(step, weights[0], weights[1], 12), dense(h, weights[2], weights[3], 12))
        gates = dict(zip(order, S.SliceChannel(total, num_outputs=4), strict=True))
        c = add(mul(sigmoid(gates["f"]), c), mul(sigmoid(gates["i"]), tanh(gates["g"])))
        h = mul(sigmoid(gates["o"]), tanh(c))
        outputs.append(h)
    return [*outputs, c]


def gru(weights: list[Any], complement: Callable[[Any], Any], order: str = "rzn") -> list[Any]:
    h, outputs = S.zeros((0, 3)), []
    for step in split():
        ways = (dense(step, weights[0], weights[1], 9), dense(h, weights[2], weights[3], 9))
        i, s = (dict(zip(order, S.SliceChannel(way, num_outputs=3), strict=True)) for way in ways)
        r, z = (S.sigmoid(i[gate] + s[gate]) for gate in "rz")
        new = S.tanh(i["n"] + r * s["n"])
        h = complement(z) * new + z * h
        outputs.append(h)
    return outputs


@pytest.mark.parametrize("order", ["ifgo", "igfo", "ogfi", "fiog"])
def test_gates_in_another_order(oracle: Oracle, order: str) -> None:
    """The oldest examples split an LSTM's projections into in gate, in transform, forget gate, out gate."""
    assert_fuses(heads_of(lstm(variables(), order)), SHAPES, oracle)


@pytest.mark.parametrize("order", ["rzn", "zrn", "nzr"])
def test_gates_of_the_gru_in_another_order(oracle: Oracle, order: str) -> None:
    assert_fuses(heads_of(gru(variables(), lambda z: 1 - z, order)), SHAPES, oracle)


@pytest.mark.parametrize(
    "how",
    [
        {"sigmoid": S.sigmoid, "tanh": S.tanh},
        {"add": S.broadcast_add, "mul": S.broadcast_mul},
        {"add": lambda a, b: S.elemwise_add(b, a), "mul": lambda a, b: S.elemwise_mul(b, a)},
        {"add": S.broadcast_plus, "tanh": S.tanh},
    ],
    ids=["operators", "broadcast", "crossed", "mixed"],
)
def test_other_operators(oracle: Oracle, how: dict[str, Any]) -> None:
    assert_fuses(heads_of(lstm(variables(), **how)), SHAPES, oracle)


@pytest.mark.parametrize(
    "complement",
    [lambda z: 1 - z, lambda z: S.ones_like(z) - z, lambda z: S.broadcast_sub(S.ones_like(z), z)],
    ids=["scalar", "ones", "broadcast ones"],
)
def test_one_minus_a_gate(oracle: Oracle, complement: Callable[[Any], Any]) -> None:
    assert_fuses(heads_of(gru(variables(), complement)), SHAPES, oracle)


@pytest.mark.parametrize("lacking", [[1], [3], [1, 3]])
@pytest.mark.parametrize("make", [lstm, lambda weights: gru(weights, lambda z: 1 - z)], ids=["lstm", "gru"])
def test_projections_without_a_bias(oracle: Oracle, make: Callable[..., Any], lacking: list[int]) -> None:
    weights = [None if place in lacking else each for place, each in enumerate(variables())]
    assert_fuses(heads_of(make(weights)), SHAPES, oracle)


def test_no_bias_and_another_order(oracle: Oracle) -> None:
    weights = [None if place == 3 else each for place, each in enumerate(variables())]
    assert_fuses(heads_of(lstm(weights, "igfo")), SHAPES, oracle)


def test_weights_computed_from_others(oracle: Oracle) -> None:
    a, b = S.Variable("a", shape=(12, 4)), S.Variable("b", shape=(12, 4))
    weights = [a + b, *variables()[1:]]
    assert_fuses(heads_of(lstm(weights)), SHAPES, oracle)


def test_weights_computed_anew_at_each_step(oracle: Oracle) -> None:
    """They are equal, but not the same: no two steps share them."""
    a, u, h, outputs = S.Variable("a", shape=(3, 4)), S.Variable("u", shape=(3, 3)), S.zeros((0, 3)), []
    for step in split():
        h = S.tanh(dense(step, a * 2, None, 3) + dense(h, u, None, 3))
        outputs.append(h)
    assert [each.mode for each in assert_agrees(heads_of(outputs), SHAPES, oracle)] == ["unknown"]


@pytest.mark.parametrize("kind", CELLS)
def test_steps_joined_along_the_batch(oracle: Oracle, kind: str) -> None:
    """As the oldest examples do before their last layer: all steps of all sequences as rows."""
    outputs, _ = CELLS[kind]().unroll(3, X, merge_outputs=False)
    net = S.FullyConnected(S.Concat(*outputs, dim=0), num_hidden=5, name="pred")
    assert_fuses(net, SHAPES, oracle)
    assert {"SliceChannel", "Concat"}.isdisjoint(operators(net, SHAPES))


@pytest.mark.parametrize("kind", CELLS)
def test_axes_swapped_around_it(oracle: Oracle, kind: str) -> None:
    data = S.SwapAxis(S.Variable("x"), dim1=0, dim2=1)
    outputs, _ = CELLS[kind]().unroll(3, data, layout="TNC", merge_outputs=True)
    net = S.SwapAxis(outputs, dim1=0, dim2=1)
    assert_fuses(net, SHAPES, oracle)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_outputs_stacked_along_any_axis(oracle: Oracle, axis: int) -> None:
    outputs, _ = CELLS["gru"]().unroll(3, X, merge_outputs=False)
    assert_fuses(S.stack(*outputs, axis=axis), SHAPES, oracle)


def test_outputs_joined_along_another_axis(oracle: Oracle) -> None:
    outputs, _ = CELLS["gru"]().unroll(3, X, merge_outputs=False)
    assert_fuses(S.Concat(*outputs, dim=1), SHAPES, oracle)
    assert_fuses(S.Concat(*outputs[::-1], dim=0), SHAPES, oracle)
    assert_fuses(S.Concat(outputs[0], outputs[2], dim=0), SHAPES, oracle)
    assert_fuses(S.add_n(*outputs), SHAPES, oracle)


@pytest.mark.parametrize(
    "between",
    [
        lambda h: S.LeakyReLU(h, act_type="leaky", slope=0.1),
        lambda h: S.LeakyReLU(h, act_type="elu", slope=0.3),
        lambda h: S.Activation(h, act_type="softrelu"),
        lambda h: h * 2 + 1,
        lambda h: S.Concat(h, h * 3, dim=1),
        lambda h: S.broadcast_mul(h, SCALE),
        lambda h: S.clip(h, -0.1, 0.1),
        lambda h: S.square(h),
    ],
    ids=["leaky", "elu", "softrelu", "scalars", "concat", "broadcast", "clip", "square"],
)
def test_something_between_two_layers(oracle: Oracle, between: Callable[[Any], Any]) -> None:
    below, _ = CELLS["lstm"]("a_").unroll(3, X, merge_outputs=False)
    above, _ = CELLS["gru"]("b_").unroll(3, [between(each) for each in below], merge_outputs=True)
    assert_fuses(above, SHAPES, oracle, count=2)


@pytest.mark.parametrize("no_bias", [False, True])
def test_a_dense_layer_at_each_step(oracle: Oracle, no_bias: bool) -> None:
    """Between two layers, and above them: as one multiplication for all steps."""
    w, b, v = (S.Variable(name) for name in "wbv")
    below, _ = CELLS["lstm"]("a_").unroll(3, X, merge_outputs=False)
    between = [dense(each, w, None if no_bias else b, 5) for each in below]
    above, _ = CELLS["gru"]("b_").unroll(3, between, merge_outputs=False)
    net = S.stack(*(S.tanh(dense(each, v, None, 2)) for each in above), axis=1)
    assert_fuses(net, SHAPES, oracle, count=2)
    ran = operators(net, SHAPES)
    assert (ran.count("FullyConnected"), ran.count("SliceChannel"), ran.count("stack")) == (2, 0, 0)


def test_other_dense_layers_at_each_step(oracle: Oracle) -> None:
    below, _ = CELLS["lstm"]("a_").unroll(3, X, merge_outputs=False)
    between = [dense(each, S.Variable(f"w{t}"), None, 5) for t, each in enumerate(below)]
    above, _ = CELLS["gru"]("b_").unroll(3, between, merge_outputs=True)
    assert_fuses(above, SHAPES, oracle, count=2)


def test_sequences_reversed_by_lengths(oracle: Oracle) -> None:
    lengths = S.Variable("lengths", shape=(2,))
    data = S.SequenceReverse(S.SwapAxis(X, dim1=0, dim2=1), lengths, use_sequence_length=True)
    outputs, _ = CELLS["gru"]().unroll(3, data, layout="TNC", merge_outputs=True)
    net = S.SequenceReverse(outputs, lengths, use_sequence_length=True)
    assert_fuses(net, SHAPES, oracle, given={"lengths": mx.nd.array([3, 2]).asnumpy()})


def test_a_layer_and_one_beside_it_that_reads_the_same(oracle: Oracle) -> None:
    """A node between them is drawn into the first's sequence; the second takes fewer of its steps."""
    below, _ = CELLS["rnn"]("a_").unroll(4, X, merge_outputs=False)
    scaled = [each * 0.5 for each in below]
    whole, _ = CELLS["gru"]("b_").unroll(4, scaled, merge_outputs=True)
    part, _ = CELLS["gru"]("c_").unroll(2, scaled[1:3], merge_outputs=True)
    assert_fuses(S.Group([part, whole, scaled[2] + 1]), {"x": (2, 4, 4)}, oracle, count=3)
