"""Imports every theme, so that the table is full; the one place that names them all."""

from . import (
    control_flow,
    convolution,
    creation,
    ctc,
    custom,
    elementwise,
    indexing,
    linalg,
    loss,
    nn,
    normalization,
    ordering,
    pooling,
    reduce,
    regression,
    rnn,
    sampling,
    sequence,
    shape,
    slicing,
)
from .registry import OPERATORS

__all__ = ["OPERATORS"]

THEMES = (
    control_flow,
    convolution,
    creation,
    ctc,
    custom,
    elementwise,
    indexing,
    linalg,
    loss,
    nn,
    normalization,
    ordering,
    pooling,
    reduce,
    regression,
    rnn,
    sampling,
    sequence,
    shape,
    slicing,
)
"""The modules whose import enters their operators."""
