"""What a ``-symbol.json`` says, as plain records: nodes, the entries between them, and the heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["CURRENT_VERSION", "MAX_DEPTH", "VARIABLE", "Entry", "GraphRecord", "NodeRecord"]

CURRENT_VERSION = 10901
"""MXNet 1.9.1 in the way that files count: major * 10000 + minor * 100 + patch."""

OLDEST_VERSION = 800
"""What a file without a version is taken for; 0.9.0 was the first to write one."""

MAX_DEPTH = 24
"""How deep graphs may lie within nodes of graphs (a loop in a loop is 2)."""

VARIABLE = "null"


class Entry(NamedTuple):
    """One output of one node.

    `version` counts how often operators had written into a variable when it was used (the moving mean of a BatchNorm
    is read at version 1). It changes nothing but the text, so it is carried from file to file.
    """

    node: int
    index: int = 0
    version: int = 0


@dataclass(slots=True)
class NodeRecord:
    """A node. `op` is ``'null'`` for a variable; `num_outputs` is None where a file does not tell."""

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[Entry] = field(default_factory=list)
    subgraphs: list[GraphRecord] = field(default_factory=list)
    num_outputs: int | None = None
    control_deps: list[int] = field(default_factory=list)
    """Numbers of nodes that shall run before this one."""

    @property
    def is_variable(self) -> bool:
        """Whether this is an argument or a state, not an operator."""
        return self.op == VARIABLE


@dataclass(slots=True)
class GraphRecord:
    """A graph: every node after its inputs.

    `attrs` are those of the whole graph, each with the type that the file names: ``{"mxnet_version": ("int", 10901)}``.
    """

    nodes: list[NodeRecord]
    heads: list[Entry]
    attrs: dict[str, tuple[str, int | str]] = field(default_factory=dict)

    @property
    def arg_nodes(self) -> list[int]:
        """The numbers of all variables."""
        return [number for number, node in enumerate(self.nodes) if node.is_variable]

    @property
    def version(self) -> int:
        """The MXNet that wrote the graph, as a number: 10901 is 1.9.1; 800 where nothing is said."""
        return int(self.attrs.get("mxnet_version", ("int", OLDEST_VERSION))[1])
