"""Sentences to numbers, and numbers to batches of like length."""

from __future__ import annotations

import bisect
import functools
import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray
from ..base import ArgumentError, one_of
from ..io import DataBatch, DataDesc, DataIter
from .shuffle import Shuffle


def encode_sentences(
    sentences: Iterable[Iterable[str]],
    vocab: dict[str, int] | None = None,
    invalid_label: int = -1,
    invalid_key: str = "\n",
    start_label: int = 0,
    unknown_token: str | None = None,
) -> tuple[list[list[int]], dict[str, int]]:
    r"""Replace words by numbers, building the vocabulary on the way if none is given.

    Parameters
    ----------
    sentences : iterable of iterables of str
        The words of each sentence.
    vocab : dict of str to int, optional
        A vocabulary. With one, a word that is not in it is an error unless `unknown_token` is given.
    invalid_label : int
        The number that no word gets, for padding.
    invalid_key : str
        The word that stands for it in a new vocabulary.
    start_label : int
        The lowest number given to a new word.
    unknown_token : str, optional
        The word that stands for every unknown word; it is added to `vocab`, with a number of its own, if missing.

    Returns
    -------
    result : list of list of int
        The encoded sentences.
    vocab : dict of str to int
        The vocabulary.

    Examples
    --------
    >>> encode_sentences([["a", "b"], ["b", "c"]], invalid_label=0, start_label=1)
    ([[1, 2], [2, 3]], {'\n': 0, 'a': 1, 'b': 2, 'c': 3})
    """
    growing = vocab is None
    numbers = {invalid_key: invalid_label} if vocab is None else vocab
    unknown: int | None = None
    if not growing and unknown_token is not None:
        if unknown_token not in numbers:
            numbers[unknown_token] = max([start_label - 1, invalid_label, *numbers.values()]) + 1
        unknown = numbers[unknown_token]
    following = start_label
    result = []
    for sentence in sentences:
        coded = []
        for word in sentence:
            number = numbers.get(word)
            if number is None:
                if unknown is not None:
                    number = unknown
                elif growing:
                    following += following == invalid_label
                    number = numbers[word] = following
                    following += 1
                else:
                    raise ArgumentError(
                        f"encode_sentences: {word!r} is not in the vocabulary; give unknown_token, or no vocab"
                    )
            coded.append(number)
        result.append(coded)
    return result, numbers


