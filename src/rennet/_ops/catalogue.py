"""Imports every theme, so that the table is full; the one place that names them all."""

from . import (
    batch_norm_variants,
    control_flow,
    convolution,
    creation,
    ctc,
    custom,
    deconvolution,
    dense_softmax,
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
    batch_norm_variants,
    control_flow,
    convolution,
    creation,
    ctc,
    custom,
    deconvolution,
    dense_softmax,
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
