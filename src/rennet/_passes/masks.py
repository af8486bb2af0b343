"""Masks: states that steps hand on otherwise than they computed them, as zoneout and variational dropout have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .terms import Key, key_of, kind_of


class Zoned(NamedTuple):
    """A state of which some elements stay what they were before the step.

    Attributes
    ----------
    entry : Entry
        What is handed on.
    old : Entry
        The state before the step.
    mask : Node
        The ``Dropout`` of ones that decides.
    scale : Node or None
        What multiplies the mask to give the new state's share; None if the new state is taken where the mask is not 0.
    nodes : tuple of Node
        All nodes that compute it.
    """

    entry: Entry
    old: Entry
    mask: Node
    scale: Node | None
    nodes: tuple[Node, ...]

    @property
    def kind(self) -> object:
        """What the states of all steps have in common, but for the decisions."""
        return None if self.scale is None else self.scale.parsed["scalar"]

    @property
    def is_for_training(self) -> bool:
        """Does it change nothing in inference."""
        return self.scale is None and self.mask.parsed["mode"] == "training"


def is_mask(node: Node) -> bool:
    """Is the node random and of nothing but a shape: what dropout leaves of ones."""
    if node.op is None or node.op.name != "Dropout" or node.parsed["axes"]:
        return False
    ones = node.inputs[0][0].op
    return ones is not None and ones.name == "ones_like"


def find_zoned(nodes: Sequence[Node]) -> dict[Key, list[Zoned]]:
    """By the state that a step computed, what zoneout makes of it."""
    found: dict[Key, list[Zoned]] = {}
    for node in nodes:
        if node.op is None:
            continue
        for new, zoned in _selected(node) if node.op.name == "where" else _mean(node):
            found.setdefault(key_of(new), []).append(zoned)
    return found


def _selected(node: Node) -> Iterator[tuple[Entry, Zoned]]:
    """``where(mask, new, old)``."""
    (mask, index), new, old = node.inputs
    if is_mask(mask) and index == 0:
        yield new, Zoned((node, 0), old, mask, None, (node, mask, mask.inputs[0][0]))


def _mean(node: Node) -> Iterator[tuple[Entry, Zoned]]:
    """``old + (mask * scale) * (new - old)``."""
    if kind_of(node) != "add":
        return
    for old, (product, _) in _both_ways(node):
        if kind_of(product) != "mul":
            continue
        for (scale, _), (difference, _) in _both_ways(product):
            names = [each.op.name for each in (scale, difference) if each.op is not None]
            if names not in (["_mul_scalar", "elemwise_sub"], ["_mul_scalar", "broadcast_sub"]):
                continue
            new, stale = difference.inputs
            mask = scale.inputs[0][0]
            if key_of(stale) == key_of(old) and is_mask(mask) and _is_share(scale.parsed["scalar"], mask):
                inside = (node, product, scale, difference, mask, mask.inputs[0][0])
                yield new, Zoned((node, 0), old, mask, scale, inside)


def _is_share(scale: float, mask: Node) -> bool:
    """Does the scale make at most the whole of what dropout leaves of ones, but for rounding."""
    return 0 <= scale <= (1 - mask.parsed["p"]) * (1 + 1e-6)


def undropped(entry: Entry) -> Iterator[tuple[Entry, Entry]]:
    """Where an entry is something times a mask, what it is and the mask."""
    if kind_of(entry[0]) == "mul":
        for factor, mask in _both_ways(entry[0]):
            if is_mask(mask[0]) and mask[1] == 0:
                yield factor, mask


def _both_ways(node: Node) -> Iterator[tuple[Entry, Entry]]:
    left, right = node.inputs
    yield left, right
    yield right, left
