"""mx.contrib: DataLoaderIter, and names that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError
from same_script import run_here

SCRIPT = """
data = mx.gluon.data
dataset = data.ArrayDataset(mx.nd.array(table), mx.nd.array(labels))
batches = mx.contrib.io.DataLoaderIter(data.DataLoader(dataset, 2, last_batch=last), "x", "y")
found = [str(desc) for desc in batches.provide_data + batches.provide_label] + [batches.batch_size]
for round in range(2):
    for batch in batches:
        size = 2 - batch.pad
        found.append([batch.data[0][:size], batch.label[0][:size], batch.data[0].shape, batch.pad])
    batches.reset()
"""


@pytest.mark.parametrize("last", ["keep", "discard"])
def test_batches_for_modules(oracle: Oracle, last: str) -> None:
    table, labels = np.random.randn(5, 3).astype(np.float32), np.arange(5, dtype=np.float32)
    inputs = {"table": table, "labels": labels, "last": last}
    ours, theirs = run_here(SCRIPT, ["found"], inputs), oracle.build(SCRIPT, ["found"], inputs=inputs)
    np.testing.assert_equal(ours, theirs)


def test_element_type_and_filling() -> None:
    pairs = [(mx.nd.ones((2, 1)), mx.nd.ones((2,))), (mx.nd.ones((1, 1)), mx.nd.ones((1,)))]
    *_, last = mx.contrib.io.DataLoaderIter(pairs, dtype="float16")
    assert [array.dtype for array in (*last.data, *last.label)] == [np.float16] * 2
    assert last.data[0].asnumpy().tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [([], "got no batch"), ([mx.nd.ones((2,))], "expected batches of two arrays, data and label; got NDArray")],
)
def test_loaders_that_do_not_fit(pairs: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mx.contrib.io.DataLoaderIter(pairs)


def test_a_batch_that_is_larger_than_the_first() -> None:
    batches = mx.contrib.io.DataLoaderIter([(mx.nd.ones((size, 1)), mx.nd.ones((size,))) for size in (1, 2)])
    with pytest.raises(ArgumentError, match="expected batches of at most 1 examples, got 2"):
        list(batches)


def test_operators() -> None:
    assert mx.contrib.nd is mx.nd.contrib
    assert mx.contrib.symbol is mx.sym.contrib


REFUSED = [
    (module, name)
    for module in ("amp", "onnx", "quantization", "tensorboard")
    for name, value in vars(getattr(mx.contrib, module)).items()
    if callable(value) and not name.startswith("_") and name != "refused"
]


@pytest.mark.parametrize(("module", "name"), REFUSED)
def test_refused(module: str, name: str) -> None:
    function = getattr(getattr(mx.contrib, module), name)
    with pytest.raises(NotSupportedError, match=f"mx.contrib.{module}.{name} is not part of rennet: .+"):
        function(1, some="argument")
