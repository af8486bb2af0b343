"""Imperative arrays: NDArray over a torch tensor, ``nd.*`` generated from the operators. May import rooms 1 to 5."""

from typing import TYPE_CHECKING, Any

from . import contrib, linalg, ndarray, random, sparse
from . import generated as _internal
from . import generated as op
from .absent import imdecode
from .array import NDArray, waitall
from .creation import arange, array, empty, eye, full, linspace, ones, zeros
from .exchange import from_dlpack, from_numpy, from_torch, to_dlpack_for_read, to_dlpack_for_write
from .files import load, load_frombuffer, save
from .generated import *
from .rearranging import concatenate, moveaxis, split_v2

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
    "from_dlpack",
    "from_numpy",
    "from_torch",
    "full",
    "imdecode",
    "linalg",
    "linspace",
    "load",
    "load_frombuffer",
    "moveaxis",
    "ndarray",
    "ones",
    "op",
    "random",
    "save",
    "sparse",
    "split_v2",
    "to_dlpack_for_read",
    "to_dlpack_for_write",
    "waitall",
    "zeros",
    *_internal.__all__,
]
