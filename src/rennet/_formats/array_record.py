"""One array of a ``.params`` file: its four generations read, the third written.

The generation is told by the first 32-bit word::

    V0  (up to 0.10)  the word is ndim itself;  u32 dims
    V1  (0.11)        F993FAC8;                 shape
    V2  (0.12 on)     F993FAC9;                 i32 storage type, [stored shape if sparse], shape
    V3  (np_shape)    F993FACA;                 as V2, and scalars and zero sizes are meant

with ``shape = i32 ndim, ndim x i64``; then device (two i32), element type (i32), [types and shapes of the sparse
indices], the data, [the sparse indices]. Everything is little-endian.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import numpy as np

from .._dtypes import BY_CODE, ElementType
from ..base import ArgumentError
from .byte_source import ByteSource, Readable, open_source
from .sparse import dense_from_csr, dense_from_row_sparse

__all__ = ["DENSE_LIMIT", "Record", "RecordReader", "dump_record", "read_record", "record_data", "record_header"]

MAX_NDIM = 32
DENSE_LIMIT = 1 << 30
"""Bytes that sparse records may take beyond those stored in the file, once they are dense."""

_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DENSE, _ROW_SPARSE, _CSR, _UNDEFINED = 0, 1, 2, -1
_UNKNOWN = -1
_GENERATIONS = {_V1: 1, _V2: 2, _V3: 3}
_STORAGES = {_ROW_SPARSE: "row_sparse", _CSR: "csr"}
_MAKE_DENSE = "rennet's arrays are dense; load it with dense=True, which makes sparse ones dense."
_MAX_BYTES = 1 << 62
_INDEX_CODES = (4, 6)

_SMALL = 1 << 16
_START = struct.Struct("<Iii")
_HEADERS = [struct.Struct(f"<Iii{ndim}qiii") for ndim in range(MAX_NDIM + 1)]
"""All that stands before the data of a dense array in V2, by the number of dimensions."""


class Record(NamedTuple):
    """An array as a file holds it.

    Parameters
    ----------
    array : numpy.ndarray or None
        The data; bfloat16 as its raw 16 bits. None is a record that holds no array ("none" in MXNet).
    type_code : int
        MXNet's number for the element type.
    device_type, device_id : int
        Where the array lived when it was written: 1 CPU, 2 GPU, 3 pinned, 5 shared. Information only.
    generation : int
        Which of the generations above it was read from; 2 is written.
    storage : str
        ``'dense'``, or what the array was before it was made dense: ``'row_sparse'`` or ``'csr'``.
    """

    array: np.ndarray[Any, Any] | None
    type_code: int
    device_type: int = 1
    device_id: int = 0
    generation: int = 2
    storage: str = "dense"


class RecordReader:
    """Reads one record after another from `source`.

    Sparse ones come out dense, within `dense_limit` bytes; a limit of None refuses them.
    """

    def __init__(self, source: ByteSource, dense_limit: int | None = DENSE_LIMIT) -> None:
        self._source = source
        self._dense_left = dense_limit

    def read(self) -> Record:
        """The next record."""
        source = self._source
        (word,) = source.unpack("<I", "array magic")
        stored: tuple[int, ...] = ()
        storage = _DENSE
        if word in (_V2, _V3):
            (storage,) = source.unpack("<i", "storage type")
            if storage in (_ROW_SPARSE, _CSR) and word == _V2:
                stored = self._shape("stored shape")
            elif storage not in (_DENSE, _UNDEFINED):
                known = "0 (dense), 1 (row_sparse) or 2 (csr)" if word == _V2 else "0 (dense)"
                raise source.error("storage type", known, str(storage))
            if storage in _STORAGES and self._dense_left is None:
                raise source.error("storage type", "a dense array", _STORAGES[storage], _MAKE_DENSE)
        if word in (_V1, _V2, _V3):
            shape = self._shape("shape", lowest=_UNKNOWN if word == _V3 else 0)
        else:
            shape = self._legacy_shape(word)
        generation = _GENERATIONS.get(word, 0)
        if _UNKNOWN in shape or (not shape and word != _V3):
            return Record(None, 0, generation=generation)
        if storage == _UNDEFINED:
            raise source.error("storage type", "0, 1 or 2 for an array that has a shape", "-1 (undefined)")
        device_type, device_id = source.unpack("<ii", "device")
        kind = self._element_type("element type")
        if storage == _DENSE:
            array = self._array(kind, shape, "data")
        else:
            array = self._sparse(kind, shape, stored, storage)
        return Record(array, kind.code, device_type, device_id, generation, _STORAGES.get(storage, "dense"))

    def read_many(self, count: int) -> list[Record]:
        """The next `count` records."""
        records: list[Record] = []
        while len(records) < count:
            self._read_usual(records, count)
            if len(records) < count:
                records.append(self.read())
        return records

    def _read_usual(self, records: list[Record], count: int) -> None:
        """Add what comes next to `records`, up to `count` of them, while it is small, usual, and in memory already.

        Usual is V2, dense, and nothing to object to; whatever else comes is left to `read`. Files with many small
        arrays would otherwise spend most of their time in calls that read a few bytes each.
        """
        ahead, at = self._source.ahead(_SMALL)
        start, end = at, len(ahead)
        for _ in range(count - len(records)):
            if at + _START.size > end:
                break
            word, storage, ndim = _START.unpack_from(ahead, at)
            if word != _V2 or storage != _DENSE or not 0 < ndim <= MAX_NDIM:
                break
            header = _HEADERS[ndim]
            data = at + header.size
            if data > end:
                break
            _, _, _, *shape, device_type, device_id, code = header.unpack_from(ahead, at)
            kind = BY_CODE.get(code)
            if kind is None or kind.name == "bool" or min(shape) <= 0:
                break
            after = data + math.prod(shape) * kind.numpy.itemsize
            if after > end:
                break
            array = np.ndarray(shape, kind.numpy, ahead, data).copy()
            records.append(Record(array, code, device_type, device_id))
            at = after
        self._source.skip(at - start)

    def _legacy_shape(self, ndim: int) -> tuple[int, ...]:
        if ndim > MAX_NDIM:
            expected = f"the magic of an array, or a number of dimensions up to {MAX_NDIM}"
            raise self._source.error("array magic", expected, f"{ndim:#010x}")
        return self._source.unpack(f"<{ndim}I", "shape")

    def _shape(self, field: str, lowest: int = 0) -> tuple[int, ...]:
        """A shape block; one whose very number of dimensions is unknown, if -1 is allowed, is ``(-1,)``."""
        (ndim,) = self._source.unpack("<i", f"{field}: number of dimensions")
        if ndim == lowest == _UNKNOWN:
            return (_UNKNOWN,)
        if not 0 <= ndim <= MAX_NDIM:
            raise self._source.error(f"{field}: number of dimensions", f"{lowest} to {MAX_NDIM}", str(ndim))
        shape = self._source.unpack(f"<{ndim}q", field)
        if min(shape, default=0) < lowest:
            raise self._source.error(field, f"dimensions of at least {lowest}", str(shape))
        return shape

    def _element_type(self, field: str) -> ElementType:
        (code,) = self._source.unpack("<i", field)
        kind = BY_CODE.get(code)
        if kind is None:
            known = ", ".join(f"{known.code} ({known.name})" for known in BY_CODE.values())
            raise self._source.error(field, f"one of {known}", str(code))
        return kind

    def _array(self, kind: ElementType, shape: tuple[int, ...], field: str) -> np.ndarray[Any, Any]:
        """The next bytes as an array, allocated once it is known that they are there."""
        self._source.require(self._byte_count(kind, shape), field)
        array = np.empty(shape, kind.numpy)
        if array.size:
            self._source.fill(array.data.cast("B"), field)
            if kind.name == "bool":
                np.not_equal(array.view(np.uint8), 0, out=array)  # any other bit pattern is no bool to NumPy
        return array

    def _byte_count(self, kind: ElementType, shape: tuple[int, ...]) -> int:
        count = math.prod(shape) * kind.numpy.itemsize
        # NumPy refuses huge dimensions even beside a zero, so that zeros do not excuse the others.
        full = count or math.prod(max(dim, 1) for dim in shape) * kind.numpy.itemsize
        if full > _MAX_BYTES:
            raise self._source.error("shape", "an array that fits into memory", str(shape))
        return count

    def _sparse(
        self, kind: ElementType, shape: tuple[int, ...], stored: tuple[int, ...], storage: int
    ) -> np.ndarray[Any, Any]:
        source = self._source
        aux: list[tuple[ElementType, tuple[int, ...]]] = []
        for field in ("row indices",) if storage == _ROW_SPARSE else ("csr indptr", "csr indices"):
            index_kind = self._element_type(f"{field}: element type")
            if index_kind.code not in _INDEX_CODES:
                raise source.error(f"{field}: element type", "int32 (4) or int64 (6)", index_kind.name)
            aux.append((index_kind, self._shape(f"{field}: shape")))
        self._charge(self._byte_count(kind, shape) - self._byte_count(kind, stored), shape)
        source.require(sum(self._byte_count(*each) for each in [(kind, stored), *aux]), "sparse data")
        data = self._array(kind, stored, "sparse data")
        indices = [self._array(*each, "sparse indices") for each in aux]
        if storage == _ROW_SPARSE:
            return dense_from_row_sparse(source, shape, data, *indices)
        return dense_from_csr(source, shape, data, *indices)

    def _charge(self, extra: int, shape: tuple[int, ...]) -> None:
        """Take `extra` bytes off what sparse records may grow by."""
        assert self._dense_left is not None  # otherwise the record was refused before
        if extra > self._dense_left:
            raise self._source.error(
                "shape",
                f"sparse arrays that need at most {self._dense_left} more bytes when dense",
                f"{extra} bytes for shape {shape}",
                "If the file is to be trusted, raise dense_limit.",
            )
        self._dense_left -= max(extra, 0)


def read_record(source: Readable, *, strict: bool = True, dense_limit: int | None = DENSE_LIMIT) -> Record:
    """Read a single record without a container, as pickled NDArrays hold it.

    Parameters
    ----------
    source : path, bytes or binary stream
        Where the record begins.
    strict : bool
        Whether bytes after the record are an error (default) or a warning.
    dense_limit : int or None
        Bytes that a sparse record may take beyond those stored; None refuses sparse records.

    Raises
    ------
    FormatError
        If the bytes are not one whole record.

    Examples
    --------
    >>> read_record(dump_record(Record(np.arange(3, dtype="int32"), 4))).array
    array([0, 1, 2], dtype=int32)
    """
    with open_source(source, strict) as opened:
        record = RecordReader(opened, dense_limit).read()
        opened.expect_end()
    return record


def record_header(record: Record) -> bytes:
    """What stands before the data of `record` as MXNet 1.9.1 writes it: always V2, always dense.

    Raises
    ------
    ArgumentError
        For what the format cannot hold: no array at all, a scalar, an array that is not of the declared type.
    """
    array = record.array
    if array is None or not array.ndim:
        what = "no array" if array is None else "a scalar"
        raise ArgumentError(f"record: expected an array of 1 to {MAX_NDIM} dimensions; got {what}. Save shape (1,)")
    if array.ndim > MAX_NDIM:
        raise ArgumentError(f"record: expected an array of 1 to {MAX_NDIM} dimensions; got {array.ndim}")
    kind = BY_CODE.get(record.type_code)
    if kind is None or array.dtype != kind.numpy:
        expected = ", ".join(f"{known.code} with {known.numpy}" for known in BY_CODE.values())
        raise ArgumentError(f"record: expected type code {expected}; got {record.type_code} with {array.dtype}")
    place = (record.device_type, record.device_id, record.type_code)
    return struct.pack(f"<Iii{array.ndim}qiii", _V2, _DENSE, array.ndim, *array.shape, *place)


def record_data(record: Record) -> memoryview:
    """The data of `record` in C order, copied only if it is not so already."""
    return np.ascontiguousarray(record.array).reshape(-1).view(np.uint8).data


def dump_record(record: Record) -> bytes:
    """The bytes of `record` without a container; see `record_header`."""
    return record_header(record) + record_data(record)
