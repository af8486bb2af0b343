"""Unknown recurrences: dense layers that are applied to their own results, in steps that are of no known kind."""

from __future__ import annotations

from collections.abc import Sequence

from .._graph import Node
from .._ops.inference import complete
from .chains import Chain
from .steps import ShapeOf
from .terms import Key, key_of

_LEAST = 3
"""Applications of one weight that make a recurrence; fewer may share it for other reasons."""


def find_unknown(nodes: Sequence[Node], chains: Sequence[Chain], shape_of: ShapeOf) -> list[list[Node]]:
    """For each loop that known `chains` have no part in, the dense layers of one of its weights, first to last."""
    inside = {number for chain in chains for number in chain.nodes}
    by_weight: dict[Key, list[Node]] = {}
    for node in nodes:
        if node.op is not None and node.op.name == "FullyConnected" and id(node) not in inside:
            by_weight.setdefault(key_of(node.inputs[1]), []).append(node)
    shared = [each for each in by_weight.values() if len(each) >= _LEAST and complete(shape_of(each[0], 0))]
    if not shared:
        return []
    bit_of = {id(node): 1 << place for place, each in enumerate(shared) for node in each}
    # which weights each node's value was computed with, as bits of a number; chains hide what is before them
    weights: dict[int, int] = {}
    for node in nodes:
        if node.op is not None and id(node) not in inside:
            bits = bit_of.get(id(node), 0)
            for child, _ in node.inputs:
                bits |= weights.get(id(child), 0)
            if bits:
                weights[id(node)] = bits
    before = [[weights.get(id(node.inputs[0][0]), 0) for node in each] for each in shared]
    ends = [bits[-1] for bits in before]
    found: list[int] = []
    for place, bits in enumerate(before):
        loops = all(each >> place & 1 for each in bits[1:])
        # weights that need each other belong to one loop
        if loops and not any(ends[place] >> other & 1 and ends[other] >> place & 1 for other in found):
            found.append(place)
    return [shared[place] for place in found]
