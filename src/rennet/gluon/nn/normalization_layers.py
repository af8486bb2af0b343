"""Normalisation: by the statistics of a batch, a layer, an instance or a group."""

from __future__ import annotations

from typing import Any

from ..._dtypes import element_type
from ...base import expect_number, expect_whole
from ..hybrid_block import HybridBlock
from ..parameter import Parameter
from ..parameter_dict import ParameterDict

__all__ = ["BatchNorm", "BatchNormReLU", "GroupNorm", "InstanceNorm", "LayerNorm"]


class _BatchNorm(HybridBlock):
    """Base of the layers with moving statistics; what they compute is their operator's business."""

    def __init__(
        self,
        options: dict[str, Any],
        momentum: float,
        epsilon: float,
        center: bool,
        scale: bool,
        use_global_stats: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        running_mean_initializer: Any,
        running_variance_initializer: Any,
        in_channels: int,
        prefix: str | None,
        params: ParameterDict | None,
    ) -> None:
        owner = type(self).__name__
        expect_number(f"{owner}: momentum", momentum)
        expect_number(f"{owner}: epsilon", epsilon)
        expect_whole(f"{owner}: in_channels", in_channels, 0)
        super().__init__(prefix=prefix, params=params)
        self._kwargs = {
            **options,
            "eps": epsilon,
            "momentum": momentum,
            "fix_gamma": not scale,
            "use_global_stats": use_global_stats,
        }
        shape = (in_channels,)

        def made(name: str, init: Any, request: str, differentiable: bool) -> Parameter:
            return self.params.get(
                name,
                grad_req=request,
                shape=shape,
                init=init,
                allow_deferred_init=True,
                differentiable=differentiable,
            )

        self.gamma = made("gamma", gamma_initializer, "write" if scale else "null", scale)
        self.beta = made("beta", beta_initializer, "write" if center else "null", center)
        self.running_mean = made("running_mean", running_mean_initializer, "null", False)
        self.running_var = made("running_var", running_variance_initializer, "null", False)

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters; to float32 for halves, which are too coarse for statistics."""
        super().cast("float32" if element_type(dtype).name == "float16" else dtype)

    def __repr__(self) -> str:
        channels = (self.gamma.shape or (0,))[0]
        content = "".join(f"{key}={value!r}, " for key, value in self._kwargs.items())
        return f"{type(self).__name__}({content}in_channels={channels or None})"


class BatchNorm(_BatchNorm):
    """Mean 0 and variance 1 in each channel over the batch, then times gamma plus beta (Ioffe and Szegedy, 2015).

    In training the batch's own statistics count, and move the running ones; otherwise the running ones count.

    Parameters
    ----------
    axis : int
        The channels' axis.
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
    in_channels : int
        How many channels; 0 if the first batch is to tell.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.BatchNorm()
    >>> layer.initialize()
    >>> with mx.autograd.record():
    ...     output = layer(mx.nd.array([[1, 2], [3, 6]]))
    >>> output.asnumpy().round(3).tolist(), layer.running_mean.data().asnumpy()
    ([[-1.0, -1.0], [1.0, 1.0]], array([0.2, 0.4], dtype=float32))
    """

    _operator = "BatchNorm"

    def __init__(
        self,
        axis: int = 1,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        use_global_stats: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        running_mean_initializer: Any = "zeros",
        running_variance_initializer: Any = "ones",
        in_channels: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(
            {"axis": axis},
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
        self._axis = axis

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any
    ) -> Any:
        """`x`, normalised."""
        return F.BatchNorm(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)


class BatchNormReLU(BatchNorm):
    """`BatchNorm` and then a rectifier, in one operator. Its arguments are those of `BatchNorm`."""

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any
    ) -> Any:
        """`x`, normalised and rectified."""
        return F.contrib.BatchNormWithReLU(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)


class _Normalized(HybridBlock):
    """Base of the layers that need no memory: gamma, beta and an epsilon."""

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        size: int,
        prefix: str | None,
        params: ParameterDict | None,
    ) -> None:
        expect_number(f"{type(self).__name__}: epsilon", epsilon)
        super().__init__(prefix=prefix, params=params)
        self._epsilon, self._center, self._scale = epsilon, center, scale
        self.gamma, self.beta = (
            self.params.get(
                name, grad_req="write" if used else "null", shape=(size,), init=init, allow_deferred_init=True
            )
            for name, used, init in (("gamma", scale, gamma_initializer), ("beta", center, beta_initializer))
        )


class InstanceNorm(_Normalized):
    """Mean 0 and variance 1 in each channel of each instance, then times gamma plus beta (Ulyanov et al., 2016).

    Parameters
    ----------
    axis : int
        The channels' axis.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta, and gamma, are trained; gamma is not by default.
    beta_initializer, gamma_initializer : Initializer or str
        How they begin.
    in_channels : int
        How many channels; 0 if the first batch is to tell.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.InstanceNorm()
    >>> layer.initialize()
    >>> layer(mx.nd.array([[[1, 3], [2, 8]]])).asnumpy().round(3).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """

    def __init__(
        self,
        axis: int = 1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        in_channels: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("InstanceNorm: in_channels", in_channels, 0)
        super().__init__(
            epsilon, center, scale, beta_initializer, gamma_initializer, in_channels, prefix=prefix, params=params
        )
        self._axis = axis

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(eps={self._epsilon}, axis={self._axis}, center={self._center}, "
            f"scale={self._scale}, in_channels={(self.gamma.shape or (0,))[0]})"
        )

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any
    ) -> Any:
        """`x`, normalised."""
        if self._axis == 1:
            return F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon)
        swapped = F.swapaxes(x, dim1=1, dim2=self._axis)
        result = F.InstanceNorm(swapped, gamma, beta, name="fwd", eps=self._epsilon)
        return F.swapaxes(result, dim1=1, dim2=self._axis)


class LayerNorm(_Normalized):
    """Mean 0 and variance 1 along an axis, then times gamma plus beta (Ba et al., 2016).

    Parameters
    ----------
    axis : int
        The axis.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta, and gamma, are trained.
    beta_initializer, gamma_initializer : Initializer or str
        How they begin.
    in_channels : int
        Size of the axis; 0 if the first batch is to tell.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.LayerNorm()
    >>> layer.initialize()
    >>> layer(mx.nd.array([[1, 3], [2, 8]])).asnumpy().round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        in_channels: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("LayerNorm: in_channels", in_channels, 0)
        super().__init__(
            epsilon, center, scale, beta_initializer, gamma_initializer, in_channels, prefix=prefix, params=params
        )
        self._axis = axis

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(eps={self._epsilon}, axis={self._axis}, center={self._center}, "
            f"scale={self._scale}, in_channels={(self.gamma.shape or (0,))[0]})"
        )

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any
    ) -> Any:
        """`x`, normalised."""
        return F.LayerNorm(x, gamma=gamma, beta=beta, axis=self._axis, eps=self._epsilon)


