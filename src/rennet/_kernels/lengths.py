"""Sequence lengths: checked wherever they have values to look at."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor
from torch._subclasses.fake_tensor import FakeTensor

from ..base import ArgumentError, ShapeError


def check_form(lengths: Tensor, batch: int) -> None:
    """Are they a number for each sequence."""
    if not isinstance(lengths, Tensor):
        raise ArgumentError(f"RNN: sequence_length: expected a tensor, got {type(lengths).__name__}")
    if lengths.shape != (batch,):
        raise ShapeError(f"RNN: sequence_length: expected shape ({batch},), got {tuple(lengths.shape)}")
    if lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise ArgumentError(f"RNN: sequence_length: expected whole numbers, got {lengths.dtype}")


def whole(lengths: Tensor, steps: int) -> Tensor:
    """The lengths as int64, each of them a whole number in ``[0, steps]``.

    Only where there are no numbers yet (in a tracer, on the meta device) or too many (mapped over by vmap) are they
    taken as they are.
    """
    found = lengths.to(torch.int64)
    blank = lengths.is_meta or isinstance(lengths, FakeTensor) or is_batchedtensor(lengths)
    if lengths.shape[0] and not blank:
        wrong = (found < 0) | (found > steps) | (found != lengths)
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ArgumentError(
                f"RNN: sequence_length: expected whole numbers in [0, {steps}], got {lengths[row].item()} in row {row}"
            )
    return found
