"""A dense layer and the softmax output after it, as one: the scores of a large vocabulary cost by passes over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from .._reused import reused
from .loss import add_at_labels, counts, cross_entropy_scale, save_with_label, saved_with_label, softmax_output
from .nn import fully_connected
from .registry import operator


class _DenseSoftmax(torch.autograd.Function):
    """Probabilities, and the gradients of the cross entropy; rows whose label is ignored are left out of the latter."""

    @staticmethod
    def forward(
        ctx: Any, data: Tensor, weight: Tensor, bias: Tensor | None, label: Tensor, options: dict[str, Any]
    ) -> Tensor:
        scores = reused((data.shape[0], weight.shape[0]), data)
        if bias is None:
            torch.mm(data, weight.t(), out=scores)
        else:
            torch.addmm(bias, data, weight.t(), out=scores)
        torch.softmax(scores, 1, out=scores)
        save_with_label(ctx, label, data, weight, scores)
        ctx.options = options
        return scores

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *heads: Tensor) -> tuple[Tensor | None, ...]:
        data, weight, probabilities, label = saved_with_label(ctx)
        all_rows = data.shape
        label = label.long()
        counted, rows = counts(label, ctx.options), None
        scale = cross_entropy_scale(label, counted, data.dtype, ctx.options)
        if ctx.options["use_ignore"] and not counted.all():
            rows = counted.nonzero().squeeze(1)
            data, label = data.index_select(0, rows), label.index_select(0, rows)
        gradient = reused((data.shape[0], weight.shape[0]), data)
        if rows is None:
            gradient.copy_(probabilities)
        else:
            torch.index_select(probabilities, 0, rows, out=gradient)
        add_at_labels(gradient, label, 1, -1.0)
        if not (isinstance(scale, float) and scale == 1.0):
            gradient.mul_(scale)
        wants_data, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        d_data = d_weight = None
        if wants_weight:
            d_weight = torch.mm(gradient.t(), data, out=reused(tuple(weight.shape), weight))
        if wants_data:
            d_data = gradient @ weight
            if rows is not None:
                d_data = d_data.new_zeros(all_rows).index_copy_(0, rows, d_data)
        return d_data, d_weight, gradient.sum(0) if wants_bias else None, None, None


@operator("_softmax_output_of_dense", ours=True)
def softmax_output_of_dense(
    *inputs: Tensor,
    num_hidden: int,
    no_bias: bool = False,
    flatten: bool = True,
    grad_scale: float = 1.0,
    ignore_label: float = -1.0,
    multi_output: bool = False,
    use_ignore: bool = False,
    preserve_shape: bool = False,
    normalization: Literal["null", "batch", "valid"] = "null",
    out_grad: bool = False,
    smooth_alpha: float = 0.0,
) -> Tensor:
    """``SoftmaxOutput`` of a ``FullyConnected`` whose scores nobody else reads; attributes as theirs.

    `inputs` are the data, the weight, without `no_bias` the bias, and the labels. Graphs that are to be saved do not
    have it: MXNet knows no such operator.
    """
    data, weight, *bias, label = inputs
    if flatten and data.dim() > 2:
        data = data.flatten(1)
    options = {
        "grad_scale": grad_scale,
        "ignore_label": ignore_label,
        "multi_output": multi_output,
        "use_ignore": use_ignore,
        "preserve_shape": preserve_shape,
        "normalization": normalization,
        "out_grad": out_grad,
        "smooth_alpha": smooth_alpha,
    }
    if multi_output or out_grad or smooth_alpha or not _is_plain(data, weight, bias, label, num_hidden):
        scores = fully_connected(data, weight, *bias, num_hidden=num_hidden, no_bias=no_bias, flatten=flatten)
        return softmax_output(scores, label, **options)
    return _DenseSoftmax.apply(data, weight, bias[0] if bias else None, label, options)


def _is_plain(data: Tensor, weight: Tensor, bias: Sequence[Tensor], label: Tensor, num_hidden: int) -> bool:
    """Rows of numbers and a label for each, on the CPU; all else is left to the two operators, mistakes too."""
    return (
        data.device.type == "cpu"
        and data.dtype in (torch.float32, torch.float64)
        and data.dim() == 2
        and label.shape == data.shape[:1]
        and weight.shape == (num_hidden, data.shape[1])
        and all(each.shape == (num_hidden,) for each in bias)
        and all(each.dtype == data.dtype and each.device == data.device for each in (weight, *bias))
        and not torch.is_autocast_enabled("cpu")
    )
