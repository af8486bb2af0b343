"""One table of element types: MXNet's name and code, NumPy's dtype, torch's dtype."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from .base import ArgumentError


class ElementType(NamedTuple):
    """One element type. NumPy has no bfloat16: there `numpy` holds the raw 16 bits."""

    name: str
    code: int
    numpy: np.dtype[Any]
    torch: torch.dtype

    @property
    def public(self) -> Any:
        """What ``NDArray.dtype`` answers: a NumPy scalar type, or the name ``'bfloat16'``."""
        return "bfloat16" if self.name == "bfloat16" else self.numpy.type


ELEMENT_TYPES = tuple(
    ElementType(name, code, np.dtype(raw), kind)
    for name, code, raw, kind in [
        ("float32", 0, "<f4", torch.float32),
        ("float64", 1, "<f8", torch.float64),
        ("float16", 2, "<f2", torch.float16),
        ("uint8", 3, "u1", torch.uint8),
        ("int32", 4, "<i4", torch.int32),
        ("int8", 5, "i1", torch.int8),
        ("int64", 6, "<i8", torch.int64),
        ("bool", 7, "?", torch.bool),
        ("bfloat16", 12, "<u2", torch.bfloat16),
    ]
)

BY_NAME = {kind.name: kind for kind in ELEMENT_TYPES}
BY_CODE = {kind.code: kind for kind in ELEMENT_TYPES}
_BY_TORCH = {kind.torch: kind for kind in ELEMENT_TYPES}


def element_type(dtype: Any) -> ElementType:
    """The element type meant by a name, a NumPy or torch dtype, a Python type, or None (float32).

    >>> element_type("float16").code
    2
    >>> element_type(None).name
    'float32'
    """
    if dtype is None:
        return BY_NAME["float32"]
    if isinstance(dtype, ElementType):
        return dtype
    if isinstance(dtype, torch.dtype):
        found = _BY_TORCH.get(dtype)
    elif isinstance(dtype, str) and dtype in BY_NAME:
        found = BY_NAME[dtype]
    else:
        try:
            found = BY_NAME.get(np.dtype(dtype).name)
        except TypeError:
            found = None
    if found is None:
        raise ArgumentError(f"dtype: expected one of {', '.join(BY_NAME)}; got {dtype!r}")
    return found
