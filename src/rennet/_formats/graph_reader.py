"""The JSON of every MXNet from 0.7 to 1.9 as node records, checked on the way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NoReturn

from ..base import FormatError
from .graph_record import MAX_DEPTH, Entry, GraphRecord, NodeRecord
from .json_text import brief, load_json
from .objections import object_to

__all__ = ["parse_graph"]

MAX_NODES = 500_000
MAX_HEADS = 1 << 18
_MAX_INDEX = (1 << 32) - 1
_ATTRIBUTE_KEYS = ("attr", "attrs")


def parse_graph(text: str | bytes, source: str = "<string>", *, strict: bool = True) -> GraphRecord:
    """Read the text of a ``-symbol.json``.

    All generations are understood: attributes under ``param``, ``attr`` or ``attrs``, entries of two or three
    numbers, graphs within nodes. Keys that are not known are passed over, names may occur twice. What follows needs
    operators and is left to the caller: whether an operator exists, takes these attributes, and has that many outputs.

    Parameters
    ----------
    text : str or bytes
        The JSON; bytes are UTF-8.
    source : str
        What errors call the text; usually the file's name.
    strict : bool
        Whether double keys, text after the end and wrong ``node_row_ptr`` are errors (default) or warnings.

    Returns
    -------
    GraphRecord
        As it stands in the file; `upgrade_graph` brings it to 1.9.1.

    Raises
    ------
    FormatError
        Naming the node where the text is not a graph.

    Examples
    --------
    >>> graph = parse_graph('{"nodes": [{"op": "null", "name": "x", "inputs": []}],'
    ...                     ' "arg_nodes": [0], "heads": [[0, 0]]}')
    >>> graph.nodes[0].name, graph.heads, graph.version
    ('x', [Entry(node=0, index=0, version=0)], 800)
    """
    return _Reader(source, strict).read(load_json(text, source, strict))


class _Reader:
    """Reads graphs one after another, inner ones after the one that holds them, and knows where it is."""

    def __init__(self, source: str, strict: bool) -> None:
        self._source = source
        self._strict = strict
        self._nodes_left = MAX_NODES
        self._graph_path = ""
        self._node_number: int | None = None
        self._node_raw: Any = None

    def read(self, raw: Any) -> GraphRecord:
        top = GraphRecord([], [])
        waiting = [(raw, top, "", 0)]
        while waiting:
            raw, graph, path, depth = waiting.pop()
            self._graph_path, self._node_number = path, None
            if depth > MAX_DEPTH:
                self._fail("subgraphs", f"graphs at most {MAX_DEPTH} deep within each other", "more")
            for inner, record, inner_path in self._read_graph(raw, graph):
                waiting.append((inner, record, inner_path, depth + 1))
        return top

    def _read_graph(self, raw: Any, graph: GraphRecord) -> list[tuple[Any, GraphRecord, str]]:
        """Fill `graph` from `raw`; return the graphs within its nodes, to be read later."""
        inner = []
        nodes = self._list(self._require(self._dict(raw, "graph"), "nodes"), "nodes")
        self._nodes_left -= len(nodes)
        if self._nodes_left < 0:
            self._fail("nodes", f"at most {MAX_NODES} nodes in all", "more")
        for number, raw_node in enumerate(nodes):
            self._node_number, self._node_raw = number, raw_node
            graph.nodes.append(self._read_node(self._dict(raw_node, "node"), number))
            for position, sub in enumerate(self._list(raw_node.get("subgraphs", []), "subgraphs")):
                record = GraphRecord([], [])
                graph.nodes[-1].subgraphs.append(record)
                inner.append((sub, record, f"{self._where()}, subgraph {position}, "))
        self._node_number = None
        heads = self._list(self._require(raw, "heads"), "heads")
        if len(heads) > MAX_HEADS:
            self._fail("heads", f"at most {MAX_HEADS} outputs", str(len(heads)))
        graph.heads.extend(self._entry(head, "heads", len(nodes)) for head in heads)
        self._check_arg_nodes(self._list(self._require(raw, "arg_nodes"), "arg_nodes"), graph)
        if "node_row_ptr" in raw:
            self._read_output_counts(self._list(raw["node_row_ptr"], "node_row_ptr"), graph)
        graph.attrs.update(self._graph_attrs(self._dict(raw.get("attrs", {}), "attrs")))
        return inner

    def _read_node(self, raw: dict[str, Any], number: int) -> NodeRecord:
        op = self._text(self._require(raw, "op"), "op")
        name = self._text(self._require(raw, "name"), "name")
        entries = self._list(self._require(raw, "inputs"), "inputs")
        inputs = [self._entry(entry, "inputs", number) for entry in entries]
        control_deps = self._list(raw.get("control_deps", []), "control_deps")
        for dependency in control_deps:
            self._number(dependency, "control_deps", number - 1)
        if type(raw.get("backward_source_id", 0)) is not int:
            self._fail("backward_source_id", "an integer", brief(raw["backward_source_id"]))
        node = NodeRecord(op, name, self._node_attrs(raw), inputs, control_deps=control_deps)
        if node.is_variable and (inputs or raw.get("subgraphs")):
            self._fail("inputs", "none, as op 'null' is a variable", f"{len(inputs)}, or subgraphs")
        return node

    def _node_attrs(self, raw: dict[str, Any]) -> dict[str, str]:
        """The attributes: of `attr` and `attrs` the later one holds, and `param` fills in what is missing."""
        attrs: dict[str, str] = {}
        for key, value in raw.items():
            if key in _ATTRIBUTE_KEYS:
                attrs = self._text_dict(value, key)
        return {**self._text_dict(raw.get("param", {}), "param"), **attrs}

    def _graph_attrs(self, raw: dict[str, Any]) -> dict[str, tuple[str, int | str]]:
        attrs: dict[str, tuple[str, int | str]] = {}
        for key, typed in raw.items():
            field = f"attrs[{brief(key)}]"
            if type(typed) is not list or len(typed) != 2 or type(typed[1]) not in (int, str):
                self._fail(field, "the name of a type, and an integer or text", brief(typed))
            kind, value = typed
            attrs[self._text(key, "attrs")] = (
                self._text(kind, field),
                self._text(value, field) if isinstance(value, str) else value,
            )
        kind, version = attrs.get("mxnet_version", ("int", 0))
        if kind != "int" or not isinstance(version, int) or version < 0:
            self._fail("attrs['mxnet_version']", "'int' and a number of at least 0", f"{kind!r} and {version!r}")
        return attrs

    def _check_arg_nodes(self, numbers: list[Any], graph: GraphRecord) -> None:
        for number in numbers:
            self._number(number, "arg_nodes", len(graph.nodes) - 1)
            if not graph.nodes[number].is_variable:
                node = graph.nodes[number]
                self._fail("arg_nodes", "numbers of nodes with op 'null'", f"{number} ({node.op} {node.name!r})")

    def _read_output_counts(self, pointers: list[Any], graph: GraphRecord) -> None:
        """Give each node its number of outputs: what lies between its pointer and the next."""
        counts = []
        if len(pointers) == len(graph.nodes) + 1 and type(pointers[0]) is int:
            for before, after in pairwise(pointers):
                if type(after) is not int or not before <= after <= _MAX_INDEX:
                    break
                counts.append(after - before)
        if len(counts) < len(graph.nodes) or pointers[:1] != [0]:
            error = self._error("node_row_ptr", f"{len(graph.nodes) + 1} numbers that rise from 0", brief(pointers))
            object_to(error, self._strict)
            return
        for node, count in zip(graph.nodes, counts, strict=True):
            node.num_outputs = count

    def _entry(self, raw: Any, field: str, stop: int) -> Entry:
        """``[node, index]`` or ``[node, index, version]``; the node must come before number `stop`."""
        if type(raw) is not list or len(raw) not in (2, 3):
            self._fail(field, "lists of two or three numbers", brief(raw))
        if not all(type(number) is int and 0 <= number <= _MAX_INDEX for number in raw):
            self._fail(field, f"numbers from 0 to {_MAX_INDEX}", str([brief(number) for number in raw]))
        if raw[0] >= stop:
            known = f"nodes that come before, 0 to {stop - 1}" if stop else "no node, as none comes before"
            self._fail(field, known, str(raw[0]))
        return Entry(*raw)

    def _number(self, value: Any, field: str, highest: int) -> None:
        if type(value) is not int or not 0 <= value <= highest:
            self._fail(field, f"numbers from 0 to {highest}", brief(value))

    def _text_dict(self, value: Any, field: str) -> dict[str, str]:
        for key, text in self._dict(value, field).items():
            self._text(key, field)
            self._text(text, field)
        return value

    def _text(self, value: Any, field: str) -> str:
        if type(value) is not str:
            self._fail(field, "text", brief(value))
        if "\0" in value:
            self._fail(field, "text without NUL", brief(value))
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            self._fail(field, "Unicode", f"half a surrogate pair in {brief(value)}")
        return value

    def _dict(self, value: Any, field: str) -> dict[str, Any]:
        if type(value) is not dict:
            self._fail(field, "an object", brief(value))
        return value

    def _list(self, value: Any, field: str) -> list[Any]:
        if type(value) is not list:
            self._fail(field, "a list", brief(value))
        return value

    def _require(self, raw: dict[str, Any], key: str) -> Any:
        if key not in raw:
            self._fail("keys", repr(key), f"{len(raw)} keys without it")
        return raw[key]

    def _where(self) -> str:
        if self._node_number is None:
            return f"{self._graph_path}graph"
        raw = self._node_raw if type(self._node_raw) is dict else {}
        named = " ".join(brief(raw[key]) for key in ("op", "name") if key in raw)
        return f"{self._graph_path}node {self._node_number}" + (f" ({named})" if named else "")

    def _error(self, field: str, expected: str, got: str) -> FormatError:
        return FormatError(self._source, self._where(), field, expected, got)

    def _fail(self, field: str, expected: str, got: str) -> NoReturn:
        raise self._error(field, expected, got)
