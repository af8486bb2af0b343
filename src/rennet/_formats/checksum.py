"""An optional checksum beside a file: ``NAME.sha256``, as the command ``sha256sum NAME > NAME.sha256`` writes it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ..base import FormatError

__all__ = ["checksum_line", "has_checksum", "read_verified", "sidecar", "verifying"]

_LINE = re.compile(r"\\?([0-9a-fA-F]{64})(\s.*)?", re.DOTALL)
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})
_LONGEST = 1 << 13
_PIECE = 1 << 20


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Where the checksum of a file is, if it has one."""
    return Path(f"{os.path.realpath(path)}.sha256")


def checksum_line(digest: str, name: str) -> str:
    """What ``sha256sum`` writes; a backslash before the line says that those in the name are doubled.

    >>> checksum_line("1f", "a.params").split()
    ['1f', 'a.params']
    """
    escaped = name.translate(_ESCAPES)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def has_checksum(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a checksum; one whose name is as long as a name can be has none."""
    try:
        return sidecar(path).exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


@contextmanager
def verifying(path: str | os.PathLike[str]) -> Iterator[None]:
    """See that a file is what the checksum beside it says, while it is read; nothing is done where there is none.

    The checksum is computed in a thread beside the reading. It has the last word: damage that it shows is the cause of
    whatever else is found to be wrong.

    Raises
    ------
    FormatError
        On leaving: the checksum is another one. On entering: it is no checksum.
    """
    said = _said(path)
    if said is None:
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(_digest, path)
        try:
            yield
        except FormatError:
            _compare(path, said, found.result())
            raise
        _compare(path, said, found.result())


def _digest(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def read_verified(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, which is what the checksum beside it says, if there is one."""
    content = Path(path).read_bytes()
    said = _said(path)
    if said is not None:
        _compare(path, said, hashlib.sha256(content).hexdigest())
    return content


def _said(path: str | os.PathLike[str]) -> str | None:
    if not has_checksum(path):
        return None
    beside = sidecar(path)
    with beside.open("rb") as stream:
        raw = stream.read(_LONGEST)
    found = _LINE.fullmatch(raw.decode("utf-8", "replace"))
    if found is None:
        expected = "64 digits of base 16, as sha256sum writes"
        raise FormatError(str(beside), "byte 0", "checksum", expected, repr(raw[:40]), "Remove it, or make it anew.")
    return found[1].lower()


def _compare(path: str | os.PathLike[str], said: str, found: str) -> None:
    if said != found:
        mend = f"The file was damaged or replaced; if it is meant to be so, remove {sidecar(path).name}."
        raise FormatError(os.fspath(path), "whole file", "checksum", said, found, mend)
