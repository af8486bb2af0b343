"""Programs: a graph as a flat list of calls, which functions read and write which registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ._graph import Node, in_order
from ._ops.inference import complete, to_public
from ._ops.registry import Operator
from ._passes import Recurrence, fused, with_dense_softmax
from .base import ShapeError
from .context import Context
from .ndarray.array import NDArray
from .symbol.inference import Shapes
from .symbol.symbol import Symbol

Call = tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""A function, the registers it reads and writes, and those that nobody reads after it."""


class Program:
    """A graph compiled for one device: which function reads and writes which registers, in order.

    Parameters
    ----------
    symbol : Symbol
        The graph.
    shapes : Shapes
        What is known of the shapes in it.
    device : torch.device
        Where it runs.
    fusing : bool
        Whether unrolled recurrences are fused; what happens inside their steps cannot be watched then.

    Attributes
    ----------
    recurrences : list of Recurrence
        What was fused, and what was not.
    """

    def __init__(self, symbol: Symbol, shapes: Shapes, device: torch.device, fusing: bool = True) -> None:
        heads, nodes = symbol._outputs, shapes.nodes
        self.recurrences: list[Recurrence] = []
        if fusing:
            heads, self.recurrences, draws = fused(nodes, heads, shapes.of)
            heads = with_dense_softmax(nodes if heads == symbol._outputs else in_order(heads), heads)
            nodes = nodes if heads == symbol._outputs else in_order([*draws, *heads])
        self.nodes = [node for node in nodes if node.op is not None]
        # variables have the first registers, so that these are the same whether the rest is fused or not
        self.registers: dict[tuple[int, int], int] = {}
        for node in (*(each for each in shapes.nodes if each.op is None), *self.nodes):
            for index in range(node.num_outputs):
                self.registers[id(node), index] = len(self.registers)
        self.outputs = [self.registers[id(node), index] for node, index in heads]
        self._device = device
        self._attrs = [_concrete(node, shapes) for node in self.nodes]
        self._operators = [node.op.anew() for node in self.nodes if node.op is not None]
        self._lists: dict[bool, list[Call]] = {}

    def _calls(self, training: bool) -> list[Call]:
        if training not in self._lists:
            self._lists[training] = self._compile(training)
        return self._lists[training]

    def _compile(self, training: bool) -> list[Call]:
        calls: list[Call] = []
        wanted = set(self.outputs)
        for node, operator, attrs in zip(self.nodes[::-1], self._operators[::-1], self._attrs[::-1], strict=True):
            run = operator.bind(attrs, training, self._device)
            ins = tuple(self.registers[id(child), index] for child, index in node.inputs)
            outs = tuple(self.registers[id(node), index] for index in range(node.num_outputs))
            if wanted.isdisjoint(outs):
                continue  # only looked at in training
            last = tuple({*ins, *outs} - wanted)
            idle = () if training or operator.idle is None else operator.idle(attrs)
            wanted.update(place for number, place in enumerate(ins) if number not in idle)
            calls.append((run, ins, outs, last))
        return calls[::-1]

    def run(self, values: Mapping[int, Tensor], training: bool, watch: Watch | None = None) -> Any:
        """The outputs, for the tensors in the registers of the variables."""
        registers: list[Any] = [None] * len(self.registers)
        for place, tensor in values.items():
            registers[place] = tensor
        for number, (run, ins, outs, last) in enumerate(self._calls(training)):
            if watch is not None:
                watch.show(watch.before[number], registers)
            result = run(*[registers[i] for i in ins])
            if len(outs) == 1 and isinstance(result, Tensor):
                registers[outs[0]] = result
            else:
                for place, part in zip(outs, result, strict=True):
                    registers[place] = part
            if watch is not None:
                watch.show(watch.after[number], registers)
            for place in last:
                registers[place] = None
        return [registers[place] for place in self.outputs]


NAMED_WHEN_ALONE = frozenset(
    {
        *("Dropout", "L2Normalization", "LRN", "MakeLoss", "Pad", "Pooling", "SliceChannel", "SwapAxis"),
        *("_ravel_multi_index", "_unravel_index", "log_softmax", "one_hot", "repeat", "reverse", "squeeze", "tile"),
    }
)
"""Operators of one input that a monitor sees under the input's name; that of all others it sees as ``input0``."""


def _seen_as(operator: Operator, names: Sequence[str]) -> Sequence[str]:
    alone = len(operator.inputs) == 1 and operator.name not in NAMED_WHEN_ALONE
    return ["input0"] if alone else names


class Watch:
    """Has a function called with the name and value of what a program's operators read and write.

    Parameters
    ----------
    program : Program
        What is watched.
    callback : callable
        Called with a name and an NDArray.
    inputs : bool
        Whether inputs are shown too, just before the operator runs: variables by their own name, and then each as the
        operator calls it.
    ctx : Context
        The arrays'.
    """

    def __init__(self, program: Program, callback: Callable[[str, NDArray], None], inputs: bool, ctx: Context) -> None:
        self.program, self._callback, self._ctx = program, callback, ctx
        self.before: list[list[tuple[str, int]]] = []
        self.after: list[list[tuple[str, int]]] = []
        for node in program.nodes:
            assert node.op is not None
            seen: list[tuple[str, int]] = []
            for key, (child, index) in zip(_seen_as(node.op, node.input_names), node.inputs, strict=True):
                place = program.registers[id(child), index]
                seen += [(child.name, place)] if child.op is None else []
                seen.append((f"{node.name}_{key}", place))
            self.before.append(seen if inputs else [])
            names = enumerate(node.output_names)
            self.after.append([(name, program.registers[id(node), index]) for index, name in names])

    def show(self, names: Sequence[tuple[str, int]], registers: Sequence[Tensor]) -> None:
        """Call for the registers that are named."""
        for name, place in names:
            self._callback(name, NDArray(registers[place].detach(), self._ctx))


def _concrete(node: Node, shapes: Shapes) -> Mapping[str, Any]:
    """A node's attributes, in which an unknown dimension of a begin state has been filled in."""
    shape = node.parsed.get("shape")
    if node.inputs or shape is None or (shape and 0 not in shape):
        return node.parsed
    known = shapes.of(node)
    if not complete(known):
        raise ShapeError(f"the shape of {node.name} cannot be inferred; known is {to_public(known)}")
    return {**node.parsed, "shape": known}
