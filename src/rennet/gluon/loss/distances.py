"""Losses of vectors by how near they are to others."""

from __future__ import annotations

from typing import Any

from ... import ndarray
from ...base import ArgumentError, NotSupportedError, ShapeError, expect_number
from ..parameter_dict import ParameterDict
from .classification import KLDivLoss
from .contract import Loss, alike

__all__ = ["CosineEmbeddingLoss", "SDMLLoss", "TripletLoss"]


class TripletLoss(Loss):
    """``max(0, margin + |pred - positive|**2 - |pred - negative|**2)`` for each sample.

    Parameters
    ----------
    margin : float
        How much nearer the positive example should be than the negative one.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        margin: float = 1,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_number("TripletLoss: margin", margin)
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._margin = margin

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, positive: Any, negative: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight`, which MXNet 1.9.1 does not take, has shape ``(N,)``."""
        near, far = F.square(alike(F, positive, pred) - pred), F.square(alike(F, negative, pred) - pred)
        nearer = F.sum(near - far, axis=self._batch_axis, exclude=True)
        return self._weighted(F, F.relu(nearer + self._margin), sample_weight)


def _cosine(F: Any, x: Any, y: Any) -> Any:
    """The cosine of the angle between vectors along the last axis, all of them one under the other: ``(N, 1)``."""
    x_norm = F.norm(x, axis=-1).reshape((-1, 1))
    y_norm = F.norm(y, axis=-1).reshape((-1, 1))
    product = F.sum(x * y, axis=-1).reshape((-1, 1))
    least = F.full((1, 1), 1e-12) if F is not ndarray else F.full((1, 1), 1e-12, ctx=x.context, dtype=x.dtype)
    return product / F.broadcast_maximum(x_norm * y_norm, least)


class CosineEmbeddingLoss(Loss):
    """``1 - cos(input1, input2)`` for label 1, ``max(0, cos(input1, input2) - margin)`` for label -1.

    Parameters
    ----------
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie; as each keeps its loss, it changes nothing.
    margin : float
        A cosine up to which vectors count as dissimilar.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> one, other = mx.nd.array([[1, 0], [1, 0]]), mx.nd.array([[0, 2], [3, 0]])
    >>> mx.gluon.loss.CosineEmbeddingLoss()(one, other, mx.nd.array([1, -1])).asnumpy().tolist()
    [[1.0], [1.0]]
    """

    def __init__(
        self,
        weight: float | None = None,
        batch_axis: int = 0,
        margin: float = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_number("CosineEmbeddingLoss: margin", margin)
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._margin = margin

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, input1: Any, input2: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each pair, of shape ``(N, 1)``, against which `sample_weight` must broadcast."""
        input1 = alike(F, input1, input2)
        label = F.reshape(label, (-1, 1))
        cosine = _cosine(F, input1, input2)
        similar, dissimilar = label == 1, label == -1
        apart = (1 - cosine) * similar
        zero = F.zeros((1, 1)) if F is not ndarray else F.zeros((1, 1), ctx=label.context, dtype=cosine.dtype)
        together = F.broadcast_maximum(zero, dissimilar * (cosine - self._margin))
        return self._weighted(F, apart + together, sample_weight)


class SDMLLoss(Loss):
    """Smoothed deep metric learning (Bonadiman et al., 2019): each vector should find its partner among all others.

    The softmax of minus the squared distances of one vector from all those of the other batch is held to a distribution
    with ``1 - smoothing_parameter`` for its partner and the rest spread over the others.

    Parameters
    ----------
    smoothing_parameter : float
        Probability that is left for the others.
    weight : float
        A factor.
    batch_axis : int
        The axis along which the samples lie: 0.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        smoothing_parameter: float = 0.3,
        weight: float | None = 1.0,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_number("SDMLLoss: smoothing_parameter", smoothing_parameter)
        if batch_axis != 0:
            raise ArgumentError(f"SDMLLoss: batch_axis: expected 0, got {batch_axis}; transpose the inputs")
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self.smoothing_parameter = smoothing_parameter
        self.kl_loss = KLDivLoss(from_logits=True)

    def hybrid_forward(self, F: Any, x1: Any, x2: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The loss of each of ``(N, D)`` vectors with partners ``(N, D)``."""
        if F is not ndarray:
            raise NotSupportedError(
                "SDMLLoss: it depends on the size of the batch, which a graph does not know; do not hybridize it"
            )
        if x1.shape != x2.shape or x1.ndim != 2 or x1.shape[0] < 2:
            raise ShapeError(f"SDMLLoss: expected two batches (N, D) of at least 2 vectors, got {x1.shape}, {x2.shape}")
        size = x1.shape[0]
        partners = F.eye(size, ctx=x1.context, dtype=x1.dtype)
        others = self.smoothing_parameter / (size - 1)
        labels = partners * (1 - self.smoothing_parameter) + (1 - partners) * others
        distances = F.sum(F.square(F.expand_dims(x1, 1) - F.expand_dims(x2, 0)), axis=2)
        loss = self.kl_loss(F.log_softmax(-distances, axis=1), labels)
        return self._weighted(F, loss)
