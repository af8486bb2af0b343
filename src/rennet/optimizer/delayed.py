"""Descent with gradients that belong to older weights."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_momentum, zeros_like


@Optimizer.register
class DCASGD(Rule):
    """Asynchronous descent with delay compensation.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient)
        grad   = grad + wd * weight + lamda * grad**2 * (weight - before)
        move   = momentum * move - lr * grad
        before = weight
        weight = weight + move

    Parameters
    ----------
    momentum : float
        How much of the last step goes into this one.
    lamda : float
        How much is compensated.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Zheng et al., "Asynchronous Stochastic Gradient Descent with Delay Compensation", arXiv:1609.08326.
    """

    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = check_momentum(momentum)
        self.lamda = lamda

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray | None, NDArray]:
        """The momentum, if there is any, and the weight before the last update."""
        return zeros_like(weight) if self.momentum else None, weight.copy()

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, momenta and what the weights were before in place."""
        before = [state[-1].tensor for state in states]
        grads = self._rescaled(grads)
        squares = torch._foreach_mul(grads, grads)
        torch._foreach_addcmul_(grads, squares, torch._foreach_sub(weights, before), value=self.lamda)
        if wd:
            torch._foreach_add_(grads, weights, alpha=wd)
        torch._foreach_copy_(before, weights)
        if not self.momentum:
            torch._foreach_add_(weights, grads, alpha=-lr)
            return
        moves = [state[0].tensor for state in states]
        torch._foreach_mul_(moves, self.momentum)
        torch._foreach_add_(moves, grads, alpha=-lr)
        torch._foreach_add_(weights, moves)
