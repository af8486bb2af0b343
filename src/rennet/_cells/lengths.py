"""Sequences of several lengths in one batch, padded to the longest; see `sequences` for their two forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ndarray
from ..base import ArgumentError, ShapeError, shown
from ..ndarray import NDArray
from ..symbol import Symbol
from .sequences import as_merged, as_steps, time_axis


def as_lengths(length: int | None, valid_length: Any, like: Any, rows: int) -> Any:
    """`valid_length` as an array or symbol ``(N,)``; None stays None.

    Parameters
    ----------
    length : int, optional
        How many steps there are, padding included.
    valid_length
        Symbol, NDArray, NumPy array or sequence of numbers, of any type.
    like : NDArray or Symbol
        Some of the inputs.
    rows : int
        How many sequences there are, if `like` is an array.

    Raises
    ------
    ShapeError
        If it has another shape.
    ArgumentError
        If a length is below 0 or above `length`, as far as that can be seen without waiting for a GPU.
    """
    if valid_length is None:
        return None
    if isinstance(like, Symbol) or isinstance(valid_length, Symbol):
        if isinstance(like, Symbol) and isinstance(valid_length, Symbol):
            return valid_length
        kind = "a Symbol" if isinstance(like, Symbol) else "numbers"
        raise ArgumentError(f"unroll: valid_length: expected {kind}, as the inputs are; got {shown(valid_length)}")
    if not isinstance(valid_length, NDArray):
        valid_length = np.asarray(valid_length)
    if valid_length.shape != (rows,):
        raise ShapeError(
            f"unroll: valid_length: expected shape {(rows,)}, one number for each sequence; got {valid_length.shape}"
        )
    on_gpu = isinstance(valid_length, NDArray) and valid_length.context.device_type != "cpu"
    numbers = None if on_gpu else valid_length.asnumpy() if isinstance(valid_length, NDArray) else valid_length
    if numbers is not None and numbers.size and (numbers.min() < 0 or (length is not None and numbers.max() > length)):
        raise ArgumentError(f"unroll: valid_length: expected numbers from 0 to {length}, got {numbers.tolist()}")
    if numbers is not None and (numbers != np.floor(numbers)).any():
        raise ArgumentError(f"unroll: valid_length: expected whole numbers, got {numbers.tolist()}")
    if isinstance(valid_length, NDArray):
        return valid_length.as_in_context(like.context).astype("int32")
    return ndarray.array(valid_length, ctx=like.context, dtype="int32")


def masked(F: Any, length: int | None, sequence: Any, layout: str, lengths: Any) -> Any:
    """The sequence as one array or symbol, with 0 past each length."""
    merged = as_merged(F, length, sequence, layout, stacked=True)
    return F.SequenceMask(merged, sequence_length=lengths, use_sequence_length=True, axis=time_axis(layout))


def last_states(F: Any, history: Sequence[Sequence[Any]], lengths: Any, name: str) -> list[Any]:
    """Each state after the last step of its sequence; `name` is that of a node which counts the first state too.

    `history` holds the states before the first step and after every step, so that a sequence without any keeps those
    that it began with.
    """
    # with a name of its own, so that automatic names are counted as in MXNet, which has no such node
    places = F._internal._plus_scalar(lengths, scalar=1, name=name)
    return [
        F.SequenceLast(F.stack(*states, axis=0), sequence_length=places, use_sequence_length=True, axis=0)
        for states in zip(*history, strict=True)
    ]


def backwards(F: Any, steps: Sequence[Any], lengths: Any) -> list[Any]:
    """The steps in reverse order; padding, if there are `lengths`, stays behind."""
    if lengths is None:
        return list(steps)[::-1]
    merged = F.SequenceReverse(F.stack(*steps, axis=0), sequence_length=lengths, use_sequence_length=True)
    return as_steps(F, len(steps), merged, "TN")
