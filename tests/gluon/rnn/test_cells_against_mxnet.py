"""Cells and containers against real MXNet: stepped and unrolled, imperative, hybridized and symbolic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon.both import assert_same_block
from gluon.script import assert_same
from oracle.client import Oracle
from same_script import run_here

from .networks import BOTH_WAYS, COMPOSED, CONTRIB, PLAIN, PRELUDE, shape_of, source_of, steps_of

CELLS = {**PLAIN, **COMPOSED, **CONTRIB}
ALL = {**CELLS, **{f"both ways: {name}": cell for name, cell in BOTH_WAYS.items()}}

STATES: dict[str, list[Any]] = {
    "rnn": [(2, 3)],
    "rnn relu": [(2, 3)],
    "rnn softrelu": [(2, 3)],
    "lstm": [(2, 3), (2, 3)],
    "lstm other": [(2, 3), (2, 3)],
    "gru": [(2, 3)],
    "user's": [(2, 4)],
    "residual": [(2, 4)],
    "lstmp": [(2, 2), (2, 5)],
}


@pytest.mark.parametrize("cell", STATES)
def test_a_step(oracle: Oracle, tmp_path: Path, cell: str) -> None:
    # twice the states: see networks.Unrolled
    source = f"""{PRELUDE}
class Stepped(mx.gluon.HybridBlock):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, inputs, states):
        output, states = self.cell(inputs, states)
        return output, [state * 2 for state in states]

block = Stepped({CELLS[cell]})
"""
    assert_same_block(oracle, tmp_path, source, (2, 4), STATES[cell])


@pytest.mark.parametrize(("layout", "merge"), [("TNC", True), ("NTC", False)])
@pytest.mark.parametrize("cell", ALL)
def test_unrolled(oracle: Oracle, tmp_path: Path, cell: str, layout: str, merge: bool) -> None:
    source = source_of(ALL[cell], 3, layout=layout, merge_outputs=merge)
    assert_same_block(oracle, tmp_path, source, shape_of(3, layout))


@pytest.mark.parametrize("cell", ["stack", "residual", "both ways: bidirectional", "both ways: stack of them"])
@pytest.mark.parametrize("merge", [None, True, False])
def test_t37_lists_of_steps(oracle: Oracle, tmp_path: Path, cell: str, merge: bool | None) -> None:
    assert_same_block(oracle, tmp_path, source_of(ALL[cell], 3, merge_outputs=merge), steps_of(3))


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("cell", ["lstm", "user's", "stack", "residual", "both ways: bidirectional"])
def test_t35_t38_one_step(oracle: Oracle, tmp_path: Path, cell: str, layout: str) -> None:
    source = source_of(ALL[cell], 1, layout=layout, merge_outputs=False)
    assert_same_block(oracle, tmp_path, source, shape_of(1, layout))


def _works_in_mxnet(cell: str, layout: str, merge: bool) -> bool:
    """With lengths, it takes the steps of a residual cell for one, and a bidirectional cell's batch for its time."""
    return not (cell in ("both ways: stack of them", "both ways: user's") and layout == "NTC") and not (
        "residual" in cell and not merge
    )


@pytest.mark.parametrize(
    ("cell", "layout", "merge"),
    [
        (cell, layout, merge)
        for layout, merge in (("NTC", True), ("TNC", False))
        for cell in ALL
        if _works_in_mxnet(cell, layout, merge)
    ],
)
def test_t36_unrolled_with_lengths(oracle: Oracle, tmp_path: Path, cell: str, merge: bool, layout: str) -> None:
    """The graphs differ by what keeps the states of empty sequences; results do not."""
    source = source_of(ALL[cell], 3, layout=layout, merge_outputs=merge)
    lengths = np.array([1, 3], "float32")
    found = assert_same_block(oracle, tmp_path, source, shape_of(3, layout), lengths, without_gradient=[1], graph=False)
    assert len(found["results"]) == 4


