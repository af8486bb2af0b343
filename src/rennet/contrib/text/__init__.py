"""Numbers and vectors of words. May import rooms 1 to 8."""

from . import embedding, utils, vocab

__all__ = ["embedding", "utils", "vocab"]
