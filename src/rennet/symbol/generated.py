"""``sym.*``: one function for each operator and alias, made from the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._ops.catalogue import OPERATORS
from .._ops.documentation import describe
from .._ops.of_two import SYMBOL_FUNCTIONS, function_of_two
from .._ops.registry import Operator
from ..base import numeric_types
from .symbol import Symbol, call


def _function(name: str, operator: Operator) -> Any:
    def generated(*args: Any, **kwargs: Any) -> Symbol:
        return call(operator, name, args, kwargs)

    return describe(generated, name, operator, __name__)


def functions_in(namespace: str) -> dict[str, Any]:
    """Those of ``sym.contrib`` or ``sym.linalg``: operators whose names begin with ``_contrib_``, say, without that."""
    prefix = f"_{namespace}_"
    bare = {name.removeprefix(prefix): operator for name, operator in OPERATORS.items() if name.startswith(prefix)}
    return {name: _function(name, operator) for name, operator in bare.items()}


_FUNCTIONS = {name: _function(name, operator) for name, operator in OPERATORS.items()}


def _of_two(how: str, operation: str, operands: tuple[Any, Any]) -> Symbol:
    if how == "pair":
        alias = f"_{operation}"
        return call(OPERATORS[alias], alias, operands, {})
    alias = f"_{operation.capitalize()}Scalar" if how == "scalar" else f"_R{operation.capitalize()}Scalar"
    return call(OPERATORS[alias], alias, operands[:1], {"scalar": operands[1]})


_FUNCTIONS |= {
    name: function_of_two(name, function, Symbol, (*numeric_types, np.number), _of_two)
    for name, function in SYMBOL_FUNCTIONS.items()
}
globals().update(_FUNCTIONS)

__all__ = [name for name in _FUNCTIONS if not name.startswith("_")]  # pyright: ignore[reportUnsupportedDunderAll]
