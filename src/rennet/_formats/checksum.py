"""An optional checksum beside a file: ``NAME.sha256``, as the command ``sha256sum NAME > NAME.sha256`` writes it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path

from ..base import FormatError

__all__ = ["has_checksum", "read_verified", "sidecar", "verify"]

_LINE = re.compile(r"([0-9a-fA-F]{64})(\s.*)?", re.DOTALL)
_LONGEST = 1 << 13
_PIECE = 1 << 20


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Where the checksum of a file is, if it has one."""
    return Path(f"{os.path.realpath(path)}.sha256")


def has_checksum(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a checksum; one whose name is as long as a name can be has none."""
    try:
        return sidecar(path).exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def verify(path: str | os.PathLike[str]) -> None:
    """See that a file is what the checksum beside it says; nothing is done where there is none.

    Raises
    ------
    FormatError
        The checksum is another one, or no checksum.
    """
    said = _said(path)
    if said is None:
        return
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    _compare(path, said, digest.hexdigest())


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
