"""Transposed convolution over one, two or three axes."""

from __future__ import annotations

from typing import Any

from ..parameter_dict import ParameterDict
from .convolution_layers import Sizes, _Convolution, sizes

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]


class _Transposed(_Convolution):
    """Base of the transposed convolutions: the weight's first axis is the input's channels."""

    _operator = "Deconvolution"

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
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
        adjustment = sizes(f"{type(self).__name__}: output_padding", output_padding, self._axes, 0)
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            prefix=prefix,
            params=params,
        )
        self.outpad = self._kwargs["adj"] = adjustment

    def _weight_channels(self, groups: int) -> tuple[int, int]:
        return self._in_channels, self._channels // groups


class Conv1DTranspose(_Transposed):
    """Transposed convolution over one axis, of data ``(batch, in_channels, width)``.

    The width that comes out is ``(width - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1 +
    output_padding``.

    Parameters
    ----------
    channels : int
        How many come out.
    kernel_size, strides, padding, dilation : int or tuple of int
        Those of the convolution whose way back this is; one number for each axis, or one for all.
    output_padding : int or tuple of int
        How much wider the result is, less than the stride.
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
    >>> layer = mx.gluon.nn.Conv1DTranspose(6, kernel_size=3, strides=2, padding=1, output_padding=1)
    >>> layer.initialize()
    >>> layer(mx.nd.ones((2, 4, 5))).shape
    (2, 6, 10)
    """

    _axes, _layout = 1, "NCW"


class Conv2DTranspose(_Transposed):
    """Transposed convolution over two axes, of data ``(batch, in_channels, height, width)``.

    Parameters are those of `Conv1DTranspose`; `layout` is ``'NCHW'``. Channels last are refused.
    """

    _axes, _layout = 2, "NCHW"


class Conv3DTranspose(_Transposed):
    """Transposed convolution over three axes, of data ``(batch, in_channels, depth, height, width)``.

    Parameters are those of `Conv1DTranspose`; `layout` is ``'NCDHW'``. Channels last are refused.
    """

    _axes, _layout = 3, "NCDHW"
