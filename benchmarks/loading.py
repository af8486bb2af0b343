"""A file of 500 MB loaded and saved: a few large arrays, and many small ones."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import rennet as mx

from .runner import Benchmark, Peer

SCRIPT = str(Path(__file__).parent / "peers" / "loading.py")
SHAPES = {"large": (5, (5000, 5000)), "small": (60_000, (16, 128))}
"""How many arrays of which shape."""
_PIECE = 1 << 20


def _prepare(kind: str, folder: Path) -> None:
    count, shape = SHAPES[kind]
    rng = np.random.default_rng(0)
    path, checked = folder / "plain.params", folder / "checked.params"
    arrays = {f"arg:l{n}_i2h_weight": mx.nd.array(rng.standard_normal(shape, np.float32)) for n in range(count)}
    mx.nd.save(checked, arrays, checksum=True)
    os.link(checked, path)
    (folder / "settings.json").write_text(json.dumps({"megabytes": path.stat().st_size / 1e6}))


def _peers(job: str) -> Sequence[Peer]:
    from tests.oracle import make  # where real MXNet lives is decided there

    environment = make.location()
    missing = "" if make.is_complete(environment) else make.MISSING
    return [
        Peer("rennet", [sys.executable, SCRIPT, "rennet", job, "plain"]),
        Peer("rennet, with a checksum", [sys.executable, SCRIPT, "rennet", job, "checked"]),
        Peer("MXNet 1.9.1", [str(make.python_of(environment)), SCRIPT, "mxnet", job, "plain"], missing),
    ]


def _roof_of_loading(folder: Path, threads: int) -> tuple[float, str]:
    """The file read into one small piece of memory, again and again."""
    path, piece = folder / "plain.params", bytearray(_PIECE)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with path.open("rb", buffering=0) as stream:
            while stream.readinto(piece):
                pass
        best = min(best, time.perf_counter() - began)
    return path.stat().st_size / 1e6 / best, "read, and not kept"


def _roof_of_saving(folder: Path, threads: int) -> tuple[float, str]:
    """As many bytes from one small piece of memory written to a file, and not synced."""
    size, piece = (folder / "plain.params").stat().st_size, bytes(_PIECE)
    path = folder / "roof"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as stream:
        for _ in range(size // _PIECE):
            stream.write(piece)
    rate = size / 1e6 / (time.perf_counter() - began)
    path.unlink()
    return rate, "written, and not synced"


_TITLES = {kind: f"500 MB in {count:,} arrays of {shape}" for kind, (count, shape) in SHAPES.items()}
BENCHMARKS = [
    Benchmark(
        f"loading/{job}-{kind}",
        f"{title} {_TITLES[kind]}",
        "MB",
        lambda folder, kind=kind: _prepare(kind, folder),
        lambda job=job: _peers(job),
        roof,
    )
    for job, title, roof in (
        ("load", "nd.load of", _roof_of_loading),
        ("save", "nd.save of", _roof_of_saving),
    )
    for kind in SHAPES
]
