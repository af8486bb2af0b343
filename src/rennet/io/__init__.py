"""Feeding batches: what a batch is, what an iterator owes its caller, and the iterators. May import rooms 1 to 6."""

from __future__ import annotations

from . import io
from .arrays import NDArrayIter
from .batch import DataBatch, DataDesc
from .contract import DataIter
from .prefetch import PrefetchingIter
from .resize import ResizeIter

__all__ = ["DataBatch", "DataDesc", "DataIter", "NDArrayIter", "PrefetchingIter", "ResizeIter", "io"]
