"""Saving and loading: ours by ours, ours by real MXNet, real MXNet's by ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError

DTYPES = ("float32", "float64", "float16", "uint8", "int8", "int32", "int64")
SHAPES = [(1,), (3,), (2, 3), (1, 2, 1, 3), (63, 5), (2, 1, 3, 1, 2)]


def _values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {f"arg:{dtype}": rng.integers(0, 100, (2, 3)).astype(dtype) for dtype in DTYPES}
    found |= {f"aux:{shape}": rng.normal(size=shape).astype("f") for shape in SHAPES}
    return {**found, "special": np.array([np.nan, np.inf, -np.inf, -0.0], "f"), "größe/名": np.ones(2, "f")}


def _same(ours: Any, theirs: dict[str, np.ndarray] | list[np.ndarray]) -> None:
    pairs = [(ours[key], theirs[key]) for key in theirs] if isinstance(theirs, dict) else zip(ours, theirs, strict=True)
    assert len(ours) == len(theirs)
    for array, values in pairs:
        mine = array.asnumpy() if isinstance(array, mx.nd.NDArray) else array
        assert mine.dtype == values.dtype
        assert mine.shape == values.shape
        assert mine.tobytes() == values.tobytes()


def _arrays(values: dict[str, np.ndarray]) -> dict[str, mx.nd.NDArray]:
    return {name: mx.nd.array(each, dtype=each.dtype) for name, each in values.items()}


def test_there_and_back(tmp_path: Path) -> None:
    values = _values()
    path = tmp_path / "a.params"
    mx.nd.save(path, _arrays(values))
    loaded = mx.nd.load(path)
    assert list(loaded) == list(values)
    _same(loaded, values)
    _same(mx.nd.load(str(path)), values)
    _same(mx.nd.load_frombuffer(path.read_bytes()), values)


@pytest.mark.parametrize("dtype", ["bool", "bfloat16"])
def test_types_that_numpy_or_mxnet_lack(tmp_path: Path, dtype: str) -> None:
    array = mx.nd.array([0, 1, 1], dtype=dtype)
    mx.nd.save(tmp_path / "a.params", {"a": array})
    loaded = mx.nd.load(tmp_path / "a.params")["a"]
    assert loaded.dtype == array.dtype
    assert loaded.asnumpy().tolist() == [0, 1, 1]


def test_lists_and_single_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.params"
    arrays = [mx.nd.array([1, 2]), mx.nd.array([[3]], dtype="int32")]
    mx.nd.save(path, arrays)
    loaded = mx.nd.load(path)
    assert isinstance(loaded, list)
    _same(loaded, [array.asnumpy() for array in arrays])
    mx.nd.save(path, arrays[0])
    _same(mx.nd.load(path), [arrays[0].asnumpy()])
    for nothing in ({}, []):
        mx.nd.save(path, nothing)
        assert mx.nd.load(path) == []


def test_what_lies_scattered_is_saved_in_order(tmp_path: Path) -> None:
    values = np.arange(6, dtype="f").reshape(2, 3)
    scattered = mx.nd.from_torch(mx.nd.array(values).tensor.T)
    scattered.tensor.requires_grad_()
    mx.nd.save(tmp_path / "a.params", [scattered])
    _same(mx.nd.load(tmp_path / "a.params"), [values.T.copy()])


def test_loaded_arrays_can_be_written(tmp_path: Path) -> None:
    mx.nd.save(tmp_path / "a.params", [mx.nd.ones(2)])
    for loaded in (mx.nd.load(tmp_path / "a.params"), mx.nd.load_frombuffer((tmp_path / "a.params").read_bytes())):
        loaded[0][:] = 5
        assert loaded[0].asnumpy().tolist() == [5, 5]


def test_real_mxnet_reads_ours(oracle: Oracle, tmp_path: Path) -> None:
    values = _values()
    mx.nd.save(tmp_path / "a.params", _arrays(values))
    _same(oracle.load_params(tmp_path / "a.params"), values)
    mx.nd.save(tmp_path / "b.params", list(_arrays(values).values()))
    _same(oracle.load_params(tmp_path / "b.params"), list(values.values()))


def test_we_read_real_mxnets(oracle: Oracle, tmp_path: Path) -> None:
    values = _values()
    oracle.save_params(tmp_path / "a.params", values)
    _same(mx.nd.load(tmp_path / "a.params"), values)
    oracle.save_params(tmp_path / "b.params", list(values.values()))
    _same(mx.nd.load(tmp_path / "b.params"), list(values.values()))


def test_the_same_bytes(oracle: Oracle, tmp_path: Path) -> None:
    values = _values()
    oracle.save_params(tmp_path / "theirs.params", values)
    mx.nd.save(tmp_path / "ours.params", _arrays(values))
    assert (tmp_path / "ours.params").read_bytes() == (tmp_path / "theirs.params").read_bytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": np.ones(2)}, "save: entry 'a': expected an NDArray, got ndarray"),
        ([mx.nd.ones(2), 3], "save: entry 1: expected an NDArray, got int"),
    ],
)
def test_what_is_no_array_is_not_saved(tmp_path: Path, data: Any, message: str) -> None:
    path = tmp_path / "a.params"
    with pytest.raises(ArgumentError, match=message):
        mx.nd.save(path, data)
    assert not path.exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mx.nd.load(tmp_path / "missing.params")
    (tmp_path / "broken.params").write_bytes(b"not a params file at all")
    with pytest.raises(FormatError, match=r"broken\.params"):
        mx.nd.load(tmp_path / "broken.params")
    mx.nd.save(tmp_path / "cut.params", {"a": mx.nd.ones((5, 5))})
    content = (tmp_path / "cut.params").read_bytes()
    for length in (0, 7, 30, len(content) - 1):
        with pytest.raises(FormatError):
            mx.nd.load_frombuffer(content[:length])


@pytest.mark.parametrize("path", [None, 3, "", "a\0b", "a\ud8ff", b"bytes"])
def test_paths_that_are_none(path: Any) -> None:
    with pytest.raises(ArgumentError, match="save: fname: expected"):
        mx.nd.save(path, [mx.nd.ones(1)])
    if not isinstance(path, bytes):  # which are the content
        for load in (mx.nd.load, mx.sym.load):
            with pytest.raises(ArgumentError, match="source: expected"):
                load(path)


def test_nothing_and_folders(tmp_path: Path) -> None:
    for data in (None, 3):
        with pytest.raises(ArgumentError, match=f"save: data: expected an NDArray, or a list or dict .*, got {data}"):
            mx.nd.save(tmp_path / "a", data)  # pyright: ignore[reportArgumentType]
    for load in (mx.nd.load, mx.sym.load):
        with pytest.raises(ArgumentError, match="source: expected a file, got a directory"):
            load(tmp_path)


def test_the_state_of_mxnets_pickles(oracle: Oracle) -> None:
    source = """
