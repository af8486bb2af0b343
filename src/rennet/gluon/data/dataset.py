"""Data sets: samples by number, and new data sets out of old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...base import ArgumentError, ShapeError, is_whole
from ...ndarray import NDArray
from .sampler import FilterSampler, Sampler, SequentialSampler

Transform = Callable[..., Any]


class Dataset:
    """What a data set must have: ``__getitem__`` and ``__len__``. A sample of several parts is a tuple.

    Lists and arrays are data sets too, wherever one is wanted.

    Examples
    --------
    >>> numbers = SimpleDataset([3, 1, 4, 1, 5])
    >>> odd = numbers.filter(lambda number: number % 2 == 1).transform(lambda number: number * 10)
    >>> [odd[i] for i in range(len(odd))]
    [30, 10, 10, 50]
    """

    def __getitem__(self, idx: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}.__getitem__: expected the sample of a number")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}.__len__: expected how many samples there are")

    def filter(self, fn: Callable[[Any], Any]) -> Dataset:
        """Those samples for which `fn` is true. It sees each sample once, now; a tuple is one argument."""
        return _Sampled(self, FilterSampler(fn, self))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """One of `num_shards` parts, in order and as equal as they can be; the first ones have one sample more.

        Raises
        ------
        ArgumentError
            `num_shards` is not positive, or `index` is not among the numbers of the parts.
        """
        if not is_whole(num_shards, 1):
            raise ArgumentError(f"shard: num_shards: expected a positive whole number, got {num_shards!r}")
        if not is_whole(index, 0) or index >= num_shards:
            raise ArgumentError(f"shard: index: expected a whole number from 0 to {num_shards - 1}, got {index!r}")
        each, rest = divmod(len(self), num_shards)
        start = each * index + min(index, rest)
        return _Sampled(self, SequentialSampler(each + (index < rest), start))

    def take(self, count: int | None) -> Dataset:
        """The first `count` samples; all of them if it is None or there are fewer."""
        if count is not None and not is_whole(count, 0):
            raise ArgumentError(f"take: count: expected None or a whole number of at least 0, got {count!r}")
        return _Sampled(self, SequentialSampler(len(self) if count is None else min(count, len(self))))

    def sample(self, sampler: Sampler) -> Dataset:
        """The samples whose numbers `sampler` gives. It is asked once, now.

        Raises
        ------
        ArgumentError
            `sampler` is not a `Sampler`.
        """
        if not isinstance(sampler, Sampler):
            raise ArgumentError(f"sample: sampler: expected a gluon.data.Sampler, got {type(sampler).__name__}")
        return _Sampled(self, sampler)

    def transform(self, fn: Transform, lazy: bool = True) -> Dataset:
        """What `fn` makes of each sample; the parts of a tuple are its arguments.

        Parameters
        ----------
        fn : callable
            Called with a sample.
        lazy : bool
            Whether it is called whenever a sample is asked for, or for all of them now. What it draws at random is new
            each time only if it is lazy.
        """
        transformed = _Transformed(self, fn)
        return transformed if lazy else SimpleDataset([transformed[number] for number in range(len(transformed))])

    def transform_first(self, fn: Transform, lazy: bool = True) -> Dataset:
        """The same with `fn` called on the first part alone; the other parts stay as they are."""
        return self.transform(_OnFirst(fn), lazy)


class SimpleDataset(Dataset):
    """A list, an array, or anything else that has ``len`` and ``[]``, as a data set."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getitem__(self, idx: Any) -> Any:
        return self._data[idx]

    def __len__(self) -> int:
        return len(self._data)


class ArrayDataset(Dataset):
    """Sample i is the tuple of the i-th samples of several data sets or arrays; of one, that sample itself.

    Arrays of one axis give NumPy scalars, others give NDArrays.

    Raises
    ------
    ArgumentError
        No data set was given.
    ShapeError
        They have different numbers of samples.

    Examples
    --------
    >>> ArrayDataset(["a", "b"], [0, 1])[1]
    ('b', 1)
    """

    def __init__(self, *args: Any) -> None:
        if not args:
            raise ArgumentError("ArrayDataset: expected at least one data set, got none")
        counts = [len(data) for data in args]
        if len(set(counts)) > 1:
            raise ShapeError(f"ArrayDataset: expected the same number of samples in all, got {counts}")
        self._length = counts[0]
        self._data = [data.asnumpy() if isinstance(data, NDArray) and data.ndim == 1 else data for data in args]

    def __getitem__(self, idx: Any) -> Any:
        parts = [data[idx] for data in self._data]
        return tuple(parts) if len(parts) > 1 else parts[0]

    def __len__(self) -> int:
        return self._length


class _Sampled(Dataset):
    """Samples chosen by number from another data set."""

    def __init__(self, dataset: Dataset, numbers: Iterable[Any]) -> None:
        self._dataset = dataset
        self._numbers = list(numbers)

    def __getitem__(self, idx: Any) -> Any:
        return self._dataset[self._numbers[idx]]

    def __len__(self) -> int:
        return len(self._numbers)


class _Transformed(Dataset):
    def __init__(self, dataset: Dataset, fn: Transform) -> None:
        self._dataset = dataset
        self._fn = fn

    def __getitem__(self, idx: Any) -> Any:
        sample = self._dataset[idx]
        return self._fn(*sample) if isinstance(sample, tuple) else self._fn(sample)

    def __len__(self) -> int:
        return len(self._dataset)


class _OnFirst:
    """A class, not a closure, so that it can be pickled on its way to a worker."""

    def __init__(self, fn: Transform) -> None:
        self._fn = fn

    def __call__(self, first: Any, *rest: Any) -> Any:
        return (self._fn(first), *rest) if rest else self._fn(first)
