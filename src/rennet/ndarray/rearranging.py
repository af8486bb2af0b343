"""Joining arrays, taking them apart, and moving their axes: what ``nd`` has beside the operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._ops.catalogue import OPERATORS
from ..base import ArgumentError, is_whole
from .array import NDArray, invoke


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """The arrays joined along `axis`; without `always_copy` a single one is handed back as it is."""
    if not always_copy and len(arrays) == 1:
        return arrays[0]
    return invoke(OPERATORS["Concat"], arrays, {"dim": axis, "num_args": len(arrays)})[0]


def moveaxis(tensor: NDArray, source: int | Sequence[int], destination: int | Sequence[int]) -> NDArray:
    """Some axes moved to other places, the rest in order.

    >>> import rennet as mx
    >>> mx.nd.moveaxis(mx.nd.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    sources = _axes(tensor, source, "moveaxis: source")
    targets = _axes(tensor, destination, "moveaxis: destination")
    if len(sources) != len(targets):
        raise ArgumentError(
            f"moveaxis: expected as many sources as destinations, got {len(sources)} and {len(targets)}"
        )
    order = [axis for axis in range(tensor.ndim) if axis not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return tensor.transpose(order)


def _axes(tensor: NDArray, given: int | Sequence[int], where: str) -> list[int]:
    numbers: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not all(is_whole(axis, -tensor.ndim) and axis < tensor.ndim for axis in numbers):
        raise ArgumentError(f"{where}: expected axes of an array of shape {tensor.shape}, got {given!r}")
    axes = [axis % tensor.ndim for axis in numbers]
    if len(set(axes)) < len(axes):
        raise ArgumentError(f"{where}: expected different axes, got {given!r}")
    return axes


def split_v2(
    ary: NDArray, indices_or_sections: int | tuple[int, ...], axis: int = 0, squeeze_axis: bool = False
) -> Any:
    """The parts of an array along `axis`.

    Parameters
    ----------
    ary : NDArray
        What is split.
    indices_or_sections : int or tuple of int
        How many parts of one size, or where the second, third, ... part begins.
    axis : int
        The axis.
    squeeze_axis : bool
        Drop the axis, where every part is 1 long.

    Returns
    -------
    list of NDArray, or NDArray
        The parts, each in memory of its own; the only one itself.

    Examples
    --------
    >>> import rennet as mx
    >>> [part.asnumpy().tolist() for part in mx.nd.split_v2(mx.nd.arange(4), (1, 3))]
    [[0.0], [1.0, 2.0], [3.0]]
    """
    (place,) = _axes(ary, axis, "split_v2: axis")
    size = ary.shape[place]
    if is_whole(indices_or_sections, 1):
        count = int(indices_or_sections)  # pyright: ignore[reportArgumentType]
        if size % count:
            raise ArgumentError(f"split_v2: axis {axis} of size {size} does not split into {count} equal parts")
        begins = [size // count * number for number in range(count)]
    elif isinstance(indices_or_sections, tuple) and all(is_whole(index, 0) for index in indices_or_sections):
        begins = [0, *indices_or_sections]
    else:
        raise ArgumentError(
            f"split_v2: indices_or_sections: expected a number of parts or a tuple of indices, "
            f"got {indices_or_sections!r}"
        )
    before = (slice(None),) * place
    parts = [ary[(*before, slice(begin, end))].copy() for begin, end in zip(begins, [*begins[1:], size], strict=True)]
    if squeeze_axis:
        parts = [part.squeeze(axis=place) for part in parts]
    return parts[0] if len(parts) == 1 else parts
