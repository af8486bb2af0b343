from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rennet._formats.params_file import (
    Record,
    dump_params,
    dump_record,
    params_chunks,
    read_params,
    read_record,
    write_params,
)
from rennet.base import ArgumentError, FormatError

GOLDENS = Path(__file__).parents[1] / "goldens" / "params"
TYPE_CODES = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "uint8": 3,
    "int32": 4,
    "int8": 5,
    "int64": 6,
    "bool": 7,
    "bfloat16": 12,
}
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def shape_block(*shape: int) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def container(*records: bytes, names: Sequence[bytes] = (), magic: int = 0x112, reserved: int = 0) -> bytes:
    listed = b"".join(struct.pack("<Q", len(name)) + name for name in names)
    start = struct.pack("<QQQ", magic, reserved, len(records))
    return start + b"".join(records) + struct.pack("<Q", len(names)) + listed


DATA = np.arange(6, dtype="<f4").reshape(2, 3)
CPU_FLOAT = struct.pack("<iii", 1, 0, 0)
GPU_FLOAT = struct.pack("<iii", 2, 3, 0)
DENSE = struct.pack("<Ii", V2, 0)
GENERATIONS = {
    "V0": struct.pack("<III", 2, 2, 3) + GPU_FLOAT + DATA.tobytes(),
    "V1": struct.pack("<I", V1) + shape_block(2, 3) + GPU_FLOAT + DATA.tobytes(),
    "V2": DENSE + shape_block(2, 3) + GPU_FLOAT + DATA.tobytes(),
    "V3": struct.pack("<Ii", V3, 0) + shape_block(2, 3) + GPU_FLOAT + DATA.tobytes(),
}
NONES = {
    "V0": struct.pack("<I", 0),
    "V1": struct.pack("<I", V1) + shape_block(),
    "V2": DENSE + shape_block(),
    "V2 undefined": struct.pack("<Ii", V2, -1) + shape_block(),
    "V2 row_sparse": struct.pack("<Ii", V2, 1) + shape_block() + shape_block(),
    "V3 unknown": struct.pack("<Iii", V3, 0, -1),
    "V3 unknown dimension": struct.pack("<Ii", V3, 0) + shape_block(2, -1),
}


def row_sparse(shape=(4, 2), stored=(2, 2), rows=(1, 3), index_code=6, index_shape=None, data=None) -> bytes:
    start = struct.pack("<Ii", V2, 1) + shape_block(*stored) + shape_block(*shape) + CPU_FLOAT
    index_shape = (len(rows),) if index_shape is None else index_shape
    start += struct.pack("<i", index_code) + shape_block(*index_shape)
    values = np.arange(1, 1 + np.prod(stored), dtype="<f4") if data is None else data
    return start + values.tobytes() + np.array(rows, "<i8" if index_code == 6 else "<i4").tobytes()


def csr(shape=(3, 4), starts=(0, 2, 2, 3), columns=(0, 3, 1), stored=None) -> bytes:
    stored = (len(columns),) if stored is None else stored
    start = struct.pack("<Ii", V2, 2) + shape_block(*stored) + shape_block(*shape) + CPU_FLOAT
    for index in (starts, columns):
        start += struct.pack("<i", 6) + shape_block(len(index))
    values = np.arange(1, 1 + np.prod(stored), dtype="<f4")
    return start + values.tobytes() + np.array(starts, "<i8").tobytes() + np.array(columns, "<i8").tobytes()


def golden(name: str) -> tuple[list[str], list[Record]]:
    return read_params(GOLDENS / f"{name}.params")


