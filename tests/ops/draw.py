"""Random inputs of operators: odd shapes, and values chosen to show what a smooth sample would hide."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZES = (1, 2, 3, 5, 7, 63)


class Draw:
    """One sample of a case's inputs.

    Axes are named by letters, whose sizes are drawn when they are first used; digits are sizes of their own. So
    ``draw.real("nc")`` and ``draw.real("3c")`` have an axis in common.

    Parameters
    ----------
    seed : int
        Decides sizes and values.
    dtype : str
        Of the floating-point arrays.
    """

    def __init__(self, seed: int, dtype: str = "float32") -> None:
        self._rng = np.random.default_rng(seed)
        self._sizes: dict[str, int] = {}
        self.dtype = dtype

    def __getitem__(self, letter: str) -> int:
        """The size of an axis."""
        if letter not in self._sizes:
            # one long axis is enough, and keeps arrays of four axes small
            known = [size for size in SIZES if size != 63 or 63 not in self._sizes.values()]
            self._sizes[letter] = int(self._rng.choice(known))
        return self._sizes[letter]

    def shape(self, axes: str) -> tuple[int, ...]:
        """The sizes of several axes."""
        return tuple(int(axis) if axis.isdigit() else self[axis] for axis in axes)

    def choice(self, values: Any) -> Any:
        """One of `values`."""
        return values[self._rng.integers(len(values))]

    def real(self, axes: str) -> np.ndarray:
        """Normally distributed."""
        return self._rng.normal(size=self.shape(axes)).astype(self.dtype)

    def positive(self, axes: str) -> np.ndarray:
        """Between 0.2 and 3."""
        return self._rng.uniform(0.2, 3, self.shape(axes)).astype(self.dtype)

    def unit(self, axes: str) -> np.ndarray:
        """Between -0.9 and 0.9."""
        return self._rng.uniform(-0.9, 0.9, self.shape(axes)).astype(self.dtype)

    def nonzero(self, axes: str) -> np.ndarray:
        """Of either sign, 0.3 to 2 away from zero."""
        return (self.sign(axes) * self._rng.uniform(0.3, 2, self.shape(axes))).astype(self.dtype)

    def sign(self, axes: str) -> np.ndarray:
        """-1 or 1."""
        return self._rng.choice([-1.0, 1.0], self.shape(axes)).astype(self.dtype)

    def ties(self, axes: str) -> np.ndarray:
        """-2, -1, 0, 1 or 2: full of equal elements, of zeros, and of points where a derivative jumps."""
        return self.integers(axes, -2, 3)

    def integers(self, axes: str, low: int, high: int) -> np.ndarray:
        """Whole numbers from `low` to before `high`, in the floating-point type."""
        return self._rng.integers(low, high, self.shape(axes)).astype(self.dtype)

    def whole(self, axes: str, dtype: str, low: int = 0, high: int = 9) -> np.ndarray:
        """Whole numbers in an integer type."""
        return self._rng.integers(low, high, self.shape(axes)).astype(dtype)

    def probabilities(self, axes: str) -> np.ndarray:
        """Positive, with sum 1 along the last axis."""
        values = self._rng.uniform(0.1, 1, self.shape(axes))
        return (values / values.sum(-1, keepdims=True)).astype(self.dtype)

    def like(self, array: np.ndarray) -> np.ndarray:
        """Normally distributed, in the shape and type of an array: a gradient to send into an output."""
        return self._rng.normal(size=array.shape).astype(array.dtype)
