"""Batches and iterators."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet import io
from rennet.base import ArgumentError, ShapeError
from rennet.io import DataBatch, DataDesc, DataIter, NDArrayIter


def test_a_description_is_a_pair() -> None:
    desc = DataDesc("data", (2, 3), dtype="int32", layout="NT")
    name, shape = desc
    assert (name, shape, desc.dtype, desc.layout) == ("data", (2, 3), "int32", "NT")
    assert desc == ("data", (2, 3))
    assert repr(DataDesc("x", (1,))) == "DataDesc[x,(1,),<class 'numpy.float32'>,NCHW]"
    for again in (copy.deepcopy(desc), pickle.loads(pickle.dumps(desc))):
        assert (again, again.dtype, again.layout) == (desc, "int32", "NT")


def test_batch_axis() -> None:
    assert [DataDesc.get_batch_axis(layout) for layout in ("NTC", "TNC", None, "TC")] == [0, 1, 0, -1]


def test_descriptions_from_pairs() -> None:
    (with_type,) = DataDesc.get_list([("x", (1,))], [("x", np.int32)])
    (without,) = DataDesc.get_list([("x", (1,))], None)
    assert (with_type.dtype, without.dtype) == (np.int32, np.float32)


def test_a_batch() -> None:
    batch = DataBatch([mx.nd.zeros((2, 3))], [mx.nd.zeros((2,))], bucket_key=7)
    assert str(batch) == "DataBatch: data shapes: [(2, 3)] label shapes: [(2,)]"
    assert (batch.bucket_key, batch.pad, batch.index) == (7, None, None)
    assert str(DataBatch([])) == "DataBatch: data shapes: [] label shapes: None"
    for given_data, label in ((mx.nd.zeros((2,)), None), ([], mx.nd.zeros((2,)))):
        with pytest.raises(ArgumentError, match="expected a list of NDArrays, got NDArray"):
            DataBatch(given_data, label)  # pyright: ignore[reportArgumentType]


def test_an_iterator_of_ones_own() -> None:
    class Two(DataIter):
        left = 2

        def iter_next(self) -> bool:
            self.left -= 1
            return self.left >= 0

        def getdata(self) -> Any:
            return [mx.nd.ones((1,)) * self.left]

    assert [batch.data[0].asscalar() for batch in Two(batch_size=1)] == [1.0, 0.0]
    with pytest.raises(NotImplementedError, match="expected next, or iter_next"):
        DataIter().next()


ITERATE = """
found = []
np.random.seed(3)
batches = mx.io.NDArrayIter(data, label, **options)
found.append([str(desc) for desc in batches.provide_data + batches.provide_label])
for round in range(3):
    for batch in batches:
        arrays = [array.asnumpy() for array in batch.data + batch.label]
        found.append(([array.tolist() for array in arrays], batch.pad))
    found.append("end")
    batches.hard_reset() if round == 1 and hard else batches.reset()
