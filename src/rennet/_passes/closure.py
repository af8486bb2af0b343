"""Closure: whether all steps of a chain can be computed at once, before anything that looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .chains import Chain
from .lengths import Lengths, lengths_of
from .terms import Key, key_of

Readers = Mapping[Key, Sequence[Node | None]]
"""The nodes that read an entry; None stands for whoever asked for the graph's outputs."""


class Closure(NamedTuple):
    """What is around a chain.

    Attributes
    ----------
    chain : Chain
        The chain.
    needs : int
        The chains that its inputs, begin states and weights are computed from, as bits of a number.
    lengths : Lengths or None
        The lengths within which its results are looked at, if that is so.
    why_not : str or None
        Why it cannot be computed all at once.
    """

    chain: Chain
    needs: int
    lengths: Lengths | None
    why_not: str | None


def closures(chains: Sequence[Chain], nodes: Sequence[Node], heads: Sequence[Entry]) -> list[Closure]:
    """What is around each chain."""
    readers = readers_of(chains, nodes, heads)
    inside = by_node(readers)
    lengths = [lengths_of(chain, readers) for chain in chains]
    reasons = [
        looked_into(chain, readers, inside, within is not None) for chain, within in zip(chains, lengths, strict=True)
    ]
    needs = _needs(chains, nodes)
    for place, bits in enumerate(needs):
        if reasons[place] is None and bits >> place & 1:
            reasons[place] = "an input of a step is computed from the output of an earlier one"
    _break_circles(needs, reasons)
    return [Closure(*each) for each in zip(chains, needs, lengths, reasons, strict=True)]


def readers_of(chains: Sequence[Chain], nodes: Sequence[Node], heads: Sequence[Entry]) -> Readers:
    """Who reads what; left out is what is read inside the one chain that it belongs to, which is nearly everything."""
    owner: dict[Node, int] = {}
    for place, chain in enumerate(chains):
        for node in chain.nodes.values():
            owner[node] = -1 if node in owner else place
    readers: dict[Key, list[Node | None]] = {}
    owner_of = owner.get
    for node in nodes:
        own = owner_of(node, -1)
        for child, index in node.inputs:
            if (own < 0 or owner_of(child, -1) != own) and child.op is not None:
                readers.setdefault((id(child), index), []).append(node)
    for entry in heads:
        readers.setdefault(key_of(entry), []).append(None)
    return readers


def by_node(readers: Readers) -> dict[int, list[Key]]:
    """What is read of each node that is."""
    inside: dict[int, list[Key]] = {}
    for key in readers:
        inside.setdefault(key[0], []).append(key)
    return inside


def looked_into(
    chain: Chain, readers: Readers, inside: Mapping[int, Sequence[Key]], has_lengths: bool = False
) -> str | None:
    """What of it is used outside, other than its outputs and last states; None if nothing is.

    Within lengths all its states are: as the last ones that count.
    """
    states = chain.states if has_lengths else [chain.states[0], chain.steps[-1].outputs]
    states = [chain.hidden, *states]
    visible = {key_of(entry) for each in states for entry in each}
    for number, node in chain.nodes.items():
        for key in inside.get(number, ()):
            if key not in visible and any(id(reader) not in chain.nodes for reader in readers[key]):
                return f"{node.name}, which is computed inside a step, is used outside"
    return None


def _needs(chains: Sequence[Chain], nodes: Sequence[Node]) -> list[int]:
    """For each chain the chains that its inputs, begin states and weights are computed from, as bits of a number."""
    reached: dict[Node, int] = dict.fromkeys(nodes, 0)
    for place, chain in enumerate(chains):
        for node in chain.nodes.values():
            reached[node] |= 1 << place
    for node in nodes:
        bits = reached[node]
        for child, _ in node.inputs:
            bits |= reached[child]
        reached[node] = bits
    found: list[int] = []
    for chain in chains:
        bits = 0
        for node, _ in (*chain.inputs, *chain.begin, *chain.parameters):
            bits |= reached[node]
        found.append(bits)
    return found


def _break_circles(needs: list[int], reasons: list[str | None]) -> None:
    """Of chains that need each other at different steps, all but the first are left as they are."""
    taken: list[int] = []
    for place, reason in enumerate(reasons):
        if reason is not None:
            continue
        if _reaches(place, place, needs, [*taken, place]):
            reasons[place] = "it and another recurrence feed each other"
        else:
            taken.append(place)


def _reaches(start: int, goal: int, needs: Sequence[int], among: Sequence[int]) -> bool:
    seen: set[int] = set()
    stack = [start]
    while stack:
        at = stack.pop()
        for other in among:
            if needs[at] >> other & 1 and other not in seen:
                if other == goal:
                    return True
                seen.add(other)
                stack.append(other)
    return False
