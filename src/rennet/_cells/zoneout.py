"""Zoneout: in training, each element of a state stays with some probability what it was before the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..symbol import Symbol


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


def zoned_step(
    F: Any,
    output: Any,
    new: Sequence[Any],
    old: Sequence[Any],
    before: Any,
    output_rate: float,
    state_rate: float,
    expectation: bool,
) -> tuple[Any, list[Any]]:
    """What a step gave, with zoneout.

    Where a state is also the output, the two stay one, and one decision applies to both: at the output's rate, or at
    the states' where that is 0. Every other state has decisions of its own.

    Parameters
    ----------
    F : module
        ``nd`` or ``sym``.
    output, new
        What the step gave: its output, and the states after it.
    old
        The states before it.
    before
        The output of the step before it, used where the output is no state; None at the first step stands for zeros.
    output_rate, state_rate : float
        Probabilities with which an element stays what it was.
    expectation : bool
        See `zoned`.
    """
    hidden = next((place for place, state in enumerate(new) if are_one(state, output)), None)
    rates = [state_rate] * len(new)
    if hidden is not None:
        rates[hidden] = output_rate or state_rate
    states = [zoned(F, fresh, stale, rate, expectation) for fresh, stale, rate in zip(new, old, rates, strict=True)]
    if hidden is not None:
        return states[hidden], states
    if output_rate:
        output = zoned(F, output, F.zeros_like(output) if before is None else before, output_rate, expectation)
    return output, states


def are_one(first: Any, second: Any) -> bool:
    """Are the two arrays or symbols one and the same, though perhaps in two wrappings."""
    if isinstance(first, Symbol):
        return first._outputs == second._outputs
    return first is second or first._tensor is second._tensor
