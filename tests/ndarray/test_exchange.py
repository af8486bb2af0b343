"""To and from torch, NumPy and DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack

import rennet as mx
from rennet.base import ArgumentError

DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_back(dtype: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    shared, copied = mx.nd.from_numpy(values), mx.nd.from_numpy(values, zero_copy=False)
    assert shared.dtype == copied.dtype == values.dtype.type
    values[0, 0] = 1
    assert shared[0, 0].asscalar() == 1
    assert copied[0, 0].asscalar() == 0
    shared[1, 1] = 1
    assert values[1, 1] == 1
    assert (shared.asnumpy() == values).all()


def test_numpy_in_other_orders() -> None:
    values = np.arange(6, dtype="f4").reshape(2, 3)
    frozen = values.copy()
    frozen.flags.writeable = False
    for view in (values.T, values[:, ::-1], values[:, 1:], frozen):
        with pytest.raises(ArgumentError, match=r"from_numpy: expected an array .* zero_copy=False copies any array"):
            mx.nd.from_numpy(view)
        assert (mx.nd.from_numpy(view, zero_copy=False).asnumpy() == view).all()
    assert mx.nd.from_numpy(np.array(3.0)).shape == (1,)


@pytest.mark.parametrize(
    "source", [np.ones(2, "u2"), np.ones(2, "c8"), np.array(["a"]), np.ones(2, ">f4"), [1, 2]], ids=str
)
def test_numpy_of_other_types(source: Any) -> None:
    with pytest.raises(ArgumentError, match="from_numpy: expected"):
        mx.nd.from_numpy(source)


def test_torch() -> None:
    tensor = torch.zeros(2, 3)
    array = mx.nd.from_torch(tensor)
    assert array.tensor is tensor
    assert mx.nd.from_torch(torch.tensor(3.0)).shape == (1,)
    turned = mx.nd.from_torch(torch.arange(6.0).reshape(2, 3).T)
    assert (turned + 1).asnumpy().tolist() == [[1, 4], [2, 5], [3, 6]]
    assert turned.reshape((2, 3)).asnumpy().tolist() == [[0, 3, 1], [4, 2, 5]]
    with pytest.raises(ArgumentError, match="dtype: expected one of"):
        mx.nd.from_torch(torch.ones(2, dtype=torch.complex64))
    numbers: list[Any] = [[1, 2]]
    with pytest.raises(ArgumentError, match="from_torch: expected a torch tensor, got list"):
        mx.nd.from_torch(*numbers)


@pytest.mark.parametrize("export", ["to_dlpack_for_read", "to_dlpack_for_write"])
def test_capsules(export: str) -> None:
    array = mx.nd.array([[1, 2], [3, 4]])
    array.attach_grad()
    for capsule in (getattr(array, export)(), getattr(mx.nd, export)(array)):
        other = mx.nd.from_dlpack(capsule)
        other[0, 0] += 1
        with pytest.raises(RuntimeError, match=r"once|consumed"):
            from_dlpack(capsule)
    assert array.asnumpy().tolist() == [[3, 2], [3, 4]]
    assert not from_dlpack(getattr(array, export)()).requires_grad


def test_other_libraries() -> None:
    values = np.arange(3.0)
    array = mx.nd.from_dlpack(values)
    array[0] = 7
    assert values[0] == 7
    assert np.from_dlpack(array).tolist() == [7, 1, 2]  # pyright: ignore[reportArgumentType]
    assert torch.from_dlpack(array).dtype == torch.float64


@pytest.mark.parametrize(
    ("source", "shape", "dtype"),
    [
        ([mx.nd.array([1, 2]), mx.nd.array([3, 4])], (2, 2), np.float32),
        ([[mx.nd.array([1, 2], dtype="int32")]], (1, 1, 2), np.float32),
        ((1, 2), (2,), np.float32),
        ([np.ones(2), np.zeros(2)], (2, 2), np.float32),
        ([torch.ones(2), torch.zeros(2)], (2, 2), np.float32),
        (np.float64(3), (1,), np.float32),
        (np.ones((2, 3), order="F"), (2, 3), np.float32),
        (np.ones(2, "u2"), (2,), np.float32),
        (np.ones(2, "u8"), (2,), np.float32),
        (np.ones(2, ">f8"), (2,), np.float32),
        (np.arange(6)[::-2], (3,), np.float32),
        ([], (0,), np.float32),
        (range(3), (3,), np.float32),
        (torch.ones(2, dtype=torch.float64), (2,), np.float64),
        (torch.ones(2, requires_grad=True), (2,), np.float32),
        (mx.nd.ones(2, dtype="int8"), (2,), np.int8),
        (np.ones(2, "?"), (2,), np.float32),
    ],
    ids=lambda each: type(each).__name__,
)
def test_sources_of_arrays(source: Any, shape: tuple[int, ...], dtype: Any) -> None:
    array = mx.nd.array(source)
    assert (array.shape, array.dtype) == (shape, dtype)
    if isinstance(source, np.ndarray):
        assert (array.asnumpy() == source).all()
    assert not array.tensor.requires_grad
    assert mx.nd.array(source, dtype="float16").dtype == np.float16


@pytest.mark.parametrize("source", [np.ones(2, "c8"), np.array(["a"]), None, {}, [1j]], ids=str)
def test_sources_that_are_none(source: Any) -> None:
    with pytest.raises(ArgumentError, match="array: the source is not a regular array of numbers"):
        mx.nd.array(source)


def test_numpy_going_backwards_or_of_another_byte_order() -> None:
    array = mx.nd.zeros(3)
    for values in (np.arange(3.0)[::-1], np.array([2, 1, 0], ">f4"), np.array([2, 1, 0], ">i4")):
        array[:] = values
        assert array.asnumpy().tolist() == [2, 1, 0]
        assert (array + values).asnumpy().tolist() == [4, 2, 0]
    assert array[np.arange(3)[::-1]].asnumpy().tolist() == [0, 1, 2]
    assert array[np.array([0, 2], ">i8")].asnumpy().tolist() == [2, 0]
