"""Arrays in any container: MXNet's, NumPy's or safetensors, told apart by what is in the file, not by its name."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..base import one_of
from .array_record import DENSE_LIMIT, Record
from .atomic import write_atomic
from .byte_source import Readable, open_source
from .numpy_file import NPY_START, NPZ_START, dump_npz, read_npy, read_npz
from .params_file import params_chunks, read_opened
from .safetensors_file import looks_like_safetensors, read_safetensors, safetensors_chunks

__all__ = ["CONTAINERS", "Content", "read_arrays", "write_arrays"]


class Content(NamedTuple):
    """What is in a file of arrays."""

    container: str
    """``'params'``, ``'npy'``, ``'npz'`` or ``'safetensors'``."""
    names: list[str]
    """Empty if a list was saved."""
    records: list[Record]


def read_arrays(
    source: Readable, *, strict: bool = True, dense: bool = True, dense_limit: int = DENSE_LIMIT
) -> Content:
    """Read arrays from any of the containers.

    Parameters
    ----------
    source : path, bytes or binary stream
        A stream is read from where it stands to its end.
    strict : bool
        Whether bytes after the end and names that occur twice are errors (default) or warnings.
    dense : bool
        Whether sparse arrays are made dense; otherwise they are refused.
    dense_limit : int
        Bytes that sparse or compressed arrays may take beyond those stored.

    Raises
    ------
    FormatError
        Where the content is not what its format says.

    Examples
    --------
    >>> import numpy as np
    >>> stream = io.BytesIO()
    >>> np.savez(stream, w=np.float32([[1, 2]]))
    >>> content = read_arrays(stream.getvalue())
    >>> content.container, content.names, content.records[0].array
    ('npz', ['w'], array([[1., 2.]], dtype=float32))
    """
    with open_source(source, strict) as opened:
        start = opened.peek(9)
        if start.startswith(NPY_START):
            return Content("npy", [], [read_npy(opened)])
        if start.startswith(NPZ_START):
            return Content("npz", *read_npz(opened, dense_limit))
        if looks_like_safetensors(start):
            return Content("safetensors", *read_safetensors(opened))
        return Content("params", *read_opened(opened, dense_limit if dense else None))


def _npz_chunks(names: Sequence[str], records: Sequence[Record]) -> Iterable[bytes | memoryview]:
    stream = io.BytesIO()
    dump_npz(stream, names, records)
    return [stream.getbuffer()]


CONTAINERS: dict[str, Callable[[Sequence[str], Sequence[Record]], Iterable[bytes | memoryview]]] = {
    "params": params_chunks,
    "npz": _npz_chunks,
    "safetensors": safetensors_chunks,
}
"""How each container that is written is made of names and records, piece by piece."""


def write_arrays(
    path: str | os.PathLike[str],
    names: Sequence[str],
    records: Sequence[Record],
    container: str = "params",
    checksum: bool = False,
) -> None:
    """Write arrays to a file, whole or not at all; the same arrays give the same bytes.

    Parameters
    ----------
    path : path
        The file.
    names : sequence of str
        One for each record, or none at all for a list.
    records : sequence of Record
        The arrays.
    container : {'params', 'npz', 'safetensors'}
        What kind of file it shall be.
    checksum : bool
        Whether to write a checksum beside it.
    """
    write_atomic(path, CONTAINERS[one_of("container", container, CONTAINERS)](names, records), checksum)
