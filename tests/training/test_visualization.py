"""Drawings and the tables of summaries are, letter for letter, those of real MXNet."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import graphviz
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, ShapeError
from same_script import run_here

NETS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "dense": (
        """
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=13, name="fc1")
net = mx.sym.LeakyReLU(mx.sym.Activation(net, act_type="relu"), act_type="leaky", name="leaky")
net = mx.sym.FullyConnected(mx.sym.Dropout(net, p=0.5), num_hidden=10, no_bias=True, name="a_long_name_for_a_layer")
net = mx.sym.SoftmaxOutput(mx.sym.concat(net, net * 2, mx.sym.Flatten(net)), name="softmax")
""",
        {"data": (4, 7)},
    ),
    "unrolled": (
        """
stack = mx.rnn.SequentialRNNCell()
stack.add(mx.rnn.LSTMCell(5, prefix="l0_"))
stack.add(mx.rnn.ResidualCell(mx.rnn.GRUCell(5, prefix="l1_")))
embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=11, output_dim=5, name="embed")
net, states = stack.unroll(3, embedded, merge_outputs=True)
net = mx.sym.FullyConnected(mx.sym.Reshape(net, shape=(-1, 5)), num_hidden=11, name="pred")
""",
        {"data": (2, 3)},
    ),
    "fused": (
        """
cell = mx.rnn.FusedRNNCell(6, num_layers=2, mode="lstm", get_next_state=True, bidirectional=True)
outputs, states = cell.unroll(3, mx.sym.Variable("data"), layout="TNC", merge_outputs=True)
net = mx.sym.Group([outputs, *states])
""",
        {"data": (3, 2, 4)},
    ),
    "images": (
        """
net = mx.sym.Convolution(mx.sym.Variable("img"), kernel=(3, 2), num_filter=8, name="c1")
net = mx.sym.Convolution(net, kernel=(3, 3), num_filter=6, num_group=2, pad=(1, 1), stride=(2, 1), no_bias=True)
net = mx.sym.Pooling(net, kernel=(2, 2), stride=(1, 2), pool_type="avg")
net = mx.sym.FullyConnected(net, num_hidden=3, flatten=False)
""",
        {"img": (2, 4, 17, 18)},
    ),
    "variable": ('net = mx.sym.Variable("data")', {"data": (2, 3)}),
    "group": (
        'data = mx.sym.Variable("data")\nnet = mx.sym.Group([data * 2, mx.sym.Variable("last")])',
        {"data": (2, 3), "last": (5, 2, 2)},
    ),
}
every_net = pytest.mark.parametrize("name", NETS)

THEIRS = """
import contextlib, io, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    exec(source)
    printed = []
    for how in ways:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            mx.viz.print_summary(net, **how)
        printed.append(out.getvalue())
"""
DRAW = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    exec(source)
    drawings = [mx.viz.plot_network(net, **how) for how in ways]
    drawn = [[each.source.rstrip(), each.name, each.format] for each in drawings]
"""


def net_of(name: str) -> Any:
    return run_here(NETS[name][0], ["net"])["net"]


def printed(symbol: Any, **how: Any) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        mx.viz.print_summary(symbol, **how)
    return out.getvalue()


@every_net
def test_summary(oracle: Oracle, name: str) -> None:
    source, shape = NETS[name]
    ways: list[dict[str, Any]] = [
        {},
        {"shape": shape},
        {"shape": shape, "line_length": 67},
        {"shape": shape, "line_length": 60, "positions": [20, 30, 40, 60]},
        {"line_length": 80, "positions": [0.3, 0.5, 0.7, 1.0]},
    ]
    theirs = oracle.build(THEIRS, ["printed", "net"], {"source": source, "ways": ways})
    net = mx.sym.load_json(theirs["net"].json)  # inner nodes of our cells have other names
    tables = [printed(net, **how).partition("Unrolled recurrences")[0] for how in ways]
    assert tables == theirs["printed"]


