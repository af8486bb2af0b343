"""The table of backends, fastest first, and the choice among them."""

from __future__ import annotations

from torch import Tensor

from .interface import Backend, Problem, Weights
from .reference import Reference
from .torch_fused import TorchFused

BACKENDS: tuple[Backend, ...] = (TorchFused(), Reference())
"""Asked in this order; the last one never objects."""


def choose(problem: Problem) -> Backend:
    """The first backend that has no objection."""
    return next(backend for backend in BACKENDS if backend.why_not(problem) is None)


def run(
    problem: Problem, data: Tensor, weights: list[Weights], states: list[Tensor], lengths: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """Compute the problem by the chosen backend; see `Backend.run`."""
    return choose(problem).run(problem, data, weights, states, lengths)
