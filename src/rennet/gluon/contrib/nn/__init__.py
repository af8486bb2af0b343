"""Layers that Gluon kept apart as experimental. May import what gluon may."""

from .containers import Concurrent, HybridConcurrent, Identity
from .pixel_shuffle import PixelShuffle1D, PixelShuffle2D, PixelShuffle3D
from .sparse_embedding import SparseEmbedding
from .sync_batch_norm import SyncBatchNorm

__all__ = [
    "Concurrent",
    "HybridConcurrent",
    "Identity",
    "PixelShuffle1D",
    "PixelShuffle2D",
    "PixelShuffle3D",
    "SparseEmbedding",
    "SyncBatchNorm",
]
