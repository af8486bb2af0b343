"""The array, and how arrays are made and put together, where MXNet keeps them. Names only."""

from __future__ import annotations

from typing import Any

from . import generated
from .absent import imdecode
from .array import NDArray, waitall
from .creation import arange, array, empty, eye, full, linspace, ones, zeros
from .exchange import from_dlpack, from_numpy, to_dlpack_for_read, to_dlpack_for_write
from .rearranging import concatenate, moveaxis, split_v2

__all__ = [
    "NDArray",
    "add",
    "arange",
    "array",
    "concatenate",
    "divide",
    "empty",
    "equal",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "greater",
    "greater_equal",
    "imdecode",
    "lesser",
    "lesser_equal",
    "linspace",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "modulo",
    "moveaxis",
    "multiply",
    "not_equal",
    "ones",
    "power",
    "split_v2",
    "subtract",
    "to_dlpack_for_read",
    "to_dlpack_for_write",
    "true_divide",
    "waitall",
    "zeros",
]

_generated: Any = generated  # whose operators are made when it is imported

add = _generated.add
divide = _generated.divide
equal = _generated.equal
greater = _generated.greater
greater_equal = _generated.greater_equal
lesser = _generated.lesser
lesser_equal = _generated.lesser_equal
logical_and = _generated.logical_and
logical_or = _generated.logical_or
logical_xor = _generated.logical_xor
maximum = _generated.maximum
minimum = _generated.minimum
modulo = _generated.modulo
multiply = _generated.multiply
not_equal = _generated.not_equal
power = _generated.power
subtract = _generated.subtract
true_divide = _generated.true_divide
