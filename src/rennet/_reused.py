"""Memory for large results that come and go at every step, so that the system need not clear fresh pages each time."""

from __future__ import annotations

import math
import threading

import torch
from torch import Tensor

LEAST, MOST = 1 << 20, 128 << 20
"""Bytes of the smallest tensor that is worth it, and of all that is kept."""

_holders = getattr(torch._C, "_storage_Use_Count", None)
_lock = threading.Lock()
_kept: list[torch.UntypedStorage] = []


def reused(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """An uninitialised tensor of the type and device of `like`, where possible in memory that nobody holds any more.

    Memory counts as held as long as any tensor, view or NumPy array over it lives. Only CPUs profit: elsewhere torch
    keeps memory itself.

    >>> first = reused((1024, 512), torch.zeros(1))
    >>> address = first.data_ptr()
    >>> reused((1024, 512), first).data_ptr() == address
    False
    >>> del first
    >>> reused((512, 1000), torch.zeros(1)).data_ptr() == address
    True
    """
    size = math.prod(shape) * like.element_size()
    if _holders is None or like.device.type != "cpu" or not LEAST <= size <= MOST:
        return like.new_empty(shape)
    with _lock:
        free = [each for each in _kept if size <= each.nbytes() <= 2 * size and _holders(each._cdata) == 1]
        storage = min(free, key=torch.UntypedStorage.nbytes) if free else _fresh(size)
        return torch.empty(0, dtype=like.dtype).set_(storage, 0, shape)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _fresh(size: int) -> torch.UntypedStorage:
    """A new piece of memory, kept; those that have been kept for longest are forgotten to make room."""
    storage = torch.UntypedStorage(size)
    _kept.append(storage)
    while sum(each.nbytes() for each in _kept) > MOST:
        _kept.pop(0)
    return storage
