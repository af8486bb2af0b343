"""What `fit` calls at the end of a batch or an epoch: logging and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from .base import ArgumentError
from .model import BatchEndParam, Prefix, save_checkpoint
from .ndarray import NDArray
from .symbol import Symbol

__all__ = [
    "LogValidationMetricsCallback",
    "ProgressBar",
    "Speedometer",
    "do_checkpoint",
    "log_train_metric",
    "module_checkpoint",
]


def do_checkpoint(prefix: Prefix, period: int = 1) -> Callable[..., None]:
    """For `epoch_end_callback`: save a checkpoint after every `period` epochs.

    The first epoch's is ``PREFIX-0001.params``; see `rennet.model.save_checkpoint`.
    """
    every = max(1, int(period))

    def callback(
        epoch: int, symbol: Symbol | None, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray]
    ) -> None:
        if (epoch + 1) % every == 0:
            save_checkpoint(prefix, epoch + 1, symbol, arg_params, aux_params)

    return callback


def module_checkpoint(
    mod: Any, prefix: Prefix, period: int = 1, save_optimizer_states: bool = False
) -> Callable[..., None]:
    """For `epoch_end_callback`: have the module save itself after every `period` epochs.

    Parameters
    ----------
    mod : Module
        Its `save_checkpoint` is called.
    prefix : path
        What the files' names begin with.
    period : int
        Epochs from one checkpoint to the next.
    save_optimizer_states : bool
        Whether ``PREFIX-0001.states`` is written too.
    """
    every = max(1, int(period))

    def callback(epoch: int, symbol: Any = None, arg_params: Any = None, aux_params: Any = None) -> None:
        if (epoch + 1) % every == 0:
            mod.save_checkpoint(prefix, epoch + 1, save_optimizer_states)

    return callback


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[BatchEndParam], None]:
    """For `batch_end_callback`: log the metric every `period` batches, and start it afresh with `auto_reset`."""

    def callback(param: BatchEndParam) -> None:
        if param.nbatch % period != 0 or param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
        if auto_reset:
            param.eval_metric.reset_local()

    return callback


class Speedometer:
    """For `batch_end_callback`: log examples per second and the metric, every `frequent` batches.

    Parameters
    ----------
    batch_size : int
        Examples in a batch.
    frequent : int
        Batches from one line to the next.
    auto_reset : bool
        Whether each line's metric is that of its own batches (default) or of the whole epoch so far.
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        if frequent < 1:
            raise ArgumentError(f"Speedometer: frequent: expected at least 1, got {frequent}")
        self.batch_size = batch_size
        self.frequent = frequent
        self.auto_reset = auto_reset
        self.init = False
        """Whether the clock runs; it starts with the first batch that is seen of an epoch."""
        self.tic = 0.0
        self.last_count = 0

    def __call__(self, param: BatchEndParam) -> None:
        """Log if it is time."""
        count = param.nbatch
        new_epoch = count < self.last_count
        self.last_count = count
        if new_epoch or not self.init:
            self.init, self.tic = True, time.time()
        elif count % self.frequent == 0:
            self._log(param)
            self.tic = time.time()

    def _log(self, param: BatchEndParam) -> None:
        seconds = time.time() - self.tic
        speed = self.frequent * self.batch_size / seconds if seconds else math.inf
        metric = param.eval_metric
        if metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, param.nbatch, speed)
            return
        pairs = metric.get_name_value()
        first = param.nbatch - self.frequent if self.auto_reset else 0
        if self.auto_reset:
            metric.reset_local()
        text = "Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec" + "\t%s=%f" * len(pairs)
        values = [part for pair in pairs for part in pair]
        logging.info(text, param.epoch, first, param.nbatch, speed, *values)


class ProgressBar:
    """For `batch_end_callback`: log how much of the epoch is done.

    Parameters
    ----------
    total : int
        Batches in an epoch.
    length : int
        Characters of the whole bar.
    """

    def __init__(self, total: int, length: int = 80) -> None:
        if total < 1:
            raise ArgumentError(f"ProgressBar: total: expected at least 1 batch, got {total}")
        self.total = total
        self.bar_len = length

    def __call__(self, param: BatchEndParam) -> None:
        """Log the bar."""
        done = param.nbatch / self.total
        filled = round(self.bar_len * done)
        # rounded up only after the product, as MXNet does: 7 of 100 batches must not become 8 %
        percent = math.ceil(100.0 * param.nbatch / self.total)
        logging.info("[%s] %s%%\r", "=" * filled + "-" * (self.bar_len - filled), percent)


class LogValidationMetricsCallback:
    """For `eval_end_callback`: log the metric of the held-out data."""

    def __call__(self, param: BatchEndParam) -> None:
        """Log each of the metric's values."""
        if param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
