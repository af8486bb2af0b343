"""The reference: the step of the specification in a loop. Takes every problem; every other backend is held to it."""

from __future__ import annotations

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from .._recurrence.pointwise import Ops
from .interface import Clip, Problem, Weights

_OPS = {
    squash: Ops(split=lambda x, parts: x.chunk(parts, 1), gate=torch.sigmoid, squash=fn)
    for squash, fn in (("tanh", torch.tanh), ("relu", torch.relu))
}


def _clipped(cell: Tensor, clip: Clip) -> Tensor:
    if clip.nan:
        cell = torch.where(torch.isnan(cell), torch.full_like(cell, clip.high), cell)
    return cell.clamp(clip.low, clip.high)


class Reference:
    """Pure torch, step by step."""

    name = "reference"

    def why_not(self, problem: Problem) -> str | None:
        """Never objects."""
        return None

    def run(
        self, problem: Problem, data: Tensor, weights: list[Weights], states: list[Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """See `Backend.run`."""
        outputs, finals = [], []
        for direction in range(problem.directions):
            begin = [state[direction] for state in states]
            output, final = self._one_way(problem, data, weights[direction], begin, lengths, direction == 1)
            outputs.append(output)
            finals.append(final)
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)
        return output, [torch.stack(parts) for parts in zip(*finals, strict=True)]

    def _one_way(
        self,
        problem: Problem,
        data: Tensor,
        weights: Weights,
        states: list[Tensor],
        lengths: Tensor | None,
        backwards: bool,
    ) -> tuple[Tensor, list[Tensor]]:
        mode = problem.recurrence
        ops = _OPS[mode.squash]
        valid = None
        if lengths is not None:
            valid = torch.arange(problem.steps, device=data.device)[:, None, None] < lengths[:, None]
            # what stands in the padding must not reach anything, not even as 0 * NaN in a gradient
            data = torch.where(valid, data, torch.zeros((), dtype=data.dtype, device=data.device))
        i2h = torch_nn.linear(data, weights.i2h_weight, weights.i2h_bias)
        outputs: list[Tensor] = [data.new_zeros(())] * problem.steps
        for t in reversed(range(problem.steps)) if backwards else range(problem.steps):
            h2h = torch_nn.linear(states[0], weights.h2h_weight, weights.h2h_bias)
            new = mode.step(ops, i2h[t], h2h, states)
            if problem.clip is not None:
                # the output is computed from the clipped cell state, as cuDNN defines it
                new = self._clip_lstm(ops, i2h[t] + h2h, new, problem.clip)
            if weights.h2r_weight is not None:
                new[0] = torch_nn.linear(new[0], weights.h2r_weight)
            if valid is None:
                outputs[t], states = new[0], new
            else:
                states = [torch.where(valid[t], after, before) for after, before in zip(new, states, strict=True)]
                outputs[t] = torch.where(valid[t], new[0], torch.zeros_like(new[0]))
        if not outputs:
            width = problem.projection_size or problem.hidden_size
            return data.new_zeros((0, problem.batch, width)), states
        return torch.stack(outputs), states

    @staticmethod
    def _clip_lstm(ops: Ops, gates: Tensor, new: list[Tensor], clip: Clip) -> list[Tensor]:
        cell = _clipped(new[1], clip)
        return [ops.gate(ops.split(gates, 4)[3]) * ops.squash(cell), cell]
