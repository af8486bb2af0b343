"""What all built-in rules share: parameters that are alike are updated together, as lists of tensors."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from .._reused import reused
from ..base import ArgumentError, ShapeError, expect_number, shown
from ..ndarray import NDArray, zeros
from .contract import Optimizer


class Rule(Optimizer, ABC):
    """A rule that updates many parameters in one go; a subclass gives `create_state` and `step`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # a subclass with an update of its own may know nothing of lists
        self.aggregate_num = sys.maxsize if type(self).update is Rule.update else 0

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Change one parameter, or each of a list, and its state in place.

        Parameters
        ----------
        index : int or str, or list of such
            The parameters' indices.
        weight, grad : NDArray, or list of NDArray
            The parameters and their gradients.
        state
            As `create_state` made it, or a list of such.
        """
        if not isinstance(index, list | tuple):
            index, weight, grad, state = [index], [weight], [grad], [state]
        for name, each, gradient in zip(index, weight, grad, strict=True):
            _check(name, each, gradient)
        self._update_count(index)
        alike: dict[Any, list[int]] = {}
        for place, (name, lr, wd) in enumerate(zip(index, self._get_lrs(index), self._get_wds(index), strict=True)):
            tensor = weight[place].tensor
            key = (lr, wd, self._index_update_count[name], tensor.dtype, tensor.device)
            alike.setdefault(key, []).append(place)
        with torch.no_grad():
            for (lr, wd, count, dtype, _), places in alike.items():
                targets = [weight[place].tensor for place in places]
                weights = [target.contiguous() for target in targets]
                grads = [grad[place].tensor.to(dtype).contiguous() for place in places]
                self.step(weights, grads, [state[place] for place in places], lr, wd, count)
                for target, changed in zip(targets, weights, strict=True):
                    if changed is not target:
                        target.copy_(changed)

    @abstractmethod
    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and states in place, and leave the gradients alone.

        Parameters
        ----------
        weights, grads : list of Tensor
            Parameters of one dtype on one device, and their gradients; contiguous, as torch's fused kernels take
            that for granted.
        states : list
            As `create_state` made them.
        lr, wd : float
            Learning rate and weight decay of all of them.
        count : int
            Number of this update of theirs, from 1.
        """

    def _clipped(self, grads: list[Tensor]) -> list[Tensor]:
        """These tensors clipped in place, if that was asked for."""
        if self.clip_gradient is not None and self.clip_gradient > 0:
            torch._foreach_clamp_min_(grads, -self.clip_gradient)
            torch._foreach_clamp_max_(grads, self.clip_gradient)
        return grads

    def _scaled(self, grads: list[Tensor]) -> list[Tensor]:
        """New tensors: ``rescale_grad * grad``."""
        if grads[0].device.type != "cpu":
            return list(torch._foreach_mul(grads, self.rescale_grad))
        return [torch.mul(grad, self.rescale_grad, out=reused(tuple(grad.shape), grad)) for grad in grads]

    def _rescaled(self, grads: list[Tensor]) -> list[Tensor]:
        """New tensors: ``clip(rescale_grad * grad)``."""
        return self._clipped(self._scaled(grads))

    def _decayed(self, grads: list[Tensor], weights: list[Tensor], wd: float) -> list[Tensor]:
        """New tensors: ``clip(rescale_grad * grad + wd * weight)``."""
        grads = self._scaled(grads)
        if wd:
            torch._foreach_add_(grads, weights, alpha=wd)
        return self._clipped(grads)


def _check(index: Any, weight: Any, grad: Any) -> None:
    for what, each in (("weight", weight), ("gradient", grad)):
        if not isinstance(each, NDArray):
            raise ArgumentError(f"parameter {index!r}: {what}: expected an NDArray, got {type(each).__name__}")
    if weight.shape != grad.shape:
        raise ShapeError(f"parameter {index!r}: expected a gradient of shape {weight.shape}, got {grad.shape}")


def zeros_like(weight: NDArray) -> NDArray:
    """A state that begins with zeros."""
    return zeros(weight.shape, weight.context, weight.dtype)


def tensors_of(states: list[Any], place: int) -> list[Tensor]:
    """The tensors at one place of every state."""
    return [state[place].tensor for state in states]


def check_momentum(momentum: float) -> float:
    """The momentum, if it is none that turns steps around."""
    if expect_number("momentum", momentum) < 0:
        raise ArgumentError(f"momentum: expected at least 0, got {momentum}")
    return momentum


def check_rates(**rates: float) -> None:
    """Refuse rates of decay at which a moving average does not move, or is none."""
    for name, rate in rates.items():
        if not isinstance(rate, Real) or not 0 <= float(rate) < 1:
            raise ArgumentError(f"{name}: expected at least 0 and below 1, got {shown(rate)}")
