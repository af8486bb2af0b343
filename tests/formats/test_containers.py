"""NumPy's and safetensors' containers: read by content, written on request, never trusted."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rennet as mx
from rennet._formats.containers import CONTAINERS, read_arrays
from rennet._formats.params_file import Record
from rennet.base import ArgumentError, FormatError

GOLDENS = Path(__file__).parents[1] / "goldens" / "params"
CODES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7}


def dumped(container: str, names: list[str], records: list[Record]) -> bytes:
    return b"".join(CONTAINERS[container](names, records))


def npy(array: np.ndarray[Any, Any], **how: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **how)
    return stream.getvalue()


def npz(save: Any = np.savez, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


@st.composite
def records(draw: st.DrawFn) -> Record:
    name = draw(st.sampled_from(sorted(CODES)))
    array = draw(hnp.arrays(np.dtype(name), hnp.array_shapes(max_dims=4, max_side=4)))
    return Record(draw(st.sampled_from([array, array.T, np.asfortranarray(array)])), CODES[name])


class TestRoundTrips:
    @given(saved=st.dictionaries(st.text("aé/:.", min_size=1, max_size=6), records(), min_size=1, max_size=5))
    @pytest.mark.parametrize("container", ["npz", "safetensors", "params"])
    def test_what_is_written_is_read_back(self, container: str, saved: dict[str, Record]) -> None:
        raw = dumped(container, list(saved), list(saved.values()))
        assert raw == dumped(container, list(saved), list(saved.values()))
        content = read_arrays(raw)
        assert (content.container, content.names) == (container, list(saved))
        for before, after in zip(saved.values(), content.records, strict=True):
            assert before.array is not None
            assert after.array is not None
            assert (after.array.dtype, after.array.shape) == (before.array.dtype, before.array.shape)
            assert after.array.tobytes() == before.array.tobytes()

    @pytest.mark.parametrize("name", ["a.params", "a.npz", "a"])
    @pytest.mark.parametrize("container", ["npz", "safetensors", "params"])
    def test_the_content_decides_not_the_name(self, tmp_path: Path, container: str, name: str) -> None:
        mx.nd.save(tmp_path / name, {"w": mx.nd.array([[1, 2]], dtype="int32")}, container)
        path = tmp_path / name
        with path.open("rb") as stream:
            for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), stream):
                loaded = mx.nd.load(source)
                assert list(loaded) == ["w"]
                assert loaded["w"].asnumpy().tolist() == [[1, 2]]
                loaded["w"][:] = 3

    def test_another_container(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="container: expected one of npz, params, safetensors; got 'zip'"):
            mx.nd.save(tmp_path / "a", [mx.nd.ones(1)], "zip")


class TestNumpy:
    @given(
        array=hnp.arrays(
            st.sampled_from([np.dtype(order + each) for order in "<>" for each in ("f2", "f4", "f8", "i4", "i8")])
            | st.sampled_from([np.dtype(each) for each in ("u1", "i1", "?")]),
            hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
        ),
        fortran=st.booleans(),
    )
    def test_what_numpy_writes(self, array: np.ndarray[Any, Any], fortran: bool) -> None:
        array = np.asfortranarray(array) if fortran else array
        for raw in (npy(array), npz(a=array), npz(np.savez_compressed, a=array)):
            (record,) = read_arrays(raw).records
            assert record.array is not None
            assert record.array.dtype == array.dtype.newbyteorder("<")
            np.testing.assert_array_equal(record.array, array)

    def test_numpy_reads_ours(self, tmp_path: Path) -> None:
        mx.nd.save(tmp_path / "a", {"x": mx.nd.ones((2, 3)), "y": mx.nd.array([True], dtype="bool")}, "npz")
        with np.load(tmp_path / "a") as loaded:
            assert list(loaded) == ["x", "y"]
            assert loaded["x"].tolist() == np.ones((2, 3)).tolist()
            assert loaded["y"].dtype == bool
        mx.nd.save(tmp_path / "a", [mx.nd.ones(1), mx.nd.zeros(2)], "npz")
        assert list(mx.nd.load(tmp_path / "a")) == ["arr_0", "arr_1"]

    def test_a_single_array_is_a_list_of_one(self) -> None:
        (loaded,) = mx.nd.load(npy(np.array([[1, 2]], "f4")))
        assert loaded.asnumpy().tolist() == [[1, 2]]

    def test_bfloat16_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="npz: 'w': expected an array of a type that NumPy has; got bfloat16"):
            mx.nd.save(tmp_path / "a", {"w": mx.nd.ones(2, dtype="bfloat16")}, "npz")
        assert not (tmp_path / "a").exists()

    def test_nothing_is_unpickled(self) -> None:
        class Evil:
            def __reduce__(self) -> Any:
                return pytest.fail, ("unpickled",)

        array = np.array([Evil()], dtype=object)
        for raw in (npy(array, allow_pickle=True), npz(a=array)):
            with pytest.raises(
                FormatError, match=r"npy: descr: expected .*got '\|O'. Objects would have to be unpickled"
            ):
                mx.nd.load(raw)

    @pytest.mark.parametrize(
        ("raw", "message"),
        {
            "version": (npy(np.ones(1)).replace(b"NUMPY\x01", b"NUMPY\x04"), "npy: version: expected 1.0, 2.0 or 3.0"),
            "descr": (npy(np.ones(1, "c8")), "npy: descr: expected one of .*got '<c8'"),
            "dates": (npy(np.zeros(1, "M8[s]")), "npy: descr"),
            "records": (npy(np.zeros(1, [("a", "f4")])), "npy: descr: .*got a list of 1"),
            "header": (npy(np.ones(1)).replace(b"{'descr'", b"('descr'"), "npy: header: expected a dict"),
            "call": (npy(np.ones(1)).replace(b"(1,), }", b"open()}"), "npy: header: expected a dict"),
            "keys": (npy(np.ones(1)).replace(b"'shape'", b"'shapf'"), "expected descr, fortran_order and shape"),
            "shape": (npy(np.ones(1)).replace(b"(1,)", b"(-1)"), "npy: shape: expected a tuple"),
            "large": (npy(np.ones(1)).replace(b"(1,), }      ", b"(9999999,), }"), "79999992 more bytes, got 8"),
            "short": (npy(np.ones(4))[:-1], "npy: data: expected 32 more bytes, got 31"),
            "long": (npy(np.ones(4)) + b"x", "end: expected no more bytes, got 1"),
            "zip": (npz(a=np.ones(4))[:-30], "archive: content: expected a whole zip archive"),
            "crc": (npz(a=np.ones(4)).replace(np.ones(1).tobytes(), np.zeros(1).tobytes(), 1), "Bad CRC-32"),
            "empty zip": (b"PK\x05\x06" + bytes(10), "expected a whole zip archive"),
        }.values(),
    )
    def test_false_claims(self, raw: bytes, message: str) -> None:
        with pytest.raises(FormatError, match=message):
            read_arrays(raw)

    def test_other_archives(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(3))
        with pytest.raises(FormatError, match=r"ending in .npy, got archive/data.pkl. A PyTorch file\?"):
            read_arrays(stream.getvalue())

    def test_names_twice(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.npy", npy(np.ones(1)))
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("a.npy", npy(np.zeros(1)))
        with pytest.raises(FormatError, match="name: expected every name once, got 'a'"):
            read_arrays(stream.getvalue())
        with pytest.warns(UserWarning, match="every name once"):
            assert read_arrays(stream.getvalue(), strict=False).names == ["a"]

    def test_archives_do_not_grow_without_bound(self) -> None:
        raw = npz(np.savez_compressed, a=np.zeros(1 << 17))
        with pytest.raises(FormatError, match="size: expected arrays that unpack to less"):
            read_arrays(raw, dense_limit=1 << 16)
        assert read_arrays(raw).names == ["a"]


class TestSafetensors:
    def test_the_bytes(self) -> None:
        raw = dumped("safetensors", ["a", "b"], [Record(np.array([7], "u1"), 3), Record(np.array([[1]], "f4"), 0)])
        text = (
            b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},'
            b'"b":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
        )
        padding = b" " * (-len(text) % 8)
        assert raw == struct.pack("<Q", len(text + padding)) + text + padding + np.ones(1, "f4").tobytes() + b"\x07"

    def test_every_type(self, tmp_path: Path) -> None:
        saved = {name: mx.nd.array([0, 1, 1], dtype=name) for name in (*CODES, "bfloat16")}
        mx.nd.save(tmp_path / "a", saved, "safetensors")
        loaded = mx.nd.load(tmp_path / "a")
        assert {name: each.dtype for name, each in loaded.items()} == {n: each.dtype for n, each in saved.items()}
        assert all(each.asnumpy().tolist() == [0, 1, 1] for each in loaded.values())

    def test_scalars_and_zero_sizes(self) -> None:
        raw = safetensors({"s": entry(shape=(), offsets=(0, 4)), "z": entry(shape=(0, 3), offsets=(4, 4))}, bytes(4))
        shapes = [record.array.shape for record in read_arrays(raw).records if record.array is not None]
        assert shapes == [(), (0, 3)]

    def test_metadata_is_passed_over(self) -> None:
        assert read_arrays(safetensors({"__metadata__": {"format": "pt"}, "a": entry()}, bytes(8))).names == ["a"]

    def test_what_cannot_be_written(self, tmp_path: Path) -> None:
        for data, message in (
            ([mx.nd.ones(1)], "expected a name for each of 1 arrays, got 0; save a dict"),
            ({"__metadata__": mx.nd.ones(1)}, "none that is '__metadata__'"),
            ({"\ud800": mx.nd.ones(1)}, "can be written as UTF-8"),
        ):
            with pytest.raises(ArgumentError, match=message):
                mx.nd.save(tmp_path / "a", data, "safetensors")

    @pytest.mark.parametrize(
        ("raw", "message"),
        {
            "length": (safetensors({"a": entry()}, bytes(8), 1 << 40), "length of the header: expected at most"),
            "truncated header": (safetensors({"a": entry()})[:30], "header: expected 61 more bytes, got 22"),
            "json": (safetensors(b"{nothing}"), "header, line 1, column 2: JSON text"),
            "twice": (safetensors(b'{"a":1,"a":2}'), "header, an object: keys: expected every key once"),
            "entry": (safetensors({"a": 3}), "array 'a': expected an object with dtype, shape and data_offsets"),
            "more": (safetensors({"a": entry(more=1)}, bytes(8)), "expected an object with dtype"),
            "dtype": (safetensors({"a": entry("F8_E4M3")}, bytes(8)), "dtype: expected one of F32, .*got 'F8_E4M3'"),
            "unhashable": (safetensors({"a": {**entry(), "dtype": []}}, bytes(8)), "dtype: expected one of"),
            "shape": (safetensors({"a": entry(shape=(-2,))}, bytes(8)), "shape: expected a list of at most 32 sizes"),
            "bool": (safetensors({"a": entry(shape=(True,))}, bytes(8)), "shape: expected a list"),
            "overflow": (safetensors({"a": entry(shape=(1 << 62, 1 << 62, 0))}), "expected an array that fits into"),
            "size": (safetensors({"a": entry(offsets=(0, 4))}, bytes(8)), "8 bytes for shape .2,., got 0 to 4"),
            "hole": (safetensors({"a": entry(offsets=(4, 12))}, bytes(12)), "expected a beginning at 0, got 4"),
            "overlap": (safetensors({"a": entry(), "b": entry()}, bytes(8)), "expected a beginning at 8, got 0"),
            "short": (safetensors({"a": entry()}, bytes(7)), "array 'a': expected 8 more bytes, got 7"),
            "long": (safetensors({"a": entry()}, bytes(9)), "end: expected no more bytes, got 1"),
            "name": (safetensors({"a\0": entry()}, bytes(8)), "header: name: expected text without NUL"),
            "metadata": (safetensors({"__metadata__": {"a": 1}}), "__metadata__: expected an object of texts"),
        }.values(),
    )
    def test_false_claims(self, raw: bytes, message: str) -> None:
        with pytest.raises(FormatError, match=message):
            read_arrays(raw)


class TestSparse:
    def test_only_on_request(self) -> None:
        message = r"sparse\.params, byte \d+: storage type: expected a dense array, got row_sparse\. .*dense=True"
        with pytest.raises(FormatError, match=message):
            mx.nd.load(GOLDENS / "sparse.params")
        loaded = mx.nd.load(GOLDENS / "sparse.params", dense=True)
        with np.load(GOLDENS / "sparse.npz") as expected:
            for name in expected:
                np.testing.assert_array_equal(loaded[name].asnumpy(), expected[name])
        with pytest.raises(FormatError, match="raise dense_limit"):
            mx.nd.load(GOLDENS / "sparse.params", dense=True, dense_limit=4)

    def test_records_tell_what_they_were(self) -> None:
        content = read_arrays(GOLDENS / "sparse.params")
        found = dict(zip(content.names, content.records, strict=True))
        assert found["csr"].storage == "csr"
        assert found["row_sparse"].storage == "row_sparse"
        assert {record.generation for record in content.records} == {2}


class TestStrictness:
    def test_trailing_bytes(self, tmp_path: Path) -> None:
        mx.nd.save(tmp_path / "a", {"w": mx.nd.ones(1)})
        raw = (tmp_path / "a").read_bytes() + b"x"
        for load in (mx.nd.load, mx.nd.load_frombuffer):
            with pytest.raises(FormatError, match="end: expected no more bytes, got 1"):
                load(raw)
            with pytest.warns(UserWarning, match="no more bytes"):
                assert list(load(raw, strict=False)) == ["w"]
        with pytest.raises(ArgumentError, match="load_frombuffer: buf: expected the bytes of a file, got 'a'"):
            mx.nd.load_frombuffer("a")  # pyright: ignore[reportArgumentType]


def header(descr: str = "'<f4'", fortran: str = "False", shape: str = "(1,)") -> bytes:
    """An ``.npy`` file of version 2 with the given header, and no data."""
    text = f"{{'descr':{descr},'fortran_order':{fortran},'shape':{shape}}}".encode()
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(text)) + text


class TestBoundsOfNumpys:
    LONG = "0x" + "f" * 20000

    @pytest.mark.parametrize(
        "raw",
        [header(shape=f"({LONG},)"), header(descr=LONG), header(fortran=LONG), header(shape=f"(-{LONG}, 'a')")],
    )
    def test_long_numbers(self, raw: bytes) -> None:
        with pytest.raises(FormatError, match="npy: header: expected numbers of at most 20 digits, got b'0xfff"):
            read_arrays(raw)

    @pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
    def test_other_compressions(self, packing: int) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", packing) as archive:
            archive.writestr("a.npy", npy(np.ones(100)))
        for damage in (0, 1):
            raw = bytearray(stream.getvalue())
            raw[60] ^= damage
            with pytest.raises(FormatError, match=rf"compression: expected 0 \(none\) or 8 \(deflate\), got {packing}"):
                read_arrays(bytes(raw))

    def test_overlapping_entries(self) -> None:
        """The directory names the same bytes twice, as it could a million times."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.npy", npy(np.ones(100)))
            (entry,) = archive.infolist()
            archive.filelist.append(entry)
        with pytest.raises(FormatError, match=r"entry 'a\.npy': place: expected a beginning at .* or later, got 0"):
            read_arrays(stream.getvalue(), strict=False)

    def test_growth_is_counted_over_all_entries(self) -> None:
        raw = npz(np.savez_compressed, **{f"a{place}": np.zeros(1 << 12) for place in range(8)})
        assert len(read_arrays(raw, dense_limit=8 << 15).names) == 8
        with pytest.raises(FormatError, match=r"entry 'a7\.npy': size: expected arrays that unpack to less"):
            read_arrays(raw, dense_limit=(8 << 15) - len(raw))


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_names_that_are_no_text(tmp_path: Path, container: str) -> None:
    for name, message in ((1, "save: names: expected text, got 1"), ("a\ud800", "can be written as UTF-8")):
        with pytest.raises(ArgumentError, match=message):
            mx.nd.save(tmp_path / "a", {name: mx.nd.ones(1)}, container)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match=r"names: expected at most 6553\d bytes; got 70000 for 'nnnn"):
        mx.nd.save(tmp_path / "a", {"n" * 70000: mx.nd.ones(1)}, container)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("container", ["npz", "safetensors"])
def test_names_that_the_reader_refuses(tmp_path: Path, container: str) -> None:
    with pytest.raises(ArgumentError, match="names: expected text without NUL"):
        mx.nd.save(tmp_path / "a", {"c\0d": mx.nd.ones(1)}, container)
    mx.nd.save(tmp_path / "a", {"n" * 65531: mx.nd.ones(1)}, container)
    assert list(mx.nd.load(tmp_path / "a")) == ["n" * 65531]
