"""Operators on padded sequences of differing lengths: axis 0 is time, axis 1 the batch, or the other way by `axis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .inference import Known, given, unify
from .registry import operator


def _inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("data", "sequence_length") if attrs["use_sequence_length"] else ("data",)


def _lengths_from_data(attrs: Mapping[str, Any], ins: list[Known], outs: list[Known]) -> list[Known]:
    data = ins[0]
    if len(ins) == 1 or data is None:
        return ins
    at = 1 - attrs["axis"]
    lengths = unify(ins[1], (data[at],))
    return [(*data[:at], *(lengths or ()), *data[at + 1 :]), lengths]


def _types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return [ins[0], *(ins[0] if kind is None else kind for kind in ins[1:])], [ins[0]]


def _steps(data: Tensor, axis: int) -> Tensor:
    """The step numbers, shaped to broadcast against `data`."""
    shape = [1] * data.dim()
    shape[axis] = data.shape[axis]
    return torch.arange(data.shape[axis], device=data.device).reshape(shape)


def _lengths(sequence_length: Tensor, data: Tensor, axis: int) -> Tensor:
    shape = [1] * data.dim()
    shape[1 - axis] = data.shape[1 - axis]
    return sequence_length.long().reshape(shape)


@operator("SequenceMask", active=_inputs, infer=given(_lengths_from_data), types=_types)
def sequence_mask(
    data: Tensor,
    sequence_length: Tensor | None = None,
    *,
    use_sequence_length: bool = False,
    value: float = 0.0,
    axis: int = 0,
) -> Tensor:
    """`data` with `value` at every step past its sequence's length."""
    if sequence_length is None:
        return data
    past = _steps(data, axis) >= _lengths(sequence_length, data, axis)
    return data.masked_fill(past, value)


@operator("SequenceLast", active=_inputs, infer=given(_lengths_from_data), types=_types)
def sequence_last(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """The last step of each sequence."""
    if sequence_length is None:
        return data.select(axis, -1)
    at = (_lengths(sequence_length, data, axis) - 1).expand([1 if i == axis else n for i, n in enumerate(data.shape)])
    return data.gather(axis, at).squeeze(axis)


@operator("SequenceReverse", active=_inputs, infer=given(_lengths_from_data), types=_types)
def sequence_reverse(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """The steps of each sequence in reverse order; those past its length stay where they are."""
    if sequence_length is None:
        return data.flip(axis)
    steps, lengths = _steps(data, axis), _lengths(sequence_length, data, axis)
    source = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return data.gather(axis, source.expand(data.shape))
