"""PrefetchingIter: the next batch is read in the background while this one is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from ..base import ArgumentError
from ..context import Context, current_context
from .batch import DataBatch, DataDesc
from .contract import IterAround, expect_iterator

Names = Sequence[Mapping[str, str]] | None


class PrefetchingIter(IterAround):
    """The batches of one or more iterators, joined, each read by a thread before it is asked for.

    Reading begins when this is made. The thread is one batch ahead, no more; it ends when this object is dropped. An
    error while reading is raised by `next`, as if there were no thread. Meanwhile the iterators belong to the thread:
    use them through this object only.

    Parameters
    ----------
    iters : DataIter or list of DataIter
        Iterators with the same number of batches. A batch holds the arrays of all of them; `pad`, `index` and
        `bucket_key` are those of the first.
    rename_data : list of dict of str to str, optional
        For each iterator new names by old ones, of all its data.
    rename_label : list of dict of str to str, optional
        Likewise for the labels.

    Raises
    ------
    ArgumentError
        There is no iterator, or a name is missing from those given; or, when a batch is asked for, the iterators do
        not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from rennet.io import NDArrayIter, PrefetchingIter
    >>> pair = [NDArrayIter(np.arange(4), batch_size=2), NDArrayIter(np.arange(4) + 10, batch_size=2)]
    >>> batches = PrefetchingIter(pair, rename_data=[{"data": "left"}, {"data": "right"}])
    >>> [desc.name for desc in batches.provide_data]
    ['left', 'right']
    >>> [[array.asnumpy().tolist() for array in batch.data] for batch in batches]
    [[[0.0, 1.0], [10.0, 11.0]], [[2.0, 3.0], [12.0, 13.0]]]
    """

    def __init__(self, iters: Any, rename_data: Names = None, rename_label: Names = None) -> None:
        self.iters: list[Any] = list(iters) if isinstance(iters, list | tuple) else [iters]
        self.n_iter = len(self.iters)
        if not self.iters:
            raise ArgumentError("PrefetchingIter: iters: expected at least one iterator, got none")
        for each in self.iters:
            expect_iterator("PrefetchingIter: iters", each, "provide_data", "provide_label")
        for what, names in (("rename_data", rename_data), ("rename_label", rename_label)):
            _check_names(what, names, self.n_iter)
        self.rename_data = rename_data
        self.rename_label = rename_label
        super().__init__(_batch_size([*self.provide_data, *self.provide_label]))
        if hasattr(self.iters[0], "default_bucket_key"):
            self.default_bucket_key = self.iters[0].default_bucket_key
        # Its thread knows only the iterators, not this object, and ends when the executor is dropped with it.
        self._reader = ThreadPoolExecutor(1, "rennet-prefetch")
        self._ahead: Future[list[DataBatch | None]] | None = None
        self._read_ahead()

    def _read_ahead(self) -> Future[list[DataBatch | None]]:
        """The read in progress; one begins if there is none."""
        if self._ahead is None:
            self._ahead = self._reader.submit(_read, self.iters, current_context())
        return self._ahead

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data of all iterators."""
        return _renamed("rename_data", self.rename_data, [each.provide_data for each in self.iters])

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels of all iterators."""
        return _renamed("rename_label", self.rename_label, [each.provide_label for each in self.iters])

    def reset(self) -> None:
        """Start all iterators again; what was read ahead is dropped."""
        wait([self._read_ahead()])
        self._ahead = None
        for each in self.iters:
            each.reset()
        self._read_ahead()

    def iter_next(self) -> bool:
        """Go to the next batch; False if there is none."""
        ahead = self._read_ahead()
        wait([ahead])  # an interrupt here loses nothing
        self._ahead = None
        batches = ahead.result()
        found = [batch for batch in batches if batch is not None]
        if len(found) < len(batches):
            self._ahead = ahead  # after the end comes the end, until reset
        if not found:
            return False
        _check_alike(batches)
        self.current_batch = self._joined(found)
        self._read_ahead()
        return True

    def _joined(self, batches: list[DataBatch]) -> DataBatch:
        data = [array for batch in batches for array in batch.data]
        labels = (
            None
            if all(batch.label is None for batch in batches)
            else [array for batch in batches for array in batch.label or ()]
        )
        # a bucket's own shapes, where a batch has them
        own_data = [batch.provide_data or each.provide_data for batch, each in zip(batches, self.iters, strict=True)]
        own_label = [
            each.provide_label if batch.provide_label is None else batch.provide_label
            for batch, each in zip(batches, self.iters, strict=True)
        ]
        first = batches[0]
        return DataBatch(
            data,
            labels,
            first.pad,
            first.index,
            first.bucket_key,
            provide_data=_renamed("rename_data", self.rename_data, own_data),
            provide_label=_renamed("rename_label", self.rename_label, own_label),
        )


def _read(iters: Sequence[Any], context: Context) -> list[DataBatch | None]:
    """The next batch of each iterator, None where there is none; new arrays go where the caller's would."""
    with Context(context):  # scopes are entered on an object of the thread's own
        return [next(each, None) for each in iters]


def _batch_size(described: Sequence[DataDesc]) -> int:
    """Examples in a batch, by the first array that counts them."""
    for desc in described:
        axis = DataDesc.get_batch_axis(desc.layout)
        if 0 <= axis < len(desc.shape):
            return desc.shape[axis]
    return 0


def _check_names(what: str, names: Any, count: int) -> None:
    if names is None:
        return
    if not isinstance(names, list | tuple) or not all(isinstance(each, Mapping) for each in names):
        raise ArgumentError(f"PrefetchingIter: {what}: expected a list of dicts, one for each iterator, got {names!r}")
    if len(names) != count:
        raise ArgumentError(f"PrefetchingIter: {what}: expected {count} dicts, one for each iterator, got {len(names)}")


def _renamed(what: str, names: Names, described: Sequence[Sequence[Any]]) -> list[DataDesc]:
    """All descriptions in one list, under their new names."""
    found: list[DataDesc] = []
    for place, each in enumerate(described):
        for desc in each or ():
            desc = desc if isinstance(desc, DataDesc) else DataDesc(*desc)
            if names is not None:
                if desc.name not in names[place]:
                    known = ", ".join(names[place]) or "none"
                    raise ArgumentError(
                        f"PrefetchingIter: {what}[{place}]: expected a name for {desc.name}, got {known}"
                    )
                desc = DataDesc(names[place][desc.name], desc.shape, desc.dtype, desc.layout)
            found.append(desc)
    return found


def _check_alike(batches: Sequence[DataBatch | None]) -> None:
    """All iterators have a batch, and the examples in it that count are as many."""
    ended = [place for place, batch in enumerate(batches) if batch is None]
    if ended:
        raise ArgumentError(
            f"PrefetchingIter: expected iterators with the same number of batches; of {len(batches)}, number "
            f"{', '.join(map(str, ended))} ended before the others"
        )
    for what in ("pad", "bucket_key"):
        values = [getattr(batch, what) for batch in batches]
        if any(value != values[0] for value in values):
            raise ArgumentError(
                f"PrefetchingIter: expected batches with the same {what} from all iterators, got {values}"
            )
