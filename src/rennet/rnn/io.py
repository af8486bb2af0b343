"""Encoded sentences in batches of like length."""

from __future__ import annotations

import functools
import itertools
import logging
import reprlib
import zlib
from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Sized
from numbers import Integral
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import ndarray
from .._collector import paused_collector
from .._dtypes import element_type
from ..base import ArgumentError, expect, expect_number, expect_whole, is_whole, one_of, shown
from ..io import DataBatch, DataDesc, DataIter
from .shuffle import Shuffle


class BucketSentenceIter(DataIter):
    """Batches of sentences of like length, each labelled with the tokens that follow.

    Sentences are padded to the smallest bucket that holds them; the label at each step is the next token, and
    `invalid_label` at the end. Sentences longer than the largest bucket are left out, and counted in the log.

    Parameters
    ----------
    sentences : iterable of list of int
        Encoded sentences.
    batch_size : int
        Rows of a batch.
    buckets : list of int, optional
        Lengths; by default, and if it is empty, every length that fills a batch.
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

    Raises
    ------
    ArgumentError
        If there is not one batch; if `dtype` cannot hold a token or `invalid_label` as it is; if an argument is nothing
        that it can be.
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
        super().__init__(expect_whole("BucketSentenceIter: batch_size", batch_size, 1))
        self._last_batch = one_of("BucketSentenceIter: last_batch", last_batch, ("discard", "keep", "pad"))
        if seed is not None:
            expect("BucketSentenceIter: seed", seed, Integral, "a whole number")
        self._shuffle = Shuffle(seed) if shuffle else None
        if layout not in ("NT", "TN"):
            raise ArgumentError(f"BucketSentenceIter: layout: expected 'NT' or 'TN', got {layout!r}")
        expect_number("BucketSentenceIter: invalid_label", invalid_label)
        sentences = _as_sentences(sentences)
        lengths = _lengths(sentences)
        automatic = buckets is None or (isinstance(buckets, Sized) and len(buckets) == 0)
        sizes = _frequent_lengths(lengths, batch_size) if automatic else _as_sizes(buckets)
        rows = _padded(sentences, lengths, sizes, invalid_label, _numpy_type(dtype))
        self.buckets = [size for size, filled in zip(sizes, rows, strict=True) if len(filled)]
        if not self.buckets:
            raise ArgumentError(
                f"BucketSentenceIter: none of the {len(lengths)} sentences fits a bucket; "
                f"the largest is {max(sizes)} long"
            )
        self.data = [filled for filled in rows if len(filled)]
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
        with paused_collector():
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
                data = np.concatenate([data, np.full((lacking, data.shape[1]), self.invalid_label, data.dtype)])
            label = np.full_like(data, self.invalid_label)
            label[:, :-1] = data[:, 1:]
            self.nddata.append(ndarray.array(data, dtype=data.dtype))
            self.ndlabel.append(ndarray.array(label, dtype=data.dtype))

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


def _as_sentences(sentences: Any) -> Sequence[Sequence[int]]:
    """The sentences of any iterable, so that they can be gone through twice."""
    if isinstance(sentences, Sequence | np.ndarray) and not _is_single(sentences):
        return sentences  # pyright: ignore[reportReturnType]
    if _is_single(sentences) and isinstance(sentences, np.ndarray):
        raise ArgumentError("BucketSentenceIter: sentences: expected a list of lists of numbers, got a single number")
    return list(expect("BucketSentenceIter: sentences", sentences, Iterable, "a list of lists of numbers"))


def _is_single(value: Any) -> bool:
    """Is it no sequence of anything, arrays without an axis included."""
    return not isinstance(value, Sized) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _lengths(sentences: Sequence[Sequence[int]]) -> np.ndarray[Any, Any]:
    try:
        return np.fromiter(map(len, sentences), np.int64, len(sentences))
    except TypeError as error:
        place, sentence = next((n, each) for n, each in enumerate(sentences) if _is_single(each))
        raise ArgumentError(
            f"BucketSentenceIter: sentences[{place}]: expected a list of numbers, got {reprlib.repr(sentence)}"
        ) from error


def _as_sizes(buckets: Any) -> list[int]:
    sizes = list(buckets) if isinstance(buckets, Iterable) else []
    given = sizes if isinstance(buckets, Iterable) else shown(buckets)
    if not sizes or not all(is_whole(size, 1) for size in sizes):
        raise ArgumentError(f"BucketSentenceIter: buckets: expected lengths of at least 1, got {given}")
    return sorted(sizes)


def _numpy_type(dtype: Any) -> np.dtype[Any]:
    try:
        kind = element_type(dtype)
    except ArgumentError as error:
        raise ArgumentError(f"BucketSentenceIter: {error}") from error
    if kind.name == "bfloat16":
        raise ArgumentError("BucketSentenceIter: dtype: NumPy, which lays the batches out, has no bfloat16")
    return kind.numpy


def _padded(
    sentences: Sequence[Sequence[int]],
    lengths: np.ndarray[Any, Any],
    sizes: Sequence[int],
    invalid_label: int,
    dtype: np.dtype[Any],
) -> list[np.ndarray[Any, Any]]:
    """For each size the sentences that it is the smallest to hold, filled up with `invalid_label`."""
    (padding,) = _exactly(np.asarray([invalid_label]), dtype)
    tokens = np.append(_exactly(_flat(sentences), dtype), np.full(max(sizes), padding))
    starts = np.cumsum(lengths) - lengths
    places = np.searchsorted(sizes, lengths)
    found = []
    for place, size in enumerate(sizes):
        rows = np.flatnonzero(places == place)
        filled = sliding_window_view(tokens, size)[starts[rows]]  # with what follows each sentence
        filled[np.arange(size) >= lengths[rows, None]] = padding
        found.append(filled)
    return found


def _flat(sentences: Sequence[Sequence[int]]) -> np.ndarray[Any, Any]:
    """All tokens in one array."""
    whole = array("q")
    try:
        # the common case, lists of whole numbers, without a list of all of them
        deque(map(whole.fromlist, sentences), maxlen=0)  # pyright: ignore[reportArgumentType]
        return np.asarray(whole)
    except (TypeError, OverflowError):
        pass
    try:
        flat = np.asarray(list(itertools.chain.from_iterable(sentences)))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"BucketSentenceIter: sentences: expected lists of numbers; {error}") from error
    if flat.ndim != 1 or flat.dtype.kind not in "biuf":
        kind = flat.dtype if flat.ndim == 1 else "lists of lists"
        raise ArgumentError(f"BucketSentenceIter: sentences: expected lists of numbers, got {kind}")
    return flat


def _exactly(numbers: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The numbers in this element type, which must hold them as they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast = numbers.astype(dtype)
    wrong = np.flatnonzero(cast != numbers)
    if len(wrong):
        raise ArgumentError(
            f"BucketSentenceIter: dtype {dtype} cannot hold {numbers[wrong[0]]}; pass dtype='int32' or 'int64'"
        )
    return cast


def _frequent_lengths(lengths: np.ndarray[Any, Any], batch_size: int) -> list[int]:
    counts = np.bincount(lengths) if len(lengths) else np.zeros(0, dtype=np.int64)
    sizes = [length for length, count in enumerate(counts) if length and count >= batch_size]
    if not sizes:
        raise ArgumentError(
            f"BucketSentenceIter: no length has {batch_size} sentences, so no buckets can be chosen from them; "
            "give buckets, or a smaller batch_size"
        )
    return sizes
