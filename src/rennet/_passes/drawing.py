"""Drawing: the random masks of fused recurrences, drawn before them, in the order in which steps would draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._graph import Entry, Node
from .chains import Chain
from .masks import Zoned, is_mask
from .sequences import apply, is_alike
from .steps import ShapeOf
from .terms import Key, key_of

_RANDOM = frozenset({"Dropout", "_shuffle"})
"""Operators that draw random numbers, beside those whose names begin with one of `_DRAWING`."""

_DRAWING = ("_random_", "_sample_")

_NEAR = 8
"""How many operators back a state is looked for."""


class Drawing:
    """Makes the masks of chains independent of the chains' own steps, of which they know but the shape.

    Attributes
    ----------
    drawn : dict of int to Entry
        By the identity of the graph's mask, the one that takes its place.
    """

    def __init__(self) -> None:
        self.drawn: dict[int, Entry] = {}

    def masks_of(self, chains: Sequence[Chain], name: str) -> dict[str, Entry]:
        """The masks of one chain, or of two directions, by the names that the fused operator has for them."""
        masks: dict[str, Entry] = {}
        for place, called in enumerate(("keep_hidden", "keep_cell")[: len(chains[0].begin)]):
            kept = [self._kept(chain, place) for chain in chains]
            found = [each for each in kept if each is not None]
            if found:
                masks[called] = _joined(found, f"{name}_{called}", "2")
        if chains[0].drop is not None:
            drops = [chain.drop for chain in chains if chain.drop is not None]
            rows = [apply("expand_dims", [drop], f"{name}_drop_{way}", axis="0") for way, drop in enumerate(drops)]
            masks["drop_hidden"] = _joined(rows, f"{name}_drop_hidden", "0")
        return masks

    def _kept(self, chain: Chain, place: int) -> Entry | None:
        """How much of the new state each step hands on, ``(T, N, H)``."""
        column = chain.zoned[place]
        if column is None:
            return None
        name = f"{chain.name}_keep_{place}"
        # a state before the first step has the shape of those after the others
        ones = apply("ones_like", [chain.begin[place]], f"{name}_ones")
        shares = [ones if each is None else self._share(each, ones) for each in column]
        return apply("stack", shares, name, axis="0", num_args=str(len(shares)))

    def _share(self, zoned: Zoned, ones: Entry) -> Entry:
        mask, scale = zoned.mask, zoned.scale
        drawn = self.drawn.setdefault(id(mask), (Node(mask.op, mask.name, mask.attrs, [ones], mask.parsed), 0))
        return drawn if scale is None else (Node(scale.op, scale.name, scale.attrs, [drawn], scale.parsed), 0)


def draws(
    nodes: Sequence[Node], chains: Sequence[Chain], drawn: Mapping[int, Entry], instead: Mapping[Key, Entry]
) -> list[Entry]:
    """What is random in a graph in which chains were fused, in the order of the `nodes` that it was made from.

    Programs compute it in this order, first of all, so that the same seed gives the same numbers as step by step. What
    is computed from outputs of a fused recurrence comes after all of that one's masks, whichever order the graph has.
    """
    inside = {number for chain in chains for number in chain.nodes}
    found: list[Entry] = []
    for node in nodes:
        if not _is_random(node):
            continue
        if id(node) in drawn:
            found.append(drawn[id(node)])
        elif id(node) not in inside and (id(node), 0) not in instead:
            found.append((node, 0))
    return found


def _is_random(node: Node) -> bool:
    if node.op is None:
        return False
    name = node.op.name
    if name == "RNN":
        return node.parsed["p"] > 0
    # what loops and branches do inside may be random as well
    return name in _RANDOM or name.startswith(_DRAWING) or bool(node.subgraphs)


def freed(
    nodes: Sequence[Node], chains: Sequence[Chain], instead: Mapping[Key, Entry], shape_of: ShapeOf
) -> dict[Key, Entry]:
    """For the ones of masks that need the shape of something computed from steps, ones that need no step."""
    begins = {
        key_of(entry): chain.begin[0] for chain in chains for each in (chain.hidden, chain.states[0]) for entry in each
    }
    found: dict[Key, Entry] = {}
    for node in nodes:
        ones = node.inputs[0][0] if is_mask(node) else node
        if ones is not node and (id(ones), 0) not in instead:
            like = _as_early(ones.inputs[0], begins, shape_of)
            if like is not None:
                found[id(ones), 0] = apply("ones_like", [like], ones.name)
    return found


def _as_early(entry: Entry, begins: Mapping[Key, Entry], shape_of: ShapeOf) -> Entry | None:
    """The state before the first step of the nearest chain that an entry of that shape is computed from, if any is."""
    shape, level = shape_of(*entry), [entry]
    for _ in range(_NEAR):
        for each in level:
            if key_of(each) in begins:
                return begins[key_of(each)]
        inputs = [child for node, _ in level if node.op is not None and is_alike(node) for child in node.inputs]
        level = list({key_of(child): child for child in inputs if shape_of(*child) == shape}.values())
    return None


def _joined(parts: Sequence[Entry], name: str, axis: str) -> Entry:
    return parts[0] if len(parts) == 1 else apply("Concat", parts, name, dim=axis, num_args=str(len(parts)))
