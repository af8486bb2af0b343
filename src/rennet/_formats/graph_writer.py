"""Node records as the very text that MXNet 1.9.1 writes.

Its writer puts a list on one line up to ten elements and a dict up to one, except that nodes, subgraphs and the
records themselves always spread; keys of attributes are in byte order; and where a line breaks after a comma, the
blank that would have followed stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..base import ArgumentError
from .graph_record import CURRENT_VERSION, MAX_DEPTH, Entry, GraphRecord, NodeRecord

__all__ = ["render_graph"]

_ONE_LINE = 10
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def render_graph(graph: GraphRecord) -> str:
    """The JSON text of `graph`, byte for byte as MXNet 1.9.1 writes it.

    A graph without a version gets 1.9.1's. Every node must know its `num_outputs`.

    Raises
    ------
    ArgumentError
        If a node's `num_outputs` is None, or graphs lie too deep within each other.

    Examples
    --------
    >>> from rennet._formats.symbol_json import Entry, NodeRecord
    >>> print(render_graph(GraphRecord([NodeRecord("null", "x", num_outputs=1)], [Entry(0)])))
    {
      "nodes": [
        {
          "op": "null",
          "name": "x",
          "inputs": []
        }
      ],
      "arg_nodes": [0],
      "node_row_ptr": [0, 1],
      "heads": [[0, 0, 0]],
      "attrs": {"mxnet_version": ["int", 10901]}
    }
    """
    attrs = {"mxnet_version": ("int", CURRENT_VERSION), **graph.attrs}
    return _graph(GraphRecord(graph.nodes, graph.heads, attrs), 0)


def _graph(graph: GraphRecord, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ArgumentError(f"graph: expected graphs at most {MAX_DEPTH} deep within each other; got more")
    level = 4 * depth
    fields = {
        "nodes": _list([_node(node, depth) for node in graph.nodes], level + 1, spread=True),
        "arg_nodes": _list(map(str, graph.arg_nodes), level + 1),
        "node_row_ptr": _list(map(str, _row_pointers(graph.nodes)), level + 1),
        "heads": _entries(graph.heads, level + 1),
    }
    if graph.attrs:
        typed = {key: f"[{_text(kind)}, {_value(value)}]" for key, (kind, value) in graph.attrs.items()}
        fields["attrs"] = _dict(typed, level + 1)
    return _object(fields, level)


def _node(node: NodeRecord, depth: int) -> str:
    level = 4 * depth + 2
    fields = {"op": _text(node.op), "name": _text(node.name)}
    if node.attrs:
        fields["attrs"] = _dict({key: _text(value) for key, value in node.attrs.items()}, level + 1)
    fields["inputs"] = _entries(node.inputs, level + 1)
    if node.control_deps:
        fields["control_deps"] = _list(map(str, node.control_deps), level + 1)
    if node.subgraphs:
        fields["subgraphs"] = _list([_graph(sub, depth + 1) for sub in node.subgraphs], level + 1, spread=True)
    return _object(fields, level)


def _row_pointers(nodes: list[NodeRecord]) -> list[int]:
    """Where each node's outputs begin among the outputs of all nodes, and their number."""
    pointers = [0]
    for number, node in enumerate(nodes):
        if node.num_outputs is None:
            raise ArgumentError(f"graph: expected num_outputs of node {number} ({node.op} {node.name!r}); got None")
        pointers.append(pointers[-1] + node.num_outputs)
    return pointers


def _entries(entries: list[Entry], level: int) -> str:
    return _list([f"[{entry.node}, {entry.index}, {entry.version}]" for entry in entries], level)


def _list(items: Iterable[str], level: int, spread: bool = False) -> str:
    items = list(items)
    return _scope("[", items, "]", level, spread or len(items) > _ONE_LINE)


def _dict(fields: dict[str, str], level: int) -> str:
    # Python orders text by code point, which is the order of its UTF-8 bytes.
    items = [f"{_text(key)}: {fields[key]}" for key in sorted(fields)]
    return _scope("{", items, "}", level, len(items) > 1)


def _object(fields: dict[str, str], level: int) -> str:
    return _scope("{", [f'"{key}": {value}' for key, value in fields.items()], "}", level, True)


def _scope(opening: str, items: list[str], closing: str, level: int, spread: bool) -> str:
    if not (spread and items):
        return f"{opening}{', '.join(items)}{closing}"
    outer = "\n" + "  " * level
    inner = outer + "  "
    return f"{opening}{inner}{f', {inner}'.join(items)}{outer}{closing}"


def _text(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"'


def _value(value: int | str) -> str:
    return _text(value) if isinstance(value, str) else str(value)
