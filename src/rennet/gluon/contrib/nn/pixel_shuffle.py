"""From channels to places: upsampling by rearranging (Shi et al., 2016)."""

from __future__ import annotations

from math import prod
from typing import Any

from ...hybrid_block import HybridBlock
from ...nn.convolution_layers import Sizes, sizes

__all__ = ["PixelShuffle1D", "PixelShuffle2D", "PixelShuffle3D"]


class PixelShuffle1D(HybridBlock):
    """``(batch, factor * channels, width)`` to ``(batch, channels, factor * width)``.

    Parameters
    ----------
    factor : int
        How much wider the result is.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.contrib.nn.PixelShuffle1D(2)
    >>> layer(mx.nd.array([[[1, 2], [10, 20]]])).asnumpy().tolist()
    [[[1.0, 10.0, 2.0, 20.0]]]
    """

    def __init__(self, factor: int) -> None:
        (self._factor,) = sizes("PixelShuffle1D: factor", factor, 1, 1)
        super().__init__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._factor})"

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x`, wider."""
        split = F.reshape(x, shape=(0, -4, -1, self._factor, 0))
        return F.reshape(F.transpose(split, axes=(0, 1, 3, 2)), shape=(0, 0, -3))


class _ManyFactors(HybridBlock):
    """Base of those with a factor for each axis."""

    _axes = 0

    def __init__(self, factor: Sizes) -> None:
        self._factors = sizes(f"{type(self).__name__}: factor", factor, self._axes, 1)
        super().__init__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._factors})"


class PixelShuffle2D(_ManyFactors):
    """``(batch, f1 * f2 * channels, height, width)`` to ``(batch, channels, f1 * height, f2 * width)``.

    Parameters
    ----------
    factor : int or tuple of int
        How much higher and wider the result is, ``(f1, f2)`` or one number for both.
    """

    _axes = 2

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x`, larger."""
        split = F.reshape(x, shape=(0, -4, -1, prod(self._factors), 0, 0))
        split = F.reshape(split, shape=(0, 0, -4, *self._factors, 0, 0))
        return F.reshape(F.transpose(split, axes=(0, 1, 4, 2, 5, 3)), shape=(0, 0, -3, -3))


class PixelShuffle3D(_ManyFactors):
    """``(batch, f1 * f2 * f3 * channels, D, H, W)`` to ``(batch, channels, f1 * D, f2 * H, f3 * W)``.

    Parameters
    ----------
    factor : int or tuple of int
        How much deeper, higher and wider the result is, ``(f1, f2, f3)`` or one number for all.
    """

    _axes = 3

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x`, larger."""
        # one axis after the other, as arrays of MXNet have at most six
        first, second, third = self._factors
        x = F.swapaxes(F.reshape(x, shape=(0, -4, -1, first * second * third, 0, 0, 0)), dim1=2, dim2=3)
        x = F.reshape(F.reshape(x, shape=(0, 0, 0, -4, first, second * third, 0, 0)), shape=(0, 0, -3, 0, 0, 0))
        x = F.swapaxes(x, dim1=3, dim2=4)
        x = F.reshape(F.reshape(x, shape=(0, 0, 0, 0, -4, second, third, 0)), shape=(0, 0, 0, -3, 0, 0))
        return F.reshape(F.swapaxes(x, dim1=4, dim2=5), shape=(0, 0, 0, 0, -3))
