"""NDArray: making, converting, copying, arithmetic, and the functions of ``nd``; against real MXNet and NumPy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, ShapeError

DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")


@pytest.fixture
def x() -> mx.nd.NDArray:
    return mx.nd.array(np.arange(24).reshape(2, 3, 4))


# What real MXNet answers, we answer: expressions in `x`, a float32 array of shape (2, 3, 4), and `i`, an int32 one.
EXPRESSIONS = """
x + 1; 1 + x; x - 1; 1 - x; x * 2; 2 * x; x / 2; 2 / (x + 1); x % 5; 5 % (x + 1); x ** 2; 2 ** (x / 8); -x
abs(x - 5); x == 3; x != 3; x > 3; x >= 3; x < 3; x <= 3; 3 < x; x == x; x + x; x - x[0]; x[0] * x; x / (x + 1)
x % (x + 1); x + True; x + np.float32(1); np.float32(1) - x; np.int64(3) * x; x > x[0]; x[0] <= x; i + 1; i + 1.5
1.5 - i; i * 2.7; i / 2; 5 / (i + 1); i % 2; i ** 2; i == 1; i > 1.5; -i; i + i; i / (i + 1); abs(i - 2)
i.mean(); i.sum(); i.norm(); i.exp(); i.sqrt(); i.clip(1.5, 3.5); i.max(axis=0); i.argmax(axis=0); i.sigmoid()
x.T; x.shape; x.size; x.ndim; x.stype; len(x); x[0, 0, 1].asscalar(); bool(x[0, 0, 1]); bool(mx.nd.array([0]))
x.astype("int32"); x.astype(np.float16); x.astype("float64"); x.copy(); x.detach(); repr(x); repr(x[0, 0])
repr(i); x.reshape((4, 6)); x.reshape(4, 6); x.reshape(-1); x.reshape((0, -1)); x.reshape(shape=(4, -1))
x.reshape((-3, 0)); x.reshape((-1, 0), reverse=True); x.reshape_like(mx.nd.zeros((6, 4))); x.flatten()
x.expand_dims(0); x.expand_dims(axis=1); x.transpose(); x.transpose((1, 0, 2)); x.transpose(axes=(2, 0, 1))
x.swapaxes(0, 1); x.squeeze(); x.flip(axis=0); x.sum(); x.sum(axis=1); x.sum(1); x.mean(axis=(0, 1)); x.max()
x.min(axis=2); x.prod(); x.norm(); x.argmax(axis=1); x.argmin(); x.split(num_outputs=2, axis=0); x.split(3)
x.slice_axis(axis=1, begin=0, end=2); x.take(mx.nd.array([0])); x.clip(1, 3); x.abs(); x.sqrt(); x.square()
x.sign(); x.floor(); x.ceil(); (x / 9).exp(); (x + 1).log(); x.relu(); x.sigmoid(); x.tanh(); x.softmax()
x.log_softmax(axis=0); x.one_hot(3); x.pick(mx.nd.array([[0, 1, 0], [1, 1, 1]])); x.tile((2, 1, 1)); x.repeat(2)
x.repeat(repeats=2, axis=0); x.broadcast_to((2, 3, 4)); x.broadcast_like(x); x.zeros_like(); x.ones_like()
(x - 9).rsqrt(); mx.nd.concat(x, x, dim=1); mx.nd.Concat(*[x, x], dim=0); mx.nd.stack(x, x)
mx.nd.concatenate([x, x], axis=1); mx.nd.concatenate([x], always_copy=False); mx.nd.moveaxis(x, 0, 2)
mx.nd.moveaxis(x, [0, 1], [1, 2]); mx.nd.moveaxis(x, -1, 0); mx.nd.add_n(x, x, x); mx.nd.split(x, 2, axis=0)
mx.nd.SliceChannel(x, num_outputs=3, axis=1, squeeze_axis=True); mx.nd.dot(x[0], x[0].T)
mx.nd.dot(x, mx.nd.ones((4, 2))); mx.nd.batch_dot(x, x, transpose_b=True); mx.nd.sum(x, (0, 1))
mx.nd.Activation(x - 5, "relu"); mx.nd.softmax(x, axis=0); mx.nd.sum(x, 1); mx.nd.Reshape(x, (6, 4))
mx.nd.clip(x, 2, 3); mx.nd.FullyConnected(x, mx.nd.ones((5, 12)), mx.nd.ones(5), num_hidden=5)
mx.nd.relu(x, name="ignored"); mx.nd.FullyConnected(x, mx.nd.ones((5, 12)), None, num_hidden=5, no_bias=True)
mx.nd.FullyConnected(data=x, weight=mx.nd.ones((5, 12)), bias=mx.nd.ones(5), num_hidden=5)
mx.nd.FullyConnected(x, bias=mx.nd.ones(5), weight=mx.nd.ones((5, 12)), num_hidden=5); mx.nd.zeros(3)
mx.nd.zeros((2, 3), dtype="int32"); mx.nd.zeros(shape=(2, 3)); mx.nd.ones((2,), dtype=np.float64)
mx.nd.full((2, 3), 7); mx.nd.full((2,), 7, dtype="int32"); mx.nd.zeros((2, 3), dtype=None); mx.nd.ones(shape=2)
mx.nd.arange(5); mx.nd.arange(1, 5, 2); mx.nd.arange(0, 1, 0.25); mx.nd.arange(3, repeat=2)
mx.nd.arange(5, 0, -1); mx.nd.arange(5, dtype="int32"); mx.nd.array([1, 2])
mx.nd.array([[1, 2], [3, 4]], dtype="int8"); mx.nd.array(np.arange(3)); mx.nd.array(np.arange(3, dtype="f8"))
mx.nd.array(np.arange(3, dtype="i4")); mx.nd.array(i); mx.nd.array([True, False])
mx.nd.array([1.5, 2], dtype="int32"); mx.nd.array([300], dtype="uint8"); mx.nd.array([2**40], dtype="int64")
list(x)[1]; mx.nd.array([5, -5]) % 3; mx.nd.array([5, -5]) % -3; mx.nd.array([5, -5], dtype="int32") % 3
5 % mx.nd.array([3, -3]); mx.nd.array([7, -7], dtype="int32") / 2; mx.nd.array([4, 9]) ** 0.5
mx.nd.array([0, 1]) / 0; mx.nd.array([0, 1]) % 0; mx.nd.broadcast_add(mx.nd.ones((2, 3)), mx.nd.ones((3,)))
mx.nd.SequenceMask(x); mx.nd.Dropout(x); mx.nd.waitall()
"""

PLAIN = """
def plain(value):
    if isinstance(value, mx.nd.NDArray):
        return [np.dtype(value.dtype).name, value.asnumpy()]
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return [type(value).__name__, value.item()] if isinstance(value, np.generic) else value
x = mx.nd.array(np.arange(24).reshape(2, 3, 4))
i = mx.nd.array([1, 2, 3], dtype="int32")
answers = [plain(eval(text)) for text in texts]
"""


def _same(ours: Any, theirs: Any, what: str) -> None:
    if isinstance(theirs, np.ndarray):
        assert_close(ours, theirs, 1e-5, what)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), what
        for our, their in zip(ours, theirs, strict=True):
            _same(our, their, what)
    else:
        assert ours == theirs, what


def test_expressions(oracle: Oracle) -> None:
    texts = [text.strip() for text in EXPRESSIONS.replace("\n", ";").split(";") if text.strip()]
    theirs = oracle.build(PLAIN, ["answers"], {"texts": texts})["answers"]
    scope: dict[str, Any] = {"mx": mx, "np": np, "texts": texts}
    exec(PLAIN, scope)
    for text, our, their in zip(texts, scope["answers"], theirs, strict=True):
        _same(our, their, text)


class TestMaking:
    """From and to other worlds."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_types(self, dtype: str) -> None:
        values = np.array([[0, 1], [1, 0]], dtype)
        array = mx.nd.array(values, dtype=dtype)
        assert array.dtype == values.dtype.type
        assert array.asnumpy().dtype == values.dtype
        assert (array.asnumpy() == values).all()
        assert mx.nd.zeros((2, 2), dtype=values.dtype).dtype == values.dtype.type
        assert mx.nd.array([0, 1]).astype(dtype).dtype == values.dtype.type

    def test_bfloat16(self) -> None:
        array = mx.nd.array([1.5, 2], dtype="bfloat16")
        assert array.dtype == "bfloat16"
        assert array.tensor.dtype == torch.bfloat16
        assert array.asnumpy().tolist() == [1.5, 2]
        assert array.asnumpy().dtype == np.float32

    def test_torch_shares_memory_and_gradients(self) -> None:
        tensor = torch.ones(3, requires_grad=True)
        array = mx.nd.from_torch(tensor)
        with mx.autograd.record():
            total = (array * 2).sum()
        total.tensor.backward()
        assert tensor.grad is not None
        assert tensor.grad.tolist() == [2, 2, 2]
        plain = torch.zeros(2)
        mx.nd.from_torch(plain)[:] = 5
        assert plain.tolist() == [5, 5]
        assert mx.nd.zeros(2).tensor.shape == (2,)

    def test_numpy_shares_memory_if_asked(self) -> None:
        values = np.zeros(2, np.float32)
        mx.nd.from_numpy(values)[:] = 1
        assert values.tolist() == [1, 1]
        mx.nd.from_numpy(values, zero_copy=False)[:] = 2
        assert values.tolist() == [1, 1]
        mx.nd.array(values)[:] = 3
        assert values.tolist() == [1, 1]

    def test_what_is_handed_out_is_a_copy(self, x: mx.nd.NDArray) -> None:
        values = x.asnumpy()
        values[:] = -1
        assert x.asnumpy().min() == 0
        assert np.asarray(x).shape == (2, 3, 4)
        assert np.asarray(x, dtype="int32").dtype == np.int32

    def test_dlpack(self, x: mx.nd.NDArray) -> None:
        tensor = torch.from_dlpack(x)
        tensor[0, 0, 0] = 99
        assert x[0, 0, 0].asscalar() == 99

    def test_scalars_have_an_axis(self) -> None:
        assert mx.nd.array(5).shape == (1,)
        assert mx.nd.ones((2, 3)).sum().shape == (1,)
        assert mx.nd.ones((2, 3))[0, 0].shape == (1,)
        assert mx.nd.ones((1, 1)).squeeze().shape == (1,)

    def test_empty_arrays(self) -> None:
        empty = mx.nd.zeros((0, 3))
        assert (empty + 1).shape == (0, 3)
        assert not empty
        assert mx.nd.empty((2, 3)).shape == (2, 3)

    @pytest.mark.parametrize("source", [[[1, 2], [3]], "text", [object()]])
    def test_sources_that_are_no_arrays(self, source: Any) -> None:
        with pytest.raises(ArgumentError, match="not a regular array of numbers"):
            mx.nd.array(source)

    def test_contexts(self, x: mx.nd.NDArray) -> None:
        assert x.context == x.ctx == mx.cpu(0)
        assert x.as_in_context(mx.cpu(0)) is x
        other = x.as_in_context(mx.cpu(1))
        assert other.context == mx.cpu(1)
        assert (other + 1).context == mx.cpu(1)
        assert mx.nd.zeros(2, ctx=mx.cpu(2)).context == mx.cpu(2)
        with mx.cpu(3):
            assert mx.nd.array([1]).context == mx.cpu(3)
            assert mx.nd.zeros(1).context == mx.nd.uniform(shape=1).context == mx.cpu(3)
        assert x.copyto(mx.cpu(1)).context == mx.cpu(1)

    def test_the_same_number_again(self) -> None:
        one = mx.nd.array([2], dtype="int32")
        assert list(range(3))[one] == 2
        assert int(one) == 2
        assert float(one) == 2.0
        for array in (mx.nd.array([2.0]), mx.nd.array([1, 2], dtype="int32")):
            with pytest.raises(TypeError, match="only an integer array of one element"):
                range(array)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def test_objections_to_many_elements(self, x: mx.nd.NDArray) -> None:
        with pytest.raises(ValueError, match=r"asscalar: expected one element, got shape \(2, 3, 4\)"):
            x.asscalar()
        with pytest.raises(ValueError, match="ambiguous; it has 24 elements"):
            bool(x)

    def test_only_tensors_are_wrapped(self) -> None:
        with pytest.raises(ArgumentError, match=r"expected a torch tensor, got ndarray; nd\.array converts"):
            mx.nd.NDArray(np.ones(2))  # pyright: ignore[reportArgumentType]


