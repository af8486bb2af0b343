"""Functions of MXNet's ``nd`` that rennet does not have, and what to take instead."""

from __future__ import annotations

from typing import Any, NoReturn

from ..base import NotSupportedError


def imdecode(*args: Any, **kwargs: Any) -> NoReturn:
    """Decode an image: not supported.

    Raises
    ------
    NotSupportedError
        Always.
    """
    raise NotSupportedError(
        "nd.imdecode: there is no decoder of images; decode with Pillow, OpenCV or torchvision, and give "
        "the numbers to nd.array"
    )
