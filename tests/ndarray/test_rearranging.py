"""What ``nd`` has beside the operators, against real MXNet: splitting, moving axes, ranges, sparse names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError

# Expressions in `x`, an array of shape (4, 3, 1), that both libraries answer alike; those of one row are of one array.
EXPRESSIONS = """
mx.nd.split_v2(x, 2); mx.nd.split_v2(x, 1); mx.nd.split_v2(x, (1, 3)); mx.nd.split_v2(x, (1,), axis=1)
mx.nd.split_v2(x, 3, axis=-2, squeeze_axis=True); mx.nd.split_v2(x, 4, squeeze_axis=True); x.split_v2(2)
mx.nd.split_v2(x, (2,), axis=-2); mx.nd.linspace(0, 1, 5); mx.nd.linspace(2, -3, 4, endpoint=False)
mx.nd.linspace(0, 10, 3, dtype="int32"); mx.nd.moveaxis(x, 0, 2); mx.nd.moveaxis(x, (0, 2), (1, 0))
mx.nd.moveaxis(x, -1, -3); mx.nd.concatenate([x, x], axis=1); x.as_nd_ndarray(); x.tostype("default")
x.slice(begin=(1, 0), end=(3, 2)); x.slice(begin=(3, None), end=(0, None), step=(-2, 1)); x.topk(k=2, axis=0)
x.topk(axis=1, k=1, ret_typ="value"); x.one_hot(12); x.pick(mx.nd.zeros((4, 1)), axis=1); x.flip(1); x.norm(axis=0)
x.expand_dims(-1); x.squeeze(); x.squeeze(axis=2); x.repeat(2, axis=1); x.tile((2, 1)); x.take(mx.nd.array([3, -1]))
x.take(mx.nd.array([1, 7]), axis=1, mode="wrap"); x.copyto(mx.cpu(1)); x.as_in_context(mx.cpu(0)); x.astype("int64")
x.sort(axis=0, is_ascend=False); x.argsort(axis=0); x.argmax(axis=1); x.broadcast_axes(axis=2, size=3); x.swapaxes(0, 2)
mx.nd.add_n(x, x); np.float32(2) * x; np.float64(2.5) - x; np.int32(3) > x; x ** np.float32(2); x == np.float64(3)
mx.nd.sparse.dot(x[0], x[0].T); mx.nd.sparse.Embedding(mx.nd.array([1, 2]), x[:, :, 0], input_dim=4, output_dim=3)
mx.nd.sparse.add_n(x, x); mx.nd.sparse.square(x); mx.nd.linalg.gemm2(x[0], x[0].T); mx.nd.op.relu(x - 5)
"""
RUN = """
x = mx.nd.array(np.arange(12).reshape(4, 3, 1)[:, ::-1])
def plain(value):
    return [each.asnumpy() for each in (value if isinstance(value, (list, tuple)) else [value])]
answers = [plain(eval(text)) for text in texts]
"""


def test_expressions(oracle: Oracle) -> None:
    texts = [text.strip() for text in EXPRESSIONS.replace("\n", ";").split(";") if text.strip()]
    theirs = oracle.build(RUN, ["answers"], {"texts": texts})["answers"]
    scope: dict[str, Any] = {"mx": mx, "np": np, "texts": texts}
    exec(RUN, scope)
    for text, our, their in zip(texts, scope["answers"], theirs, strict=True):
        assert len(our) == len(their), text
        for a, b in zip(our, their, strict=True):
            assert a.dtype == b.dtype, text
            assert_close(a, b, 1e-6, text)


def test_gradients_of_parts() -> None:
    x = mx.nd.arange(5)
    x.attach_grad()
    with mx.autograd.record():
        first, second, third = mx.nd.split_v2(x, (1, 3))
        y = first * 2 + (second * 3).sum() + (third * third).sum()
    y.backward()
    assert x.grad is not None
    assert x.grad.asnumpy().tolist() == [2, 3, 3, 6, 8]


def test_parts_do_not_share() -> None:
    x = mx.nd.zeros(4)
    for part in mx.nd.split_v2(x, 2):
        part[:] = 1
    assert x.asnumpy().max() == 0


NUMBERS: Any = [1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mx.nd.split_v2(x, 3), "split_v2: axis 0 of size 4 does not split into 3 equal parts"),
        (
            lambda x: mx.nd.split_v2(x, NUMBERS),
            r"split_v2: indices_or_sections: expected .* got \[1\]",
        ),
        (lambda x: mx.nd.split_v2(x, 2, axis=2), "split_v2: axis: expected axes of an array"),
        (lambda x: mx.nd.moveaxis(x, 0, 2), "moveaxis: destination: expected axes of an array of shape"),
        (lambda x: mx.nd.moveaxis(x, (0, 1), 0), "moveaxis: expected as many sources as destinations, got 2 and 1"),
        (lambda x: mx.nd.moveaxis(x, (0, 0), (0, 1)), "moveaxis: source: expected different axes"),
        (lambda x: x.copyto(3), "copyto: expected an NDArray or a Context, got int"),
        (lambda x: x.as_in_context("cpu"), "as_in_context: expected a Context"),
        (lambda x: x.tostype("text"), "tostype: expected 'default', got 'text'"),
    ],
)
def test_objections(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call(mx.nd.zeros((4, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mx.nd.imdecode(b""), r"nd\.imdecode: there is no decoder of images"),
        (lambda x: x.tostype("csr"), "tostype: there are no sparse arrays, so none of type 'csr'"),
        (lambda x: x.as_np_ndarray(), r"as_np_ndarray: there is no mx\.np"),
        (lambda x: mx.nd.sparse.csr_matrix((2, 3)), r"nd\.sparse\.csr_matrix: .* make a dense one with nd\.array"),
        (lambda x: mx.nd.sparse.row_sparse_array((2, 3)), r"nd\.sparse\.row_sparse_array: .* x = nd\.zeros"),
        (lambda x: mx.nd.sparse.array([1]), r"nd\.sparse\.array: there are no sparse arrays"),
        (lambda x: mx.nd.sparse.zeros("csr", (2, 3)), r"nd\.sparse\.zeros: .* nd\.zeros"),
        (lambda x: mx.nd.sparse.empty("csr", (2, 3)), r"nd\.sparse\.empty: .* nd\.empty"),
        (lambda x: mx.nd.sparse.retain(x, x), r"nd\.sparse\.retain: .* nd\.take"),
        (lambda x: mx.nd.sparse.CSRNDArray(x), r"nd\.sparse\.CSRNDArray: there are no sparse arrays"),
        (lambda x: mx.nd.sparse.RowSparseNDArray(), r"nd\.sparse\.RowSparseNDArray: there are no sparse arrays"),
    ],
)
def test_what_there_is_not(call: Any, message: str) -> None:
    with pytest.raises(NotSupportedError, match=message):
        call(mx.nd.zeros((4, 2)))


def test_no_array_is_sparse() -> None:
    x = mx.nd.zeros(2)
    assert x.stype == "default"
    assert not isinstance(x, mx.nd.sparse.BaseSparseNDArray)
    assert issubclass(mx.nd.sparse.CSRNDArray, mx.nd.sparse.BaseSparseNDArray)
