"""Sequences of several lengths, as Gluon's `unroll` masks them, become one call that is given the lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle

from .fusion import Shapes, assert_agrees, assert_fuses, heads_of, operators
from .test_cells import LAYOUTS, X, shape_of

rnn = mx.gluon.rnn
LENGTHS = mx.sym.Variable("lengths")
STEPS, BATCH = 4, 3


def masking(*rows: int) -> dict[str, np.ndarray]:
    return {"lengths": np.array(rows, np.float32)}


def shapes(layout: str = "NTC") -> Shapes:
    return {"x": shape_of(layout, STEPS, batch=BATCH), "lengths": (BATCH,)}


def unrolled(cell: Any, layout: str = "NTC", merge: bool | None = True) -> mx.sym.Symbol:
    return heads_of(*cell.unroll(STEPS, X, layout=layout, merge_outputs=merge, valid_length=LENGTHS))


def stack(*cells: Any) -> Any:
    made = rnn.HybridSequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


CELLS = {
    "rnn": (lambda: rnn.RNNCell(3), 1),
    "relu": (lambda: rnn.RNNCell(3, activation="relu"), 1),
    "lstm": (lambda: rnn.LSTMCell(3), 1),
    "gru": (lambda: rnn.GRUCell(3), 1),
    "residual": (lambda: rnn.ResidualCell(rnn.GRUCell(4)), 1),
    "both ways": (lambda: rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.LSTMCell(3)), 2),
    "two kinds": (lambda: rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(2)), 2),
    "stack": (lambda: stack(rnn.LSTMCell(3), rnn.GRUCell(2)), 2),
    "pairs": (lambda: stack(*(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)) for _ in range(2))), 4),
    "pair of stacks": (lambda: rnn.BidirectionalCell(stack(rnn.LSTMCell(3), rnn.RNNCell(2)), rnn.GRUCell(2)), 3),
}


@LAYOUTS
@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize("kind", CELLS)
def test_our_cells(kind: str, layout: str, merge: bool | None) -> None:
    make, count = CELLS[kind]
    net = unrolled(make(), layout, merge)
    for rows in ((STEPS, 1, 2), (3, 0, 1), (STEPS,) * 3):
        assert_fuses(net, shapes(layout), count=count, given=masking(*rows))
    assert "SequenceLast" not in operators(net, shapes(layout))


@LAYOUTS
@pytest.mark.parametrize("kind", [kind for kind in CELLS if "stack" not in kind and kind != "pairs"])
def test_graphs_of_mxnets_cells(oracle: Oracle, kind: str, layout: str) -> None:
    """Where a sequence has no step, MXNet reads past the end of its memory."""
    make, count = CELLS[kind]
    source = f"""
rnn = mx.gluon.rnn
cell = {SOURCES[kind]}
outputs, states = cell.unroll({STEPS}, mx.sym.Variable("x"), layout={layout!r}, merge_outputs=True,
                              valid_length=mx.sym.Variable("lengths"))
net = mx.sym.Group([outputs] + states)
"""
    assert make is not None
    net = mx.sym.load_json(oracle.build(source, ["net"])["net"].json)
    for rows in ((STEPS, 1, 2), (1, 1, 3)):
        assert_fuses(net, shapes(layout), oracle, count=count, given=masking(*rows))
    assert "SequenceLast" not in operators(net, shapes(layout))


SOURCES = {
    "rnn": "rnn.RNNCell(3)",
    "relu": "rnn.RNNCell(3, activation='relu')",
    "lstm": "rnn.LSTMCell(3)",
    "gru": "rnn.GRUCell(3)",
    "residual": "rnn.ResidualCell(rnn.GRUCell(4))",
    "both ways": "rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.LSTMCell(3))",
    "two kinds": "rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(2))",
}


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
def test_a_pair_is_one_call(layout: str) -> None:
    net = unrolled(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)), layout)
    ran = operators(net[0], shapes(layout))
    assert ran.count("_rnn_of_parts") == 1
    assert not {"SequenceMask", "SequenceReverse", "reverse", "stack", "SliceChannel"} & set(ran)


def test_outputs_that_are_not_masked() -> None:
    """The outputs are looked at past the lengths; the last state is found in them."""
    cell = rnn.GRUCell(3)
    outputs, _ = cell.unroll(STEPS, X, merge_outputs=False)
    last = mx.sym.SequenceLast(mx.sym.stack(*outputs, axis=0), LENGTHS, use_sequence_length=True)
    net = mx.sym.Group([mx.sym.stack(*outputs, axis=1), last])
    assert_fuses(net, shapes(), given=masking(4, 1, 2))
    assert "SequenceLast" in operators(net, shapes())


def test_cell_states_within_lengths_but_outputs_not() -> None:
    cell = rnn.LSTMCell(3)
    outputs, cells, states = [], [], cell.begin_state(func=mx.sym.zeros)
    for step in mx.sym.split(X, num_outputs=STEPS, axis=1, squeeze_axis=True):
        output, states = cell(step, states)
        outputs.append(output)
        cells.append(states[1])
    last = mx.sym.SequenceLast(mx.sym.stack(*cells, axis=0), LENGTHS, use_sequence_length=True)
    net = mx.sym.Group([mx.sym.stack(*outputs, axis=1), last])
    (found,) = assert_agrees(net, shapes(), given=masking(4, 1, 2))
    assert "t0_state, which is computed inside a step, is used outside" in str(found.why_not)


def test_two_kinds_of_lengths() -> None:
    cell, other = rnn.GRUCell(3), mx.sym.Variable("other")
    outputs, _ = cell.unroll(STEPS, X, merge_outputs=False)
    merged = mx.sym.stack(*outputs, axis=1)
    net = mx.sym.Group(
        [mx.sym.SequenceMask(merged, each, use_sequence_length=True, axis=1) for each in (LENGTHS, other)]
    )
    given = {**masking(4, 1, 2), "other": np.array([1, 4, 3], np.float32)}
    assert_fuses(net, {**shapes(), "other": (BATCH,)}, given=given)


def test_another_value_than_zero() -> None:
    outputs, _ = rnn.GRUCell(3).unroll(STEPS, X, merge_outputs=True)
    net = mx.sym.SequenceMask(outputs, LENGTHS, use_sequence_length=True, axis=1, value=-1)
    assert_fuses(net, shapes(), given=masking(4, 1, 2))
    assert "SequenceMask" in operators(net, shapes())


def test_only_the_last_states(oracle: Oracle) -> None:
    _, states = rnn.LSTMCell(3).unroll(STEPS, X, valid_length=LENGTHS)
    assert_fuses(mx.sym.Group(states), shapes(), oracle, given=masking(4, 1, 2))
    assert_fuses(states[0], shapes(), oracle, given=masking(4, 1, 2))
