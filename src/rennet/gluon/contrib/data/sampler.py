"""IntervalSampler: every n-th sample."""

from __future__ import annotations

from collections.abc import Iterator

from ....base import ArgumentError, is_whole
from ...data.sampler import Sampler, checked_length


class IntervalSampler(Sampler):
    """Every `interval`-th number from 0 to before `length`; then, rolling over, those that were passed by.

    Parameters
    ----------
    length : int
        How many numbers there are.
    interval : int
        From one to the next; at most `length`.
    rollover : bool
        Whether to start again from 1, from 2, and so on until each number has come.

    Raises
    ------
    ArgumentError
        `length` is negative, or `interval` not from 1 to `length`.

    Examples
    --------
    >>> list(IntervalSampler(7, 3))
    [0, 3, 6, 1, 4, 2, 5]
    >>> list(IntervalSampler(7, 3, rollover=False))
    [0, 3, 6]
    """

    def __init__(self, length: int, interval: int, rollover: bool = True) -> None:
        self._length = checked_length("IntervalSampler", length)
        if not is_whole(interval, 1) or interval > length:
            raise ArgumentError(
                f"IntervalSampler: interval: expected a whole number from 1 to length, {length}; got {interval!r}"
            )
        self._interval = int(interval)
        self._rollover = rollover

    def __iter__(self) -> Iterator[int]:
        for start in range(self._interval if self._rollover else 1):
            yield from range(start, self._length, self._interval)

    def __len__(self) -> int:
        return self._length if self._rollover else -(-self._length // self._interval)
