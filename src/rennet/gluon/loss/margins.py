"""Losses of scores by their distance from the border between two classes."""

from __future__ import annotations

from typing import Any

from ...base import expect_number, one_of
from ..parameter_dict import ParameterDict
from .classification import binary_cross_entropy
from .contract import Loss, alike

__all__ = ["HingeLoss", "LogisticLoss", "SquaredHingeLoss"]


class HingeLoss(Loss):
    """``max(0, margin - pred * label)`` for labels -1 and 1, and of that the mean for each sample.

    Parameters
    ----------
    margin : float
        How far from zero a score costs nothing.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.loss.HingeLoss()(mx.nd.array([[2], [-3]]), mx.nd.array([1, 1])).asnumpy().tolist()
    [0.0, 4.0]
    """

    def __init__(
        self,
        margin: float = 1,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_number(f"{type(self).__name__}: margin", margin)
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._margin = margin

    def _loss(self, F: Any, pred: Any, label: Any) -> Any:
        return F.relu(self._margin - pred * alike(F, label, pred))

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        return self._mean_of_samples(F, self._weighted(F, self._loss(F, pred, label), sample_weight))


class SquaredHingeLoss(HingeLoss):
    """``max(0, margin - pred * label)**2``; arguments are those of `HingeLoss`."""

    def _loss(self, F: Any, pred: Any, label: Any) -> Any:
        return F.square(super()._loss(F, pred, label))


class LogisticLoss(Loss):
    """``log(1 + exp(-pred * label))`` for labels -1 and 1, and of that the mean for each sample.

    Parameters
    ----------
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    label_format : {'signed', 'binary'}
        Whether labels are -1 and 1, or 0 and 1.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        weight: float | None = None,
        batch_axis: int = 0,
        label_format: str = "signed",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        one_of("LogisticLoss: label_format", label_format, ("signed", "binary"))
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._label_format = label_format

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        label = alike(F, label, pred)
        if self._label_format == "signed":
            label = (label + 1.0) / 2.0
        loss = binary_cross_entropy(F, pred, label)
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight))
