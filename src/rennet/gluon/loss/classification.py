"""Losses of probabilities."""

from __future__ import annotations

from typing import Any

from ...base import expect_whole
from ..parameter_dict import ParameterDict
from .contract import Loss, alike

__all__ = [
    "KLDivLoss",
    "SigmoidBCELoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftmaxCELoss",
    "SoftmaxCrossEntropyLoss",
]

_SMALL = 1e-12


def binary_cross_entropy(F: Any, scores: Any, label: Any) -> Any:
    """``-label * log(sigmoid(scores)) - (1 - label) * log(1 - sigmoid(scores))``, without overflow."""
    return F.relu(scores) - scores * label + F.Activation(-F.abs(scores), act_type="softrelu")


class SigmoidBinaryCrossEntropyLoss(Loss):
    """The cross entropy of labels in [0, 1] with probabilities, and of that the mean for each sample.

    Parameters
    ----------
    from_sigmoid : bool
        Whether predictions are probabilities; otherwise they are scores, of which the sigmoid is taken.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.loss.SigmoidBCELoss()(mx.nd.array([[0], [9]]), mx.nd.array([0, 1])).asnumpy().round(3).tolist()
    [0.693..., 0.0]
    """

    def __init__(
        self,
        from_sigmoid: bool = False,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None, pos_weight: Any = None
    ) -> Any:
        """The loss of each sample.

        `sample_weight` must broadcast against `pred`; so must `pos_weight`, a factor on what positive labels cost.
        """
        label = alike(F, label, pred)
        if self._from_sigmoid:
            positive = F.log(pred + _SMALL) * label
            if pos_weight is not None:
                positive = F.broadcast_mul(positive, pos_weight)
            loss = -(positive + F.log(1.0 - pred + _SMALL) * (1.0 - label))
        elif pos_weight is None:
            loss = binary_cross_entropy(F, pred, label)
        else:
            rest = pred - pred * label
            factor = F.broadcast_mul(pos_weight - 1, label) + 1
            loss = rest + factor * (F.Activation(-F.abs(pred), act_type="softrelu") + F.relu(-pred))
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight))


class SoftmaxCrossEntropyLoss(Loss):
    """The cross entropy of labels with the softmax of scores, and of that the mean for each sample.

    Parameters
    ----------
    axis : int
        The axis along which the classes lie.
    sparse_label : bool
        Whether labels are numbers of classes, in the shape of `pred` without `axis`; otherwise they are probabilities
        in the shape of `pred`.
    from_logits : bool
        Whether predictions are logarithms of probabilities already.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> loss = mx.gluon.loss.SoftmaxCELoss()
    >>> loss(mx.nd.zeros((2, 4)), mx.nd.array([0, 3])).asnumpy().round(3).tolist()
    [1.386..., 1.386...]
    """

    def __init__(
        self,
        axis: int = -1,
        sparse_label: bool = True,
        from_logits: bool = False,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("SoftmaxCrossEntropyLoss: axis", axis, -32)
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._axis, self._sparse_label, self._from_logits = axis, sparse_label, from_logits

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred` with an `axis` of size 1."""
        if not self._from_logits:
            pred = F.log_softmax(pred, axis=self._axis)
        if self._sparse_label:
            loss = -F.pick(pred, label, axis=self._axis, keepdims=True)
        else:
            loss = -F.sum(pred * alike(F, label, pred), axis=self._axis, keepdims=True)
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight))


class KLDivLoss(Loss):
    """The divergence of predicted probabilities from given ones, ``label * (log(label) - pred)``, summed by sample.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logarithms of probabilities; otherwise they are scores, of which the softmax is taken.
    axis : int
        The axis along which the classes lie.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        from_logits: bool = True,
        axis: int = -1,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("KLDivLoss: axis", axis, -32)
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._from_logits, self._axis = from_logits, axis

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        if not self._from_logits:
            pred = F.log_softmax(pred, self._axis)
        loss = self._weighted(F, label * (F.log(label + _SMALL) - pred), sample_weight)
        return F.sum(loss, axis=self._batch_axis, exclude=True)


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss
SoftmaxCELoss = SoftmaxCrossEntropyLoss
