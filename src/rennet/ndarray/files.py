"""Saving and loading arrays: in MXNet's container, NumPy's, or safetensors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .._collector import paused_collector
from .._dtypes import BY_NAME, element_type
from .._formats.array_record import DENSE_LIMIT, Record, read_record
from .._formats.byte_source import Readable
from .._formats.containers import Content, read_arrays, write_arrays
from .._formats.paths import expect_path
from ..base import ArgumentError, expect
from ..context import cpu
from .array import NDArray

_BFLOAT16 = BY_NAME["bfloat16"].code
_CPU = cpu()


def to_record(array: NDArray) -> Record:
    """An array as the file format holds it."""
    kind = element_type(array.tensor.dtype)
    tensor = array.tensor.detach()
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        tensor = tensor.cpu().contiguous()
    raw = tensor.view(torch.int16).numpy().view(np.uint16) if kind.name == "bfloat16" else tensor.numpy()
    return Record(raw, kind.code)


def from_record(record: Record) -> NDArray | None:
    """The array that a file's record holds, or None for MXNet's empty record."""
    if record.array is None:
        return None
    raw = record.array
    if not (raw.flags.c_contiguous and raw.flags.writeable):
        raw = raw.copy("C")
    if record.type_code == _BFLOAT16:
        return NDArray(torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16), _CPU)
    return NDArray(torch.from_numpy(raw), _CPU)


def from_handle(state: Any) -> NDArray:
    """The array that the state of a pickled one describes."""
    expect("NDArray.__setstate__: state", state, Mapping, "a dict with the array's record as 'handle'")
    what = "NDArray.__setstate__: handle"
    raw = expect(what, state.get("handle"), bytes | bytearray | memoryview, "the bytes of one array's record")
    made = from_record(read_record(raw))
    if made is None:
        raise ArgumentError(f"{what}: expected an array, got a record that holds none")
    return made


def save(
    fname: str | os.PathLike[str],
    data: NDArray | Sequence[NDArray] | Mapping[str, NDArray],
    container: str = "params",
    checksum: bool = False,
) -> None:
    """Write arrays to a file, whole or not at all; the same arrays give the same bytes.

    Parameters
    ----------
    fname : path
        The file.
    data : NDArray, list or dict of str to NDArray
        What to save.
    container : {'params', 'npz', 'safetensors'}
        MXNet's own, which real MXNet reads; NumPy's, which has no bfloat16 and calls a list's arrays ``arr_0`` and so
        on; or safetensors, which needs names.
    checksum : bool
        Whether to write a checksum to ``NAME.sha256`` beside it, which `load` verifies. One that is there already is
        renewed in any case.

    Raises
    ------
    ArgumentError
        `fname` is no path, an array is none, or the container cannot hold it or its name.
    """
    expect_path("save: fname", fname)
    if isinstance(data, NDArray):
        data = [data]
    expect("save: data", data, Iterable, "an NDArray, or a list or dict of them")
    names = list(data) if isinstance(data, Mapping) else []
    arrays = list(data.values()) if isinstance(data, Mapping) else list(data)
    for name in names:
        expect("save: names", name, str, "text", "the keys of the dict are the names of its arrays")
    for place, array in enumerate(arrays):
        if not isinstance(array, NDArray):
            label = names[place] if names else place
            raise ArgumentError(f"save: entry {label!r}: expected an NDArray, got {type(array).__name__}")
    with paused_collector():
        write_arrays(fname, names, [to_record(array) for array in arrays], container, checksum)


def _assemble(content: Content) -> Any:
    arrays = [from_record(record) for record in content.records]
    return dict(zip(content.names, arrays, strict=True)) if content.names else arrays


def load(fname: Readable, dense: bool = False, strict: bool = True, dense_limit: int = DENSE_LIMIT) -> Any:
    """Read arrays: a dict if they have names, otherwise a list. They come to the CPU, wherever they were.

    The container is told by the content: MXNet's ``.params`` of any generation, NumPy's ``.npy`` and ``.npz`` (never
    unpickled), or safetensors.

    Parameters
    ----------
    fname : path, bytes or binary stream
        A stream is read from where it stands to its end.
    dense : bool
        Whether row-sparse and CSR arrays are made dense; otherwise they are an error.
    strict : bool
        Whether bytes after the end and names that occur twice are errors (default) or warnings.
    dense_limit : int
        Bytes that sparse or compressed arrays together may take beyond those in the file.

    Raises
    ------
    FormatError
        The content is not what its format says, or holds sparse arrays and `dense` was not asked for.

    Examples
    --------
    >>> import io
    >>> load(io.BytesIO(b""))
    Traceback (most recent call last):
    rennet.base.FormatError: <stream>, byte 0: file magic: expected 12 01 00 00 00 00 00 00, got nothing. This is no \
file of MXNet's nd.save.
    """
    with paused_collector():
        return _assemble(read_arrays(fname, strict=strict, dense=dense, dense_limit=dense_limit))


def load_frombuffer(buf: bytes, dense: bool = False, strict: bool = True) -> Any:
    """As `load`, from the file's bytes."""
    expect("load_frombuffer: buf", buf, bytes | bytearray | memoryview, "the bytes of a file", "load reads files")
    return load(buf, dense, strict)
