"""The update rules, by MXNet's formulas, each over lists of tensors at once."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError, ShapeError
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


def _check(index: Any, weight: Any, grad: Any) -> None:
    for what, each in (("weight", weight), ("gradient", grad)):
        if not isinstance(each, NDArray):
            raise ArgumentError(f"parameter {index!r}: {what}: expected an NDArray, got {type(each).__name__}")
    if weight.shape != grad.shape:
        raise ShapeError(f"parameter {index!r}: expected a gradient of shape {weight.shape}, got {grad.shape}")


def _zeros_like(weight: NDArray) -> NDArray:
    return zeros(weight.shape, weight.context, weight.dtype)


@Optimizer.register
class SGD(Rule):
    """Stochastic gradient descent, with momentum if asked for.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient) + wd * weight
        move   = momentum * move - lr * grad
        weight = weight + move

    Parameters
    ----------
    momentum : float
        How much of the last step goes into this one; 0 keeps no state.
    lazy_update : bool
        Accepted for compatibility: it concerns sparse gradients, and all are dense here.
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if momentum < 0:
            raise ArgumentError(f"momentum: expected at least 0, got {momentum}")
        self.momentum = momentum
        self.lazy_update = lazy_update

    def create_state(self, index: Any, weight: NDArray) -> NDArray | None:
        """The momentum, if there is any."""
        return _zeros_like(weight) if self.momentum else None

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and momenta in place."""
        scale = self.rescale_grad
        if self.clip_gradient:
            grads, scale = self._clipped(list(torch._foreach_mul(grads, scale))), 1.0
        if not self.momentum:
            if wd:
                torch._foreach_mul_(weights, 1 - lr * wd)
            torch._foreach_add_(weights, grads, alpha=-lr * scale)
            return
        moves = [state.tensor for state in states]
        torch._foreach_mul_(moves, self.momentum)
        torch._foreach_add_(moves, grads, alpha=-lr * scale)
        if wd:
            torch._foreach_add_(moves, weights, alpha=-lr * wd)
        torch._foreach_add_(weights, moves)


@Optimizer.register
class Adam(Rule):
    """Adam, with the bias correction folded into the learning rate.

    ::

        grad     = clip(rescale_grad * grad + wd * weight, clip_gradient)
        mean     = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad**2
        lr_t     = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
        weight   = weight - lr_t * mean / (sqrt(variance) + epsilon)

    torch.optim.Adam corrects the variance before it adds epsilon, which therefore weighs differently there.

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    beta1, beta2 : float
        How much of the two moving averages is kept at each update.
    epsilon : float
        Keeps the division finite.
    lazy_update : bool
        Accepted for compatibility: it concerns sparse gradients, and all are dense here.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.
    """

    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        lazy_update: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ArgumentError(f"{name}: expected at least 0 and below 1, got {beta}")
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and variance."""
        return _zeros_like(weight), _zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, means and variances in place."""
        means, variances = [state[0].tensor for state in states], [state[1].tensor for state in states]
        clips = self.clip_gradient is not None and self.clip_gradient > 0
        if clips or self.rescale_grad != 1:
            grads = list(torch._foreach_mul(grads, self.rescale_grad))
        if clips:
            torch._foreach_add_(grads, weights, alpha=wd)
            self._clipped(grads)
        # torch's kernel corrects the variance before it adds epsilon: this one makes up for that
        epsilon = self.epsilon / math.sqrt(1.0 - self.beta2**count)
        counts = [torch.full((), float(count), device=weights[0].device)] * len(weights)
        torch._fused_adam_(
            weights,
            grads,
            means,
            variances,
            [],
            counts,
            lr=lr,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=0.0 if clips else wd,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )
