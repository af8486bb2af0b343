"""Index expressions, read and written, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import rennet as mx
from rennet.base import ArgumentError, ShapeError

shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


def _pair(shape: tuple[int, ...]) -> tuple[mx.nd.NDArray, np.ndarray]:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return mx.nd.array(values), values


def _in_numpy(picked: Any) -> np.ndarray:
    """NumPy's scalars have shape (1,) here."""
    picked = np.asarray(picked)
    return picked.reshape(1) if picked.ndim == 0 else picked


def _check(shape: tuple[int, ...], key: Any, ours: Any = None) -> None:
    """Reading and writing by `key`, which is spelled `ours` for an NDArray."""
    array, values = _pair(shape)
    ours = key if ours is None else ours
    expected = _in_numpy(values[key])
    assert array[ours].shape == expected.shape
    assert (array[ours].asnumpy() == expected).all()
    assert (array.asnumpy() == values).all()
    fresh = np.random.normal(size=values[key].shape).astype("f")
    values[key] = fresh
    array[ours] = mx.nd.array(fresh) if fresh.ndim else float(fresh)
    assert (array.asnumpy() == values).all()
    values[key] = 0.5
    array[ours] = 0.5
    assert (array.asnumpy() == values).all()


@st.composite
def basic(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """A shape and numbers, slices of either direction, new axes and an ellipsis for it."""
    shape = draw(shapes)
    key = draw(arrays.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    return shape, key


@settings(max_examples=300)
@given(basic())
def test_basic(drawn: tuple[tuple[int, ...], Any]) -> None:
    _check(*drawn)


@st.composite
def advanced(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """Index arrays for some axes; numbers and slices for others. No element is written twice."""
    shape = draw(shapes)
    key: list[Any] = []
    count = draw(st.integers(1, 3))
    for size in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["array", "slice", "number"]))
        if kind == "array" and size >= count:
            order = draw(st.permutations(range(size)))[:count]
            key.append([place - draw(st.sampled_from([0, size])) for place in order])
        elif kind == "number":
            key.append(draw(st.integers(-size, size - 1)))
        else:
            key.append(draw(st.slices(size)))
    return shape, tuple(key)


@settings(max_examples=300)
@given(advanced())
def test_advanced(drawn: tuple[tuple[int, ...], Any]) -> None:
    shape, key = drawn
    _check(shape, key)
    as_arrays = tuple(np.array(part) if isinstance(part, list) else part for part in key)
    _check(shape, key, as_arrays)
    for dtype in ("float32", "int32", "int64"):
        _check(shape, key, tuple(mx.nd.array(p, dtype=dtype) if isinstance(p, list) else p for p in key))


@st.composite
def mixed(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """Masks, index arrays, numbers, slices, new axes and an ellipsis, in any order. No element is written twice."""
    shape = draw(shapes)
    count, axis, key = draw(st.integers(1, 3)), 0, []
    masked = False
    while axis < len(shape) and draw(st.integers(0, 4)):
        size = shape[axis]
        kind = draw(st.sampled_from(["array", "mask", "slice", "number", "new axis", "ellipsis"]))
        if kind == "new axis":
            key.append(None)
            continue
        if kind == "ellipsis" and Ellipsis not in [part for part in key if part is Ellipsis]:
            key.append(Ellipsis)
            axis = max(axis, len(shape) - draw(st.integers(0, len(shape) - axis)))
            continue
        if kind == "mask" and not masked and size >= count:
            order = draw(st.permutations(range(size)))[:count]
            key.append(np.isin(np.arange(size), order))
            masked = True
        elif kind == "array" and size >= count:
            key.append(np.array(draw(st.permutations(range(size)))[:count]))
        elif kind == "number":
            key.append(draw(st.integers(-size, size - 1)))
        else:
            key.append(draw(st.slices(size)))
        axis += 1
    return shape, tuple(key)


@settings(max_examples=500)
@given(mixed())
def test_mixed(drawn: tuple[tuple[int, ...], Any]) -> None:
    shape, key = drawn
    try:
        np.zeros(shape)[key]
    except IndexError:  # masks of other sizes than the axis that the ellipsis left for them
        return
    _check(shape, key)
    _check(shape, key, tuple(mx.nd.array(p, dtype=p.dtype) if isinstance(p, np.ndarray) else p for p in key))


@pytest.mark.parametrize(
    "key",
    [
        np.array([True, False, True]),
        (slice(None), np.array([False, True, True, False])),
        (slice(None, None, -1), np.array([False, True, True, False])),
        np.eye(3, 4, dtype=bool),
        (np.eye(3, 4, dtype=bool), slice(None, None, -1)),
        (Ellipsis, np.array([True, False, True, True, False])),
        (np.array([[0, 1], [2, 0]]),),
        (np.array([[0], [1]]), np.array([2, 3])),
        (np.int64(1), np.int32(2)),
        (None, 1, None, slice(0, 2)),
        (0, Ellipsis, 1),
        (Ellipsis, slice(None, None, -2)),
    ],
    ids=str,
)
def test_other_keys(key: Any) -> None:
    _check((3, 4, 5), key)


def test_floating_point_numbers_as_indices() -> None:
    array, values = _pair((5, 2))
    assert (array[mx.nd.array([3.0, 0.0])].asnumpy() == values[[3, 0]]).all()


@pytest.mark.parametrize("key", [5, -6, (0, 2), (slice(None), [0, 2]), (0, 0, 0)], ids=str)
def test_outside(key: Any) -> None:
    array, _ = _pair((5, 2))
    with pytest.raises(IndexError):
        array[key]
    with pytest.raises(IndexError):
        array[key] = 1


@pytest.mark.parametrize("key", [1.5, "a", {}], ids=str)
def test_keys_that_are_none(key: Any) -> None:
    array, _ = _pair((5, 2))
    with pytest.raises(ArgumentError, match=r"index: expected whole numbers, slices, .* got (1\.5|'a'|dict)"):
        array[key]
    with pytest.raises(ArgumentError, match="index: expected"):
        array[0, key] = 1


@pytest.mark.parametrize("key", [["a"], slice("a", None), [1, [2, 3]], np.array([None])], ids=str)
def test_parts_of_keys_that_are_none(key: Any) -> None:
    array, _ = _pair((5, 2))
    with pytest.raises(ArgumentError, match="index: expected whole numbers"):
        array[key]


def test_messages_of_places_outside() -> None:
    array, _ = _pair((2, 3))
    with pytest.raises(mx.MXNetError, match=r"index: 4 places for an array of 2 axes, of shape \(2, 3\)"):
        array[0, 0, 0, 0]
    with pytest.raises(mx.MXNetError, match=r"index: 3 places for an array of 2 axes"):
        array[::-1, 0, 0]
    with pytest.raises(mx.MXNetError, match=r"index 5 is out of bounds .* has shape \(2, 3\)"):
        array[5]


@pytest.mark.parametrize("key", [(np.int64(1), (0, 2)), (range(2), 1), True, (np.bool_(True), 1), (False, 0)], ids=str)
def test_what_numpy_takes_for_places(key: Any) -> None:
    _check((3, 4), key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (slice(None), np.arange(4)),
        (slice(None), np.arange(12).reshape(3, 4)),
        (slice(None), np.arange(3).reshape(3, 1)),
        (slice(None), np.arange(24).reshape(1, 2, 3, 4)),
        (0, np.arange(12).reshape(1, 3, 4)),
        ((0, slice(None), 1), [1, 2, 3]),
        (slice(None, None, -1), np.arange(24).reshape(2, 3, 4)),
        ((slice(None), slice(None, None, -2)), np.arange(4)),
        (Ellipsis, 7),
        (0, True),
        (0, np.float64(2.5)),
        (0, np.int8(2)),
        ([0, 1], np.arange(4)),
        (slice(1, 1), 5),
    ],
    ids=str,
)
def test_values_are_broadcast(key: Any, value: Any) -> None:
    array, values = _pair((2, 3, 4))
    array[key] = value
    values[key] = value
    assert (array.asnumpy() == values).all()
    array[key] = mx.nd.array(value)
    assert (array.asnumpy() == values).all()


@pytest.mark.parametrize("key", [slice(None), Ellipsis, slice(None, None, -1)])
@pytest.mark.parametrize("shape", [(5,), (24,), (4, 6), (2, 3, 4, 1)])
def test_values_that_do_not_fit(key: Any, shape: tuple[int, ...]) -> None:
    array, values = _pair((2, 3, 4))
    with pytest.raises(ShapeError, match=r"a value that broadcasts to \(2, 3, 4\), got shape \("):
        array[key] = mx.nd.zeros(shape)
    assert (array.asnumpy() == values).all()


@pytest.mark.parametrize("value", ["text", None, object()])
def test_values_that_are_no_numbers(value: Any) -> None:
    array, _ = _pair((2, 3))
    with pytest.raises(mx.base.ArgumentError, match="assignment: expected numbers or an array of numbers"):
        array[:] = value


def test_values_take_the_arrays_type() -> None:
    array = mx.nd.zeros(2, dtype="int32")
    array[:] = [1.7, -1.7]
    assert array.asnumpy().tolist() == [1, -1]
    array[0] = mx.nd.array([5.9])
    assert array.asnumpy().tolist() == [5, -1]


def test_from_itself() -> None:
    array, values = _pair((4, 3))
    array[:] = array[::-1]
    assert (array.asnumpy() == values[::-1]).all()
    array[:, 0:2] = array[:, 1:3]
    assert (array.asnumpy() == values[::-1][:, [1, 2, 2]]).all()


def test_going_through() -> None:
    array, values = _pair((3, 2))
    rows = list(array)
    assert [row.shape for row in rows] == [(2,)] * 3
    rows[1][:] = -1
    assert (array.asnumpy()[1] == -1).all()
    first, *rest = array
    assert (first.asnumpy() == values[0]).all()
    assert len(rest) == 2


@pytest.mark.parametrize("key", [1, slice(None, None, -1), [0, 0, 2], (slice(None), 1), (Ellipsis, None)], ids=str)
def test_gradients_flow_through(key: Any) -> None:
    array, values = _pair((3, 2))
    array.attach_grad()
    with mx.autograd.record():
        picked = array[key] * 2
    head = np.random.normal(size=picked.shape).astype("f")
    picked.backward(mx.nd.array(head))
    expected = np.zeros_like(values)
    np.add.at(expected, key if not isinstance(key, list) else (key,), 2 * head.reshape(values[key].shape))
    assert array.grad is not None
    assert np.allclose(array.grad.asnumpy(), expected)
