"""What surrounds a test: the default device and type, environment variables, what goes to stderr."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from ..base import ArgumentError, is_whole
from ..context import Context, current_context, num_gpus


def default_context() -> Context:
    """The device on which tests run: the current context."""
    return current_context()


def set_default_context(ctx: Context) -> None:
    """Have this thread use `ctx` wherever no context is given."""
    if not isinstance(ctx, Context):
        raise ArgumentError(f"set_default_context: expected a Context such as mx.cpu(0), got {ctx!r}")
    Context._current.value = ctx


def default_dtype() -> type[np.float32]:
    """The element type of test data: float32."""
    return np.float32


def default_numeric_eps() -> dict[np.dtype[Any], float]:
    """For each element type the step of finite differences."""
    return {np.dtype("float16"): 2.0**-6, np.dtype("float32"): 2.0**-9, np.dtype("float64"): 2.0**-14}


def list_gpus() -> range:
    """The numbers of the GPUs."""
    return range(num_gpus())


@contextmanager
def environment(*args: Any) -> Iterator[None]:
    """A scope with other environment variables.

    Parameters
    ----------
    *args
        A name and its value, or a dict of names and values. None as a value takes the variable away.

    Examples
    --------
    >>> with environment("RENNET_EXAMPLE", "1"):
    ...     os.environ["RENNET_EXAMPLE"]
    '1'
    >>> "RENNET_EXAMPLE" in os.environ
    False
    """
    given = args[0] if len(args) == 1 else dict([args]) if len(args) == 2 else None
    if not isinstance(given, Mapping):
        raise ArgumentError(f"environment: expected a name and a value, or a dict of them; got {args!r}")
    before = {name: os.environ.get(name) for name in given}
    try:
        _set(given)
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, Any]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = str(value)


@contextmanager
def discard_stderr() -> Iterator[None]:
    """A scope in which nothing reaches stderr, whoever writes to it, C libraries included."""
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            with redirect_stderr(nowhere):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def retry(n: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for tests that luck decides: run up to `n` times, until no AssertionError is raised."""
    if not is_whole(n, 1):
        raise ArgumentError(f"retry: n: expected a whole number of at least 1, got {n!r}")

    def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def tried(*args: Any, **kwargs: Any) -> Any:
            for _ in range(n - 1):
                try:
                    return f(*args, **kwargs)
                except AssertionError:
                    continue
            return f(*args, **kwargs)

        return tried

    return decorate
