"""Padding as a layer."""

from __future__ import annotations

from typing import Any

from ...base import ArgumentError, is_whole
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict

__all__ = ["ReflectionPad2D"]


class ReflectionPad2D(HybridBlock):
    """Images ``(batch, channels, height, width)`` with mirror images of themselves around them.

    Parameters
    ----------
    padding : int or tuple of int
        How wide, on all four sides; or eight numbers, before and after each axis, of which the first four are 0.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.ReflectionPad2D(1)(mx.nd.arange(4).reshape((1, 1, 2, 2)))[0, 0].asnumpy().tolist()
    [[3.0, 2.0, 3.0, 2.0], [1.0, 0.0, 1.0, 0.0], [3.0, 2.0, 3.0, 2.0], [1.0, 0.0, 1.0, 0.0]]
    """

    def __init__(
        self, padding: int | tuple[int, ...] = 0, prefix: str | None = None, params: ParameterDict | None = None
    ) -> None:
        widths: Any = (0,) * 4 + (padding,) * 4 if is_whole(padding, 0) else padding
        if not isinstance(widths, tuple) or len(widths) != 8 or not all(is_whole(each, 0) for each in widths):
            raise ArgumentError(
                f"ReflectionPad2D: padding: expected a whole number, or eight of them in a tuple; got {padding!r}"
            )
        super().__init__(prefix=prefix, params=params)
        self._padding = widths

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x` with a border."""
        return F.pad(x, mode="reflect", pad_width=self._padding)
