"""Graphs from files: written by real MXNet 1.9.1, or spelled as its older generations did."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle

from .fusion import assert_fuses

CELLS = {
    "rnn": ("mx.rnn.RNNCell(3)", 1),
    "relu": ("mx.rnn.RNNCell(3, activation='relu')", 1),
    "lstm": ("mx.rnn.LSTMCell(3)", 1),
    "gru": ("mx.rnn.GRUCell(3)", 1),
    "residual": ("mx.rnn.ResidualCell(mx.rnn.LSTMCell(4))", 1),
    "both ways": ("mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(3, 'l_'), mx.rnn.LSTMCell(3, 'r_'))", 2),
    "unfused": ("mx.rnn.FusedRNNCell(3, 2, 'gru', bidirectional=True).unfuse()", 4),
}
GLUON = {
    "rnn": ("rnn.RNNCell(3)", 1),
    "relu": ("rnn.RNNCell(3, activation='relu')", 1),
    "lstm": ("rnn.LSTMCell(3)", 1),
    "gru": ("rnn.GRUCell(3)", 1),
    "residual": ("rnn.ResidualCell(rnn.LSTMCell(4))", 1),
    "both ways": ("rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3))", 2),
    "stack": ("stack(rnn.LSTMCell(3), rnn.DropoutCell(0.0), rnn.GRUCell(2), rnn.RNNCell(3))", 3),
}


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize(("cell", "count"), [*CELLS.values(), *GLUON.values()])
def test_cells_of_mxnet(oracle: Oracle, cell: str, count: int, layout: str, merge: bool) -> None:
    source = f"""
rnn = mx.gluon.rnn
def stack(*cells):
    made = rnn.HybridSequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made
def flat(states):
    return sum((flat(each) for each in states), []) if isinstance(states, list) else [states]
