"""What comes in: descriptions of data and labels, as given and as seen in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import ArgumentError, expect, is_whole, shown
from ..io import DataDesc


def descriptions(given: Sequence[Any] | None, names: Sequence[str], what: str) -> list[DataDesc]:
    """What is `given` as DataDesc or (name, shape), in that order; an error unless it is about `names`.

    >>> descriptions([("b", (2,)), ("a", (2, 3))], ["a", "b"], "data_shapes")[0].name
    'b'
    """
    mend = "such as [('data', (8, 32))]"
    listed = expect(what, given or (), list | tuple, "a list of DataDesc or (name, shape)", mend)
    found = [_description(desc, what, mend) for desc in listed]
    if found and sorted(desc.name for desc in found) != sorted(names):
        raise ArgumentError(f"{what}: expected {sorted(names)}, got {sorted(desc.name for desc in found)}")
    return found


def _description(desc: Any, what: str, mend: str) -> DataDesc:
    if not isinstance(desc, DataDesc):
        if not isinstance(desc, list | tuple) or not 2 <= len(desc) <= 4:
            raise ArgumentError(f"{what}: expected a list of DataDesc or (name, shape), in it {shown(desc)}; {mend}")
        desc = DataDesc(*desc)
    expect(f"{what}: the name of {desc.name}", desc.name, str, "a string", mend)
    shape = desc.shape
    if not isinstance(shape, list | tuple) or not all(is_whole(size, 0) for size in shape):
        raise ArgumentError(f"{what}: {desc.name}: expected its shape, a tuple of sizes, got {shape!r}; {mend}")
    return desc


def expect_variables(argument: str, names: Sequence[str], variables: Sequence[str]) -> None:
    """Refuse names that no variable of a symbol has."""
    for name in names:
        if name not in variables:
            raise ArgumentError(f"{argument}: the symbol has no variable {name!r}; it has: {', '.join(variables[:20])}")


def expect_batch(batch: Any) -> None:
    """Refuse what is no batch: it has a list of arrays called `data`."""
    if not isinstance(getattr(batch, "data", None), list | tuple):
        raise ArgumentError(
            f"forward: data_batch: expected a batch with a list of arrays as its data, got {shown(batch)}; "
            "mx.io.DataBatch([array], [label]) makes one"
        )


def seen(told: Sequence[Any] | None, arrays: Sequence[Any] | None, before: Sequence[DataDesc]) -> list[Any]:
    """Descriptions of a batch's arrays: what it is told of them, or else as `before`, in the shapes they have."""
    if told:
        return list(told)
    pairs = zip(before, arrays or (), strict=False)
    return [DataDesc(desc.name, array.shape, desc.dtype, desc.layout) for desc, array in pairs]


def shapes(described: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shapes of descriptions or of arrays."""
    return [tuple(each.shape) for each in described]
