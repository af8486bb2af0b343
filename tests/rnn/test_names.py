"""What is inside a step has MXNet's names, and what comes after it MXNet's numbers."""

from __future__ import annotations

from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet._cells.dense import dense_step
from rennet._cells.gated import CellWeights
from rennet._cells.naming import Spelling
from rennet._recurrence.modes import MODES
from rennet.rnn import spelling
from same_script import internals_of, run_here

CELLS = {
    "rnn": "mx.rnn.RNNCell(2)",
    "lstm": "mx.rnn.LSTMCell(2)",
    "gru": "mx.rnn.GRUCell(2)",
    "a function that takes a name": (
        "mx.rnn.RNNCell(2, activation=lambda data, name=None: mx.sym.tanh(data * 2, name=name))"
    ),
    "stack": "stack(mx.rnn.GRUCell(2), mx.rnn.DropoutCell(0.5), mx.rnn.LSTMCell(2), mx.rnn.RNNCell(2))",
}
LATER = """
def stack(*cells):
    made = mx.rnn.SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made

with {scope}:
    outputs, states = {cell}.unroll(3, mx.sym.Variable("x"), merge_outputs={merge})
    last = outputs if {merge} else outputs[-1]
    net = mx.sym.Activation(mx.sym.tanh(last * last + last), act_type="relu")
"""


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("scope", ["mx.name.NameManager()", "mx.name.Prefix('net_')"])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_internals_and_what_comes_later(oracle: Oracle, cell: str, scope: str, merge: bool) -> None:
    source = LATER.format(cell=cell, scope=scope, merge=merge)
    ours = run_here(source, ["net"])["net"]
    theirs = oracle.build(source, ["net"])["net"]
    assert ours.get_internals().list_outputs() == internals_of(theirs.json)


def test_functions_that_take_no_name() -> None:
    """Which real MXNet does not call at all: the last of their operators is the result."""
    with mx.name.NameManager():
        outputs, _ = mx.rnn.RNNCell(2, activation=lambda data: mx.sym.tanh(data * 2)).unroll(2, mx.sym.Variable("x"))
    assert [output.name for output in outputs] == ["rnn_t0_out", "rnn_t1_out"]
    assert "_mulscalar1_output" in outputs[1].get_internals().list_outputs()


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("rnn_tanh", spelling.ELMAN),
        ("lstm", spelling.LSTM),
        ("gru", spelling.GRU),
        (
            "lstm",
            Spelling("i2h", "h2h", ("plus0", "slice", *"of", "mul0", *"ic", "mul1", "state", "activation0", "out")),
        ),
    ],
    ids=["elman", "lstm", "gru", "another surface"],
)
def test_a_spelling_names_each_operator_of_the_step(mode: str, names: Spelling) -> None:
    weights = CellWeights(*(mx.sym.Variable(name) for name in CellWeights._fields))
    states = [mx.sym.Variable(f"s{place}") for place in range(MODES[mode].states)]
    with mx.name.NameManager():
        new = dense_step(mx.sym, MODES[mode], 2, weights, mx.sym.Variable("x"), states, "p_", names)
    internals: Any = mx.sym.Group(new).get_internals()
    made = {name for name in (each.name for each in internals) if not mx.sym.Group(new).list_inputs().count(name)}
    assert len(made) == 2 + len(names.step)
    assert made >= {f"p_{name}" for name in (names.i2h, names.h2h, *names.step) if name}


def test_a_zoned_residual_cell_merges_under_mxnets_name() -> None:
    cell = mx.rnn.ZoneoutCell(mx.rnn.ResidualCell(mx.rnn.LSTMCell(3)), 0.2, 0.3)
    with mx.name.NameManager():
        outputs, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    assert outputs.list_outputs() == ["concat0_output"]
