"""Rules that follow the gradient, or its sign, with momentum if asked for."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_momentum, zeros_like


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
        self.momentum = check_momentum(momentum)
        self.lazy_update = lazy_update

    def create_state(self, index: Any, weight: NDArray) -> NDArray | None:
        """The momentum, if there is any."""
        return zeros_like(weight) if self.momentum else None

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and momenta in place."""
        scale = self.rescale_grad
        if self.clip_gradient:
            grads, scale = self._rescaled(grads), 1.0
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
class ccSGD(SGD):
    """`SGD` under an older name."""


@Optimizer.register
class SGLD(Rule):
    """Stochastic gradient Langevin dynamics: descent with noise, whose weights are samples of the posterior.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient) + wd * weight
        weight = weight - lr / 2 * grad + sqrt(lr) * noise

    The noise is normally distributed; `mx.random.seed` seeds it.

    Parameters
    ----------
    **kwargs
        See `Optimizer`.

    References
    ----------
    Patterson and Teh, "Stochastic Gradient Riemannian Langevin Dynamics on the Probability Simplex", NIPS 2013.
    """

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights in place."""
        grads = self._rescaled(grads)
        noises = [torch.randn_like(weight) for weight in weights]
        if wd:
            torch._foreach_mul_(weights, 1 - lr / 2 * wd)
        torch._foreach_add_(weights, grads, alpha=-lr / 2)
        torch._foreach_add_(weights, noises, alpha=math.sqrt(lr))


@Optimizer.register
class NAG(Rule):
    """Nesterov's accelerated gradient: descent with the gradient of where the momentum leads.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient)
        move   = momentum * move - lr * grad
        weight = weight + momentum * (move - lr * wd * weight) - lr * (grad + wd * weight)
        move   = move - lr * wd * weight

    The decay that goes into the momentum is that of the new weight, as in MXNet.

    Parameters
    ----------
    momentum : float
        How much of the last step goes into this one; 0 keeps no state, and is plain descent.
    **kwargs
        See `Optimizer`.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
    """

    def __init__(self, momentum: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = check_momentum(momentum)

    def create_state(self, index: Any, weight: NDArray) -> NDArray | None:
        """The momentum, if there is any."""
        return zeros_like(weight) if self.momentum else None

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and momenta in place."""
        grads = self._rescaled(grads)
        if wd:
            torch._foreach_mul_(weights, 1 - lr * wd * (1 + self.momentum))
        torch._foreach_add_(weights, grads, alpha=-lr)
        if not self.momentum:
            return
        moves = [state.tensor for state in states]
        torch._foreach_mul_(moves, self.momentum)
        torch._foreach_add_(moves, grads, alpha=-lr)
        torch._foreach_add_(weights, moves, alpha=self.momentum)
        if wd:
            torch._foreach_add_(moves, weights, alpha=-lr * wd)


@Optimizer.register
class Signum(Rule):
    """Steps of one size: only the sign of the momentum counts, or that of the gradient where there is no momentum.

    ::

        grad   = clip(rescale_grad * grad, clip_gradient)
        move   = momentum * move - (1 - momentum) * (grad + wd * weight)
        weight = (1 - lr * wd_lh) * weight + lr * sign(move)

    Without momentum (SignSGD) both decays act on the weight itself::

        weight = (1 - lr * (wd + wd_lh)) * weight - lr * sign(grad)

    Parameters
    ----------
    learning_rate : float
        Overwrites a scheduler's `base_lr`, the default too.
    momentum : float
        How much of the moving average is kept at each update; 0 keeps no state.
    wd_lh : float
        Weight decay beside the gradient (Loshchilov and Hutter, arXiv:1711.05101).
    **kwargs
        See `Optimizer`.

    References
    ----------
    Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems", arXiv:1802.04434.
    """

    def __init__(
        self, learning_rate: float | None = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = check_momentum(momentum)
        self.wd_lh = wd_lh

    def create_state(self, index: Any, weight: NDArray) -> NDArray | None:
        """The momentum, if there is any."""
        return zeros_like(weight) if self.momentum else None

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and momenta in place."""
        grads = self._rescaled(grads)
        decay = self.wd_lh
        if self.momentum:
            moves = [state.tensor for state in states]
            if wd:
                torch._foreach_add_(grads, weights, alpha=wd)
            torch._foreach_mul_(moves, self.momentum)
            torch._foreach_add_(moves, grads, alpha=self.momentum - 1)
            signs, direction = torch._foreach_sign(moves), 1
        else:
            signs, direction, decay = torch._foreach_sign(grads), -1, decay + wd
        if decay:
            torch._foreach_mul_(weights, 1 - lr * decay)
        torch._foreach_add_(weights, signs, alpha=direction * lr)


@Optimizer.register
class Test(Optimizer):
    """Adds the gradient to the weight, and keeps a copy of the result as its state: a rule to test with.

    ::

        weight = weight + rescale_grad * grad

    Parameters
    ----------
    **kwargs
        See `Optimizer`.
    """

    def create_state(self, index: Any, weight: NDArray) -> NDArray:
        """Zeros, until the first update."""
        return zeros_like(weight)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Change weight and state in place."""
        weight += grad * self.rescale_grad
        state[:] = weight
