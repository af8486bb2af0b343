"""Whole programs: networks trained by Gluon's loop, held to real MXNet after every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from differential import assert_all_close, assert_close
from oracle.client import Oracle
from same_script import run_here

_COMMON = """
import zlib


def drawn(name, shape):
    # numbers that depend on the name alone: the same in both libraries
    rng = np.random.RandomState(zlib.crc32(name.encode()) % 2**31)
    return mx.nd.array((0.3 * rng.normal(size=shape)).astype("float32"))


def fill(net):
    net.initialize()
    for name, parameter in net._collect_params_with_prefix().items():
        parameter.set_data(drawn(name, parameter.shape))


def values(net):
    return {name: each.data().asnumpy() for name, each in net._collect_params_with_prefix().items()}
"""

LANGUAGE_MODEL = (
    _COMMON
    + """
class Model(mx.gluon.Block):
    def __init__(self, vocabulary, width, layers, **kwargs):
        super(Model, self).__init__(**kwargs)
        with self.name_scope():
            self.drop = mx.gluon.nn.Dropout(0.0)
            self.encoder = mx.gluon.nn.Embedding(vocabulary, width)
            self.rnn = mx.gluon.rnn.LSTM(width, layers, dropout=0, input_size=width)
            self.decoder = mx.gluon.nn.Dense(vocabulary, in_units=width, params=self.encoder.params)
            self.width = width

    def forward(self, inputs, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(inputs)), hidden)
        decoded = self.decoder(self.drop(output).reshape((-1, self.width)))
        return decoded, hidden

    def begin_state(self, *args, **kwargs):
        return self.rnn.begin_state(*args, **kwargs)


net = Model(13, 8, 2)
fill(net)
net.hybridize(static_alloc=True)
trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0, "momentum": 0, "wd": 0})
loss_function = mx.gluon.loss.SoftmaxCrossEntropyLoss()
hidden = net.begin_state(func=mx.nd.zeros, batch_size=4)
history, losses = [], []
for step in range(steps):
    data, target = mx.nd.array(tokens[step * 5 : step * 5 + 5]), mx.nd.array(tokens[step * 5 + 1 : step * 5 + 6])
    hidden = [state.detach() for state in hidden]
    with mx.autograd.record():
        output, hidden = net(data, hidden)
        loss = loss_function(output, target.reshape((-1,)))
    loss.backward()
    gradients = [each.grad() for each in net.collect_params().values()]
    mx.gluon.utils.clip_global_norm(gradients, 0.25 * 5 * 4)
    trainer.step(20)
    history.append(values(net))
    losses.append(float(loss.mean().asscalar()))
"""
)

TAGGER = (
    _COMMON
    + """
class Tagger(mx.gluon.HybridBlock):
    def __init__(self, words, tags, **kwargs):
        super(Tagger, self).__init__(**kwargs)
        with self.name_scope():
            self.embedding = mx.gluon.nn.Embedding(words, 6)
            self.encoder = mx.gluon.rnn.GRU(5, layout="NTC", bidirectional=True, input_size=6)
            self.norm = mx.gluon.nn.LayerNorm(in_channels=10)
            self.cell = mx.gluon.rnn.HybridSequentialRNNCell()
            with self.cell.name_scope():
                self.cell.add(mx.gluon.rnn.LSTMCell(7, input_size=10))
                self.cell.add(mx.gluon.rnn.ResidualCell(mx.gluon.rnn.GRUCell(7, input_size=7)))
            self.output = mx.gluon.nn.Dense(tags, flatten=False, in_units=7)

    def hybrid_forward(self, F, words):
        encoded = self.norm(self.encoder(self.embedding(words)))
        steps, _ = self.cell.unroll(9, encoded, layout="NTC", merge_outputs=True)
        return self.output(steps)


net = Tagger(13, 4, prefix="tagger_")
fill(net)
net.hybridize()
trainer = mx.gluon.Trainer(net.collect_params(), optimizer, arguments)
loss_function = mx.gluon.loss.SoftmaxCrossEntropyLoss()
history, losses = [], []
for step in range(steps):
    rows = slice(step % 3 * 4, step % 3 * 4 + 4)
    data, target = mx.nd.array(tokens.T[rows, :9]), mx.nd.array(tokens.T[rows, 1:10] % 4)
    with mx.autograd.record():
        loss = loss_function(net(data), target)
    loss.backward()
    trainer.step(4)
    history.append(values(net))
    losses.append(float(loss.mean().asscalar()))
answer = net(mx.nd.array(tokens.T[:4, :9])).asnumpy()
net.export(folder + "/tagger")
"""
)

IMPORTED = """
net = mx.gluon.SymbolBlock.imports(folder + "/tagger-symbol.json", ["data"], folder + "/tagger-0000.params")
answer = net(mx.nd.array(tokens.T[:4, :9])).asnumpy()
"""


def _assert_same_steps(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert_close(np.array(ours["losses"]), np.array(theirs["losses"]), 1e-4, "losses")
    assert ours["losses"][-1] < ours["losses"][0]
    for step, (mine, reference) in enumerate(zip(ours["history"], theirs["history"], strict=True)):
        assert_all_close(mine, reference, 1e-4, f"parameters after step {step}")


def test_language_model(oracle: Oracle) -> None:
    """Tied weights, states carried from batch to batch, clipped gradients."""
    given = {"tokens": np.random.default_rng(0).integers(0, 13, (101, 4)).astype(np.float32), "steps": 20}
    _assert_same_steps(*(run(LANGUAGE_MODEL, ["history", "losses"], given) for run in (run_here, oracle.build)))


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [("adam", {"learning_rate": 0.02}), ("sgd", {"learning_rate": 0.3, "momentum": 0.9, "wd": 1e-3})],
)
def test_tagger(oracle: Oracle, tmp_path: Path, optimizer: str, arguments: dict[str, float]) -> None:
    """A hybridized network of layers and cells, trained, exported, and run by the other library."""
    tokens = np.random.default_rng(0).integers(0, 13, (10, 12)).astype(np.float32)
    given = {"tokens": tokens, "steps": 20, "optimizer": optimizer, "arguments": arguments}
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    for folder in folders:
        folder.mkdir()
    variables = ["history", "losses", "answer"]
    ours = run_here(TAGGER, variables, {**given, "folder": str(folders[0])})
    theirs = oracle.build(TAGGER, variables, {**given, "folder": str(folders[1])})
    _assert_same_steps(ours, theirs)
    read = oracle.build(IMPORTED, ["answer"], {"tokens": tokens, "folder": str(folders[0])})
    assert_close(ours["answer"], read["answer"], 1e-5, "our export, run by real MXNet")
    read = run_here(IMPORTED, ["answer"], {"tokens": tokens, "folder": str(folders[1])})
    assert_close(read["answer"], theirs["answer"], 1e-5, "real MXNet's export, run here")
