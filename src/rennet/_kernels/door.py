"""The table of backends, fastest first, and the choice among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from ..base import NotSupportedError, one_of
from .interface import Backend, Problem, Weights
from .reference import Reference
from .torch_fused import TorchFused

BACKENDS: tuple[Backend, ...] = (TorchFused(), Reference())
"""Asked in this order; the last one never objects."""


class _Pin(threading.local):
    name: str | None = None


_pin = _Pin()


@contextmanager
def pinned(name: str) -> Iterator[None]:
    """A scope in which only the backend called `name` runs; a problem that it objects to is an error."""
    one_of("backend", name, [backend.name for backend in BACKENDS])
    before, _pin.name = _pin.name, name
    try:
        yield
    finally:
        _pin.name = before


def objections(problem: Problem) -> dict[str, str | None]:
    """Each backend's reason against the problem, or None, in the order in which they are asked."""
    return {backend.name: backend.why_not(problem) for backend in BACKENDS}


def choose(problem: Problem) -> Backend:
    """The first backend that has no objection, or the pinned one."""
    for backend in BACKENDS:
        if _pin.name is not None and backend.name != _pin.name:
            continue
        reason = backend.why_not(problem)
        if reason is None:
            return backend
        if _pin.name is not None:
            raise NotSupportedError(f"the pinned backend {backend.name!r} does not take this problem: {reason}")
    raise AssertionError("the last backend never objects")


def run(
    problem: Problem, data: Tensor, weights: list[Weights], states: list[Tensor], lengths: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """Compute the problem by the chosen backend; see `Backend.run`."""
    return choose(problem).run(problem, data, weights, states, lengths)
