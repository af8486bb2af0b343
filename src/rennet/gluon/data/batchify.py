"""Making a batch of samples: stacked, padded to the longest, or left as they are; each part of a sample in its way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..._dtypes import element_type
from ...base import ArgumentError, ShapeError, is_whole
from ...ndarray import NDArray

__all__ = ["Append", "AsList", "Group", "List", "Pad", "Stack", "Tuple"]

Batchify = Callable[[list[Any]], Any]


class Stack:
    """The samples, all of one shape, along a new first axis.

    Parameters
    ----------
    use_shared_mem : bool
        Whether to put the batch in memory that processes share. What a worker sends comes in such memory anyway.

    Raises
    ------
    ShapeError
        When called: shapes differ.

    Examples
    --------
    >>> Stack()([[1, 2], [3, 4], [5, 6]]).shape
    (3, 2)
    """

    def __init__(self, use_shared_mem: bool = False) -> None:
        self._use_shared_mem = use_shared_mem

    def __call__(self, data: Sequence[Any]) -> NDArray:
        """The batch."""
        return _result(stacked(data), self._use_shared_mem)


class Pad:
    """The samples along a new first axis, with `val` after the end of the shorter ones, in every axis.

    Parameters
    ----------
    val : float
        The padding.
    dtype : optional
        The element type; by default the samples', or one that holds all of theirs.
    round_to : int, optional
        Sizes are rounded up to multiples of it.
    use_shared_mem : bool
        As for `Stack`.
    ret_length : bool
        Whether the sizes of the samples along their first axes come too, as a second array of int32: the lengths of
        sequences.

    Raises
    ------
    ShapeError
        When called: the samples have different numbers of axes, or none.

    Examples
    --------
    >>> sequences, lengths = Pad(val=-1, ret_length=True)([[1, 2, 3], [4]])
    >>> sequences.asnumpy().tolist(), lengths.asnumpy().tolist()
    ([[1, 2, 3], [4, -1, -1]], [3, 1])
    """

    def __init__(
        self,
        val: float = 0,
        dtype: Any = None,
        round_to: int | None = None,
        use_shared_mem: bool = False,
        *,
        ret_length: bool = False,
    ) -> None:
        if round_to is not None and not is_whole(round_to, 1):
            raise ArgumentError(f"Pad: round_to: expected None or a positive whole number, got {round_to!r}")
        self._val = val
        self._dtype = None if dtype is None else element_type(dtype).torch
        self._round_to = round_to or 1
        self._use_shared_mem = use_shared_mem
        self._ret_length = ret_length

    def __call__(self, data: Sequence[Any]) -> Any:
        """The batch, and the lengths if they are wanted."""
        samples = _tensors("Pad", data)
        ranks = sorted({sample.dim() for sample in samples})
        if len(ranks) > 1 or ranks[0] == 0:
            raise ShapeError(f"Pad: expected samples with the same number of axes, at least 1; got {ranks}")
        longest = [max(sizes) for sizes in zip(*(sample.shape for sample in samples), strict=True)]
        shape = [-(-size // self._round_to) * self._round_to for size in longest]
        kind = self._dtype or functools.reduce(torch.promote_types, (sample.dtype for sample in samples))
        batch = torch.full((len(samples), *shape), self._val, dtype=kind)
        for row, sample in zip(batch, samples, strict=True):
            row[tuple(map(slice, sample.shape))] = sample
        padded = _result(batch, self._use_shared_mem)
        if not self._ret_length:
            return padded
        lengths = torch.tensor([len(sample) for sample in samples], dtype=torch.int32)
        return padded, _result(lengths, self._use_shared_mem)


class Append:
    """A list with an array of its own for each sample, whatever their shapes.

    Parameters
    ----------
    expand : bool
        Whether each gets an axis of size 1 for the batch.
    batch_axis : int
        Where that axis goes.
    use_shared_mem : bool
        As for `Stack`.

    Examples
    --------
    >>> [array.shape for array in Append()([[1, 2, 3], [4]])]
    [(1, 3), (1, 1)]
    """

    def __init__(self, expand: bool = True, batch_axis: int = 0, use_shared_mem: bool = False) -> None:
        self._expand = expand
        self._batch_axis = batch_axis
        self._use_shared_mem = use_shared_mem

    def __call__(self, data: Sequence[Any]) -> list[NDArray]:
        """An array for each sample."""
        samples = _tensors("Append", data)
        if self._expand:
            samples = [sample.unsqueeze(self._batch_axis) for sample in samples]
        return [_result(sample.clone(), self._use_shared_mem) for sample in samples]


class Group:
    """Samples of several parts: each part is made a batch in its own way, and these come as a tuple.

    Parameters
    ----------
    fn : callable, or list or tuple of them
        The first part's way, or all of them.
    *args : callable
        The other parts'.

    Raises
    ------
    ArgumentError
        No way was given, or one cannot be called; when called: a sample has another number of parts.

    Examples
    --------
    >>> sequences, labels = Group(Pad(), Stack())([([1, 2, 3], 0), ([4], 1)])
    >>> sequences.shape, labels.shape
    ((2, 3), (2,))
    """

    def __init__(self, fn: Batchify | Sequence[Batchify], *args: Batchify) -> None:
        ways = [*fn, *args] if isinstance(fn, list | tuple) else [fn, *args]
        if not ways or not all(map(callable, ways)):
            raise ArgumentError(f"Group: expected functions, one for each part of a sample; got {ways}")
        self._ways: list[Any] = ways

    def __call__(self, data: Sequence[Any]) -> tuple[Any, ...]:
        """A batch for each part."""
        for place, sample in enumerate(data):
            if len(sample) != len(self._ways):
                raise ArgumentError(f"Group: sample {place}: expected {len(self._ways)} parts, got {len(sample)}")
        return tuple(way([sample[place] for sample in data]) for place, way in enumerate(self._ways))


class AsList:
    """The samples as a list, untouched: texts, say.

    Examples
    --------
    >>> AsList()(("a", "b"))
    ['a', 'b']
    """

    def __call__(self, data: Sequence[Any]) -> list[Any]:
        """The samples."""
        return list(data)


# as GluonNLP calls them
Tuple = Group
List = AsList


def stacked(samples: Sequence[Any]) -> Tensor:
    """Samples of equal shapes along a new first axis."""
    if samples and isinstance(samples[0], NDArray | Tensor):
        tensors = _tensors("batchify", samples)
        shapes = {tuple(tensor.shape) for tensor in tensors}
        if len(shapes) == 1:
            return torch.stack(tensors)
        raise _ragged(f"shapes {', '.join(map(str, sorted(shapes)))}")
    try:
        values = np.asarray(samples)
    except ValueError as error:
        raise _ragged(str(error)) from error
    return torch.from_numpy(_typed(values))


def _ragged(got: str) -> ShapeError:
    return ShapeError(
        f"batchify: expected samples of one shape, got {got}. gluon.data.batchify.Pad takes different ones"
    )


def _tensors(owner: str, samples: Sequence[Any]) -> list[Tensor]:
    if not len(samples):
        raise ArgumentError(f"{owner}: expected at least one sample, got none")
    return [_tensor(sample) for sample in samples]


def _tensor(sample: Any) -> Tensor:
    if isinstance(sample, NDArray):
        return sample.tensor.detach()
    return sample.detach() if isinstance(sample, Tensor) else torch.from_numpy(_typed(np.array(sample)))


def _typed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values, if they are numbers of a type that arrays can have."""
    element_type(values.dtype)
    return values


def _result(tensor: Tensor, shared: bool) -> NDArray:
    return NDArray(tensor.share_memory_() if shared else tensor)