outputs, states = {cell}.unroll(4, mx.sym.Variable("x"), layout={layout!r}, merge_outputs={merge})
heads = flat(outputs) + flat(states)
net = mx.sym.Group(list({{head.list_outputs()[0]: head for head in heads}}.values()))
"""
    net = mx.sym.load_json(oracle.build(source, ["net"])["net"].json)
    assert_fuses(net, {"x": (2, 4, 4) if layout == "NTC" else (4, 2, 4)}, oracle, count)


class Graph:
    """A graph file, written node by node."""

    def __init__(self, attributes: str) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._attributes = attributes

    def variable(self, name: str) -> list[int]:
        return self.add("null", name)

    def add(self, op: str, name: str, *inputs: list[int], **attrs: str) -> list[int]:
        node = {"op": op, "name": name, "inputs": [list(each) for each in inputs], "backward_source_id": -1}
        if attrs or self._attributes == "param":
            node[self._attributes] = attrs
        self.nodes.append(node)
        return [len(self.nodes) - 1, 0]

    def text(self, heads: list[list[int]], **more: Any) -> str:
        variables = [place for place, node in enumerate(self.nodes) if node["op"] == "null"]
        return json.dumps({"nodes": self.nodes, "arg_nodes": variables, "heads": heads, **more})


def _version(number: int) -> dict[str, Any]:
    return {"attrs": {"mxnet_version": ["int", number]}}


GENERATIONS = {
    "0.8": ("param", {"add": "_Plus", "mul": "_Mul", "less": "_RMinusScalar"}, {}),
    "0.9": ("attr", {"add": "_plus", "mul": "_mul", "less": "_rminus_scalar"}, _version(905)),
    "0.11": ("attr", {"add": "elemwise_add", "mul": "_mul", "less": "_rminus_scalar"}, _version(1100)),
    "1.0": ("attrs", {"add": "elemwise_add", "mul": "elemwise_mul", "less": "_rminus_scalar"}, _version(10000)),
}


def _dense(graph: Graph, name: str, data: list[int], parameters: list[list[int]], width: int) -> list[int]:
    return graph.add("FullyConnected", name, data, *parameters, no_bias="False", num_hidden=str(width))


def _parts(graph: Graph, name: str, data: list[int], count: int) -> list[list[int]]:
    node, _ = graph.add("SliceChannel", name, data, axis="1", num_outputs=str(count), squeeze_axis="False")
    return [[node, place] for place in range(count)]


def old_lstm(generation: str, steps: int = 3) -> str:
    """As the example ``lstm.py`` of that time: gates in, transform, forget, out; one begin state for each layer."""
    attributes, words, more = GENERATIONS[generation]
    graph = Graph(attributes)
    weights = [graph.variable(f"l0_{name}") for name in ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")]
    c, h = graph.variable("l0_init_c"), graph.variable("l0_init_h")
    hidden = []
    for t in range(steps):
        data, name = graph.variable(f"t{t}_data"), f"t{t}_l0_"
        i2h = _dense(graph, f"{name}i2h", data, weights[:2], 12)
        h2h = _dense(graph, f"{name}h2h", h, weights[2:], 12)
        gates = graph.add(words["add"], f"_plus{3 * t}", i2h, h2h)
        parts = _parts(graph, f"{name}slice", gates, 4)
        i, g, f, o = (
            graph.add("Activation", f"activation{5 * t + place}", part, act_type="tanh" if place == 1 else "sigmoid")
            for place, part in enumerate(parts)
        )
        kept = graph.add(words["mul"], f"_mul{3 * t}", f, c)
        new = graph.add(words["mul"], f"_mul{3 * t + 1}", i, g)
        c = graph.add(words["add"], f"_plus{3 * t + 1}", kept, new)
        squashed = graph.add("Activation", f"activation{5 * t + 4}", c, act_type="tanh")
        h = graph.add(words["mul"], f"_mul{3 * t + 2}", o, squashed)
        hidden.append(h)
    joined = graph.add("Concat", "concat0", *hidden, num_args=str(steps), dim="0")
    pred = graph.add("FullyConnected", "pred", joined, graph.variable("w"), graph.variable("b"), num_hidden="5")
    return graph.text([pred, c, h], **more)


def old_gru(generation: str, steps: int = 3) -> str:
    """As `GRUCell` had it when it came into `mx.rnn`."""
    attributes, words, more = GENERATIONS[generation]
    graph = Graph(attributes)
    weights = [graph.variable(f"gru_{name}") for name in ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")]
    h = graph.variable("gru_begin_state_0")
    for t in range(steps):
        name = f"gru_t{t}_"
        ways = [
            _dense(graph, f"{name}i2h", graph.variable(f"t{t}_data"), weights[:2], 9),
            _dense(graph, f"{name}h2h", h, weights[2:], 9),
        ]
        (i_r, i_z, i_n), (h_r, h_z, h_n) = (
            _parts(graph, f"{name}slice{place}", way, 3) for place, way in enumerate(ways)
        )
        r, z = (
            graph.add("Activation", f"{name}{gate}_act", graph.add(words["add"], "", *pair), act_type="sigmoid")
            for gate, pair in (("r", (i_r, h_r)), ("z", (i_z, h_z)))
        )
        reset = graph.add(words["mul"], "", r, h_n)
        new = graph.add("Activation", f"{name}h_act", graph.add(words["add"], "", i_n, reset), act_type="tanh")
        rest = graph.add(words["less"], "", z, scalar="1.0")
        left, right = graph.add(words["mul"], "", rest, new), graph.add(words["mul"], "", z, h)
        h = graph.add(words["add"], f"{name}out", left, right)
    for place, node in enumerate(graph.nodes):
        node["name"] = node["name"] or f"op{place}"
    return graph.text([h], **more)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_lstm_of_older_generations(oracle: Oracle, generation: str) -> None:
    net = mx.sym.load_json(old_lstm(generation))
    shapes = {f"t{t}_data": (2, 4) for t in range(3)}
    assert_fuses(net, {**shapes, "l0_init_c": (2, 3), "l0_init_h": (2, 3)}, oracle)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_gru_of_older_generations(oracle: Oracle, generation: str) -> None:
    net = mx.sym.load_json(old_gru(generation))
    shapes = {f"t{t}_data": (2, 4) for t in range(3)}
    assert_fuses(net, {**shapes, "gru_begin_state_0": (2, 3)}, oracle)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_mxnet_reads_the_old_files_alike(oracle: Oracle, generation: str) -> None:
    """What they say is not our own invention."""
    for text in (old_lstm(generation), old_gru(generation)):
        theirs = oracle.symbol_info(text)
        ours = mx.sym.load_json(text)
        assert ours.list_arguments() == theirs.arguments
        assert ours.list_outputs() == theirs.outputs
