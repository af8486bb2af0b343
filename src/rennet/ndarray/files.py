"""Saving and loading arrays in MXNet's container."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .._dtypes import BY_CODE, element_type
from .._formats.params_file import Record, read_params, write_params
from ..base import ArgumentError
from .array import NDArray


def to_record(array: NDArray) -> Record:
    """An array as the file format holds it."""
    kind = element_type(array.tensor.dtype)
    tensor = array.tensor.detach().cpu().contiguous()
    raw = tensor.view(torch.int16).numpy().view(np.uint16) if kind.name == "bfloat16" else tensor.numpy()
    return Record(raw, kind.code)


def from_record(record: Record) -> NDArray | None:
    """The array that a file's record holds, or None for MXNet's empty record."""
    if record.array is None:
        return None
    kind = BY_CODE[record.type_code]
    raw = np.ascontiguousarray(record.array)
    if not raw.flags.writeable:
        raw = raw.copy()
    if kind.name == "bfloat16":
        return NDArray(torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16))
    return NDArray(torch.from_numpy(raw))


def save(fname: str | os.PathLike[str], data: NDArray | Sequence[NDArray] | Mapping[str, NDArray]) -> None:
    """Write arrays to a ``.params`` file that real MXNet reads, whole or not at all.

    Parameters
    ----------
    fname : path
        The file.
    data : NDArray, list or dict of str to NDArray
        What to save.
    """
    if isinstance(data, NDArray):
        data = [data]
    names = list(data) if isinstance(data, Mapping) else []
    arrays = list(data.values()) if isinstance(data, Mapping) else list(data)
    for place, array in enumerate(arrays):
        if not isinstance(array, NDArray):
            label = names[place] if names else place
            raise ArgumentError(f"save: entry {label!r}: expected an NDArray, got {type(array).__name__}")
    write_params(fname, names, [to_record(array) for array in arrays])


def _assemble(content: tuple[list[str], list[Record]]) -> Any:
    names, records = content
    arrays = [from_record(record) for record in records]
    return dict(zip(names, arrays, strict=True)) if names else arrays


def load(fname: str | os.PathLike[str]) -> Any:
    """Read a ``.params`` file: a dict if its arrays have names, otherwise a list. Arrays come to the CPU."""
    return _assemble(read_params(fname))


def load_frombuffer(buf: bytes) -> Any:
    """As `load`, from the file's bytes."""
    return _assemble(read_params(buf))
