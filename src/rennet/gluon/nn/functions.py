"""Functions as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ndarray, symbol
from ...base import ArgumentError, expect
from ..block import Block
from ..hybrid_block import HybridBlock

__all__ = ["HybridLambda", "Lambda"]


def _checked(owner: str, function: Any, places: dict[str, Any]) -> str:
    """The function's name, once it is sure that there is one."""
    if not isinstance(function, str):
        expect(f"{owner}: function", function, Callable, "a function, or an operator's name")
        return getattr(function, "__name__", type(function).__name__)
    for where, place in places.items():
        if not hasattr(place, function):
            raise ArgumentError(f"{owner}: function: expected the name of an operator, but {where} has no {function!r}")
    return function


class Lambda(Block):
    """A function of arrays as a Block.

    Parameters
    ----------
    function : callable or str
        Called with the inputs; or the name of an operator in ``mx.nd``.
    prefix : str, optional
        Put before names.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.Lambda(lambda x: x + 1)(mx.nd.array([1, 2])).asnumpy().tolist()
    [2.0, 3.0]
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        self._func_name = _checked("Lambda", function, {"mx.nd": ndarray})
        super().__init__(prefix=prefix)
        self._func_impl = getattr(ndarray, function) if isinstance(function, str) else function

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_name})"

    def forward(self, *args: Any) -> Any:
        """The function of the inputs."""
        return self._func_impl(*args)


class HybridLambda(HybridBlock):
    """A function of arrays or symbols as a HybridBlock.

    Parameters
    ----------
    function : callable or str
        Called with ``mx.nd`` or ``mx.sym`` and the inputs; or the name of an operator that both have.
    prefix : str, optional
        Put before names.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.HybridLambda("tanh")
    HybridLambda(tanh)
    >>> mx.gluon.nn.HybridLambda(lambda F, x: F.square(x))(mx.nd.array([2])).asnumpy().tolist()
    [4.0]
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        self._func_name = _checked("HybridLambda", function, {"mx.nd": ndarray, "mx.sym": symbol})
        super().__init__(prefix=prefix)
        self._func = function

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_name})"

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of the inputs."""
        if isinstance(self._func, str):
            return getattr(F, self._func)(x, *args)
        return self._func(F, x, *args)
