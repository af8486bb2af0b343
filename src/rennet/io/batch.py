"""What a batch is: its arrays, and the description of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import ArgumentError, expect
from ..ndarray import NDArray


class _NameAndShape(NamedTuple):
    name: str
    shape: tuple[int, ...]


class DataDesc(_NameAndShape):
    """Name and shape of one array of a batch, and what its axes mean.

    A pair, so ``name, shape = desc`` and comparison with a plain pair work; `dtype` and `layout` are attributes beside
    it and take no part in comparison.

    Parameters
    ----------
    name : str
        The name of the graph's argument that the array is for.
    shape : tuple of int
        Its shape, the batch included.
    dtype : optional
        Its element type; float32 by default.
    layout : str
        One letter for each axis; N is the one that counts the examples. ``'NCHW'`` by default, ``'TNC'`` or ``'NTC'``
        for sequences.

    Examples
    --------
    >>> from rennet.io import DataDesc
    >>> DataDesc("data", (8, 32), layout="NT")
    DataDesc[data,(8, 32),<class 'numpy.float32'>,NT]
    >>> DataDesc("data", (8, 32)) == ("data", (8, 32))
    True
    """

    dtype: Any
    layout: str | None

    def __new__(  # noqa: D102
        cls, name: str, shape: tuple[int, ...], dtype: Any = np.float32, layout: str | None = "NCHW"
    ) -> DataDesc:
        desc = super().__new__(cls, name, shape)
        desc.dtype, desc.layout = dtype, layout
        return desc

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """The axis that counts the examples: where N stands, 0 without a layout, -1 for an array that has none.

        >>> DataDesc.get_batch_axis("TNC"), DataDesc.get_batch_axis(None), DataDesc.get_batch_axis("C")
        (1, 0, -1)
        """
        return 0 if layout is None else expect("layout", layout, str, "a text, as 'NTC'").find("N")

    @staticmethod
    def get_list(
        shapes: Sequence[tuple[str, tuple[int, ...]]], types: Sequence[tuple[str, Any]] | None
    ) -> list[DataDesc]:
        """Descriptions from pairs (name, shape) and, unless None, pairs (name, dtype)."""
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        by_name = dict(types)
        for name, _ in shapes:
            if name not in by_name:
                raise ArgumentError(f"DataDesc.get_list: types: expected one for {name!r}, got {sorted(by_name)}")
        return [DataDesc(name, shape, by_name[name]) for name, shape in shapes]


class DataBatch:
    """The arrays of one step.

    Parameters
    ----------
    data, label : list of NDArray
        In the order of the iterator's `provide_data` and `provide_label`. There may be no label.
    pad : int, optional
        How many of the last examples only fill the batch up; predictions for them are dropped.
    index : numpy.ndarray, optional
        Numbers of the examples.
    bucket_key : hashable, optional
        Chooses the graph in a BucketingModule.
    provide_data, provide_label : list of DataDesc, optional
        Describe the arrays where their shapes change from batch to batch.
    """

    def __init__(
        self,
        data: list[NDArray] | tuple[NDArray, ...] | None,
        label: list[NDArray] | tuple[NDArray, ...] | None = None,
        pad: int | None = None,
        index: Any = None,
        bucket_key: Any = None,
        provide_data: list[DataDesc] | None = None,
        provide_label: list[DataDesc] | None = None,
    ) -> None:
        for what, arrays in (("data", data), ("label", label)):
            if arrays is not None and not isinstance(arrays, list | tuple):
                kind = type(arrays).__name__
                raise ArgumentError(f"DataBatch: {what}: expected a list of NDArrays, got {kind}; wrap it: [{what}]")
        self.data: Any = data
        self.label: Any = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        shapes = [array.shape for array in self.data or ()]
        labels = [array.shape for array in self.label] if self.label else None
        return f"{type(self).__name__}: data shapes: {shapes} label shapes: {labels}"

    __repr__ = __str__
