"""Cells unrolled step by step against the fused layer: that one can have both is what is to be shown."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from .runner import Benchmark, Peer

PEERS = Path(__file__).parent / "peers"
SIZES = ((35, 32, 200), (50, 64, 512))
GATES = {"lstm": 4, "gru": 3, "rnn": 1, "stack": 8, "both ways": 8, "residual": 4, "zoneout": 4, "variational": 4}
"""How many gates' worth of arithmetic each network has; all but the first three consist of LSTMs."""
BINDING_STEPS, BINDING_LAYERS = 1000, 2


def _settings(kind: str, size: tuple[int, int, int], training: bool) -> dict[str, object]:
    steps, batch, hidden = size
    return {"kind": kind, "steps": steps, "batch": batch, "hidden": hidden, "training": training}


def _prepare(settings: dict[str, object], folder: Path) -> None:
    (folder / "settings.json").write_text(json.dumps(settings))


def _mxnet() -> tuple[str, str]:
    from tests.oracle import make  # where real MXNet lives is decided there

    environment = make.location()
    return str(make.python_of(environment)), "" if make.is_complete(environment) else make.MISSING


def _peers(kind: str) -> Sequence[Peer]:
    script, (mxnet, missing) = str(PEERS / "flexible_cells.py"), _mxnet()
    ours = {
        "layer": "rennet, fused layer",
        "unrolled": "rennet, unrolled",
        "file": "rennet, unrolled, from a file",
        "gluon": "rennet, Gluon's unroll",
    }
    peers = [Peer(title, [sys.executable, script, "rennet", how]) for how, title in ours.items()]
    peers.append(Peer("MXNet 1.9.1, unrolled", [mxnet, script, "mxnet", "unrolled"], missing))
    if kind in ("lstm", "gru", "rnn"):
        loop = str(PEERS / "flexible_cells_torch.py")
        peers.append(Peer(f"torch, loop over {kind.upper()}Cell", [sys.executable, loop]))
    return peers


def _roof(settings: dict[str, object], folder: Path, threads: int) -> tuple[float, str]:
    """The projections alone, three times for training, at the speed of a large multiplication of matrices."""
    torch.set_num_threads(threads)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - began)
    peak = 2 * 1024**3 / best
    hidden = int(str(settings["hidden"]))
    flops = (3 if settings["training"] else 1) * GATES[str(settings["kind"])] * 4 * hidden**2
    return peak / flops, f"{flops / 1e6:.1f} MFLOP a step, {peak / 1e9:.0f} GFLOP/s"


def _benchmark(kind: str, size: tuple[int, int, int], training: bool) -> Benchmark:
    settings, job = _settings(kind, size, training), "training" if training else "inference"
    shape = "x".join(map(str, size))
    return Benchmark(
        f"flexible-cells/{kind.replace(' ', '-')}-{shape}-{job}",
        f"{kind} cells, (T, N, H) = {size}, {job}",
        "steps",
        partial(_prepare, settings),
        partial(_peers, kind),
        partial(_roof, settings),
    )


def _peers_of_binding() -> Sequence[Peer]:
    script, (mxnet, missing) = str(PEERS / "flexible_cells.py"), _mxnet()
    return [
        Peer("rennet", [sys.executable, script, "rennet", "binding"]),
        Peer("MXNet 1.9.1", [mxnet, script, "mxnet", "binding"], missing),
    ]


def _roof_of_binding(folder: Path, threads: int) -> tuple[float, str]:
    """One look-up for each node, in a loop in Python."""
    many = {number: number for number in range(13 * BINDING_STEPS * BINDING_LAYERS)}
    visit: Callable[[int], int] = many.__getitem__
    began = time.perf_counter()
    for number in many:
        visit(number)
    seconds = time.perf_counter() - began
    return BINDING_STEPS * BINDING_LAYERS / seconds, f"{len(many)} look-ups"


_BINDING = {"kind": "stack", "steps": BINDING_STEPS, "batch": 2, "hidden": 4, "training": True}

BENCHMARKS = [
    Benchmark(
        "flexible-cells/binding",
        f"Binding {BINDING_STEPS} steps of {BINDING_LAYERS} LSTM cells",
        "steps",
        partial(_prepare, _BINDING),
        _peers_of_binding,
        _roof_of_binding,
    ),
    *(_benchmark(kind, size, training) for size in SIZES for training in (True, False) for kind in GATES),
]
