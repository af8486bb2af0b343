"""Metrics of numbers: how far predictions are from labels, and how they go together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import ShapeError
from .contract import EvalMetric, alias, register, tensor_pairs
from .totals import Moments, TotalsMetric


def _distances(name: str, labels: Any, preds: Any) -> list[Tensor]:
    """Differences in double precision; vectors are columns, and axes of size 1 are spread."""
    found = []
    for label, pred in tensor_pairs(name, labels, preds):
        label, pred = (each.reshape(-1, 1) if each.ndim == 1 else each for each in (label, pred))
        try:
            torch.broadcast_shapes(label.shape, pred.shape)
        except RuntimeError:
            got = f"{tuple(label.shape)} and {tuple(pred.shape)}"
            raise ShapeError(f"{name}: expected labels and predictions of one shape, got {got}") from None
        found.append(label.double() - pred.double())
    return found


class _DistanceMetric(EvalMetric):
    """A figure of each array's distances, averaged over arrays and updates."""

    def __init__(
        self, name: str, output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names, has_global_stats=True)

    def update(self, labels: Any, preds: Any) -> None:
        """Take in labels and predictions of one shape, or N labels for predictions (N, C)."""
        for distance in _distances(self.name, labels, preds):
            self._add(self._of(distance), 1)

    def _of(self, distance: Tensor) -> Tensor:
        raise NotImplementedError


@register
class MAE(_DistanceMetric):
    """The mean absolute error of each array, averaged over arrays and updates.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import MAE
    >>> error = MAE()
    >>> error.update([mx.nd.array([3, -0.5, 2, 7])], [mx.nd.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mae', 0.5)
    """

    def __init__(
        self, name: str = "mae", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _of(self, distance: Tensor) -> Tensor:
        return distance.abs().mean()


@register
class MSE(_DistanceMetric):
    """The mean squared error of each array, averaged over arrays and updates.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import MSE
    >>> error = MSE()
    >>> error.update([mx.nd.array([3, -0.5, 2, 7])], [mx.nd.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mse', 0.375)
    """

    def __init__(
        self, name: str = "mse", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _of(self, distance: Tensor) -> Tensor:
        return distance.square().mean()


@register
class RMSE(_DistanceMetric):
    """The root of the mean squared error of each array, averaged over arrays and updates.

    This mean of roots is not the root of `MSE`.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import RMSE
    >>> error = RMSE()
    >>> error.update([mx.nd.array([1, 2])], [mx.nd.array([3, 4])])
    >>> error.update([mx.nd.array([1, 2])], [mx.nd.array([1, 2])])
    >>> error.get()
    ('rmse', 1.0)
    """

    def __init__(
        self, name: str = "rmse", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _of(self, distance: Tensor) -> Tensor:
        return distance.square().mean().sqrt()


@register
@alias("pearsonr")
class PearsonCorrelation(TotalsMetric):
    """Pearson's correlation of labels and predictions; NaN where one of them does not vary.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    average : {'macro', 'micro'}
        Whether `get` is the mean of the arrays' correlations, or the correlation of all numbers that were seen.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import PearsonCorrelation
    >>> correlation = PearsonCorrelation()
    >>> correlation.update([mx.nd.array([[1, 0], [0, 1]])], [mx.nd.array([[3, 1], [1, 2]])])
    >>> name, value = correlation.get()
    >>> name, round(value, 6)
    ('pearsonr', 0.904534)
    """

    def __init__(
        self,
        name: str = "pearsonr",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        nothing = Moments(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        super().__init__(name, output_names, label_names, nothing, average)

    def update(self, labels: Any, preds: Any) -> None:
        """Take in labels and predictions of one shape."""
        for label, pred in tensor_pairs(self.name, labels, preds):
            if label.shape != pred.shape:
                got = f"{tuple(label.shape)} and {tuple(pred.shape)}"
                raise ShapeError(f"{self.name}: expected labels and predictions of one shape, got {got}")
            x, y = label.double().reshape(-1), pred.double().reshape(-1)
            mean_x, mean_y = x.mean(), y.mean()
            x, y = x - mean_x, y - mean_y
            totals = torch.stack([mean_x, mean_y, x.square().sum(), y.square().sum(), (x * y).sum()]).tolist()
            self._take_in(Moments(x.numel(), *totals), 1)

    def _worth(self, totals: Moments) -> float:
        spread = math.sqrt(totals.square_x) * math.sqrt(totals.square_y)
        return totals.product / spread if spread else math.nan
