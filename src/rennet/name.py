"""Automatic names for symbols."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["NameManager", "Prefix"]


class NameManager:
    """Hands out names; inside its ``with`` scope the counters start afresh.

    Examples
    --------
    >>> manager = NameManager()
    >>> manager.get(None, "fc"), manager.get(None, "fc"), manager.get("mine", "fc")
    ('fc0', 'fc1', 'mine')
    """

    _current = threading.local()

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}
        self._outer: list[NameManager] = []

    def get(self, name: str | None, hint: str) -> str:
        """`name` if given, otherwise `hint` with the next number."""
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"

    def __enter__(self) -> NameManager:
        self._outer.append(current())
        NameManager._current.value = self
        return self

    def __exit__(self, *exc: Any) -> None:
        NameManager._current.value = self._outer.pop()


class Prefix(NameManager):
    """A name manager that puts a prefix before every name, given ones included.

    Examples
    --------
    >>> Prefix("net_").get(None, "fc")
    'net_fc0'
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """The name with the prefix before it."""
        return self._prefix + super().get(name, hint)


def current() -> NameManager:
    """The innermost manager of this thread."""
    if not hasattr(NameManager._current, "value"):
        NameManager._current.value = NameManager()
    return NameManager._current.value
