"""A file, some bytes or a stream as one thing: bytes in order, and how many are left."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..base import ArgumentError, FormatError
from .checksum import verify
from .objections import object_to

__all__ = ["ByteSource", "Readable", "open_source"]

Readable = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


class _Fillable(Protocol):
    def readinto(self, view: memoryview, /) -> int | None: ...


class _Buffer:
    """Bytes in memory, read without a copy of the whole."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._rest = memoryview(data).cast("B")

    def __len__(self) -> int:
        return len(self._rest)

    @property
    def rest(self) -> memoryview:
        """What has not been read."""
        return self._rest

    def readinto(self, view: memoryview, /) -> int:
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class ByteSource:
    """Bytes that are read once, front to back, and whose number is known beforehand.

    Whoever reads asks `left` before allocating: a count in a file is a claim, the bytes behind it are a fact.
    """

    def __init__(self, stream: _Fillable, size: int, name: str, strict: bool = True) -> None:
        self._stream = stream
        self._size = size
        self.name = name
        self.strict = strict
        self.offset = 0
        self._ahead = b""

    @property
    def left(self) -> int:
        """How many bytes have not been read yet."""
        return self._size - self.offset

    def error(self, field: str, expected: str, got: str, mend: str = "") -> FormatError:
        """What to raise about `field`, which ends at the present offset."""
        return FormatError(self.name, f"byte {self.offset}", field, expected, got, mend)

    def object_to(self, field: str, expected: str, got: str, mend: str = "") -> None:
        """Raise when strict, warn otherwise: for what is wrong but does no harm."""
        object_to(self.error(field, expected, got, mend), self.strict)

    def require(self, count: int, field: str) -> None:
        """See that `count` bytes are left."""
        if count > self.left:
            raise self.error(field, f"{count} more bytes", f"{self.left}", "The file is truncated or damaged.")

    def peek(self, count: int) -> bytes:
        """The next bytes, which stay to be read: `count` of them, or as many as there are."""
        missing = min(count, self.left) - len(self._ahead)
        while missing > 0:
            more = bytearray(missing)
            got = self._stream.readinto(memoryview(more))
            if not got:
                break
            self._ahead += more[:got]
            missing -= got
        return self._ahead[:count]

    def rest(self) -> BinaryIO:
        """What is left as a stream that can be moved about in; nothing can be read from here afterwards.

        A file is handed over itself, standing where reading stopped.
        """
        stream: Any = self._stream
        if isinstance(stream, _Buffer):
            return io.BytesIO(self._ahead + stream.rest if self._ahead else stream.rest)
        stream.seek(-len(self._ahead), os.SEEK_CUR)
        return stream

    def fill(self, view: memoryview, field: str) -> None:
        """Read exactly as many bytes as `view` has."""
        self.require(len(view), field)
        done = min(len(view), len(self._ahead))
        view[:done] = self._ahead[:done]
        self._ahead = self._ahead[done:]
        while done < len(view):
            count = self._stream.readinto(view[done:])
            if not count:
                raise self.error(field, f"{len(view)} bytes", f"{done}", "The file shrank while it was read.")
            done += count
        self.offset += len(view)

    def take(self, count: int, field: str) -> bytes:
        """Read `count` bytes."""
        self.require(count, field)
        data = bytearray(count)
        self.fill(memoryview(data), field)
        return bytes(data)

    def unpack(self, layout: str, field: str) -> tuple[Any, ...]:
        """Read numbers laid out as `struct` says."""
        return struct.unpack(layout, self.take(struct.calcsize(layout), field))

    def expect_end(self) -> None:
        """Object to bytes that follow."""
        if self.left:
            self.object_to("end", "no more bytes", f"{self.left}")


@contextmanager
def open_source(source: Readable, strict: bool = True) -> Iterator[ByteSource]:
    """Open a path, bytes, or a binary stream from where it stands, for reading.

    A stream that does not know its own size is read to its end first. A file with a checksum beside it is verified.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        buffer = _Buffer(source)
        yield ByteSource(buffer, len(buffer), "<bytes>", strict)
    elif isinstance(source, str | os.PathLike):
        if Path(source).is_file():  # what is read from a pipe can be read once only
            verify(source)
        with Path(source).open("rb") as stream:
            yield _from_stream(stream, os.fspath(source), strict)
    elif hasattr(source, "read"):
        yield _from_stream(source, str(getattr(source, "name", "<stream>")), strict)
    else:
        raise ArgumentError(f"source: expected a path, bytes or a binary stream; got {type(source).__name__}")


def _from_stream(stream: BinaryIO, name: str, strict: bool) -> ByteSource:
    size = _size_left(stream)
    if size is not None:
        return ByteSource(stream, size, name, strict)  # pyright: ignore[reportArgumentType]
    data = stream.read()
    if not isinstance(data, bytes):
        raise ArgumentError(f"{name}: expected a stream of bytes; got one of {type(data).__name__}. Open it with 'rb'")
    return ByteSource(_Buffer(data), len(data), name, strict)


def _size_left(stream: BinaryIO) -> int | None:
    """The bytes between here and the end; None where the stream cannot tell, or cannot fill a buffer."""
    if not (hasattr(stream, "readinto") and hasattr(stream, "seekable") and stream.seekable()):
        return None
    here = stream.tell()
    try:
        end = stream.seek(0, os.SEEK_END)
    except ValueError:  # a compressed stream knows its end only when it gets there
        return None
    stream.seek(here)
    return end - here
