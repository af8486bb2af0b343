"""A graph inside a node, as the function that a control-flow operator runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._graph import auxiliary
from .._ops.control_flow import Run
from .._ops.inference import Known, unify
from .._state import flags
from .inference import Shapes, known_types
from .symbol import Symbol


class Subgraph:
    """A graph whose inputs are its variables, in the order of `Symbol.list_inputs`.

    Implements `rennet._ops.control_flow.Body`.
    """

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self._nodes = symbol._nodes
        self._variables = [node for node in self._nodes if node.op is None]
        self._states = auxiliary(self._nodes)
        self.num_inputs, self.num_outputs = len(self._variables), len(symbol._outputs)

    def infer_shapes(self, ins: Sequence[Known], outs: Sequence[Known]) -> tuple[list[Known], list[Known]]:
        """What is known of the shapes of inputs and outputs, from what was known before."""
        entries = {(node, 0): shape for node, shape in zip(self._variables, ins, strict=True)}
        for head, shape in zip(self.symbol._outputs, outs, strict=True):
            entries[head] = unify(entries.get(head), shape)
        shapes = Shapes(self._nodes, {}, entries)
        return [shapes.of(node) for node in self._variables], [shapes.of(*head) for head in self.symbol._outputs]

    def types(self, ins: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Element types of inputs and outputs, None where nothing decides."""
        known = known_types(self._nodes, dict(zip(self._variables, ins, strict=True)))
        outputs = [known[node][index] for node, index in self.symbol._outputs]
        return [known[node][0] for node in self._variables], outputs

    def bind(self, training: bool, device: torch.device) -> Run:
        """The graph as a function of tensors; every result has at least one axis."""
        from ..program import Program  # programs run symbols, so they stand above them

        programs: dict[Any, Program] = {}

        def run(inputs: Sequence[Tensor]) -> list[Tensor]:
            where = inputs[0].device if inputs else device
            key = (where, flags.fusing, *(tensor.shape for tensor in inputs))
            program = programs.get(key)
            if program is None:
                entries = {(node, 0): tuple(each.shape) for node, each in zip(self._variables, inputs, strict=True)}
                program = programs[key] = Program(self.symbol, Shapes(self._nodes, {}, entries), where, flags.fusing)
            # a state is written in place, which what wants a gradient must not be
            values = {
                program.registers[id(node), 0]: tensor.detach() if id(node) in self._states else tensor
                for node, tensor in zip(self._variables, inputs, strict=True)
            }
            results = program.run(values, training, None)
            return [result.reshape(1) if result.dim() == 0 else result for result in results]

        return run
