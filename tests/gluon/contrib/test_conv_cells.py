"""Convolutional cells against real MXNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from gluon.both import assert_same_block
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError
from rennet.gluon.contrib import rnn
from same_script import run_here

PRELUDE = """
class Unrolled(mx.gluon.HybridBlock):
    def __init__(self, cell, **how):
        super().__init__()
        self.cell, self._how = cell, how

    def hybrid_forward(self, F, inputs, lengths=None):
        how = {} if lengths is None else {"valid_length": lengths}
        outputs, states = self.cell.unroll(3, inputs, **self._how, **how)
        return outputs, [state * 2 for state in states]
"""

SIZES = {1: (2, 7), 2: (2, 5, 6), 3: (2, 4, 3, 5)}
SETTINGS = {
    1: "3, 3, i2h_pad=1, i2h_dilate=(2,), h2h_dilate=2",
    2: "(3, 2), (3, 5), i2h_pad=(1, 0), h2h_dilate=(2, 1)",
    3: "(2, 1, 3), 3, i2h_pad=1, activation='relu'",
}


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_as_mxnet(oracle: Oracle, tmp_path: Path, kind: str, axes: int) -> None:
    cell = f"mx.gluon.contrib.rnn.Conv{axes}D{kind}Cell({SIZES[axes]}, 3, {SETTINGS[axes]})"
    source = f"{PRELUDE}\nblock = Unrolled({cell}, merge_outputs=True)"
    # in the graph, MXNet's splits into gates say that their axis is 1, which is the default
    assert_same_block(oracle, tmp_path, source, (2, 3, *SIZES[axes]), tolerance=5e-5, graph=False)
    names = (
        f"net = {cell}.unroll(2, mx.sym.var('x'), merge_outputs=True)[0]; names = net.get_internals().list_outputs()"
    )
    assert run_here(names, ["names"]) == oracle.build(names, ["names"])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_lengths(oracle: Oracle, tmp_path: Path, kind: str) -> None:
    cell = f"mx.gluon.contrib.rnn.Conv1D{kind}Cell((2, 7), 3, 3, 3, activation='softsign')"
    both = f"mx.gluon.rnn.BidirectionalCell({cell}, {cell})"
    for folder, each in (("one", cell), ("two", both)):
        source = f"{PRELUDE}\nblock = Unrolled({each}, layout='TNC', merge_outputs=True)"
        lengths = np.array([1, 3], "float32")
        inputs = (3, 2, 2, 7), lengths
        assert_same_block(oracle, tmp_path / folder, source, *inputs, without_gradient=[1], graph=False, tolerance=5e-5)


def test_a_block_as_activation() -> None:
    class Leaky(mx.gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any) -> Any:
            return F.LeakyReLU(x, act_type="leaky", slope=0.25)

    cell = rnn.Conv1DLSTMCell((2, 5), 3, 3, 3, i2h_pad=1, activation=Leaky())
    cell.initialize()
    outputs, _ = cell.unroll(2, mx.nd.ones((1, 2, 2, 5)), merge_outputs=True)
    plain = rnn.Conv1DLSTMCell(
        (2, 5), 3, 3, 3, i2h_pad=1, activation=lambda x: x - 0.75 * mx.nd.minimum(x, 0), params=cell.params
    )
    expected, _ = plain.unroll(2, mx.nd.ones((1, 2, 2, 5)), merge_outputs=True)
    np.testing.assert_allclose(outputs.asnumpy(), expected.asnumpy(), atol=1e-6)


def test_channels_are_told_by_the_first_batch() -> None:
    cell = rnn.Conv1DGRUCell((0, 5), 3, 3, 3, i2h_pad=1)
    assert repr(cell) == "Conv1DGRUCell(None -> 9, tanh, NCW)"
    cell.initialize()
    cell.unroll(2, mx.nd.ones((1, 2, 2, 5)))
    assert cell.i2h_weight.shape == (9, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((2, 5, 5), 3, 3, 2), ArgumentError, "h2h_kernel: expected odd sizes"),
        (((2, 5), 3, 3, 3), ArgumentError, "input_shape: expected a size for each of CHW"),
        (((2, 5, 5), 3, (3,), 3), ArgumentError, "i2h_kernel: expected 2 numbers"),
        (((2, 5, 5), 3, 3, (3,), 0, 1, (1,)), ArgumentError, "h2h_kernel: expected 2 numbers"),
        (((2, 5, 5), 0, 3, 3), ArgumentError, "hidden_channels"),
    ],
)
def test_bad_arguments(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rnn.Conv2DRNNCell(*arguments)


def test_channels_last_are_refused() -> None:
    with pytest.raises(NotSupportedError, match="Conv2DRNNCell: conv_layout='NHWC'"):
        rnn.Conv2DRNNCell((5, 5, 2), 3, 3, 3, conv_layout="NHWC")
    with pytest.raises(ArgumentError, match="conv_layout: expected 'NCHW', got 'NCW'"):
        rnn.Conv2DRNNCell((2, 5, 5), 3, 3, 3, conv_layout="NCW")
