"""Blocks in Blocks against real MXNet: sequences, concatenations, shared weights, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from same_script import run_here

from ..both import assert_same_block

nn = mx.gluon.nn

NETWORKS: list[tuple[str, list[Any], dict[str, Any]]] = [
    (
        """
block = mx.gluon.nn.HybridSequential(prefix="net_")
with block.name_scope():
    block.add(mx.gluon.nn.Dense(5, activation="relu"), mx.gluon.nn.Dense(3))
""",
        [(4, 6)],
        {},
    ),
    (
        """
block = mx.gluon.nn.HybridSequential()
block.add(mx.gluon.nn.Dense(5, flatten=False), mx.gluon.nn.LayerNorm(), mx.gluon.nn.Activation("tanh"))
block.add(mx.gluon.nn.HybridSequential())
block[3].add(mx.gluon.nn.Dense(2))
""",
        [(4, 3, 6)],
        {"tolerance": 1e-4},
    ),
    (
        """
block = mx.gluon.nn.Sequential()
with block.name_scope():
    block.add(mx.gluon.nn.Dense(5), mx.gluon.nn.Lambda(lambda x: x * 2), mx.gluon.contrib.nn.Identity())
""",
        [(4, 6)],
        {},
    ),
    (
        """
nn = mx.gluon.nn
block = nn.HybridSequential()
block.add(nn.Conv2D(3, 3, padding=1), nn.BatchNorm(), nn.Activation("relu"), nn.AvgPool2D(), nn.Flatten(), nn.Dense(2))
""",
        [(4, 2, 4, 6)],
        {"tolerance": 1e-3},
    ),
    (
        """
block = mx.gluon.contrib.nn.HybridConcurrent(axis=1)
with block.name_scope():
    block.add(mx.gluon.nn.Dense(5), mx.gluon.contrib.nn.Identity(), mx.gluon.nn.Dense(2, use_bias=False))
""",
        [(4, 6)],
        {},
    ),
    (
        """
block = mx.gluon.contrib.nn.Concurrent()
block.add(mx.gluon.nn.Dense(5), mx.gluon.nn.Dense(2, use_bias=False))
""",
        [(4, 6)],
        {},
    ),
    (
        """
block = mx.gluon.nn.HybridSequential()
block.add(mx.gluon.nn.HybridLambda(lambda F, x: (x + 1, 2 * x)))
block.add(mx.gluon.nn.HybridLambda(lambda F, x: [x[1], x[0] * x[1]]))
""",
        [(4, 6)],
        {},
    ),
    (
        """
