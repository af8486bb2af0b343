"""The code of MXNet's document on Gluon's recurrent networks, as printed, and the shapes and orders that it states."""

from __future__ import annotations

import pytest

import rennet as mx
from oracle.client import Oracle
from same_script import run_here

LABELLING = """
model = mx.gluon.nn.Sequential()
with model.name_scope():
    model.add(mx.gluon.nn.Embedding(30, 10))
    model.add(mx.gluon.rnn.LSTM(20))
    model.add(mx.gluon.nn.Dense(5, flatten=False))
model.initialize()
shape = model(mx.nd.ones((2,3))).shape
names = list(model.collect_params().keys())
text = repr(model)
"""

STACKED = """
model = mx.gluon.rnn.SequentialRNNCell()
with model.name_scope():
    model.add(mx.gluon.rnn.LSTMCell(20))
    model.add(mx.gluon.rnn.LSTMCell(20))
model.initialize()
states = model.begin_state(batch_size=32)
inputs = mx.nd.random.uniform(shape=(5, 32, 10))
outputs = []
for i in range(5):
    output, states = model(inputs[i], states)
    outputs.append(output)
shape = [each.shape for each in outputs] + [each.shape for each in states]
names = list(model.collect_params().keys())
text = repr(model)
"""

LAYER = """
layer = mx.gluon.rnn.{name}(100, 3)
layer.initialize()
input = mx.nd.random.uniform(shape=(5, 3, 10))
# by default zeros are used as begin state
output = layer(input)
# manually specify begin state.
h0 = mx.nd.random.uniform(shape=(3, 3, 100))
c0 = mx.nd.random.uniform(shape=(3, 3, 100))
output, hn = layer(input, {states})
shape = [output.shape] + [each.shape for each in hn]
names = list(layer.collect_params().keys())
text = repr(layer)
"""


@pytest.mark.parametrize(
    "source",
    [
        LABELLING,
        STACKED,
        LAYER.format(name="RNN", states="h0"),
        LAYER.format(name="LSTM", states="[h0, c0]"),
        LAYER.format(name="GRU", states="h0"),
    ],
    ids=["labelling", "stacked", "RNN", "LSTM", "GRU"],
)
def test_code_blocks(oracle: Oracle, source: str) -> None:
    variables = ["shape", "names", "text"]
    assert run_here(source, variables) == oracle.build(source, variables)


@pytest.mark.parametrize("layout", ["TNC", "NTC"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_stated_shapes(name: str, bidirectional: bool, layout: str) -> None:
    """Outputs by the layout, twice as wide in two directions; states by layers and directions; none unless given."""
    layer = getattr(mx.gluon.rnn, name)(4, 2, layout=layout, bidirectional=bidirectional)
    layer.initialize()
    data = mx.nd.ones((5, 3, 6) if layout == "TNC" else (3, 5, 6))
    width = 8 if bidirectional else 4
    alone = layer(data)
    assert isinstance(alone, mx.nd.NDArray)
    assert alone.shape == ((5, 3, width) if layout == "TNC" else (3, 5, width))
    output, states = layer(data, layer.begin_state(batch_size=3))
    assert output.shape == alone.shape
    assert [state.shape for state in states] == [(width // 2, 3, 4)] * (2 if name == "LSTM" else 1)