class GroupNorm(_Normalized):
    """Mean 0 and variance 1 in each group of channels, then times gamma plus beta (Wu and He, 2018).

    As in MXNet 1.9.1, gamma and beta have one number for each group, not for each channel.

    Parameters
    ----------
    num_groups : int
        Into how many groups the channels (axis 1) are split.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta, and gamma, are trained.
    beta_initializer, gamma_initializer : Initializer or str
        How they begin.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.GroupNorm(2)
    >>> layer.initialize()
    >>> layer(mx.nd.array([[[1], [3], [2], [8]]])).asnumpy().round(3).tolist()
    [[[-1.0], [1.0], [-1.0], [1.0]]]
    """

    def __init__(
        self,
        num_groups: int = 1,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("GroupNorm: num_groups", num_groups, 1)
        super().__init__(
            epsilon, center, scale, beta_initializer, gamma_initializer, num_groups, prefix=prefix, params=params
        )
        self._num_groups = num_groups

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(eps={self._epsilon}, num_groups={self._num_groups}, center={self._center}, "
            f"scale={self._scale})"
        )

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, gamma: Any, beta: Any
    ) -> Any:
        """`x`, normalised."""
        return F.GroupNorm(x, gamma=gamma, beta=beta, num_groups=self._num_groups, eps=self._epsilon)
