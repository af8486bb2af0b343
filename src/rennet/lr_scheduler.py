"""Learning rates that depend on the number of updates."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

from .base import ArgumentError, one_of

__all__ = ["CosineScheduler", "FactorScheduler", "LRScheduler", "MultiFactorScheduler", "PolyScheduler"]


class LRScheduler:
    """Base of all schedulers; a subclass gives ``__call__(num_update)``.

    Parameters
    ----------
    base_lr : float
        The learning rate from which a scheduler goes on. An optimizer that is given a learning rate of its own
        overwrites it.
    warmup_steps : int
        Number of updates before the schedule proper begins.
    warmup_begin_lr : float
        Learning rate of the first of them.
    warmup_mode : {'linear', 'constant'}
        Whether the warm-up climbs in equal steps towards `base_lr` or stays where it began.
    """

    def __init__(
        self,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        if not isinstance(warmup_steps, int) or warmup_steps < 0:
            raise ArgumentError(f"warmup_steps: expected an integer of at least 0, got {warmup_steps!r}")
        if warmup_begin_lr > base_lr:
            raise ArgumentError(f"warmup_begin_lr: expected at most base_lr ({base_lr}), got {warmup_begin_lr}")
        self.base_lr = base_lr
        self.warmup_steps = warmup_steps
        self.warmup_begin_lr = warmup_begin_lr
        self.warmup_final_lr = base_lr
        self.warmup_mode = one_of("warmup_mode", warmup_mode, ("linear", "constant"))

    def get_warmup_lr(self, num_update: int) -> float:
        """The learning rate of an update that belongs to the warm-up."""
        if num_update >= self.warmup_steps:
            raise ArgumentError(f"num_update: the warm-up has {self.warmup_steps} updates; got number {num_update}")
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        climb = self.warmup_final_lr - self.warmup_begin_lr
        return self.warmup_begin_lr + climb * float(num_update) / float(self.warmup_steps)

    def __call__(self, num_update: int) -> float:
        """The learning rate for update number `num_update`, counted from 1.

        Where parameters were updated different numbers of times, the largest counts.
        """
        raise NotImplementedError(f"{type(self).__name__}: a scheduler must define __call__(num_update)")


class _Decay(LRScheduler, ABC):
    """A schedule that follows the warm-up."""

    def __call__(self, num_update: int) -> float:
        """The learning rate for update number `num_update`, counted from 1."""
        return self.get_warmup_lr(num_update) if num_update < self.warmup_steps else self._decayed(num_update)

    @abstractmethod
    def _decayed(self, num_update: int) -> float:
        """The learning rate after the warm-up."""


def _check_factor(factor: float) -> float:
    if factor > 1:
        raise ArgumentError(f"factor: expected at most 1, so that the learning rate does not grow; got {factor}")
    return factor


class FactorScheduler(_Decay):
    """Multiplies the learning rate by `factor` after every `step` updates.

    ::

        lr = max(base_lr * factor ** floor((num_update - 1) / step), stop_factor_lr)

    It remembers where it is: asked about an earlier update, it answers with the rate it has come to.

    Parameters
    ----------
    step : int
        Updates between two changes.
    factor : float
        At most 1.
    stop_factor_lr : float
        The learning rate never falls below.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode
        See `LRScheduler`.

    Examples
    --------
    >>> from rennet.lr_scheduler import FactorScheduler
    >>> schedule = FactorScheduler(step=2, factor=0.5, base_lr=1.0)
    >>> [schedule(update) for update in range(1, 8)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]
    """

    def __init__(
        self,
        step: int,
        factor: float = 1,
        stop_factor_lr: float = 1e-8,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if step < 1:
            raise ArgumentError(f"step: expected at least 1, got {step}")
        self.step = step
        self.factor = _check_factor(factor)
        self.stop_factor_lr = stop_factor_lr
        self.count = 0

    def _decayed(self, num_update: int) -> float:
        # more than one change may be due: training may go on from a checkpoint
        while num_update > self.count + self.step:
            self.count += self.step
            self.base_lr *= self.factor
            if self.base_lr < self.stop_factor_lr:
                self.base_lr = self.stop_factor_lr
                text = "Update[%d]: now learning rate arrived at %0.5e, will not change in the future"
            else:
                text = "Update[%d]: Change learning rate to %0.5e"
            logging.info(text, num_update, self.base_lr)
        return self.base_lr


class MultiFactorScheduler(_Decay):
    """Multiplies the learning rate by `factor` after each of the given updates.

    ::

        lr = base_lr * factor ** (number of steps that are smaller than num_update)

    It remembers where it is, as `FactorScheduler` does.

    Parameters
    ----------
    step : list of int
        Update numbers, rising.
    factor : float
        At most 1.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode
        See `LRScheduler`.

    Examples
    --------
    >>> from rennet.lr_scheduler import MultiFactorScheduler
    >>> schedule = MultiFactorScheduler(step=[2, 3], factor=0.5, base_lr=1.0)
    >>> [schedule(update) for update in range(1, 6)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    def __init__(
        self,
        step: Sequence[int],
        factor: float = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(step, list | tuple) or not step:
            raise ArgumentError(f"step: expected a list of at least one update number, got {step!r}")
        if step[0] < 1 or any(later <= earlier for earlier, later in pairwise(step)):
            raise ArgumentError(f"step: expected update numbers that rise from at least 1, got {step!r}")
        self.step = step
        self.factor = _check_factor(factor)
        self.cur_step_ind = 0
        self.count = 0

    def _decayed(self, num_update: int) -> float:
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self.base_lr *= self.factor
            logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class _Descent(_Decay):
    """A curve from `base_lr` down to `final_lr` at update `max_update`, where it stays.

    The start is what `base_lr` was at construction: overwriting it later does not change the curve.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float,
        final_lr: float,
        warmup_steps: int,
        warmup_begin_lr: float,
        warmup_mode: str,
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(max_update, int) or max_update < 1:
            raise ArgumentError(f"max_update: expected an integer of at least 1, got {max_update!r}")
        if max_update == warmup_steps:
            raise ArgumentError(f"max_update: expected more updates than the warm-up's {warmup_steps}, got as many")
        self.max_update = max_update
        self.base_lr_orig = base_lr
        self.final_lr = final_lr
        self.max_steps = max_update - warmup_steps

    def _decayed(self, num_update: int) -> float:
        if num_update <= self.max_update:
            height = self._height(num_update - self.warmup_steps)
            self.base_lr = self.final_lr + (self.base_lr_orig - self.final_lr) * height
        return self.base_lr

    @abstractmethod
    def _height(self, step: int) -> float:
        """How much of the descent is left, from 1 to 0."""


class PolyScheduler(_Descent):
    """Descends by a power of the time that is left.

    ::

        lr = final_lr + (base_lr - final_lr) * (1 - step / max_steps) ** pwr

    with ``step = num_update - warmup_steps`` and ``max_steps = max_update - warmup_steps``; afterwards it stays.

    Parameters
    ----------
    max_update : int
        Update at which `final_lr` is reached.
    base_lr : float
        Where it starts.
    pwr : int
        The power.
    final_lr : float
        Where it ends.
    warmup_steps, warmup_begin_lr, warmup_mode
        See `LRScheduler`.

    Examples
    --------
    >>> from rennet.lr_scheduler import PolyScheduler
    >>> schedule = PolyScheduler(max_update=4, base_lr=1.0)
    >>> [schedule(update) for update in range(1, 6)]
    [0.5625, 0.25, 0.0625, 0.0, 0.0]
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        pwr: float = 2,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _height(self, step: int) -> float:
        return pow(1 - float(step) / float(self.max_steps), self.power)


class CosineScheduler(_Descent):
    """Descends by half a cosine wave.

    ::

        lr = final_lr + (base_lr - final_lr) * (1 + cos(pi * step / max_steps)) / 2

    with ``step = num_update - warmup_steps`` and ``max_steps = max_update - warmup_steps``; afterwards it stays.

    Parameters
    ----------
    max_update : int
        Update at which `final_lr` is reached.
    base_lr : float
        Where it starts.
    final_lr : float
        Where it ends.
    warmup_steps, warmup_begin_lr, warmup_mode
        See `LRScheduler`.

    Examples
    --------
    >>> from rennet.lr_scheduler import CosineScheduler
    >>> schedule = CosineScheduler(max_update=4, base_lr=1.0)
    >>> [round(schedule(update), 4) for update in range(1, 6)]
    [0.8536, 0.5, 0.1464, 0.0, 0.0]
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _height(self, step: int) -> float:
        return (1 + math.cos(math.pi * step / self.max_steps)) / 2
