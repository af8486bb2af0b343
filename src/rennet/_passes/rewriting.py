"""Rewriting: the graph in which unrolled recurrences are fused ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from .._graph import Entry, Node
from .chains import Chain, find_chains
from .closure import Closure, closures
from .drawing import Drawing, draws, freed
from .pairs import Way, pairs
from .rebuilding import rebuilt
from .sequences import JOINING, Sequences, apply, joined_steps
from .singles import fuse_singles
from .steps import ShapeOf, find_steps
from .terms import key_of
from .unknown import find_unknown


class Recurrence(NamedTuple):
    """What became of an unrolled recurrence.

    Attributes
    ----------
    name : str
        Its first and last output's names.
    mode : str
        ``'lstm'``, ``'gru'``, ``'rnn_tanh'`` or ``'rnn_relu'``; ``'unknown'`` for steps of no such kind.
    steps : int
        Its length.
    why_not : str or None
        Why it runs step by step, or None if it was fused.
    """

    name: str
    mode: str
    steps: int
    why_not: str | None


class Rewritten(NamedTuple):
    """A graph in which recurrences are fused.

    Attributes
    ----------
    heads : list of Entry
        Outputs of the same values.
    recurrences : list of Recurrence
        What was found.
    draws : list of Entry
        What is random, in the order in which the graph would have drawn it; to be computed first.
    """

    heads: list[Entry]
    recurrences: list[Recurrence]
    draws: list[Entry]


_UNKNOWN = "a layer is applied to what comes of its own output, but not as in a known recurrence"


def fused(nodes: Sequence[Node], heads: Sequence[Entry], shape_of: ShapeOf) -> Rewritten:
    """The graph with its recurrences fused.

    Parameters
    ----------
    nodes : sequence of Node
        The graph, each node after its inputs.
    heads : sequence of Entry
        Its outputs.
    shape_of : callable
        From a node and an output's index to what is known of its shape.
    """
    steps = find_steps(nodes, shape_of)
    chains = find_chains(steps, shape_of)
    found = closures(chains, nodes, heads) if chains else []
    report = [
        Recurrence(each.chain.name, each.chain.first.mode.name, len(each.chain.steps), each.why_not) for each in found
    ]
    report += [
        Recurrence(f"{each[0].name} ... {each[-1].name}", "unknown", len(each), _UNKNOWN)
        for each in find_unknown(nodes, chains, shape_of)
    ]
    sequences, drawing = Sequences(shape_of), Drawing()
    free = sorted((each for each in found if each.why_not is None), key=_level)
    for _, level in itertools.groupby(free, key=_level):
        ways = [Way(each, sequences.whole(each.chain.inputs)) for each in level]
        for group in pairs(ways, sequences):
            _fuse(group, sequences, drawing)
    random: list[Entry] = []
    if free:
        for node in nodes:
            if node.op is not None and node.op.name in JOINING:
                _join(node, sequences)
        chains = [each.chain for each in free]
        random = draws(nodes, chains, drawing.drawn, sequences.instead)
        sequences.instead |= freed(nodes, chains, sequences.instead, shape_of)
    taken = {key_of(step.outputs[0]) for each in free for step in each.chain.steps}
    fuse_singles([step for step in steps if key_of(step.outputs[0]) not in taken], nodes, heads, sequences, shape_of)
    ends = rebuilt([*heads, *random], sequences.instead) if sequences.instead else [*heads, *random]
    return Rewritten(ends[: len(heads)], report, ends[len(heads) :])


def _level(around: Closure) -> tuple[int, int]:
    """Chains come after those that they need; those that need the same ones stand together."""
    return around.needs.bit_count(), around.needs


def _fuse(ways: Sequence[Way], sequences: Sequences, drawing: Drawing) -> None:
    """Put one node in the place of the steps of a chain, or of two that go over one sequence in both directions."""
    chains, lengths = [way.around.chain for way in ways], ways[0].around.lengths
    first, name = chains[0].first, chains[0].name
    states = [
        _together("expand_dims", entries, f"{name}_begin_{place}", axis="0")
        for place, entries in enumerate(zip(*(chain.begin for chain in chains), strict=True))
    ]
    weights: list[Entry] = []
    biases: list[Entry] = []
    for chain in chains:
        own_weights, own_biases = _parameters(chain)
        weights += own_weights
        biases += own_biases
    masks = drawing.masks_of(chains, name)
    within = [] if lengths is None else [lengths.entry]
    inputs = [ways[0].data, *states, *within, *masks.values(), *weights, *biases]
    attrs = {"state_size": str(first.hidden), "num_layers": "1", "mode": first.mode.name}
    attrs |= {"bidirectional": "True"} if len(ways) > 1 else {}
    attrs |= {"use_sequence_length": "True"} if lengths is not None else {}
    attrs |= dict.fromkeys(masks, "True")
    attrs |= {} if all(chain.is_for_training for chain in chains) else {"masks_always": "True"}
    node, _ = apply("_rnn_of_parts", inputs, f"{name}_fused", num_args=str(len(inputs)), **attrs)
    for direction, way in enumerate(ways):
        _hand_out(node, direction, way, ways, sequences)


def _together(operator: str, entries: Sequence[Entry], called: str, **attrs: str) -> Entry:
    """The operator's results one after another along the first axis."""
    each = [apply(operator, [entry], f"{called}_{place}", **attrs) for place, entry in enumerate(entries)]
    return each[0] if len(each) == 1 else apply("Concat", each, called, dim="0", num_args=str(len(each)))


