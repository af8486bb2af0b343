"""Adam and its relatives: the mean gradient over how large gradients have been."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import Tensor

from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_rates, tensors_of, zeros_like


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
        check_rates(beta1=beta1, beta2=beta2)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and variance."""
        return zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, means and variances in place."""
        means, variances = tensors_of(states, 0), tensors_of(states, 1)
        clips = self.clip_gradient is not None and self.clip_gradient > 0
        if clips:
            grads = self._decayed(grads, weights, wd)
        elif self.rescale_grad != 1:
            grads = self._scaled(grads)
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


@Optimizer.register
class Adamax(Rule):
    """Adam with the largest recent gradient in place of the variance.

    ::

        grad   = clip(rescale_grad * grad + wd * weight, clip_gradient)
        mean   = beta1 * mean + (1 - beta1) * grad
        peak   = max(beta2 * peak, abs(grad))
        weight = weight - lr / (1 - beta1**t) * mean / peak

    A weight that has had no gradient but zero stays where it is.

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    beta1, beta2 : float
        How much of the mean, and of the peak, is kept at each update.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, section 7.
    """

    def __init__(
        self, learning_rate: float | None = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        check_rates(beta1=beta1, beta2=beta2)
        self.beta1 = beta1
        self.beta2 = beta2

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and peak."""
        return zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, means and peaks in place."""
        means, peaks = tensors_of(states, 0), tensors_of(states, 1)
        grads = self._decayed(grads, weights, wd)
        torch._foreach_mul_(means, self.beta1)
        torch._foreach_add_(means, grads, alpha=1 - self.beta1)
        torch._foreach_mul_(peaks, self.beta2)
        torch._foreach_abs_(grads)
        torch._foreach_maximum_(peaks, grads)
        # MXNet divides zero by zero here, and the weight is lost
        divisors = torch._foreach_clamp_min(peaks, torch.finfo(weights[0].dtype).tiny)
        torch._foreach_addcdiv_(weights, means, divisors, value=-lr / (1 - self.beta1**count))


@Optimizer.register
class Nadam(Rule):
    """Adam with Nesterov's momentum, which is warmed up by a schedule.

    ::

        grad        = clip(rescale_grad * grad + wd * weight, clip_gradient)
        momentum(t) = beta1 * (1 - 0.5 * 0.96**(t * schedule_decay))
        product(t)  = momentum(1) * momentum(2) * ... * momentum(t)
        mean        = beta1 * mean + (1 - beta1) * grad
        variance    = beta2 * variance + (1 - beta2) * grad**2
        ahead       = (1 - momentum(t)) * grad / (1 - product(t)) + momentum(t + 1) * mean / (1 - product(t + 1))
        weight      = weight - lr * ahead / (sqrt(variance / (1 - beta2**t)) + epsilon)

    MXNet multiplies one product on for each parameter in turn, so that its first steps depend on how many there are;
    here ``t`` is the parameter's own number of updates. With one parameter the two are the same.

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    beta1, beta2 : float
        How much of the two moving averages is kept at each update.
    epsilon : float
        Keeps the division finite.
    schedule_decay : float
        How fast the momentum warms up.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop.
    """

    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        schedule_decay: float = 0.004,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        check_rates(beta1=beta1, beta2=beta2)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and variance."""
        return zeros_like(weight), zeros_like(weight)

    def _scheduled(self, count: int) -> float:
        """The momentum of an update."""
        return self.beta1 * (1.0 - 0.5 * 0.96 ** (count * self.schedule_decay))

    def _product(self, count: int) -> float:
        """The product of the momenta of all updates so far; 0 once one minus it is 1 to the last digit."""
        product = 1.0
        for each in range(1, count + 1):
            product *= self._scheduled(each)
            if abs(product) < sys.float_info.epsilon / 4:
                return 0.0
        return product

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights, means and variances in place."""
        means, variances = tensors_of(states, 0), tensors_of(states, 1)
        grads = self._decayed(grads, weights, wd)
        torch._foreach_mul_(means, self.beta1)
        torch._foreach_add_(means, grads, alpha=1 - self.beta1)
        torch._foreach_mul_(variances, self.beta2)
        torch._foreach_addcmul_(variances, grads, grads, value=1 - self.beta2)
        now, then, product = self._scheduled(count), self._scheduled(count + 1), self._product(count)
        torch._foreach_mul_(grads, (1 - now) / (1 - product))
        torch._foreach_add_(grads, means, alpha=then / (1 - product * then))
        divisors = torch._foreach_sqrt(variances)
        torch._foreach_mul_(divisors, 1 / math.sqrt(1 - self.beta2**count))
        torch._foreach_add_(divisors, self.epsilon)
        torch._foreach_addcdiv_(weights, grads, divisors, value=-lr)
