"""Singles: steps that no fused recurrence has taken, such as a decoder's, each as one node."""

from __future__ import annotations

from collections.abc import Sequence

from .._graph import Entry, Node
from .chains import Chain
from .closure import by_node, looked_into, readers_of
from .sequences import Sequences, apply
from .steps import ShapeOf, Step
from .terms import key_of


def fuse_singles(
    steps: Sequence[Step], nodes: Sequence[Node], heads: Sequence[Entry], sequences: Sequences, shape_of: ShapeOf
) -> None:
    """Put one node in the place of each step whose inner values nobody looks at."""
    own = [Chain([way]) for step in steps if (way := _as_called(step, shape_of)) is not None]
    if not own:
        return
    readers = readers_of(own, nodes, heads)
    inside = by_node(readers)
    for chain in own:
        if looked_into(chain, readers, inside) is None:
            _fuse(chain.first, chain.begin, sequences)


def _as_called(step: Step, shape_of: ShapeOf) -> Step | None:
    """The step with the projection of its state in place; None if it is not what the kernels' step computes."""
    ways = (step,) if step.mode.name == "gru" else (step, step.crossed())
    output = shape_of(*step.outputs[0])
    if list(step.gates) != list(range(len(step.gates))) or any(step.zoned):
        return None
    for way in ways:
        data = shape_of(*way.i2h.data)
        is_flat = data is not None and output is not None and len(data) == 2 and data[0] == output[0]
        if is_flat and shape_of(*way.h2h.data) == output and None not in (way.i2h.bias, way.h2h.bias):
            return way
    return None


def _fuse(step: Step, begin: Sequence[Entry], sequences: Sequences) -> None:
    ways = (step.i2h, step.h2h)
    biases = [way.bias for way in ways if way.bias is not None]
    inputs = [step.i2h.data, *begin, *(way.weight for way in ways), *biases]
    name = step.outputs[0][0].name
    node, _ = apply("_rnn_step", inputs, f"{name}_step", mode=step.mode.name, num_args=str(len(inputs)), owner=name)
    for place, state in enumerate(step.outputs):
        sequences.instead[key_of(state)] = node, place
