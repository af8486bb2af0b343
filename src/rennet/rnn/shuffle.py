"""The order of sentences and batches: drawn from global generators or from one of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np


class Shuffle:
    """Where the order comes from: `random` and ``numpy.random``, as in MXNet, or a generator of its own.

    Parameters
    ----------
    seed : int or None
        Of its own generator; None for the global ones.
    """

    def __init__(self, seed: int | None) -> None:
        self._own = None if seed is None else np.random.RandomState(seed % 2**32)

    def batches(self, idx: list[tuple[int, int]]) -> None:
        """Shuffle a list of batches in place."""
        if self._own is None:
            random.shuffle(idx)
        else:
            idx[:] = [idx[place] for place in self._own.permutation(len(idx))]

    def rows(self, order: np.ndarray[Any, Any]) -> None:
        """Shuffle the numbers of rows in place."""
        if self._own is None:
            np.random.shuffle(order)
        else:
            self._own.shuffle(order)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Where its own generator stands; nothing of the global ones."""
        if self._own is None:
            return {}
        _, key, position, *_ = self._own.get_state(legacy=True)
        return {"generator": np.array([*key, position], dtype=np.int64)}

    def restored(self, state: Mapping[str, Any]) -> Shuffle:
        """One that goes on where `state` was taken; an error if only one of the two has a generator of its own."""
        if (self._own is None) != ("generator" not in state):
            raise ValueError("expected a generator in both or in neither")
        restored = Shuffle(None if self._own is None else 0)
        if restored._own is not None:
            numbers = np.asarray(state["generator"])
            restored._own.set_state(("MT19937", numbers[:-1].astype(np.uint32), int(numbers[-1]), 0, 0.0))
        return restored
