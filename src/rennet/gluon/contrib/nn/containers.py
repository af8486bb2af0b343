"""Blocks side by side, and the one that does nothing."""

from __future__ import annotations

from typing import Any

from .... import ndarray
from ....base import expect_whole
from ...hybrid_block import HybridBlock
from ...nn import HybridSequential, Sequential
from ...parameter_dict import ParameterDict

__all__ = ["Concurrent", "HybridConcurrent", "Identity"]


def _axis(owner: str, axis: int) -> int:
    # counted from either end
    return expect_whole(f"{owner}: axis", axis, -32)


class Concurrent(Sequential):
    """Blocks side by side: each gets the input, and what they make of it is concatenated.

    Parameters
    ----------
    axis : int
        The axis along which it is.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.gluon.contrib.nn.Concurrent(axis=0)
    >>> net.add(mx.gluon.contrib.nn.Identity(), mx.gluon.nn.Lambda(lambda x: 10 * x))
    >>> net(mx.nd.array([1, 2])).asnumpy().tolist()
    [1.0, 2.0, 10.0, 20.0]
    """

    def __init__(self, axis: int = -1, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self.axis = _axis("Concurrent", axis)

    def forward(self, x: Any) -> Any:
        """Through each of them."""
        return ndarray.concat(*[block(x) for block in self._children.values()], dim=self.axis)


class HybridConcurrent(HybridSequential):
    """HybridBlocks side by side: each gets the input, and what they make of it is concatenated.

    Parameters
    ----------
    axis : int
        The axis along which it is.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.gluon.contrib.nn.HybridConcurrent(axis=1)
    >>> net.add(mx.gluon.nn.Dense(3), mx.gluon.contrib.nn.Identity())
    >>> net.initialize()
    >>> net(mx.nd.ones((2, 4))).shape
    (2, 7)
    """

    def __init__(self, axis: int = -1, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self.axis = _axis("HybridConcurrent", axis)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Through each of them."""
        return F.concat(*[block(x) for block in self._children.values()], dim=self.axis)


class Identity(HybridBlock):
    """What goes in comes out: a residual beside other Blocks in `HybridConcurrent`, say."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x`."""
        return x
