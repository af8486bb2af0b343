"""Batches: MXNet 2's and GluonNLP's, which real MXNet 1.9.1 has not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rennet as mx
from rennet.base import ArgumentError, ShapeError
from rennet.gluon.data import batchify

KINDS = {"lists": np.ndarray.tolist, "numpy": np.asarray, "arrays": mx.nd.from_numpy, "tensors": torch.from_numpy}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
@pytest.mark.parametrize("shared", [False, True])
def test_stack(kind: Any, shared: bool) -> None:
    samples = [np.random.randn(2, 3).astype(np.float64) for _ in range(4)]
    batch = batchify.Stack(use_shared_mem=shared)([kind(sample) for sample in samples])
    np.testing.assert_array_equal(batch.asnumpy(), np.stack(samples))
    assert batch.dtype == np.float64
    assert batch.tensor.is_shared() == shared


@each_kind
@given(shapes=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4), to=st.integers(1, 3))
def test_pad(kind: Any, shapes: list[tuple[int, int]], to: int) -> None:
    samples = [np.arange(rows * columns).reshape(rows, columns) for rows, columns in shapes]
    batch, lengths = batchify.Pad(val=-1, dtype="float32", round_to=to, ret_length=True)(
        [kind(each) for each in samples]
    )
    rows, columns = (-(-max(sizes) // to) * to for sizes in zip(*shapes, strict=True))
    expected = np.full((len(shapes), rows, columns), -1)
    for row, sample in zip(expected, samples, strict=True):
        row[: sample.shape[0], : sample.shape[1]] = sample
    np.testing.assert_array_equal(batch.asnumpy(), expected)
    assert lengths.asnumpy().tolist() == [shape[0] for shape in shapes]
    assert (batch.dtype, lengths.dtype) == (np.float32, np.int32)


def test_pad_keeps_what_it_is_given() -> None:
    batch = batchify.Pad()([[1, 2], [1.5], []])
    assert batch.asnumpy().tolist() == [[1, 2], [1.5, 0], [0, 0]]
    assert batch.dtype == np.float64


def test_parts() -> None:
    samples = [(np.arange(3), 0, "a"), (np.arange(1), 1, "b")]
    ways = (batchify.Pad(), batchify.Stack(), batchify.AsList())
    for group in (batchify.Group(*ways), batchify.Tuple(list(ways)), batchify.Group(ways)):
        sequences, labels, texts = group(samples)
        assert sequences.asnumpy().tolist() == [[0, 1, 2], [0, 0, 0]]
        assert labels.asnumpy().tolist() == [0, 1]
        assert texts == ["a", "b"]
    assert batchify.List is batchify.AsList


def test_append() -> None:
    samples = [np.arange(3), np.arange(1)]
    assert [array.shape for array in batchify.Append(batch_axis=1)(samples)] == [(3, 1), (1, 1)]
    assert [array.shape for array in batchify.Append(expand=False)(samples)] == [(3,), (1,)]
    source = mx.nd.ones((2,))
    (copy,) = batchify.Append()([source])
    copy[:] = 5
    assert source.asnumpy().tolist() == [1, 1]


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(
        ShapeError, match=r"Pad: expected samples with the same number of axes, at least 1; got \[1, 2\]"
    ):
        batchify.Pad()([[1], [[2]]])
    with pytest.raises(ShapeError, match=r"got \[0\]"):
        batchify.Pad()([1, 2])
    with pytest.raises(ArgumentError, match="Pad: expected at least one sample, got none"):
        batchify.Pad()([])
    with pytest.raises(ArgumentError, match="sample 1: expected 1 parts, got 2"):
        batchify.Group(batchify.Stack())([(1,), (2, 3)])
    with pytest.raises(ArgumentError, match="Group: expected functions"):
        batchify.Group([])
    with pytest.raises(ArgumentError, match="round_to: expected None or a positive whole number, got 0"):
        batchify.Pad(round_to=0)
    with pytest.raises(ArgumentError, match="dtype: expected one of"):
        batchify.Stack()(["a", "b"])
