"""Imperative arrays: NDArray over a torch tensor, ``nd.*`` generated from the operators. May import rooms 1 to 5."""

from typing import TYPE_CHECKING, Any

from . import contrib, random
from . import generated as _internal
from .array import NDArray, waitall
from .creation import arange, array, concatenate, empty, eye, from_numpy, from_torch, full, moveaxis, ones, zeros
from .files import load, load_frombuffer, save
from .generated import *

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "NDArray",
    "arange",
    "array",
    "concatenate",
    "contrib",
    "empty",
    "eye",
    "from_numpy",
    "from_torch",
    "full",
    "load",
    "load_frombuffer",
    "moveaxis",
    "ones",
    "random",
    "save",
    "waitall",
    "zeros",
    *_internal.__all__,
]
