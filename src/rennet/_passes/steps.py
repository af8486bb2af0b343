"""Steps: single applications of a recurrence, found in a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .._ops.inference import Known, complete
from .._recurrence.modes import Mode
from .masks import Zoned, find_zoned
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
        The states after the step, as the next one is handed them.
    gates : tuple of int
        Which part of the projections each gate is.
    hidden : int
        Units.
    nodes : dict of int to Node
        All nodes that compute it.
    fresh : list of Entry
        The states as the step computed them: the same, but for zoneout.
    zoned : tuple of Zoned or None
        What zoneout makes of each of them.
    drop : Entry or None
        The mask by which the hidden state was multiplied before the step read it.
    """

    mode: Mode
    i2h: Projection
    h2h: Projection
    cell: Entry | None
    outputs: list[Entry]
    gates: tuple[int, ...]
    hidden: int
    nodes: dict[int, Node]
    fresh: list[Entry]
    zoned: tuple[Zoned | None, ...]
    drop: Entry | None = None

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
    zoned = find_zoned(nodes)
    found: list[Step] = []
    for node in nodes:
        for pattern in by_kind.get(kinds[id(node)], ()):
            step = _step(pattern, node, kinds, shape_of) if glance(pattern.outputs[0], node, kinds, 2) else None
            if step is not None:
                found.append(_with_zoneout(step, zoned, shape_of) if zoned else step)
    return found


def _with_zoneout(step: Step, zoned: Mapping[Key, Sequence[Zoned]], shape_of: ShapeOf) -> Step:
    """The step together with what makes some of its states stay what they were."""
    shape = shape_of(*step.outputs[0])

    def of(place: int, old: Entry | None) -> Zoned | None:
        candidates = zoned.get(key_of(step.fresh[place]), ()) if old is not None else ()
        alike = (each for each in candidates if old is not None and key_of(each.old) == key_of(old))
        return next((each for each in alike if shape_of(each.mask, 0) == shape_of(*each.entry) == shape), None)

    found = [of(0, step.h2h.data), of(1, step.cell) if step.cell is not None else None]
    if found[0] is None and step.mode.name != "gru":
        found[0] = of(0, step.i2h.data)
        step = step.crossed() if found[0] is not None else step
    pairs = list(zip(step.fresh, found, strict=False))
    return step._replace(
        outputs=[fresh if each is None else each.entry for fresh, each in pairs],
        zoned=tuple(each for _, each in pairs),
        nodes={**step.nodes, **{id(node): node for each in found if each is not None for node in each.nodes}},
    )


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
    return Step(
        pattern.mode, i2h, h2h, cell, outputs, tuple(gates), shape[1], found.nodes, outputs, (None,) * len(outputs)
    )
