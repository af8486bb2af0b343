"""DataLoader: real MXNet's batches, whoever reads them."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.gluon.data import ArrayDataset, BatchSampler, DataLoader, SequentialSampler, SimpleDataset
from rennet.gluon.data.batchify import Pad
from same_script import run_here

WORKERS = {"here": {}, "threads": {"num_workers": 2, "thread_pool": True}, "processes": {"num_workers": 2}}
each_way = pytest.mark.parametrize("workers", WORKERS.values(), ids=WORKERS)

SCRIPT = """
data = mx.gluon.data
halves = np.arange(5).astype("float16")
small = mx.nd.array(table, dtype="int8")
dataset = data.ArrayDataset(small, halves, list(range(5)), [[1.5, 2]] * 5, mx.nd.array(halves))
options = dict(options, batch_sampler=data.BatchSampler(data.SequentialSampler(5), 3)) if own else options
loader = data.DataLoader(dataset, **options)
found = []
for round in range(3):
    found.append(len(loader))
    for batch in loader:
        found.append([type(batch).__name__, [(array.asnumpy(), array.dtype.__name__) for array in batch]])
alone = [batch.asnumpy() for batch in data.DataLoader(mx.nd.array(table), 2, num_workers=options.get("num_workers", 0))]
"""


@each_way
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 2},
        {"batch_size": 2, "last_batch": "discard", "prefetch": 0},
        {"batch_size": 3, "last_batch": "rollover"},
        {"batch_size": 5, "auto_reload": True, "prefetch": 1},
        {},
    ],
    ids=["keep", "discard", "rollover", "reload", "own batches"],
)
def test_batches(oracle: Oracle, workers: dict[str, Any], options: dict[str, Any]) -> None:
    inputs = {"table": np.arange(10).reshape(5, 2), "own": not options}
    ours = run_here(SCRIPT, ["found", "alone"], {**inputs, "options": {**options, **workers}})
    theirs = oracle.build(SCRIPT, ["found", "alone"], inputs={**inputs, "options": options})
    np.testing.assert_equal(ours, theirs)


def numbers(batches: Any) -> list[list[int]]:
    return [batch.asnumpy().tolist() for batch in batches]


def test_the_order_depends_on_the_seed_alone() -> None:
    found = []
    for workers in WORKERS.values():
        mx.random.seed(5)
        loader = DataLoader(list(range(7)), 3, shuffle=True, **workers)
        found.append([numbers(loader), numbers(loader)])
    assert found[0] == found[1] == found[2]
    assert found[0][0] != found[0][1]
    assert sorted(number for batch in found[0][0] for number in batch) == list(range(7))


def draw(_: Any) -> np.ndarray:
    return np.array([np.random.rand(), torch.rand(()).item()])


def test_workers_draw_numbers_of_their_own() -> None:
    loader = DataLoader(SimpleDataset([0] * 4).transform(draw), 2, num_workers=2)
    rounds = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        rounds.append([np.concatenate([batch.asnumpy() for batch in loader]) for _ in range(2)])
    np.testing.assert_equal(rounds[0], rounds[1])
    assert len(np.unique(np.concatenate([*rounds[0], *rounds[2]]))) == 2 * 2 * 4 * 2


class OwnError(Exception):
    pass


def fail_at_three(number: int) -> int:
    if number == 3:
        raise OwnError("three is out")
    return number


@each_way
def test_an_error_of_a_worker(workers: dict[str, Any]) -> None:
    batches = iter(DataLoader(SimpleDataset(list(range(6))).transform(fail_at_three), 2, **workers))
    assert next(batches).asnumpy().tolist() == [0, 1]
    with pytest.raises(OwnError, match="three is out"):
        next(batches)
    assert not multiprocessing.active_children()


@each_way
@pytest.mark.parametrize("raised", [StopIteration, TimeoutError])
def test_an_error_that_means_something_here(workers: dict[str, Any], raised: type[Exception]) -> None:
    def fail(number: int) -> int:
        raise raised("from a sample")

    expected, message = (raised, "from a sample") if raised is TimeoutError else (MXNetError, "raised StopIteration")
    with pytest.raises(expected, match=message):
        next(iter(DataLoader(SimpleDataset([1]).transform(fail), 1, **workers)))


def test_an_error_that_cannot_be_sent() -> None:
    class Hidden(Exception):
        pass

    def fail(number: int) -> int:
        raise Hidden("behind the curtain")

    with pytest.raises(MXNetError, match=r"(?s)Caught MXNetError in DataLoader worker.*Hidden: behind the curtain"):
        next(iter(DataLoader(SimpleDataset([1]).transform(fail), 1, num_workers=1)))
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        next(iter(DataLoader([1], 1, num_workers=1, batchify_fn=lambda samples: lambda: samples)))


def wait(number: int) -> int:
    time.sleep(1)
    return number


@pytest.mark.parametrize("thread_pool", [False, True], ids=["process", "thread"])
def test_a_worker_that_is_late(thread_pool: bool) -> None:
    loader = DataLoader(SimpleDataset([0]).transform(wait), 1, num_workers=1, timeout=0.1, thread_pool=thread_pool)
    kind = "thread" if thread_pool else "process"
    with pytest.raises(MXNetError, match=f"a batch within 0.1 seconds, got none from a worker {kind}"):
        next(iter(loader))
    assert not multiprocessing.active_children()


def test_a_worker_that_dies() -> None:
    loader = DataLoader(SimpleDataset([0]).transform(lambda _: os._exit(1)), 1, num_workers=1)
    with pytest.raises(MXNetError, match=r"a worker process died.*use fewer workers"):
        next(iter(loader))


@each_way
def test_leaving_early(workers: dict[str, Any]) -> None:
    loader = DataLoader(list(range(100)), 2, **workers)
    before = threading.active_count()
    for _ in loader:
        break
    assert not multiprocessing.active_children()
    assert numbers(loader) == [[i, i + 1] for i in range(0, 100, 2)]
    both = zip(loader, loader, strict=True)  # two rounds at once
    assert all(left.asnumpy().tolist() == right.asnumpy().tolist() for left, right in both)
    loader = DataLoader(list(range(100)), 2, auto_reload=True, **workers)
    loader.clean()
    loader.refresh()
    del loader, both
    assert not multiprocessing.active_children()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_reading_ahead() -> None:
    read: list[int] = []
    dataset = SimpleDataset(list(range(9))).transform(lambda number: read.append(number) or number)
    options: dict[str, Any] = {"batch_size": 1, "num_workers": 1, "thread_pool": True}
    loader = DataLoader(dataset, prefetch=2, **options)
    assert read == []
    eager = DataLoader(dataset, prefetch=3, auto_reload=True, **options)
    eager._ahead._threads.shutdown()  # pyright: ignore[reportOptionalMemberAccess,reportAttributeAccessIssue]
    assert read == [0, 1, 2]
    assert numbers(loader) == [[i] for i in range(9)]


def test_arrays_go_where_the_scope_says() -> None:
    with mx.cpu(1):
        for workers in ({}, WORKERS["threads"]):
            loader = DataLoader(SimpleDataset([0]).transform(lambda _: mx.nd.ones(2)), 1, **workers)
            assert next(iter(loader)).context == mx.cpu(1)
        assert next(iter(DataLoader([1], 1))).context == mx.cpu(1)
    loader = DataLoader(ArrayDataset([1], ["a"]), 1, batchify_fn=lambda pairs: (mx.nd.ones(1), "a"), pin_memory=True)
    array, text = next(iter(loader))
    assert (array.context, text) == (mx.cpu_pinned(0), "a")


@each_way
def test_while_recording(workers: dict[str, Any]) -> None:
    weight = mx.nd.ones((2,))
    weight.attach_grad()
    with mx.autograd.record():
        (batch,) = DataLoader([weight, weight], 2, **workers)
        loss = (batch * batch).sum()
    if not workers:
        loss.backward()
        assert weight.grad is not None
        assert weight.grad.asnumpy().tolist() == [4, 4]
    assert batch.shape == (2, 2)


def test_sequences_of_several_lengths() -> None:
    sequences = [np.arange(length, dtype=np.float32) for length in (3, 1, 2)]
    with pytest.raises(ShapeError, match=r"expected samples of one shape, got .*batchify\.Pad takes"):
        next(iter(DataLoader(sequences, 3)))
    with pytest.raises(ShapeError, match=r"got shapes \(1,\), \(2,\), \(3,\)"):
        next(iter(DataLoader([mx.nd.array(each) for each in sequences], 3)))
    ((padded, lengths),) = DataLoader(sequences, 3, batchify_fn=Pad(ret_length=True), num_workers=1)
    assert padded.asnumpy().tolist() == [[0, 1, 2], [0, 0, 0], [0, 1, 0]]
    assert lengths.asnumpy().tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "batch_size: expected a positive whole number, or a batch_sampler; got neither"),
        ({"batch_size": 2, "sampler": SequentialSampler(2), "shuffle": True}, "expected one of shuffle and sampler"),
        (
            {"batch_size": 2, "batch_sampler": BatchSampler([0], 1)},
            "expected no batch_size, shuffle, sampler or last_b",
        ),
        ({"batch_size": 2, "timeout": 0}, "timeout: expected a positive number of seconds, got 0"),
        ({"batch_size": 2, "prefetch": -1}, "prefetch: expected a whole number of at least 0, got -1"),
    ],
)
def test_arguments_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        DataLoader([1, 2], **options)


def test_refused() -> None:
    with pytest.raises(NotSupportedError, match="try_nopython"):
        DataLoader([1], 1, try_nopython=True)
    assert numbers(DataLoader([1], 1, try_nopython=False, num_workers=-1)) == [[1]]
