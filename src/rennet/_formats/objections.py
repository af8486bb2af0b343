"""What is wrong with a file but does no harm: an error to the strict, a warning to others."""

from __future__ import annotations

import warnings

from ..base import FormatError

__all__ = ["object_to"]


def object_to(error: FormatError, strict: bool) -> None:
    """Raise `error` when `strict`, warn with its text otherwise."""
    if strict:
        raise error
    warnings.warn(str(error), stacklevel=4)