class TestRealFiles:
    @pytest.mark.parametrize("name", ["dense", "sparse"])
    def test_names_and_values(self, name: str):
        with np.load(GOLDENS / f"{name}.npz") as expected:
            names, records = golden(name)
            assert [key.replace("/", "|") for key in names] == list(expected)
            for key, record in zip(names, records, strict=True):
                assert record.array is not None
                assert record.array.dtype == expected[key.replace("/", "|")].dtype
                np.testing.assert_array_equal(record.array, expected[key.replace("/", "|")])

    def test_type_codes_and_devices(self):
        found = dict(zip(*golden("dense"), strict=True))
        assert {name: found[name].type_code for name in TYPE_CODES} == TYPE_CODES
        assert (found["float32"].device_type, found["float32"].device_id) == (1, 0)
        assert found["second cpu"].device_id == 1

    def test_what_we_write_is_what_mxnet_wrote(self, tmp_path: Path):
        for name in ("dense", "list", "empty"):
            content = (GOLDENS / f"{name}.params").read_bytes()
            assert dump_params(*golden(name)) == content
            write_params(tmp_path / name, *golden(name))
            assert (tmp_path / name).read_bytes() == content

    def test_a_list_has_no_names(self):
        names, records = golden("list")
        assert names == []
        assert [record.array.tolist() for record in records if record.array is not None] == [[1, 2], [[3]]]
        assert golden("empty") == ([], [])

    def test_np_shape_means_scalars_and_zero_sizes(self):
        names, (empty, scalar) = golden("np_shape")
        assert names == ["empty", "scalar"]
        assert empty.array is not None
        assert empty.array.shape == (0, 3)
        assert scalar.array is not None
        assert scalar.array.shape == ()
        assert scalar.array[()] == 2.5

    def test_one_record_as_pickles_hold_it(self):
        record = read_record(GOLDENS / "one.record")
        assert record.array is not None
        assert record.array.tolist() == [[1, 2], [3, 4]]
        assert dump_record(record) == (GOLDENS / "one.record").read_bytes()


class TestGenerations:
    @pytest.mark.parametrize("generation", GENERATIONS)
    def test_dense(self, generation: str):
        record = read_record(GENERATIONS[generation])
        np.testing.assert_array_equal(record.array, DATA)
        assert (record.type_code, record.device_type, record.device_id) == (0, 2, 3)

    @pytest.mark.parametrize("generation", NONES)
    def test_no_array(self, generation: str):
        names, records = read_params(container(NONES[generation], GENERATIONS["V2"], names=[b"none", b"some"]))
        assert names == ["none", "some"]
        assert records[0].array is None
        np.testing.assert_array_equal(records[1].array, DATA)

    def test_zero_sizes_are_read_and_written_as_mxnet_does(self):
        record = DENSE + shape_block(0, 3) + CPU_FLOAT
        read = read_record(record)
        assert read.array is not None
        assert read.array.shape == (0, 3)
        assert dump_record(read) == record

    def test_all_generations_in_one_file(self):
        _, records = read_params(container(*GENERATIONS.values()))
        assert len(records) == 4
        for record in records:
            np.testing.assert_array_equal(record.array, DATA)

    def test_row_sparse(self):
        expected = [[0, 0], [1, 2], [0, 0], [3, 4]]
        for index_code in (4, 6):
            np.testing.assert_array_equal(read_record(row_sparse(index_code=index_code)).array, expected)

    def test_csr(self):
        np.testing.assert_array_equal(read_record(csr()).array, [[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]])

    def test_a_bool_is_0_or_1_whatever_its_byte(self):
        record = DENSE + shape_block(3) + struct.pack("<iii", 1, 0, 7) + b"\x00\x01\xff"
        array = read_record(record).array
        assert array is not None
        assert array.view(np.uint8).tolist() == [0, 1, 1]


