"""States and numbers of MXNet's optimizers, arranged as rennet's have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from ..base import FormatError, NotSupportedError, shown
from ..ndarray import NDArray, zeros
from .contract import Optimizer
from .mxnet_states import ForeignOptimizer, ForeignStates

__all__ = ["take_up"]

_SOURCE = "optimizer states"
_SWAPPED = ("SGD", "NAG", "ccSGD", "LARS")
"""Optimizers of MXNet that put the float32 copy of a weight after its state, where all others put it before."""

_KEPT_WITH_STATES = {
    "LARS": frozenset({"skip", "last_lr", "cur_lr"}),
    "LBSGD": frozenset({"adaptive", "admult", "cumgrads", "lbmult"}),
    "DCASGD": frozenset({"weight_previous"}),
    "Nadam": frozenset({"m_schedule"}),
}
"""What MXNet keeps in the optimizer, and rennet with each parameter, or computes."""

_COUNTS = frozenset({"num_update", "_all_index_update_counts", "_index_update_count"})
_PLAIN = (bool, int, float, str, type(None))
_ANEW = object()
"""Stands for a state that has nothing to remember yet and is made when its parameter is first seen."""


def take_up(optimizer: Optimizer, foreign: ForeignStates) -> dict[Any, Any]:
    """The states by index; numbers and counts, if they were saved, go into `optimizer`.

    Without them, update counts stay what they are, as in MXNet: a new optimizer counts from 0. The optimizer stays as
    it was if this fails.

    Raises
    ------
    FormatError
        The states are of another kind of optimizer, or of parameters that it does not know.
    """
    dumped = foreign.optimizer
    known = _Indices(optimizer)
    changes: list[tuple[Any, dict[str, Any]]] = []
    if dumped is not None:
        changes = _changes(optimizer, dumped, known)
    states = _arranged(optimizer, foreign, known)
    for owner, numbers in changes:
        vars(owner).update(numbers)
    return states


class _Indices:
    """The index that an optimizer has for a parameter; stores of several devices call parameters by their names."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._names = optimizer.idx2name
        self._by_name = {name: index for index, name in self._names.items()}

    def find(self, index: Any) -> Any:
        """The index for one in a file."""
        if not self._names or index in self._names:
            return index
        if index in self._by_name:
            return self._by_name[index]
        known = ", ".join(map(repr, list(self._names)[:8])) + (" and so on" if len(self._names) > 8 else "")
        mend = "Were they saved with several devices, or from another network?"
        raise FormatError(_SOURCE, f"state {index!r}", "index", f"one of {known}", repr(index), mend)


def _error(where: str, expected: str, got: str, mend: str = "") -> FormatError:
    return FormatError(_SOURCE, where, "content", expected, got, mend)


# the optimizer's numbers


def _changes(optimizer: Optimizer, dumped: ForeignOptimizer, known: _Indices) -> list[tuple[Any, dict[str, Any]]]:
    kind = type(optimizer).__name__
    if dumped.kind != kind:
        raise _error("optimizer", f"states of {kind}", dumped.kind, "Create the optimizer they were saved from.")
    left_out = _COUNTS | _KEPT_WITH_STATES.get(kind, frozenset())
    numbers = {name: value for name, value in dumped.numbers.items() if name not in left_out}
    changes = [(optimizer, _checked(optimizer, numbers) | _counts(dumped.numbers, known))]
    if dumped.scheduler is not None:
        scheduler = optimizer.lr_scheduler
        if type(scheduler).__name__ != dumped.scheduler.kind:
            expected = f"the numbers of {type(scheduler).__name__}"
            mend = f"Give the optimizer a {dumped.scheduler.kind}."
            raise _error("scheduler", expected, f"those of {dumped.scheduler.kind}", mend)
        changes.append((scheduler, _checked(scheduler, dumped.scheduler.numbers)))
    return changes


