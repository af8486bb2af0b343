"""Batch normalisation by the statistics of several devices."""

from __future__ import annotations

from typing import Any

from ....base import expect_whole
from ...nn.normalization_layers import _BatchNorm
from ...parameter_dict import ParameterDict

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm` along axis 1 by the statistics of the whole batch (Zhang et al., 2018).

    On one device that is `BatchNorm`. Training on several at once, each with its part of the batch, is refused, as
    statistics are not shared between devices here.

    Parameters
    ----------
    in_channels : int
        How many channels; 0 if the first batch is to tell.
    num_devices : int, optional
        On how many devices it is trained at once; one by default, where MXNet took the number of GPUs.
    momentum : float
        How much of the running statistics is kept at each training step.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta, and gamma, are trained.
    use_global_stats : bool
        Whether the running statistics count in training too.
    beta_initializer, gamma_initializer, running_mean_initializer, running_variance_initializer : Initializer or str
        How they begin.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.contrib.nn.SyncBatchNorm(in_channels=2)
    >>> layer.initialize()
    >>> with mx.autograd.train_mode():
    ...     layer(mx.nd.array([[1, 2], [3, 6]])).asnumpy().round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        in_channels: int = 0,
        num_devices: int | None = None,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        use_global_stats: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        running_mean_initializer: Any = "zeros",
        running_variance_initializer: Any = "ones",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        devices = 1 if num_devices is None else expect_whole("SyncBatchNorm: num_devices", num_devices, 1)
        super().__init__(
            {},
            momentum,
            epsilon,
            center,
            scale,
            use_global_stats,
            beta_initializer,
            gamma_initializer,
            running_mean_initializer,
            running_variance_initializer,
            in_channels,
            prefix,
            params,
        )
        self._kwargs |= {"ndev": devices, "key": self.prefix}

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any
    ) -> Any:
        """`x`, normalised."""
        return F.contrib.SyncBatchNorm(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)