import numpy as np
arrays = [mx.nd.array([[1, 2], [3, 4]], dtype=kind) for kind in ("float16", "int64")]
arrays.append(mx.nd.array([[0, 0], [0, 5], [0, 0]]).tostype("row_sparse"))
handles = [mx.nd.array(np.frombuffer(bytes(each.__getstate__()["handle"]), "u1"), dtype="u1") for each in arrays]
net = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=2, name="fc")
text = mx.nd.array(np.frombuffer(net.__getstate__()["handle"].encode(), "u1"), dtype="u1")
"""
    found = oracle.build(source, ["handles", "text"])
    expected = (np.array([[1, 2], [3, 4]], "f2"), np.array([[1, 2], [3, 4]], "i8"), [[0, 0], [0, 5], [0, 0]])
    for handle, values in zip(found["handles"], expected, strict=True):
        array: Any = mx.nd.NDArray.__new__(mx.nd.NDArray)
        array.__setstate__({"handle": bytearray(np.asarray(handle).tobytes())})
        np.testing.assert_array_equal(array.asnumpy(), values)
    symbol: Any = mx.sym.Symbol.__new__(mx.sym.Symbol)
    symbol.__setstate__({"handle": np.asarray(found["text"]).tobytes().decode()})
    assert symbol.list_arguments() == ["x", "fc_weight", "fc_bias"]


@pytest.mark.parametrize("state", [None, {}, {"handle": None}, {"handle": 3}])
def test_other_states(state: Any) -> None:
    for made in (mx.nd.ones(1), mx.sym.Variable("x")):
        with pytest.raises(ArgumentError, match=r"__setstate__: (state|handle): expected"):
            made.__setstate__(state)
