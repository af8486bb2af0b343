"""EvalMetric: the contract between training and a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .. import registry
from ..base import ArgumentError, ShapeError
from ..ndarray import NDArray

NameAndValue = tuple[Any, Any]


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Labels and predictions, if there are as many of the one as of the other.

    Parameters
    ----------
    labels, preds : NDArray or list of NDArray
        What to compare.
    wrap : bool
        Whether a single array becomes a list of one.
    shape : bool
        Whether to compare shapes, rather than lengths.

    Raises
    ------
    ShapeError
        If they differ.
    """
    ours, theirs = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if ours != theirs:
        what = "shape" if shape else "number"
        raise ShapeError(f"metric: expected labels and predictions of the same {what}, got {ours} and {theirs}")
    return (listed(labels), listed(preds)) if wrap else (labels, preds)


def listed(arrays: Any) -> Any:
    """A list of one from a single array."""
    return [arrays] if isinstance(arrays, NDArray) else arrays


def tensor_pairs(name: str, labels: Any, preds: Any) -> list[tuple[Tensor, Tensor]]:
    """Pairs of label and prediction, on the latter's device; `name` is the metric's."""
    labels, preds = listed(labels), listed(preds)
    if len(labels) != len(preds):
        raise ShapeError(f"{name}: expected as many labels as predictions, got {len(labels)} and {len(preds)}")
    pairs = zip(labels, preds, strict=True)
    return [(label.tensor.detach().to(pred.tensor.device), pred.tensor.detach()) for label, pred in pairs]


class EvalMetric:
    """Base of all metrics: a sum and the number of things it was taken over, whose quotient is the value.

    A metric of one's own overrides `update` and there adds to the attributes `sum_metric` and `num_inst` (and to
    `global_sum_metric` and `global_num_inst`, if it passes ``has_global_stats=True``).

    Parameters
    ----------
    name : str
        What the value is called.
    output_names, label_names : list of str, optional
        Which of the named arrays `update_dict` takes; all by default.
    **kwargs
        The subclass's own arguments, for `get_config`.
    """

    def __init__(
        self,
        name: str,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self) -> dict[str, Any]:
        """What `create` needs to make this metric anew: ``create(**metric.get_config())``."""
        return {
            **self._kwargs,
            "metric": type(self).__name__,
            "name": self.name,
            "output_names": self.output_names,
            "label_names": self.label_names,
        }

    def update_dict(self, label: Mapping[str, NDArray], pred: Mapping[str, NDArray]) -> None:
        """Take in one batch, whose arrays have names; see `output_names` and `label_names`."""
        self.update(_chosen("label", label, self.label_names), _chosen("output", pred, self.output_names))

    def update(self, labels: Any, preds: Any) -> None:
        """Take in one batch.

        Parameters
        ----------
        labels, preds : list of NDArray
            Labels and the outputs that belong to them.
        """
        raise NotImplementedError(f"{type(self).__name__}: a metric must define update(labels, preds)")

    def _add(self, value: Any, count: Any) -> None:
        """Add to the sum and the number, both kinds, as Python numbers."""
        value, count = (each.item() if hasattr(each, "item") else each for each in (value, count))
        self.sum_metric += value
        self.global_sum_metric += value
        self.num_inst += count
        self.global_num_inst += count

    def reset(self) -> None:
        """Forget everything."""
        self.global_num_inst = 0
        self.global_sum_metric = 0.0
        self.num_inst = 0
        self.sum_metric = 0.0

    def reset_local(self) -> None:
        """Forget what `get` answers, but not what `get_global` does."""
        self.num_inst = 0
        self.sum_metric = 0.0

    def _value(self, total: float, count: float) -> Any:
        """The value that a sum and a number give."""
        return total / count if count else math.nan

    def get(self) -> NameAndValue:
        """Name and value since the last reset of either kind; NaN if there was nothing to measure."""
        return self.name, self._value(self.sum_metric, self.num_inst)

    def get_global(self) -> NameAndValue:
        """Name and value since the last `reset`, where the metric keeps these."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self._value(self.global_sum_metric, self.global_num_inst)

    def get_name_value(self) -> list[tuple[str, float]]:
        """`get` as a list of pairs."""
        return _pairs(self.get())

    def get_global_name_value(self) -> list[tuple[str, float]]:
        """`get_global` as a list of pairs."""
        return _pairs(self.get_global())


def _chosen(what: str, arrays: Mapping[str, NDArray], names: Sequence[str] | None) -> list[NDArray]:
    if names is None:
        return list(arrays.values())
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ArgumentError(f"metric: {what}_names: no {what} is called {missing}; there are {list(arrays)}")
    return [arrays[name] for name in names]


def _pairs(answer: NameAndValue) -> list[tuple[str, float]]:
    names, values = answer
    return list(zip(*(each if isinstance(each, list) else [each] for each in (names, values)), strict=True))


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
