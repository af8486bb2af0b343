"""Monitor: a statistic of every value that a network computes, every few batches, collected and logged."""

from __future__ import annotations

import logging
import math
import re
import weakref
from collections.abc import Callable
from typing import Any

from . import ndarray
from .base import ArgumentError
from .executor import Executor
from .ndarray import NDArray

__all__ = ["Monitor"]

Statistic = Callable[[NDArray], Any]


def _size(array: NDArray) -> NDArray:
    """The root mean square, as far as it can be had of an empty array."""
    return ndarray.norm(array) / math.sqrt(max(array.size, 1))


class Monitor:
    r"""Watches executors: between `tic` and `toc` it takes a statistic of every value whose name fits.

    Results are seen as they are computed, in either mode, under the names that MXNet gives them (``fc1_output``);
    arguments and auxiliary states when `toc` is called, after the update if that comes before. What MXNet's backward
    operators and hidden outputs (``fc1_backward_output0``, a dropout's mask) leave behind does not exist here.

    Parameters
    ----------
    interval : int
        Batches, that is calls of `tic`, from one that is watched to the next.
    stat_func : callable, optional
        From an NDArray to an NDArray or a list of them; by default the root mean square.
    pattern : str
        A regular expression for the beginning of names.
    sort : bool
        Whether `toc` orders by name instead of by time.
    monitor_all : bool
        Whether the inputs of every operator are watched too, as ``fc1_data`` and the like.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, no_bias=True, name="fc")
    >>> executor = net.bind(mx.cpu(), {"data": mx.nd.ones((1, 3)), "fc_weight": mx.nd.ones((2, 3))})
    >>> mon = mx.mon.Monitor(1, stat_func=lambda array: array.max())
    >>> mon.install(executor)
    >>> mon.tic()
    >>> _ = executor.forward()
    >>> mon.toc()
    [(1, 'fc_output', '3.0\t'), (1, 'data', '1.0\t'), (1, 'fc_weight', '1.0\t')]
    """

    def __init__(
        self,
        interval: int,
        stat_func: Statistic | None = None,
        pattern: str = ".*",
        sort: bool = False,
        monitor_all: bool = False,
    ) -> None:
        if interval < 1:
            raise ArgumentError(f"Monitor: interval: expected at least 1, got {interval}")
        self.interval, self.stat_func = interval, stat_func or _size
        self.re_prog = re.compile(pattern)
        self.sort, self.monitor_all = sort, monitor_all
        self.activated = False
        """Whether this batch is watched."""
        self.step = 0
        """How often `tic` was called."""
        self.queue: list[tuple[int, str, Any]] = []
        self._watched: list[weakref.ref[Executor]] = []  # a bucket that is dropped is not kept alive

    @property
    def exes(self) -> list[Executor]:
        """The executors that are watched."""
        return [exe for exe in (known() for known in self._watched) if exe is not None]

    def stat_helper(self, name: str, array: NDArray) -> None:
        """Take the statistic of a value, if this batch is watched and its name fits."""
        if self.activated and self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Executor) -> None:
        """Watch an executor; it can be watched by one monitor at a time."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        if not any(known is exe for known in self.exes):
            self._watched.append(weakref.ref(exe))

    def tic(self) -> None:
        """Begin a batch; call it before the forward pass."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End a batch.

        Returns
        -------
        list of (int, str, str)
            The batch's number from 1, the value's name, and the statistic's numbers, each followed by a tab; nothing
            if the batch was not watched.
        """
        if not self.activated:
            return []
        for exe in self.exes:
            for name, array in (*exe.arg_dict.items(), *exe.aux_dict.items()):
                self.stat_helper(name, array)
        self.activated = False
        seen, self.queue = self.queue, []
        if self.sort:
            seen.sort(key=lambda entry: entry[1])
        return [(step, name, _text(name, found)) for step, name, found in seen]

    def toc_print(self) -> None:
        """End a batch, and log what was seen."""
        for step, name, found in self.toc():
            logging.info(f"Batch: {step:7d} {name:30s} {found:s}")


def _text(name: str, found: Any) -> str:
    arrays = [found] if isinstance(found, NDArray) else found
    if not (isinstance(arrays, list) and all(isinstance(array, NDArray) for array in arrays)):
        raise ArgumentError(f"Monitor: stat_func of {name}: expected an NDArray or a list of them, got {found!r}")
    return "".join(f"{array.asscalar() if array.shape == (1,) else array.asnumpy()!s}\t" for array in arrays)
