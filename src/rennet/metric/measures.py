"""The measures: one tensor computation for each batch, and one trip of a few numbers to the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError, ShapeError
from .contract import EvalMetric, alias, listed, register, tensor_pairs


@register
@alias("acc")
class Accuracy(EvalMetric):
    """How often the most likely class is the label.

    Parameters
    ----------
    axis : int
        Axis of the predictions that counts the classes. Predictions of the label's shape are classes already.
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import Accuracy
    >>> accuracy = Accuracy()
    >>> accuracy.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> accuracy.get()
    ('accuracy', 0.6666666666666666)
    """

    def __init__(
        self,
        axis: int = 1,
        name: str = "accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names, axis=axis, has_global_stats=True)
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Count the hits; labels (N, ...), predictions (N, C, ...) or (N, ...)."""
        for label, pred in tensor_pairs(self.name, labels, preds):
            classes = pred if pred.shape == label.shape else pred.argmax(self.axis)
            if classes.numel() != label.numel():
                got = f"{tuple(label.shape)} for {tuple(pred.shape)}"
                raise ShapeError(f"{self.name}: expected one label for each distribution, got {got}")
            # both as integers, which cuts off fractions
            hits = classes.reshape(-1).int() == label.reshape(-1).int()
            self._add(hits.sum(), hits.numel())


def _picked(name: str, pred: Tensor, label: Tensor, axis: int) -> Tensor:
    """Each label's probability, flat, in double precision; labels that are no class take the nearest."""
    classes = pred.shape[axis]
    if label.numel() * classes != pred.numel():
        got = f"{tuple(label.shape)} for {tuple(pred.shape)}"
        raise ShapeError(f"{name}: expected one label for each distribution over {classes} classes, got {got}")
    index = label.reshape(-1, 1).long().clamp_(0, classes - 1)
    return pred.movedim(axis, -1).reshape(-1, classes).gather(1, index).reshape(-1).double()


@register
class Perplexity(EvalMetric):
    """The exponential of the mean negative logarithm of the labels' probabilities.

    ::

        exp(-mean(log(max(pred[label], 1e-10))))        over all labels but ignore_label

    Parameters
    ----------
    ignore_label : int or None
        A label that does not count, such as padding.
    axis : int
        Axis of the predictions that counts the classes.
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import Perplexity
    >>> perplexity = Perplexity(ignore_label=None)
    >>> perplexity.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> name, value = perplexity.get()
    >>> name, round(value, 6)
    ('perplexity', 1.771098)
    """

    def __init__(
        self,
        ignore_label: int | None,
        axis: int = -1,
        name: str = "perplexity",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names, ignore_label=ignore_label, axis=axis, has_global_stats=True)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Take in probabilities (N, C), or with more axes, and as many labels, of any shape."""
        for label, pred in tensor_pairs(self.name, labels, preds):
            loss = _picked(self.name, pred, label, self.axis).clamp_(min=1e-10).log_().neg_()
            if self.ignore_label is None:
                self._add(loss.sum(), loss.numel())
                continue
            ignored = label.reshape(-1) == self.ignore_label
            total, left_out = torch.stack([loss.masked_fill_(ignored, 0.0).sum(), ignored.sum()]).tolist()
            self._add(total, loss.numel() - int(left_out))

    def _value(self, total: float, count: float) -> float:
        return math.exp(total / count) if count else math.nan


class _LogLoss(EvalMetric):
    """The mean of ``-log(pred[label] + eps)``, known by two names."""

    def __init__(
        self, eps: float, name: str, output_names: Sequence[str] | None, label_names: Sequence[str] | None
    ) -> None:
        super().__init__(name, output_names, label_names, eps=eps, has_global_stats=True)
        self.eps = eps

    def update(self, labels: Any, preds: Any) -> None:
        """Take in probabilities (N, C) and N labels."""
        for label, pred in tensor_pairs(self.name, labels, preds):
            loss = (_picked(self.name, pred, label, 1) + self.eps).log_().neg_()
            total, lowest, highest = torch.stack([loss.sum(), label.min(), label.max()]).tolist()
            if lowest < 0 or highest >= pred.shape[1]:
                raise ArgumentError(
                    f"{self.name}: labels: expected 0 to {pred.shape[1] - 1}, got {lowest:g} to {highest:g}"
                )
            self._add(total, label.numel())


@register
@alias("ce")
class CrossEntropy(_LogLoss):
    """The mean negative logarithm of the labels' probabilities: ``-mean(log(pred[label] + eps))``.

    Parameters
    ----------
    eps : float
        Keeps the logarithm finite.
    name, output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.metric import CrossEntropy
    >>> entropy = CrossEntropy()
    >>> entropy.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> name, value = entropy.get()
    >>> name, round(value, 6)
    ('cross-entropy', 0.571599)
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "cross-entropy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
class NegativeLogLikelihood(_LogLoss):
    """The same number as `CrossEntropy`, under the name ``nll-loss``.

    Parameters
    ----------
    eps : float
        Keeps the logarithm finite.
    name, output_names, label_names
        See `EvalMetric`.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "nll-loss",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
class Loss(EvalMetric):
    """The mean of the outputs themselves, for graphs whose output is the loss.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    """

    def __init__(
        self,
        name: str = "loss",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names, has_global_stats=True)

    def update(self, labels: Any, preds: Any) -> None:
        """Take in losses; labels are not looked at."""
        for pred in listed(preds):
            self._add(pred.tensor.detach().sum(dtype=torch.float64), pred.size)
