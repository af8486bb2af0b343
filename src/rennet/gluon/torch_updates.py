"""torch's optimizers as updaters of a Trainer's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ..base import ArgumentError, MXNetError
from ..ndarray import NDArray
from ..optimizer import Optimizer
from ..optimizer.states_file import dump_file, packed, parse_file, unpacked
from .parameter import Parameter


def makes_torch_optimizer(optimizer: Any) -> bool:
    """Is it a class of torch's optimizers, or a function that makes one; an instance is refused by name."""
    if isinstance(optimizer, torch.optim.Optimizer):
        kind = type(optimizer).__name__
        raise ArgumentError(
            f"Trainer: optimizer: a {kind} instance holds tensors of its own; give the class, and its arguments as "
            f"optimizer_params: Trainer(params, torch.optim.{kind}, {{'lr': 0.1}})"
        )
    return callable(optimizer) and not isinstance(optimizer, Optimizer)


_SPELLINGS = {"learning_rate": "lr", "wd": "weight_decay", "epsilon": "eps", "beta1": "betas", "beta2": "betas"}
"""MXNet's names of arguments that torch's optimizers know under others."""


def _expect_known(make: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Does what makes the optimizer take these arguments; many differ from MXNet's in the name alone."""
    try:
        known = inspect.signature(make).parameters
    except (TypeError, ValueError):  # a callable that does not say; it will object itself
        return
    if any(each.kind is each.VAR_KEYWORD for each in known.values()):
        return
    for name in arguments:
        if name not in known:
            other = _SPELLINGS.get(name)
            mend = f"; torch calls it {other!r}" if other in known else f"; it has {', '.join(list(known)[1:])}"
            kind = getattr(make, "__name__", "optimizer")
            raise ArgumentError(f"Trainer: optimizer_params: torch's {kind} has no argument {name!r}{mend}")


_FORMAT = "rennet states of a torch optimizer 1"


class TorchUpdater:
    """A torch optimizer over the parameters of one device.

    Parameters
    ----------
    make : callable
        From a list of tensors, and `arguments`, to the optimizer.
    arguments : dict
        Such as ``{'lr': 0.1}``.

    Raises
    ------
    ArgumentError
        If it has no such argument; MXNet's names, such as ``learning_rate``, are told torch's.
    """

    def __init__(self, make: Callable[..., torch.optim.Optimizer], arguments: Mapping[str, Any]) -> None:
        _expect_known(make, arguments)
        self._make, self._arguments = make, arguments
        self._tensors: dict[int, torch.Tensor] = {}
        self._waiting: bytes | None = None
        self.optimizer: torch.optim.Optimizer | None = None

    def step(
        self,
        params: Sequence[Parameter],
        scale: float,
        places: Sequence[int],
        grads: Sequence[NDArray],
        weights: Sequence[NDArray],
    ) -> None:
        """One update of the parameters at `places`, with gradients times `scale`."""
        self._connect(places, weights)
        assert self.optimizer is not None
        with torch.no_grad():
            for place, grad in zip(places, grads, strict=True):
                self._tensors[place].grad = grad.tensor * scale
            self.optimizer.step()
            for place in places:
                self._tensors[place].grad = None

    def _connect(self, places: Sequence[int], weights: Sequence[NDArray]) -> None:
        """Torch's optimizers know tensors, which a cast or a move to another device replaces."""
        for place, weight in zip(places, weights, strict=True):
            own = self._tensors.get(place)
            if own is None or own.data_ptr() != weight.tensor.data_ptr() or own.dtype != weight.tensor.dtype:
                if self.optimizer is not None and own is not None:
                    raise ArgumentError("a parameter was cast or moved after the first step; make a new Trainer")
                # shares memory with the parameter, but is a leaf of its own, without the parameter's hook
                self._tensors[place] = weight.tensor.detach().requires_grad_()
                if self.optimizer is not None:
                    self.optimizer.add_param_group({"params": [self._tensors[place]]})
        if self.optimizer is None:
            self.optimizer = self._make(list(self._tensors.values()), **self._arguments)
            if self._waiting is not None:
                self._restore(self.optimizer, self._waiting)
                self._waiting = None

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """What torch's ``state_dict`` holds, as the bytes of a file; with `dump_optimizer` its options too."""
        if self.optimizer is None:
            raise MXNetError("Trainer: there are no optimizer states yet; torch's optimizer is made by the first step")
        content = self.optimizer.state_dict()
        arrays: dict[str, NDArray] = {}
        groups = [{key: value for key, value in group.items() if key != "params"} for group in content["param_groups"]]
        header = {
            "format": _FORMAT,
            "optimizer": type(self.optimizer).__name__,
            "places": list(self._tensors),
            "states": [
                [place, packed([_entry(pair) for pair in state.items()], str(place), [], arrays)]
                for place, state in content["state"].items()
            ],
            "groups": [packed([list(pair) for pair in group.items()], "", [], arrays) for group in groups]
            if dump_optimizer
            else None,
        }
        return dump_file(header, arrays)

    def set_states(self, states: bytes) -> None:
        """Put back what `get_states` gave; at the first step, if there is no optimizer yet."""
        if self.optimizer is None:
            self._waiting = bytes(states)
        else:
            self._restore(self.optimizer, bytes(states))

    def _restore(self, optimizer: torch.optim.Optimizer, raw: bytes) -> None:
        header, arrays = parse_file(raw, _FORMAT, type(optimizer).__name__)
        own = optimizer.state_dict()
        if header["places"] != list(self._tensors) or len(header["groups"] or own["param_groups"]) != len(
            own["param_groups"]
        ):
            raise ArgumentError(
                f"Trainer: the states are of parameters {header['places']}, but this optimizer has "
                f"{list(self._tensors)} in {len(own['param_groups'])} groups"
            )
        for place, state in header["states"]:
            own["state"][place] = dict(_tensor_of(pair) for pair in unpacked(state, arrays))
        for group, saved in zip(own["param_groups"], header["groups"] or [], strict=False):
            group.update(unpacked(saved, arrays))
        optimizer.load_state_dict(own)


def _entry(pair: tuple[str, Any]) -> list[Any]:
    """A state's key and value; the files' arrays have at least one axis, so a tensor's number of axes comes third."""
    key, value = pair
    if isinstance(value, torch.Tensor):
        return [key, NDArray(torch.atleast_1d(value.detach())), value.dim()]
    return [key, value]


def _tensor_of(entry: list[Any]) -> tuple[str, Any]:
    key, value, *axes = entry
    return key, value.tensor.reshape(value.shape if axes[0] else ()) if axes else value
