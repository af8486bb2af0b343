"""Output layers that bring their own gradient: what flows in from above is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import ShapeError
from .inference import Attrs, Known, Shape, all_alike, to_public, unify
from .registry import Operator, operator


def save_with_label(ctx: Any, label: Tensor, *others: Tensor) -> None:
    """Save tensors for going backwards, which reads what the label's array holds by then: labels may come late.

    A view was made of labels by an operator that MXNet has copy them. That they are written to since must be noticed,
    as everywhere else.
    """
    ctx.label = None if label._is_view() else label.detach()
    ctx.save_for_backward(*others, *([label] if ctx.label is None else []))


def saved_with_label(ctx: Any) -> tuple[Tensor, ...]:
    """The other tensors, and the label."""
    return ctx.saved_tensors if ctx.label is None else (*ctx.saved_tensors, ctx.label)


class _SoftmaxCrossEntropy(torch.autograd.Function):
    """Softmax whose gradient is that of the cross entropy with the labels."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, label: Tensor, axis: int, options: dict[str, Any]) -> Tensor:
        probabilities = torch.softmax(data, axis)
        save_with_label(ctx, label, probabilities)
        ctx.axis, ctx.options = axis, options
        return probabilities

    @staticmethod
    def backward(ctx: Any, *heads: Tensor) -> tuple[Tensor | None, ...]:
        probabilities, label = saved_with_label(ctx)
        gradient = _cross_entropy_gradient(probabilities, label, ctx.axis, ctx.options)
        if ctx.options["out_grad"]:
            gradient.mul_(heads[0])
        return gradient, None, None, None


def _cross_entropy_gradient(probabilities: Tensor, label: Tensor, axis: int, options: dict[str, Any]) -> Tensor:
    scale = options["grad_scale"]
    if label.shape == probabilities.shape:
        return (probabilities - label) * scale
    classes = probabilities.shape[axis]
    # the label's shape without the class axis: it may also come flat
    positions = [size for i, size in enumerate(probabilities.shape) if i != axis % probabilities.dim()]
    label = label.reshape(positions).long()
    others = options["smooth_alpha"] / max(1, classes - 1)
    gradient = probabilities - others
    add_at_labels(gradient, label, axis, others + options["smooth_alpha"] - 1)
    counted = counts(label, options)
    if options["use_ignore"]:
        gradient.mul_(counted.unsqueeze(axis).to(gradient.dtype))
    scale = cross_entropy_scale(label, counted, gradient.dtype, options)
    return gradient if isinstance(scale, float) and scale == 1.0 else gradient.mul_(scale)


def add_at_labels(gradient: Tensor, label: Tensor, axis: int, amount: float) -> None:
    """Add to what is each label's own along the axis of classes; a label that is no class is the label of none."""
    index, classes = label.unsqueeze(axis), gradient.shape[axis]
    known = ((index >= 0) & (index < classes)).to(gradient.dtype)
    gradient.scatter_add_(axis, index.clamp(0, classes - 1), known.mul_(amount))


def counts(label: Tensor, options: Mapping[str, Any]) -> Tensor:
    """Which of the labels, as whole numbers, are not `ignore_label`, of which MXNet takes the whole part too."""
    # torch's conversion has an answer for infinity and NaN
    return label != torch.tensor(options["ignore_label"]).long()


def cross_entropy_scale(
    label: Tensor, counted: Tensor, kind: torch.dtype, options: Mapping[str, Any]
) -> float | Tensor:
    """What the gradient is multiplied by, a tensor of type `kind` or a number; `counted` says which labels count."""
    scale: float = options["grad_scale"]
    if options["normalization"] == "valid":
        return scale / counted.sum().clamp(min=1).to(kind)
    if options["multi_output"] and label.shape[0]:
        scale /= max(1, label[0].numel())
    if options["normalization"] == "batch":
        scale /= max(1, label.shape[0] if options["multi_output"] else label.numel())
    return scale


def _label_shape(data: Known, attrs: Attrs) -> Known:
    if data is None:
        return None
    if not attrs["multi_output"]:
        return data[:-1]
    rest = [size for size in data[2:] if size is not None]
    return (data[0], prod(rest) if len(rest) == len(data) - 2 else None)


