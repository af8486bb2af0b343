"""What the reference's steps hand on, where that is not what they computed: zoneout and variational dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .interface import Inputs, Problem


class Carrying:
    """One direction's masks, by places in time.

    Parameters
    ----------
    problem, inputs
        The layer.
    direction : int
        Which of its directions.
    """

    def __init__(self, problem: Problem, inputs: Inputs, direction: int) -> None:
        masks, steps = inputs.masks, torch.arange(problem.steps, device=inputs.data.device)
        number = steps[:, None].expand(-1, problem.batch)
        if direction and inputs.lengths is not None:
            # negative in the padding, where no number counts
            number = inputs.lengths - 1 - number
        elif direction:
            number = number.flip(0)
        self._is_first = (number == 0)[:, :, None]
        self._keep: list[Tensor | None] = []
        sizes = (problem.output_size, problem.hidden_size)[: problem.recurrence.states]
        for mask, size in zip(masks[: len(sizes)], sizes, strict=True):
            if mask is None:
                self._keep.append(None)
                continue
            own = mask.detach()[:, :, direction * size : (direction + 1) * size].clamp(max=1)
            self._keep.append(own.gather(0, number.clamp(min=0)[:, :, None].expand(-1, -1, size)))
        self._drop = None if masks.drop_hidden is None else masks.drop_hidden.detach()[direction]

    def read(self, t: int, states: list[Tensor]) -> list[Tensor]:
        """The states as the step at `t` reads them."""
        if self._drop is None:
            return states
        return [torch.where(self._is_first[t], states[0], states[0] * self._drop), *states[1:]]

    def handed_on(self, t: int, new: Sequence[Tensor], old: Sequence[Tensor]) -> list[Tensor]:
        """The states for the next step."""
        return [
            fresh if keep is None else _mixed(keep[t], fresh, stale)
            for keep, fresh, stale in zip(self._keep, new, old, strict=True)
        ]


def _mixed(keep: Tensor, fresh: Tensor, stale: Tensor) -> Tensor:
    """Selected where there is nothing to mix, since zero times NaN is NaN."""
    both = keep * fresh + (1 - keep) * stale
    return torch.where(keep == 0, stale, torch.where(keep == 1, fresh, both))
