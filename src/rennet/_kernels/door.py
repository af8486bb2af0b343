"""The table of backends, fastest first, and the choice among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..base import NotSupportedError, one_of
from .cpu import Native
from .interface import Backend, Problem
from .reference import Reference
from .torch_fused import TorchFused

BACKENDS: tuple[Backend, ...] = (Native(), TorchFused(), Reference())
"""Asked in this order; the last one never objects."""


class _Pin(threading.local):
    name: str | None = None


_pin = _Pin()


@contextmanager
def pinned(name: str) -> Iterator[None]:
    """A scope in which, on this thread, only the backend called `name` runs; a problem it does not take is an error.

    >>> with pinned("reference"):
    ...     pass
    """
    one_of("backend", name, [backend.name for backend in BACKENDS])
    before, _pin.name = _pin.name, name
    try:
        yield
    finally:
        _pin.name = before


def candidates() -> tuple[Backend, ...]:
    """The backends that may be asked here: all, or the pinned one."""
    return BACKENDS if _pin.name is None else tuple(each for each in BACKENDS if each.name == _pin.name)


def objection(backend: Backend, problem: Problem) -> str | None:
    """Why the backend does not run the problem here, or None if it could."""
    return backend.missing() or backend.why_not(problem)


def choose(problem: Problem) -> Backend:
    """The first candidate that has no objection."""
    reasons = {}
    for backend in candidates():
        reason = objection(backend, problem)
        if reason is None:
            return backend
        reasons[backend.name] = reason
    # the last backend of all never objects
    ((name, reason),) = reasons.items()
    raise NotSupportedError(f"the pinned backend {name!r} does not take this problem: {reason}")


def for_transforms() -> Backend:
    """The one backend whose operators torch's transforms of functions all know."""
    reference = BACKENDS[-1]
    if reference not in candidates():
        raise NotSupportedError(
            f"the pinned backend {_pin.name!r} does not run inside torch's transforms of functions; "
            f"only {reference.name!r} does"
        )
    return reference
