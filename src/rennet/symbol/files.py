"""Graphs to and from MXNet's JSON."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from .. import _graph
from .._collector import paused_collector
from .._formats.atomic import write_atomic
from .._formats.byte_source import Readable, open_source
from .._formats.graph_record import CURRENT_VERSION, VARIABLE, Entry, GraphRecord, NodeRecord
from .._formats.json_text import MAX_TEXT
from .._formats.symbol_json import parse_graph, render_graph
from .._formats.upgrade import upgrade_graph
from .._ops.control_flow import ControlFlow
from .._ops.registry import Operator, find
from ..base import FormatError, MXNetError, NotSupportedError, expect
from .numpy_names import NUMPY_NAMES
from .subgraph import Subgraph
from .symbol import Symbol


def to_record(symbol: Symbol) -> GraphRecord:
    """The graph as the file format holds it."""
    order = symbol._nodes
    numbers = {id(node): number for number, node in enumerate(order)}
    own = next((node for node in order if node.op is not None and node.op.ours), None)
    if own is not None and own.op is not None:
        raise NotSupportedError(f"{own.name}: the operator {own.op.name} is rennet's own; MXNet's files cannot hold it")

    nodes = [
        NodeRecord(
            op=node.op.name if node.op else VARIABLE,
            name=node.name,
            attrs=dict(node.attrs),
            inputs=[
                Entry(numbers[id(child)], index, version)
                for (child, index), version in zip(node.inputs, node.versions, strict=True)
            ],
            subgraphs=list(node.subgraphs),
            control_deps=[numbers[id(each)] for each in node.control_deps],
            num_outputs=node.num_outputs + (node.op.count_hidden(node.parsed) if node.op else 0),
        )
        for node in order
    ]
    heads = [
        Entry(numbers[id(node)], index, version)
        for (node, index), version in zip(symbol._outputs, symbol._versions, strict=True)
    ]
    return GraphRecord(nodes, heads, {"mxnet_version": ("int", CURRENT_VERSION)})


def to_json(symbol: Symbol) -> str:
    """The graph as MXNet 1.9.1 writes it."""
    with paused_collector():
        return render_graph(to_record(symbol))


def save(fname: str | os.PathLike[str], symbol: Symbol) -> None:
    """Write the graph to a file, whole or not at all."""
    write_atomic(fname, to_json(symbol).encode())


def _operator(record: NodeRecord, source: str, where: str) -> Operator:
    name = NUMPY_NAMES.get(record.op, record.op)
    try:
        return find(name)
    except MXNetError as error:
        raise FormatError(source, where, "op", "an operator that rennet has", str(error)) from None


_SHAPE = re.compile(r"\s*(None|-?\d+L?|[(\[]\s*((-?\d+L?|None)\s*(,\s*(-?\d+L?|None)\s*)*,?)?\s*[)\]])\s*")
_CODE = re.compile(r"\s*-?\d{1,9}\s*")
_LONGEST_SHAPE = 1000


def _check_variable(record: NodeRecord, source: str, where: str) -> None:
    """See that what a variable says of its shape and element type can be understood when it is asked for."""
    shape, code = record.attrs.get("__shape__"), record.attrs.get("__dtype__")
    if shape is not None and (len(shape) > _LONGEST_SHAPE or not _SHAPE.fullmatch(shape)):
        raise FormatError(source, where, "__shape__", "sizes such as (2, 3)", repr(shape[:60]))
    if code is not None and not _CODE.fullmatch(code):
        raise FormatError(source, where, "__dtype__", "the number of an element type", repr(code[:60]))


_COUNTS = {"num_outputs", "num_args", "sections", "num_weights", "num_tensors", "num_arrays", "num_out_data"}
_LARGEST_COUNT = 1 << 16
_MOST_OUTPUTS = 1 << 22
_NUMBER = re.compile(r"\s*[-+]?\d{1,9}L?\s*")


def _check_counts(record: NodeRecord, source: str, where: str) -> None:
    """See that nothing is made in numbers that no graph needs, on the word of an attribute."""
    for key in record.attrs.keys() & _COUNTS:
        text = record.attrs[key]
        if not _NUMBER.fullmatch(text) or not 0 <= int(text.replace("L", "")) <= _LARGEST_COUNT:
            raise FormatError(source, where, key, f"a number from 0 to {_LARGEST_COUNT}", repr(text[:60]))


def _input_names(op: str, attrs: Mapping[str, str]) -> list[str]:
    operator = find(NUMPY_NAMES.get(op, op))
    return list(operator.input_names(operator.parse(attrs)))


def from_record(graph: GraphRecord, source: str) -> Symbol:
    """The graph that a file describes, its operators looked up and its attributes checked."""
    for record in graph.nodes:
        where = f"node {record.name!r}"
        if record.is_variable:
            _check_variable(record, source, where)
        else:
            _operator(record, source, where)
            _check_counts(record, source, where)
    return _from_current(upgrade_graph(graph, _input_names, source), source)


def _from_current(graph: GraphRecord, source: str) -> Symbol:
    """Of a graph that needs no upgrade: graphs within nodes came later than all that changed."""
    nodes: list[_graph.Node] = []
    counts: list[int] = []
    """How many outputs each has."""

    def entry(wanted: Entry, where: str) -> _graph.Entry:
        node, count = nodes[wanted.node], counts[wanted.node]
        if wanted.index >= count:
            raise FormatError(source, where, "output index", f"below {count} for {node.name}", str(wanted.index))
        return node, wanted.index

    left = _MOST_OUTPUTS
    for record in graph.nodes:
        where = f"node {record.name!r}"
        operator = None if record.is_variable else _operator(record, source, where)
        if operator is None:
            _check_variable(record, source, where)
        else:
            _check_counts(record, source, where)
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
        node.subgraphs, node.from_file = tuple(record.subgraphs), True
        node.versions = [each.version for each in record.inputs]
        node.control_deps = tuple(nodes[number] for number in record.control_deps)
        nodes.append(node)
        counts.append(node.num_outputs)
        left -= counts[-1]
        if left < 0:
            raise FormatError(source, where, "outputs", f"at most {_MOST_OUTPUTS} of all nodes", "more")
    return Symbol([entry(head, "heads") for head in graph.heads], [head.version for head in graph.heads])


def load_json(json_str: str, strict: bool = True) -> Symbol:
    """The graph in a JSON text; `strict` as for `load`."""
    expect("load_json: json_str", json_str, (str, bytes), "the text of a -symbol.json file", "load(fname) reads a file")
    return _read(json_str, "<string>", strict)


fromjson = load_json


def load(fname: Readable, strict: bool = True) -> Symbol:
    """The graph in a ``-symbol.json`` file of any MXNet version.

    Parameters
    ----------
    fname : path, bytes or binary stream
        A stream is read from where it stands to its end.
    strict : bool
        Whether double keys, text after the end and wrong ``node_row_ptr`` are errors (default) or warnings.

    Raises
    ------
    FormatError
        The content is no graph, or one of operators that rennet has not.
    """
    with open_source(fname, strict) as opened:
        if opened.left > MAX_TEXT:
            raise opened.error("JSON text", f"at most {MAX_TEXT} bytes", str(opened.left))
        return _read(opened.take(opened.left, "JSON text"), opened.name, strict)


def _read(text: str | bytes, source: str, strict: bool) -> Symbol:
    with paused_collector():
        return from_record(parse_graph(text, source, strict=strict), source)
