"""What all losses have in common: a weight, weights of the samples, and a mean for each sample."""

from __future__ import annotations

from typing import Any

from ... import ndarray
from ...base import expect_number, expect_whole
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict

__all__ = ["Loss"]


class Loss(HybridBlock):
    """Base of all losses.

    A subclass computes the loss of every element in ``hybrid_forward(F, ...)`` and hands it to `_weighted` and
    `_mean_of_samples`.

    Parameters
    ----------
    weight : float, optional
        A factor; none by default.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.
    """

    def __init__(
        self, weight: float | None, batch_axis: int, prefix: str | None = None, params: ParameterDict | None = None
    ) -> None:
        owner = type(self).__name__
        if weight is not None:
            expect_number(f"{owner}: weight", weight, "a number or None")
        expect_whole(f"{owner}: batch_axis", batch_axis, -32)
        super().__init__(prefix=prefix, params=params)
        self._weight, self._batch_axis = weight, batch_axis

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def _weighted(self, F: Any, loss: Any, sample_weight: Any = None, factor: float | None = None) -> Any:
        """`loss` times the samples' weights and a factor, that of this loss unless given."""
        if sample_weight is not None:
            loss = F.broadcast_mul(loss, sample_weight)
        factor = self._weight if factor is None else factor
        return loss if factor is None else loss * factor

    def _mean_of_samples(self, F: Any, loss: Any) -> Any:
        """The mean over all axes but that of the samples."""
        return F.mean(loss, axis=self._batch_axis, exclude=True)


def alike(F: Any, x: Any, y: Any) -> Any:
    """`x` in the shape of `y`, so that labels ``(N,)`` fit predictions ``(N, 1)``."""
    return x.reshape(y.shape) if F is ndarray else F.reshape_like(x, y)
