"""Data sets and samplers: real MXNet's, but for what it gets wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, ShapeError
from rennet.gluon import data
from rennet.gluon.contrib.data import IntervalSampler
from same_script import run_here

SCRIPT = """
data = mx.gluon.data
arrays = data.ArrayDataset(mx.nd.array(table), numbers, [str(number) for number in numbers])
one = data.ArrayDataset(mx.nd.array(numbers))

def plain(sample):
    if isinstance(sample, tuple):
        return tuple(plain(each) for each in sample)
    if isinstance(sample, np.generic):
        return type(sample).__name__, sample.item()
    return sample.asnumpy().tolist() if isinstance(sample, mx.nd.NDArray) else sample

def all_of(dataset):
    return [plain(dataset[i]) for i in range(len(dataset))]

derived = {
    "arrays": arrays,
    "one": one,
    "filter": arrays.filter(lambda sample: sample[1] % 2 == 0),
    "filter one": one.filter(lambda sample: sample > 2),
    "transform": arrays.transform(lambda x, y, z: (y, x * 2)),
    "now": arrays.transform(lambda x, y, z: z + z, lazy=False),
    "first": arrays.transform_first(lambda x: -x),
    "first of one": one.transform_first(lambda x: -x, lazy=False),
    "take": arrays.take(count),
    "all": arrays.take(None),
    "sample": arrays.sample(data.SequentialSampler(2, len(numbers) - 2)),
    "filter of a shard": arrays.shard(shards, shards - 1).filter(lambda sample: sample[1] < 4).take(3),
}
found = {name: all_of(dataset) for name, dataset in derived.items()}
found["shards"] = [all_of(arrays.shard(shards, i)) for i in range(shards)]
found["last"] = plain(arrays[-1])
"""


@settings(max_examples=15)
@given(count=st.integers(0, 9), shards=st.integers(1, 4), length=st.integers(2, 7))
def test_data_sets(oracle: Oracle, count: int, shards: int, length: int) -> None:
    numbers = [int(number) for number in np.random.RandomState(length).randint(0, 9, length)]
    table = np.arange(2 * length, dtype=np.float32).reshape(length, 2)
    inputs = {"table": table, "numbers": numbers, "count": count, "shards": shards}
    assert run_here(SCRIPT, ["found"], inputs)["found"] == oracle.build(SCRIPT, ["found"], inputs=inputs)["found"]


BATCHES = """
data = mx.gluon.data
batches = data.BatchSampler(data.SequentialSampler(length, 3), size, last)
found = []
for round in range(3):
    found.append((len(batches), [list(batch) for batch in batches]))