def _expect_labels(data: Shape, label: Shape, multi_output: bool, preserve_shape: bool) -> None:
    """Raise unless `label` may go with `data`, as far as both are known.

    It has a class for each position, or a probability for each element. Positions of `multi_output` may be flat, and
    more than two axes that are flattened may have a class a row.
    """
    if multi_output:
        forms = [(data[0], None), (data[0], *data[2:]), (data[0], 1, *data[2:])]
        total = [size for size in data[2:] if size is not None]
        if len(total) == len(data) - 2:
            forms[0] = (data[0], prod(total))
    else:
        forms = [data[:-1], data[:-1] if preserve_shape else data[:1]]
    if not any(_agree(label, form) for form in (*forms, data)):
        raise ShapeError(
            f"SoftmaxOutput: label: expected shape {to_public(forms[0])} for data of shape {to_public(data)}, "
            f"got {to_public(label)}"
        )


def _agree(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(x == y or x is None or y is None for x, y in zip(a, b, strict=True))


def _softmax_output_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data = unify(ins[0], outs[0])
    label = _label_shape(data, attrs) if ins[1] is None else ins[1]
    if data is not None and label is not None:
        _expect_labels(data, label, attrs["multi_output"], attrs["preserve_shape"])
    return [data, label], [data]


@operator("SoftmaxOutput", "Softmax", infer=_softmax_output_shapes)
def softmax_output(
    data: Tensor,
    label: Tensor,
    *,
    grad_scale: float = 1.0,
    ignore_label: float = -1.0,
    multi_output: bool = False,
    use_ignore: bool = False,
    preserve_shape: bool = False,
    normalization: Literal["null", "batch", "valid"] = "null",
    out_grad: bool = False,
    smooth_alpha: float = 0.0,
) -> Tensor:
    """Softmax forwards; backwards the gradient of the cross entropy with `label`, whatever flows in from above.

    Classes lie along the last axis of the flattened ``(N, C)`` data, along the last axis with `preserve_shape`, along
    axis 1 with `multi_output`. Positions labelled `ignore_label` get no gradient when `use_ignore` is set.
    `normalization` divides by the batch size or by the number of positions that are not ignored.
    """
    _expect_labels(tuple(data.shape), tuple(label.shape), multi_output, preserve_shape)
    options = {
        "grad_scale": grad_scale,
        "ignore_label": ignore_label,
        "multi_output": multi_output,
        "use_ignore": use_ignore,
        "normalization": normalization,
        "out_grad": out_grad,
        "smooth_alpha": smooth_alpha,
    }
    if multi_output:
        return _SoftmaxCrossEntropy.apply(data, label, 1, options)
    if preserve_shape or data.dim() == 2:
        return _SoftmaxCrossEntropy.apply(data, label, data.dim() - 1, options)
    if label.shape == data.shape:
        label = label.flatten(1)
    elif data.requires_grad and label.numel() != data.shape[0]:
        raise ShapeError(
            f"SoftmaxOutput: data of shape {tuple(data.shape)} has one label a row unless preserve_shape or "
            f"multi_output is set: expected label shape {tuple(data.shape[:1])}, got {tuple(label.shape)}"
        )
    return _SoftmaxCrossEntropy.apply(data.flatten(1), label, 1, options).reshape(data.shape)


class _OwnGradient(torch.autograd.Function):
    """The identity, whose gradient is a constant."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, scale: float) -> Tensor:
        ctx.scale, ctx.shape = scale, data.shape
        return data.view_as(data)

    @staticmethod
    def backward(ctx: Any, *heads: Tensor) -> tuple[Tensor, None]:
        return torch.full_like(heads[0], ctx.scale), None


@operator("MakeLoss", infer=all_alike)
def make_loss(
    data: Tensor,
    *,
    grad_scale: float = 1.0,
    valid_thresh: float = 0.0,
    normalization: Literal["null", "batch", "valid"] = "null",
) -> Tensor:
    """Declares `data` a loss: itself forwards, and backwards a gradient of `grad_scale` for every element.

    `normalization` divides by the batch size, or by the number of elements above `valid_thresh`.
    """
    scale = grad_scale
    if normalization == "batch":
        scale /= data.shape[0]
    elif normalization == "valid":
        scale /= max(1, int((data > valid_thresh).sum()))
    return _OwnGradient.apply(data, scale)


@operator("make_loss", outputs=lambda attrs: ("loss",), infer=all_alike)
def make_loss_plain(data: Tensor) -> Tensor:
    """Declares `data` a loss: itself forwards, a gradient of one for every element backwards."""
    return _OwnGradient.apply(data, 1.0)
