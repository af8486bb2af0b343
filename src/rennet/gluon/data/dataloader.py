"""DataLoader: the samples of a data set in batches, read here, by threads or by processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ...base import ArgumentError, NotSupportedError, is_whole
from ...context import Context, cpu_pinned, current_context
from ...ndarray import NDArray, stack
from . import fetching
from .batchify import Batchify, stacked
from .sampler import BatchSampler, RandomSampler, SequentialSampler


def default_batchify_fn(data: Any) -> Any:
    """A batch of samples: arrays stacked, numbers in an array of their type, tuples part by part into a list.

    Examples
    --------
    >>> numbers, texts = default_batchify_fn([(1, [2, 3]), (4, [5, 6])])
    >>> numbers.asnumpy().tolist(), texts.asnumpy().tolist()
    ([1, 4], [[2, 3], [5, 6]])
    """
    if isinstance(data[0], tuple):
        return [default_batchify_fn(parts) for parts in zip(*data, strict=True)]
    if isinstance(data[0], NDArray) and len({sample.shape for sample in data}) == 1:
        return stack(*data)  # as an operator, so that it can be recorded
    where = current_context()
    return NDArray(stacked(data).to(where.torch_device), where)


default_mp_batchify_fn = default_batchify_fn
"""What workers use by default: the same, for what they send goes through memory that processes share anyway."""


class DataLoader:
    """The samples of a data set in batches, as often as one iterates.

    Parameters
    ----------
    dataset : Dataset
        Anything with ``len`` and ``[]``.
    batch_size : int
        Samples in a batch.
    shuffle : bool
        Whether each round has a new random order, decided by ``mx.random.seed``.
    sampler : Sampler, optional
        The numbers of the samples in order; not with `shuffle`.
    last_batch : {'keep', 'discard', 'rollover'}, optional
        What becomes of samples that do not fill a batch, see `BatchSampler`; ``'keep'`` by default.
    batch_sampler : Sampler, optional
        The numbers in batches; instead of `batch_size`, `shuffle`, `sampler` and `last_batch`.
    batchify_fn : callable, optional
        Makes a batch of a list of samples; `default_batchify_fn` by default. `batchify` has more.
    num_workers : int
        Processes, or threads, that read. 0, or less, reads in this thread, when a batch is asked for.
    pin_memory : bool
        Whether the arrays come in page-locked memory (with CUDA; without, they only have its context).
    pin_device_id : int
        The number of that context.
    prefetch : int, optional
        Batches that workers read ahead; two for each of them by default. Processes read at least one ahead each, so
        for them it is rounded up to a multiple of `num_workers`.
    thread_pool : bool
        Whether the workers are threads instead of processes.
    timeout : int
        Seconds to wait for a batch from a worker.
    auto_reload : bool
        Whether reading begins before it is asked for: now, and whenever a round is over.
    try_nopython : bool, optional
        MXNet 2's pipeline in C++. There is none here.

    Raises
    ------
    ArgumentError
        Arguments do not go together, or have values that make no sense.
    NotSupportedError
        `try_nopython` is on.

    Notes
    -----
    Processes begin anew in each round, with the data set as it is then, and end with it, also if it is left early.
    Their random numbers follow from ``mx.random.seed`` and differ from worker to worker and from round to round. Their
    arrays come back in ``cpu(0)``. What goes wrong in a worker is raised here, with the same type of error.

    Examples
    --------
    >>> from rennet.gluon.data import ArrayDataset
    >>> batches = DataLoader(ArrayDataset([1, 2, 3], [4, 5, 6]), batch_size=2)
    >>> [(data.asnumpy().tolist(), label.asnumpy().tolist()) for data, label in batches]
    [([1, 2], [4, 5]), ([3], [6])]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = None,
        shuffle: bool = False,
        sampler: Any = None,
        last_batch: str | None = None,
        batch_sampler: Any = None,
        batchify_fn: Batchify | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
        pin_device_id: int = 0,
        prefetch: int | None = None,
        thread_pool: bool = False,
        timeout: float = 120,
        auto_reload: bool = False,
        try_nopython: bool | None = None,
    ) -> None:
        if try_nopython:
            raise NotSupportedError("DataLoader: try_nopython: rennet reads in Python only; leave it out")
        if not timeout > 0:
            raise ArgumentError(f"DataLoader: timeout: expected a positive number of seconds, got {timeout}")
        if prefetch is not None and not is_whole(prefetch, 0):
            raise ArgumentError(f"DataLoader: prefetch: expected a whole number of at least 0, got {prefetch!r}")
        self._batch_sampler = _batches(dataset, batch_size, shuffle, sampler, last_batch, batch_sampler)
        self._read = fetching.Read(dataset, batchify_fn or default_batchify_fn)
        self._num_workers = max(0, int(num_workers))
        self._prefetch = 2 * self._num_workers if prefetch is None else int(prefetch)
        self._pinned = cpu_pinned(pin_device_id) if pin_memory else None
        self._thread_pool = thread_pool
        self._timeout = timeout
        self.auto_reload = auto_reload
        self._ahead: Iterator[Any] | None = None
        if auto_reload:
            self.refresh()

    def __iter__(self) -> Iterator[Any]:
        batches, self._ahead = self._ahead or self._begin(), None
        for batch in batches:
            yield batch if self._pinned is None else _in_pinned_memory(batch, self._pinned)
        if self.auto_reload and self._ahead is None:
            self.refresh()

    def __len__(self) -> int:
        return len(self._batch_sampler)

    def refresh(self) -> None:
        """Begin a round now; the next iteration uses it."""
        self._ahead = self._begin()

    def clean(self) -> None:
        """Drop a round that was begun ahead."""
        self._ahead = None

    def _begin(self) -> Iterator[Any]:
        # One draw, whoever reads: the order of the samples does not depend on the number of workers.
        seed = int(torch.randint(2**62, ()))
        if self._num_workers == 0:
            return (self._read(numbers) for numbers in self._batch_sampler)
        if self._thread_pool:
            return fetching.Threads(self._read, self._batch_sampler, self._num_workers, self._prefetch, self._timeout)
        return fetching.Processes(
            self._read, self._batch_sampler, self._num_workers, self._prefetch, self._timeout, seed
        )


def _batches(
    dataset: Any, batch_size: int | None, shuffle: bool, sampler: Any, last_batch: str | None, batch_sampler: Any
) -> Any:
    """The numbers of the samples in batches."""
    if batch_sampler is not None:
        if batch_size is not None or shuffle or sampler is not None or last_batch is not None:
            raise ArgumentError(
                "DataLoader: batch_sampler: it decides alone; expected no batch_size, shuffle, sampler or last_batch"
            )
        return batch_sampler
    if batch_size is None:
        raise ArgumentError("DataLoader: batch_size: expected a positive whole number, or a batch_sampler; got neither")
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: shuffle: expected one of shuffle and sampler, got both")
    if sampler is None:
        sampler = RandomSampler(len(dataset)) if shuffle else SequentialSampler(len(dataset))
    return BatchSampler(sampler, batch_size, last_batch or "keep")


def _in_pinned_memory(batch: Any, pinned: Context) -> Any:
    """The arrays of a batch, at any depth of lists and tuples, in page-locked memory if there is a use for it."""
    if isinstance(batch, NDArray):
        tensor = batch.tensor.detach().cpu()
        return NDArray(tensor.pin_memory() if torch.cuda.is_available() else tensor, pinned)
    if isinstance(batch, list | tuple):
        return [_in_pinned_memory(each, pinned) for each in batch]
    return batch
