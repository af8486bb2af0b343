"""Sequences: lists of one entry for each step, as one array whose first axis is time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .._ops.catalogue import OPERATORS
from .masks import is_mask
from .steps import ShapeOf
from .terms import Key, key_of

_ALIKE = frozenset(
    {
        *("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "_grad_add"),
        *("Activation", "sigmoid", "tanh", "relu", "softsign", "LeakyReLU", "_copy", "BlockGrad", "Cast", "clip"),
        *("_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar", "negative", "exp", "log"),
    }
)
"""Operators that treat every element for itself, so that all steps can be done at once."""

_ALSO = frozenset({"broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div"})
"""The same, where nothing is broadcast."""

_BROADCAST = {
    **{name: name for name in _ALSO},
    **{f"elemwise_{name}": f"broadcast_{name}" for name in ("add", "sub", "mul", "div")},
}
"""Operators of two inputs, and what does the same where one of them has no time axis."""

JOINING = frozenset({"stack", "Concat"})
"""Operators that may join steps."""

_DEEPEST = 40
"""Operators on top of each other that are looked through; more of them are a recurrence of another kind."""


def apply(name: str, inputs: Sequence[Entry], called: str, **attrs: str) -> Entry:
    """A new node; its attributes are spelled as in files."""
    return Node(OPERATORS[name], called, attrs, inputs), 0


def is_alike(node: Node) -> bool:
    """Does the node treat every element for itself, and leave its type what it is."""
    name = "" if node.op is None else node.op.name
    return name != "Cast" and (name in _ALIKE or name in _ALSO or name in ("where", "Dropout"))


class Sequences:
    """Turns lists of entries into arrays with a time axis, and remembers what takes the place of what.

    Attributes
    ----------
    instead : dict of Key to Entry
        What takes the place of an entry of the graph.
    """

    def __init__(self, shape_of: ShapeOf) -> None:
        self._shape_of = shape_of
        self._known: dict[tuple[Key, ...], Entry] = {}
        self.instead: dict[Key, Entry] = {}

    def define(self, steps: Sequence[Entry], whole: Entry) -> None:
        """Let `whole`, ``(T, ...)``, be what `steps` are the parts of, first to last."""
        self._known[tuple(map(key_of, steps))] = whole
        parts = {"num_outputs": str(len(steps)), "axis": "0", "squeeze_axis": "True"}
        split, _ = apply("SliceChannel", [whole], f"{whole[0].name}_steps", **parts)
        for place, step in enumerate(steps):
            self.instead[key_of(step)] = split, place

    def replace(self, entry: Entry, whole: Entry, axis: int | None) -> None:
        """Let the `whole`, ``(T, ...)``, take the place of an entry in which time is `axis`; see `Joined`."""
        name, shape = entry[0].name, self._shape_of(*entry)
        if axis is None:
            self.instead[key_of(entry)] = apply("Reshape", [whole], f"{name}_steps_joined", shape="(-3, -2)")
        elif shape is not None:
            self.instead[key_of(entry)] = _moved(whole, axis, len(shape) - 1, False, name)

    def is_whole(self, steps: Sequence[Entry]) -> bool:
        """Is there an array that these are the parts of, in order."""
        return tuple(map(key_of, steps)) in self._known or self._split_from(steps) is not None

    def whole(self, steps: Sequence[Entry]) -> Entry:
        """The steps as one array, stacked if it cannot be had otherwise."""
        return self.find(steps) or apply(
            "stack", steps, f"{steps[0][0].name}_stacked", axis="0", num_args=str(len(steps))
        )

    def find(self, steps: Sequence[Entry], depth: int = 0) -> Entry | None:
        """The steps as one array, if there is one or all of them can be computed at once."""
        keys = tuple(map(key_of, steps))
        if keys in self._known:
            return self._known[keys]
        found = self._split_from(steps)
        turned = self._known.get(keys[::-1]) or (self._split_from(steps[::-1]) if found is None else None)
        if turned is not None:
            self._known[keys[::-1]] = turned
            found = apply("reverse", [turned], f"{steps[0][0].name}_reversed", axis="0")
        if found is not None:
            self._known[keys] = found
            return found
        together = self._together(steps, depth) if depth < _DEEPEST else None
        if together is not None:
            self.define(steps, together)
        return together

    def _split_from(self, steps: Sequence[Entry]) -> Entry | None:
        """What was split along its time axis to give the steps, in order and without one left out."""
        node = steps[0][0]
        if node.op is None or node.op.name != "SliceChannel" or not node.parsed["squeeze_axis"]:
            return None
        if node.parsed["num_outputs"] != len(steps):
            return None
        if any(step[0] is not node or step[1] != place for place, step in enumerate(steps)):
            return None
        step = self._shape_of(node, 0)
        return None if step is None else _moved(node.inputs[0], node.parsed["axis"], len(step), True, node.name)

    def _together(self, steps: Sequence[Entry], depth: int) -> Entry | None:
        """One node in place of one for each step, if they all do the same to arrays that can be had whole."""
        if any(key_of(step) in self.instead for step in steps):
            return None  # some are part of another whole; what is random must not be drawn twice
        first = steps[0][0]
        if first.op is None or len({id(node) for node, _ in steps}) != len(steps):
            return None
        for node, index in steps:
            if node.op is not first.op or index or node.parsed != first.parsed or len(node.inputs) != len(first.inputs):
                return None
        attrs = self._over_time(first)
        if attrs is None:
            return None
        columns, operator, shared = [], first.op.name, 0
        for place, own in enumerate(first.inputs):
            entries = [node.inputs[place] for node, _ in steps]
            if place and first.op.name == "FullyConnected":
                # a dense layer's weights have no time axis; all steps must have the same ones
                column = own if {key_of(entry) for entry in entries} == {key_of(own)} else None
            elif (everywhere := self._everywhere(first, entries)) is not None:
                operator, column, shared = _BROADCAST[first.op.name], everywhere, shared + 1
                if operator == "broadcast_mul" and place and is_mask(own[0]) and own[0].parsed["mode"] == "training":
                    operator = "_times_mask"  # which inference does without
            else:
                column = self.find(entries, depth + 1)
            if column is None:
                return None
            columns.append(column)
        if shared == len(columns):
            return None
        return Node(OPERATORS[operator], f"{first.name}_together", attrs, columns), 0

    def _everywhere(self, first: Node, entries: Sequence[Entry]) -> Entry | None:
        """What all steps have the same of, with a time axis of one; None if that is not so or cannot be broadcast."""
        own = entries[0]
        if first.op is None or first.op.name not in _BROADCAST or {key_of(entry) for entry in entries} != {key_of(own)}:
            return None
        if self._shape_of(*own) != self._shape_of(first, 0):
            return None
        return apply("expand_dims", [own], f"{own[0].name}_at_all_steps", axis="0")

    def _over_time(self, node: Node) -> Mapping[str, str] | None:
        """The attributes with which the operator does to whole sequences what it does to a step; None if it cannot."""
        assert node.op is not None
        name = node.op.name
        plain = {key: value for key, value in node.attrs.items() if not key.startswith("__")}
        if name in _ALIKE:
            return plain if name != "LeakyReLU" or node.parsed["act_type"] in ("leaky", "elu", "selu", "gelu") else None
        shape = self._shape_of(node, 0)
        if name in _ALSO:
            return plain if all(self._shape_of(*entry) == shape for entry in node.inputs) else None
        if name == "FullyConnected":
            data = self._shape_of(*node.inputs[0])
            return {**plain, "flatten": "False"} if data is not None and len(data) == 2 else None
        if name == "Dropout":
            return plain if not node.parsed["axes"] else None
        if name == "Concat" and shape is not None:
            axis = node.parsed["dim"]
            return {**plain, "dim": str(axis + 1)} if axis >= 0 else plain
        return None


def _moved(whole: Entry, axis: int, rank: int, forwards: bool, called: str) -> Entry:
    """Time, which is `axis`, made the first axis of steps of `rank` axes, or if not `forwards` the other way round."""
    axis = axis if axis >= 0 else axis + rank + 1
    if axis == 0:
        return whole
    if axis == 1:
        return apply("SwapAxis", [whole], f"{called}_time_moved", dim1="0", dim2="1")
    others = [each for each in range(rank + 1) if each != axis]
    axes = [axis, *others] if forwards else [*range(1, axis + 1), 0, *range(axis + 1, rank + 1)]
    return apply("transpose", [whole], f"{called}_time_moved", axes=str(tuple(axes)))


class Joined(NamedTuple):
    """Steps that a node joins.

    Attributes
    ----------
    steps : list of Entry
        One for each step.
    axis : int or None
        The new axis along which they are; None if the batches of all steps follow each other along the first axis.
    """

    steps: list[Entry]
    axis: int | None


def joined_steps(node: Node) -> Joined | None:
    """The steps that a node joins; None if it does something else."""
    if node.op is None or len(node.inputs) < 2:
        return None
    if node.op.name == "stack":
        return Joined(list(node.inputs), node.parsed["axis"])
    if node.op.name != "Concat":
        return None
    axis = node.parsed["dim"]
    if all(child.op is not None and child.op.name == "expand_dims" for child, _ in node.inputs):
        if any(child.parsed["axis"] != axis for child, _ in node.inputs):
            return None
        return Joined([child.inputs[0] for child, _ in node.inputs], axis)
    return Joined(list(node.inputs), None) if axis == 0 else None
