"""Files of other people that MXNet would download: rennet never does, and says where it looks for them."""

from __future__ import annotations

import os
from pathlib import Path

from .base import NotSupportedError

__all__ = ["data_dir", "expected_file"]


def data_dir() -> Path:
    """The folder of data sets and embeddings: the environment's ``MXNET_HOME``, or ``~/.mxnet``."""
    return Path(os.environ.get("MXNET_HOME") or "~/.mxnet").expanduser()


def expected_file(path: Path, source: str) -> Path:
    """`path`, if there is such a file.

    Parameters
    ----------
    path : Path
        Where it should be.
    source : str
        What it is, or what it comes in, for the message.

    Raises
    ------
    NotSupportedError
        It is not there. Names the place.
    """
    if path.is_file():
        return path
    raise NotSupportedError(
        f"{path}: expected {source}, got no such file. rennet downloads nothing: get it, and put it in {path.parent}"
    )
