"""Names of arrays as files hold them: whatever may not stand in one is refused before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import ArgumentError, expect

__all__ = ["MAX_NAME_BYTES", "encoded_names"]

MAX_NAME_BYTES = 1 << 16


def encoded_names(names: Sequence[str], most: int = MAX_NAME_BYTES, nul: bool = True) -> list[bytes]:
    r"""Each name as UTF-8.

    Parameters
    ----------
    names : sequence of str
        The names.
    most : int
        Bytes that one may have.
    nul : bool
        Whether the character 0 may stand in one.

    Raises
    ------
    ArgumentError
        For a name that is no text, occurs twice, is too long, or cannot be written.

    Examples
    --------
    >>> encoded_names(["w", "\u00e4"])
    [b'w', b'\xc3\xa4']
    """
    encoded: list[bytes] = []
    seen: set[str] = set()
    for name in names:
        expect("names", name, str, "text", "save arrays by the text of their names")
        if name in seen:
            raise ArgumentError(f"names: expected every name once; got {name!r} twice")
        seen.add(name)
        try:
            raw = name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ArgumentError(f"names: expected text that can be written as UTF-8; got {name[:40]!r}") from error
        if len(raw) > most:
            raise ArgumentError(f"names: expected at most {most} bytes; got {len(raw)} for {name[:40]!r}...")
        if not nul and "\0" in name:
            raise ArgumentError(f"names: expected text without NUL; got {name[:40]!r}")
        encoded.append(raw)
    return encoded
