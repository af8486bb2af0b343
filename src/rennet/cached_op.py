"""CachedOp: a symbol as one function of arrays, recorded like any operator; what a hybridized Block runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ._passes import Recurrence
from ._state import flags
from .base import ArgumentError, MXNetError
from .context import Context, current_context
from .ndarray.array import NDArray
from .ndarray.running import on_their_own
from .program import Program, Watch, _seen_as
from .symbol.inference import shapes_of
from .symbol.symbol import Symbol

Callback = Callable[[str, str, NDArray], None]
"""Sees the name of a value, that of its operator, and the value."""

_MAX_PROGRAMS = 64
"""Input shapes for which a compiled program is kept; beyond, the one that has not been used for longest goes."""


class CachedOp:
    """A symbol as a function.

    Parameters
    ----------
    symbol : Symbol
        What is computed.

    Examples
    --------
    >>> import rennet as mx
    >>> x, y = mx.sym.var("x"), mx.sym.var("y")
    >>> double_sum = CachedOp((x + y) * 2)
    >>> double_sum(mx.nd.array([1]), mx.nd.array([3]))[0].asscalar().item()
    8.0
    """

    def __init__(self, symbol: Symbol) -> None:
        self._symbol = symbol
        self.inputs = symbol.list_inputs()
        """Names of the arrays that a call takes, in order."""
        self._variables = [node for node in symbol._nodes if node.op is None]
        self._programs: dict[tuple[object, ...], Program] = {}

    def __call__(self, *arrays: NDArray) -> list[NDArray]:
        """The outputs, in the current mode of recording and training."""
        return self._run(arrays)

    @property
    def recurrences(self) -> list[Recurrence]:
        """The unrolled recurrences of the graph as it ran last; see `Executor.recurrences`. None before it ran."""
        return next(reversed(self._programs.values())).recurrences if self._programs else []

    def watched(self, arrays: Sequence[NDArray], callback: Callback, inputs: bool) -> list[NDArray]:
        """The outputs; `callback` sees the name, the operator's name and the value of all that is computed."""
        return self._run(arrays, (callback, inputs))

    def _run(self, arrays: Sequence[NDArray], hook: tuple[Callback, bool] | None = None) -> list[NDArray]:
        if len(arrays) != len(self.inputs):
            raise ArgumentError(f"expected {len(self.inputs)} arrays ({', '.join(self.inputs)}), got {len(arrays)}")
        program = self._program(arrays, fusing=flags.fusing and hook is None)
        values = {
            program.registers[id(node), 0]: array._tensor for node, array in zip(self._variables, arrays, strict=True)
        }
        ctx = arrays[0]._ctx if arrays else current_context()
        watch = None if hook is None else _OperatorWatch(program, *hook, ctx)
        with torch.set_grad_enabled(flags.recording):
            try:
                results = program.run(values, flags.training, watch)
            except (MXNetError, torch.OutOfMemoryError):
                raise
            except (RuntimeError, IndexError, ValueError) as error:
                given = ", ".join(f"{name}: {array.shape}" for name, array in zip(self.inputs, arrays, strict=True))
                raise MXNetError(f"{_place_of(error, program)} failed on inputs of shapes {given}: {error}") from error
            results = on_their_own(results, [array._tensor for array in arrays])
        outputs = [NDArray(tensor.reshape(1) if tensor.dim() == 0 else tensor, ctx) for tensor in results]
        if flags.recording and any(array._recorded or array._tensor.requires_grad for array in arrays):
            for output in outputs:
                output._recorded = True
        return outputs

    def _program(self, arrays: Sequence[NDArray], fusing: bool) -> Program:
        device = arrays[0]._tensor.device if arrays else current_context().torch_device
        key = (device, fusing, *(array._tensor.shape for array in arrays))
        program = self._programs.pop(key, None)
        if program is None:
            shapes = shapes_of(
                self._symbol, {name: array.shape for name, array in zip(self.inputs, arrays, strict=True)}
            )
            program = Program(self._symbol, shapes, device, fusing)
            if len(self._programs) >= _MAX_PROGRAMS:
                del self._programs[next(iter(self._programs))]
        self._programs[key] = program
        return program


def _place_of(error: BaseException, program: Program) -> str:
    """The node that failed, found where the program's loop stood, so that the loop itself need not keep it."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code is not Program.run.__code__:
        step = step.tb_next
    number = None if step is None else step.tb_frame.f_locals.get("number")
    if number is None:
        return "a graph"
    node = program.nodes[number]
    return f"operator {node.name} ({node.op.name})" if node.op else node.name


class _OperatorWatch(Watch):
    """Has a function called with the name, the operator's name and the value of what operators read and write."""

    def __init__(self, program: Program, callback: Callback, inputs: bool, ctx: Context) -> None:
        super().__init__(program, self._show_one, inputs, ctx)
        self._told = callback
        self._operators: dict[str, str] = {}
        for number, node in enumerate(program.nodes):
            assert node.op is not None
            names = [f"{node.name}_{key}" for key in _seen_as(node.op, node.input_names)]
            self._operators.update(dict.fromkeys((*names, *node.output_names), node.op.name))
            if inputs:  # variables only as inputs of operators, not by their own names too
                places = [program.registers[id(child), index] for child, index in node.inputs]
                self.before[number] = list(zip(names, places, strict=True))

    def _show_one(self, name: str, array: NDArray) -> None:
        self._told(name, self._operators[name], array)
