"""One step for one sequence, as a decoder makes it: what a call costs beside the arithmetic."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from .runner import Benchmark, Peer

SCRIPT = str(Path(__file__).parent / "peers" / "streaming_step.py")
HIDDEN, STEPS = 128, 2000


def _prepare(folder: Path) -> None:
    (folder / "settings.json").write_text(json.dumps({"hidden": HIDDEN, "steps": STEPS}))


def _peers() -> Sequence[Peer]:
    names = {"FusedRNN": "rennet, FusedRNN", "nd.RNN": "rennet, nd.RNN", "torch": "torch, nn module"}
    return [
        Peer(f"{title}, {mode}", [sys.executable, SCRIPT, name, mode])
        for mode in ("lstm", "gru")
        for name, title in names.items()
    ]


def _roof(folder: Path, threads: int) -> tuple[float, str]:
    """An LSTM's weights read once from the cache that holds them."""
    torch.set_num_threads(threads)
    weights = torch.randn(2 * 4 * HIDDEN * HIDDEN)
    best = float("inf")
    for _ in range(200):
        began = time.perf_counter()
        weights.sum()
        best = min(best, time.perf_counter() - began)
    size = 4 * weights.numel()
    return 1 / best, f"{size / 1e3:.0f} kB of weights, {size / best / 1e9:.0f} GB/s"


BENCHMARK = Benchmark(
    "streaming-step",
    f"One step of one sequence (T = N = 1, {HIDDEN} units, inference)",
    "steps",
    _prepare,
    _peers,
    _roof,
)
