"""Samplers: the numbers of the samples, one by one or in batches, in the order in which they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from ...base import ArgumentError, is_whole, one_of

LAST_BATCH = ("keep", "discard", "rollover")


class Sampler:
    """What a sampler must have: ``__iter__`` and ``__len__``. Each iteration is one round over the data."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}.__iter__: expected the numbers of the samples")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}.__len__: expected how many numbers a round has")


class SequentialSampler(Sampler):
    """`length` numbers from `start` on, in order.

    Examples
    --------
    >>> list(SequentialSampler(3, start=5))
    [5, 6, 7]
    """

    def __init__(self, length: int, start: int = 0) -> None:
        self._numbers = range(start, start + checked_length("SequentialSampler", length))

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class RandomSampler(Sampler):
    """The numbers from 0 to before `length`, each once, in a new random order in each round.

    The order is drawn from torch's generator, so ``mx.random.seed`` decides it. (MXNet draws from NumPy's.)

    Examples
    --------
    >>> sampler = RandomSampler(4)
    >>> sorted(sampler)
    [0, 1, 2, 3]
    """

    def __init__(self, length: int) -> None:
        self._length = checked_length("RandomSampler", length)

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self._length).tolist())

    def __len__(self) -> int:
        return self._length


class FilterSampler(Sampler):
    """The numbers of those samples of `dataset` for which `fn` is true, found when the sampler is made.

    Examples
    --------
    >>> list(FilterSampler(lambda sample: sample > 3, [5, 1, 4]))
    [0, 2]
    """

    def __init__(self, fn: Callable[[Any], Any], dataset: Any) -> None:
        self._numbers = [number for number in range(len(dataset)) if fn(dataset[number])]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class BatchSampler(Sampler):
    """The numbers of a sampler in lists of `batch_size`.

    Parameters
    ----------
    sampler : Sampler
        Where the numbers come from.
    batch_size : int
        How many there are in a batch.
    last_batch : {'keep', 'discard', 'rollover'}
        What becomes of numbers that do not fill a batch: they are a smaller one; they are left out; or they open the
        next round.

    Raises
    ------
    ArgumentError
        `batch_size` is not a positive whole number, or `last_batch` none of the three.

    Examples
    --------
    >>> batches = BatchSampler(SequentialSampler(5), 2, "rollover")
    >>> list(batches), list(batches)
    ([[0, 1], [2, 3]], [[4, 0], [1, 2], [3, 4]])
    """

    def __init__(self, sampler: Sampler | Sequence[Any], batch_size: int, last_batch: str = "keep") -> None:
        if not is_whole(batch_size, 1):
            raise ArgumentError(f"BatchSampler: batch_size: expected a positive whole number, got {batch_size!r}")
        self._sampler = sampler
        self._batch_size = int(batch_size)
        self._last_batch = one_of("last_batch", last_batch, LAST_BATCH)
        self._left_over: list[Any] = []

    def __iter__(self) -> Iterator[list[Any]]:
        batch, self._left_over = self._left_over, []
        numbers: Iterable[Any] = self._sampler
        for number in numbers:
            batch.append(number)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch and self._last_batch == "keep":
            yield batch
        elif self._last_batch == "rollover":
            self._left_over = batch

    def __len__(self) -> int:
        count = len(self._sampler) + len(self._left_over)
        if self._last_batch == "keep":
            count += self._batch_size - 1
        return count // self._batch_size


def checked_length(owner: str, length: Any) -> int:
    """`length` if it is a whole number of at least 0."""
    if not is_whole(length, 0):
        raise ArgumentError(f"{owner}: length: expected a whole number of at least 0, got {length!r}")
    return int(length)
