"""Chains: steps that share their weights, each of which begins with the states that the one before left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .._graph import Entry
from .masks import Zoned, undropped
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
        return [step.fresh[0] for step in self.steps]

    @property
    def states(self) -> list[list[Entry]]:
        """For each state, what each step hands on; the first state is the output, unless `masks` say otherwise."""
        return [list(each) for each in zip(*(step.outputs for step in self.steps), strict=True)]

    @property
    def begin(self) -> list[Entry]:
        """The states before the first step."""
        cell = self.first.cell
        return [self.first.h2h.data, *([] if cell is None else [cell])]

    @property
    def given(self) -> list[Entry]:
        """The states before the first step, without the mask through which it reads them."""
        first, *others = self.begin
        masked = (state for state, mask in undropped(first) if self.drop and key_of(mask) == key_of(self.drop))
        return [next(masked, first), *others]

    @property
    def zoned(self) -> list[list[Zoned | None] | None]:
        """For each state of which some elements stay what they were, what says so at each step; None for the others.

        The last step may have nothing to say, where nobody looks at its state.
        """
        columns = [list(each) for each in zip(*(step.zoned for step in self.steps), strict=True)]
        return [None if column[0] is None else column for column in columns]

    @property
    def drop(self) -> Entry | None:
        """The mask of the hidden state that all steps but the first have."""
        return self.steps[-1].drop

    @property
    def masks(self) -> tuple[object, ...]:
        """Which masks it has, and of what kind."""
        first = [None if column is None or column[0] is None else (column[0].kind,) for column in self.zoned]
        return *first, self.drop is not None, self.is_for_training

    @property
    def is_for_training(self) -> bool:
        """Do its masks change nothing in inference."""
        zoned = all(each is None or each.is_for_training for column in self.zoned for each in column or ())
        return zoned and (self.drop is None or self.drop[0].parsed["mode"] == "training")

    @property
    def parameters(self) -> list[Entry]:
        """Weights, the biases that there are, and the mask that all steps share."""
        ways = (self.first.i2h, self.first.h2h)
        parameters = [entry for way in ways for entry in (way.weight, way.bias) if entry is not None]
        return parameters if self.drop is None else [*parameters, self.drop]

    @property
    def name(self) -> str:
        """How messages call it: what the names of its first and last output begin with."""
        ends = [self.steps[place].fresh[0][0].name for place in (0, -1)]
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
            from_key, way = _before(way, by_output, shape_of)
            if from_key is None or shared[from_key] != shared[key] or not _hands_on(by_output[from_key], way):
                continue
            linked = oriented.get(from_key)
            if linked is not None and _drop_of(linked) != _drop_of(way):
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
            if len(ways) == len(members) and _are_alike(ways, shape_of) and _are_masked_alike(ways):
                chains.append(Chain(ways))
    return chains


def _ways(step: Step) -> Iterable[Step]:
    # zoneout tells the hidden state from the input
    return (step,) if step.mode.name == "gru" or step.zoned[0] is not None else (step, step.crossed())


def _before(step: Step, by_output: Mapping[Key, Step], shape_of: ShapeOf) -> tuple[Key | None, Step]:
    """The step before, and the step, with the mask through which it reads the hidden state, if there is one."""
    key = key_of(step.h2h.data)
    if key in by_output:
        return key, step
    for state, mask in undropped(step.h2h.data):
        last = by_output.get(key_of(state))
        if last is not None and last.zoned[0] is None and shape_of(*mask) == shape_of(*state):
            product = step.h2h.data[0]
            return key_of(state), step._replace(drop=mask, nodes={**step.nodes, id(product): product})
    return None, step


def _drop_of(step: Step) -> Key | None:
    return None if step.drop is None else key_of(step.drop)


def _are_masked_alike(steps: Sequence[Step]) -> bool:
    """Does zoneout treat all steps in one way, but for states after the last one that nobody looks at."""
    kinds = [[None if each is None else (each.kind,) for each in step.zoned] for step in steps]
    last = zip(kinds[-1], kinds[0], strict=True)
    return all(each == kinds[0] for each in kinds[:-1]) and all(own in (None, theirs) for own, theirs in last)


def _hands_on(last: Step, step: Step) -> bool:
    """Does `step` go on from all states of `last`, with the gates in the same order."""
    return last.gates == step.gates and (step.cell is None or key_of(step.cell) == key_of(last.outputs[1]))


def _are_alike(steps: Sequence[Step], shape_of: ShapeOf) -> bool:
    """Are states and inputs matrices of one shape at all steps, so that nothing is flattened or broadcast."""
    data, output = shape_of(*steps[0].i2h.data), shape_of(*steps[0].outputs[0])
    if data is None or output is None or len(data) != 2 or data[0] != output[0]:
        return False
    return shape_of(*steps[0].h2h.data) == output and all(shape_of(*step.i2h.data) == data for step in steps)
