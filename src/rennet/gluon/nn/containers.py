"""Blocks one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, TypeVar, overload

from ..block import Block, _indented
from ..hybrid_block import HybridBlock

__all__ = ["HybridSequential", "Sequential"]

Self = TypeVar("Self", bound="_Chain")


class _Chain:
    """What both containers have in common: a list of Blocks in a Block."""

    _children: dict[str, Any]
    _prefix: str

    def __repr__(self) -> str:
        inside = "\n".join(f"  ({key}): {_indented(repr(block))}" for key, block in self._children.items())
        return f"{type(self).__name__}(\n{inside}\n)"

    @overload
    def __getitem__(self, key: int) -> Any: ...

    @overload
    def __getitem__(self: Self, key: slice) -> Self: ...

    def __getitem__(self, key: Any) -> Any:
        layers = list(self._children.values())[key]
        if not isinstance(layers, list):
            return layers
        part: Any = type(self)(prefix=self._prefix)  # pyright: ignore[reportCallIssue]
        with part.name_scope():
            part.add(*layers)
        return part

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._children.values())

    def _chained(self, x: Any) -> Any:
        for block in self._children.values():
            x = block(x)
        return x


class Sequential(_Chain, Block):
    """Blocks one after the other.

    Parameters
    ----------
    prefix : str, optional
        Put before names.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.gluon.nn.Sequential()
    >>> with net.name_scope():
    ...     net.add(mx.gluon.nn.Dense(10, activation="relu"), mx.gluon.nn.Dense(20))
    >>> len(net), net[1], net[:1]
    (2, Dense(None -> 20, linear), Sequential(
      (0): Dense(None -> 10, Activation(relu))
    ))
    """

    def add(self, *blocks: Block) -> None:
        """Put Blocks at the end."""
        for block in blocks:
            self.register_child(block)

    def forward(self, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Through all of them."""
        return self._chained(x)

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize each of them; see `HybridBlock.hybridize`."""
        if self._children and all(isinstance(child, HybridBlock) for child in self._children.values()):
            warnings.warn(
                f"All children of this Sequential layer {self.prefix!r} are HybridBlocks. Consider using "
                "HybridSequential for the best performance.",
                stacklevel=2,
            )
        super().hybridize(active, **kwargs)


class HybridSequential(_Chain, HybridBlock):
    """HybridBlocks one after the other, which become one graph.

    Parameters
    ----------
    prefix : str, optional
        Put before names.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.gluon.nn.HybridSequential()
    >>> net.add(mx.gluon.nn.Dense(10, activation="relu"), mx.gluon.nn.Dense(20))
    >>> net.initialize()
    >>> net.hybridize()
    >>> net(mx.nd.ones((2, 3))).shape
    (2, 20)
    """

    def add(self, *blocks: HybridBlock) -> None:
        """Put Blocks at the end."""
        for block in blocks:
            self.register_child(block)

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Through all of them."""
        return self._chained(x)
