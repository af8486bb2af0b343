"""Updater: an optimizer together with the states of all parameters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from .._formats.checksum import read_verified
from ..base import FormatError, expect
from ..ndarray import NDArray
from .contract import Optimizer
from .states_file import dump_states, load_states


class Updater:
    """Applies an optimizer, and keeps what it must remember of each parameter.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.

    Attributes
    ----------
    optimizer : Optimizer
        As given.
    states : dict
        What `Optimizer.create_state_multi_precision` made, by index; filled when an index is first seen.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet import optimizer
    >>> update = optimizer.get_updater(optimizer.create("sgd", learning_rate=0.5))
    >>> weights = [mx.nd.ones((2,)), mx.nd.ones((1,))]
    >>> update([0, 1], [mx.nd.ones((2,)), mx.nd.zeros((1,))], weights)
    >>> [weight.asnumpy().tolist() for weight in weights]
    [[0.5, 0.5], [1.0]]
    """

    def __init__(self, optimizer: Optimizer) -> None:
        mend = "mx.optimizer.create(name) makes one"
        self.optimizer = expect("Updater: optimizer", optimizer, Optimizer, "an Optimizer", mend)
        self.states: dict[Any, Any] = {}
        self._elsewhere: set[Any] = set()
        """Indices whose states came from a file and may lie on another device than the weight."""

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        """Update one parameter, or each of a list.

        Parameters
        ----------
        index : int or str, or list of such
            The parameters' indices.
        grad, weight : NDArray, or list of NDArray
            Gradients and parameters; the latter change in place.
        """
        optimizer = self.optimizer
        if not isinstance(index, list | tuple):
            index, grad, weight = [index], [grad], [weight]
        if weight:
            optimizer._set_current_context(weight[0].context.device_id)
        states = [self._state(name, each) for name, each in zip(index, weight, strict=True)]
        if not optimizer.aggregate_num:
            for name, each, gradient, state in zip(index, weight, grad, states, strict=True):
                optimizer.update_multi_precision(name, each, gradient, state)
            return
        for part in _slices(len(index), optimizer.aggregate_num):
            optimizer.update_multi_precision(list(index[part]), list(weight[part]), list(grad[part]), states[part])

    def _state(self, index: Any, weight: NDArray) -> Any:
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
        elif index in self._elsewhere:
            self._elsewhere.remove(index)
            self.states[index] = _moved(self.states[index], weight)
        return self.states[index]

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """All states and update counts as the bytes of a file; see `rennet.optimizer`.

        Parameters
        ----------
        dump_optimizer : bool
            Whether to save the optimizer's numbers too: learning rate, momentum, where the schedule stands, ...
        """
        return dump_states(self.optimizer, self.states, dump_optimizer)

    def set_states(self, states: bytes) -> None:
        """Put back what `get_states` gave: states, update counts and, if it was saved, the optimizer's numbers.

        Files that MXNet wrote are understood too; nothing in them is run.

        Raises
        ------
        FormatError
            The bytes are damaged, or of another kind of optimizer.
        NotSupportedError
            They are MXNet's, and hold something else than arrays, plain values and optimizers of MXNet's.
        """
        self.states = load_states(self.optimizer, bytes(states))
        self._elsewhere = set(self.states)


def get_updater(optimizer: Optimizer) -> Updater:
    """An `Updater` for the optimizer."""
    return Updater(optimizer)


def set_states_from_file(updaters: Iterable[Any], fname: str | os.PathLike[str]) -> None:
    """Have updaters take up the states in a file, which errors name; a checksum beside it is verified.

    Raises
    ------
    FormatError
        The file is damaged, or of another kind of optimizer.
    NotSupportedError
        It is MXNet's, and holds something else than arrays, plain values and optimizers of MXNet's.
    """
    content = read_verified(fname)
    try:
        for updater in updaters:
            updater.set_states(content)
    except FormatError as error:
        where = (error.where, error.field, error.expected, error.got, error.mend)
        raise FormatError(os.fspath(fname), *where) from error


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _moved(state: Any, weight: NDArray) -> Any:
    if isinstance(state, NDArray):
        return state.as_in_context(weight.context)
    if isinstance(state, list | tuple):
        return type(state)(_moved(each, weight) for each in state)
    return state
