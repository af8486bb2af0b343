"""A layer as an operator of torch's own registry, which is what tracers see: torch.compile, torch.export, ONNX.

``rennet::rnn_layer`` computes forwards, ``rennet::rnn_layer_backward`` the gradients. An operator can hand over tensors
only, not a recorded computation, so the backward one begins by computing forwards once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..base import NotSupportedError
from .door import choose
from .interface import Clip, Inputs, Problem, Results, Weights
from .lengths import whole

_INPUTS = "Tensor data, Tensor[] states, Tensor[] weights, Tensor? lengths, str mode, float[]? clip, bool clip_nan"


def rnn_layer(mode: str, clip: Clip | None, inputs: Inputs) -> Results:
    """The layer through its operator."""
    weights = [part for each in inputs.weights for part in each.present()]
    bounds, nan = (None, False) if clip is None else ([clip.low, clip.high], clip.nan)
    return torch.ops.rennet.rnn_layer(inputs.data, inputs.states, weights, inputs.lengths, mode, bounds, nan)


def _posed(
    data: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    mode: str,
    clip: Sequence[float] | None,
    clip_nan: bool,
    needs_grad: bool,
    look: bool = False,
) -> tuple[Problem, Inputs]:
    """The problem that an operator's arguments pose; `look` at the lengths where they have values."""
    if forward_ad._current_level >= 0:
        # torch would drop the tangents without a word
        raise NotSupportedError("rennet::rnn_layer does not differentiate forwards; FusedRNN and nd.RNN do")
    directions = states[0].shape[0]
    parts = len(weights) // directions
    grouped = [Weights(*weights[i * parts : (i + 1) * parts]) for i in range(directions)]
    if look and lengths is not None:
        lengths = whole(lengths, data.shape[0])
    inputs = Inputs(data, grouped, list(states), lengths)
    bounds = None if clip is None else Clip(clip[0], clip[1], clip_nan)
    return Problem.of(mode, bounds, inputs, needs_grad), inputs


@torch.library.custom_op("rennet::rnn_layer", mutates_args=(), schema=f"({_INPUTS}) -> Tensor[]")
def _forward(*arguments: Any) -> Results:
    problem, inputs = _posed(*arguments, needs_grad=False, look=True)
    return [result.contiguous() for result in choose(problem).run(problem, inputs)]


@_forward.register_fake
def _(*arguments: Any) -> Results:
    problem, inputs = _posed(*arguments, needs_grad=False)
    output = inputs.data.new_empty((problem.steps, problem.batch, problem.directions * problem.output_size))
    return [output, *(output.new_empty(state.shape) for state in inputs.states)]


@torch.library.custom_op(
    "rennet::rnn_layer_backward",
    mutates_args=(),
    schema=f"(Tensor[] heads, bool[] wanted, {_INPUTS}) -> Tensor[]",
)
def _backward(heads: Sequence[Tensor], wanted: Sequence[bool], *arguments: Any) -> list[Tensor]:
    problem, inputs = _posed(*arguments, needs_grad=True, look=True)
    with _autograd_awake():
        found = choose(problem).gradients(problem, inputs, heads, wanted)
    tensors = inputs.tensors()
    return [
        torch.zeros_like(tensor, memory_format=torch.contiguous_format) if gradient is None else gradient.contiguous()
        for tensor, gradient, is_wanted in zip(tensors, found, wanted, strict=True)
        if is_wanted
    ]


@_backward.register_fake
def _(heads: Sequence[Tensor], wanted: Sequence[bool], *arguments: Any) -> list[Tensor]:
    tensors = _posed(*arguments, needs_grad=True)[1].tensors()
    return [tensor.new_empty(tensor.shape) for tensor, is_wanted in zip(tensors, wanted, strict=True) if is_wanted]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    data, states, weights, lengths, *rest = inputs
    ctx.save_for_backward(lengths, data, *states, *weights)
    ctx.num_states, ctx.rest = len(states), rest


def _differentiate(ctx: Any, heads: Sequence[Tensor]) -> Any:
    lengths, data, *others = ctx.saved_tensors
    states, weights = others[: ctx.num_states], others[ctx.num_states :]
    wanted = [bool(tensor.requires_grad) for tensor in (data, *others)]
    found = iter(torch.ops.rennet.rnn_layer_backward(heads, wanted, data, states, weights, lengths, *ctx.rest))
    of_data, *of_others = [next(found) if is_wanted else None for is_wanted in wanted]
    return of_data, of_others[: ctx.num_states], of_others[ctx.num_states :], *[None] * (1 + len(ctx.rest))


_forward.register_autograd(_differentiate, setup_context=_save)


@contextmanager
def _autograd_awake() -> Iterator[None]:
    """Let autograd record inside an operator's kernel, where torch has put it to sleep."""
    keys = torch._C.DispatchKey
    asleep = torch._C._dispatch_tls_local_exclude_set()
    for key in (keys.AutogradCPU, keys.AutogradCUDA, keys.ADInplaceOrView):
        asleep = asleep.remove(key)
    with torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), asleep):
        yield