def test_a_summary_says_what_is_fused_and_why_the_rest_is_not() -> None:
    data = mx.sym.Variable("data")
    outputs, _ = mx.rnn.GRUCell(3, prefix="gru_").unroll(4, data, merge_outputs=False)
    cell, step = mx.rnn.RNNCell(3, prefix="rnn_"), outputs[-1]
    states = cell.begin_state()
    for _ in range(2):
        step, states = cell(step, states)
    assert "Unrolled" not in printed(step)
    text = printed(step, shape={"data": (2, 4, 5)}).partition("Total params")[2]
    assert text.splitlines()[2:-1] == [
        "Unrolled recurrences, once bound:",
        "gru_t0_out ... gru_t3_out (gru, 4 steps): fused",
        "rnn_t0_out ... rnn_t1_out (rnn_tanh, 2 steps): step by step, for an input of a step is computed from the "
        "output of an earlier one",
    ]


@every_net
def test_drawing(oracle: Oracle, name: str) -> None:
    source, shape = NETS[name]
    ways: list[dict[str, Any]] = [
        {},
        {"title": "a net", "save_format": "svg", "hide_weights": False},
        {"shape": shape, "node_attrs": {"shape": "oval", "fixedsize": "false"}},
        {"shape": shape, "dtype": dict.fromkeys(shape, "float32")},
    ]
    theirs = oracle.build(DRAW, ["drawn", "net"], {"source": source, "ways": ways})
    drawings = [mx.viz.plot_network(mx.sym.load_json(theirs["net"].json), **how) for how in ways]
    assert [[each.source.rstrip(), each.name, each.format] for each in drawings] == theirs["drawn"]


def test_a_summary_of_a_layer_on_one_axis() -> None:
    """Real MXNet wants a second axis of every layer before one that it counts."""
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    assert "Total params: 2\n" in printed(net, shape={"data": (3,)})


def test_what_real_mxnet_cannot_draw() -> None:
    data = mx.sym.Variable("data")
    assert "max, 2x2/1" in mx.viz.plot_network(mx.sym.Pooling(data, kernel=(2, 2))).source
    parts = mx.sym.SliceChannel(data, num_outputs=2, name="parts")
    assert "[label=2 " in mx.viz.plot_network(parts[1] * 3, shape={"data": (3, 4)}).source


def test_dot_renders_where_it_is_there(tmp_path: Path) -> None:
    drawing = mx.viz.plot_network(net_of("dense"), save_format="svg")
    try:
        path = drawing.render(directory=str(tmp_path))
    except graphviz.ExecutableNotFound:
        pytest.skip("there is no program dot")
    assert "<svg" in Path(path).read_text()


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(MXNetError, match=r"pip install 'rennet\[plot\]'"):
        mx.viz.plot_network(net_of("dense"))


@pytest.mark.parametrize("look", [mx.viz.print_summary, mx.viz.plot_network])
def test_refusals(look: Any) -> None:
    net = net_of("dense")
    with pytest.raises(ArgumentError, match="expected a Symbol, got str"):
        look("net")
    with pytest.raises(ArgumentError, match="shape: expected a dict"):
        look(net, shape=[("data", (4, 7))])
    with pytest.raises(ArgumentError, match="'nope' is no argument of this symbol; it has: data, fc1_weight"):
        look(net, shape={"nope": (4, 7)})
    with pytest.raises(ShapeError, match="cannot be inferred"):
        look(net, shape={"data": (0, 7)})
    with pytest.raises(TypeError, match="colour"):
        look(net, colour="blue")


def test_refusals_of_one() -> None:
    net = net_of("dense")
    with pytest.raises(ArgumentError, match="positions: expected 4"):
        mx.viz.print_summary(net, positions=[0.1, 0.2, 1.0])
    with pytest.raises(ArgumentError, match="dtype: expected a dict"):
        mx.viz.plot_network(net, dtype="float16")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="dtype: 'nope' is no argument"):
        mx.viz.plot_network(net, dtype={"nope": "float16"})
    with pytest.raises(ArgumentError, match="node_attrs: expected a dict"):
        mx.viz.plot_network(net, node_attrs="blue")  # pyright: ignore[reportArgumentType]
