"""What travels between client and server: a length, a JSON header, then the arrays' bytes.

No pickle: the two ends run different NumPy versions, and neither should be able to run code in the other by accident.
A message is eight bytes (little-endian length of the header), the header (UTF-8 JSON with the body and each array's
dtype and shape), and the arrays one after the other, in C order. In the body an array is `{"__array__": index}`; what
JSON has no word for (tuples, dicts whose keys are not plain strings, symbols) is wrapped in the same manner.

Both ends import this file, so it needs nothing but NumPy, any version.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_LENGTH = struct.Struct("<Q")
_KINDS = "biuf"  # bool, signed, unsigned, float: what an NDArray can hold


class SymbolText(NamedTuple):
    """A Symbol, as text."""

    json: str
    arguments: list[str]
    outputs: list[str]
    auxiliary_states: list[str]


def write(stream: BinaryIO, body: Any) -> None:
    """Send one message.

    Raises
    ------
    TypeError
        Something in `body` cannot travel. Nothing has been written then.
    """
    arrays: list[np.ndarray] = []
    body = _pack(body, arrays)
    described = [[a.dtype.str, list(a.shape)] for a in arrays]
    header = json.dumps({"body": body, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(header)))
    stream.write(header)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def read(read_exactly: Callable[[int], bytes]) -> Any:
    """Receive one message.

    Parameters
    ----------
    read_exactly : callable
        Given a number of bytes, returns so many or raises (`EOFError` at the end of the stream).
    """
    (length,) = _LENGTH.unpack(read_exactly(_LENGTH.size))
    header = json.loads(read_exactly(length))
    arrays = []
    for name, shape in header["arrays"]:
        dtype = np.dtype(name)
        content = bytearray(read_exactly(math.prod(shape) * dtype.itemsize))
        arrays.append(np.ndarray(shape, dtype, buffer=content))
    return _unpack(header["body"], arrays)


def _pack(value: Any, arrays: list[np.ndarray]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):  # np.float64 is a float; its repr is exact
        return value
    if isinstance(value, np.generic):
        return _pack(value.item(), arrays)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"an array on the wire: expected bool, integers or floats, got dtype {value.dtype}")
        little_endian = value.dtype.newbyteorder("<")
        arrays.append(np.asarray(value, little_endian, order="C"))
        return {"__array__": len(arrays) - 1}
    if isinstance(value, SymbolText):
        return {"__symbol__": list(value)}
    if isinstance(value, tuple):
        return {"__tuple__": [_pack(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_pack(v, arrays) for v in value]
    if isinstance(value, dict):
        if all(isinstance(k, str) and not k.startswith("__") for k in value):
            return {k: _pack(v, arrays) for k, v in value.items()}
        return {"__dict__": [[_pack(k, arrays), _pack(v, arrays)] for k, v in value.items()]}
    raise TypeError(f"on the wire: expected None, numbers, text, arrays, lists, tuples or dicts, got {type(value)}")


def _unpack(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, content),) = value.items()
        if tag == "__array__":
            return arrays[content]
        if tag == "__symbol__":
            return SymbolText(*content)
        if tag == "__tuple__":
            return tuple(_unpack(v, arrays) for v in content)
        if tag == "__dict__":
            return {_unpack(k, arrays): _unpack(v, arrays) for k, v in content}
    return {k: _unpack(v, arrays) for k, v in value.items()}
