"""``sym.linalg``: the operators whose names begin with ``_linalg_``."""

from typing import TYPE_CHECKING, Any

from .generated import functions_in

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


_GENERATED = functions_in("linalg")
globals().update(_GENERATED)

__all__ = [*_GENERATED]  # pyright: ignore[reportUnsupportedDunderAll]
