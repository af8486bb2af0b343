"""Pooling over one, two or three axes."""

from __future__ import annotations

from typing import Any

from ...base import one_of
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict
from .convolution_layers import Sizes, sizes

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
]

_LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


class _Pooling(HybridBlock):
    """Base of all of them; `layout` says over how many axes."""

    def __init__(
        self,
        axes: int,
        pool_type: str,
        pool_size: Sizes,
        strides: Sizes | None,
        padding: Sizes,
        ceil_mode: bool,
        layout: str,
        prefix: str | None,
        params: ParameterDict | None,
        global_pool: bool = False,
        **more: Any,
    ) -> None:
        owner = type(self).__name__
        one_of(f"{owner}: layout", layout, _LAYOUTS[axes])
        kernel = sizes(f"{owner}: pool_size", pool_size, axes, 1)
        super().__init__(prefix=prefix, params=params)
        self._kwargs = {
            "kernel": kernel,
            "stride": kernel if strides is None else sizes(f"{owner}: strides", strides, axes, 1),
            "pad": sizes(f"{owner}: padding", padding, axes, 0),
            "global_pool": global_pool,
            "pool_type": pool_type,
            "layout": layout,
            "pooling_convention": "full" if ceil_mode else "valid",
            **more,
        }

    def _alias(self) -> str:
        return "pool"

    def __repr__(self) -> str:
        given = self._kwargs
        return (
            f"{type(self).__name__}(size={given['kernel']}, stride={given['stride']}, padding={given['pad']}, "
            f"ceil_mode={given['pooling_convention'] == 'full'}, global_pool={given['global_pool']}, "
            f"pool_type={given['pool_type']}, layout={given['layout']})"
        )

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """``(batch, channels, ...)`` with fewer places, or with the channels last in both."""
        return F.Pooling(x, name="fwd", **self._kwargs)


class MaxPool1D(_Pooling):
    """The largest element of each window of data ``(batch, channels, width)``.

    The width that comes out is ``(width + 2 * padding - pool_size) / strides + 1``, rounded down, or up with
    `ceil_mode`.

    Parameters
    ----------
    pool_size : int or tuple of int
        The window; one number for each axis, or one for all.
    strides : int or tuple of int, optional
        How far it moves; its own size by default.
    padding : int or tuple of int
        How much lies around the data.
    layout : {'NCW', 'NWC'}
        Order of the axes.
    ceil_mode : bool
        Whether an incomplete window at the end counts.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.MaxPool1D()(mx.nd.array([[[1, 2, 3, 6]]])).asnumpy().tolist()
    [[[2.0, 6.0]]]
    """

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Sizes = 0,
        layout: str = "NCW",
        ceil_mode: bool = False,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(1, "max", pool_size, strides, padding, ceil_mode, layout, prefix, params)


