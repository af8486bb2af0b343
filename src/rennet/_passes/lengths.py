"""Lengths: chains of which only what lies within each sequence's length is looked at, as ``unroll`` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .chains import Chain
from .terms import Key, key_of

_OUTPUT = -1
"""In the place of a state's number: outputs of which zoneout makes the hidden state."""


class Lengths(NamedTuple):
    """How many steps of each sequence count, and where that is seen to.

    Attributes
    ----------
    entry : Entry
        ``(N,)``.
    masked : list of (Node, int, bool)
        Nodes that put zeros past the lengths of stacked outputs, the axis that is time there, and whether it is not the
        outputs but the hidden states that zoneout made of them.
    last : list of (Node, int)
        Nodes that take a state after its sequence's last step, and which state it is.
    """

    entry: Entry
    masked: list[tuple[Node, int, bool]]
    last: list[tuple[Node, int]]

    @property
    def key(self) -> Key:
        """Whose lengths they are."""
        return key_of(self.entry)


def lengths_of(chain: Chain, readers: Mapping[Key, Sequence[Node | None]]) -> Lengths | None:
    """The lengths, if all that is done with the chain's results outside is within them."""
    masked: list[tuple[Node, int, bool]] = []
    last: list[tuple[Node, int]] = []
    found: dict[Key, Entry] = {}
    columns = [(place, *both) for place, both in enumerate(zip(chain.given, chain.states, strict=True))]
    is_zoned = chain.zoned[0] is not None
    columns += [(_OUTPUT, chain.given[0], chain.hidden)] if is_zoned else []
    for place, begin, states in columns:
        outside = {
            id(reader): reader
            for state in states
            for reader in readers.get(key_of(state), ())
            if id(reader) not in chain.nodes
        }
        for stack in outside.values():
            offset = None if stack is None else _joins(stack, begin, states)
            if stack is None or offset is None:
                return None
            for reader in readers.get((id(stack), 0), ()):
                lengths = None if reader is None else _within(reader, stack, place, offset)
                if reader is None or lengths is None:
                    return None
                found[key_of(lengths)] = lengths
                if reader.op is not None and reader.op.name == "SequenceMask":
                    masked.append((reader, reader.parsed["axis"], is_zoned and place == 0))
                else:
                    last.append((reader, place))
    if len(found) != 1:
        return None
    return Lengths(next(iter(found.values())), masked, last)


def _joins(node: Node, begin: Entry, states: Sequence[Entry]) -> int | None:
    """How many states before the first step stand in front of all others in a stack: none, or one; None if not so."""
    if node.op is None or node.op.name != "stack":
        return None
    given = [key_of(entry) for entry in node.inputs]
    keys = [key_of(entry) for entry in states]
    if given == keys:
        return 0
    return 1 if given == [key_of(begin), *keys] and node.parsed["axis"] == 0 else None


def _within(node: Node, stack: Node, place: int, offset: int) -> Entry | None:
    """The lengths within which the node takes something from the stack of a state; None if it does something else."""
    assert stack.op is not None
    name = "" if node.op is None else node.op.name
    if name not in ("SequenceMask", "SequenceLast") or not node.parsed["use_sequence_length"]:
        return None
    lengths, axis = node.inputs[1], stack.parsed["axis"]
    if node.inputs[0][0] is not stack or node.parsed["axis"] != axis:
        return None
    if name == "SequenceMask":
        return lengths if place < 1 and offset == 0 and node.parsed["value"] == 0 else None
    if axis != 0 or place == _OUTPUT:
        return None
    # with the begin state in front, the last step that counts is one place later
    if offset == 0:
        return lengths
    more, _ = lengths
    is_one_more = more.op is not None and more.op.name == "_plus_scalar" and more.parsed["scalar"] == 1
    return more.inputs[0] if is_one_more else None