kept = list(data.FilterSampler(lambda sample: sample % 3 == 0, data.SimpleDataset(list(range(length)))))
every = list(mx.gluon.contrib.data.IntervalSampler(length, min(size, length)))
some = list(mx.gluon.contrib.data.IntervalSampler(length, min(size, length), rollover=False))
"""


@settings(max_examples=25)
@given(length=st.integers(1, 9), size=st.integers(1, 5), last=st.sampled_from(["keep", "discard", "rollover"]))
def test_samplers(oracle: Oracle, length: int, size: int, last: str) -> None:
    inputs = {"length": length, "size": size, "last": last}
    names = ["found", "kept", "every", "some"]
    assert run_here(BATCHES, names, inputs) == oracle.build(BATCHES, names, inputs=inputs)


def test_an_interval_sampler_knows_its_length() -> None:  # MXNet's says 7 for both
    assert [len(IntervalSampler(7, 3, rollover)) for rollover in (True, False)] == [7, 3]


def test_the_seed_decides_the_order() -> None:
    sampler, orders = data.RandomSampler(20), []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        orders.append([list(sampler), list(sampler)])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][0] != orders[0][1]
    assert sorted(orders[0][0]) == list(range(20))
    assert len(sampler) == 20


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.ArrayDataset(), "expected at least one data set"),
        (
            lambda: data.BatchSampler(data.SequentialSampler(3), 0),
            "batch_size: expected a positive whole number, got 0",
        ),
        (
            lambda: data.BatchSampler(data.SequentialSampler(3), 2, "drop"),
            "last_batch: expected one of discard, keep, r",
        ),
        (lambda: data.RandomSampler(-1), "RandomSampler: length: expected a whole number of at least 0, got -1"),
        (lambda: IntervalSampler(3, 4), "interval: expected a whole number from 1 to length, 3; got 4"),
        (lambda: data.SimpleDataset([1]).shard(2, 2), "index: expected a whole number from 0 to 1, got 2"),
        (lambda: data.SimpleDataset([1]).shard(0, 0), "num_shards: expected a positive"),
        (lambda: data.SimpleDataset([1]).take(-1), "count: expected None or a whole number of at least 0, got -1"),
        (lambda: data.SimpleDataset([1]).sample([0]), "expected a gluon.data.Sampler, got list"),  # pyright: ignore
    ],
)
def test_arguments_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_lengths_that_differ() -> None:
    with pytest.raises(ShapeError, match=r"expected the same number of samples in all, got \[1, 2\]"):
        data.ArrayDataset([1], [1, 2])


def test_what_a_subclass_owes() -> None:
    with pytest.raises(NotImplementedError, match=r"Dataset\.__getitem__: expected the sample of a number"):
        data.Dataset()[0]
    with pytest.raises(NotImplementedError, match=r"Sampler\.__iter__: expected"):
        iter(data.Sampler())


RECORDS = """
records = mx.recordio.MXIndexedRecordIO(path + ".idx", path + ".rec", "w")
for number, content in enumerate(contents):
    records.write_idx(number, content.encode("latin-1"))
records.close()
"""
MAGIC = b"\x0a\x23\xd7\xce"


def test_records(oracle: Oracle, tmp_path: Path) -> None:
    inside = b"abcd" + MAGIC + b"ef" + MAGIC + MAGIC
    contents = [b"", b"a", b"four", MAGIC, inside, b"odd" + MAGIC + b"x", inside + inside, b"y" * 1000]
    inputs = {"path": str(tmp_path / "some"), "contents": [content.decode("latin-1") for content in contents]}
    oracle.build(RECORDS, [], inputs=inputs)
    records = data.RecordFileDataset(str(tmp_path / "some.rec"))
    assert [records[i] for i in range(len(records))] == contents
    assert records[-1] == contents[-1]
    read = data.DataLoader(records, 3, batchify_fn=data.batchify.AsList(), num_workers=2)
    assert [content for batch in read for content in batch] == contents


def test_records_that_are_none(tmp_path: Path) -> None:
    file, index = tmp_path / "x.rec", tmp_path / "x.idx"
    with pytest.raises(ArgumentError, match=r"expected a file of records at .*x\.rec, got no such file"):
        data.RecordFileDataset(str(file))
    whole = MAGIC + b"\x04\0\0\0abcd"
    file.write_bytes(whole + whole[:-1])
    with pytest.raises(ArgumentError, match=r"expected a file of index beside the records at .*x\.idx"):
        data.RecordFileDataset(str(file))
    index.write_text("0\t0\n1\t12\n2\t4\n3\t99\n")
    records = data.RecordFileDataset(str(file))
    assert records[0] == b"abcd"
    for number, message in (
        (1, "byte 12: record: expected 4 bytes, got 3 before the end"),
        (2, "byte 4: record: expected the magic number"),
        (3, r"byte 99: record: expected the magic number of a record, got b''"),
    ):
        with pytest.raises(FormatError, match=message):
            records[number]
    index.write_text("0\t0\nfirst\n")
    with pytest.raises(FormatError, match="line 2: offset: expected a key, a tab and a whole number, got 'first'"):
        data.RecordFileDataset(str(file))
