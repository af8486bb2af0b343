"""Iterators around iterators: resized, and read ahead."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError
from rennet.context import Context, current_context
from rennet.io import DataBatch, DataDesc, DataIter, NDArrayIter, PrefetchingIter, ResizeIter
from same_script import run_here

ITERATE = """
def make(kind, count, size):
    data = np.arange(count, dtype=np.float32)
    if kind == "resize":
        return mx.io.ResizeIter(mx.io.NDArrayIter(data, -data, batch_size=2), size, reset_internal=size % 2 == 0)
    if kind == "one":
        return mx.io.PrefetchingIter(mx.io.NDArrayIter(data, -data, batch_size=size))
    pair = [mx.io.NDArrayIter({"x": data, "y": data * 2}, -data, size), mx.io.NDArrayIter({"x": data * 3}, data, size)]
    labels = [{"softmax_label": "l"}, {"softmax_label": "m"}]
    return mx.io.PrefetchingIter(pair, rename_data=[{"x": "a", "y": "b"}, {"x": "c"}], rename_label=labels)
found = []
for kind in ["resize", "one", "two"]:
    for count, size in [(5, 1), (5, 2), (4, 4), (3, 7)]:
        batches = make(kind, count, size)
        found.append((kind, count, batches.batch_size))
        found.append([str(each) for each in batches.provide_data + batches.provide_label])
        for stop in [99, 1, 99]:
            for place, batch in enumerate(batches):
                arrays = [each.asnumpy().tolist() for each in batch.data + batch.label]
                found.append((arrays, batch.pad, batches.getpad()))
                if place + 1 == stop:
                    break
            else:
                found.append(("end", next(batches, None)))
            batches.reset()
