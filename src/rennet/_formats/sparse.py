"""Row-sparse and CSR arrays made dense, with indices that are not trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from .byte_source import ByteSource

__all__ = ["dense_from_csr", "dense_from_row_sparse"]

Array = np.ndarray[Any, Any]


def dense_from_row_sparse(source: ByteSource, shape: tuple[int, ...], data: Array, rows: Array) -> Array:
    """Zeros of `shape` with ``data[k]`` at row ``rows[k]``."""
    stored = (*rows.shape, *shape[1:])
    if rows.ndim != 1 or data.shape != stored:
        expected = f"one row of {shape[1:]} for each of {rows.shape} indices"
        raise source.error("row_sparse: stored shape", expected, str(data.shape))
    _check_ascending(source, "row_sparse: indices", rows, shape[0])
    dense = np.zeros(shape, data.dtype)
    dense[rows] = data
    return dense


def dense_from_csr(source: ByteSource, shape: tuple[int, ...], data: Array, starts: Array, columns: Array) -> Array:
    """Zeros of `shape` with ``data[k]`` at column ``columns[k]`` of the row whose ``starts`` enclose k."""
    if len(shape) != 2:
        raise source.error("csr: shape", "two dimensions", str(shape))
    if data.ndim != 1 or columns.shape != data.shape:
        raise source.error("csr: indices", f"one for each of the data {data.shape}", str(columns.shape))
    dense = np.zeros(shape, data.dtype)
    if not data.size and not starts.size:  # MXNet stores no row starts for a matrix without entries
        return dense
    if starts.shape != (shape[0] + 1,):
        raise source.error("csr: indptr", f"{shape[0] + 1} row starts", str(starts.shape))
    # Compared, not subtracted: a difference may wrap around.
    if starts[0] != 0 or starts[-1] != data.size or (starts[1:] < starts[:-1]).any():
        raise source.error("csr: indptr", f"numbers that rise from 0 to {data.size}", _ends(starts))
    if data.size and not (columns.min() >= 0 and columns.max() < shape[1]):
        raise source.error("csr: indices", f"columns from 0 to {shape[1] - 1}", _ends(columns))
    rows = np.repeat(np.arange(shape[0]), np.diff(starts))
    places = rows * shape[1] + columns
    if np.unique(places).size != places.size:
        raise source.error("csr: indices", "every place at most once", "a place that occurs twice")
    dense.reshape(-1)[places] = data
    return dense


def _check_ascending(source: ByteSource, field: str, indices: Array, stop: int) -> None:
    if indices.size and (indices[0] < 0 or indices[-1] >= stop or (indices[1:] <= indices[:-1]).any()):
        raise source.error(field, f"ascending numbers from 0 to {stop - 1}", _ends(indices))


def _ends(numbers: Array) -> str:
    """A few numbers to show."""
    return f"{numbers[:4].tolist()} ... {numbers[-4:].tolist()}" if numbers.size > 8 else str(numbers.tolist())
