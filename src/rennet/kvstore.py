"""KVStore: arrays by key, which several devices push gradients to and pull weights from, on one machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ._formats.atomic import write_atomic
from .base import ArgumentError, MXNetError, NotSupportedError, ShapeError, one_of
from .context import cpu
from .ndarray import NDArray
from .optimizer import Optimizer, Updater, get_updater
from .optimizer.updater import set_states_from_file

__all__ = ["KVStore", "create"]

Key = int | str
_ON_CPU = ("local", "local_allreduce_cpu", "local_update_cpu")
_ON_DEVICE = ("device", "local_allreduce_device")
_ELSEWHERE = ("dist", "nccl", "horovod", "byteps", "p3")
"""What the names of stores begin with that talk to other processes or through other libraries."""


class KVStore:
    """Arrays by key. What is pushed to a key is summed and replaces its array, or goes to an updater.

    A key is an int or a str. Wherever a key and its value or values are taken, a list of keys can stand with a list
    that has a value for each. In a list for one key are arrays of several devices.

    MXNet works in the background and takes a `priority` for each call; here every call is done when it returns, so
    that there is nothing for a priority to order.

    Parameters
    ----------
    type : str
        ``'local'`` keeps the arrays on the CPU, ``'device'`` where the array that `init` was given lies.
        ``'local_update_cpu'`` and ``'local_allreduce_cpu'`` are the first, ``'local_allreduce_device'`` the second.

    Raises
    ------
    NotSupportedError
        `type` is a distributed store or another library's.

    Examples
    --------
    >>> import rennet as mx
    >>> store = mx.kv.create("local")
    >>> store.init("weight", mx.nd.ones((2,)))
    >>> store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.25))
    >>> store.push("weight", [mx.nd.ones((2,)), mx.nd.ones((2,))])
    >>> weight = mx.nd.zeros((2,))
    >>> store.pull("weight", out=weight)
    >>> weight.asnumpy().tolist()
    [0.5, 0.5]
    """

    def __init__(self, type: str = "local") -> None:
        if not isinstance(type, str):
            raise ArgumentError(f"kvstore: expected the name of a type, got {type!r}")
        self.type = type.lower()
        if self.type.startswith(_ELSEWHERE):
            raise NotSupportedError(
                f"kvstore: {type!r}: stores for several machines or through other libraries are not supported; "
                "'local' and 'device' are, for the devices of this machine"
            )
        one_of("kvstore", self.type, (*_ON_CPU, *_ON_DEVICE))
        self._arrays: dict[Key, NDArray] = {}
        self._updater: Callable[[Any, NDArray, NDArray], Any] | None = None

    @property
    def rank(self) -> int:
        """Number of this worker: 0, as there are no others."""
        return 0

    @property
    def num_workers(self) -> int:
        """How many workers share the store: 1."""
        return 1

    def is_capable(self, capability: str) -> bool:
        """Whether the store can do something; ``'optimizer'`` (run one, by `set_optimizer`) is all that is asked."""
        return one_of("is_capable: capability", capability.lower(), ("optimizer",)) == "optimizer"

    # arrays

    def init(self, key: Any, value: Any) -> None:
        """Give keys that the store does not have yet their first values, which are copied.

        Parameters
        ----------
        key : int or str, or list of such
            The keys.
        value : NDArray, or list of NDArray
            Their arrays.
        """
        pairs = _pairs(key, value)
        for each, values in pairs:
            if each in self._arrays:
                raise ArgumentError(f"init: key {each!r}: expected a new key, got one that the store has; push to it")
            if len(values) != 1:
                raise ArgumentError(f"init: key {each!r}: expected one array, got {len(values)}")
        for each, (array,) in pairs:
            home = cpu() if self.type in _ON_CPU else array.context
            self._arrays[each] = array.detach().copyto(home)

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Hand in arrays. Their sum goes, with the key's array, to the updater; without one it replaces that array.

        Parameters
        ----------
        key : int or str, or list of such
            The keys.
        value : NDArray, list of NDArray, or list of lists of NDArray
            Arrays for each key, of the shape that it has.
        priority : int
            Accepted for compatibility; see `KVStore`.
        """
        pairs = _pairs(key, value)
        for each, values in pairs:
            self._check("push", each, values)
        for each, values in pairs:
            stored = self._arrays[each]
            total = values[0].detach().copyto(stored.context)
            for other in values[1:]:
                total += other.detach().as_in_context(stored.context)
            if self._updater is None:
                stored[:] = total
            else:
                self._updater(each, total, stored)

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Copy arrays out of the store.

        Parameters
        ----------
        key : int or str, or list of such
            The keys.
        out : NDArray, list of NDArray, or list of lists of NDArray
            Where the array of each key is copied to, on any device, in any dtype.
        priority : int
            Accepted for compatibility; see `KVStore`.
        ignore_sparse : bool
            Accepted for compatibility: all arrays are dense here.
        """
        if out is None:
            raise ArgumentError("pull: out: expected arrays to copy to, got None")
        pairs = _pairs(key, out)
        for each, targets in pairs:
            self._check("pull", each, targets)
        for each, targets in pairs:
            for target in targets:
                target[:] = self._arrays[each].as_in_context(target.context)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """`push`, then `pull`: to `out`, or to the arrays that were pushed."""
        self.push(key, value)
        self.pull(key, value if out is None else out)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """`init`, then `pull`."""
        self.init(key, value)
        self.pull(key, out)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Not supported: there are no sparse arrays; see `pull`."""
        raise NotSupportedError("row_sparse_pull: sparse arrays are not supported; pull copies dense ones")

    def _check(self, call: str, key: Key, arrays: list[NDArray]) -> None:
        stored = self._arrays.get(key)
        if stored is None:
            known = ", ".join(map(repr, self._arrays)) or "none"
            raise ArgumentError(f"{call}: key {key!r}: expected a key given to init ({known})")
        for array in arrays:
            if array.shape != stored.shape:
                raise ShapeError(f"{call}: key {key!r}: expected an array of shape {stored.shape}, got {array.shape}")

    # what happens to what is pushed

    def set_optimizer(self, optimizer: Optimizer) -> None:
        """From here on take what is pushed for gradients, by which the optimizer updates the arrays."""
        self._set_updater(get_updater(optimizer))

    def _set_updater(self, updater: Callable[[Any, NDArray, NDArray], Any]) -> None:
        """From here on call ``updater(key, pushed, stored)``, which changes `stored` in place."""
        self._updater = updater

    def set_gradient_compression(self, compression_params: Any) -> None:
        """Not supported: it would save transfers between machines or devices at the price of exactness."""
        raise NotSupportedError("set_gradient_compression: gradients are summed as they are; leave the call out")

    def _own_updater(self) -> Updater:
        if not isinstance(self._updater, Updater):
            raise MXNetError("the store has no optimizer, so there are no states of one; call set_optimizer first")
        return self._updater

    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file; its format is described in `rennet.optimizer`.

        Parameters
        ----------
        fname : path
            The file.
        dump_optimizer : bool
            Whether to save the optimizer's numbers too: learning rate, momentum, where the schedule stands, ...
        """
        write_atomic(fname, self._own_updater().get_states(dump_optimizer))

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Put back what `save_optimizer_states` wrote.

        Raises
        ------
        FormatError
            The file is damaged, or of another kind of optimizer.
        NotSupportedError
            It is MXNet's, and holds something else than arrays, plain values and optimizers of MXNet's.
        """
        set_states_from_file([self._own_updater()], fname)

    def _barrier(self) -> None:
        """Wait for all workers: done at once, as there are no others."""