"""


@settings(max_examples=60)
@given(
    count=st.integers(1, 9),
    batch_size=st.integers(1, 5),
    handle=st.sampled_from(["pad", "discard", "roll_over"]),
    shuffle=st.booleans(),
    layout=st.sampled_from(["NT", "TN"]),
    hard=st.booleans(),
)
def test_equal_to_mxnet(oracle: Oracle, count, batch_size, handle, shuffle, layout, hard) -> None:
    if layout == "TN":  # MXNet counts, permutes and repeats along axis 0, whatever the layout
        shuffle, batch_size = False, min(batch_size, count)
    if handle == "roll_over":  # MXNet fails on fewer examples than a batch
        batch_size = min(batch_size, count)
    length = count if layout == "TN" else 3
    shape = (count, length) if layout == "NT" else (length, count)
    data = {"b": np.arange(count * length, dtype=np.float32).reshape(shape), "a": np.ones(shape, np.float32)}
    label = -np.arange(count * length, dtype=np.float32).reshape(shape)
    options = {"batch_size": batch_size, "shuffle": shuffle, "last_batch_handle": handle, "layout": layout}
    given_ = {"data": data, "label": label, "options": options, "hard": hard and handle != "roll_over"}
    ours: dict[str, Any] = {"mx": type("mx", (), {"io": io}), "np": np, **given_}
    exec(ITERATE, ours)
    assert ours["found"] == oracle.build(ITERATE, ["found"], given_)["found"]


def test_shuffling_keeps_pairs_and_types() -> None:
    batches = NDArrayIter(mx.nd.array([1, 2, 3], dtype="int32"), np.array([10, 20, 30]), 3, shuffle=True)
    (batch,) = batches
    assert batch.data[0].dtype is np.int32
    np.testing.assert_array_equal(batch.data[0].asnumpy() * 10, batch.label[0].asnumpy())


def test_hard_reset_drops_what_was_left_over() -> None:
    batches = NDArrayIter(np.arange(3), batch_size=2, last_batch_handle="roll_over")
    assert [batch.data[0].asnumpy().tolist() for batch in batches] == [[0, 1]]
    batches.hard_reset()
    assert [batch.data[0].asnumpy().tolist() for batch in batches] == [[0, 1]]


def test_left_over_through_several_rounds() -> None:
    batches = NDArrayIter(np.arange(2), batch_size=5, last_batch_handle="roll_over")
    seen = []
    for _ in range(5):
        seen += [batch.data[0].asnumpy().tolist() for batch in batches]
        batches.reset()
    assert seen == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]]


def test_batches_are_copies() -> None:
    source = mx.nd.zeros((2,))
    next(NDArrayIter(source, batch_size=2)).data[0][:] = 1
    assert source.asnumpy().tolist() == [0, 0]


def test_a_batch_size_of_numpys() -> None:
    assert [batch.pad for batch in NDArrayIter(np.ones(3), batch_size=np.int64(2))] == [0, 1]  # pyright: ignore


def test_a_description_without_a_type() -> None:
    with pytest.raises(ArgumentError, match=r"DataDesc.get_list: types: expected one for 'x', got \['y'\]"):
        DataDesc.get_list([("x", (1,))], [("y", np.int32)])


def test_names() -> None:
    batches = NDArrayIter([np.ones(2), torch.ones(2)], [np.ones(2)], label_name="y")
    assert [desc.name for desc in batches.provide_data + batches.provide_label] == ["_0_data", "_1_data", "y"]


WHOLE = "expected a whole number of at least 1"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": None}, ArgumentError, "data: expected an array"),
        ({"data": []}, ArgumentError, "data: expected at least one array"),
        ({"data": "text"}, ArgumentError, "data: expected an array, or a list or dict of arrays, got str"),
        ({"data": np.ones(3), "last_batch_handle": "x"}, ArgumentError, "expected one of discard, pad, roll_over"),
        ({"data": np.ones(3), "layout": "TC"}, ArgumentError, "layout: expected a text with N"),
        ({"data": np.ones(3), "layout": 3}, ArgumentError, "layout: expected a text, as 'NTC', got 3"),
        ({"data": {1: np.ones(3), "a": np.ones(3)}}, ArgumentError, "data: expected a dict of names to arrays, got 1"),
        ({"data": np.ones(3), "data_name": 3}, ArgumentError, "data_name: expected a name, got 3"),
        *(
            ({"data": np.ones(3), "batch_size": size}, ArgumentError, f"NDArrayIter: batch_size: {WHOLE}, got {shown}")
            for size, shown in ((0, "0"), (4.0, "4.0"), ("2", "'2'"), (None, "None"), (True, "True"), ([2], "list"))
        ),
        (
            {"data": np.ones(3), "label": np.ones(4)},
            ShapeError,
            "same number of examples.*'data': 3, 'softmax_label': 4",
        ),
        ({"data": np.ones(3), "layout": "TN"}, ShapeError, "expected an axis 1"),
        ({"data": np.ones((0, 3))}, ShapeError, "at least one example"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        NDArrayIter(**arguments)
