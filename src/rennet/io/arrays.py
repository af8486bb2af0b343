"""NDArrayIter: batches of arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..base import ArgumentError, ShapeError, expect, expect_whole, one_of
from ..ndarray import NDArray, array
from .batch import DataDesc
from .contract import DataIter


class NDArrayIter(DataIter):
    """Batches of arrays that lie in memory.

    Parameters
    ----------
    data : NDArray or numpy.ndarray, or a list or dict of them
        One array is called `data_name`; a list's arrays ``_0_<data_name>``, ``_1_<data_name>`` ... Arrays are fed in
        the order of their names. NumPy arrays become float32.
    label : optional
        Likewise, with `label_name`.
    batch_size : int
        Examples in a batch.
    shuffle : bool
        Whether each `reset` draws a new order, from NumPy's global generator.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        What becomes of examples that do not fill a batch: examples from the beginning are added and counted in `pad`;
        they are left out; or they open the next round.
    data_name, label_name : str
        Names of arrays that have none.
    layout : str
        Where its N stands is the axis that counts the examples.

    Examples
    --------
    >>> import numpy as np
    >>> from rennet.io import NDArrayIter
    >>> batches = NDArrayIter(np.arange(5), np.arange(5), batch_size=2)
    >>> batches.provide_data
    [DataDesc[data,(2,),<class 'numpy.float32'>,NCHW]]
    >>> [(batch.data[0].asnumpy().tolist(), batch.pad) for batch in batches]
    [([0.0, 1.0], 0), ([2.0, 3.0], 0), ([4.0, 0.0], 1)]
    """

    def __init__(
        self,
        data: Any,
        label: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        last_batch_handle: str = "pad",
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
    ) -> None:
        super().__init__(expect_whole("NDArrayIter: batch_size", batch_size, 1))
        for argument, name in (("data_name", data_name), ("label_name", label_name)):
            expect(f"NDArrayIter: {argument}", name, str, "a name")
        self.data = _named("data", data, data_name)
        self.label = _named("label", label, label_name)
        self.layout = layout
        self._axis = DataDesc.get_batch_axis(layout)
        if self._axis < 0:
            raise ArgumentError(
                f"NDArrayIter: layout: expected a text with N for the axis of the examples, got {layout!r}"
            )
        self.num_data = _examples([*self.data, *self.label], self._axis)
        self.shuffle = shuffle
        self.last_batch_handle = one_of(
            "NDArrayIter: last_batch_handle", last_batch_handle, ("discard", "pad", "roll_over")
        )
        self.cursor = -batch_size
        self.idx = np.arange(self.num_data)
        self._order = np.arange(self.num_data)
        self._left_over = self._order[:0]
        self.reset()

    def _describe(self, arrays: list[tuple[str, NDArray]]) -> list[DataDesc]:
        axis = self._axis
        return [
            DataDesc(name, (*each.shape[:axis], self.batch_size, *each.shape[axis + 1 :]), each.dtype, self.layout)
            for name, each in arrays
        ]

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data."""
        return self._describe(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels."""
        return self._describe(self.label)

    def reset(self) -> None:
        """Start the next round, in a new order if asked for, with what was left over if it rolls over."""
        # The shuffles compose as MXNet's do, so that the same NumPy seed gives the same batches.
        before = self._order
        if self.shuffle:
            np.random.shuffle(self.idx)
            self._order = before[self.idx]
        rest = self.num_data - self.cursor
        if self.last_batch_handle == "roll_over" and 0 < rest < self.batch_size:
            self._left_over = self._rows_from(before)
            self.cursor = -rest - self.batch_size
        else:
            self.cursor = -self.batch_size

    def hard_reset(self) -> None:
        """Start a round without what was left over."""
        self.cursor = -self.batch_size
        self.reset()

    def iter_next(self) -> bool:
        """Go to the next batch; False if there is none."""
        self.cursor += self.batch_size
        fits = self.cursor + self.batch_size <= self.num_data
        return fits or (self.last_batch_handle == "pad" and self.cursor < self.num_data)

    def _rows_from(self, order: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Numbers of all examples from the current batch on."""
        return order[self.cursor :] if self.cursor >= 0 else np.concatenate([self._left_over, order])

    def _rows(self) -> np.ndarray[Any, Any]:
        """Numbers of the current batch's examples."""
        if self.cursor < 0:
            return self._rows_from(self._order)[: self.batch_size]
        return self._order[np.arange(self.cursor, self.cursor + self.batch_size) % self.num_data]

    def _take(self, arrays: list[tuple[str, NDArray]]) -> list[NDArray]:
        rows = torch.from_numpy(self._rows())
        return [
            NDArray(each.tensor.index_select(self._axis, rows.to(each.tensor.device)), each.context)
            for _, each in arrays
        ]

    def getdata(self) -> list[NDArray]:
        """Data of the current batch."""
        return self._take(self.data)

    def getlabel(self) -> list[NDArray]:
        """Labels of the current batch."""
        return self._take(self.label)

    def getpad(self) -> int:
        """Examples that fill up the last batch or, rolling over, come from the round before."""
        return -self.cursor if self.cursor < 0 else max(self.cursor + self.batch_size - self.num_data, 0)


def _named(what: str, given: Any, default_name: str) -> list[tuple[str, NDArray]]:
    """Arrays with their names, in the order of these."""
    if given is None and what == "label":
        return []
    if isinstance(given, NDArray | np.ndarray | torch.Tensor):
        given = [given]
    if isinstance(given, list | tuple):
        several = len(given) > 1
        given = {f"_{i}_{default_name}" if several else default_name: each for i, each in enumerate(given)}
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        raise ArgumentError(f"NDArrayIter: {what}: expected an array, or a list or dict of arrays, got {kind}")
    if not given and what == "data":
        raise ArgumentError("NDArrayIter: data: expected at least one array, got none")
    for name in given:
        expect(f"NDArrayIter: {what}", name, str, "a dict of names to arrays")
    return [(name, each if isinstance(each, NDArray) else array(each)) for name, each in sorted(given.items())]


def _examples(arrays: list[tuple[str, NDArray]], axis: int) -> int:
    """How many examples there are, in every array the same number."""
    for name, each in arrays:
        if each.ndim <= axis:
            raise ShapeError(f"NDArrayIter: {name}: expected an axis {axis} that counts the examples, got {each.shape}")
    counts = {name: each.shape[axis] for name, each in arrays}
    if len(set(counts.values())) > 1:
        raise ShapeError(f"NDArrayIter: expected the same number of examples in all arrays, got {counts}")
    (count,) = set(counts.values())
    if count == 0:
        raise ShapeError("NDArrayIter: expected at least one example, got none")
    return count
