"""Reading files of vectors: a token and its numbers on each line."""

from __future__ import annotations

import warnings
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from ...base import FormatError


def read_vectors(path: Path, elem_delim: str, encoding: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The tokens of a file, in its order, and their vectors.

    A token with a single number is taken for a header and skipped, and so is one that came before; both with a
    warning.

    Parameters
    ----------
    path : Path
        The file.
    elem_delim : str
        What stands between the token and the numbers.
    encoding : str
        Of the text.

    Returns
    -------
    list of str
        N tokens.
    numpy.ndarray
        ``(N, vec_len)``, float32.

    Raises
    ------
    FormatError
        A line has no numbers, other things than numbers, or more or fewer than the lines before; or there are no
        vectors at all.
    """
    rows: dict[str, None] = {}
    numbers = array("f")
    size = 0
    with path.open(encoding=encoding) as file:
        for count, line in enumerate(file, 1):
            where = f"line {count}"
            token, *elements = line.rstrip().split(elem_delim)
            if not elements:
                raise FormatError(
                    str(path), where, "vector", f"a token, {elem_delim!r} and numbers", repr(line.rstrip())
                )
            if token in rows:
                warnings.warn(f"{path}, {where}: {token!r} came before; this vector is skipped", stacklevel=2)
                continue
            if len(elements) == 1:
                warnings.warn(f"{path}, {where}: {line.rstrip()!r} looks like a header and is skipped", stacklevel=2)
                continue
            if size not in (0, len(elements)):
                raise FormatError(str(path), where, f"vector of {token!r}", f"{size} numbers", str(len(elements)))
            try:
                numbers.extend(map(float, elements))
            except ValueError as error:
                raise FormatError(str(path), where, f"vector of {token!r}", "numbers", str(error)) from error
            size = len(elements)
            rows[token] = None
    if not rows:
        raise FormatError(str(path), "end", "vectors", "at least one", "none")
    return list(rows), np.array(numbers, dtype=np.float32).reshape(len(rows), size)
