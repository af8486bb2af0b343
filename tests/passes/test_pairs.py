"""A cell forwards and one backwards over the same sequence run side by side."""

from __future__ import annotations

import pytest

import rennet as mx
from oracle.client import Oracle

from .fusion import assert_fuses, heads_of, operators
from .test_cells import ALL, CELLS, LAYOUTS, X, shape_of, stack

FUSED = "_rnn_of_parts"


def pair(kind: str, name: str = "") -> mx.rnn.BidirectionalCell:
    left, right = CELLS[kind](f"{name}l_"), CELLS[kind](f"{name}r_")
    return mx.rnn.BidirectionalCell(left, right, output_prefix=f"{name}bi_")


def ran(net: mx.sym.Symbol, layout: str, steps: int) -> list[str]:
    begin = ("_zeros", "expand_dims")
    return [name for name in operators(net, {"x": shape_of(layout, steps)}) if name not in begin]


@ALL
@LAYOUTS
@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize("steps", [2, 5])
def test_one_call(oracle: Oracle, kind: str, layout: str, merge: bool | None, steps: int) -> None:
    outputs, states = pair(kind).unroll(steps, X, layout=layout, merge_outputs=merge)
    net = heads_of(outputs, states)
    assert_fuses(net, {"x": shape_of(layout, steps)}, oracle, count=2)
    assert ran(net, layout, steps).count(FUSED) == 1


@pytest.mark.parametrize(("layout", "around"), [("TNC", []), ("NTC", ["SwapAxis"])])
def test_stacked_pairs_leave_nothing_in_between(layout: str, around: list[str]) -> None:
    net, _ = stack(pair("gru", "a_"), pair("gru", "b_")).unroll(4, X, layout=layout, merge_outputs=True)
    assert [name for name in ran(net, layout, 4) if name != "Concat"] == [*around, FUSED, FUSED, *around]


def test_the_backward_cell_may_come_first(oracle: Oracle) -> None:
    steps = list(mx.sym.split(X, num_outputs=3, axis=1, squeeze_axis=True))
    back, _ = CELLS["lstm"]("b_").unroll(3, steps[::-1])
    there, _ = CELLS["lstm"]("f_").unroll(3, steps)
    net = heads_of([*back, *there])
    assert_fuses(net, {"x": (2, 3, 4)}, oracle, count=2)
    assert ran(net, "NTC", 3).count(FUSED) == 1


@pytest.mark.parametrize(
    ("left", "right"), [(CELLS["lstm"]("l_"), CELLS["gru"]("r_")), (CELLS["gru"]("l_"), mx.rnn.GRUCell(2, prefix="r_"))]
)
def test_of_two_kinds(oracle: Oracle, left: mx.rnn.BaseRNNCell, right: mx.rnn.BaseRNNCell) -> None:
    net = heads_of(*mx.rnn.BidirectionalCell(left, right).unroll(3, X))
    assert_fuses(net, {"x": (2, 3, 4)}, oracle, count=2)
    assert ran(net, "NTC", 3).count(FUSED) == 2


def test_one_begins_where_the_other_ends(oracle: Oracle) -> None:
    """They cannot run at the same time."""
    steps = list(mx.sym.split(X, num_outputs=3, axis=1, squeeze_axis=True))
    there, states = CELLS["lstm"]("f_").unroll(3, steps)
    back, _ = CELLS["lstm"]("b_").unroll(3, steps[::-1], begin_state=states)
    net = heads_of([*back, *there])
    assert_fuses(net, {"x": (2, 3, 4)}, oracle, count=2)
    assert ran(net, "NTC", 3).count(FUSED) == 2


def test_pairs_that_begin_crosswise(oracle: Oracle) -> None:
    """Either could be a pair, but not both: each holds what the other begins with."""
    y = mx.sym.Variable("y")
    xs, ys = (list(mx.sym.split(each, num_outputs=3, axis=1, squeeze_axis=True)) for each in (X, y))
    a, a_end = CELLS["gru"]("a_").unroll(3, xs)
    d, d_end = CELLS["gru"]("d_").unroll(3, ys[::-1])
    b, _ = CELLS["gru"]("b_").unroll(3, xs[::-1], begin_state=d_end)
    c, _ = CELLS["gru"]("c_").unroll(3, ys, begin_state=a_end)
    assert_fuses(heads_of([*a, *b, *c, *d]), {"x": (2, 3, 4), "y": (2, 3, 4)}, oracle, count=4)


def test_three_over_one_sequence(oracle: Oracle) -> None:
    steps = list(mx.sym.split(X, num_outputs=3, axis=1, squeeze_axis=True))
    orders = {"a_": steps, "b_": steps[::-1], "c_": steps}
    ways = [CELLS["rnn"](prefix).unroll(3, order)[0] for prefix, order in orders.items()]
    net = heads_of([each for way in ways for each in way])
    assert_fuses(net, {"x": (2, 3, 4)}, oracle, count=3)
    assert ran(net, "NTC", 3).count(FUSED) == 2


def test_a_palindrome(oracle: Oracle) -> None:
    """The same step at every time: forwards is backwards."""
    ways = [CELLS["gru"](f"{name}_").unroll(3, [X] * 3, merge_outputs=True)[0] for name in "ab"]
    assert_fuses(heads_of(ways), {"x": (2, 4)}, oracle, count=2)
