"""``.params`` files: a list of arrays, with names if a dict was saved.

The container, the same from MXNet 0.7 on (all numbers u64, little-endian)::

    0x112, 0
    N, N array records
    K, K x (length, UTF-8 name)         K is 0 (a list was saved) or N
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence

from ..base import ArgumentError
from .array_record import DENSE_LIMIT, Record, RecordReader, dump_record, read_record, record_data, record_header
from .atomic import write_atomic
from .byte_source import ByteSource, Readable, open_source
from .names import MAX_NAME_BYTES, encoded_names

__all__ = [
    "Record",
    "dump_params",
    "dump_record",
    "params_chunks",
    "read_opened",
    "read_params",
    "read_record",
    "write_params",
]

MAX_ARRAYS = 1 << 18
"""More than any network has; each takes some hundred bytes in memory, however few it takes in a file."""

_MAGIC = 0x112
_SMALLEST_RECORD = 4
_SMALLEST_NAME = 8
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive (.npz, or a PyTorch file)",
    b"\x93NUMPY": "a NumPy .npy file",
    b"\x80": "a pickle",
    b"{": "JSON text",
}


def read_params(
    source: Readable, *, strict: bool = True, dense_limit: int | None = DENSE_LIMIT
) -> tuple[list[str], list[Record]]:
    """Read a ``.params`` file of any generation.

    Parameters
    ----------
    source : path, bytes or binary stream
        A stream is read from where it stands to its end.
    strict : bool
        Whether bytes after the end and names that occur twice are errors (default) or warnings.
    dense_limit : int or None
        Bytes that sparse records together may take beyond those stored, once they are dense; None refuses them.

    Returns
    -------
    names : list of str
        Empty if a list was saved.
    records : list of Record
        The arrays own their memory.

    Raises
    ------
    FormatError
        Where the content is not what the format says; nothing is allocated on the word of a damaged file.

    Examples
    --------
    >>> import numpy as np
    >>> names, records = read_params(dump_params(["arg:w"], [Record(np.float32([[1, 2]]), 0)]))
    >>> names, records[0].array
    (['arg:w'], array([[1., 2.]], dtype=float32))
    """
    with open_source(source, strict) as opened:
        return read_opened(opened, dense_limit)


def read_opened(source: ByteSource, dense_limit: int | None) -> tuple[list[str], list[Record]]:
    """As `read_params`, from what is open already."""
    _read_magic(source)
    count = _count(source, "number of arrays", _SMALLEST_RECORD)
    records = RecordReader(source, dense_limit).read_many(count)
    names = _read_names(source, count)
    source.expect_end()
    return names, records


def _read_magic(source: ByteSource) -> None:
    start = source.take(min(8, source.left), "file magic")
    if start != struct.pack("<Q", _MAGIC):
        what = next((name for magic, name in _OTHER_FORMATS.items() if start.startswith(magic)), None)
        got = f"{start.hex(' ') or 'nothing'}" + (f", the start of {what}" if what else "")
        raise source.error("file magic", "12 01 00 00 00 00 00 00", got, "This is no file of MXNet's nd.save.")
    (reserved,) = source.unpack("<Q", "reserved word")
    if reserved:
        source.object_to("reserved word", "0", str(reserved))


def _count(source: ByteSource, field: str, smallest: int) -> int:
    """A count of things that take at least `smallest` bytes each."""
    (count,) = source.unpack("<Q", field)
    most = min(source.left // smallest, MAX_ARRAYS)
    if count > most:
        raise source.error(field, f"at most {most}", str(count), "The file is truncated or damaged.")
    return count


def _read_names(source: ByteSource, arrays: int) -> list[str]:
    count = _count(source, "number of names", _SMALLEST_NAME)
    if count not in (0, arrays):
        raise source.error("number of names", f"0, or {arrays} for as many arrays", str(count))
    names = []
    seen = set()
    for index in range(count):
        field = f"name {index}"
        raw = source.take_counted(MAX_NAME_BYTES, field)
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise source.error(field, "UTF-8", f"{raw[:40]!r}") from error
        if name in seen:
            source.object_to(field, "a name that has not occurred yet", repr(name))
        seen.add(name)
        names.append(name)
    return names


def params_chunks(names: Sequence[str], records: Sequence[Record]) -> Iterator[bytes | memoryview]:
    """The file that real MXNet 1.9.1 would write, piece by piece; array data is not copied.

    Everything is checked before the first piece comes.

    Parameters
    ----------
    names : sequence of str
        One for each record, or none at all for a list.
    records : sequence of Record
        The arrays, of at least one dimension each.

    Raises
    ------
    ArgumentError
        For names that are too few, too long or double, and arrays that the format cannot hold.
    """
    if names and len(names) != len(records):
        raise ArgumentError(f"names: expected none, or {len(records)} for as many arrays; got {len(names)}")
    if len(records) > MAX_ARRAYS:
        raise ArgumentError(f"records: expected at most {MAX_ARRAYS}; got {len(records)}")
    return _chunks(encoded_names(names), [record_header(record) for record in records], records)


def _chunks(names: list[bytes], headers: list[bytes], records: Sequence[Record]) -> Iterator[bytes | memoryview]:
    yield struct.pack("<QQQ", _MAGIC, 0, len(records))
    for header, record in zip(headers, records, strict=True):
        yield header
        yield record_data(record)
    yield struct.pack("<Q", len(names))
    for name in names:
        yield struct.pack("<Q", len(name)) + name


def dump_params(names: Sequence[str], records: Sequence[Record]) -> bytes:
    """The bytes of a ``.params`` file; see `params_chunks`."""
    return b"".join(params_chunks(names, records))


def write_params(path: str | os.PathLike[str], names: Sequence[str], records: Sequence[Record]) -> None:
    """Write a ``.params`` file atomically; see `params_chunks` and `write_atomic`."""
    write_atomic(path, params_chunks(names, records))
