"""Many damaged files of every container: one family of errors, no success of a wrong structure, bounded memory."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from rennet._formats.containers import CONTAINERS, read_arrays
from rennet._formats.params_file import Record
from rennet._formats.pickled import read_pickle
from rennet._formats.symbol_json import parse_graph
from rennet.base import FormatError

GOLDENS = Path(__file__).parents[1] / "goldens"
RECORDS = [Record(np.arange(6, dtype="f4").reshape(2, 3), 0), Record(np.array([1, 0], bool), 7)]
LIMIT = 1 << 16


def _npz(compressed: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, a=np.arange(6.0), b=np.ones((2, 2), "f4", order="F"))
    return stream.getvalue()


SEEDS = {
    **{f"{path.stem}.params": path.read_bytes() for path in sorted((GOLDENS / "params").glob("*.params"))},
    "ours.safetensors": b"".join(CONTAINERS["safetensors"](["a", "b"], RECORDS)),
    "ours.npz": b"".join(CONTAINERS["npz"](["a", "b"], RECORDS)),
    "numpy.npz": _npz(False),
    "compressed.npz": _npz(True),
}
NUMBERS = [0, 1, 2, 31, 32, 33, 0x7F, 0x80, 0xFF, 0xFFFF, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 62, (1 << 63) - 1]


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with a few changed: single ones, whole numbers, pieces left out, doubled or cut off."""
    content = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        if not content:
            break
        place = rng.randrange(len(content))
        kind = rng.randrange(6)
        if kind == 0:
            content[place] = rng.randrange(256)
        elif kind == 1:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            layout, bits = rng.choice([("<I", 32), ("<Q", 64)])
            number = struct.pack(layout, rng.choice(NUMBERS) & ((1 << bits) - 1))
            content[place : place + len(number)] = number
        elif kind == 3:
            del content[place : place + rng.randint(1, 16)]
        elif kind == 4:
            content[place:place] = content[place : place + rng.randint(1, 16)]
        elif rng.random() < 0.3:
            del content[place:]
    return bytes(content)


def attempt(raw: bytes, strict: bool) -> bool:
    """Whether it could be read, and then as what it says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = read_arrays(raw, strict=strict, dense_limit=LIMIT)
    except FormatError:
        return False
    assert len(content.names) in (0, len(content.records))
    assert len(set(content.names)) == len(content.names) or not strict
    assert sum(each.array.nbytes for each in content.records if each.array is not None) <= len(raw) + LIMIT
    return True


def fuzz(cases: int, seed: int) -> None:
    rng = random.Random(seed)
    seeds = list(SEEDS.values())
    read = sum(attempt(damaged(rng.choice(seeds), rng), rng.random() < 0.5) for _ in range(cases))
    assert 0 < read < cases  # some damage lies in the data, where nothing can see it


def fuzz_graphs(cases: int, seed: int) -> None:
    rng = random.Random(seed)
    texts = [path.read_bytes() for path in sorted((GOLDENS / "symbols").iterdir()) if path.stat().st_size < 8000]
    for _ in range(cases):
        with contextlib.suppress(FormatError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse_graph(damaged(rng.choice(texts), rng), strict=rng.random() < 0.5)


def test_arrays() -> None:
    fuzz(3000, 0)


def test_graphs() -> None:
    fuzz_graphs(500, 0)


@pytest.mark.slow
def test_a_hundred_thousand_files_of_arrays() -> None:
    fuzz(100_000, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_hundred_thousand_graphs(seed: int) -> None:
    fuzz_graphs(10_000, seed)


def test_noise() -> None:
    rng = random.Random(0)
    starts = [b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\0", struct.pack("<QQQ", 0x112, 0, 2), b" " + bytes(7) + b"{"]
    for start in starts:
        for _ in range(200):
            raw = start + rng.randbytes(rng.randrange(80))
            with pytest.raises(FormatError):
                read_arrays(raw)
            with pytest.raises(FormatError):
                read_pickle(b"\x80\x02" + raw, "noise")


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_memory_stays_below_twice_the_file(tmp_path: Path, container: str) -> None:
    path, size = tmp_path / "a", 1 << 21
    records = [Record(np.ones(size, "f4"), 0) for _ in range(3)]
    path.write_bytes(b"".join(CONTAINERS[container](["a", "b", "c"], records)))
    total = path.stat().st_size
    tracemalloc.start()
    content = read_arrays(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(content.records) == 3
    assert peak < 2 * total + (1 << 22)
