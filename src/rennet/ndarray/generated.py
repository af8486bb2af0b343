"""``nd.*``: one function for each operator and alias, made from the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._ops.catalogue import OPERATORS
from .._ops.documentation import describe
from .._ops.of_two import ARRAY_FUNCTIONS, function_of_two
from .._ops.registry import Operator
from ..base import numeric_types
from .array import NDArray, invoke
from .calling import call


def _function(name: str, operator: Operator) -> Any:
    def generated(*args: Any, **kwargs: Any) -> Any:
        return call(operator, args, kwargs)

    return describe(generated, name, operator, __name__)


def functions_in(namespace: str) -> dict[str, Any]:
    """Those of ``nd.contrib`` or ``nd.linalg``: operators whose names begin with ``_contrib_``, say, without that."""
    prefix = f"_{namespace}_"
    bare = {name.removeprefix(prefix): operator for name, operator in OPERATORS.items() if name.startswith(prefix)}
    return {name: _function(name, operator) for name, operator in bare.items()}


_FUNCTIONS = {name: _function(name, operator) for name, operator in OPERATORS.items()}


def _of_two(how: str, operation: str, operands: tuple[Any, Any]) -> NDArray:
    if how == "pair":
        return invoke(OPERATORS[f"broadcast_{operation}"], operands, {})[0]
    word = {"add": "plus", "sub": "minus"}.get(operation, operation)
    scalar = f"_{word}_scalar" if how == "scalar" else f"_r{word}_scalar"
    return invoke(OPERATORS[scalar], operands[:1], {"scalar": operands[1]})[0]


_NUMBERS = (*numeric_types, np.number, np.bool_)
_FUNCTIONS |= {
    name: function_of_two(name, function, NDArray, _NUMBERS, _of_two) for name, function in ARRAY_FUNCTIONS.items()
}
globals().update(_FUNCTIONS)

__all__ = [name for name in _FUNCTIONS if not name.startswith("_")]  # pyright: ignore[reportUnsupportedDunderAll]