class MaxPool2D(_Pooling):
    """The largest element of each window of data ``(batch, channels, height, width)``.

    Parameters are those of `MaxPool1D`; `layout` is ``'NCHW'`` or ``'NHWC'``.
    """

    def __init__(
        self,
        pool_size: Sizes = (2, 2),
        strides: Sizes | None = None,
        padding: Sizes = 0,
        layout: str = "NCHW",
        ceil_mode: bool = False,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(2, "max", pool_size, strides, padding, ceil_mode, layout, prefix, params)


class MaxPool3D(_Pooling):
    """The largest element of each window of data ``(batch, channels, depth, height, width)``.

    Parameters are those of `MaxPool1D`; `layout` is ``'NCDHW'`` or ``'NDHWC'``.
    """

    def __init__(
        self,
        pool_size: Sizes = (2, 2, 2),
        strides: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        layout: str = "NCDHW",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(3, "max", pool_size, strides, padding, ceil_mode, layout, prefix, params)


class AvgPool1D(_Pooling):
    """The mean of each window of data ``(batch, channels, width)``.

    The width that comes out is ``(width + 2 * padding - pool_size) / strides + 1``, rounded down, or up with
    `ceil_mode`.

    Parameters
    ----------
    pool_size : int or tuple of int
        The window; one number for each axis, or one for all.
    strides : int or tuple of int, optional
        How far it moves; its own size by default.
    padding : int or tuple of int
        How much lies around the data.
    layout : {'NCW', 'NWC'}
        Order of the axes.
    ceil_mode : bool
        Whether an incomplete window at the end counts.
    count_include_pad : bool
        Whether the padding counts as zeros; otherwise the mean is that of the data alone.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.AvgPool1D()(mx.nd.array([[[1, 2, 3, 6]]])).asnumpy().tolist()
    [[[1.5, 4.5]]]
    """

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Sizes = 0,
        layout: str = "NCW",
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(
            1,
            "avg",
            pool_size,
            strides,
            padding,
            ceil_mode,
            layout,
            prefix,
            params,
            count_include_pad=count_include_pad,
        )


class AvgPool2D(_Pooling):
    """The mean of each window of data ``(batch, channels, height, width)``.

    Parameters are those of `AvgPool1D`; `layout` is ``'NCHW'`` or ``'NHWC'``.
    """

    def __init__(
        self,
        pool_size: Sizes = (2, 2),
        strides: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        layout: str = "NCHW",
        count_include_pad: bool = True,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(
            2,
            "avg",
            pool_size,
            strides,
            padding,
            ceil_mode,
            layout,
            prefix,
            params,
            count_include_pad=count_include_pad,
        )


class AvgPool3D(_Pooling):
    """The mean of each window of data ``(batch, channels, depth, height, width)``.

    Parameters are those of `AvgPool1D`; `layout` is ``'NCDHW'`` or ``'NDHWC'``.
    """

    def __init__(
        self,
        pool_size: Sizes = (2, 2, 2),
        strides: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        layout: str = "NCDHW",
        count_include_pad: bool = True,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(
            3,
            "avg",
            pool_size,
            strides,
            padding,
            ceil_mode,
            layout,
            prefix,
            params,
            count_include_pad=count_include_pad,
        )


class GlobalMaxPool1D(_Pooling):
    """The largest element of each channel of data ``(batch, channels, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCW', 'NWC'}
        Order of the axes.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.GlobalMaxPool1D()(mx.nd.array([[[1, 2, 3, 6]]])).asnumpy().tolist()
    [[[6.0]]]
    """

    def __init__(self, layout: str = "NCW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(1, "max", 1, None, 0, True, layout, prefix, params, global_pool=True)


class GlobalMaxPool2D(_Pooling):
    """The largest element of each channel of data ``(batch, channels, height, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCHW', 'NHWC'}
        Order of the axes.
    prefix, params
        As for every Block.
    """

    def __init__(self, layout: str = "NCHW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(2, "max", 1, None, 0, True, layout, prefix, params, global_pool=True)


class GlobalMaxPool3D(_Pooling):
    """The largest element of each channel of data ``(batch, channels, depth, height, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCDHW', 'NDHWC'}
        Order of the axes.
    prefix, params
        As for every Block.
    """

    def __init__(self, layout: str = "NCDHW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(3, "max", 1, None, 0, True, layout, prefix, params, global_pool=True)


class GlobalAvgPool1D(_Pooling):
    """The mean of each channel of data ``(batch, channels, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCW', 'NWC'}
        Order of the axes.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.GlobalAvgPool1D()(mx.nd.array([[[1, 2, 3, 6]]])).asnumpy().tolist()
    [[[3.0]]]
    """

    def __init__(self, layout: str = "NCW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(1, "avg", 1, None, 0, True, layout, prefix, params, global_pool=True)


class GlobalAvgPool2D(_Pooling):
    """The mean of each channel of data ``(batch, channels, height, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCHW', 'NHWC'}
        Order of the axes.
    prefix, params
        As for every Block.
    """

    def __init__(self, layout: str = "NCHW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(2, "avg", 1, None, 0, True, layout, prefix, params, global_pool=True)


class GlobalAvgPool3D(_Pooling):
    """The mean of each channel of data ``(batch, channels, depth, height, width)``; all axes stay.

    Parameters
    ----------
    layout : {'NCDHW', 'NDHWC'}
        Order of the axes.
    prefix, params
        As for every Block.
    """

    def __init__(self, layout: str = "NCDHW", prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(3, "avg", 1, None, 0, True, layout, prefix, params, global_pool=True)