class TestSources:
    CONTENT = container(GENERATIONS["V2"], names=[b"a"])

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
    def test_bytes_and_streams(self, wrap: Any):
        names, (record,) = read_params(wrap(self.CONTENT))
        assert names == ["a"]
        assert record.array is not None
        assert record.array.flags.owndata
        assert record.array.flags.writeable

    def test_paths_and_files(self, tmp_path: Path):
        path = tmp_path / "a.params"
        path.write_bytes(self.CONTENT)
        with path.open("rb") as stream, path.open("rb", buffering=0) as unbuffered:
            for source in (path, str(path), stream, unbuffered):
                assert read_params(source)[0] == ["a"]

    def test_a_stream_is_read_from_where_it_stands(self):
        stream = io.BytesIO(b"before" + self.CONTENT)
        stream.seek(6)
        assert read_params(stream)[0] == ["a"]

    def test_streams_that_do_not_know_their_size(self):
        class Pipe(io.RawIOBase):
            def __init__(self, content: bytes) -> None:
                self._rest = io.BytesIO(content)

            def readable(self) -> bool:
                return True

            def readinto(self, view: Any) -> int:
                return self._rest.readinto(memoryview(view)[:7])

        assert read_params(io.BufferedReader(Pipe(self.CONTENT)))[0] == ["a"]
        with gzip.open(io.BytesIO(gzip.compress(self.CONTENT))) as stream:
            assert read_params(stream)[0] == ["a"]  # pyright: ignore[reportArgumentType]

    def test_what_is_no_source(self):
        with pytest.raises(ArgumentError, match="expected a stream of bytes; got one of str"):
            read_params(io.StringIO("text"))  # pyright: ignore[reportArgumentType]
        with pytest.raises(ArgumentError, match="expected a path, bytes or a binary stream; got int"):
            read_params(3)  # pyright: ignore[reportArgumentType]

    def test_a_missing_file_is_an_oserror(self, tmp_path: Path):
        with pytest.raises(FileNotFoundError):
            read_params(tmp_path / "missing.params")

    def test_the_error_names_the_file(self, tmp_path: Path):
        path = tmp_path / "a.params"
        path.write_bytes(self.CONTENT[:60])
        with pytest.raises(FormatError, match=r"a\.params, byte \d+: .*expected .* got"):
            read_params(path)


WHOLE = {
    "dense": (GOLDENS / "dense.params").read_bytes(),
    "sparse": (GOLDENS / "sparse.params").read_bytes(),
    "np_shape": (GOLDENS / "np_shape.params").read_bytes(),
    "generations": container(*GENERATIONS.values(), *NONES.values()),
}


