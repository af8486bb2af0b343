"""Element-wise operators: arithmetic, comparisons, and functions of one argument.

They come in three spellings in MXNet: ``elemwise_*`` on equal shapes, ``broadcast_*``, and ``_*_scalar`` with a number
that takes the array's element type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .._dtypes import element_type
from ..base import ShapeError
from .attrs import DType
from .inference import Attrs, Known, all_alike, given, to_public, unify
from .registry import Operator, operator


def _truth(compare: Callable[..., Tensor]) -> Callable[[Tensor, Any], Tensor]:
    """A comparison that answers 1 and 0 in its operand's type, as MXNet's do."""

    def run(a: Tensor, b: Any) -> Tensor:
        return compare(a, b).to(a.dtype)

    return run


def _logical(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def run(a: Tensor, b: Any) -> Tensor:
        return combine(a != 0, torch.as_tensor(b, device=a.device) != 0).to(a.dtype)

    return run


def _mod(a: Any, b: Any) -> Tensor:
    """Python's modulo, but 0 for a zero divisor."""
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    zero = b == 0
    return torch.where(zero, torch.zeros_like(a), torch.remainder(a, torch.where(zero, torch.ones_like(b), b)))


def _divide(a: Any, b: Any) -> Tensor:
    """Division that stays in the operands' type."""
    integral = not any(isinstance(x, Tensor) and x.is_floating_point() for x in (a, b))
    return torch.div(a, b, rounding_mode="trunc" if integral else None)


def _hypot(a: Tensor, b: Any) -> Tensor:
    kind = a.dtype if a.is_floating_point() else torch.float64
    return torch.hypot(a.to(kind), torch.as_tensor(b, dtype=kind, device=a.device)).to(a.dtype)


