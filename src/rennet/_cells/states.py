"""The states of a cell: however they come, one flat list of as many as the cell has."""

from __future__ import annotations

from typing import Any

from ..base import ArgumentError
from ..symbol import Symbol


def flatten(states: Any) -> list[Any]:
    """States in one flat list, however they were nested or grouped."""
    if isinstance(states, list | tuple):
        return [leaf for part in states for leaf in flatten(part)]
    return list(states) if isinstance(states, Symbol) else [states]


def expect_states(owner: str, states: Any, count: int) -> list[Any]:
    """The flat list of `states`, of which `owner` has `count`."""
    flat = flatten(states)
    if len(flat) != count:
        raise ArgumentError(f"{owner}: states: expected {count}, got {len(flat)}")
    return flat
