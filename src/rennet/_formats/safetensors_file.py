"""``.safetensors``: arrays by name, as other libraries share them. Read and written without their library.

::

    u64 length of the header
    the header, JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, "__metadata__": {...}}
    the data, one array after the other; offsets count from its beginning, and no byte is left out or used twice
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._dtypes import BY_CODE, BY_NAME, ElementType
from ..base import ArgumentError
from .array_record import MAX_NDIM, Record, record_data
from .byte_source import ByteSource
from .json_text import brief, load_json
from .names import encoded_names
from .params_file import MAX_ARRAYS

__all__ = ["looks_like_safetensors", "read_safetensors", "safetensors_chunks"]

MAX_HEADER = 1 << 26
_METADATA = "__metadata__"
_ALIGNMENT = 8
_NAMES = {
    "F32": "float32",
    "F64": "float64",
    "F16": "float16",
    "BF16": "bfloat16",
    "U8": "uint8",
    "I8": "int8",
    "I32": "int32",
    "I64": "int64",
    "BOOL": "bool",
}
_SPELLED = {name: spelled for spelled, name in _NAMES.items()}


class _Place(NamedTuple):
    """Where an array stands in the data."""

    begin: int
    end: int
    name: str
    kind: ElementType
    shape: tuple[int, ...]


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file that begins so is one of these: the header's length, and the brace that opens it."""
    return len(start) >= 9 and start[8:9] == b"{" and start[6:8] == b"\0\0"


def read_safetensors(source: ByteSource) -> tuple[list[str], list[Record]]:
    """Names and arrays, in the order of the header.

    Raises
    ------
    FormatError
        Where the content is not what the format says. An element type that MXNet has none for is named.
    """
    (length,) = source.unpack("<Q", "length of the header")
    if length > MAX_HEADER:
        raise source.error("length of the header", f"at most {MAX_HEADER}", str(length))
    header = load_json(source.take(length, "header"), f"{source.name}, header", source.strict, 3 * MAX_ARRAYS + 2)
    if type(header) is not dict:
        raise source.error("header", "an object", brief(header))
    metadata = header.pop(_METADATA, {})
    if type(metadata) is not dict or not all(type(text) is str for text in metadata.values()):
        raise source.error(f"header: {_METADATA}", "an object of texts", brief(metadata))
    places = [_place(source, name, entry) for name, entry in header.items()]
    found: dict[str, Record] = {}
    start, reached = source.offset, 0
    for place in sorted(places):
        if place.begin != reached:
            raise source.error(f"array {place.name!r}: data_offsets", f"a beginning at {reached}", str(place.begin))
        if start + place.end > source.offset + source.left:
            raise source.error(
                f"array {place.name!r}", f"{place.end - place.begin} more bytes", str(source.left), "It is truncated."
            )
        found[place.name] = Record(_array(source, place), place.kind.code)
        reached = place.end
    source.expect_end()
    return list(header), [found[name] for name in header]


def _place(source: ByteSource, name: str, entry: Any) -> _Place:
    if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise source.error("header: name", "text without NUL or half a surrogate pair", brief(name))
    where = f"array {brief(name)}"
    if type(entry) is not dict or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise source.error(where, "an object with dtype, shape and data_offsets", brief(entry))
    spelled, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(spelled) is not str or spelled not in _NAMES:
        raise source.error(f"{where}: dtype", f"one of {', '.join(_NAMES)}", brief(spelled))
    if not _are_counts(shape) or len(shape) > MAX_NDIM:
        raise source.error(f"{where}: shape", f"a list of at most {MAX_NDIM} sizes", brief(shape))
    if not _are_counts(offsets) or len(offsets) != 2:
        raise source.error(f"{where}: data_offsets", "a list of two numbers", brief(offsets))
    kind = BY_NAME[_NAMES[spelled]]
    # NumPy refuses huge dimensions even beside a zero, so that zeros do not excuse the others.
    if math.prod(max(dim, 1) for dim in shape) * kind.numpy.itemsize > 1 << 62:
        raise source.error(f"{where}: shape", "an array that fits into memory", str(shape))
    size = math.prod(shape) * kind.numpy.itemsize
    begin, end = offsets
    if end - begin != size:
        raise source.error(f"{where}: data_offsets", f"{size} bytes for shape {tuple(shape)}", f"{begin} to {end}")
    return _Place(begin, end, name, kind, tuple(shape))


def _are_counts(numbers: Any) -> bool:
    return type(numbers) is list and all(type(number) is int and number >= 0 for number in numbers)


def _array(source: ByteSource, place: _Place) -> np.ndarray[Any, Any]:
    source.require(place.end - place.begin, f"array {place.name!r}")
    array = np.empty(place.shape, place.kind.numpy)
    if array.size:
        raw = array.reshape(-1).view(np.uint8)
        source.fill(raw.data, f"array {place.name!r}")
        if place.kind.name == "bool":
            np.not_equal(raw, 0, out=raw.view(np.bool_))
    return array


def safetensors_chunks(names: Sequence[str], records: Sequence[Record]) -> Iterator[bytes | memoryview]:
    """The file piece by piece: the same arrays under the same names give the same bytes.

    Arrays of wide elements come first in the data, so that each begins where its element type wants it; the header
    keeps the order given.

    Raises
    ------
    ArgumentError
        For arrays without names, names that the reader would refuse, and records without an array.
    """
    if len(names) != len(records):
        raise ArgumentError(
            f"safetensors: expected a name for each of {len(records)} arrays, got {len(names)}; save a dict"
        )
    encoded_names(names, nul=False)
    if _METADATA in names:
        raise ArgumentError(f"safetensors: expected names of arrays, and none that is {_METADATA!r}")
    order = sorted(range(len(names)), key=lambda place: -_itemsize(names[place], records[place]))
    offsets: dict[int, list[int]] = {}
    reached = 0
    for place in order:
        size = _held(records[place]).nbytes
        offsets[place] = [reached, reached + size]
        reached += size
    header = {
        name: {
            "dtype": _SPELLED[BY_CODE[record.type_code].name],
            "shape": list(_held(record).shape),
            "data_offsets": offsets[place],
        }
        for place, (name, record) in enumerate(zip(names, records, strict=True))
    }
    raw = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    raw += b" " * (-len(raw) % _ALIGNMENT)
    return _chunks(raw, [records[place] for place in order])


def _chunks(header: bytes, records: Sequence[Record]) -> Iterator[bytes | memoryview]:
    yield struct.pack("<Q", len(header)) + header
    for record in records:
        yield record_data(record)


def _itemsize(name: str, record: Record) -> int:
    if record.array is None:
        raise ArgumentError(f"safetensors: {name!r}: expected an array; got a record that holds none")
    return record.array.dtype.itemsize


def _held(record: Record) -> np.ndarray[Any, Any]:
    assert record.array is not None  # `_itemsize` has looked
    return record.array
