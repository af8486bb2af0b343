"""RecordFileDataset: records of bytes in one file, found by an index beside it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ...base import ArgumentError, FormatError
from .dataset import Dataset

_MAGIC = struct.pack("<I", 0xCED7230A)
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class RecordFileDataset(Dataset):
    """The records of a RecordIO file, as bytes, in the order of its index.

    The index, ``<name>.idx`` beside ``<name>.rec``, has a line ``key<tab>offset`` for each record.

    Parameters
    ----------
    filename : str
        The ``.rec`` file.

    Raises
    ------
    ArgumentError
        A file is missing.
    FormatError
        A line of the index, or a record when it is read, is not what it should be.
    """

    def __init__(self, filename: str) -> None:
        self.filename = str(filename)
        self.idx_file = str(Path(filename).with_suffix(".idx"))
        for path, what in ((self.filename, "records"), (self.idx_file, "index beside the records")):
            if not Path(path).is_file():
                raise ArgumentError(f"RecordFileDataset: expected a file of {what} at {path}, got no such file")
        lines = Path(self.idx_file).read_text(encoding="utf-8").splitlines()
        self._offsets = [_offset(self.idx_file, number, line) for number, line in enumerate(lines, 1)]

    def __getitem__(self, idx: int) -> bytes:
        # Opened each time: processes that share an open file share its position too.
        with Path(self.filename).open("rb") as file:
            file.seek(self._offsets[idx])
            return _record(file, self.filename)

    def __len__(self) -> int:
        return len(self._offsets)


def _offset(source: str, number: int, line: str) -> int:
    _, _, offset = line.strip().partition("\t")
    if not offset.isdecimal():
        raise FormatError(source, f"line {number}", "offset", "a key, a tab and a whole number", repr(line))
    return int(offset)


def _record(file: BinaryIO, source: str) -> bytes:
    """One record. Where its bytes had the magic number in them, it was cut into parts without it."""
    parts: list[bytes] = []
    while True:
        where = f"byte {file.tell()}"
        head = file.read(8)
        if len(head) < 8 or head[:4] != _MAGIC:
            raise FormatError(source, where, "record", "the magic number of a record", repr(head[:4]))
        (word,) = struct.unpack("<I", head[4:])
        part, size = word >> 29, word & (1 << 29) - 1
        if part not in ((_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)):
            raise FormatError(source, where, "record", "the next part" if parts else "its first part", f"kind {part}")
        content = file.read(size)
        if len(content) < size:
            raise FormatError(source, where, "record", f"{size} bytes", f"{len(content)} before the end of the file")
        file.seek(-size % 4, 1)  # records begin at multiples of four bytes
        parts.append(content)
        if part in (_WHOLE, _LAST):
            return _MAGIC.join(parts)