def _reflected(fn: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def run(a: Tensor, b: Any) -> Tensor:
        return fn(torch.as_tensor(b, dtype=a.dtype, device=a.device), a)

    return run


# name of the operation -> (function, sign or call in the documentation)
_BINARY: dict[str, tuple[Callable[[Any, Any], Tensor], str]] = {
    "add": (torch.add, "a + b"),
    "sub": (torch.sub, "a - b"),
    "mul": (torch.mul, "a * b"),
    "div": (_divide, "a / b"),
    "mod": (_mod, "a % b, and 0 where b is 0"),
    "power": (torch.pow, "a ** b"),
    # of two equal numbers the first gets the gradient, so not torch.maximum, which halves it
    "maximum": (lambda a, b: torch.clamp(a, min=b), "the larger of a and b"),
    "minimum": (lambda a, b: torch.clamp(a, max=b), "the smaller of a and b"),
    "hypot": (_hypot, "sqrt(a*a + b*b)"),
    "equal": (_truth(torch.eq), "1 where a == b, else 0"),
    "not_equal": (_truth(torch.ne), "1 where a != b, else 0"),
    "greater": (_truth(torch.gt), "1 where a > b, else 0"),
    "greater_equal": (_truth(torch.ge), "1 where a >= b, else 0"),
    "lesser": (_truth(torch.lt), "1 where a < b, else 0"),
    "lesser_equal": (_truth(torch.le), "1 where a <= b, else 0"),
    "logical_and": (_logical(torch.logical_and), "1 where a and b are nonzero, else 0"),
    "logical_or": (_logical(torch.logical_or), "1 where a or b is nonzero, else 0"),
    "logical_xor": (_logical(torch.logical_xor), "1 where exactly one of a and b is nonzero, else 0"),
}

# canonical name on equal shapes, and its aliases
_EQUAL_SHAPES = {
    "add": ("elemwise_add", "_add", "_plus", "_Plus"),
    "sub": ("elemwise_sub", "_sub", "_minus", "_Minus"),
    "mul": ("elemwise_mul", "_mul", "_Mul"),
    "div": ("elemwise_div", "_div", "_Div"),
    "mod": ("_mod", "_Mod"),
    "power": ("_power", "_Power"),
    "maximum": ("_maximum", "_Maximum"),
    "minimum": ("_minimum", "_Minimum"),
    "hypot": ("_hypot", "_Hypot"),
    "equal": ("_equal", "_Equal"),
    "not_equal": ("_not_equal", "_Not_Equal"),
    "greater": ("_greater", "_Greater"),
    "greater_equal": ("_greater_equal", "_Greater_Equal"),
    "lesser": ("_lesser", "_Lesser"),
    "lesser_equal": ("_lesser_equal", "_Lesser_Equal"),
    "logical_and": ("_logical_and", "_Logical_And"),
    "logical_or": ("_logical_or", "_Logical_Or"),
    "logical_xor": ("_logical_xor", "_Logical_Xor"),
}

_BROADCAST_ALIASES = {"add": ("broadcast_plus",), "sub": ("broadcast_minus",)}

_SCALAR = {
    "add": ("_plus_scalar", "_PlusScalar"),
    "sub": ("_minus_scalar", "_MinusScalar"),
    "mul": ("_mul_scalar", "_MulScalar"),
    "div": ("_div_scalar", "_DivScalar"),
    "mod": ("_mod_scalar", "_ModScalar"),
    "power": ("_power_scalar", "_PowerScalar"),
    "maximum": ("_maximum_scalar", "_MaximumScalar"),
    "minimum": ("_minimum_scalar", "_MinimumScalar"),
    "hypot": ("_hypot_scalar", "_HypotScalar"),
    "equal": ("_equal_scalar", "_EqualScalar"),
    "not_equal": ("_not_equal_scalar", "_NotEqualScalar"),
    "greater": ("_greater_scalar", "_GreaterScalar"),
    "greater_equal": ("_greater_equal_scalar", "_GreaterEqualScalar"),
    "lesser": ("_lesser_scalar", "_LesserScalar"),
    "lesser_equal": ("_lesser_equal_scalar", "_LesserEqualScalar"),
    "logical_and": ("_logical_and_scalar", "_LogicalAndScalar"),
    "logical_or": ("_logical_or_scalar", "_LogicalOrScalar"),
    "logical_xor": ("_logical_xor_scalar", "_LogicalXorScalar"),
}

_REFLECTED_SCALAR = {
    "sub": ("_rminus_scalar", "_RMinusScalar"),
    "div": ("_rdiv_scalar", "_RDivScalar"),
    "mod": ("_rmod_scalar", "_RModScalar"),
    "power": ("_rpower_scalar", "_RPowerScalar"),
}


def _equal_shapes(fn: Callable[[Any, Any], Tensor], doc: str, names: tuple[str, ...]) -> None:
    def run(lhs: Tensor, rhs: Tensor) -> Tensor:
        if lhs.shape != rhs.shape:
            raise ShapeError(f"{names[0]}: expected equal shapes, got {tuple(lhs.shape)} and {tuple(rhs.shape)}")
        return fn(lhs, rhs)

    run.__doc__ = f"Element by element, on equal shapes: {doc}."
    operator(*names, infer=all_alike)(run)


def _broadcast_size(a: int | None, b: int | None) -> int | None:
    if a == 1 or b == 1:
        return b if a == 1 else a
    return b if a is None else a


def _broadcast_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    a, b = ins
    if a is None or b is None:
        return ins, outs
    rank = max(len(a), len(b))
    pairs = list(zip(*((1,) * (rank - len(each)) + each for each in (a, b)), strict=True))
    if any(None not in pair and 1 not in pair and pair[0] != pair[1] for pair in pairs):
        raise ShapeError(f"{op.name}: shapes {to_public(a)} and {to_public(b)} do not broadcast")
    return ins, [unify(outs[0], tuple(_broadcast_size(*pair) for pair in pairs))]


def _broadcast(fn: Callable[[Any, Any], Tensor], doc: str, names: tuple[str, ...]) -> None:
    def run(lhs: Tensor, rhs: Tensor) -> Tensor:
        return fn(lhs, rhs)

    run.__doc__ = f"Element by element, with broadcasting: {doc}."
    operator(*names, infer=_broadcast_shapes)(run)


def _scalar_result(kind: torch.dtype, is_int: bool) -> torch.dtype:
    """The element type in which an array of `kind` and a number are combined."""
    if kind.is_floating_point:
        return kind
    if not is_int:
        return torch.float64
    return torch.int64 if kind == torch.bool else kind


def _scalar_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [None if ins[0] is None else element_type(_scalar_result(ins[0].torch, attrs["is_int"]))]


def _scalar(fn: Callable[[Any, Any], Tensor], doc: str, names: tuple[str, ...]) -> None:
    def run(data: Tensor, *, scalar: float = 1.0, is_int: bool = True) -> Tensor:
        if data.is_floating_point():
            return fn(data, scalar)
        data = data.to(_scalar_result(data.dtype, is_int))
        return fn(data, scalar if data.is_floating_point() else int(scalar))

    run.__doc__ = f"With a number b, in the array's element type: {doc}."
    operator(*names, infer=all_alike, types=_scalar_types)(run)


for _key, (_fn, _doc) in _BINARY.items():
    _equal_shapes(_fn, _doc, _EQUAL_SHAPES[_key])
    _broadcast(_fn, _doc, (f"broadcast_{_key}", *_BROADCAST_ALIASES.get(_key, ())))
    _scalar(_fn, _doc, _SCALAR[_key])
    if _key in _REFLECTED_SCALAR:
        _scalar(_reflected(_fn), f"with a and b exchanged, {_doc}", _REFLECTED_SCALAR[_key])


def _halves_up(x: Tensor) -> Tensor:
    return torch.trunc(x + torch.copysign(torch.full_like(x, 0.5), x)) if x.is_floating_point() else x.clone()


def _halves_down(x: Tensor) -> Tensor:
    low, high = torch.floor(x), torch.ceil(x)
    return torch.where(x - low <= high - x, low, high)


def _gamma(x: Tensor) -> Tensor:
    magnitude = torch.lgamma(x).exp()
    # between negative whole numbers the sign alternates
    return torch.where((x < 0) & (torch.floor(x) % 2 != 0), -magnitude, magnitude)


def _cbrt(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.pow(torch.abs(x), 1 / 3)


_UNARY: dict[str, tuple[Callable[[Tensor], Tensor], str, tuple[str, ...]]] = {
    "sigmoid": (torch.sigmoid, "1 / (1 + exp(-x))", ()),
    "tanh": (torch.tanh, "Hyperbolic tangent", ()),
    "relu": (torch.relu, "max(x, 0)", ()),
    "softsign": (torch.nn.functional.softsign, "x / (1 + abs(x))", ()),
    "exp": (torch.exp, "Exponential", ()),
    "log": (torch.log, "Natural logarithm", ()),
    "log1p": (torch.log1p, "log(1 + x)", ()),
    "expm1": (torch.expm1, "exp(x) - 1", ()),
    "sqrt": (torch.sqrt, "Square root", ()),
    "rsqrt": (torch.rsqrt, "1 / sqrt(x)", ()),
    "square": (torch.square, "x * x", ()),
    "reciprocal": (torch.reciprocal, "1 / x", ()),
    "abs": (torch.abs, "Absolute value", ()),
    "sign": (torch.sign, "-1, 0 or 1", ()),
    "floor": (torch.floor, "Largest integer not above x", ()),
    "ceil": (torch.ceil, "Smallest integer not below x", ()),
    "round": (_halves_up, "Nearest integer, halves away from zero", ()),
    "rint": (_halves_down, "Nearest integer, halves downwards", ()),
    "fix": (torch.trunc, "Nearest integer towards zero", ()),
    "trunc": (torch.trunc, "Nearest integer towards zero", ()),
    "logical_not": (lambda x: x == 0, "1 where x is 0, else 0", ()),
    "negative": (torch.neg, "-x", ()),
    "sin": (torch.sin, "Sine", ()),
    "cos": (torch.cos, "Cosine", ()),
    "tan": (torch.tan, "Tangent", ()),
    "arcsin": (torch.asin, "Inverse sine", ()),
    "arccos": (torch.acos, "Inverse cosine", ()),
    "arctan": (torch.atan, "Inverse tangent", ()),
    "sinh": (torch.sinh, "Hyperbolic sine", ()),
    "cosh": (torch.cosh, "Hyperbolic cosine", ()),
    "arcsinh": (torch.asinh, "Inverse hyperbolic sine", ()),
    "arccosh": (torch.acosh, "Inverse hyperbolic cosine", ()),
    "arctanh": (torch.atanh, "Inverse hyperbolic tangent", ()),
    "log2": (torch.log2, "Logarithm to base 2", ()),
    "log10": (torch.log10, "Logarithm to base 10", ()),
    "cbrt": (_cbrt, "Cube root", ()),
    "rcbrt": (lambda x: 1 / _cbrt(x), "1 / cbrt(x)", ()),
    "degrees": (torch.rad2deg, "From radians to degrees", ()),
    "radians": (torch.deg2rad, "From degrees to radians", ()),
    "erf": (torch.erf, "Gauss error function", ()),
    "erfinv": (torch.erfinv, "Inverse of the Gauss error function", ()),
    "gamma": (_gamma, "Gamma function", ()),
    "gammaln": (torch.lgamma, "Logarithm of the absolute value of the gamma function", ()),
    "zeros_like": (torch.zeros_like, "Zeros in the shape and type of x", ()),
    "ones_like": (torch.ones_like, "Ones in the shape and type of x", ()),
    "_copy": (torch.clone, "x itself, as a new array", ("identity",)),
    "BlockGrad": (torch.detach, "x itself, through which no gradient flows", ("stop_gradient",)),
}


def _unary(name: str, fn: Callable[[Tensor], Tensor], doc: str, aliases: tuple[str, ...]) -> None:
    def run(data: Tensor) -> Tensor:
        # integers stay integers: MXNet's exp of them is truncated
        result = fn(data)
        return result if result.dtype is data.dtype else result.to(data.dtype)

    run.__doc__ = f"{doc}, element by element."
    operator(name, *aliases, infer=all_alike)(run)


for _name, (_unary_fn, _doc, _aliases) in _UNARY.items():
    _unary(_name, _unary_fn, _doc, _aliases)


@operator("clip", infer=all_alike)
def clip(data: Tensor, *, a_min: float, a_max: float) -> Tensor:
    """Every element limited to the range from `a_min` to `a_max`, in the array's element type."""
    return data.clamp(a_min, a_max) if data.is_floating_point() else data.clamp(int(a_min), int(a_max))


def _cast_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type(attrs["dtype"])]


@operator("Cast", "cast", infer=all_alike, types=_cast_type)
def cast(data: Tensor, *, dtype: DType) -> Tensor:
    """The array in another element type."""
    return data.to(element_type(dtype).torch)


@operator("add_n", "ElementWiseSum", infer=all_alike)
def add_n(*args: Tensor) -> Tensor:
    """The sum of any number of arrays of one shape."""
    total = args[0]
    for term in args[1:]:
        total = total + term
    return total


def _where_inputs(attrs: Mapping[str, Any], ins: list[Known], outs: list[Known]) -> list[Known]:
    known = ins[1] or ins[2] or outs[0]
    condition = known if ins[0] is None else ins[0]
    return [condition, known, known]


def _where_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    known = ins[1] or ins[2]
    return [ins[0] or known, known, known], [known]


@operator("where", infer=given(_where_inputs), types=_where_types)
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`x` where `condition` is nonzero, else `y`; a condition with one axis chooses whole rows."""
    if condition.dim() == 1 and x.dim() > 1:
        condition = condition.reshape(-1, *[1] * (x.dim() - 1))
    return torch.where(condition != 0, x, y)


@operator("smooth_l1", infer=all_alike)
def smooth_l1(data: Tensor, *, scalar: float = 1.0) -> Tensor:
    """``(scalar * x)**2 / 2`` near zero, ``abs(x) - 1 / (2 * scalar**2)`` beyond ``1 / scalar**2``."""
    square = scalar * scalar
    return torch.where(data.abs() < 1 / square, data.square() * (square / 2), data.abs() - 0.5 / square)


@operator("_contrib_div_sqrt_dim", infer=all_alike)
def div_sqrt_dim(data: Tensor) -> Tensor:
    """Divided by the square root of the size of the last axis."""
    return data / math.sqrt(data.shape[-1])
