"""What a graph consists of, which of its operators are not known, and which recurrences would be fused."""

from __future__ import annotations

import difflib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .._formats.graph_record import GraphRecord, NodeRecord
from .._graph import in_order
from .._ops.inference import to_public
from .._ops.registry import OPERATORS
from .._passes import fused
from ..base import ArgumentError, MXNetError
from ..symbol.files import from_record
from ..symbol.inference import Shapes, shapes_of
from ..symbol.numpy_names import NUMPY_NAMES
from ..symbol.symbol import Symbol

__all__ = ["summary_of_graph"]

_GUESSED = 8
_MOST_LENGTHS = 4
_OF_RNN = ("mode", "state_size", "num_layers", "bidirectional", "projection_size", "use_sequence_length", "p")


def summary_of_graph(graph: GraphRecord, source: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What `graph` is, as plain values.

    Parameters
    ----------
    graph : GraphRecord
        As it stands in the file.
    source : str
        The file.
    shapes : dict of str to tuple
        Shapes of the graph's inputs, to see what would be fused; guessed for the first one where they are needed.
    """
    nodes = list(_all_nodes(graph))
    operators = Counter(node.op for node in nodes if not node.is_variable)
    summary: dict[str, Any] = {
        "kind": "graph",
        "written_by": f"MXNet {_dotted(graph.version)}" if "mxnet_version" in graph.attrs else "MXNet 0.8 or older",
        "nodes": len(nodes),
        "operators": dict(operators.most_common()),
        "not_supported": _unknown(nodes),
        "fused_layers": [_fused_layer(node) for node in nodes if NUMPY_NAMES.get(node.op, node.op) == "RNN"],
    }
    if summary["not_supported"]:
        return summary
    try:
        with warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always")
            symbol = from_record(graph, source)
        summary["remarks"] = [str(remark.message) for remark in remarks]
    except MXNetError as error:
        return {**summary, "not_supported": [{"operator": None, "nodes": [], "why": str(error)}]}
    summary["arguments"] = symbol.list_arguments()
    summary["auxiliary_states"] = symbol.list_auxiliary_states()
    summary["outputs"] = symbol.list_outputs()
    return {**summary, **_recurrences(symbol, shapes)}


def _all_nodes(graph: GraphRecord) -> Iterator[NodeRecord]:
    waiting = [graph]
    while waiting:
        at = waiting.pop()
        for node in at.nodes:
            yield node
            waiting.extend(node.subgraphs)


def _dotted(version: int) -> str:
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def _unknown(nodes: list[NodeRecord]) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node.is_variable and NUMPY_NAMES.get(node.op, node.op) not in OPERATORS:
            found.setdefault(node.op, []).append(node.name)
    listed: list[dict[str, Any]] = []
    for name, places in found.items():
        near = difflib.get_close_matches(name, OPERATORS, n=1)
        why = f"no such operator{f'; the nearest known one is {near[0]}' if near else ''}"
        listed.append({"operator": name, "nodes": places, "why": why})
    return listed


def _fused_layer(node: NodeRecord) -> dict[str, Any]:
    return {"name": node.name, **{key: node.attrs[key] for key in _OF_RNN if key in node.attrs}}


def _recurrences(symbol: Symbol, given: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The unrolled recurrences; without shapes, under the first assumption that shows any."""
    guesses = [given] if given else _guesses(symbol)
    strange = sorted(set(given) - set(symbol.list_inputs()))
    if strange:
        raise ArgumentError(f"--shape: {', '.join(strange)}: the graph's inputs are {', '.join(symbol.list_inputs())}")
    unknown: dict[str, Any] | None = None
    for assumed in guesses:
        try:
            shapes = shapes_of(symbol, assumed)
        except MXNetError:
            if given:
                raise
            continue
        found = fused(shapes.nodes, symbol._outputs, shapes.of).recurrences
        if found or given:
            answer = {
                "unrolled": [each._asdict() for each in found],
                "assumed": {name: list(shape) for name, shape in assumed.items()},
                "parameters": _parameters(symbol, shapes),
            }
            if given or any(each.mode != "unknown" for each in found):
                return answer
            # steps are told from others by their shapes, which a wrong assumption hides
            unknown = unknown or answer
    return unknown or {"unrolled": [], "assumed": {}, "parameters": None}


def _parameters(symbol: Symbol, shapes: Shapes) -> dict[str, list[int]]:
    variables = [node for node in shapes.nodes if node.op is None]
    return {node.name: list(to_public(shapes.of(node))) for node in variables}


def _guesses(symbol: Symbol) -> list[Mapping[str, tuple[int, ...]]]:
    """Shapes that the first input may have: as many steps as something is cut into, first or second."""
    names = symbol.list_arguments()
    lengths = [
        node.parsed["num_outputs"]
        for node in in_order(symbol._outputs)
        if node.op is not None and node.op.name == "SliceChannel" and node.parsed["squeeze_axis"]
    ]
    guesses: list[Mapping[str, tuple[int, ...]]] = [{}]
    for length in list(dict.fromkeys(lengths))[:_MOST_LENGTHS] if names else ():
        for shape in ((2, length), (2, length, _GUESSED), (length, 2, _GUESSED), (length, 2)):
            guesses.append({names[0]: shape})
    return guesses
