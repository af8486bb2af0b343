"""Connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as torch_nn
from torch import Tensor

from ..base import ShapeError
from .inference import Attrs, Known, unify
from .registry import Operator, first_type, operator


def _inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    lengths = [key for key in ("data_lengths", "label_lengths") if attrs[f"use_{key}"]]
    return ["data", "label", *lengths]


def _shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, label = ins[:2]
    batch = unify(outs[0], None if data is None else data[1:2])
    batch = unify(batch, None if label is None else label[:1])
    for lengths in ins[2:]:
        batch = unify(batch, lengths)
    if batch is not None:
        data = None if data is None else (data[0], batch[0], *data[2:])
        label = None if label is None else (batch[0], *label[1:])
    return [data, label, *[batch] * (len(ins) - 2)], [batch]


@operator(
    "CTCLoss",
    "ctc_loss",
    "_contrib_CTCLoss",
    "_contrib_ctc_loss",
    active=_inputs,
    outputs=lambda attrs: ("output0",),
    hidden_outputs=1,
    infer=_shapes,
    types=first_type,
)
def ctc_loss(
    data: Tensor,
    label: Tensor,
    data_lengths: Tensor | None = None,
    label_lengths: Tensor | None = None,
    *,
    use_data_lengths: bool = False,
    use_label_lengths: bool = False,
    blank_label: Literal["first", "last"] = "first",
) -> Tensor:
    """The loss of each sequence, of shape ``(N,)``, for scores ``(T, N, C)`` before the softmax and labels ``(N, L)``.

    The blank is class 0 and padding of labels is 0, or, with `blank_label` ``'last'``, class ``C - 1`` and -1. Lengths
    of sequences and labels, of shape ``(N,)``, count only if asked for; without them labels end at the padding.
    """
    if data.dim() != 3 or label.dim() != 2 or label.shape[0] != data.shape[1]:
        raise ShapeError(
            f"CTCLoss: expected data (T, N, C) and labels (N, L), got shapes {tuple(data.shape)} and "
            f"{tuple(label.shape)}"
        )
    steps, batch, classes = data.shape
    for key, lengths in (("data_lengths", data_lengths), ("label_lengths", label_lengths)):
        if lengths is not None and lengths.shape != (batch,):
            raise ShapeError(f"CTCLoss: {key}: expected shape {(batch,)}, got {tuple(lengths.shape)}")
    first = blank_label == "first"
    if data.is_meta:
        return data[0, :, 0]
    targets = label.long()
    if label_lengths is None:
        ends = (targets == (0 if first else -1)).cumsum(1) > 0
        targets_lengths = (~ends).sum(1)
    else:
        targets_lengths = label_lengths.long()
    steps_each = data.new_full((batch,), steps, dtype=torch.int64) if data_lengths is None else data_lengths.long()
    return torch_nn.ctc_loss(
        torch.log_softmax(data, 2),
        targets.clamp(0, classes - 1),
        steps_each,
        targets_lengths,
        blank=0 if first else classes - 1,
        reduction="none",
    )
