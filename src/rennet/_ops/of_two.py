"""Functions of two operands, either of which may be a number: ``nd.maximum(2, x)``, ``sym.pow(x, 2)``."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from ..base import ArgumentError


class Function(NamedTuple):
    """What such a function is."""

    operands: tuple[str, str]
    """What the two are called."""
    operation: str
    exchanged: str
    """The operation that a number on the left comes to, as ``2 < x`` comes to ``x > 2``; empty if it has its own."""
    of_numbers: Callable[[Any, Any], Any]
    """What it answers for two numbers."""
    doc: str


def _truth(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], int]:
    return lambda a, b: 1 if compare(a, b) else 0


_SIDES, _LEFT_RIGHT, _POWER = ("lhs", "rhs"), ("left", "right"), ("base", "exp")

ARRAY_FUNCTIONS: dict[str, Function] = {
    "add": Function(_SIDES, "add", "add", operator.add, "a + b"),
    "subtract": Function(_SIDES, "sub", "", operator.sub, "a - b"),
    "multiply": Function(_SIDES, "mul", "mul", operator.mul, "a * b"),
    "divide": Function(_SIDES, "div", "", operator.truediv, "a / b"),
    "true_divide": Function(_SIDES, "div", "", operator.truediv, "a / b"),
    "modulo": Function(_SIDES, "mod", "", operator.mod, "a % b, and 0 where b is 0"),
    "power": Function(_POWER, "power", "", operator.pow, "a ** b"),
    "maximum": Function(_SIDES, "maximum", "maximum", max, "the larger of the two"),
    "minimum": Function(_SIDES, "minimum", "minimum", min, "the smaller of the two"),
    "equal": Function(_SIDES, "equal", "equal", _truth(operator.eq), "1 where a == b, else 0"),
    "not_equal": Function(_SIDES, "not_equal", "not_equal", _truth(operator.ne), "1 where a != b, else 0"),
    "greater": Function(_SIDES, "greater", "lesser", _truth(operator.gt), "1 where a > b, else 0"),
    "greater_equal": Function(_SIDES, "greater_equal", "lesser_equal", _truth(operator.ge), "1 where a >= b, else 0"),
    "lesser": Function(_SIDES, "lesser", "greater", _truth(operator.lt), "1 where a < b, else 0"),
    "lesser_equal": Function(_SIDES, "lesser_equal", "greater_equal", _truth(operator.le), "1 where a <= b, else 0"),
    "logical_and": Function(
        _SIDES, "logical_and", "logical_and", _truth(lambda a, b: a and b), "1 where both are nonzero, else 0"
    ),
    "logical_or": Function(
        _SIDES, "logical_or", "logical_or", _truth(lambda a, b: a or b), "1 where either is nonzero, else 0"
    ),
    "logical_xor": Function(
        _SIDES,
        "logical_xor",
        "logical_xor",
        _truth(lambda a, b: bool(a) != bool(b)),
        "1 where exactly one is nonzero, else 0",
    ),
}
"""Those of ``nd``."""

SYMBOL_FUNCTIONS: dict[str, Function] = {
    "maximum": ARRAY_FUNCTIONS["maximum"]._replace(operands=_LEFT_RIGHT),
    "minimum": ARRAY_FUNCTIONS["minimum"]._replace(operands=_LEFT_RIGHT),
    "hypot": Function(_LEFT_RIGHT, "hypot", "hypot", math.hypot, "sqrt(a * a + b * b)"),
    "power": ARRAY_FUNCTIONS["power"],
    "pow": ARRAY_FUNCTIONS["power"],
}
"""Those of ``sym``."""


def function_of_two(
    name: str, function: Function, kind: type, numbers: tuple[type, ...], run: Callable[[str, Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """The function called `name`, for operands of class `kind` and for numbers.

    Parameters
    ----------
    name : str
        What users call.
    function : Function
        What it does.
    kind : type
        The class of arrays or symbols.
    numbers : tuple of type
        What counts as a number.
    run : callable
        Applies the operation: ``run(how, operation, operands)`` where `how` is ``'pair'``, ``'scalar'`` or
        ``'reflected'``, and the operands are two of `kind`, or one of it and a number.
    """
    first, second = function.operands

    def of_two(lhs: Any, rhs: Any) -> Any:
        for operand, given in ((first, lhs), (second, rhs)):
            if not isinstance(given, (kind, *numbers)):
                raise ArgumentError(
                    f"{name}: {operand}: expected {kind.__name__} or a number, got {type(given).__name__}"
                )
        if isinstance(lhs, kind):
            return run("pair" if isinstance(rhs, kind) else "scalar", function.operation, (lhs, rhs))
        if isinstance(rhs, kind):
            exchanged = function.exchanged
            return run("scalar" if exchanged else "reflected", exchanged or function.operation, (rhs, lhs))
        return function.of_numbers(lhs, rhs)

    def by_name(*args: Any, **kwargs: Any) -> Any:
        return of_two(*signature.bind(*args, **kwargs).args)

    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(operand, either) for operand in function.operands])
    by_name.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    by_name.__doc__ = f"Element by element, of two operands a and b, either of which may be a number: {function.doc}."
    by_name.__name__ = by_name.__qualname__ = name
    return by_name
