"""Our own kernels for CPUs, in C++ (`csrc/`). They keep nothing between calls, packed weights least of all."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor, is_legacy_batchedtensor

from .._recurrence.modes import MODES
from .._reused import reused
from ..base import ArgumentError, ShapeError, one_of
from .interface import Inputs, Masks, Problem, Results, Weights
from .native_library import Library, Sizes, load
from .reference import Reference

_MODES = {"rnn_relu": 0, "rnn_tanh": 1, "lstm": 2, "gru": 3}
_ELEMENTS = {torch.float32: 0, torch.float64: 1}
_PLAIN = (Tensor, torch.nn.Parameter)


class _Chosen(threading.local):
    instruction_set = -1


_chosen = _Chosen()


def instruction_sets() -> list[str]:
    """Those that the kernels were built for and this processor has, best first; none if they are missing."""
    library = load()
    if isinstance(library, str):
        return []
    return [name for index, name in enumerate(library.instruction_sets) if library.usable(index)]


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """A scope in which, on this thread, the kernels use only these instructions; for tests and benchmarks."""
    one_of("instruction set", name, instruction_sets())
    library = _library()
    before, _chosen.instruction_set = _chosen.instruction_set, library.instruction_sets.index(name)
    try:
        yield
    finally:
        _chosen.instruction_set = before


class Native:
    """Every mode in float32 and float64 on CPUs: lengths, projection, clipping, both directions."""

    name = "native"

    def missing(self) -> str | None:
        """Why there is no library."""
        library = load()
        return library if isinstance(library, str) else None

    def why_not(self, problem: Problem) -> str | None:
        """Objects to other devices and element types, and to nothing at all to compute."""
        if problem.device.type != "cpu":
            return f"the native kernels run on CPUs, not on {problem.device.type!r}"
        if problem.dtype not in _ELEMENTS:
            return f"the native kernels compute in float32 and float64, not in {problem.dtype}"
        if 0 in (problem.steps, problem.batch):
            return "the native kernels take no empty sequence or batch"
        if torch._C._is_tracing():
            return "torch.jit's tracer does not see what the native kernels do"
        return None

    def run(self, problem: Problem, inputs: Inputs) -> Results:
        """See `Backend.run`."""
        if type(inputs.data) not in _PLAIN:
            # a tensor that only pretends to have numbers (torch's FakeTensor, say) has no memory to read
            return Reference().run(problem, inputs)
        if problem.needs_grad:
            return list(_Recorded.apply(problem, inputs.lengths, inputs.masks, *inputs.tensors()))[: _shown(problem)]
        return _forward(problem, _readable(problem, inputs), None)[: _shown(problem)]

    def gradients(
        self, problem: Problem, inputs: Inputs, heads: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """See `Backend.gradients`."""
        inputs = _readable(problem, inputs)
        record = _record(problem, inputs)
        results = _forward(problem, inputs, record)
        for head, result in zip(heads, results, strict=False):
            _expect([head], [tuple(result.shape)], problem.dtype, lambda _: "gradient of a result")
        return _backward(problem, inputs, results, record, heads, wanted)


class _Recorded(torch.autograd.Function):
    """A layer as one entry of torch's recording."""

    @staticmethod
    def forward(ctx: Any, problem: Problem, lengths: Tensor | None, masks: Masks, *tensors: Tensor) -> Any:
        ctx.set_materialize_grads(False)
        inputs = _readable(problem, problem.inputs(tensors, lengths, masks))
        record = _record(problem, inputs)
        results = _forward(problem, inputs, record)
        ctx.problem, ctx.used = problem, False
        carried = results[-1] if _hands_on(problem) else None
        ctx.save_for_backward(results[0], carried, record, lengths, *masks, *tensors)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *heads: Tensor | None) -> Any:
        problem: Problem = ctx.problem
        output, carried, record, lengths, *rest = ctx.saved_tensors
        masks, tensors = Masks(*rest[: len(Masks._fields)]), rest[len(Masks._fields) :]
        inputs, results = problem.inputs(tensors, lengths, masks), [output, carried]
        wanted = list(ctx.needs_input_grad[3:])
        if torch.is_grad_enabled() or _mapped_over(heads):
            # the gradients are themselves to be differentiated, or mapped over
            return None, None, None, *_differentiable(problem, inputs, heads[: _shown(problem)], wanted)
        inputs = _readable(problem, inputs)
        if ctx.used:
            # the recording was kept for another time, but what it held was used up
            results = _forward(problem, inputs, record)
        ctx.used = True
        return None, None, None, *_backward(problem, inputs, results, record, heads, wanted)


def _mapped_over(heads: Sequence[Tensor | None]) -> bool:
    """Are there several gradients in one, as ``is_grads_batched`` and the transforms of functions have it."""
    return torch._C._are_functorch_transforms_active() or any(
        head is not None and (is_batchedtensor(head) or is_legacy_batchedtensor(head)) for head in heads
    )


