"""NumPy's ``.npy`` and ``.npz``, read without pickle and with claims checked; ``.npz`` written byte for byte alike."""

from __future__ import annotations

import ast
import io
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from .._dtypes import BY_CODE, BY_NAME, ElementType
from ..base import ArgumentError, FormatError
from .array_record import DENSE_LIMIT, MAX_NDIM, Record
from .byte_source import ByteSource
from .json_text import brief
from .names import encoded_names
from .objections import object_to

__all__ = ["NPY_START", "NPZ_START", "dump_npz", "read_npy", "read_npz"]

NPY_START = b"\x93NUMPY"
NPZ_START = b"PK"

_MAX_HEADER = 1 << 16
_MAX_ENTRIES = 1 << 18
_MAX_NAME_BYTES = (1 << 16) - 1
"""What a zip archive can hold, the suffix included."""
_LONG_NUMBER = re.compile(rb"[0-9][0-9A-Za-z_.]{20}")
_ENTRY_HEADER = 30
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIX = ".npy"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip archive can tell: with it, the same arrays give the same bytes."""


def read_npy(source: ByteSource) -> Record:
    """The array of an ``.npy`` file.

    Raises
    ------
    FormatError
        Where the content is not what the format says, or the elements are objects or of a type that MXNet lacks.
    """
    record = _read_array(source)
    source.expect_end()
    return record


def read_npz(source: ByteSource, growth: int = DENSE_LIMIT) -> tuple[list[str], list[Record]]:
    """Names and arrays of an ``.npz`` archive, in its order.

    Parameters
    ----------
    source : ByteSource
        Standing at the archive's first byte.
    growth : int
        Bytes that arrays together may take beyond the size of the archive.
    """
    left = source.left + growth
    name = source.name
    found: dict[str, Record] = {}
    try:
        with zipfile.ZipFile(source.rest()) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ENTRIES:
                raise FormatError(name, "directory", "entries", f"at most {_MAX_ENTRIES}", str(len(entries)))
            _refuse_overlaps(name, entries)
            for entry in entries:
                where = f"entry {brief(entry.filename)}"
                if entry.compress_type not in _PACKINGS:
                    mend = "NumPy writes no other."
                    raise FormatError(
                        name, where, "compression", "0 (none) or 8 (deflate)", str(entry.compress_type), mend
                    )
                left -= entry.file_size
                if left < 0:
                    raise FormatError(name, where, "size", "arrays that unpack to less", str(entry.file_size))
                key = entry.filename.removesuffix(_SUFFIX)
                if key == entry.filename:
                    mend = "A PyTorch file? torch.load(..., weights_only=True) reads it."
                    raise FormatError(name, where, "name", f"the name of an array, ending in {_SUFFIX}", key, mend)
                if key in found:
                    object_to(FormatError(name, where, "name", "every name once", brief(key)), source.strict)
                with archive.open(entry) as stream:
                    member = ByteSource(_Filling(stream), entry.file_size, f"{name}, {where}", source.strict)
                    found[key] = read_npy(member)
                    if stream.read(1):  # and so the checksum has been looked at
                        raise member.error("end", "as many bytes as the directory says", "more")
    except FormatError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormatError(name, "archive", "content", "a whole zip archive without a password", str(error)) from error
    except (OSError, IndexError, KeyError, OverflowError) as error:
        raise FormatError(name, "archive", "content", "a whole zip archive", repr(error)) from error
    return list(found), list(found.values())


def _refuse_overlaps(name: str, entries: Sequence[zipfile.ZipInfo]) -> None:
    """See that no byte of an archive is counted to two arrays: it could pose as very many."""
    reached = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < reached:
            where = f"entry {brief(entry.filename)}"
            raise FormatError(name, where, "place", f"a beginning at {reached} or later", str(entry.header_offset))
        reached = entry.header_offset + _ENTRY_HEADER + entry.compress_size


class _Filling:
    """A stream of unpacked bytes that fills buffers, a piece at a time."""

    _PIECE = 1 << 20

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readinto(self, view: memoryview, /) -> int:
        data = self._stream.read(min(len(view), self._PIECE))
        view[: len(data)] = data
        return len(data)


def _read_array(source: ByteSource) -> Record:
    if source.take(min(6, source.left), "npy: magic") != NPY_START:
        raise source.error("npy: magic", repr(NPY_START), "something else")
    major, minor = source.unpack("<BB", "npy: version")
    if (major, minor) not in ((1, 0), (2, 0), (3, 0)):
        raise source.error("npy: version", "1.0, 2.0 or 3.0", f"{major}.{minor}")
    (length,) = source.unpack("<H" if major == 1 else "<I", "npy: length of the header")
    if length > _MAX_HEADER:
        raise source.error("npy: length of the header", f"at most {_MAX_HEADER}", str(length))
    kind, turned, fortran, shape = _header(source, source.take(length, "npy: header"))
    count = math.prod(shape)
    if math.prod(max(dim, 1) for dim in shape) * kind.numpy.itemsize > 1 << 62:
        raise source.error("npy: shape", "an array that fits into memory", str(shape))
    source.require(count * kind.numpy.itemsize, "npy: data")
    array = np.empty(count, kind.numpy)
    if count:
        raw = array.view(np.uint8)
        source.fill(raw.data, "npy: data")
        if kind.name == "bool":
            np.not_equal(raw, 0, out=raw.view(np.bool_))
    if turned:
        array.byteswap(inplace=True)
    return Record(array.reshape(shape[::-1]).T if fortran else array.reshape(shape), kind.code)


def _header(source: ByteSource, raw: bytes) -> tuple[ElementType, bool, bool, tuple[int, ...]]:
    """Element type, whether its bytes are the other way round, whether columns come first, and the shape."""
    if b"\\" in raw:  # no header needs one, and Python would warn of some
        raise source.error("npy: header", "no backslashes", f"{raw[:40]!r}")
    long = _LONG_NUMBER.search(raw)
    if long is not None:
        raise source.error("npy: header", "numbers of at most 20 digits", f"{long[0]!r}...")
    try:
        # a literal of Python, which is parsed, not evaluated; its length was limited
        header = ast.literal_eval(raw.decode("utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise source.error("npy: header", "a dict in Python's notation", f"{raw[:40]!r}") from error
    if type(header) is not dict or header.keys() != {"descr", "fortran_order", "shape"}:
        raise source.error("npy: header", "descr, fortran_order and shape", brief(header))
    spelled, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    kinds = {kind.numpy.str[1:]: kind for kind in BY_CODE.values() if kind.name != "bfloat16"}
    kind = kinds.get(spelled[1:]) if type(spelled) is str and spelled[:1] in ("<", ">", "|", "=") else None
    if kind is None:
        mend = "Objects would have to be unpickled, which could run any code." if spelled == "|O" else ""
        raise source.error("npy: descr", f"one of {', '.join(kinds)} after < or >", brief(spelled), mend)
    if type(fortran) is not bool:
        raise source.error("npy: fortran_order", "True or False", brief(fortran))
    whole = type(shape) is tuple and all(type(dim) is int and dim >= 0 for dim in shape)
    if not whole or len(shape) > MAX_NDIM:
        raise source.error("npy: shape", f"a tuple of at most {MAX_NDIM} sizes", brief(shape))
    return kind, spelled[0] == ">" and kind.numpy.itemsize > 1, fortran, shape


def dump_npz(stream: BinaryIO, names: Sequence[str], records: Sequence[Record]) -> None:
    """Write an uncompressed ``.npz`` archive that NumPy reads; without names, arrays are called ``arr_0`` and so on.

    Raises
    ------
    ArgumentError
        For records without an array, element types that NumPy has not, and names that an archive cannot hold.
    """
    names = list(names) or [f"arr_{place}" for place in range(len(records))]
    encoded_names(names, _MAX_NAME_BYTES - len(_SUFFIX), nul=False)
    for name, record in zip(names, records, strict=True):
        if record.array is None or record.type_code == BY_NAME["bfloat16"].code:
            what = "none" if record.array is None else "bfloat16, which NumPy has not: cast it to float32"
            raise ArgumentError(f"npz: {name!r}: expected an array of a type that NumPy has; got {what}")
    with zipfile.ZipFile(stream, "w") as archive:
        for name, record in zip(names, records, strict=True):
            entry = zipfile.ZipInfo(name + _SUFFIX, _EPOCH)
            with archive.open(entry, "w", force_zip64=True) as member:
                array = np.asarray(record.array)
                start = io.BytesIO()
                np.lib.format.write_array_header_1_0(
                    start, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
                )
                member.write(start.getvalue())
                member.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
