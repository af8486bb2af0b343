"""Attributes that every symbol created inside a scope carries."""

from __future__ import annotations

import threading
from typing import Any

from .base import ArgumentError

__all__ = ["AttrScope"]


class AttrScope:
    """A ``with`` scope whose attributes are added to every symbol created inside it.

    Parameters
    ----------
    **kwargs : str
        Attributes; values must be strings. A scope inside another adds to it and wins.

    Examples
    --------
    >>> with AttrScope(ctx_group="a"):
    ...     current().get({"lr_mult": "2"})
    {'__ctx_group__': 'a', 'lr_mult': '2'}
    """

    _current = threading.local()

    def __init__(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ArgumentError(f"AttrScope({key}=...): expected a string, got {type(value).__name__}")
        self._attr = {_hidden(key): value for key, value in kwargs.items()}
        self._outer: list[AttrScope] = []

    def get(self, attr: dict[str, str] | None) -> dict[str, str]:
        """The scope's attributes with `attr` laid over them."""
        return {**self._attr, **(attr or {})}

    def __enter__(self) -> AttrScope:
        outer = current()
        self._outer.append(outer)
        scope = AttrScope()
        scope._attr = {**outer._attr, **self._attr}
        AttrScope._current.value = scope
        return self

    def __exit__(self, *exc: Any) -> None:
        AttrScope._current.value = self._outer.pop()


def _hidden(key: str) -> str:
    """MXNet keeps scope attributes as ``__key__`` so that operators do not read them as their own."""
    return key if key.startswith("__") and key.endswith("__") else f"__{key}__"


def current() -> AttrScope:
    """The innermost scope of this thread."""
    if not hasattr(AttrScope._current, "value"):
        AttrScope._current.value = AttrScope()
    return AttrScope._current.value
