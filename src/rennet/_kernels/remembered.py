"""Remembering what a function of plain values returned, invisibly to torch's tracers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def remembered(function: F) -> F:
    """`function` with a cache. A tracer sees it without: it would look into the cache, and complain."""
    cached = functools.lru_cache(maxsize=1024)(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) if torch.compiler.is_compiling() else cached(*args, **kwargs)

    return call  # pyright: ignore[reportReturnType]
