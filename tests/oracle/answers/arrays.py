"""What travels to what MXNet computes with and back, every dtype kept (an NDArray is float32 unless told)."""

from __future__ import annotations

from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]

from ..wire import SymbolText


def to_nd(array: Any) -> Any:
    """`array` as an NDArray; None stays None."""
    return None if array is None else mx.nd.array(array, dtype=array.dtype)


def to_nds(arrays: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same for each array in a dict; None stays None."""
    return None if arrays is None else {name: to_nd(array) for name, array in arrays.items()}


def to_plain(value: Any) -> Any:
    """`value` ready to travel: arrays for NDArrays and text for Symbols, at any depth of lists, tuples and dicts."""
    if isinstance(value, mx.nd.NDArray):
        return value.asnumpy()
    if isinstance(value, mx.sym.Symbol):
        return SymbolText(value.tojson(), value.list_arguments(), value.list_outputs(), value.list_auxiliary_states())
    if isinstance(value, dict):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [to_plain(v) for v in value]
    if isinstance(value, tuple):
        return tuple(to_plain(v) for v in value)
    return value


def is_float(array: Any) -> bool:
    """Whether gradients can flow into `array` (NumPy)."""
    return array is not None and array.dtype.kind == "f"
