"""A file, some bytes or a stream as one thing: bytes in order, and how many are left."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..base import ArgumentError, FormatError
from .checksum import verifying
from .objections import object_to
from .paths import expect_path

__all__ = ["ByteSource", "Readable", "open_source"]

Bytes = bytes | bytearray | memoryview
Readable = str | os.PathLike[str] | Bytes | BinaryIO

_COUNT = struct.Struct("<Q")
_PIECE = 1 << 18
"""How many bytes are got at a time where single ones are asked for."""


class _Fillable(Protocol):
    def readinto(self, view: memoryview, /) -> int | None: ...


class ByteSource:
    """Bytes that are read once, front to back, and whose number is known beforehand.

    Whoever reads asks `left` before allocating: a count in a file is a claim, the bytes behind it are a fact.
    """

    def __init__(self, stream: _Fillable | None, size: int, name: str, strict: bool = True, ahead: Bytes = b"") -> None:
        self._stream = stream
        self._size = size
        self.name = name
        self.strict = strict
        self.offset = 0
        # What has been got from the stream and not been read: these bytes, from this place on. Headers are small, and
        # a call to the system for each would take longer than the rest.
        self._ahead = memoryview(ahead)
        self._at = 0

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

    def _get(self, count: int) -> None:
        """Have `count` bytes ahead, or as many as there are."""
        have = len(self._ahead) - self._at
        if have >= count or self._stream is None:
            return
        piece = memoryview(bytearray(min(max(count, _PIECE), self.left)))
        piece[:have] = self._ahead[self._at :]
        while have < min(count, len(piece)):
            got = self._stream.readinto(piece[have:])
            if not got:
                break
            have += got
        self._ahead, self._at = piece[:have], 0

    def peek(self, count: int) -> bytes:
        """The next bytes, which stay to be read: `count` of them, or as many as there are."""
        self._get(count)
        return bytes(self._ahead[self._at : self._at + count])

    def ahead(self, count: int) -> tuple[memoryview, int]:
        """Bytes that stay to be read, and where among them the next one is: `count` from there on, or what there is.

        For loops over many small things, which a call for each would slow down.
        """
        self._get(count)
        return self._ahead, self._at

    def skip(self, count: int) -> None:
        """Go past bytes that were looked at before."""
        self._at += count
        self.offset += count

    def rest(self) -> BinaryIO:
        """What is left as a stream that can be moved about in; nothing can be read from here afterwards.

        A file is handed over itself, standing where reading stopped.
        """
        if self._stream is None:
            return io.BytesIO(self._ahead[self._at :])
        stream: Any = self._stream
        stream.seek(self._at - len(self._ahead), os.SEEK_CUR)
        return stream

    def fill(self, view: memoryview, field: str) -> None:
        """Read exactly as many bytes as `view` has."""
        size = len(view)
        if size < _PIECE:
            view[:] = self._next(size, field)
            return
        self.require(size, field)
        # what is large goes straight to where it belongs, behind the bytes that are here already
        done = min(size, len(self._ahead) - self._at)
        view[:done] = self._ahead[self._at : self._at + done]
        self._at += done
        while done < size:
            count = self._stream.readinto(view[done:]) if self._stream is not None else 0
            if not count:
                raise self._shrank(size, done, field)
            done += count
        self.offset += size

    def take(self, count: int, field: str) -> bytes:
        """Read `count` bytes."""
        return bytes(self._next(count, field))

    def unpack(self, layout: str, field: str) -> tuple[Any, ...]:
        """Read numbers laid out as `struct` says."""
        return struct.unpack(layout, self._next(struct.calcsize(layout), field))

    def take_counted(self, most: int, field: str) -> bytes:
        """Read a 64-bit count, which may say `most`, and as many bytes."""
        ahead, at = self._ahead, self._at
        start = at + _COUNT.size
        if start <= len(ahead):  # the usual case, in one call
            count = _COUNT.unpack_from(ahead, at)[0]
            end = start + count
            if count <= most and end <= len(ahead):
                self._at = end
                self.offset += end - at
                return bytes(ahead[start:end])
        (count,) = self.unpack("<Q", f"{field}: length")
        if count > most:
            raise self.error(f"{field}: length", f"at most {most}", str(count))
        return self.take(count, field)

    def _next(self, count: int, field: str) -> memoryview:
        """The next `count` bytes, which are read; they stay what they are until more are asked for."""
        end = self._at + count
        if end > len(self._ahead):
            self.require(count, field)
            self._get(count)
            end = self._at + count
            if end > len(self._ahead):
                raise self._shrank(count, len(self._ahead) - self._at, field)
        data = self._ahead[self._at : end]
        self._at = end
        self.offset += count
        return data

    def _shrank(self, count: int, got: int, field: str) -> FormatError:
        return self.error(field, f"{count} bytes", f"{got}", "The file shrank while it was read.")

    def expect_end(self) -> None:
        """Object to bytes that follow."""
        if self.left:
            self.object_to("end", "no more bytes", f"{self.left}")


@contextmanager
def open_source(source: Readable, strict: bool = True) -> Iterator[ByteSource]:
    """Open a path, bytes, or a binary stream from where it stands, for reading.

    A stream that does not know its own size is read to its end first. A file with a checksum beside it is verified
    by the time that this is left.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield _from_bytes(source, "<bytes>", strict)
    elif isinstance(source, str | os.PathLike):
        path = Path(expect_path("source", source))
        if path.is_dir():
            raise ArgumentError(f"source: expected a file, got a directory: {os.fspath(source)!r}")
        # what is read from a pipe can be read once only
        checking = verifying(path) if path.is_file() else nullcontext()
        with checking, path.open("rb") as stream:
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
    return _from_bytes(data, name, strict)


def _from_bytes(data: Bytes, name: str, strict: bool) -> ByteSource:
    view = memoryview(data).cast("B")
    return ByteSource(None, len(view), name, strict, view)


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