class TestCopies:
    """Who shares memory with whom."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: x.reshape((4, 6)),
            lambda x: x.detach(),
            lambda x: x[0],
            lambda x: x[1:],
            lambda x: x[0, 1:3],
            lambda x: x[...],
            lambda x: x[:, :, :],
            lambda x: x.astype("float32", copy=False),
        ],
    )
    def test_the_same_memory(self, x: mx.nd.NDArray, make: Any) -> None:
        make(x)[:] = -1
        assert (x.asnumpy() == -1).any()

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: x.copy(),
            lambda x: copy.copy(x).copy(),
            copy.deepcopy,
            lambda x: x.astype("float32"),
            lambda x: x.T,
            lambda x: x[:, 1],
            lambda x: x[:, 1:],
            lambda x: x[::-1],
            lambda x: x[[0, 1]],
            lambda x: x.flatten(),
            lambda x: x.expand_dims(0),
            lambda x: x.squeeze(),
            lambda x: x.swapaxes(0, 1),
            lambda x: x.slice_axis(axis=0, begin=0, end=1),
            lambda x: x.reshape_like(x),
            lambda x: x.broadcast_to((2, 3, 4)),
            lambda x: x.split(2, axis=0)[0],
            lambda x: x.clip(-99, 99),
            lambda x: mx.nd.reshape(x, (4, 6)),
            lambda x: mx.nd.identity(x),
            lambda x: mx.nd.BlockGrad(x),
            lambda x: mx.nd.Dropout(x),
            lambda x: mx.nd.SequenceMask(x),
            lambda x: mx.nd.SequenceLast(x),
            lambda x: mx.nd.Cast(x, dtype="float32"),
            lambda x: mx.nd.make_loss(x),
            lambda x: mx.nd.add_n(x),
            lambda x: mx.nd.concat(x, dim=0),
            lambda x: mx.nd.array(x),
            lambda x: x.as_in_context(mx.cpu(1)),
        ],
    )
    def test_memory_of_their_own(self, x: mx.nd.NDArray, make: Any) -> None:
        made = make(x)
        made[:] = -1
        assert (x.asnumpy() >= 0).all()
        assert made.tensor.is_contiguous()

    def test_parts_do_not_share(self) -> None:
        first, second = mx.nd.zeros((2, 2)).split(2)
        first[:] = 1
        assert second.asnumpy().max() == 0

    def test_copyto(self, x: mx.nd.NDArray) -> None:
        target = mx.nd.zeros((2, 3, 4), dtype="int32")
        assert x.copyto(target) is target
        assert target.dtype == np.int32
        assert (target.asnumpy() == x.asnumpy()).all()
        with pytest.raises(ShapeError, match=r"copyto: expected a target of shape \(2, 3, 4\), got \(4, 6\)"):
            x.copyto(mx.nd.zeros((4, 6)))

    def test_out(self, x: mx.nd.NDArray) -> None:
        target = mx.nd.zeros((2, 3, 4))
        assert mx.nd.relu(x - 5, out=target) is target
        assert target.asnumpy().max() == 18
        mx.nd.elemwise_add(x, x, out=x)
        assert x.asnumpy().max() == 46
        mx.nd.full((2, 3, 4), 7, out=target)
        assert target.asnumpy().min() == 7
        parts = [mx.nd.zeros((2, 1, 4)) for _ in range(3)]
        assert mx.nd.split(x, 3, out=parts) is parts
        assert (parts[1] == x[:, 1:2]).asnumpy().all()

    def test_in_place(self, x: mx.nd.NDArray) -> None:
        before, tensor = x, x.tensor
        expected = x.asnumpy()
        x += 2
        x -= 1
        x *= 3
        x /= 2
        x %= 7
        assert x is before
        assert x.tensor is tensor
        assert np.allclose(x.asnumpy(), (expected + 1) * 3 / 2 % 7)

    def test_pickling(self, x: mx.nd.NDArray) -> None:
        loaded = pickle.loads(pickle.dumps(x.as_in_context(mx.cpu(1))))
        assert loaded.context == mx.cpu(1)
        assert (loaded.asnumpy() == x.asnumpy()).all()
        x.attach_grad()
        assert (pickle.loads(pickle.dumps(x)).asnumpy() == x.asnumpy()).all()


class TestObjections:
    """What makes no sense is said, with the operator's name."""

    def test_other_types(self, x: mx.nd.NDArray) -> None:
        others: list[Any] = ["text", None, [1, 2], object()]
        for other in others:
            with pytest.raises(TypeError):
                _ = x + other
            with pytest.raises(TypeError):
                _ = other - x
        assert x != None  # noqa: E711 - this is what is tested
        assert not (x == None)  # noqa: E711, SIM201

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: mx.nd.relu("text"), "relu: input 0: expected an NDArray, got str"),
            (lambda x: mx.nd.relu(), "relu: input data is missing"),
            (lambda x: mx.nd.relu(x, x), "relu: too many arguments: 2"),
            (lambda x: mx.nd.FullyConnected(x, num_hidden=2), "FullyConnected: input weight is missing"),
            (
                lambda x: mx.nd.FullyConnected(x, x, x, num_hidden=2, no_bias=True),
                r"FullyConnected takes 2 inputs \(data, weight\), got 3",
            ),
            (
                lambda x: mx.nd.FullyConnected(x, x, bias=x, num_hidden=2, no_bias=True),
                "FullyConnected: input bias is not used with these attributes; it has: data, weight",
            ),
            (
                lambda x: mx.nd.FullyConnected(x, mx.nd.ones((4, 12)), mx.nd.ones(4), num_hidden=3),
                r"weight: expected shape \(3, 12\) for data of shape \(2, 12\), got \(4, 12\)",
            ),
            (
                lambda x: mx.nd.Embedding(x, mx.nd.ones((4, 12)), input_dim=4, output_dim=3),
                r"Embedding: weight: expected shape \(4, 3\), got \(4, 12\)",
            ),
            (
                lambda x: mx.nd.elemwise_add(x, x[0]),
                r"elemwise_add: expected equal shapes, got \(2, 3, 4\) and \(3, 4\)",
            ),
            (lambda x: x + mx.nd.ones(5), r"broadcast_add failed on inputs of shapes \(2, 3, 4\), \(5,\): "),
            (lambda x: mx.nd.sum(x, axis=3), "sum: attribute axis: expected an axis from -3 to 2"),
            (
                lambda x: mx.nd.take(x, mx.nd.array([2]), mode="raise"),
                "take: expected indices from 0 to 1 for axis 0, got 2",
            ),
            (lambda x: mx.nd.take(x, x, axis=3), r"take: attribute axis: 3 is outside"),
            (lambda x: mx.nd.pick(x, x, axis=None), "pick: attribute axis: expected one of an array"),
            (
                lambda x: mx.nd.slice_axis(x, axis=0, begin=1, end=3),
                "slice_axis: begin 1 and end 3 do not fit axis 0 of size 2",
            ),
            (lambda x: mx.nd.split(x, 4), r"SliceChannel: axis 1 of shape \(2, 3, 4\) does not split into 4"),
            (lambda x: mx.nd.split(x, 1, squeeze_axis=True), "squeeze_axis needs parts of size 1, got 3"),
            (lambda x: mx.nd.norm(x, ord=3), "norm: attribute ord: expected 1 or 2; got 3"),
            (lambda x: mx.nd.dot(x, x), "dot: expected axis 2 of lhs and axis 0 of rhs to be of one size"),
            (lambda x: mx.nd.dot(x, x.T, forward_stype="csr"), "only dense results are made; got 'csr'"),
            (lambda x: mx.nd.broadcast_to(x, shape=(4, 3, 4)), r"broadcast_to: \(2, 3, 4\) cannot become \(4, 3, 4\)"),
            (lambda x: mx.nd.broadcast_to(x, shape=(2, 2, 3, 4)), "cannot become"),
            (lambda x: mx.nd.broadcast_like(x, x, lhs_axes=(0,)), "lhs_axes and rhs_axes go in pairs"),
            (lambda x: mx.nd.log_softmax(x, use_length=True), "log_softmax: attribute use_length"),
            (lambda x: mx.nd.squeeze(x, axis=0), r"squeeze: axis 0 of shape \(2, 3, 4\) is not 1"),
            (lambda x: x.transpose((0, 1)), "transpose: attribute axes: expected each of 3 axes once"),
        ],
    )
    def test_calls(self, x: mx.nd.NDArray, call: Any, message: str) -> None:
        with pytest.raises(MXNetError, match=message):
            call(x)

    def test_no_such_method(self, x: mx.nd.NDArray) -> None:
        for name in ("nonsense", "_plus_scalar", "uniform", "random_gamma", "random_randint", "sample_normal"):
            with pytest.raises(AttributeError, match=f"'NDArray' object has no attribute '{name}'"):
                getattr(x, name)

    def test_no_such_device(self) -> None:
        with pytest.raises(ArgumentError, match="device_type: expected one of cpu, gpu"):
            mx.Context("tpu")


def test_functions_describe_themselves() -> None:
    assert mx.nd.FullyConnected.__name__ == "FullyConnected"
    text = mx.nd.FullyConnected.__doc__
    assert text is not None
    assert "num_hidden : an integer" in text
    assert "weight : array" in text
    assert mx.nd.concat.__doc__ is not None
    assert "*data : array" in mx.nd.concat.__doc__
