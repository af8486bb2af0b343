"""The door to the kernels: what a problem is, what a backend must say and do, and how one is chosen.

A problem is one layer, in one or two directions, over a whole sequence. Stacking, dropout between layers and parameter
layout live above the door.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .._recurrence.modes import MODES, Mode


class Clip(NamedTuple):
    """Bounds on the LSTM's cell state at every step; `nan` also maps NaN into them."""

    low: float
    high: float
    nan: bool


class Problem(NamedTuple):
    """One layer over one sequence; everything a backend needs to know before it says yes."""

    mode: str
    directions: int
    steps: int
    batch: int
    input_size: int
    hidden_size: int
    projection_size: int | None
    clip: Clip | None
    has_lengths: bool
    dtype: torch.dtype
    device: torch.device
    needs_grad: bool

    @property
    def recurrence(self) -> Mode:
        """The row of the table of modes."""
        return MODES[self.mode]


class Weights(NamedTuple):
    """One direction's parameters: ``(G*H, I)``, ``(G*H, R)``, ``(G*H,)``, ``(G*H,)`` and, if projecting, ``(R, H)``."""

    i2h_weight: Tensor
    h2h_weight: Tensor
    i2h_bias: Tensor
    h2h_bias: Tensor
    h2r_weight: Tensor | None = None


class Backend(Protocol):
    """One way to compute a layer."""

    name: str

    def why_not(self, problem: Problem) -> str | None:
        """Why this backend does not take the problem, or None if it does."""
        ...

    def run(
        self, problem: Problem, data: Tensor, weights: list[Weights], states: list[Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """The layer's outputs and final states.

        Parameters
        ----------
        problem : Problem
            What is to be computed.
        data : Tensor
            ``(T, N, I)``.
        weights : list of Weights
            One for each direction.
        states : list of Tensor
            The hidden state ``(D, N, R)`` and, for an LSTM, the cell state ``(D, N, H)``.
        lengths : Tensor or None
            ``(N,)``, int64, on the data's device.

        Returns
        -------
        output : Tensor
            ``(T, N, D*R)``.
        states : list of Tensor
            In the shapes of the given ones.
        """
        ...
