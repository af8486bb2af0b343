"""Which elements are numbers: ``nd.contrib.isnan`` and the like. Results are 0 and 1 in the array's own type."""

from __future__ import annotations

from .array import NDArray


def isnan(data: NDArray) -> NDArray:
    """1 where an element is not a number.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.nd.contrib.isnan(mx.nd.array([1, float("nan"), float("inf")])).asnumpy().tolist()
    [0.0, 1.0, 0.0]
    """
    return data != data


def isinf(data: NDArray) -> NDArray:
    """1 where an element is infinite, of either sign.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.nd.contrib.isinf(mx.nd.array([1, float("nan"), float("-inf")])).asnumpy().tolist()
    [0.0, 0.0, 1.0]
    """
    return isfinite(data) + isnan(data) == 0


def isfinite(data: NDArray) -> NDArray:
    """1 where an element is a number, and not infinite.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.nd.contrib.isfinite(mx.nd.array([1, float("nan"), float("inf")])).asnumpy().tolist()
    [1.0, 0.0, 0.0]
    """
    return data * 0 == 0