def create(name: str = "local") -> KVStore:
    """A new, empty store.

    Parameters
    ----------
    name : str
        Its type; see `KVStore`.
    """
    return KVStore(name)


def _pairs(key: Any, value: Any) -> list[tuple[Key, list[NDArray]]]:
    """Each key with its arrays; those of a key that comes twice are put together."""
    if isinstance(key, list | tuple):
        if not isinstance(value, list | tuple) or len(value) != len(key):
            got = f"{len(value)} values" if isinstance(value, list | tuple) else type(value).__name__
            raise ArgumentError(f"kvstore: expected a value for each of {len(key)} keys, got {got}")
        keys, values = key, value
    else:
        keys, values = [key], [value]
    found: dict[Key, list[NDArray]] = {}
    for name, given in zip(keys, values, strict=True):
        if not isinstance(name, int | str):
            raise ArgumentError(f"kvstore: key: expected an int or a str, got {name!r}")
        arrays = list(given) if isinstance(given, list | tuple) else [given]
        strange = next((type(each).__name__ for each in arrays if not isinstance(each, NDArray)), None)
        if strange is not None or not arrays:
            raise ArgumentError(f"kvstore: key {name!r}: expected an NDArray or a list of such, got {strange or '[]'}")
        found.setdefault(name, []).extend(arrays)
    return list(found.items())
