"""Sequences in their two forms, one array with a time axis or a list of steps, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import ArgumentError, expect_whole
from ..ndarray import NDArray
from ..symbol import Symbol


def time_axis(layout: str) -> int:
    """Where time is: 1 in ``NTC``, 0 in ``TNC``."""
    if not isinstance(layout, str) or sorted(layout) != sorted(set(layout)) or not {"T", "N"} <= set(layout):
        raise ArgumentError(f"layout: expected a word such as 'NTC' or 'TNC', with one T and one N; got {layout!r}")
    return layout.index("T")


def is_merged(sequence: Any) -> bool:
    """Is it one array or symbol, not a list of steps."""
    return isinstance(sequence, Symbol | NDArray)


def as_steps(F: Any, length: int | None, sequence: Any, layout: str, splitter: str = "split") -> list[Any]:
    """The steps, each without the time axis; they are named by what the operator is called, the `splitter`."""
    axis = expect_steps(length, sequence, layout)
    if is_merged(sequence):
        parts = getattr(F, splitter)(sequence, axis=axis, num_outputs=length, squeeze_axis=1)
        return [parts] if isinstance(parts, NDArray) else list(parts)
    return list(sequence)


def expect_steps(length: int | None, sequence: Any, layout: str) -> int:
    """The time axis of a sequence that has `length` steps; raises if it is none or has another number of them."""
    axis = time_axis(layout)
    if not is_merged(sequence):
        _checked(length, sequence)
        return axis
    expect_whole("unroll: length", length, 1)
    if isinstance(sequence, Symbol) and len(sequence.list_outputs()) != 1:
        raise ArgumentError(
            f"unroll: inputs: expected one symbol or a list of {length}, got a symbol with "
            f"{len(sequence.list_outputs())} outputs; list(inputs) makes a list of them"
        )
    if isinstance(sequence, NDArray) and sequence.shape[axis] != length:
        raise ArgumentError(
            f"unroll: length is {length}, but inputs of shape {sequence.shape} have {sequence.shape[axis]} steps"
        )
    return axis


def as_merged(F: Any, length: int | None, sequence: Any, layout: str, stacked: bool = False) -> Any:
    """One array or symbol with a time axis, of steps that are concatenated or, as Gluon has it, stacked."""
    axis = time_axis(layout)
    if is_merged(sequence):
        _expect_length(length)
        return sequence
    if stacked:
        return F.stack(*_checked(length, sequence), axis=axis)
    steps = [F.expand_dims(step, axis=axis) for step in _checked(length, sequence)]
    return F.Concat(*steps, dim=axis)


def in_form(F: Any, length: int | None, sequence: Any, layout: str, merge: bool | None, stacked: bool = False) -> Any:
    """Merged if `merge`, steps if it is False, as it comes if None."""
    if merge is None:
        _expect_length(length)
        return sequence if is_merged(sequence) else _checked(length, sequence)
    return as_merged(F, length, sequence, layout, stacked) if merge else as_steps(F, length, sequence, layout)


def _expect_length(length: int | None) -> None:
    """None is a length too, where nothing depends on it."""
    if length is not None:
        expect_whole("unroll: length", length, 1)


def _checked(length: int | None, sequence: Any) -> list[Any]:
    _expect_length(length)
    if sequence is None:
        raise ArgumentError("unroll: inputs: expected a symbol or a list of symbols, got None")
    if not isinstance(sequence, Sequence):
        raise ArgumentError(f"unroll: inputs: expected a symbol or a list of symbols, got {type(sequence).__name__}")
    if length is not None and len(sequence) != length:
        raise ArgumentError(f"unroll: length is {length}, but inputs has {len(sequence)} steps")
    return list(sequence)