class TestDamage:
    @pytest.mark.parametrize("name", WHOLE)
    @pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
    def test_truncated_anywhere(self, name: str, strict: bool):
        for length in range(len(WHOLE[name])):
            with pytest.raises(FormatError):
                read_params(WHOLE[name][:length], strict=strict)

    @given(data=st.data())
    def test_changed_bytes_raise_one_error_or_none_and_allocate_nothing(self, data: st.DataObject):
        content = bytearray(WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))])
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(content) - 1))
            new = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
            content[place] = new
        tracemalloc.start()
        try:
            names, records = read_params(bytes(content), dense_limit=1 << 16)
            assert len(names) in (0, len(records))
        except FormatError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 1 << 19

    @given(st.binary(max_size=200))
    @example(b"")
    def test_noise_is_refused(self, noise: bytes):
        with pytest.raises(FormatError):
            read_params(noise)
        with pytest.raises(FormatError):
            read_params(struct.pack("<QQQ", 0x112, 0, 1 << 40) + noise)

    @pytest.mark.parametrize(
        ("content", "message"),
        {
            "arrays": (
                struct.pack("<QQQ", 0x112, 0, 1 << 60) + bytes(99),
                "number of arrays: expected at most 24, got",
            ),
            "names": (
                container(GENERATIONS["V2"])[:-8] + struct.pack("<Q", 1 << 50),
                "number of names: expected at most 0",
            ),
            "fewer names": (
                container(GENERATIONS["V2"], GENERATIONS["V2"], names=[b"a"]),
                "number of names: expected 0, or 2 for as many arrays, got 1",
            ),
            "name length": (
                container(GENERATIONS["V2"])[:-8] + struct.pack("<QQ", 1, 1 << 40),
                "name 0: length: expected at most 65536",
            ),
            "name text": (container(GENERATIONS["V2"], names=[b"\xff"]), "name 0: expected UTF-8"),
            "dimensions": (container(struct.pack("<Ii", V1, 1 << 30)), "number of dimensions: expected 0 to 32"),
            "negative": (container(DENSE + struct.pack("<i", -1)), "number of dimensions: expected 0 to 32, got -1"),
            "V0 dimensions": (container(struct.pack("<I", 33)), "array magic: expected the magic of an array, or"),
            "unknown magic": (container(struct.pack("<I", 0xF993FACB)), "got 0xf993facb"),
            "shape": (container(DENSE + shape_block(1 << 40) + CPU_FLOAT), "data: expected 4398046511104 more bytes"),
            "overflow": (container(DENSE + shape_block(1 << 62, 1 << 62, 4) + CPU_FLOAT), "fits into memory"),
            "overflow beside zero": (container(DENSE + shape_block(0, 1 << 62, 4) + CPU_FLOAT), "fits into memory"),
            "negative size": (container(DENSE + shape_block(2, -3) + CPU_FLOAT), "dimensions of at least 0"),
            "type": (
                container(DENSE + shape_block(1) + struct.pack("<iii", 1, 0, 8)),
                "element type: .* 12 .bfloat16.*, got 8",
            ),
            "storage": (container(struct.pack("<Ii", V2, 3)), "storage type: expected 0 .dense., 1"),
            "V3 sparse": (container(struct.pack("<Ii", V3, 1)), "storage type: expected 0 .dense., got 1"),
            "undefined": (container(struct.pack("<Ii", V2, -1) + shape_block(1)), "got -1 .undefined."),
            "magic": (container(magic=0x113), "file magic: expected 12 01 00"),
            "npz": (b"PK\x03\x04" + bytes(60), "the start of a zip archive"),
            "json": (b'{"nodes": []}', "the start of JSON text"),
        }.values(),
    )
    def test_a_false_claim_is_named(self, content: bytes, message: str):
        with pytest.raises(FormatError, match=message):
            read_params(content)

    @pytest.mark.parametrize(
        ("record", "message"),
        {
            "rows descend": (row_sparse(rows=(3, 1)), "row_sparse: indices: expected ascending"),
            "row twice": (row_sparse(rows=(1, 1)), "row_sparse: indices: expected ascending"),
            "row beyond": (row_sparse(rows=(1, 4)), "row_sparse: indices: expected ascending numbers from 0 to 3"),
            "row before": (row_sparse(rows=(-1, 1)), "row_sparse: indices: expected ascending"),
            "rows missing": (row_sparse(rows=(1,)), "row_sparse: stored shape"),
            "rows of a matrix": (row_sparse(index_shape=(1, 2)), "row_sparse: stored shape"),
            "other width": (row_sparse(stored=(2, 3)), "row_sparse: stored shape"),
            "index type": (row_sparse(index_code=0), "row indices: element type: expected int32"),
            "csr cube": (csr(shape=(3, 4, 1)), "csr: shape: expected two dimensions"),
            "csr starts": (csr(starts=(0, 2, 3)), "csr: indptr: expected 4 row starts"),
            "csr descends": (csr(starts=(0, 2, 1, 3)), "csr: indptr: expected numbers that rise"),
            "csr wraps": (
                csr(starts=(0, (1 << 63) - 1, -2, 3)),
                "csr: indptr: expected numbers that rise",
            ),
            "csr ends early": (csr(starts=(0, 2, 2, 2)), "csr: indptr: expected numbers that rise from 0 to 3"),
            "csr begins late": (csr(starts=(1, 2, 2, 3)), "csr: indptr: expected numbers that rise"),
            "csr column": (csr(columns=(0, 4, 1)), "csr: indices: expected columns from 0 to 3"),
            "csr negative column": (csr(columns=(0, -1, 1)), "csr: indices: expected columns from 0 to 3"),
            "csr place twice": (csr(columns=(3, 3, 1)), "every place at most once"),
            "csr stored": (csr(stored=(2,)), "csr: indices: expected one for each"),
        }.values(),
    )
    def test_sparse_indices_are_checked(self, record: bytes, message: str):
        with pytest.raises(FormatError, match=message):
            read_record(record)

    def test_sparse_arrays_do_not_grow_without_bound(self):
        record = row_sparse(shape=(1000, 2))
        assert read_record(record, dense_limit=7984).array is not None
        with pytest.raises(FormatError, match=r"at most 7983 more bytes .* raise dense_limit"):
            read_record(record, dense_limit=7983)
        with pytest.raises(FormatError, match="at most 2016 more bytes"):
            read_params(container(record, record), dense_limit=10000)
        with pytest.raises(FormatError, match="raise dense_limit"):
            read_record(row_sparse(shape=(1 << 40, 2)))

    def test_what_does_no_harm_is_an_error_when_strict_and_a_warning_otherwise(self):
        two = [GENERATIONS["V2"]] * 2
        for content, message in (
            (container(*two) + b"x", "end: expected no more bytes, got 1"),
            (container(*two, names=[b"a", b"a"]), "name 1: expected a name that has not occurred yet, got 'a'"),
            (container(*two, reserved=7), "reserved word: expected 0, got 7"),
        ):
            with pytest.raises(FormatError, match=message):
                read_params(content)
            with pytest.warns(UserWarning, match=message):
                assert len(read_params(content, strict=False)[1]) == 2
        with pytest.raises(FormatError, match="no more bytes"):
            read_record(two[0] + b"x")

    @pytest.mark.parametrize("size", [2, 1 << 18])
    def test_a_file_that_shrinks_while_it_is_read(self, size: int):
        class Shrunk(io.BytesIO):
            def readinto(self, view: Any) -> int:
                return super().readinto(view[: max(0, len(self.getvalue()) - 20 - self.tell())])

        with pytest.raises(FormatError, match="shrank"):
            read_params(Shrunk(dump_params([], [Record(np.ones(size, "f4"), 0)])))

    @pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
    @pytest.mark.parametrize("size", [1, 1 << 16, (1 << 18) + 3])
    def test_streams_that_give_little_at_a_time(self, size: int, at_once: int):
        class Slow(io.BytesIO):
            def readinto(self, view: Any) -> int:
                return super().readinto(view[: at_once if self.tell() < 1000 else 1 << 17])

        saved = [Record(np.arange(size * n, dtype="i4"), 4) for n in (1, 2, 1)]
        names, read = read_params(Slow(dump_params(["a", "b", "c"], saved)))
        assert names == ["a", "b", "c"]
        for before, after in zip(saved, read, strict=True):
            np.testing.assert_array_equal(before.array, after.array)


