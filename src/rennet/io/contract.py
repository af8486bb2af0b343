"""DataIter: what an iterator over batches owes its caller."""

from __future__ import annotations

from typing import Any

from ..base import ArgumentError, shown
from .batch import DataBatch


class DataIter:
    """An iterator over batches that can be started again with `reset`.

    A subclass gives `provide_data` and `provide_label` (lists of DataDesc), `reset`, and either `next`, or `iter_next`
    with `getdata` and `getlabel`.

    Parameters
    ----------
    batch_size : int
        Examples in a batch.
    """

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> DataIter:
        return self

    def __next__(self) -> DataBatch:
        return self.next()

    def reset(self) -> None:
        """Start again from the first batch."""

    def next(self) -> DataBatch:
        """The next batch; StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch(data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=self.getindex())

    def iter_next(self) -> bool:
        """Go to the next batch; False if there is none."""
        raise NotImplementedError(f"{type(self).__name__}: expected next, or iter_next with getdata and getlabel")

    def getdata(self) -> Any:
        """Data of the batch that `iter_next` went to."""
        raise NotImplementedError(f"{type(self).__name__}: iter_next is defined, getdata is not")

    def getlabel(self) -> Any:
        """Labels of that batch, if there are any."""
        return None

    def getindex(self) -> Any:
        """Numbers of that batch's examples, if they are known."""
        return None

    def getpad(self) -> int | None:
        """How many of that batch's last examples only fill it up."""
        return 0


def expect_iterator(argument: str, value: Any, *also: str) -> Any:
    """`value` if it can be read, reset and asked for all of `also`, whether or not it is a DataIter."""
    lacking = [each for each in ("__next__", "reset", *also) if not hasattr(value, each)]
    if lacking:
        missing = ", ".join(lacking)
        raise ArgumentError(f"{argument}: expected an iterator over batches, got {shown(value)} without {missing}")
    return value


class IterAround(DataIter):
    """An iterator around others: its `iter_next` puts the batch that it made of theirs into `current_batch`."""

    current_batch: DataBatch | None = None

    def next(self) -> DataBatch:
        """The next batch; StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        return self._batch()

    def _batch(self) -> DataBatch:
        if self.current_batch is None:
            raise ArgumentError(f"{type(self).__name__}: there is no current batch before iter_next or next")
        return self.current_batch

    def getdata(self) -> Any:
        """Data of the current batch."""
        return self._batch().data

    def getlabel(self) -> Any:
        """Labels of the current batch."""
        return self._batch().label

    def getindex(self) -> Any:
        """Numbers of the current batch's examples, if they are known."""
        return self._batch().index

    def getpad(self) -> int | None:
        """How many of the current batch's last examples only fill it up."""
        return self._batch().pad
