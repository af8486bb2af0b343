"""Rules that give every weight a rate of its own: the gradient over the root of its squares so far."""

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
class AdaGrad(Rule):
    """AdaGrad: the squares of all gradients so far.

    ::

        grad    = clip(rescale_grad * grad, clip_gradient)
        history = history + grad**2
        weight  = weight - lr * (grad / sqrt(history + eps) + wd * weight)

    torch.optim.Adagrad adds its epsilon outside the root.

    Parameters
    ----------
    eps : float
        Keeps the division finite.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    JMLR 12, 2011.
    """

    def __init__(self, eps: float = 1e-7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Any, weight: NDArray) -> NDArray:
        """The history."""
        return zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and histories in place."""
        histories, grads = [state.tensor for state in states], self._rescaled(grads)
        torch._foreach_addcmul_(histories, grads, grads)
        divisors = torch._foreach_add(histories, self.float_stable_eps)
        torch._foreach_sqrt_(divisors)
        if wd:
            torch._foreach_mul_(weights, 1 - lr * wd)
        torch._foreach_addcdiv_(weights, grads, divisors, value=-lr)


@Optimizer.register
class RMSProp(Rule):
    """RMSProp: a moving average of squared gradients.

    Tieleman and Hinton's, unless `centered`::

        grad   = clip(rescale_grad * grad + wd * weight, clip_gradient)
        square = gamma1 * square + (1 - gamma1) * grad**2
        weight = clip(weight - lr * grad / sqrt(square + epsilon), clip_weights)

    Graves's, with `centered`: gradients are measured from their mean, and there is momentum::

        mean   = gamma1 * mean + (1 - gamma1) * grad
        move   = gamma2 * move - lr * grad / sqrt(square - mean**2 + epsilon)
        weight = clip(weight + move, clip_weights)

    torch.optim.RMSprop adds its epsilon outside the root, and multiplies the learning rate in after the momentum.

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    gamma1 : float
        How much of the moving averages is kept at each update.
    gamma2 : float
        The momentum; only with `centered`.
    epsilon : float
        Keeps the division finite.
    centered : bool
        Which of the two.
    clip_weights : float, optional
        Weights are clipped to ``[-clip_weights, clip_weights]`` after each update; None or a number that is not
        positive for none.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012.
    Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, equations 38 to 45.
    """

    def __init__(
        self,
        learning_rate: float | None = 0.001,
        gamma1: float = 0.9,
        gamma2: float = 0.9,
        epsilon: float = 1e-8,
        centered: bool = False,
        clip_weights: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        check_rates(gamma1=gamma1, gamma2=gamma2)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.epsilon = epsilon
        self.centered = centered
        self.clip_weights = clip_weights

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, ...]:
        """Mean square; if centered also mean and momentum."""
        return tuple(zeros_like(weight) for _ in range(3 if self.centered else 1))

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and states in place."""
        squares, grads = tensors_of(states, 0), self._decayed(grads, weights, wd)
        torch._foreach_mul_(squares, self.gamma1)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - self.gamma1)
        divisors = torch._foreach_add(squares, self.epsilon)
        if self.centered:
            means, moves = tensors_of(states, 1), tensors_of(states, 2)
            torch._foreach_mul_(means, self.gamma1)
            torch._foreach_add_(means, grads, alpha=1 - self.gamma1)
            torch._foreach_addcmul_(divisors, means, means, value=-1)
            torch._foreach_sqrt_(divisors)
            torch._foreach_mul_(moves, self.gamma2)
            torch._foreach_addcdiv_(moves, grads, divisors, value=-lr)
            torch._foreach_add_(weights, moves)
        else:
            torch._foreach_sqrt_(divisors)
            torch._foreach_addcdiv_(weights, grads, divisors, value=-lr)
        if self.clip_weights is not None and self.clip_weights > 0:
            torch._foreach_clamp_min_(weights, -self.clip_weights)
            torch._foreach_clamp_max_(weights, self.clip_weights)


@Optimizer.register
class AdaDelta(Rule):
    """AdaDelta: steps as large as recent steps were, so that there is no learning rate.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient)
        square = rho * square + (1 - rho) * grad**2
        move   = sqrt(moved + epsilon) / sqrt(square + epsilon) * grad
        moved  = rho * moved + (1 - rho) * move**2
        weight = weight - move - wd * weight

    A `learning_rate` or scheduler can be given, as to every optimizer, but the formula has no place for it.

    Parameters
    ----------
    rho : float
        How much of the two moving averages is kept at each update.
    epsilon : float
        Keeps the division finite, and gets the first steps going.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701.
    """

    def __init__(self, rho: float = 0.90, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_rates(rho=rho)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray, NDArray]:
        """Mean square of gradients, and of moves."""
        return zeros_like(weight), zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and states in place."""
        squares, moved = tensors_of(states, 0), tensors_of(states, 1)
        moves = self._rescaled(grads)
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, moves, moves, value=1 - self.rho)
        for averages, scale in ((moved, torch._foreach_mul_), (squares, torch._foreach_div_)):
            roots = torch._foreach_add(averages, self.epsilon)
            torch._foreach_sqrt_(roots)
            scale(moves, roots)
        torch._foreach_mul_(moved, self.rho)
        torch._foreach_addcmul_(moved, moves, moves, value=1 - self.rho)
        if wd:
            torch._foreach_mul_(weights, 1 - wd)
        torch._foreach_sub_(weights, moves)