class Tied(mx.gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.embedding = mx.gluon.nn.Embedding(7, 3)
            self.decoder = mx.gluon.nn.Dense(7, flatten=False, params=self.embedding.params)
    def hybrid_forward(self, F, x):
        return self.decoder(self.embedding(x))
block = Tied()
""",
        [np.array([[0, 4, 2], [1, 6, 3]], np.float32)],
        {"without_gradient": [0]},
    ),
    (
        "block = mx.gluon.contrib.nn.SyncBatchNorm(num_devices=1, epsilon=0.1, momentum=0.3)",
        [(6, 3, 2)],
        {"tolerance": 1e-4},
    ),
    (
        "block = mx.gluon.contrib.nn.SyncBatchNorm(3, 1, center=False, scale=False, use_global_stats=True)",
        [(6, 3)],
        {"tolerance": 1e-4},
    ),
]


@pytest.mark.parametrize(("source", "inputs", "options"), NETWORKS, ids=range(len(NETWORKS)))
def test_networks(oracle: Oracle, tmp_path: Path, source: str, inputs: list[Any], options: dict[str, Any]) -> None:
    assert_same_block(oracle, tmp_path, source, *inputs, **options)


PARTS = """
net = mx.gluon.nn.HybridSequential(prefix="net_")
with net.name_scope():
    net.add(*[mx.gluon.nn.Dense(units) for units in (3, 4, 5)])
found = {
    "whole": repr(net),
    "parts": [repr(net[part]) for part in (0, -1, slice(1, 3), slice(None, None, -1), slice(0, 0))],
    "prefixes": [net[1:].prefix, net[1:].name, net[2].name],
    "parameters": list(net[1:].collect_params()),
    "files": sorted(net._collect_params_with_prefix()),
    "length": [len(net), len(list(net))],
    "inside": repr(mx.gluon.nn.Sequential()),
}
"""


def test_parts(oracle: Oracle) -> None:
    assert run_here(PARTS, ["found"])["found"] == oracle.build(PARTS, ["found"])["found"]
    net = nn.HybridSequential()
    with pytest.raises(IndexError):
        net[0]
    assert isinstance(net[:], nn.HybridSequential)


def test_a_plain_sequence_of_hybrid_blocks() -> None:
    net = nn.Sequential(prefix="net_")
    net.add(nn.Dense(3))
    with pytest.warns(UserWarning, match="this Sequential layer 'net_' are HybridBlocks. Consider using HybridSequ"):
        net.hybridize()
    assert net[0]._active  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(mx.base.ArgumentError, match="Children of HybridBlock must also be HybridBlock"):
        nn.HybridSequential().add(nn.Lambda("tanh"))  # pyright: ignore[reportArgumentType]


def test_sparse_gradients_are_dense(oracle: Oracle) -> None:
    """What is computed is the same: gradients of rows that were not used are zero."""
    source = """
layer = mx.gluon.nn.Embedding(5, 3, sparse_grad=True)
layer.initialize(mx.init.One())
with mx.autograd.record():
    output = layer(mx.nd.array([[1, 3, 1]]))
output.backward()
gradient = layer.weight.grad()
found = [output, gradient.tostype("default") if gradient.stype == "row_sparse" else gradient]
graph = layer(mx.sym.var("x")).tojson()
other = mx.gluon.contrib.nn.SparseEmbedding(5, 3)  # which works with a Trainer only, in MXNet
described = [[repr(each), each.weight.name, each.weight.shape] for each in (layer, other)]
"""
    ours, theirs = (each(source, ["found", "described", "graph"]) for each in (run_here, oracle.build))
    for mine, reference in zip(ours["found"], theirs["found"], strict=True):
        np.testing.assert_array_equal(mine, reference)
    assert ours["described"] == theirs["described"]
    assert theirs["graph"] == ours["graph"]


def test_a_sparse_embedding_is_an_embedding() -> None:
    numbers = mx.nd.array([[0, 4, 2], [1, 1, 3]])
    layer = mx.gluon.contrib.nn.SparseEmbedding(5, 3)
    layer.initialize(mx.init.Normal())
    same = nn.Embedding(5, 3, params=layer.params)
    assert same.weight is layer.weight
    np.testing.assert_array_equal(layer(numbers).asnumpy(), same(numbers).asnumpy())


def test_halves() -> None:
    net = nn.HybridSequential()
    net.add(nn.Dense(4, in_units=3), nn.BatchNorm())
    net.initialize()
    net.cast("float16")
    assert [np.dtype(each.dtype).name for each in net.collect_params().values()] == ["float16"] * 2 + ["float32"] * 4
    assert net(mx.nd.ones((2, 3), dtype="float16")).dtype == np.float16


def test_files_without_parameters(tmp_path: Path) -> None:
    file = tmp_path / "empty.params"
    nn.Flatten().save_parameters(file)
    nn.Flatten().load_parameters(file)
    nn.Flatten().collect_params().load(file)
    with pytest.raises(mx.base.ArgumentError, match="Parameter 'weight' is missing in file"):
        nn.Dense(3, in_units=2).load_parameters(file)


def test_dropout_in_training() -> None:
    layer = nn.Dropout(0.5, axes=(0,))
    for _ in range(2):
        with mx.autograd.train_mode():
            dropped = layer(mx.nd.ones((3, 64))).asnumpy()
        assert set(dropped.flatten()) == {0.0, 2.0}
        assert (dropped == dropped[0]).all()
        layer.hybridize()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nn.Dense(0)", "Dense: units: expected a whole number of at least 1, got 0"),
        ("nn.Dense(3, in_units=-1)", "Dense: in_units: expected a whole number of at least 0, got -1"),
        ("nn.Dropout(1.5)", r"Dropout: rate: expected a rate in \[0, 1\), got 1.5"),
        ("nn.Activation(None)", "Activation: activation: expected a function's name, such as 'relu', got None"),
        ("nn.LeakyReLU(-1)", "LeakyReLU: alpha: expected a slope that is not negative, got -1"),
        ("nn.PReLU(in_channels=0)", "PReLU: in_channels: expected a whole number of at least 1, got 0"),
        ("nn.Embedding(3, 'a')", "Embedding: output_dim: expected a whole number of at least 1, got 'a'"),
        ("nn.Lambda('foo')", "Lambda: function: expected the name of an operator, but mx.nd has no 'foo'"),
        ("nn.HybridLambda(3)", "HybridLambda: function: expected a function, or an operator's name, got 3"),
        ("nn.ReflectionPad2D((1, 2))", r"ReflectionPad2D: padding: expected .* eight of them .* got \(1, 2\)"),
        ("nn.Conv2D(4, (3, 3, 3))", r"Conv2D: kernel_size: expected a number of at least 1 or 2 of them, got"),
        ("nn.Conv1D(4, 3, layout='NWC')", "Conv1D: layout: expected one of NCW; got 'NWC'"),
        ("nn.Conv2D(4, 3, groups=3)", "Conv2D: groups: expected a positive divisor of channels 4"),
        ("nn.Conv2DTranspose(4, 3, output_padding=(1,))", "Conv2DTranspose: output_padding: expected a number of at"),
        ("nn.Conv2D(4, 3, layout='NHWC')", "Conv2D: layout='NHWC': channels last are not .* use 'NCHW' and transpose"),
        (
            "nn.Conv3DTranspose(4, 3, layout='NDHWC')",
            "Conv3DTranspose: layout='NDHWC': channels last are not supported",
        ),
        ("nn.MaxPool1D((2, 2))", "MaxPool1D: pool_size: expected a number of at least 1 or 1 of them"),
        ("nn.AvgPool2D(layout='NCW')", "AvgPool2D: layout: expected one of NCHW, NHWC; got 'NCW'"),
        ("nn.GroupNorm(0)", "GroupNorm: num_groups: expected a whole number of at least 1, got 0"),
        ("nn.BatchNorm(momentum='a')", "BatchNorm: momentum: expected a number, got 'a'"),
        ("contrib.PixelShuffle2D(None)", "PixelShuffle2D: factor: expected a number of at least 1 or 2 of them"),
        ("contrib.SyncBatchNorm(num_devices=0)", "SyncBatchNorm: num_devices: expected a whole number of at least 1"),
        ("contrib.Concurrent(axis='a')", "Concurrent: axis: expected a whole number"),
    ],
)
def test_objections(source: str, message: str) -> None:
    with pytest.raises(mx.base.MXNetError, match=message):
        eval(source, {"mx": mx, "nn": nn, "contrib": mx.gluon.contrib.nn})
