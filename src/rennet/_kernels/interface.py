"""The door to the kernels: what a problem is, what a backend must say and do.

A problem is one layer, in one or two directions, over a whole sequence. Stacking, dropout between layers and parameter
layout live above the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .._recurrence.modes import MODES, Mode


class Clip(NamedTuple):
    """Bounds on the LSTM's cell state at every step; `nan` also maps NaN to the upper one."""

    low: float
    high: float
    nan: bool


class Weights(NamedTuple):
    """One direction's parameters: ``(G*H, I)``, ``(G*H, R)``, ``(G*H,)``, ``(G*H,)`` and, if projecting, ``(R, H)``."""

    i2h_weight: Tensor
    h2h_weight: Tensor
    i2h_bias: Tensor
    h2h_bias: Tensor
    h2r_weight: Tensor | None = None

    def present(self) -> list[Tensor]:
        """Those that there are, in order."""
        return [part for part in self if part is not None]


class Masks(NamedTuple):
    """What makes the states that a step hands on differ from those that it computed. None of them has a gradient."""

    keep_hidden: Tensor | None = None
    """``(T, N, D*R)``: the next step is handed ``keep*new + (1-keep)*old``, as zoneout has it. More than 1 is taken as
    1, so that what dropout leaves of ones will do. The first axis counts each direction's own steps, also in the one
    that reads from the end."""
    keep_cell: Tensor | None = None
    """``(T, N, D*H)``: the same for an LSTM's cell state."""
    drop_hidden: Tensor | None = None
    """``(D, N, R)``: what all steps but the first multiply the hidden state by before they read it, as variational
    dropout has it. Not together with `keep_hidden`."""

    def present(self) -> tuple[str, ...]:
        """The names of those that there are."""
        return tuple(name for name, mask in zip(self._fields, self, strict=True) if mask is not None)


NO_MASKS = Masks()


class Inputs(NamedTuple):
    """What a layer reads."""

    data: Tensor
    """``(T, N, I)``."""
    weights: list[Weights]
    """One for each direction."""
    states: list[Tensor]
    """The hidden state ``(D, N, R)`` and, for an LSTM, the cell state ``(D, N, H)``."""
    lengths: Tensor | None
    """``(N,)``, on the data's device; int64 and in ``[0, T]`` when a backend sees them."""
    masks: Masks = NO_MASKS

    def tensors(self) -> list[Tensor]:
        """Everything that can have a gradient: data, states, weights."""
        return [self.data, *self.states, *(part for each in self.weights for part in each.present())]


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
    masks: tuple[str, ...] = ()
    """Which of `Masks` there are."""

    @property
    def recurrence(self) -> Mode:
        """The row of the table of modes."""
        return MODES[self.mode]

    @property
    def output_size(self) -> int:
        """Width of one direction's output."""
        return self.projection_size or self.hidden_size

    @classmethod
    def of(cls, mode: str, clip: Clip | None, inputs: Inputs, needs_grad: bool) -> Problem:
        """The problem that these inputs pose."""
        steps, batch, input_size = inputs.data.shape
        first = inputs.weights[0]
        return cls(
            mode,
            len(inputs.weights),
            steps,
            batch,
            input_size,
            first.h2h_weight.shape[0] // MODES[mode].num_gates,
            None if first.h2r_weight is None else first.h2r_weight.shape[0],
            clip,
            inputs.lengths is not None,
            inputs.data.dtype,
            inputs.data.device,
            needs_grad,
            inputs.masks.present(),
        )

    def inputs(self, tensors: Sequence[Tensor], lengths: Tensor | None, masks: Masks = NO_MASKS) -> Inputs:
        """The reverse of `Inputs.tensors`."""
        rest = iter(tensors)
        data, states = next(rest), [next(rest) for _ in range(self.recurrence.states)]
        parts = len(Weights._fields) if self.projection_size else len(Weights._fields) - 1
        weights = [Weights(*(next(rest) for _ in range(parts))) for _ in range(self.directions)]
        return Inputs(data, weights, states, lengths, masks)


Results = list[Tensor]
"""A layer's outputs ``(T, N, D*R)``, then its final states in the shapes of the given ones.

With `Masks.keep_hidden` the hidden states that steps handed on come last, ``(T, N, D*R)``, zero in the padding.
"""


class Backend(Protocol):
    """One way to compute a layer."""

    name: str

    def missing(self) -> str | None:
        """Why this backend can compute nothing on this machine, or None."""
        ...

    def why_not(self, problem: Problem) -> str | None:
        """Why this backend does not take the problem, or None if it does. It is not asked where it is missing."""
        ...

    def run(self, problem: Problem, inputs: Inputs) -> Results:
        """The results, recorded by torch's autograd if ``problem.needs_grad``.

        No result may share memory with an input or with another result.
        """
        ...

    def gradients(
        self, problem: Problem, inputs: Inputs, heads: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients of ``inputs.tensors()``, computed from the inputs alone, for whoever cannot keep a recording.

        Parameters
        ----------
        problem, inputs
            As for `run`.
        heads : sequence of Tensor
            Gradients of the results.
        wanted : sequence of bool
            Which of the inputs' gradients are needed; the others, and those of zeros only, may be None.
        """
        ...
