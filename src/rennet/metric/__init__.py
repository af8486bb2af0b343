"""Metrics: what a model's outputs are worth, accumulated over batches. May import rooms 1 to 7 and `registry`.

A metric computes on the device and brings one number, or a few, to the host for each update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .classification import F1, MCC, PCC, TopKAccuracy
from .compositions import CompositeEvalMetric, CustomMetric, create
from .contract import EvalMetric, alias, check_label_shapes, register
from .measures import Accuracy, CrossEntropy, Loss, NegativeLogLikelihood, Perplexity
from .regression import MAE, MSE, RMSE, PearsonCorrelation

__all__ = [
    "F1",
    "MAE",
    "MCC",
    "MSE",
    "PCC",
    "RMSE",
    "Accuracy",
    "CompositeEvalMetric",
    "CrossEntropy",
    "CustomMetric",
    "EvalMetric",
    "Loss",
    "NegativeLogLikelihood",
    "PearsonCorrelation",
    "Perplexity",
    "TopKAccuracy",
    "alias",
    "check_label_shapes",
    "create",
    "np",
    "register",
]


def np(
    numpy_feval: Callable[[Any, Any], Any], name: str | None = None, allow_extra_outputs: bool = False
) -> CustomMetric:
    """A `CustomMetric` of a function of NumPy arrays.

    Parameters
    ----------
    numpy_feval : callable
        Takes a label and a prediction; returns a value, or a pair of a sum and a number.
    name : str, optional
        By default the function's.
    allow_extra_outputs : bool
        Whether there may be more predictions than labels.
    """
    return CustomMetric(numpy_feval, name, allow_extra_outputs)
