"""Where sentences come from: the running Python's own standard library, or any text file."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..base import ArgumentError
from .python_lines import logical_lines

__all__ = ["Corpus", "Kind", "standard_library", "text_file"]

Kind = Literal["python", "plain"]
Sentences = list[list[str]]

HELDOUT_SHARE = 0.08

# Tests are not how people write programs (and some are broken on purpose); the others are not the standard library.
_OTHER_FOLDERS = {"__pycache__", "dist-packages", "idle_test", "lib-dynload", "site-packages", "test", "tests"}


@dataclass(frozen=True)
class Corpus:
    """Sentences to train on, and sentences to judge by.

    Parameters
    ----------
    train, heldout : list of list of str
        Sentences as tokens.
    source : str
        What they were read from, in words.
    skipped : int
        How many files that could not be cut into tokens, or empty lines of a text, were left out.
    kind : {'plain', 'python'}
        How tokens become a line again.
    """

    train: Sentences
    heldout: Sentences
    source: str
    skipped: int
    kind: Kind = "plain"


def standard_library(limit: int | None = None, *, root: Path | None = None) -> Corpus:
    """The source of the running Python's own standard library, one logical line a sentence.

    A hash of its path says whether a file is held out, and when its turn to be read comes. So the split is the same
    everywhere, a smaller `limit` gives a prefix of what a larger one gives, and either is drawn from all packages.

    Parameters
    ----------
    limit : int, optional
        Training sentences at most; held-out sentences are limited in proportion. No more files are read than needed.
    root : Path, optional
        Another folder of Python source.

    Raises
    ------
    ArgumentError
        If this Python came without its source.
    """
    _check_limit(limit)
    root = root or Path(sysconfig.get_path("stdlib"))
    files = sorted(_source_files(root), key=_turn)
    train, train_skipped = _read_files(root, [file for file in files if not _is_heldout(file)], limit)
    heldout, heldout_skipped = _read_files(root, [file for file in files if _is_heldout(file)], _heldout_limit(limit))
    if not train or not heldout:
        raise ArgumentError(
            f"expected the source of Python's standard library in {root}, found {len(files)} files of use "
            "(is this a zipped or embedded Python?); name a text to train on with --text FILE"
        )
    source = f"the standard library of Python {platform.python_version()}"
    return Corpus(train, heldout, source, train_skipped + heldout_skipped, "python")


def _source_files(root: Path) -> Iterator[str]:
    """The paths, from `root` on and with ``/``, of the files that belong to the standard library."""
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in _OTHER_FOLDERS and not name.startswith("config-")]
        for name in names:
            # The build of this Python writes _sysconfigdata: one enormous literal about the machine it ran on.
            if name.endswith(".py") and not name.startswith("_sysconfigdata"):
                yield Path(folder, name).relative_to(root).as_posix()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _is_heldout(text: str) -> bool:
    return int.from_bytes(_digest(text)[:4], "big") < HELDOUT_SHARE * 2**32


def _turn(text: str) -> bytes:
    return _digest(text)[4:]  # not the bytes that choose the side, or the held-out files would all come first


def _read_files(root: Path, files: Iterable[str], limit: int | None) -> tuple[Sentences, int]:
    """The logical lines of `files` until `limit` is reached; files that are no proper Python are counted only."""
    sentences: Sentences = []
    skipped = 0
    for file in files:
        if limit is not None and len(sentences) >= limit:
            break
        try:
            with tokenize.open(root / file) as source:
                lines = list(logical_lines(source.readline))
        except (tokenize.TokenError, SyntaxError, UnicodeDecodeError, OSError):
            skipped += 1
            continue
        sentences.extend([sys.intern(token) for token in line] for line in lines)
    return sentences[:limit], skipped


def text_file(path: str | os.PathLike[str], limit: int | None = None) -> Corpus:
    """Any UTF-8 text, one sentence a line, tokens between white space.

    A hash of its number and its content says whether a line is held out; of two or more sentences one always is.

    Parameters
    ----------
    path : str or PathLike
        The file.
    limit : int, optional
        Training sentences at most, from the top of the file; held-out sentences are limited in proportion.

    Raises
    ------
    ArgumentError
        If the file cannot be read, is not UTF-8, or has no words in it.
    """
    _check_limit(limit)
    path = Path(path)
    heldout_limit = _heldout_limit(limit)
    train: Sentences = []
    heldout: Sentences = []
    blank = 0
    for number, line in _lines(path):
        tokens = [sys.intern(token) for token in line.split()]
        if not tokens:
            blank += 1
        elif _is_heldout(f"{number} {' '.join(tokens)}"):
            if heldout_limit is None or len(heldout) < heldout_limit:
                heldout.append(tokens)
        elif limit is None or len(train) <= limit:  # one more than asked for, which may have to be held out
            train.append(tokens)
        if limit is not None and heldout_limit is not None and len(train) > limit and len(heldout) == heldout_limit:
            break
    if not train and not heldout:
        raise ArgumentError(f"{path}: expected text, one sentence a line; the file has no words in it")
    if not heldout and len(train) > 1:
        heldout.append(train.pop())
    if not train:
        train.append(heldout.pop())
    return Corpus(train[:limit], heldout, str(path), blank)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 text."""
    try:
        # Bytes that are not UTF-8 come as surrogates, so that the error can say on which line they stand.
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as text:
            for number, line in enumerate(text, 1):
                if not line.isascii():
                    _check_utf8(path, number, line)
                yield number, line
    except OSError as error:
        raise ArgumentError(f"{path}: expected a text file that can be read; {error.strerror}") from error


def _check_utf8(path: Path, number: int, line: str) -> None:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError as error:
        before = len(line[: error.start].encode("utf-8"))
        raise ArgumentError(
            f"{path}, line {number}, byte {before + 1}: expected UTF-8 text, got the byte "
            f"0x{ord(line[error.start]) - 0xDC00:02x}; save the file as UTF-8"
        ) from None


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise ArgumentError(f"limit: expected a number of sentences of at least 1, got {limit}")


def _heldout_limit(limit: int | None) -> int | None:
    """The held-out sentences that go with `limit` training sentences."""
    return None if limit is None else max(1, round(limit * HELDOUT_SHARE / (1 - HELDOUT_SHARE)))
