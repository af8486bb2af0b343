"""The iterators where MXNet keeps them. Names only."""

from __future__ import annotations

from .arrays import NDArrayIter
from .batch import DataBatch, DataDesc
from .contract import DataIter
from .prefetch import PrefetchingIter
from .resize import ResizeIter

__all__ = ["DataBatch", "DataDesc", "DataIter", "NDArrayIter", "PrefetchingIter", "ResizeIter"]
