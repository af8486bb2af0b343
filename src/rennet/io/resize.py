"""ResizeIter: an epoch of as many batches as one likes."""

from __future__ import annotations

from typing import Any

from ..base import ArgumentError, expect_whole
from .batch import DataDesc
from .contract import IterAround, expect_iterator


class ResizeIter(IterAround):
    """Another iterator's batches, in epochs of a given size: cut short, or begun again where they run out.

    Parameters
    ----------
    data_iter : DataIter
        Whose batches they are; they are handed on as they come, with their `bucket_key`.
    size : int
        Batches in an epoch.
    reset_internal : bool
        Whether `reset` starts `data_iter` again too; if not, the next epoch goes on where this one stopped.

    Raises
    ------
    ArgumentError
        `data_iter` is no iterator, or `size` no whole number of at least 0; or, when a batch is asked for, there is
        none.

    Examples
    --------
    >>> import numpy as np
    >>> from rennet.io import NDArrayIter, ResizeIter
    >>> batches = ResizeIter(NDArrayIter(np.arange(4), batch_size=2), 3)
    >>> [batch.data[0].asnumpy().tolist() for batch in batches]
    [[0.0, 1.0], [2.0, 3.0], [0.0, 1.0]]
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None:
        super().__init__(expect_iterator("ResizeIter: data_iter", data_iter, "batch_size").batch_size)
        expect_whole("ResizeIter: size", size, 0)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data."""
        return self.data_iter.provide_data

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels."""
        return self.data_iter.provide_label

    def reset(self) -> None:
        """Start the next epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Go to the next batch; False after `size` of them."""
        if self.cur == self.size:
            return False
        batch = next(self.data_iter, None)
        if batch is None:
            self.data_iter.reset()
            batch = next(self.data_iter, None)
        if batch is None:
            raise ArgumentError(f"ResizeIter: expected batches from {type(self.data_iter).__name__}, got none")
        self.current_batch = batch
        self.cur += 1
        return True
