"""Metrics of classes beyond how often they are right: among the first few, and by tables of what was taken for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import ArgumentError, ShapeError
from .contract import EvalMetric, alias, register, tensor_pairs
from .totals import Counts, TotalsMetric


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(EvalMetric):
    """How often the label is among the `top_k` most likely classes.

    Parameters
    ----------
    top_k : int
        How many classes may be guessed, more than one. Where there are fewer classes, any of them is a hit.
    name : str
        ``_<top_k>`` is added to it.
    output_names, label_names
        See `EvalMetric`.

    Raises
    ------
    ArgumentError
        `top_k` is one or less, as it is by default.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import TopKAccuracy
    >>> accuracy = TopKAccuracy(top_k=2)
    >>> accuracy.update([mx.nd.array([0, 2])], [mx.nd.array([[0.3, 0.6, 0.1], [0.5, 0.4, 0.1]])])
    >>> accuracy.get()
    ('top_k_accuracy_2', 0.5)
    """

    def __init__(
        self,
        top_k: int = 1,
        name: str = "top_k_accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        if top_k <= 1:
            raise ArgumentError(f"TopKAccuracy: top_k: expected at least 2, got {top_k}; Accuracy measures the first")
        super().__init__(f"{name}_{top_k}", output_names, label_names, top_k=top_k, has_global_stats=True)
        self.top_k = top_k
        self._given_name = name

    def get_config(self) -> dict[str, Any]:
        """What `create` needs to make this metric anew."""
        return {**super().get_config(), "name": self._given_name}

    def update(self, labels: Any, preds: Any) -> None:
        """Count the hits; N labels, predictions (N, C)."""
        for label, pred in tensor_pairs(self.name, labels, preds):
            if pred.ndim != 2 or label.numel() != len(pred):
                got = f"{tuple(label.shape)} for {tuple(pred.shape)}"
                raise ShapeError(f"{self.name}: expected N labels for predictions (N, C), got {got}")
            guesses = pred.topk(min(self.top_k, pred.shape[1]), dim=1, sorted=False).indices
            self._add((guesses == label.reshape(-1, 1).int()).sum(), len(pred))


def _classes(name: str, label: Tensor, pred: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and most likely classes along axis 1, flat, as integers."""
    classes = pred.argmax(1) if pred.ndim > 1 else pred[:0]
    if classes.numel() != label.numel():
        got = f"{tuple(label.shape)} for {tuple(pred.shape)}"
        raise ShapeError(f"{name}: expected one label for each distribution along axis 1, got {got}")
    return label.reshape(-1).long(), classes.reshape(-1).long()


class _BinaryMetric(TotalsMetric):
    """Base of `F1` and `MCC`, which judge a table of two classes."""

    def __init__(
        self, name: str, output_names: Sequence[str] | None, label_names: Sequence[str] | None, average: str
    ) -> None:
        nothing = Counts(np.zeros((2, 2), np.int64))
        super().__init__(name, output_names, label_names, nothing, average)

    def update(self, labels: Any, preds: Any) -> None:
        """Take in labels (N, ...) and predictions (N, C, ...); class 1 is positive, any other negative.

        Raises
        ------
        ArgumentError
            There are more than two different labels in an array.
        """
        totals, count = self._nothing, 0
        for label, pred in tensor_pairs(self.name, labels, preds):
            label, classes = _classes(self.name, label, pred)
            if not label.numel():
                continue
            others = (label != label.min()) & (label != label.max())
            cells = torch.bincount((classes == 1).long() * 2 + (label == 1).long(), minlength=4)
            *cells, strange = torch.cat([cells, others.sum().reshape(1)]).tolist()
            if strange:
                raise ArgumentError(f"{self.name}: labels: expected two classes, got more")
            totals, count = totals + Counts(np.reshape(cells, (2, 2))), count + label.numel()
        self._take_in(totals, count)


@register
class F1(_BinaryMetric):
    """The harmonic mean of precision and recall, for two classes of which 1 is positive.

    ::

        2 TP / (2 TP + FP + FN)        0 without any TP

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    average : {'macro', 'micro'}
        Whether `get` is the mean of the updates' scores, or the score of all that was seen.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import F1
    >>> score = F1()
    >>> score.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> score.get()
    ('f1', 0.8)
    """

    def __init__(
        self,
        name: str = "f1",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)

    def _worth(self, totals: Counts) -> float:
        (_, missed), (false, hits) = totals.table.tolist()
        return 2 * hits / (2 * hits + false + missed) if hits else 0.0


@register
class MCC(_BinaryMetric):
    """Matthews' correlation coefficient, for two classes of which 1 is positive.

    ::

        (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))

    Sums that are zero are left out of the root. From -1 (always wrong) over 0 (as good as chance) to 1. Boughorbel,
    Jarray, El-Anbari 2017: useful where one class is rare.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    average : {'macro', 'micro'}
        Whether `get` is the mean of the updates' coefficients, or the coefficient of all that was seen.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import MCC
    >>> coefficient = MCC()
    >>> coefficient.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.7, 0.3], [0, 1], [0.6, 0.4]])])
    >>> coefficient.get()
    ('mcc', 0.5)
    """

    def __init__(
        self,
        name: str = "mcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)

    def _worth(self, totals: Counts) -> float:
        (right, missed), (false, hits) = totals.table.tolist()
        sums = (hits + false, hits + missed, right + false, right + missed)
        return (hits * right - false * missed) / math.sqrt(math.prod(each for each in sums if each))


@register
class PCC(TotalsMetric):
    """Pearson's correlation of predicted and true classes, for any number of them; for two it is `MCC`.

    ::

        cov(x, y) / sqrt(cov(x, x) cov(y, y))        x, y: predictions and labels as one-hot vectors

    NaN where there is a single label or a single prediction.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    has_global_stats : bool
        Whether `get_global` remembers over `reset_local`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import PCC
    >>> correlation = PCC()
    >>> correlation.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.7, 0.3], [0, 1], [0.6, 0.4]])])
    >>> name, value = correlation.get()
    >>> name, round(value, 6)
    ('pcc', 0.5)
    """

    def __init__(
        self,
        name: str = "pcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        has_global_stats: bool = True,
    ) -> None:
        nothing = Counts(np.zeros((1, 1), np.int64))
        super().__init__(name, output_names, label_names, nothing, has_global_stats=has_global_stats)

    def update(self, labels: Any, preds: Any) -> None:
        """Take in labels (N, ...) and predictions (N, C, ...), or (N, ...), which are classes already.

        Raises
        ------
        ArgumentError
            There are negative classes.
        """
        for label, pred in tensor_pairs(self.name, labels, preds):
            if label.shape == pred.shape:
                label, classes = label.reshape(-1).long(), pred.reshape(-1).long()
            else:
                label, classes = _classes(self.name, label, pred)
            if not label.numel():
                continue
            both = torch.stack([classes, label])
            lowest, highest = torch.stack([both.min(), both.max()]).tolist()
            if lowest < 0:
                raise ArgumentError(f"{self.name}: labels and predictions: expected classes from 0, got {lowest}")
            size = highest + 1
            cells = torch.bincount(classes * size + label, minlength=size * size)
            self._take_in(Counts(cells.reshape(size, size).cpu().numpy()), 1)

    def _worth(self, totals: Counts) -> float:
        table = totals.table.astype(np.float64)
        count, predicted, true = table.sum(), table.sum(1), table.sum(0)
        spread = (predicted * (count - predicted)).sum() * (true * (count - true)).sum()
        together = (count * table.diagonal() - predicted * true).sum()
        return float(together / math.sqrt(spread)) if spread else math.nan
