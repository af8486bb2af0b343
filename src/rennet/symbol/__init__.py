"""Symbols: graphs under construction, and ``sym.*`` generated from the operators. May import rooms 1 to 7."""

from typing import TYPE_CHECKING, Any

from . import contrib, linalg, random
from . import generated as _internal
from .creation import Group, Variable, arange, eye, full, ones, var, zeros
from .files import fromjson, load, load_json
from .generated import *
from .symbol import Symbol

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "Group",
    "Symbol",
    "Variable",
    "arange",
    "contrib",
    "eye",
    "fromjson",
    "full",
    "linalg",
    "load",
    "load_json",
    "ones",
    "random",
    "var",
    "zeros",
    *_internal.__all__,
]