"""


def test_equal_to_mxnet(oracle: Oracle) -> None:
    assert run_here(ITERATE, ["found"])["found"] == oracle.build(ITERATE, ["found"])["found"]


def readers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("rennet-prefetch")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    end = time.monotonic() + 10
    while readers() and time.monotonic() < end:
        time.sleep(0.01)
    assert not readers()


class Counting(DataIter):
    """Batches 0, 1, 2, ... as single numbers; keeps a record of what was asked of it."""

    def __init__(self, size: int, fails_at: int | None = None) -> None:
        super().__init__(1)
        self.size, self.fails_at = size, fails_at
        self.place = 0
        self.threads: set[str] = set()
        self.contexts: set[Context] = set()
        self.was_read = threading.Event()

    provide_data = (("data", (1,)),)  # pairs do as well as descriptions
    provide_label: tuple[Any, ...] = ()

    def reset(self) -> None:
        self.place = 0

    def next(self) -> DataBatch:
        self.threads.add(threading.current_thread().name)
        self.contexts.add(current_context())
        place = self.place
        if place == self.fails_at:
            self.fails_at = None
            raise OSError(f"no batch {place}")
        if place == self.size:
            raise StopIteration
        self.place += 1
        self.was_read.set()
        return DataBatch([mx.nd.array([place])], pad=0)


def numbers(batches: Any) -> list[float]:
    return [batch.data[0].asscalar() for batch in batches]


def test_one_batch_is_read_ahead_by_a_thread() -> None:
    source = Counting(5)
    batches = PrefetchingIter(source)
    for place in range(1, 5):
        assert source.was_read.wait(10)
        time.sleep(0.01)
        assert source.place == place  # one ahead, and no more
        source.was_read.clear()
        assert next(batches).data[0].asscalar() == place - 1
    assert all(name.startswith("rennet-prefetch") for name in source.threads)
    assert len(readers()) == 1


def test_the_end_stays_the_end_until_reset() -> None:
    batches = PrefetchingIter(Counting(2))
    for _ in range(2):
        assert numbers(batches) == [0, 1]
        assert numbers(batches) == []
        assert not batches.iter_next()
        batches.reset()


def test_reset_drops_what_was_read_ahead() -> None:
    batches = PrefetchingIter(Counting(3))
    assert next(batches).data[0].asscalar() == 0
    batches.reset()
    batches.reset()
    assert numbers(batches) == [0, 1, 2]


def test_errors_come_out_of_next() -> None:
    batches = PrefetchingIter(Counting(4, fails_at=2))
    assert [next(batches).data[0].asscalar() for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="no batch 2"):
        next(batches)
    assert numbers(batches) == [2, 3]  # as without the thread


def test_an_error_read_ahead_is_dropped_by_reset() -> None:
    batches = PrefetchingIter(Counting(2, fails_at=0))
    batches.reset()
    assert numbers(batches) == [0, 1]


def test_the_thread_ends_when_the_iterator_is_dropped_half_way() -> None:
    batches = PrefetchingIter([Counting(100), Counting(100)])
    next(batches)
    assert len(readers()) == 1
    del batches  # the fixture waits for the end


def test_the_thread_makes_arrays_where_the_caller_would() -> None:
    source = Counting(1)
    with Context("cpu", 3):
        batches = PrefetchingIter(source)
        assert next(batches).data[0].context == Context("cpu", 3)
        assert numbers(batches) == []
    assert source.contexts == {Context("cpu", 3)}


def test_buckets_keep_their_key_and_shapes() -> None:
    sentences = [[1, 2], [3, 4], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6]] * 2

    def make() -> mx.rnn.BucketSentenceIter:
        return mx.rnn.BucketSentenceIter(sentences, 2, buckets=[2, 4], seed=3, layout="TN")

    for wrapped in (PrefetchingIter(make()), ResizeIter(make(), 5)):
        assert (wrapped.default_bucket_key, wrapped.batch_size) == (4, 2)
        seen = []
        for ours, theirs in zip(wrapped, make(), strict=True):
            assert ours.bucket_key == theirs.bucket_key
            assert (ours.provide_data, ours.provide_label) == (theirs.provide_data, theirs.provide_label)
            assert [desc.layout for desc in ours.provide_data or ()] == ["TN"]
            np.testing.assert_array_equal(ours.label[0].asnumpy(), theirs.label[0].asnumpy())
            seen.append(ours.bucket_key)
        assert set(seen) == {2, 4}


def test_renaming_keeps_the_rest_of_a_description() -> None:
    source = NDArrayIter({"x": mx.nd.ones((3, 4), dtype="int32")}, batch_size=2, layout="NT")
    batches = PrefetchingIter([source], rename_data=[{"x": "words", "z": "unused"}])
    (batch,) = list(batches)[:1]
    for desc in (*batches.provide_data, *(batch.provide_data or ())):
        assert (desc, np.dtype(desc.dtype), desc.layout) == (("words", (2, 4)), np.int32, "NT")


def test_without_labels() -> None:
    (batch,) = PrefetchingIter([Counting(1), Counting(1)])
    assert (batch.label, len(batch.data), batch.provide_label) == (None, 2, [])
    assert batch.provide_data == [DataDesc("data", (1,))] * 2


def test_training_reads_ahead() -> None:
    data, label = np.random.randn(12, 3), np.arange(12) % 2
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc"), name="softmax")
    results = []
    for wrap in (lambda source: source, PrefetchingIter, lambda source: ResizeIter(source, 3)):
        source = wrap(NDArrayIter(data, label, batch_size=4))
        module = mx.mod.Module(net)
        module.fit(source, num_epoch=2, initializer=mx.init.One(), optimizer_params={"learning_rate": 0.5})
        results.append(module.get_params()[0]["fc_weight"].asnumpy())
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PrefetchingIter([]), "expected at least one iterator, got none"),
        (
            lambda: PrefetchingIter(Counting(1), {"data": "x"}),  # pyright: ignore[reportArgumentType]
            "rename_data: expected a list of dicts, one for each",
        ),
        (lambda: PrefetchingIter(Counting(1), rename_label=[{}, {}]), "rename_label: expected 1 dicts.*got 2"),
        (lambda: PrefetchingIter(Counting(1), [{"x": "y"}]), r"rename_data\[0\]: expected a name for data, got x"),
        (lambda: PrefetchingIter(Counting(1)).getdata(), "no current batch before"),
        (
            lambda: PrefetchingIter(5),
            "PrefetchingIter: iters: expected an iterator over batches, got 5 without __next__",
        ),
        (lambda: PrefetchingIter([Counting(1), [1]]), "expected an iterator over batches, got list without __next__"),
        (lambda: ResizeIter([1], 2), "data_iter: expected an iterator over batches, got list without __next__, reset"),
        (lambda: ResizeIter(Counting(1), -1), "size: expected a whole number of at least 0, got -1"),
        (lambda: ResizeIter(Counting(1), 1.5), "size: .*, got 1.5"),  # pyright: ignore[reportArgumentType]
        (lambda: ResizeIter(Counting(1), 1).getpad(), "no current batch before"),
        (lambda: next(ResizeIter(Counting(0), 1)), "expected batches from Counting, got none"),
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_iterators_that_do_not_fit_together() -> None:
    longer = PrefetchingIter([Counting(2), Counting(1), Counting(2)])
    next(longer)
    with pytest.raises(ArgumentError, match="same number of batches; of 3, number 1 ended before the others"):
        next(longer)
    padded = PrefetchingIter([NDArrayIter(np.ones(4), batch_size=2), NDArrayIter(np.ones(3), batch_size=2)])
    next(padded)
    with pytest.raises(ArgumentError, match=r"batches with the same pad from all iterators, got \[0, 1\]"):
        next(padded)
