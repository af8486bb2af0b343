"""Putting a file on disk so that a crash at any moment leaves the old one or the new one, whole."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from .checksum import checksum_line, has_checksum, sidecar
from .paths import expect_path

__all__ = ["write_atomic"]

Chunk = bytes | bytearray | memoryview

_BUFFER = 1 << 18
"""Bytes that are gathered before the system is asked to write them: files may consist of many small pieces."""


def write_atomic(path: str | os.PathLike[str], data: bytes | Iterable[Chunk], checksum: bool = False) -> None:
    """Write `data` to `path` by way of a temporary file in the same directory.

    The temporary file is flushed, synced and renamed over `path`, and the directory is synced. A file that is replaced
    keeps its mode; a new one gets what the umask leaves. A symbolic link stays a link: what it points at is
    replaced. Pipes and devices cannot be renamed over and are written to directly.

    Parameters
    ----------
    path : str or os.PathLike
        Where the file shall be.
    data : bytes, or iterable of bytes
        The content, whole or in chunks; chunks are written as they come.
    checksum : bool
        Whether to write a checksum beside the file (see `checksum`). One that is there already is renewed in any
        case; it goes before the file comes, so that no crash leaves a checksum of another file.

    Raises
    ------
    OSError
        From the operating system, about `path`; the temporary file is gone by then, and `path` is as it was.
    ArgumentError
        `path` is none.
    """
    path = expect_path("path", path)
    chunks = (data,) if isinstance(data, bytes) else data
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb") as stream:
            stream.writelines(chunks)
        return
    # The name says nothing of the target's, which may be as long as a name can be.
    temporary = target.with_name(f".{secrets.token_hex(8)}.rennet-tmp")
    digest = hashlib.sha256() if checksum or has_checksum(target) else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666)
    except OSError as error:
        raise _about(error, path) from None
    try:
        with os.fdopen(descriptor, "wb", _BUFFER) as stream:
            for chunk in chunks:
                stream.write(chunk)
                if digest is not None:
                    digest.update(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        if digest is not None:
            sidecar(target).unlink(missing_ok=True)
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            raise _about(error, path) from None
        raise
    _sync_directory(target.parent)
    if digest is not None:
        write_atomic(sidecar(target), checksum_line(digest.hexdigest(), target.name).encode())


def _about(error: OSError, path: str) -> OSError:
    """The same error about the file that was to be written, not about the temporary one."""
    return type(error)(error.errno, error.strerror, path)


def _mode(path: Path) -> int | None:
    """The mode of the file at `path`; None where there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _sync_directory(directory: Path) -> None:
    """Make the renaming itself durable, where the system lets a directory be opened and synced."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have no such thing as syncing a directory; the file is in place all the same.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