def _differentiable(
    problem: Problem, inputs: Inputs, heads: Sequence[Tensor | None], wanted: Sequence[bool]
) -> list[Tensor | None]:
    """The gradients by torch's own operators, which know how to go on from there."""
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        # aliases: one of the inputs may have been computed from another
        aliases = [
            tensor.view_as(tensor) if is_wanted else tensor.detach()
            for tensor, is_wanted in zip(inputs.tensors(), wanted, strict=True)
        ]
        results = Reference().run(problem, problem.inputs(aliases, inputs.lengths, inputs.masks))
        pairs = [
            (result, head)
            for result, head in zip(results, heads, strict=True)
            if head is not None and result.requires_grad
        ]
        found = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                [alias for alias, is_wanted in zip(aliases, wanted, strict=True) if is_wanted],
                [head for _, head in pairs],
                create_graph=create,
                allow_unused=True,
            )
            if pairs
            else [None] * len(wanted)
        )
    return [next(found) if is_wanted else None for is_wanted in wanted]


def _library() -> Library:
    library = load()
    assert isinstance(library, Library), library
    return library


def _readable(problem: Problem, inputs: Inputs) -> Inputs:
    """The inputs without gaps, as the kernels read them."""
    _expect_all(problem, inputs)
    weights = [Weights(*(part.contiguous() for part in each.present())) for each in inputs.weights]
    lengths = None if inputs.lengths is None else inputs.lengths.contiguous()
    masks = Masks(*(None if mask is None else mask.contiguous() for mask in inputs.masks))
    return Inputs(inputs.data.contiguous(), weights, [state.contiguous() for state in inputs.states], lengths, masks)


# the kernels are given addresses and believe what the problem says, so whatever a caller has seen to is seen to again


def _expect_all(problem: Problem, inputs: Inputs) -> None:
    """Refuse what is not as large, not of the type or not where the problem says."""
    tensors = inputs.tensors()
    _expect(tensors, _shapes(*problem[:7]), problem.dtype, lambda place: _names(problem)[place])
    if inputs.lengths is not None:
        _expect([inputs.lengths], [(problem.batch,)], torch.int64, lambda _: "lengths")
    if problem.masks:
        steps, batch, ways, output = problem.steps, problem.batch, problem.directions, problem.output_size
        keep = (steps, batch, ways * output), (steps, batch, ways * problem.hidden_size)
        given = zip(Masks._fields, inputs.masks, (*keep, (ways, batch, output)), strict=True)
        names, masks, shapes = zip(*(each for each in given if each[1] is not None), strict=True)
        _expect(masks, list(shapes), problem.dtype, lambda place: names[place])


@functools.lru_cache(maxsize=256)
def _shapes(
    mode: str, directions: int, steps: int, batch: int, input_size: int, hidden_size: int, projection_size: int | None
) -> list[tuple[int, ...]]:
    """Those of `Inputs.tensors`."""
    recurrence, output = MODES[mode], projection_size or hidden_size
    rows = recurrence.num_gates * hidden_size
    states = [(directions, batch, width) for width in (output, hidden_size)[: recurrence.states]]
    way = [(rows, input_size), (rows, output), (rows,), (rows,), *([(output, hidden_size)] if projection_size else [])]
    return [(steps, batch, input_size), *states, *way * directions]


def _names(problem: Problem) -> list[str]:
    """What `Inputs.tensors` are called."""
    weights = Weights._fields if problem.projection_size else Weights._fields[:-1]
    return ["data", *("state", "state_cell")[: problem.recurrence.states], *weights * problem.directions]


def _expect(
    tensors: Sequence[Tensor], shapes: list[tuple[int, ...]], dtype: torch.dtype, name: Callable[[int], str]
) -> None:
    if [tensor.shape for tensor in tensors] != shapes:
        if len(tensors) != len(shapes):
            raise ArgumentError(f"native kernels: expected {len(shapes)} tensors, got {len(tensors)}")
        for place, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
            if tensor.shape != shape:
                raise ShapeError(f"native kernels: {name(place)}: expected shape {shape}, got {tuple(tensor.shape)}")
    for place, tensor in enumerate(tensors):
        if tensor.dtype is not dtype or not tensor.is_cpu:
            raise ArgumentError(
                f"native kernels: {name(place)}: expected {dtype} on cpu, got {tensor.dtype} on {tensor.device}"
            )


def _hands_on(problem: Problem) -> bool:
    """Do steps hand on another hidden state than they put out."""
    return "keep_hidden" in problem.masks or "drop_hidden" in problem.masks


def _shown(problem: Problem) -> int:
    """How many of the kernels' results are those of the layer."""
    return 1 + problem.recurrence.states + ("keep_hidden" in problem.masks)


# where the pointers of `struct rennet_call` stand among each other
_LENGTHS, _DATA, _STATES, _MASKS, _CARRIED, _RESULTS, _RECORD = 0, 1, 2, 4, 7, 8, 11
_HEADS, _D_CARRIED, _GRADIENTS, _WAYS, _POINTERS = 13, 16, 17, 20, 40
_WAY, _D_WAY = 10, 5


