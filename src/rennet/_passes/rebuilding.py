"""Rebuilding: a graph in which some entries are others, with detours taken out on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._graph import Entry, Node
from .shortcuts import shortcut
from .terms import Key, key_of


def rebuilt(heads: Sequence[Entry], instead: Mapping[Key, Entry]) -> list[Entry]:
    """The heads over new nodes, where something below them was replaced, and over the old ones elsewhere."""
    new: dict[int, Node] = {}
    short: dict[int, Entry] = {}

    def final(entry: Entry) -> Entry:
        while key_of(entry) in instead:
            entry = instead[key_of(entry)]
        return entry

    def made(entry: Entry) -> Entry:
        node, index = entry
        return short.get(id(node), (new[id(node)], index))

    ends = [final(head) for head in heads]
    stack = [node for node, _ in ends]
    while stack:
        node = stack[-1]
        if id(node) in new:
            stack.pop()
            continue
        inputs = [final(entry) for entry in node.inputs]
        waiting = [child for child, _ in inputs if id(child) not in new]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        ours = [made(entry) for entry in inputs]
        copied = node
        if any(a is not b or i != j for (a, i), (b, j) in zip(ours, node.inputs, strict=True)):
            copied = Node(node.op, node.name, node.attrs, ours, node.parsed)
            copied.subgraphs = node.subgraphs
        new[id(node)] = copied
        shorter = shortcut(copied)
        if shorter is not None:
            short[id(node)] = shorter
    return [made(end) for end in ends]
