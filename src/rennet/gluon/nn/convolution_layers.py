"""Convolution over one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base import ArgumentError, NotSupportedError, expect_whole, is_whole, one_of
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict
from .activations import Activation

__all__ = ["Conv1D", "Conv2D", "Conv3D"]

Sizes = int | Sequence[int]


def sizes(argument: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """One number for each spatial axis, from such or from one for all.

    >>> sizes("Conv2D: strides", 2, 2, 1)
    (2, 2)
    >>> sizes("Conv2D: strides", (1, 2, 3), 2, 1)
    Traceback (most recent call last):
    rennet.base.ArgumentError: Conv2D: strides: expected a number of at least 1 or 2 of them, got (1, 2, 3)
    """
    given = (value,) * axes if is_whole(value, least) else value
    if not isinstance(given, list | tuple) or len(given) != axes or not all(is_whole(each, least) for each in given):
        raise ArgumentError(f"{argument}: expected a number of at least {least} or {axes} of them, got {value!r}")
    return tuple(given)


class _Convolution(HybridBlock):
    """Base of convolutions and transposed ones; subclasses say over how many axes, and what the weight's shape is."""

    _axes = 0
    _layout = ""
    _operator = "Convolution"

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        layout: str | None = None,
        activation: str | None = None,
        use_bias: bool = True,
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_channels: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        owner = type(self).__name__
        if layout in ("NHWC", "NDHWC") and len(layout) == self._axes + 2:
            raise NotSupportedError(
                f"{owner}: layout={layout!r}: channels last are not supported; use {self._layout!r} and transpose "
                "the data"
            )
        one_of(f"{owner}: layout", self._layout if layout is None else layout, (self._layout,))
        expect_whole(f"{owner}: in_channels", in_channels, 0)
        if not is_whole(groups, 1) or in_channels % groups or not is_whole(channels, 1) or channels % groups:
            raise ArgumentError(
                f"{owner}: groups: expected a positive divisor of channels {channels}, and of in_channels "
                f"{in_channels}; got {groups}"
            )
        super().__init__(prefix=prefix, params=params)
        self._channels, self._in_channels = channels, in_channels
        self._kwargs: dict[str, Any] = {
            "kernel": sizes(f"{owner}: kernel_size", kernel_size, self._axes, 1),
            "stride": sizes(f"{owner}: strides", strides, self._axes, 1),
            "dilate": sizes(f"{owner}: dilation", dilation, self._axes, 1),
            "pad": sizes(f"{owner}: padding", padding, self._axes, 0),
            "num_filter": channels,
            "num_group": groups,
            "no_bias": not use_bias,
            "layout": self._layout,
        }
        shape = (*self._weight_channels(groups), *self._kwargs["kernel"])
        with self.name_scope():
            self.weight = self.params.get("weight", shape=shape, init=weight_initializer, allow_deferred_init=True)
            self.bias = (
                self.params.get("bias", shape=(channels,), init=bias_initializer, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = None if activation is None else Activation(activation, prefix=f"{activation}_")

    def _weight_channels(self, groups: int) -> tuple[int, int]:
        return self._channels, self._in_channels // groups

    def _alias(self) -> str:
        return "conv"

    def __repr__(self) -> str:
        shape, given = self.weight.shape or (0, 0), self._kwargs
        content = f"{shape[1] or None} -> {shape[0]}, kernel_size={given['kernel']}, stride={given['stride']}"
        for name, key, usual in (("padding", "pad", 0), ("dilation", "dilate", 1)):
            if given[key] != (usual,) * self._axes:
                content += f", {name}={given[key]}"
        if given["num_group"] != 1:
            content += f", groups={given['num_group']}"
        if self.bias is None:
            content += ", bias=False"
        if self.act is not None:
            content += f", {self.act}"
        return f"{type(self).__name__}({content})"

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, weight: Any, bias: Any = None
    ) -> Any:
        """``(batch, in_channels, ...)`` to ``(batch, channels, ...)``."""
        inputs = (x, weight) if bias is None else (x, weight, bias)
        result = getattr(F, self._operator)(*inputs, name="fwd", **self._kwargs)
        return result if self.act is None else self.act(result)


class Conv1D(_Convolution):
    """Convolution over one axis, of data ``(batch, in_channels, width)``.

    The width that comes out is ``(width + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Parameters
    ----------
    channels : int
        How many come out.
    kernel_size, strides, padding, dilation : int or tuple of int
        The window, how far it moves, how many zeros lie at both ends, and how far apart its elements are; one number
        for each axis, or one for all.
    groups : int
        Into how many independent groups the channels are split.
    layout : {'NCW'}
        Order of the axes.
    activation : str, optional
        See `Activation`; none by default.
    use_bias : bool
        Whether there is a bias.
    weight_initializer, bias_initializer : Initializer or str
        How they begin; the weight as `initialize` says, the bias with zeros.
    in_channels : int
        How many go in; 0 if the first batch is to tell.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.Conv1D(6, kernel_size=3, padding=1)
    >>> layer.initialize()
    >>> layer(mx.nd.ones((2, 4, 9))).shape, layer
    ((2, 6, 9), Conv1D(4 -> 6, kernel_size=(3,), stride=(1,), padding=(1,)))
    """

    _axes, _layout = 1, "NCW"


class Conv2D(_Convolution):
    """Convolution over two axes, of data ``(batch, in_channels, height, width)``.

    Parameters are those of `Conv1D`; `layout` is ``'NCHW'``. Channels last, which MXNet has on GPUs, are refused.
    """

    _axes, _layout = 2, "NCHW"


class Conv3D(_Convolution):
    """Convolution over three axes, of data ``(batch, in_channels, depth, height, width)``.

    Parameters are those of `Conv1D`; `layout` is ``'NCDHW'``. Channels last, which MXNet has on GPUs, are refused.
    """

    _axes, _layout = 3, "NCDHW"
