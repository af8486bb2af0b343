"""Chains: steps that share their weights, each of which begins with the states that the one before left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._graph import Entry
from .steps import ShapeOf, Step
from .terms import Key, key_of


class Chain:
    """The steps of one recurrence, first to last."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.nodes = {number: node for step in steps for number, node in step.nodes.items()}

    @property
    def first(self) -> Step:
        """Its first step."""
        return self.steps[0]

    @property
    def inputs(self) -> list[Entry]:
        """The input of each step."""
        return [step.i2h.data for step in self.steps]

    @property
    def hidden(self) -> list[Entry]:
        """The output of each step."""
        return [step.outputs[0] for step in self.steps]

    @property
    def states(self) -> list[list[Entry]]:
        """For each state, what it is after each step; the first state is the output."""
        return [list(each) for each in zip(*(step.outputs for step in self.steps), strict=True)]

    @property
    def begin(self) -> list[Entry]:
        """The states before the first step."""
        cell = self.first.cell
        return [self.first.h2h.data, *([] if cell is None else [cell])]

    @property
    def parameters(self) -> list[Entry]:
        """Weights, and the biases that there are."""
        ways = (self.first.i2h, self.first.h2h)
        return [entry for way in ways for entry in (way.weight, way.bias) if entry is not None]

    @property
    def name(self) -> str:
        """How messages call it: what the names of its first and last output begin with."""
        ends = [self.steps[place].outputs[0][0].name for place in (0, -1)]
        return ends[0] if ends[0] == ends[1] else f"{ends[0]} ... {ends[1]}"


def find_chains(steps: Sequence[Step], shape_of: ShapeOf) -> list[Chain]:
    """The chains of two steps and more."""
    by_output = {key_of(step.outputs[0]): step for step in steps}
    shared = {key: step.shared for key, step in by_output.items()}
    recurrent: dict[object, object] = {}
    before: dict[Key, Key] = {}
    oriented: dict[Key, Step] = {}
    followers: dict[Key, list[Step]] = {}
    for key, step in by_output.items():
        for way in _ways(step):
            from_key = key_of(way.h2h.data)
            last = by_output.get(from_key)
            if last is None or shared[from_key] != shared[key] or not _hands_on(last, way):
                continue
            if recurrent.setdefault(shared[key], way.h2h.parameters) == way.h2h.parameters:
                oriented[key] = way
                before[key] = from_key
                followers.setdefault(from_key, []).append(step)
                break
    chains: list[Chain] = []
    for key, step in by_output.items():
        if key in before and len(followers[before[key]]) == 1:
            continue  # not the first of its chain
        members = [step]
        while len(next_ones := followers.get(key_of(members[-1].outputs[0]), [])) == 1:
            members.append(next_ones[0])
        if len(members) > 1:
            turned = [oriented.get(key_of(member.outputs[0])) for member in members]
            first = next((way for way in _ways(step) if way.h2h.parameters == recurrent.get(shared[key])), None)
            turned[0] = turned[0] or first
            ways = [way for way in turned if way is not None]
            if len(ways) == len(members) and _are_alike(ways, shape_of):
                chains.append(Chain(ways))
    return chains


def _ways(step: Step) -> Iterable[Step]:
    return (step,) if step.mode.name == "gru" else (step, step.crossed())


def _hands_on(last: Step, step: Step) -> bool:
    """Does `step` go on from all states of `last`, with the gates in the same order."""
    return last.gates == step.gates and (step.cell is None or key_of(step.cell) == key_of(last.outputs[1]))


def _are_alike(steps: Sequence[Step], shape_of: ShapeOf) -> bool:
    """Are states and inputs matrices of one shape at all steps, so that nothing is flattened or broadcast."""
    data, output = shape_of(*steps[0].i2h.data), shape_of(*steps[0].outputs[0])
    if data is None or output is None or len(data) != 2 or data[0] != output[0]:
        return False
    return shape_of(*steps[0].h2h.data) == output and all(shape_of(*step.i2h.data) == data for step in steps)
