"""Zoneout: in training, each element of a state stays with some probability what it was before the step."""

from __future__ import annotations

from typing import Any


def zoned(F: Any, new: Any, old: Any, rate: float, expectation: bool) -> Any:
    """`new` with some elements of `old`, decided anew each time in training.

    In inference it is `new`, as in MXNet, or with `expectation` the mean over all decisions, as in the paper.
    """
    if rate == 0:
        return new
    # what Dropout leaves of ones: in training 0 or 1/(1-rate), in inference 1
    kept = F.Dropout(F.ones_like(new), p=rate)
    if expectation:
        return old + (kept * (1 - rate)) * (new - old)
    return F.where(kept, new, old)
