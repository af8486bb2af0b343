"""Rules for large batches, which give each layer a learning rate of its own."""

# torch keeps no public name for its operations over lists of tensors.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import expect_whole, one_of
from ..ndarray import NDArray
from .contract import Optimizer
from .rule import Rule, check_momentum, zeros_like

_PLAIN = ("gamma", "beta", "bias")


@Optimizer.register
class LARS(Rule):
    """Layer-wise adaptive rate scaling: steps in proportion to the length of the weight, whatever the gradient's.

    ::

        grad   = rescale_grad * grad
        ratio  = eta * |weight| / (|grad| + wd * |weight| + eps)
        move   = momentum * move - lr * ratio * (clip(grad, clip_gradient) + wd * weight)
        weight = weight + move

    The ratio is 1 where one of the lengths is 0, and for parameters whose names end in ``gamma``, ``beta`` or ``bias``.

    Parameters
    ----------
    momentum : float
        How much of the last step goes into this one.
    lazy_update : bool
        Accepted for compatibility: it concerns sparse gradients, and all are dense here.
    eta : float
        How far a layer moves, as a part of its length, at a learning rate of 1.
    eps : float
        Added to the divisor.
    momentum_correction : bool
        Whether the momentum is scaled like the learning rate when a schedule changes it.
    **kwargs
        See `Optimizer`.

    References
    ----------
    You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", arXiv:1708.03888; for the correction
    Goyal et al., arXiv:1706.02677.
    """

    def __init__(
        self,
        momentum: float = 0.0,
        lazy_update: bool = True,
        eta: float = 0.001,
        eps: float = 0,
        momentum_correction: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.momentum = check_momentum(momentum)
        self.lazy_update = lazy_update
        self.eta, self.eps = eta, eps
        self.momentum_correction = momentum_correction

    def set_wd_mult(self, args_wd_mult: Mapping[Any, float]) -> None:
        """As `Optimizer.set_wd_mult`, but scales of normalised layers have no weight decay either."""
        scales = {name: 0.0 for name in self.idx2name.values() if not name.endswith("_weight")}
        super().set_wd_mult({**scales, **self._multipliers("__wd_mult__"), **args_wd_mult})

    def create_state(self, index: Any, weight: NDArray) -> list[Any]:
        """The momentum if there is any, the last learning rate, and whether the layer has a rate of its own."""
        adaptive = not str(self.idx2name.get(index, index)).endswith(_PLAIN)
        return [zeros_like(weight) if self.momentum else None, None, adaptive]

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Change weights and momenta in place."""
        ratios = self._ratios(weights, grads, wd)
        moves = self._rescaled(grads)
        if wd:
            torch._foreach_add_(moves, weights, alpha=wd)
        chosen = [place for place, (_, _, adaptive) in enumerate(states) if adaptive]
        if chosen:
            torch._foreach_mul_([moves[place] for place in chosen], [ratios[place] for place in chosen])
        momenta = [state[0].tensor for state in states] if self.momentum else None
        _descend(weights, moves, momenta, [self._momentum(state[1], lr) for state in states], lr)
        for state in states:
            state[1] = lr

    def _momentum(self, last_lr: float | None, lr: float) -> float:
        return self.momentum * lr / last_lr if self.momentum_correction and last_lr else self.momentum

    def _ratios(self, weights: list[Tensor], grads: list[Tensor], wd: float) -> Sequence[Tensor]:
        lengths = torch.stack(torch._foreach_norm(weights))
        given = torch.stack(torch._foreach_norm(grads)) * abs(self.rescale_grad)
        ratios = self.eta * lengths / (given + wd * lengths + self.eps)
        return torch.where((lengths > 0) & (given > 0), ratios, 1.0).unbind()


@Optimizer.register
class LBSGD(Rule):
    """Descent with large batches: gradients of several batches are gathered, and the learning rate warms up.

    Every `batch_scale` updates ::

        grad   = clip(rescale_grad * mean of the gradients, clip_gradient) + wd * weight
        move   = momentum * move - lr * factor * grad
        weight = weight + move

    and nothing in between. The factor grows from 1 to `batch_scale` during the warm-up; with ``'lars'`` it is
    ``sqrt(|weight|**2 / (|grad|**2 + wd * |weight|**2))``, between 0.01 and 100.

    Parameters
    ----------
    momentum : float
        How much of the last step goes into this one.
    multi_precision : bool
        See `Optimizer`.
    warmup_strategy : str
        How the factor grows: ``'linear'``, ``'power2'``, ``'sqrt'``; or ``'lars'``.
    warmup_epochs : int
        How long, in epochs.
    batch_scale : int
        How many batches make a large one.
    updates_per_epoch, begin_epoch : int
        Updates in an epoch, and the epoch to begin the warm-up at.
    num_epochs : int
        Accepted for compatibility: nothing depends on it.
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self,
        momentum: float = 0.0,
        multi_precision: bool = False,
        warmup_strategy: str = "linear",
        warmup_epochs: int = 5,
        batch_scale: int = 1,
        updates_per_epoch: int = 32,
        begin_epoch: int = 0,
        num_epochs: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(multi_precision=multi_precision, **kwargs)
        self.momentum = check_momentum(momentum)
        self.warmup_strategy = one_of("LBSGD: warmup_strategy", warmup_strategy, ("linear", "power2", "sqrt", "lars"))
        self.batch_scale = expect_whole("LBSGD: batch_scale", batch_scale, 1)
        self.warmup_epochs, self.updates_per_epoch, self.num_epochs = warmup_epochs, updates_per_epoch, num_epochs
        self.init_updates = begin_epoch * updates_per_epoch

    def create_state(self, index: Any, weight: NDArray) -> tuple[NDArray | None, NDArray]:
        """The momentum if there is any, and the sum of the gradients."""
        return zeros_like(weight) if self.momentum else None, zeros_like(weight)

    def step(
        self, weights: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, wd: float, count: int
    ) -> None:
        """Gather the gradients; change weights and momenta in place when there are enough."""
        updates = self.init_updates + count - self.begin_num_update
        sums = [state[-1].tensor for state in states]
        torch._foreach_add_(sums, grads)
        if updates % self.batch_scale:
            return
        means = list(torch._foreach_div(sums, self.batch_scale))
        torch._foreach_zero_(sums)
        moves = self._rescaled(means)
        if wd:
            torch._foreach_add_(moves, weights, alpha=wd)
        if self.warmup_strategy == "lars":
            torch._foreach_mul_(moves, _square_ratios(weights, means, wd))
        else:
            lr *= self._factor(updates)
        momenta = [state[0].tensor for state in states] if self.momentum else None
        _descend(weights, moves, momenta, [self.momentum] * len(weights), lr)

    def _factor(self, updates: int) -> float:
        warm = self.warmup_epochs * self.updates_per_epoch
        if updates >= warm:
            return float(self.batch_scale)
        if warm <= 1:
            return 1.0
        done = updates / warm
        grown = {"linear": done, "power2": done * done, "sqrt": math.sqrt(done)}[self.warmup_strategy]
        return 1.0 + (self.batch_scale - 1) * grown


def _square_ratios(weights: list[Tensor], grads: list[Tensor], wd: float) -> list[Tensor]:
    lengths = torch.stack(torch._foreach_norm(weights)) ** 2
    given = torch.stack(torch._foreach_norm(grads)) ** 2
    return list((lengths / (given + wd * lengths + 1e-18)).sqrt().clamp(0.01, 100).unbind())


def _descend(
    weights: list[Tensor], moves: list[Tensor], momenta: list[Tensor] | None, decays: list[float], lr: float
) -> None:
    """A step down along `moves`, through momenta that keep a part of themselves, if there are any."""
    if momenta is None:
        torch._foreach_add_(weights, moves, alpha=-lr)
        return
    torch._foreach_mul_(momenta, decays)
    torch._foreach_add_(momenta, moves, alpha=-lr)
    torch._foreach_add_(weights, momenta)
