"""Names that MXNet has and rennet has not."""

from __future__ import annotations

from typing import Any, NoReturn

from ..base import NotSupportedError


def refused(name: str, instead: str) -> Any:
    """A function in the place of one that rennet does not have, which says what to do instead.

    Examples
    --------
    >>> refused("mx.contrib.some.function", "use another")()
    Traceback (most recent call last):
    rennet.base.NotSupportedError: mx.contrib.some.function is not part of rennet: use another
    """

    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotSupportedError(f"{name} is not part of rennet: {instead}")

    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    function.__doc__ = f"Raises `NotSupportedError`: {instead}."
    return function