def _point(pointers: list[int], place: int, tensors: Sequence[Tensor | None]) -> None:
    """Put their addresses from a place on."""
    for tensor in tensors:
        if tensor is not None:
            pointers[place] = tensor.data_ptr()
        place += 1


def _call(
    problem: Problem,
    inputs: Inputs,
    training: bool,
    results: Sequence[Tensor | None] = (None,),
    record: Tensor | None = None,
    scratch: Tensor | None = None,
    heads: Sequence[Tensor | None] = (),
    gradients: Sequence[Tensor | None] = (),
) -> bytes:
    """`struct rennet_call`; `gradients` stand in the order of `Inputs.tensors`.

    `results` are outputs, final states and, if there is such a thing, the hidden states that were handed on.
    """
    shown = 1 + problem.recurrence.states
    pointers = [0] * _POINTERS
    _point(pointers, _LENGTHS, (inputs.lengths, inputs.data, *inputs.states))
    if problem.masks:
        _point(pointers, _MASKS, inputs.masks)
    _point(pointers, _CARRIED, results[shown:])
    _point(pointers, _RESULTS, results[:shown])
    _point(pointers, _RECORD, (record, scratch))
    for direction, each in enumerate(inputs.weights):
        _point(pointers, _WAYS + direction * _WAY, each)
    if heads:
        _point(pointers, _HEADS, heads[:shown])
        _point(pointers, _D_CARRIED, heads[shown:])
    if gradients:
        parts = (len(gradients) - shown) // problem.directions
        _point(pointers, _GRADIENTS, gradients[:shown])
        for direction in range(problem.directions):
            first = shown + direction * parts
            _point(pointers, _WAYS + direction * _WAY + _D_WAY, gradients[first : first + parts])
    low, high, clip = (0.0, 0.0, 0) if problem.clip is None else (*problem.clip[:2], 1 + problem.clip.nan)
    return Library.words(
        _MODES[problem.mode],
        _ELEMENTS[problem.dtype],
        _chosen.instruction_set,
        torch.get_num_threads(),
        problem.directions,
        problem.steps,
        problem.batch,
        problem.input_size,
        problem.hidden_size,
        problem.projection_size or 0,
        clip,
        low,
        high,
        training,
        *pointers,
    )


# as if the gradient of the data were wanted, which needs the most room
_ANY = (torch.zeros(1),)
_BYTES = torch.empty(0, dtype=torch.uint8)


def _buffer(size: int) -> Tensor:
    return reused((size,), _BYTES)


def _sizes(problem: Problem, inputs: Inputs, training: bool) -> Sizes:
    """How large the buffers must be: a question of sizes alone, unless there are lengths."""
    if problem.has_lengths:
        return _library().measure(_call(problem, inputs, training, gradients=_ANY))
    return _sizes_of_whole(problem, training, _chosen.instruction_set)


@functools.lru_cache(maxsize=256)
def _sizes_of_whole(problem: Problem, training: bool, instruction_set: int) -> Sizes:
    nothing: Any = torch.empty(0)
    masks = Masks(**dict.fromkeys(problem.masks, _ANY[0]))
    inputs = problem.inputs([nothing] * (1 + problem.recurrence.states + 5 * problem.directions), None, masks)
    return _library().measure(_call(problem, inputs, training, gradients=_ANY))


def _record(problem: Problem, inputs: Inputs) -> Tensor:
    """Room for what the backward computation needs of the forward one."""
    return _buffer(_sizes(problem, inputs, True).record)


def _forward(problem: Problem, inputs: Inputs, record: Tensor | None) -> Results:
    library, data = _library(), inputs.data
    output = reused((problem.steps, problem.batch, problem.directions * problem.output_size), data)
    results = [output, *(torch.empty_like(state) for state in inputs.states)]
    results += [torch.empty_like(output)] if _hands_on(problem) else []
    training = record is not None
    scratch = _buffer(_sizes(problem, inputs, training).forward)
    library.forward(_call(problem, inputs, training, results, record, scratch))
    return results


def _backward(
    problem: Problem,
    inputs: Inputs,
    results: Sequence[Tensor],
    record: Tensor,
    heads: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """The gradients; of the `results` the outputs come first, and the hidden states that were handed on last."""
    library, states = _library(), problem.recurrence.states
    carried = [results[-1]] if _hands_on(problem) else []
    found = [
        reused(tuple(tensor.shape), tensor) if is_wanted else None
        for tensor, is_wanted in zip(inputs.tensors(), wanted, strict=True)
    ]
    given = [None if head is None else head.contiguous() for head in heads]
    scratch = _buffer(_sizes(problem, inputs, True).backward)
    read = [results[0], *(None,) * states, *carried]
    library.backward(_call(problem, inputs, True, read, record, scratch, given, found))
    return found