@pytest.mark.parametrize("cell", ["lstm", "stack", "both ways: stack of them", "lstmp"])
def test_float64(oracle: Oracle, tmp_path: Path, cell: str) -> None:
    """Real MXNet has to be given the states; see test_t29 for when they are not."""
    source = f"""{PRELUDE}
class Given(mx.gluon.HybridBlock):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, inputs, *states):
        outputs, states = self.cell.unroll(3, inputs, begin_state=list(states), merge_outputs=True)
        return outputs, [state * 2 for state in states]

block = Given({ALL[cell]})
"""
    widths = {"lstm": [3, 3], "stack": [3, 3, 2, 3], "both ways: stack of them": [3, 3, 2, 2, 2], "lstmp": [2, 5]}
    states = [(2, width) for width in widths[cell]]
    assert_same_block(oracle, tmp_path, source, shape_of(3, "NTC"), *states, dtype="float64", tolerance=1e-9)


def test_a_stack_that_is_not_hybrid(oracle: Oracle, tmp_path: Path) -> None:
    source = f"""{PRELUDE}
class Stepped(mx.gluon.Block):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs):
        states, outputs = self.cell.begin_state(batch_size=2, func=mx.nd.zeros), []
        for step in inputs:
            output, states = self.cell(step, states)
            outputs.append(output)
        return outputs + self.cell.unroll(3, inputs)[1]

cell = rnn.SequentialRNNCell(prefix="whole_")
with cell.name_scope():
    for each in (rnn.LSTMCell(3), rnn.DropoutCell(0.0), rnn.ResidualCell(rnn.GRUCell(3)), Halving(3)):
        cell.add(each)
block = Stepped(cell)
"""
    assert_same_block(oracle, tmp_path, source, steps_of(3), training=False)


def test_reprs_and_prefixes(oracle: Oracle) -> None:
    source = f"""{PRELUDE}
with_scope = rnn.SequentialRNNCell(prefix="net_")
with with_scope.name_scope():
    for each in (
        rnn.LSTMCell(3, input_size=2), rnn.LSTMCell(3, prefix="own_"), rnn.DropoutCell(0.3, (1,)), rnn.GRUCell(2),
        rnn.ZoneoutCell(rnn.ResidualCell(rnn.RNNCell(2, 'relu')), 0.1, 0.2), rnn.RNNCell(2),
        rnn.BidirectionalCell(rnn.RNNCell(2), stack(rnn.GRUCell(2), rnn.DropoutCell(0.5))),
        contrib.VariationalDropoutCell(contrib.LSTMPCell(4, 2), 0.1, 0.2, 0.3),
        contrib.Conv1DLSTMCell((2, 5), 3, 3, 3), contrib.Conv2DGRUCell((2, 5, 4), 3, 3, 3),
    ):
        with_scope.add(each)
found = [repr(with_scope), [cell.prefix for cell in with_scope._children.values()],
         [(name, each.shape) for name, each in with_scope.collect_params().items()],
         with_scope.state_info(5), sorted(with_scope._collect_params_with_prefix())]
"""
    assert run_here(source, ["found"]) == oracle.build(source, ["found"])


REFUSED = """
cell = gluon.rnn.%s(4, input_size=3)
cell.initialize()
if hybrid:
    cell.hybridize()


def step(width, shape, data="float32", states="float32"):
    given = [nd.zeros(shape, dtype=states) for _ in cell.state_info()]
    return cell(nd.ones((2, width), dtype=data), given)[0].asnumpy()


for given in ((3, (2, 4)), (2, (2, 4)), (5, (2, 4)), (3, (1, 4)), (3, (3, 4)), (3, (2, 1)),
              (3, (2, 4), "float64"), (3, (2, 4), "float32", "float64"), (3, (2, 4), "float64", "float64")):
    note(str(given), fails(step, *given))
"""


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_what_a_step_refuses(oracle: Oracle, kind: str, hybrid: bool) -> None:
    report = assert_same(oracle, REFUSED % kind, hybrid=hybrid)
    assert list(report.values()) == [False] + 8 * [True]
