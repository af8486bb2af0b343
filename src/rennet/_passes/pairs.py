"""Pairs: a chain forwards and one backwards over the same sequence, which run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._graph import Entry
from .closure import Closure
from .sequences import Sequences, joined_steps
from .terms import Key, key_of


class Way(NamedTuple):
    """A chain and its input as one array ``(T, N, I)``, in the order of its steps."""

    around: Closure
    data: Entry


def pairs(ways: Sequence[Way], sequences: Sequences) -> list[tuple[Way, ...]]:
    """The ways, in twos where one goes backwards over what another goes forwards over.

    They are given to be independent of each other, and to need the same other chains.
    """
    forwards: dict[object, list[Way]] = {}
    taken: dict[int, Way] = {}
    for way in ways:
        forwards.setdefault((key_of(way.data), _kind(way)), []).append(way)
    for way in ways:
        turned = _turned(way, sequences)
        candidates = [] if turned is None else forwards.get((turned, _kind(way)), [])
        other = next((each for each in candidates if each is not way and not _is_taken(each, taken)), None)
        if other is not None and not _is_taken(way, taken):
            taken[id(other.around.chain)] = way
    backwards = {id(way.around.chain) for way in taken.values()}
    return [
        (way, taken[id(way.around.chain)]) if id(way.around.chain) in taken else (way,)
        for way in ways
        if id(way.around.chain) not in backwards
    ]


def _is_taken(way: Way, taken: dict[int, Way]) -> bool:
    return id(way.around.chain) in taken or any(each is way for each in taken.values())


def _kind(way: Way) -> object:
    chain, lengths = way.around.chain, way.around.lengths
    key = None if lengths is None else lengths.key
    return chain.first.mode.name, chain.first.hidden, len(chain.steps), key, chain.masks


def _turned(way: Way, sequences: Sequences) -> Key | None:
    """What the way goes backwards over; None if it does not go backwards."""
    node, lengths = way.data[0], way.around.lengths
    name = "" if node.op is None else node.op.name
    if name == "reverse" and lengths is None:
        return key_of(node.inputs[0])
    if name == "SequenceReverse" and lengths is not None and node.parsed["use_sequence_length"]:
        whole = node.inputs[0]
        found = joined_steps(whole[0])
        if key_of(node.inputs[1]) == lengths.key:
            in_time = None if found is None or found.axis != 0 else sequences.find(found.steps)
            return key_of(in_time or whole)
    return None
