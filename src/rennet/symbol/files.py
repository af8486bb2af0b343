"""Graphs to and from MXNet's JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .. import _graph
from .._formats.atomic import write_atomic
from .._formats.graph_record import CURRENT_VERSION, VARIABLE, Entry, GraphRecord, NodeRecord
from .._formats.symbol_json import parse_graph, render_graph
from .._formats.upgrade import upgrade_graph
from .._ops.control_flow import ControlFlow
from .._ops.registry import find
from ..base import FormatError, MXNetError, expect
from .subgraph import Subgraph
from .symbol import Symbol


def to_record(symbol: Symbol) -> GraphRecord:
    """The graph as the file format holds it."""
    order = _graph.in_order(symbol._outputs)
    numbers = {id(node): number for number, node in enumerate(order)}
    written: Counter[int] = Counter()

    def versions(node: _graph.Node) -> list[tuple[_graph.Entry, int]]:
        """Each input, and how often operators have written into it by then, this one included."""
        written.update(id(child) for child, _ in node.states)
        return [(entry, written[id(entry[0])]) for entry in node.inputs]

    nodes = [
        NodeRecord(
            op=node.op.name if node.op else VARIABLE,
            name=node.name,
            attrs=dict(node.attrs),
            inputs=[Entry(numbers[id(child)], index, version) for (child, index), version in versions(node)],
            subgraphs=list(node.subgraphs),
            num_outputs=node.num_outputs + (node.op.count_hidden(node.parsed) if node.op else 0),
        )
        for node in order
    ]
    heads = [Entry(numbers[id(node)], index) for node, index in symbol._outputs]
    return GraphRecord(nodes, heads, {"mxnet_version": ("int", CURRENT_VERSION)})


def to_json(symbol: Symbol) -> str:
    """The graph as MXNet 1.9.1 writes it."""
    return render_graph(to_record(symbol))


def save(fname: str | os.PathLike[str], symbol: Symbol) -> None:
    """Write the graph to a file, whole or not at all."""
    write_atomic(fname, to_json(symbol).encode())


def _input_names(op: str, attrs: Mapping[str, str]) -> list[str]:
    operator = find(op)
    return list(operator.input_names(operator.parse(attrs)))


def from_record(graph: GraphRecord, source: str) -> Symbol:
    """The graph that a file describes, its operators looked up and its attributes checked."""
    return _from_current(upgrade_graph(graph, _input_names), source)


def _from_current(graph: GraphRecord, source: str) -> Symbol:
    """Of a graph that needs no upgrade: graphs within nodes came later than all that changed."""
    nodes: list[_graph.Node] = []

    def entry(wanted: Entry, where: str) -> _graph.Entry:
        node = nodes[wanted.node]
        if wanted.index >= node.num_outputs:
            raise FormatError(
                source, where, "output index", f"below {node.num_outputs} for {node.name}", str(wanted.index)
            )
        return node, wanted.index

    for record in graph.nodes:
        where = f"node {record.name!r}"
        operator = None if record.is_variable else find(record.op, f"{source}, {where}: ")
        try:
            if isinstance(operator, ControlFlow):
                inner = [_from_current(each, f"{source}, {where}, subgraph") for each in record.subgraphs]
                operator = operator.with_bodies([Subgraph(each) for each in inner])
            node = _graph.Node(operator, record.name, record.attrs, [entry(e, where) for e in record.inputs])
        except FormatError:
            raise
        except MXNetError as error:
            raise FormatError(source, where, "attributes", f"those of {record.op}", str(error)) from error
        expected = 0 if operator is None else len(node.input_names)
        if len(node.inputs) != expected:
            raise FormatError(source, where, "inputs", f"{expected} for {record.op}", str(len(node.inputs)))
        node.subgraphs = tuple(record.subgraphs)
        nodes.append(node)
    return Symbol([entry(head, "heads") for head in graph.heads])


def load_json(json_str: str) -> Symbol:
    """The graph in a JSON text."""
    expect("load_json: json_str", json_str, (str, bytes), "the text of a -symbol.json file", "load(fname) reads a file")
    return from_record(parse_graph(json_str), "<string>")


fromjson = load_json


def load(fname: str | os.PathLike[str]) -> Symbol:
    """The graph in a ``-symbol.json`` file of any MXNet version."""
    return from_record(parse_graph(Path(fname).read_bytes(), str(fname)), str(fname))
