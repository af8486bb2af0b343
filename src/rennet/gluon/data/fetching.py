"""Who reads the batches: threads or processes, some batches ahead."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch.utils.data import DataLoader as TorchLoader

from ..._state import flags
from ...base import MXNetError
from ...context import Context, current_context

# what torch itself says of a worker, as opposed to what it passes on from one
_LATE = "DataLoader timed out"
_DEAD = "DataLoader worker (pid"


class Read:
    """A batch from the numbers of its samples. A class, not a closure, so that it can be pickled for a worker.

    Parameters
    ----------
    dataset : Dataset
        The samples.
    batchify : callable
        Makes a batch of them.
    """

    def __init__(self, dataset: Any, batchify: Callable[[list[Any]], Any]) -> None:
        self._dataset = dataset
        self._batchify = batchify

    def __call__(self, numbers: Iterable[Any]) -> Any:
        """The batch."""
        try:
            return self._batchify([self._dataset[number] for number in numbers])
        except StopIteration as error:  # would end the round as if there were no more batches
            raise MXNetError(
                "DataLoader: expected a batch, but a sample or batchify_fn raised StopIteration"
            ) from error


class Threads(Iterator[Any]):
    """Batches read by threads, in order.

    Parameters
    ----------
    read : callable
        Makes a batch of the numbers of its samples.
    batches : iterable
        These numbers, batch by batch.
    num_workers : int
        How many threads.
    prefetch : int
        Batches ahead of the one that is asked for.
    timeout : float
        Seconds to wait for one.
    """

    def __init__(self, read: Read, batches: Iterable[Any], num_workers: int, prefetch: int, timeout: float) -> None:
        self._run = _Here(read)
        self._batches = iter(batches)
        self._timeout = timeout
        # The threads know only the reader, not this object, and end when the executor is dropped with it.
        self._threads = ThreadPoolExecutor(num_workers, "rennet-data")
        self._ahead: deque[Future[Any]] = deque()
        for _ in range(prefetch):
            self._read_ahead()

    def _read_ahead(self) -> None:
        for numbers in self._batches:
            self._ahead.append(self._threads.submit(self._run, numbers))
            return

    def __next__(self) -> Any:
        self._read_ahead()
        if not self._ahead:
            raise StopIteration
        batch = self._ahead.popleft()
        try:
            return batch.result(self._timeout)
        except BaseException as error:
            self._stop()
            if isinstance(error, FutureTimeoutError) and not batch.done():  # not one that reading raised
                raise _late("thread", self._timeout) from error
            raise

    def _stop(self) -> None:
        self._batches = iter(())
        self._ahead.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __del__(self) -> None:
        if hasattr(self, "_threads"):
            self._stop()


class _Here:
    """Reading in another thread as it would be in this one: new arrays go where this one's do."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._context = current_context()

    def __call__(self, numbers: Any) -> Any:
        with Context(self._context):  # scopes are entered on an object of the thread's own
            return self._read(numbers)


class _InWorker:
    """To torch's loader a data set, whose samples are batches.

    They are pickled here, not by the thread that sends them: what it cannot pickle it would drop, and the parent would
    wait for it.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def __getitem__(self, numbers: Any) -> bytes:
        try:
            return bytes(ForkingPickler.dumps(self._read(numbers)))
        except Exception as error:
            if _can_be_sent(type(error)):
                raise
            raise MXNetError(f"{type(error).__name__}: {error}") from error


def _can_be_sent(kind: type) -> bool:
    try:
        ForkingPickler.dumps(kind)
    except Exception:
        return False
    return True


class Processes(Iterator[Any]):
    """Batches read by processes of torch's loader, in order. They end with the last batch, or when this is dropped.

    Parameters
    ----------
    read, batches, num_workers, prefetch, timeout
        As for `Threads`.
    seed : int
        What the workers' own seeds follow from.
    """

    def __init__(
        self, read: Read, batches: Iterable[Any], num_workers: int, prefetch: int, timeout: float, seed: int
    ) -> None:
        self._timeout = timeout
        loader = TorchLoader(
            _InWorker(read),  # pyright: ignore[reportArgumentType]
            batch_size=None,
            sampler=batches,
            num_workers=num_workers,
            collate_fn=_as_it_is,
            timeout=timeout,
            prefetch_factor=max(1, -(-prefetch // num_workers)),
            worker_init_fn=_begin_worker,
            generator=torch.Generator().manual_seed(seed),
        )
        self._batches: Any = iter(loader)

    def __next__(self) -> Any:
        try:
            return pickle.loads(next(self._batches))
        except StopIteration:
            self._stop()
            raise
        except BaseException as error:
            self._stop()
            # The frames of the traceback hold torch's iterator, and with it everything it has read.
            error = error.with_traceback(None)
            text = str(error)
            if isinstance(error, RuntimeError) and text.startswith(_LATE):
                raise _late("process", self._timeout) from error
            if isinstance(error, RuntimeError) and text.startswith(_DEAD):
                raise MXNetError(
                    f"DataLoader: expected a batch, but a worker process died: {text}. It may have run out of memory, "
                    "or of shared memory (/dev/shm); use fewer workers, or num_workers=0 to see what happens"
                ) from error
            raise error

    def _stop(self) -> None:
        batches, self._batches = self._batches, iter(())
        if hasattr(batches, "_shutdown_workers"):
            batches._shutdown_workers()

    def __del__(self) -> None:
        if hasattr(self, "_batches"):
            self._stop()


def _as_it_is(batch: Any) -> Any:
    return batch


def _begin_worker(number: int) -> None:
    # A worker that was forked while this thread recorded would record too.
    flags.recording = False


def _late(worker: str, timeout: float) -> MXNetError:
    return MXNetError(
        f"DataLoader: expected a batch within {timeout} seconds, got none from a worker {worker}. "
        "If reading takes that long, give a larger timeout; if it waits for something, find out with num_workers=0"
    )
