"""What may be the path of a file."""

from __future__ import annotations

import os
from typing import Any

from ..base import ArgumentError, expect

__all__ = ["expect_path"]


def expect_path(argument: str, value: Any) -> str:
    """`value` as text if it is a path that the system could have; otherwise an `ArgumentError`.

    Examples
    --------
    >>> expect_path("save: fname", 3)
    Traceback (most recent call last):
    rennet.base.ArgumentError: save: fname: expected the path of a file, got 3
    """
    path = os.fspath(expect(argument, value, str | os.PathLike, "the path of a file"))
    expect(argument, path, str, "a path that is text")
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        raise ArgumentError(f"{argument}: expected a path that can be encoded, got {path[:60]!r}") from None
    if not raw or b"\0" in raw:
        raise ArgumentError(f"{argument}: expected the path of a file, not empty and without NUL; got {path[:60]!r}")
    return path