def _hand_out(node: Node, direction: int, way: Way, ways: Sequence[Way], sequences: Sequences) -> None:
    """Say what of the fused node takes the place of a chain's results."""
    chain, lengths = way.around.chain, way.around.lengths
    wholes: list[Entry] = [(node, 0)]
    wholes += [(node, node.num_outputs - 1)] if chain.zoned[0] is not None else []
    ends: list[Entry] = []
    for place in range(len(chain.begin)):
        end: Entry = (node, 1 + place)
        if len(ways) > 1:
            part = {"axis": "0", "begin": str(direction), "end": str(direction + 1)}
            end = apply("slice_axis", [end], f"{chain.name}_end_{place}", **part)
        ends.append(apply("Reshape", [end], f"{chain.name}_state_{place}", shape="(-3, -2)"))
    if len(ways) > 1:
        wholes = [_one_direction(whole, direction, way) for whole in wholes]
    if lengths is None:
        sequences.define(chain.hidden, wholes[0])
        if len(wholes) > 1:
            sequences.define(chain.states[0], wholes[1])
        for state, end in zip(chain.steps[-1].outputs, ends, strict=True):
            sequences.instead[key_of(state)] = end
        return
    for reader, axis, is_zoned in lengths.masked:
        sequences.replace((reader, 0), wholes[is_zoned], axis)
    for place, (begin, given) in enumerate(zip(chain.begin, chain.given, strict=True)):
        if begin != given:
            ends[place] = _unless_empty(ends[place], given, lengths.entry, chain.name)
    for reader, place in lengths.last:
        sequences.instead[id(reader), 0] = ends[place]


def _unless_empty(end: Entry, given: Entry, lengths: Entry, name: str) -> Entry:
    """The last state; of a sequence without a step what it was given, which no mask has been put on."""
    both = apply("stack", [given, end], f"{name}_given_and_last", axis="0", num_args="2")
    any_step = apply("clip", [lengths], f"{name}_any_step", a_min="0", a_max="1")
    count = apply("_plus_scalar", [any_step], f"{name}_any_step_counted", scalar="1")
    return apply("SequenceLast", [both, count], f"{name}_last", use_sequence_length="True", axis="0")


def _one_direction(whole: Entry, direction: int, way: Way) -> Entry:
    """Its part of what both directions make, in the order of its steps."""
    chain, lengths = way.around.chain, way.around.lengths
    hidden = chain.first.hidden
    part = {"axis": "2", "begin": str(direction * hidden), "end": str((direction + 1) * hidden)}
    whole = apply("slice_axis", [whole], f"{chain.name}_direction", **part)
    if direction and lengths is None:
        return apply("reverse", [whole], f"{chain.name}_reversed", axis="0")
    if direction and lengths is not None:
        turned = {"use_sequence_length": "True", "axis": "0"}
        return apply("SequenceReverse", [whole, lengths.entry], f"{chain.name}_reversed", **turned)
    return whole


def _parameters(chain: Chain) -> tuple[list[Entry], list[Entry]]:
    """Weights and biases, zeros where there is none, the gates in the order of `_recurrence`."""
    first, name = chain.first, chain.name
    weights = [way.weight for way in (first.i2h, first.h2h)]
    biases = [way.bias for way in (first.i2h, first.h2h)]
    given = next((bias for bias in biases if bias is not None), None)
    filled = [_no_bias(name, given, weights[0]) if bias is None else bias for bias in biases]
    return [_in_order(each, first.gates, name) for each in weights], [
        _in_order(each, first.gates, name) for each in filled
    ]


def _no_bias(name: str, other: Entry | None, weight: Entry) -> Entry:
    """Zeros for a bias that is not there: as many as the other one has, or as the weight has rows."""
    if other is None:
        other = apply("slice_axis", [weight], f"{name}_column", axis="1", begin="0", end="1")
        other = apply("Reshape", [other], f"{name}_rows", shape="(-3,)")
    return apply("zeros_like", [other], f"{name}_no_bias")


def _in_order(whole: Entry, gates: Sequence[int], name: str) -> Entry:
    """A parameter with its gates in the order of `_recurrence`."""
    if list(gates) == list(range(len(gates))):
        return whole
    split, _ = apply("SliceChannel", [whole], f"{name}_gates", num_outputs=str(len(gates)), axis="0")
    parts = [(split, place) for place in gates]
    return apply("Concat", parts, f"{name}_in_order", dim="0", num_args=str(len(parts)))


def _join(node: Node, sequences: Sequences) -> None:
    """Where steps are joined to an array, take the array that is there already."""
    found = joined_steps(node)
    if found is None or (id(node), 0) in sequences.instead:
        return
    if sequences.is_whole(found.steps) or _leads_to_fused(found.steps[0], sequences):
        whole = sequences.find(found.steps)
        if whole is not None:
            sequences.replace((node, 0), whole, found.axis)


def _leads_to_fused(step: Entry, sequences: Sequences, depth: int = 8) -> bool:
    """Is the step computed from fused outputs by a few operators."""
    level = {key_of(step): step}
    for _ in range(depth):
        if any(key in sequences.instead for key in level):
            return True
        level = {key_of(entry): entry for node, _ in level.values() for entry in node.inputs}
    return False