@st.composite
def records(draw: st.DrawFn) -> Record:
    name = draw(st.sampled_from(sorted(TYPE_CODES)))
    dtype = np.dtype("uint16" if name == "bfloat16" else name)
    array = draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=5, max_side=4)))
    turned = draw(st.sampled_from([array, array.T, array[::-1], np.asfortranarray(array)]))
    return Record(turned, TYPE_CODES[name], draw(st.sampled_from([1, 2, 3, 5])), draw(st.integers(0, 7)))


class TestWriting:
    @given(st.dictionaries(st.text(max_size=8), records(), max_size=5), st.booleans())
    def test_round_trip(self, saved: dict[str, Record], named: bool):
        names, read = read_params(dump_params(list(saved) if named else [], list(saved.values())))
        assert names == (list(saved) if named else [])
        for before, after in zip(saved.values(), read, strict=True):
            assert before.array is not None
            assert after.array is not None
            assert after.array.dtype == before.array.dtype
            assert after.array.shape == before.array.shape
            assert after.array.tobytes() == before.array.tobytes()
            assert (after.type_code, after.device_type, after.device_id) == (
                before.type_code,
                before.device_type,
                before.device_id,
            )

    @pytest.mark.parametrize(
        ("names", "saved", "message"),
        [
            (["a"], [], "expected none, or 0 for as many arrays; got 1"),
            (["a", "a"], [Record(DATA, 0)] * 2, "expected every name once; got 'a' twice"),
            (["\ud800"], [Record(DATA, 0)], "can be written as UTF-8"),
            (["n" * 70000], [Record(DATA, 0)], "expected at most 65536 bytes; got 70000"),
            ([], [Record(None, 0)], "got no array"),
            ([], [Record(np.float32(1).reshape(()), 0)], "got a scalar"),
            ([], [Record(DATA, 1)], "expected type code 0 with float32, .*; got 1 with float32"),
            ([], [Record(DATA.astype("uint16"), 9)], "got 9 with uint16"),
            ([], [Record(DATA.astype(">f4"), 0)], "got 0 with >f4"),
        ],
    )
    def test_what_the_format_cannot_hold_is_refused_at_once(self, names: list[str], saved: list[Record], message: str):
        with pytest.raises(ArgumentError, match=message):
            params_chunks(names, saved)

    def test_memory_stays_near_the_size_of_the_file(self, tmp_path: Path):
        path = tmp_path / "large.params"
        size = 1 << 24
        saved = [Record(np.ones((64, size // 256), "float32"), 0) for _ in range(2)]
        tracemalloc.start()
        try:
            write_params(path, ["a", "b"], saved)
            writing = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            read = read_params(path)
            reading = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert writing < 1 << 20
        assert reading < path.stat().st_size + (1 << 20)
        assert len(read[1]) == 2
