"""Remembering what a function of plain values returned, invisibly to torch's tracers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def remembered(function: F) -> F:
    """`function` with a cache. A tracer sees it without: it would look into the cache, and complain."""
    # 4 and 4.0 are not the same answer: one may be a mistake
    cached = functools.lru_cache(maxsize=1024, typed=True)(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        try:
            return cached(*args, **kwargs)
        except TypeError:  # an argument that cannot be looked up: the function says what is wrong with it
            return function(*args, **kwargs)

    return call  # pyright: ignore[reportReturnType]
