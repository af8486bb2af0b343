"""Rules that follow the leader: the weight minimises all losses so far, as far as their gradients tell."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_rates, tensors_of, zeros_like


@Optimizer.register
class FTML(Rule):
    """Follow the moving leader.

    ::

        grad     = clip(rescale_grad * grad + wd * weight, clip_gradient)
        variance = beta2 * variance + (1 - beta2) * grad**2
        before   = scale
        scale    = (1 - beta1**t) / lr * (sqrt(variance / (1 - beta2**t)) + epsilon)
        sum      = beta1 * sum + (1 - beta1) * grad - (scale - beta1 * before) * weight
        weight   = -sum / scale

    Parameters
    ----------
    beta1 : float
        How much the past counts in the leader; often near 0.5.
    beta2 : float
        How much of the mean square is kept at each update.
    epsilon : float
        Keeps the division finite.
    **kwargs
        See `Optimizer`. A learning rate of 0 leaves weight and state as they are.

    References
    ----------
    Zheng and Kwok, "Follow the Moving Leader in Deep Learning", ICML 2017.
    """

    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_rates(beta1=beta1, beta2=beta2)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Scale, variance and sum."""
        return zeros_like(weight), zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and states in place."""
        if not lr:  # the formula divides by it
            return
        scales, variances, sums = (tensors_of(states, place) for place in range(3))
        grads = self._decayed(grads, weights, wd)
        torch._foreach_mul_(variances, self.beta2)
        torch._foreach_addcmul_(variances, grads, grads, value=1 - self.beta2)
        torch._foreach_mul_(sums, self.beta1)
        torch._foreach_add_(sums, grads, alpha=1 - self.beta1)
        torch._foreach_addcmul_(sums, scales, weights, value=self.beta1)
        roots = torch._foreach_div(variances, 1 - self.beta2**count)
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, self.epsilon)
        torch._foreach_mul_(roots, (1 - self.beta1**count) / lr)
        torch._foreach_copy_(scales, roots)
        torch._foreach_addcmul_(sums, scales, weights, value=-1)
        torch._foreach_zero_(weights)
        torch._foreach_addcdiv_(weights, sums, scales, value=-1)


@Optimizer.register
class Ftrl(Rule):
    """Follow the regularised leader: weights that matter little become exactly zero.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient)
        sum    = sum + grad - (sqrt(square + grad**2) - sqrt(square)) * weight / lr
        square = square + grad**2
        weight = (sign(sum) * lamda1 - sum) / ((beta + sqrt(square)) / lr + wd)   where abs(sum) > lamda1, else 0

    Parameters
    ----------
    lamda1 : float
        The L1 penalty; the L2 penalty is `wd`.
    learning_rate : float, optional
        0.1 by default, or the scheduler's; given both, this one overwrites the scheduler's `base_lr`.
    beta : float
        Slows the first steps down.
    **kwargs
        See `Optimizer`. A learning rate of 0 leaves weight and state as they are.

    References
    ----------
    McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013.
    """

    def __init__(
        self, lamda1: float = 0.01, learning_rate: float | None = None, beta: float = 1, **kwargs: Any
    ) -> None:
        if learning_rate is None and kwargs.get("lr_scheduler") is None:
            learning_rate = 0.1
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.lamda1 = lamda1
        self.beta = beta

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Sum, and sum of squares."""
        return zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and states in place."""
        if not lr:  # the formula divides by it
            return
        sums, squares = tensors_of(states, 0), tensors_of(states, 1)
        grads = self._rescaled(grads)
        torch._foreach_add_(sums, grads)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_addcmul_(sums, roots, weights, value=1 / lr)
        torch._foreach_addcmul_(squares, grads, grads)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_addcmul_(sums, roots, weights, value=-1 / lr)
        torch._foreach_add_(roots, self.beta)
        torch._foreach_div_(roots, lr)
        torch._foreach_add_(roots, wd)
        # what is left of a sum between the penalties is nothing, and the weight zero
        torch._foreach_copy_(weights, sums)
        torch._foreach_clamp_min_(weights, -self.lamda1)
        torch._foreach_clamp_max_(weights, self.lamda1)
        torch._foreach_sub_(weights, sums)
        torch._foreach_div_(weights, roots)
