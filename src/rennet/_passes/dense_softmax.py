"""Softmax outputs joined to the dense layers before them, whose scores are then made and read in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .._graph import Entry, Node
from .rebuilding import rebuilt
from .sequences import apply
from .shortcuts import name_of
from .terms import Key, key_of


def with_dense_softmax(nodes: Sequence[Node], heads: Sequence[Entry]) -> list[Entry]:
    """Heads that have the same values.

    Parameters
    ----------
    nodes : sequence of Node
        The graph.
    heads : sequence of Entry
        Its outputs.
    """
    losses = [node for node in nodes if name_of(node) == "SoftmaxOutput"]
    if not losses:
        return list(heads)
    readers = Counter(key_of(entry) for entry in (*heads, *(entry for node in nodes for entry in node.inputs)))
    instead: dict[Key, Entry] = {}
    for loss in losses:
        (dense, _), label = loss.inputs
        if name_of(dense) == "FullyConnected" and readers[id(dense), 0] == 1:
            inputs = [*dense.inputs, label]
            attrs = {**_plain(dense), **_plain(loss), "num_args": str(len(inputs))}
            instead[id(loss), 0] = apply("_softmax_output_of_dense", inputs, loss.name, **attrs)
    return rebuilt(heads, instead) if instead else list(heads)


def _plain(node: Node) -> dict[str, str]:
    """A node's attributes without those of free form."""
    return {key: value for key, value in node.attrs.items() if not key.startswith("__")}
