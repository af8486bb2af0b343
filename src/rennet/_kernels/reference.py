"""The reference: the step of the specification in a loop. Takes every problem; every other backend is held to it."""

from __future__ import annotations

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._recurrence.modes import Mode
from .._recurrence.pointwise import Ops
from .carrying import Carrying
from .composed import Composed
from .interface import Clip, Inputs, Problem, Results, Weights

_OPS = {
    squash: Ops(split=lambda x, parts: x.chunk(parts, 1), gate=torch.sigmoid, squash=fn)
    for squash, fn in (("tanh", torch.tanh), ("relu", torch.relu))
}


class Reference(Composed):
    """Pure torch, step by step, differentiable as often as one likes."""

    name = "reference"

    def why_not(self, problem: Problem) -> str | None:
        """Never objects."""
        return None

    def compute(self, problem: Problem, inputs: Inputs) -> Results:
        """See `Composed.compute`."""
        data, valid = inputs.data, None
        if inputs.lengths is not None:
            steps = torch.arange(problem.steps, device=data.device)
            valid = steps[:, None, None] < inputs.lengths[:, None]
            # what stands in the padding must not reach anything, not even as 0 * NaN in a gradient
            data = _where_or_zero(valid, data)
        outputs, finals, handed_on = [], [], []
        for direction, weights in enumerate(inputs.weights):
            begin = [state[direction] for state in inputs.states]
            carrying = Carrying(problem, inputs, direction)
            output, final, carried = _one_way(problem, data, weights, begin, valid, direction == 1, carrying)
            outputs.append(output)
            finals.append(final)
            handed_on.append(carried)
        states = [torch.stack(parts) for parts in zip(*finals, strict=True)]
        sequences = [outputs, handed_on] if inputs.masks.keep_hidden is not None else [outputs]
        output, *carried = [each[0] if len(each) == 1 else torch.cat(each, 2) for each in sequences]
        return [output, *states, *carried]


def _one_way(
    problem: Problem,
    data: Tensor,
    weights: Weights,
    states: list[Tensor],
    valid: Tensor | None,
    backwards: bool,
    carrying: Carrying,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """The outputs, the final states, and the hidden states that steps handed on."""
    mode = problem.recurrence
    i2h = torch_nn.linear(data, weights.i2h_weight, weights.i2h_bias)
    outputs: list[Tensor] = []
    handed_on: list[Tensor] = []
    for t in reversed(range(problem.steps)) if backwards else range(problem.steps):
        # past its end a sequence takes steps on zeros, which count for nothing
        before = states if valid is None else [_where_or_zero(valid[t], state) for state in states]
        before = carrying.read(t, before)
        h2h = torch_nn.linear(before[0], weights.h2h_weight, weights.h2h_bias)
        if problem.clip is None:
            after = mode.step(_OPS[mode.squash], i2h[t], h2h, before)
        else:
            after = _clipped_step(mode, i2h[t], h2h, before, problem.clip)
        if weights.h2r_weight is not None:
            after[0] = torch_nn.linear(after[0], weights.h2r_weight)
        output, after = after[0], carrying.handed_on(t, after, before)
        if valid is None:
            states = after
            outputs.append(output)
            handed_on.append(after[0])
        else:
            outputs.append(_where_or_zero(valid[t], output))
            handed_on.append(_where_or_zero(valid[t], after[0]))
            states = [torch.where(valid[t], new, old) for new, old in zip(after, states, strict=True)]
    if not outputs:
        # no numbers, but what they would have depended on
        nothing = sum([part.sum() for part in (*weights.present(), *states)], i2h.sum(2, keepdim=True))
        nothing = nothing.expand(0, problem.batch, problem.output_size)
        return nothing, states, nothing.clone()
    output, carried = (torch.stack(each[::-1] if backwards else each) for each in (outputs, handed_on))
    return output, states, carried


def _clipped_step(mode: Mode, i2h: Tensor, h2h: Tensor, states: list[Tensor], clip: Clip) -> list[Tensor]:
    """An LSTM's step whose cell state is clipped before the output is computed from it, as cuDNN defines it."""
    ops = _OPS[mode.squash]
    output_gate = ops.gate(ops.split(i2h + h2h, 4)[3])
    _, cell = mode.step(ops, i2h, h2h, states)
    if clip.nan:
        lost = torch.isnan(cell)
        # stepped again without what became NaN: clipping stops the gradient, but 0 * NaN would still be NaN
        gates = torch.where(lost.repeat(1, 4), torch.zeros_like(i2h), i2h + h2h)
        _, cell = mode.step(ops, gates, torch.zeros_like(gates), [states[0], _where_or_zero(~lost, states[1])])
        cell = torch.where(lost, torch.full_like(cell, clip.high), cell)
    cell = cell.clamp(clip.low, clip.high)
    return [output_gate * ops.squash(cell), cell]


def _where_or_zero(keep: Tensor, values: Tensor) -> Tensor:
    return torch.where(keep, values, torch.zeros((), dtype=values.dtype, device=values.device))
