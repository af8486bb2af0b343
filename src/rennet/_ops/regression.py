"""Losses of regression, which bring their own gradient, and cross entropy as a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from ..base import ShapeError
from .inference import Attrs, Known, complete, unify
from .loss import save_with_label, saved_with_label
from .registry import Operator, operator


class _Regression(torch.autograd.Function):
    """A prediction whose gradient is that of its loss, whatever flows in from above."""

    @staticmethod
    def forward(
        ctx: Any,
        data: Tensor,
        label: Tensor,
        predict: Callable[[Tensor], Tensor],
        slope: Callable[[Tensor], Tensor],
        scale: float,
    ) -> Tensor:
        prediction = predict(data)
        save_with_label(ctx, label, prediction)
        ctx.slope, ctx.scale = slope, scale
        return prediction

    @staticmethod
    def backward(ctx: Any, *heads: Tensor) -> tuple[Tensor | None, ...]:
        prediction, label = saved_with_label(ctx)
        # by MXNet's rule the losses of an instance are averaged and those of a batch summed
        scale = ctx.scale / max(1, label[:1].numel())
        return ctx.slope(prediction - label.reshape(prediction.shape)) * scale, None, None, None, None


def _check_label(name: str, data: Sequence[int], label: Sequence[int]) -> None:
    if prod(label) != prod(data) or label[0] != data[0]:
        raise ShapeError(f"{name}: label: expected shape {tuple(data)}, got {tuple(label)}")


def _label_shape(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, label = unify(ins[0], outs[0]), ins[1]
    if data is not None and (label is None or len(label) == len(data)):
        # a column of predictions goes with a plain list of labels
        label = unify(label, data[:1] if label is None and len(data) == 2 and data[1] == 1 else data)
    if complete(data) and complete(label):
        _check_label(op.name, data, label)
    if data is not None and label is not None and data[0] is None:
        data = (label[0], *data[1:])
    return [data, label], [data]


def _same(x: Tensor) -> Tensor:
    return x.view_as(x)


def _regression(name: str, predict: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor], doc: str) -> None:
    def run(data: Tensor, label: Tensor, *, grad_scale: float = 1.0) -> Tensor:
        _check_label(name, data.shape, label.shape)
        return _Regression.apply(data, label, predict, slope, grad_scale)

    run.__doc__ = f"{doc}, averaged over each instance and times `grad_scale`, whatever flows in from above."
    operator(name, infer=_label_shape)(run)


_regression(
    "LinearRegressionOutput",
    _same,
    _same,
    "The data itself; backwards the gradient of half the squared difference to `label`",
)
_regression(
    "LogisticRegressionOutput",
    torch.sigmoid,
    _same,
    "The sigmoid; backwards the gradient of its cross entropy with `label`",
)
_regression(
    "MAERegressionOutput",
    _same,
    lambda difference: torch.where(difference > 0, 1.0, -1.0).to(difference.dtype),
    "The data itself; backwards the gradient of the absolute difference to `label`",
)


def _cross_entropy_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data, label = ins
    if data is not None:
        label = unify(label, data[:1])
    return [data, label], [unify(outs[0], (1,))]


@operator("softmax_cross_entropy", infer=_cross_entropy_shapes)
def softmax_cross_entropy(data: Tensor, label: Tensor) -> Tensor:
    """The cross entropy of the softmax of ``(N, C)`` data with N labels, summed, of shape ``(1,)``."""
    if data.dim() != 2 or label.shape != data.shape[:1]:
        raise ShapeError(
            f"softmax_cross_entropy: expected a matrix and a label for each row, got shapes {tuple(data.shape)} and "
            f"{tuple(label.shape)}"
        )
    picked = torch.log_softmax(data, 1).gather(1, label.long().clamp(0, data.shape[1] - 1).unsqueeze(1))
    return -picked.sum().reshape(1)