def _checked(owner: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that `owner` has, each of the kind that it has."""
    for name, value in numbers.items():
        if name not in vars(owner):
            raise _error(f"numbers of {type(owner).__name__}", "attributes it has", repr(name)[:80])
        present = vars(owner)[name]
        for kind, expected in ((Real, "a number"), (str, "text"), (dict, "a dict"), (list, "a list")):
            if isinstance(present, kind) and not isinstance(value, kind):
                raise _error(f"{type(owner).__name__}: {name}", expected, shown(value))
        parts = [value]
        if isinstance(present, dict | list) and isinstance(value, dict | list):
            parts = list(value.values()) if isinstance(value, dict) else value
        strange = [part for part in parts if not isinstance(part, _PLAIN)]
        if strange:
            raise _error(f"{type(owner).__name__}: {name}", "numbers or text", shown(strange[0]))
    return dict(numbers)


def _counts(numbers: Mapping[str, Any], known: _Indices) -> dict[str, Any]:
    total, by_device = numbers.get("num_update", 0), numbers.get("_all_index_update_counts")
    if by_device is None:  # MXNet before it counted for each device
        by_device = {0: numbers.get("_index_update_count", {})}
    found: dict[Any, dict[Any, int]] = {0: {}}
    if type(by_device) is not dict or not all(type(each) is dict for each in by_device.values()):
        raise _error("update counts", "a dict of counts for each device", shown(by_device))
    for device, counts in by_device.items():
        found[device] = {known.find(index): count for index, count in counts.items()}
    every = [total, *found, *(count for counts in found.values() for count in counts.values())]
    strange = [each for each in every if type(each) is not int or each < 0]
    if strange:
        raise _error("update counts", "whole numbers of at least 0", shown(strange[0]))
    return {"num_update": total, "_all_index_update_counts": found, "_index_update_count": found[0]}


# states


def _arranged(optimizer: Optimizer, foreign: ForeignStates, known: _Indices) -> dict[Any, Any]:
    kind = type(optimizer).__name__
    numbers = {} if foreign.optimizer is None else foreign.optimizer.numbers
    found: dict[Any, Any] = {}
    for index, given in foreign.states.items():
        own, state = known.find(index), given
        if kind in _SWAPPED and isinstance(state, tuple) and len(state) == 2:
            state = state[::-1]
        if kind in _TURNED:
            state = _turned(_TURNED[kind], optimizer, own, state, numbers)
        if state is not _ANEW:
            found[own] = state
    return found


Turn = Callable[[Any, Any, Any, Any, Mapping[str, Any]], Any]


def _turned(turn: Turn, optimizer: Optimizer, index: Any, state: Any, numbers: Mapping[str, Any]) -> Any:
    """`turn` of the state itself, before which the float32 copy of a weight may stand."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], NDArray):
        return state[0], turn(optimizer, index, state[1], state[0], numbers)
    return turn(optimizer, index, state, state, numbers)


def _lars(optimizer: Any, index: Any, state: Any, like: Any, numbers: Mapping[str, Any]) -> Any:
    """Momentum, last learning rate (which MXNet keeps once for all), and whether the layer has a rate of its own."""
    _, _, adaptive = optimizer.create_state(index, zeros((1,)))
    return [state, numbers.get("last_lr"), adaptive]


def _lbsgd(optimizer: Any, index: Any, state: Any, like: Any, numbers: Mapping[str, Any]) -> Any:
    """Momentum, and the sum of the gradients, which MXNet saves with the optimizer alone."""
    if optimizer.batch_scale != 1:
        raise NotSupportedError(
            f"{_SOURCE}: LBSGD with batch_scale {optimizer.batch_scale}: MXNet's files cannot be taken up, as the "
            "gradients gathered so far are not in them"
        )
    return _ANEW if like is None else (state, zeros(like.shape, dtype=like.dtype))


_TURNED: dict[str, Turn] = {"LARS": _lars, "LBSGD": _lbsgd}
