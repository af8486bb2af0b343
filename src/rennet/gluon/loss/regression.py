"""Losses of numbers."""

from __future__ import annotations

import math
from typing import Any

from ...base import ArgumentError, expect_number
from ..parameter_dict import ParameterDict
from .contract import Loss, alike

__all__ = ["HuberLoss", "L1Loss", "L2Loss", "PoissonNLLLoss"]


class L2Loss(Loss):
    """``weight / 2 * (label - pred)**2``, and of that the mean for each sample.

    Parameters
    ----------
    weight : float, optional
        A factor; 1 by default, and where it is None.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.loss.L2Loss()(mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([[1, 4], [3, 3]])).asnumpy().tolist()
    [1.0, 0.25]
    """

    def __init__(
        self,
        weight: float | None = 1.0,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(weight, batch_axis, prefix=prefix, params=params)

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        half = 0.5 if self._weight is None else self._weight / 2
        loss = F.square(alike(F, label, pred) - pred)
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight, half))


class L1Loss(Loss):
    """``abs(label - pred)``, and of that the mean for each sample.

    Parameters
    ----------
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(weight, batch_axis, prefix=prefix, params=params)

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        loss = F.abs(alike(F, label, pred) - pred)
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight))


class HuberLoss(Loss):
    """``(label - pred)**2 / (2 * rho)`` where the error is at most `rho`, ``abs(label - pred) - rho / 2`` beyond.

    Parameters
    ----------
    rho : float
        Where the square becomes a line; positive.
    weight : float, optional
        A factor.
    batch_axis : int
        The axis along which the samples lie.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        rho: float = 1,
        weight: float | None = None,
        batch_axis: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        if expect_number("HuberLoss: rho", rho) <= 0:
            raise ArgumentError(f"HuberLoss: rho: expected a positive number, got {rho}")
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._rho = rho

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None
    ) -> Any:
        """The loss of each sample; `sample_weight` must broadcast against `pred`."""
        error = F.abs(alike(F, label, pred) - pred)
        loss = F.where(error > self._rho, error - 0.5 * self._rho, (0.5 / self._rho) * F.square(error))
        return self._mean_of_samples(F, self._weighted(F, loss, sample_weight))


_SMALL = 1e-8


class PoissonNLLLoss(Loss):
    """The negative log likelihood of counts that are Poisson distributed; the mean over everything, of shape ``(1,)``.

    Parameters
    ----------
    weight : float, optional
        A factor.
    from_logits : bool
        Whether predictions are logarithms of rates: ``exp(pred) - target * pred``. Otherwise they are rates:
        ``pred - target * log(pred + 1e-8)``.
    batch_axis : int
        The axis along which the samples lie; as the mean is over all, it changes nothing.
    compute_full : bool
        Whether Stirling's approximation of ``log(target!)`` is added where the target is above 1.
    prefix, params
        As for every Block.
    """

    def __init__(
        self,
        weight: float | None = None,
        from_logits: bool = True,
        batch_axis: int = 0,
        compute_full: bool = False,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(weight, batch_axis, prefix=prefix, params=params)
        self._from_logits, self._compute_full = from_logits, compute_full

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, pred: Any, target: Any, sample_weight: Any = None
    ) -> Any:
        """The mean loss; `sample_weight` must broadcast against `pred`."""
        target = alike(F, target, pred)
        loss = F.exp(pred) - target * pred if self._from_logits else pred - target * F.log(pred + _SMALL)
        if self._compute_full:
            # neither a logarithm of zero nor its gradient may come in where nothing is added
            counts = F.maximum(target, 1)
            stirling = counts * F.log(counts) - counts + 0.5 * F.log(2 * math.pi * counts)
            loss = loss + F.where(target > 1, stirling, F.zeros_like(stirling))
        return F.mean(self._weighted(F, loss, sample_weight))
