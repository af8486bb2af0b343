"""The main job: a bucketing LSTM language model, trained on the standard library's source."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rennet._language_model.data import prepare
from rennet._language_model.settings import TrainingSettings

from .runner import Benchmark, Peer

PEERS = Path(__file__).parent / "peers"
HIDDEN, LAYERS, BATCHES = 200, 2, 24


def _prepare(folder: Path) -> None:
    data = prepare(TrainingSettings(limit=20_000, min_count=1, max_vocabulary=5_900))
    arrays: dict[str, np.ndarray] = {}
    tokens = positions = 0
    for number, batch in zip(range(BATCHES), data.train, strict=False):
        arrays[f"data{number}"] = batch.data[0].asnumpy()
        arrays[f"label{number}"] = batch.label[0].asnumpy()
        tokens += int((arrays[f"label{number}"] != 0).sum())
        positions += arrays[f"label{number}"].size
    np.savez(folder / "batches.npz", **arrays)  # pyright: ignore[reportArgumentType]
    settings = {
        "batches": BATCHES,
        "vocabulary": len(data.vocabulary),
        "hidden": HIDDEN,
        "layers": LAYERS,
        "tokens": tokens,
        "positions": positions,
    }
    (folder / "settings.json").write_text(json.dumps(settings))


def _peers() -> Sequence[Peer]:
    from tests.oracle import make  # where real MXNet lives is decided there

    symbolic = str(PEERS / "language_model_symbolic.py")
    environment = make.location()
    mxnet = str(make.python_of(environment))
    missing = "" if make.is_complete(environment) else make.MISSING
    return [
        Peer("rennet, fused", [sys.executable, symbolic, "rennet", "fused"]),
        Peer("rennet, unfused", [sys.executable, symbolic, "rennet", "unfused"]),
        Peer("torch, nn.LSTM", [sys.executable, str(PEERS / "language_model_torch.py")]),
        Peer("MXNet 1.9.1, fused", [mxnet, symbolic, "mxnet", "fused"], missing),
        Peer("MXNet 1.9.1, unfused", [mxnet, symbolic, "mxnet", "unfused"], missing),
    ]


def _roof(folder: Path, threads: int) -> tuple[float, str]:
    """Arithmetic alone: the multiplications of the layers and the softmax, three times for training, at GEMM speed."""
    settings = json.loads((folder / "settings.json").read_text())
    recurrent = LAYERS * 2 * 4 * HIDDEN * HIDDEN
    flops = 3 * 2 * (recurrent + HIDDEN * settings["vocabulary"])
    torch.set_num_threads(threads)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - began)
    peak = 2 * 1024**3 / best
    useful = settings["tokens"] / settings["positions"]
    reckoning = f"{flops / 1e6:.1f} MFLOP a position, {peak / 1e9:.0f} GFLOP/s, {useful:.0%} of positions are tokens"
    return peak / flops * useful, reckoning


BENCHMARK = Benchmark(
    "language-model",
    "Training the language model (2-layer LSTM 200, batch 32, Adam)",
    "tokens",
    _prepare,
    _peers,
    _roof,
)
