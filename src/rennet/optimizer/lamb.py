"""LAMB: Adam's direction, as long as the weight itself."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_rates, tensors_of, zeros_like


@Optimizer.register
class LAMB(Rule):
    """LAMB, for large batches: every parameter moves in proportion to its own norm.

    ::

        grad     = clip(rescale_grad * grad, clip_gradient)
        mean     = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad**2
        move     = mean / (1 - beta1**t) / (sqrt(variance / (1 - beta2**t)) + epsilon) + wd * weight
        ratio    = clip(norm(weight), lower_bound, upper_bound) / norm(move)   or 1 where a norm is 0
        weight   = weight - lr * ratio * move

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    beta1, beta2 : float
        How much of the two moving averages is kept at each update.
    epsilon : float
        Keeps the division finite.
    lower_bound, upper_bound : float, optional
        Between which the weight's norm is taken to be; None or 0 for no bound.
    bias_correction : bool
        Whether the averages are divided by one minus the power of their rate, as above.
    **kwargs
        See `Optimizer`.

    References
    ----------
    You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", arXiv:1904.00962.
    """

    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
        bias_correction: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        check_rates(beta1=beta1, beta2=beta2)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and variance."""
        return zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, means and variances in place."""
        means, variances = tensors_of(states, 0), tensors_of(states, 1)
        grads = self._rescaled(grads)
        torch._foreach_mul_(means, self.beta1)
        torch._foreach_add_(means, grads, alpha=1 - self.beta1)
        torch._foreach_mul_(variances, self.beta2)
        torch._foreach_addcmul_(variances, grads, grads, value=1 - self.beta2)
        divisors, scale = torch._foreach_sqrt(variances), 1.0
        if self.bias_correction:
            torch._foreach_mul_(divisors, 1 / math.sqrt(1 - self.beta2**count))
            scale = 1 / (1 - self.beta1**count)
        torch._foreach_add_(divisors, self.epsilon)
        moves = torch._foreach_mul(weights, wd)
        torch._foreach_addcdiv_(moves, means, divisors, value=scale)
        torch._foreach_mul_(moves, list(self._ratios(weights, moves).unbind()))
        torch._foreach_add_(weights, moves, alpha=-lr)

    def _ratios(self, weights: list[Tensor], moves: Any) -> Tensor:
        """How many times its length each move shall be made; (number of parameters,)."""
        lengths = torch.stack(torch._foreach_norm(weights))
        if self.lower_bound:
            lengths = lengths.clamp_min(self.lower_bound)
        if self.upper_bound:
            lengths = lengths.clamp_max(self.upper_bound)
        given = torch.stack(torch._foreach_norm(moves))
        return torch.where((lengths == 0) | (given == 0), 1.0, lengths / given)
