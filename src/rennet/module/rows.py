"""Arrays cut along the batch, one part for each device, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..base import ArgumentError, ShapeError
from ..io import DataDesc
from ..ndarray import NDArray, concatenate


def slices(batch_size: int, shares: Sequence[float]) -> list[slice]:
    """The rows that each device works on, in proportion to its share, rounded as MXNet does.

    >>> slices(5, [1, 1])
    [slice(0, 2, None), slice(2, 5, None)]
    """
    total, edges = sum(shares), [0]
    for share in shares[:-1]:
        edges.append(min(edges[-1] + round(batch_size * share / total), batch_size))
    edges.append(batch_size)
    parts = [slice(begin, end) for begin, end in pairwise(edges)]
    if any(part.start == part.stop for part in parts):
        raise ArgumentError(f"a batch of {batch_size} is too small for {len(parts)} devices with shares {list(shares)}")
    return parts


def batch_axis(layout: str | None) -> int:
    """The axis that counts the examples: 0 without a layout, -1 where the layout has no N."""
    return DataDesc.get_batch_axis(layout)


def joined(parts: Sequence[Any], axis: int) -> NDArray:
    """The devices' parts as one array on the first one's device."""
    if len(parts) == 1 or axis < 0:
        return parts[0]
    return concatenate([part.as_in_context(parts[0].context) for part in parts], axis)


def cut(array: NDArray, axis: int, like: Sequence[NDArray], what: str) -> list[NDArray]:
    """`array` cut along `axis` into parts as long as those of `like`."""
    if len(like) == 1 or axis < 0:
        return [array] * len(like)
    sizes = [part.shape[axis] for part in like]
    if array.shape[axis] != sum(sizes):
        raise ShapeError(f"{what}: expected {sum(sizes)} along axis {axis}, got shape {array.shape}")
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [part_of(array, axis, start, start + size) for start, size in zip(starts, sizes, strict=True)]


def part_of(array: NDArray, axis: int, start: int, stop: int) -> NDArray:
    """The rows from `start` to before `stop` along `axis`."""
    return array[(slice(None),) * axis + (slice(start, stop),)]


def first_rows(array: NDArray, axis: int, size: int, count: int, batch_first: bool) -> NDArray:
    """The rows of the first `count` of `size` examples.

    An array with several rows for each example holds them as the data does: one example after another, or, where the
    batch is not the data's first axis, one step after another. One without rows for each example stays whole.
    """
    if count == size or axis < 0 or array.shape[axis] % size:
        return array
    if array.shape[axis] == size or axis > 0:
        return part_of(array, axis, 0, count)
    if batch_first:
        return array[: array.shape[0] // size * count]
    width = array.shape[1:]
    return array.reshape((-1, size, *width))[:, :count].reshape((-1, *width))


def sliced_shape(desc: DataDesc, rows: slice) -> tuple[int, ...]:
    """The shape that one device's `rows` of an array have."""
    shape, axis = list(desc.shape), batch_axis(desc.layout)
    if axis >= 0:
        shape[axis] = rows.stop - rows.start
    return tuple(shape)


def load(name: str, target: NDArray, source: NDArray) -> None:
    """Copy `source` into `target`, which errors call `name`."""
    if tuple(source.shape) != tuple(target.shape):
        raise ShapeError(f"{name}: expected shape {target.shape}, got {source.shape}")
    target[:] = source
