"""The WikiText data sets, read from local files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from ...._local_files import data_dir, expected_file
from ....base import ArgumentError, is_whole, one_of
from ....contrib.text.utils import count_tokens_from_str
from ....contrib.text.vocab import Vocabulary
from ....ndarray import NDArray, from_numpy
from ...data.dataset import Dataset

__all__ = ["WikiText2", "WikiText103"]

_END = "<eos>"
_FILES = {"train": "wiki.train.tokens", "validation": "wiki.valid.tokens", "test": "wiki.test.tokens"}


class _WikiText(Dataset):
    """WikiText; see `WikiText2`."""

    _name: str

    def __init__(
        self, root: str | None = None, segment: str = "train", vocab: Vocabulary | None = None, seq_len: int = 35
    ) -> None:
        if not is_whole(seq_len, 1):
            raise ArgumentError(f"{type(self).__name__}: seq_len: expected a positive whole number, got {seq_len!r}")
        folder = data_dir() / "datasets" / self._name if root is None else Path(root).expanduser()
        file = _FILES[one_of("segment", segment, _FILES)]
        content = expected_file(folder / file, f"a file of {self._name}-v1.zip").read_text(encoding="utf-8")
        self._counter = count_tokens_from_str(content)
        self._vocab = Vocabulary(self._counter, reserved_tokens=[_END]) if vocab is None else vocab
        words = [word for line in content.splitlines() if (found := line.split()) for word in (*found, _END)]
        numbers = np.array(self._vocab.to_indices(words), dtype=np.int32)
        whole = max(len(numbers) - 1, 0) // seq_len * seq_len
        self._data = from_numpy(numbers[:whole].reshape(-1, seq_len), zero_copy=False)
        self._label = from_numpy(numbers[1 : whole + 1].reshape(-1, seq_len), zero_copy=False)

    @property
    def vocabulary(self) -> Vocabulary:
        """The numbers of the words."""
        return self._vocab

    @property
    def frequencies(self) -> Counter[str]:
        """How often each word occurs in the file."""
        return self._counter

    def __getitem__(self, idx: int) -> tuple[NDArray, NDArray]:
        return self._data[idx], self._label[idx]

    def __len__(self) -> int:
        return len(self._label)


class WikiText2(_WikiText):
    """WikiText-2: sequences of the numbers of words, and of the words that follow each of them.

    The words of all lines that are not empty, each line followed by ``<eos>``, are cut into sequences of `seq_len`;
    those at the end that do not fill one are left out.

    Parameters
    ----------
    root : str, optional
        The folder of the files ``wiki.train.tokens``, ``wiki.valid.tokens`` and ``wiki.test.tokens``, which come in
        ``wikitext-2-v1.zip``; by default ``datasets/wikitext-2`` in ``$MXNET_HOME`` or ``~/.mxnet``.
        They are not downloaded.
    segment : {'train', 'validation', 'test'}
        Which of the files.
    vocab : Vocabulary, optional
        The numbers of the words; by default the file's own words, by falling frequency, after the unknown token and
        ``<eos>``.
    seq_len : int
        Words in a sequence.

    Raises
    ------
    NotSupportedError
        The file is not there. Names the place.
    """

    _name = "wikitext-2"


class WikiText103(_WikiText):
    """WikiText-103: the same as `WikiText2` of a larger corpus, by default in ``datasets/wikitext-103``."""

    _name = "wikitext-103"
