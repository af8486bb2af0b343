"""DataLoaderIter: Gluon's batches for modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..base import ArgumentError
from ..io import DataBatch, DataDesc, DataIter
from ..ndarray import NDArray, concatenate, zeros


class DataLoaderIter(DataIter):
    """The batches of a loader, pairs of data and label, as an iterator for modules.

    Its first batch is read when it is made, to know the shapes.

    Parameters
    ----------
    loader : gluon.data.DataLoader
        Or anything else that can be iterated more than once and gives such pairs.
    data_name, label_name : str
        Names of the two.
    dtype : str
        The element type of both.

    Raises
    ------
    ArgumentError
        The first batch is not a pair of arrays, or there is none; or a later batch has more examples than the first.

    Examples
    --------
    >>> import rennet as mx
    >>> pairs = [(mx.nd.array([[1], [2]]), mx.nd.array([0, 1])), (mx.nd.array([[3]]), mx.nd.array([1]))]
    >>> batches = DataLoaderIter(pairs)
    >>> batches.provide_data
    [DataDesc[data,(2, 1),float32,NCHW]]
    >>> [(batch.label[0].asnumpy().tolist(), batch.pad) for batch in batches]
    [([0.0, 1.0], 0), ([1.0, 0.0], 1)]
    """

    def __init__(
        self,
        loader: Iterable[Any],
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: Any = "float32",
    ) -> None:
        self._loader = loader
        first = next(iter(loader), None)
        if not (
            isinstance(first, list | tuple) and len(first) == 2 and all(isinstance(each, NDArray) for each in first)
        ):
            got = "no batch" if first is None else type(first).__name__
            raise ArgumentError(f"DataLoaderIter: loader: expected batches of two arrays, data and label; got {got}")
        data, label = first
        super().__init__(len(data))
        self.dtype = dtype
        self.provide_data = [DataDesc(data_name, data.shape, dtype)]
        self.provide_label = [DataDesc(label_name, label.shape, dtype)]
        self.reset()

    def reset(self) -> None:
        """Start the next round of the loader."""
        self._batches = iter(self._loader)

    def next(self) -> DataBatch:
        """The next batch, filled up with zeros, which `pad` counts, if it is smaller; StopIteration after the last."""
        data, label = next(self._batches)
        pad = self.batch_size - len(data)
        if pad < 0:
            raise ArgumentError(
                f"DataLoaderIter: loader: expected batches of at most {self.batch_size} examples, got {len(data)}"
            )
        return DataBatch([self._filled(data, pad)], [self._filled(label, pad)], pad)

    def _filled(self, array: NDArray, pad: int) -> NDArray:
        array = array.astype(self.dtype, copy=False)
        if not pad:
            return array
        return concatenate([array, zeros((pad, *array.shape[1:]), ctx=array.context, dtype=self.dtype)])
