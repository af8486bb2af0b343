"""Cells unrolled by a loop of the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from gluon.both import assert_same_block
from oracle.client import Oracle
from rennet.gluon import rnn
from rennet.gluon.contrib.rnn import dynamic_unroll

PRELUDE = """
class Net(mx.gluon.HybridBlock):
    def __init__(self, cell, layout):
        super().__init__()
        self.cell, self._layout = cell, layout

    def hybrid_forward(self, F, inputs, states, lengths=None):
        unroll = mx.gluon.contrib.rnn.rnn_cell.dynamic_unroll
        outputs, states = unroll(self.cell, inputs, states, layout=self._layout, valid_length=lengths)
        return outputs, [state * 2 for state in states]
"""

CELLS = {
    "mx.gluon.rnn.LSTMCell(3, input_size=4)": [(2, 3), (2, 3)],
    "mx.gluon.rnn.GRUCell(3, input_size=4)": [(2, 3)],
    "mx.gluon.rnn.ResidualCell(mx.gluon.rnn.RNNCell(4, input_size=4))": [(2, 4)],
    "mx.gluon.contrib.rnn.LSTMPCell(4, 2, input_size=4)": [(2, 2), (2, 4)],
}


@pytest.mark.parametrize("cell", CELLS)
def test_as_mxnet(oracle: Oracle, tmp_path: Path, cell: str) -> None:
    for layout, shape in (("TNC", (3, 2, 4)), ("NTC", (2, 3, 4))):
        source = f"{PRELUDE}\nblock = Net({cell}, {layout!r})"
        assert_same_block(oracle, tmp_path / layout, source, shape, CELLS[cell], graph=False)


@pytest.mark.parametrize("cell", CELLS)
def test_as_mxnet_with_lengths(oracle: Oracle, tmp_path: Path, cell: str) -> None:
    source = f"{PRELUDE}\nblock = Net({cell}, 'TNC')"
    lengths = np.array([1, 3], "float32")
    last = len(CELLS[cell]) + 1
    inputs = (3, 2, 4), CELLS[cell], lengths
    assert_same_block(oracle, tmp_path, source, *inputs, graph=False, without_gradient=[last])


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
def test_as_unrolled(layout: str, hybrid: bool) -> None:
    class Net(mx.gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.cell = rnn.LSTMCell(3, input_size=4)

        def hybrid_forward(self, F: Any, inputs: Any, states: Any, lengths: Any) -> Any:
            return dynamic_unroll(self.cell, inputs, states, layout=layout, valid_length=lengths)

    net = Net()
    net.initialize(mx.init.Uniform(0.7))
    net.hybridize(hybrid)
    data = mx.nd.random.normal(shape=(3, 3, 4))
    states = [mx.nd.random.normal(shape=(3, 3)) for _ in range(2)]
    lengths = mx.nd.array([0, 2, 3], dtype="int32")
    outputs, last = net(data, states, lengths)
    expected, final = net.cell.unroll(3, data, states, layout, True, lengths)
    assert_all_close([outputs, *last], [each.asnumpy() for each in (expected, *final)], 1e-6, "outputs")


def test_dropout_is_the_same_at_every_step() -> None:
    """In both layouts; real MXNet shares it over the batch in NTC."""
    cell = rnn.DropoutCell(0.0)
    for layout in ("TNC", "NTC"):
        for how in ({"drop_inputs": 0.5}, {"drop_outputs": 0.5}):
            with mx.autograd.train_mode():
                outputs, _ = dynamic_unroll(cell, mx.nd.ones((5, 5, 20)), [], layout=layout, **how)
            steps = np.moveaxis(outputs.asnumpy(), layout.index("T"), 0)
            assert (steps == steps[0]).all()
            assert (steps[0] != steps[0, 0]).any()


def test_a_single_state_needs_no_list() -> None:
    cell = rnn.RNNCell(3)
    cell.initialize()
    outputs, states = dynamic_unroll(cell, mx.nd.ones((2, 1, 4)), mx.nd.zeros((1, 3)), valid_length=[1])
    assert outputs.shape == (2, 1, 3)
    assert len(states) == 1
