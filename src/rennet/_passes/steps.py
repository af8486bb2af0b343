"""Steps: single applications of a recurrence, found in a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .._ops.inference import Known, complete
from .._recurrence.modes import Mode
from .terms import PATTERNS, Key, Match, Pattern, glance, key_of, kind_of, match, permutation

ShapeOf = Callable[[Node, int], Known]


class Projection(NamedTuple):
    """One dense layer of a step: ``data @ weight.T + bias``."""

    node: Node

    @property
    def data(self) -> Entry:
        """What is projected."""
        return self.node.inputs[0]

    @property
    def weight(self) -> Entry:
        """``(G*H, I)``."""
        return self.node.inputs[1]

    @property
    def bias(self) -> Entry | None:
        """``(G*H,)``."""
        return self.node.inputs[2] if len(self.node.inputs) > 2 else None

    @property
    def parameters(self) -> tuple[Key, Key | None]:
        """What it shares with the other steps."""
        return key_of(self.weight), None if self.bias is None else key_of(self.bias)


class Step(NamedTuple):
    """One step.

    Attributes
    ----------
    mode : Mode
        Which recurrence.
    i2h, h2h : Projection
        Of the input and of the hidden state; to be exchanged, where the mode cannot tell them apart.
    cell : Entry or None
        The LSTM's cell state before the step.
    outputs : list of Entry
        The states after the step.
    gates : tuple of int
        Which part of the projections each gate is.
    hidden : int
        Units.
    nodes : dict of int to Node
        All nodes that compute it.
    """

    mode: Mode
    i2h: Projection
    h2h: Projection
    cell: Entry | None
    outputs: list[Entry]
    gates: tuple[int, ...]
    hidden: int
    nodes: dict[int, Node]

    @property
    def shared(self) -> tuple[str, frozenset[tuple[Key, Key | None]]]:
        """What all steps of one recurrence have in common."""
        return self.mode.name, frozenset((self.i2h.parameters, self.h2h.parameters))

    def crossed(self) -> Step:
        """The step with its two projections in each other's place."""
        return self._replace(i2h=self.h2h, h2h=self.i2h)


def find_steps(nodes: Sequence[Node], shape_of: ShapeOf) -> list[Step]:
    """All steps among `nodes`, in their order."""
    by_kind: dict[str, list[Pattern]] = {}
    for pattern in PATTERNS:
        by_kind.setdefault(pattern.outputs[0].kind, []).append(pattern)
    kinds = {id(node): kind_of(node) for node in nodes}
    found: list[Step] = []
    for node in nodes:
        for pattern in by_kind.get(kinds[id(node)], ()):
            step = _step(pattern, node, kinds, shape_of) if glance(pattern.outputs[0], node, kinds, 2) else None
            if step is not None:
                found.append(step)
    return found


def _step(pattern: Pattern, node: Node, kinds: Mapping[int, str], shape_of: ShapeOf) -> Step | None:
    found = match(pattern.outputs[0], (node, 0), Match(kinds))
    if found is None:
        return None
    gates = permutation(found.gates, pattern.mode.num_gates) if pattern.mode.num_gates > 1 else [0]
    if gates is None:
        return None
    i2h, h2h = (Projection(found.bound[id(term)][0]) for term in (pattern.i2h, pattern.h2h))
    cell = None
    if len(pattern.states) > 1:
        cell = found.bound[id(pattern.states[1])]
    elif not pattern.is_symmetric and key_of(found.bound[id(pattern.states[0])]) != key_of(h2h.data):
        return None
    outputs = [found.bound[id(term)] for term in pattern.outputs]
    shape = shape_of(*outputs[0])
    alike = [*outputs, *([] if cell is None else [cell])]
    if shape is None or len(shape) != 2 or not complete(shape) or any(shape_of(*entry) != shape for entry in alike):
        return None
    return Step(pattern.mode, i2h, h2h, cell, outputs, tuple(gates), shape[1], found.nodes)
