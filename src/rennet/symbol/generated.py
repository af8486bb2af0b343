"""``sym.*``: one function for each operator and alias, made from the table."""

from __future__ import annotations

from typing import Any

from .._ops.catalogue import OPERATORS
from .._ops.documentation import describe
from .._ops.registry import Operator
from .symbol import Symbol, call


def _function(name: str, operator: Operator) -> Any:
    def generated(*args: Any, **kwargs: Any) -> Symbol:
        return call(operator, name, args, kwargs)

    return describe(generated, name, operator, __name__)


_FUNCTIONS = {name: _function(name, operator) for name, operator in OPERATORS.items()}
globals().update(_FUNCTIONS)

__all__ = [name for name in _FUNCTIONS if not name.startswith("_")]  # pyright: ignore[reportUnsupportedDunderAll]