class BucketSentenceIter(DataIter):
    """Batches of sentences of like length, each labelled with the tokens that follow.

    Sentences are padded to the smallest bucket that holds them; the label at each step is the next token, and
    `invalid_label` at the end. Sentences longer than the largest bucket are left out, and counted in the log.

    Parameters
    ----------
    sentences : list of list of int
        Encoded sentences.
    batch_size : int
        Rows of a batch.
    buckets : list of int, optional
        Lengths; by default every length that fills a batch.
    invalid_label : int
        The padding, in data and label.
    data_name, label_name : str
        What the arrays are called.
    dtype : str
        Element type of the batches.
    layout : str
        ``'NT'`` for ``(batch_size, length)``, ``'TN'`` for ``(length, batch_size)``.
    last_batch : str
        What becomes of the rows of a bucket that do not fill a batch: ``'discard'`` leaves them out for the epoch
        (which ones differs from epoch to epoch, and how many is logged), ``'pad'`` fills the batch up with rows of
        `invalid_label` and says so in the batch's `pad`, ``'keep'`` makes a smaller batch.
    seed : int, optional
        Seed of a generator of the iterator's own. By default batches are shuffled by `random` and rows within a bucket
        by ``numpy.random``, as in MXNet.
    shuffle : bool
        Whether the order changes from epoch to epoch.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[int]],
        batch_size: int,
        buckets: Sequence[int] | None = None,
        invalid_label: int = -1,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: str = "float32",
        layout: str = "NT",
        *,
        last_batch: str = "discard",
        seed: int | None = None,
        shuffle: bool = True,
    ) -> None:
        super().__init__(batch_size)
        self._last_batch = one_of("BucketSentenceIter: last_batch", last_batch, ("discard", "keep", "pad"))
        self._shuffle = Shuffle(seed) if shuffle else None
        if sorted(layout) != ["N", "T"]:
            raise ArgumentError(f"BucketSentenceIter: layout: expected 'NT' or 'TN', got {layout!r}")
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        sizes = sorted(buckets) if buckets else _frequent_lengths(lengths, batch_size)
        rows = _padded(sentences, sizes, invalid_label, dtype)
        self.buckets = [size for size, filled in zip(sizes, rows, strict=True) if filled]
        if not self.buckets:
            raise ArgumentError(
                f"BucketSentenceIter: none of the {len(lengths)} sentences fits a bucket; "
                f"the largest is {max(sizes)} long"
            )
        self.data = [np.asarray(filled, dtype=dtype) for filled in rows if filled]
        too_long = int((lengths > max(sizes)).sum())
        left_over = sum(len(filled) % batch_size for filled in self.data)
        if too_long:
            logging.warning("discarded %d sentences longer than the largest bucket (%d).", too_long, max(sizes))
        if left_over and last_batch == "discard":
            logging.info("%d sentences of %d do not fill a batch and are left out.", left_over, len(lengths))
        self.data_name, self.label_name, self.dtype = data_name, label_name, dtype
        self.invalid_label, self.layout = invalid_label, layout
        self.major_axis = layout.index("N")
        self.default_bucket_key = max(self.buckets)
        self.provide_data = [self._describe(data_name, self.default_bucket_key)]
        self.provide_label = [self._describe(label_name, self.default_bucket_key)]
        self.idx = [
            (place, start)
            for place, filled in enumerate(self.data)
            for start in range(0, len(filled), batch_size)
            if last_batch != "discard" or start + batch_size <= len(filled)
        ]
        if not self.idx:
            raise ArgumentError(
                f"BucketSentenceIter: no bucket holds a batch of {batch_size}; the fullest has "
                f"{max(len(filled) for filled in self.data)} sentences. Take a smaller batch_size, fewer buckets, "
                "or last_batch='pad'"
            )
        self._order = [np.arange(len(filled)) for filled in self.data]
        self.curr_idx = 0
        self.nddata: list[ndarray.NDArray] = []
        self.ndlabel: list[ndarray.NDArray] = []
        self.reset()

    def _describe(self, name: str, length: int, rows: int | None = None) -> DataDesc:
        rows = self.batch_size if rows is None else rows
        shape = (rows, length) if self.major_axis == 0 else (length, rows)
        return DataDesc(name, shape, self.dtype, self.layout)

    def reset(self) -> None:
        """Begin again, in a new order."""
        self.curr_idx = 0
        if self._shuffle is not None:
            self._shuffle.batches(self.idx)
            for order in self._order:
                self._shuffle.rows(order)
        self._lay_out()

    def _lay_out(self) -> None:
        self.nddata, self.ndlabel = [], []
        for rows, order in zip(self.data, self._order, strict=True):
            data = rows[order]
            lacking = -len(data) % self.batch_size
            if lacking and self._last_batch == "pad":
                data = np.concatenate([data, np.full((lacking, data.shape[1]), self.invalid_label, self.dtype)])
            label = np.full_like(data, self.invalid_label)
            label[:, :-1] = data[:, 1:]
            self.nddata.append(ndarray.array(data, dtype=self.dtype))
            self.ndlabel.append(ndarray.array(label, dtype=self.dtype))

    def next(self) -> DataBatch:
        """The next batch."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        bucket, start = self.idx[self.curr_idx]
        self.curr_idx += 1
        data = self.nddata[bucket][start : start + self.batch_size]
        label = self.ndlabel[bucket][start : start + self.batch_size]
        length, rows = self.buckets[bucket], data.shape[0]
        real = min(self.batch_size, len(self.data[bucket]) - start)
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch(
            [data],
            [label],
            pad=rows - real,
            bucket_key=length,
            provide_data=[self._describe(self.data_name, length, rows)],
            provide_label=[self._describe(self.label_name, length, rows)],
        )

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Where in which order the iterator stands, as arrays of integers for `restore`.

        Its own generator is part of it; `random` and ``numpy.random``, where they shuffle, are not.
        """
        found = {
            "sentences": np.array([self._digest()], dtype=np.int64),
            "position": np.array([self.curr_idx], dtype=np.int64),
            "batches": np.array(self.idx, dtype=np.int64),
            **{f"rows{place}": order.copy() for place, order in enumerate(self._order)},
        }
        return found if self._shuffle is None else {**found, **self._shuffle.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken, on the same sentences, in buckets and with a seed as there."""
        wrong = ArgumentError("BucketSentenceIter: the saved position belongs to other sentences, buckets or seeds")
        try:
            digest, position = int(np.asarray(state["sentences"])[0]), int(np.asarray(state["position"])[0])
            batches = [(int(bucket), int(start)) for bucket, start in np.asarray(state["batches"])]
            rows = [np.asarray(state[f"rows{place}"], dtype=np.int64) for place in range(len(self._order))]
            shuffle = self._shuffle.restored(state) if self._shuffle is not None else None
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise wrong from error
        same_rows = all(
            np.array_equal(np.sort(given), np.arange(len(own))) for given, own in zip(rows, self._order, strict=True)
        )
        same = digest == self._digest() and same_rows and sorted(batches) == sorted(self.idx)
        if not same or not 0 <= position <= len(batches):
            raise wrong
        self._shuffle = shuffle
        self.idx, self._order, self.curr_idx = batches, rows, position
        self._lay_out()

    def _digest(self) -> int:
        """A number that other sentences would not have."""
        return functools.reduce(lambda digest, rows: zlib.crc32(rows.tobytes(), digest), self.data, 0)


def _padded(
    sentences: Sequence[Sequence[int]], sizes: Sequence[int], invalid_label: int, dtype: Any
) -> list[list[np.ndarray[Any, Any]]]:
    """For each size the sentences that it is the smallest to hold, filled up with `invalid_label`."""
    rows: list[list[np.ndarray[Any, Any]]] = [[] for _ in sizes]
    for sentence in sentences:
        place = bisect.bisect_left(sizes, len(sentence))
        if place < len(sizes):
            exact = np.asarray([*sentence, *[invalid_label] * (sizes[place] - len(sentence))])
            with np.errstate(over="ignore"):
                row = exact.astype(dtype)
            if not np.array_equal(row, exact):
                raise ArgumentError(
                    f"BucketSentenceIter: dtype {np.dtype(dtype)} cannot hold {exact[row != exact][0]}; "
                    "pass dtype='int32' or 'int64'"
                )
            rows[place].append(row)
    return rows


def _frequent_lengths(lengths: np.ndarray[Any, Any], batch_size: int) -> list[int]:
    counts = np.bincount(lengths) if len(lengths) else np.zeros(0, dtype=np.int64)
    sizes = [length for length, count in enumerate(counts) if length and count >= batch_size]
    if not sizes:
        raise ArgumentError(
            f"BucketSentenceIter: no length has {batch_size} sentences, so no buckets can be chosen from them; "
            "give buckets, or a smaller batch_size"
        )
    return sizes
