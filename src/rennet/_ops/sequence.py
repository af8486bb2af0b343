"""Operators on padded sequences of differing lengths: axis 0 is time, axis 1 the batch, or the other way by `axis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError, ShapeError
from .inference import Attrs, Known, given, to_public, unify
from .registry import Check, Operator, operator


def _inputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("data", "sequence_length") if attrs["use_sequence_length"] else ("data",)


def _lengths_from_data(attrs: Mapping[str, Any], ins: list[Known], outs: list[Known]) -> list[Known]:
    data = ins[0]
    if len(ins) == 1 or data is None:
        return ins
    at = 1 - attrs["axis"]
    lengths = unify(ins[1], (data[at],))
    return [(*data[:at], *(lengths or ()), *data[at + 1 :]), lengths]


_from_data = given(_lengths_from_data)


def _types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return [ins[0], *(ins[0] if kind is None else kind for kind in ins[1:])], [ins[0]]


def _time_axis(operator: str) -> Check:
    """A check that the axis of time is one of the first two."""

    def check(attrs: Mapping[str, Any]) -> None:
        if attrs["axis"] not in (0, 1):
            raise ArgumentError(f"{operator}: attribute axis: expected 0 or 1, that of time; got {attrs['axis']}")

    return check


def _check_rank(operator: str, shape: Sequence[int | None]) -> None:
    if len(shape) < 2:
        raise ShapeError(
            f"{operator}: data: expected at least 2 axes, time and batch; got shape {to_public(tuple(shape))}"
        )


def _shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    if ins[0] is not None:
        _check_rank(op.name, ins[0])
    return _from_data(op, attrs, ins, outs)


def _steps(data: Tensor, axis: int) -> Tensor:
    """The step numbers, shaped to broadcast against `data`."""
    shape = [1] * data.dim()
    shape[axis] = data.shape[axis]
    return torch.arange(data.shape[axis], device=data.device).reshape(shape)


def _lengths(sequence_length: Tensor, data: Tensor, axis: int) -> Tensor:
    shape = [1] * data.dim()
    shape[1 - axis] = data.shape[1 - axis]
    return sequence_length.long().reshape(shape)


@operator("SequenceMask", active=_inputs, infer=_shapes, types=_types, check=_time_axis("SequenceMask"))
def sequence_mask(
    data: Tensor,
    sequence_length: Tensor | None = None,
    *,
    use_sequence_length: bool = False,
    value: float = 0.0,
    axis: int = 0,
) -> Tensor:
    """`data` with `value` at every step past its sequence's length."""
    _check_rank("SequenceMask", data.shape)
    if sequence_length is None:
        return data
    past = _steps(data, axis) >= _lengths(sequence_length, data, axis)
    return data.masked_fill(past, value)


@operator("SequenceLast", active=_inputs, infer=_shapes, types=_types, check=_time_axis("SequenceLast"))
def sequence_last(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """The last step of each sequence."""
    _check_rank("SequenceLast", data.shape)
    if sequence_length is None:
        return data.select(axis, -1)
    at = (_lengths(sequence_length, data, axis) - 1).expand([1 if i == axis else n for i, n in enumerate(data.shape)])
    return data.gather(axis, at).squeeze(axis)


@operator("SequenceReverse", active=_inputs, infer=_shapes, types=_types, check=_time_axis("SequenceReverse"))
def sequence_reverse(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """The steps of each sequence in reverse order; those past its length stay where they are."""
    _check_rank("SequenceReverse", data.shape)
    if sequence_length is None:
        return data.flip(axis)
    steps, lengths = _steps(data, axis), _lengths(sequence_length, data, axis)
    source = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return data.gather(axis, source.expand(data.shape))
