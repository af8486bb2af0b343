"""What comes in: descriptions of data and labels, as given and as seen in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import ArgumentError
from ..io import DataDesc


def descriptions(given: Sequence[Any] | None, names: Sequence[str], what: str) -> list[DataDesc]:
    """What is `given` as DataDesc or (name, shape), in that order; an error unless it is about `names`.

    >>> descriptions([("b", (2,)), ("a", (2, 3))], ["a", "b"], "data_shapes")[0].name
    'b'
    """
    found = [desc if isinstance(desc, DataDesc) else DataDesc(*desc) for desc in given or ()]
    if found and sorted(desc.name for desc in found) != sorted(names):
        raise ArgumentError(f"{what}: expected {sorted(names)}, got {sorted(desc.name for desc in found)}")
    return found


def seen(told: Sequence[Any] | None, arrays: Sequence[Any] | None, before: Sequence[DataDesc]) -> list[Any]:
    """Descriptions of a batch's arrays: what it is told of them, or else as `before`, in the shapes they have."""
    if told:
        return list(told)
    pairs = zip(before, arrays or (), strict=False)
    return [DataDesc(desc.name, array.shape, desc.dtype, desc.layout) for desc, array in pairs]


def shapes(described: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shapes of descriptions or of arrays."""
    return [tuple(each.shape) for each in described]
