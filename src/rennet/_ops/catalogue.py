"""Imports every theme, so that the table is full; the one place that names them all."""

from . import creation, elementwise, indexing, loss, nn, reduce, rnn, sequence, shape
from .registry import OPERATORS

__all__ = ["OPERATORS"]

THEMES = (creation, elementwise, indexing, loss, nn, reduce, rnn, sequence, shape)
"""The modules whose import enters their operators."""
