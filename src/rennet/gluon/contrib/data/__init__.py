"""Further samplers, and data sets of text. May import what gluon may."""

from . import text
from .sampler import IntervalSampler

__all__ = ["IntervalSampler", "text"]
