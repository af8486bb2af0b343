"""The fused recurrence on CPU: a grid of cells, modes of use and sizes, against torch, ONNX Runtime and real MXNet."""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from .runner import Peer, Worker

SCRIPT = str(Path(__file__).parent / "peers" / "cpu_kernels.py")
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1}
SHAPES = (
    (35, 32, 200),
    (35, 1, 512),
    (1, 1, 512),
    (35, 32, 650),
    (50, 64, 512),
    (100, 16, 1024),
    (35, 128, 256),
    (200, 8, 128),
)


@dataclass(frozen=True)
class Case:
    """One row: sizes ``(steps, batch, hidden)``, as many inputs as hidden units."""

    mode: str
    use: str
    """``inference`` or ``training``: forwards and all gradients, the input's too."""
    steps: int
    batch: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    projection: int = 0
    ragged: bool = False
    """Lengths spread evenly from 1 to `steps`."""

    @property
    def name(self) -> str:
        """What ``--only`` is matched with."""
        more = [
            *(["2-layer bidirectional"] if self.bidirectional else []),
            *([f"projecting to {self.projection}"] if self.projection else []),
            *(["ragged"] if self.ragged else []),
        ]
        return " ".join([self.mode, self.use, f"{self.steps},{self.batch},{self.hidden}", *more])

    def lengths(self) -> list[int]:
        """The sequences' lengths."""
        if not self.ragged:
            return [self.steps] * self.batch
        return [1 + (self.steps - 1) * row // max(1, self.batch - 1) for row in range(self.batch)]

    def roof(self, flops: float, read: float) -> float:
        """Seconds that `flops` a second, or `read` bytes a second where a weight is used once a step, would take."""
        directions, output = 1 + self.bidirectional, self.projection or self.hidden
        rows, total = sum(self.lengths()), 0.0
        for layer in range(self.layers):
            width = self.hidden if layer == 0 else directions * output
            gates = GATES[self.mode] * self.hidden
            by_input, by_state = gates * width, gates * output + self.projection * self.hidden
            arithmetic = 2 * rows * (by_input + by_state) / flops
            if self.batch == 1:
                # the states' weights are read again at every step
                states = self.steps * 4 * by_state / read
                inputs = 4 * by_input / read if self.steps == 1 else 2 * rows * by_input / flops
                once = states + inputs
                total += directions * (2 * once + arithmetic if self.use == "training" else once)
            else:
                total += directions * arithmetic * (3 if self.use == "training" else 1)
        return total


def cases() -> list[Case]:
    """The grid, and what is beside it."""
    uses = ("inference", "training")
    grid = [
        Case(mode, use, *shape)
        for mode in GATES
        for use in uses
        for shape in SHAPES
        if use == "inference" or shape[0] > 1
    ]
    beside = [
        case
        for use in uses
        for case in (
            Case("lstm", use, 35, 32, 200, layers=2, bidirectional=True),
            Case("lstm", use, 35, 32, 512, projection=128),
            Case("lstm", use, 100, 32, 256, ragged=True),
        )
    ]
    return [*grid, *beside]


def _peers() -> Sequence[Peer]:
    from tests.oracle import make  # where real MXNet lives is decided there

    environment = make.location()
    missing = "" if make.is_complete(environment) else make.MISSING
    return [
        Peer("rennet", [sys.executable, SCRIPT, "rennet"]),
        Peer("torch", [sys.executable, SCRIPT, "torch"]),
        Peer("onnxruntime", [sys.executable, SCRIPT, "onnxruntime"]),
        Peer("MXNet", [str(make.python_of(environment)), SCRIPT, "mxnet"], missing),
    ]


def _best(work: Callable[[], object], rounds: int = 30) -> float:
    best = math.inf
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def _floors(threads: int) -> tuple[float, float]:
    """Multiplications and additions a second of a large matrix product; bytes a second read from the cache."""
    torch.set_num_threads(threads)
    a, b, weights = torch.randn(1536, 1536), torch.randn(1536, 1536), torch.randn(2 * 4 * 512 * 512)
    return 2 * 1536**3 / _best(lambda: a @ b), 4 * weights.numel() / _best(weights.sum)


class Grid:
    """A table of many cases; each is measured by all peers in turns."""

    name = "cpu-kernels"

    def measure(self, rounds: int, threads: int, only: str = "") -> str:
        """The table as Markdown; of the cases whose name contains `only`, if given."""
        chosen = [case for case in cases() if only in case.name]
        peers = list(_peers())
        names = [peer.name for peer in peers]
        flops, read = _floors(threads)
        lines = [
            "### The fused recurrence on CPU",
            "",
            f"{threads} threads; median milliseconds of {rounds} interleaved turns, and the spread of rennet's. "
            f"Sizes are steps, batch, units. Roof: matrix products at {flops / 1e9:,.0f} GFLOP/s, "
            f"weights read at {read / 1e9:,.0f} GB/s.",
            "",
            f"| case | {' | '.join(names)} | spread | best peer is slower by | of the roof |",
            f"|---|{'---:|' * (len(names) + 3)}",
        ]
        ratios = []
        with tempfile.TemporaryDirectory() as folder:
            workers = {peer.name: Worker(peer, Path(folder), threads) for peer in peers if not peer.missing}
            try:
                for case in chosen:
                    taken = self._of(case, workers, rounds)
                    medians = {name: statistics.median(times) for name, times in taken.items() if times}
                    ours = medians["rennet"]
                    best = min((each for name, each in medians.items() if name != "rennet"), default=math.nan)
                    ratios.append(best / ours)
                    spread = (max(taken["rennet"]) - min(taken["rennet"])) / ours
                    shown = [f"{1e3 * medians[name]:.3g}" if name in medians else "" for name in names]
                    lines.append(
                        f"| {case.name} | {' | '.join(shown)} | {spread:.0%} | {best / ours:.2f}x "
                        f"| {case.roof(flops, read) / ours:.0%} |"
                    )
                    print(lines[-1], file=sys.stderr, flush=True)
            finally:
                for worker in workers.values():
                    worker.close()
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            lines += ["", f"Geometric mean over the best peer: {mean:.2f}x; worst {min(ratios):.2f}x."]
        lines += [f"{peer.name} is not here: {peer.missing}" for peer in peers if peer.missing]
        return "\n".join([*lines, ""])

    @staticmethod
    def _of(case: Case, workers: dict[str, Worker], rounds: int) -> dict[str, list[float]]:
        """Each peer's seconds for one call, turn by turn; none from a peer that cannot do it."""
        request = {**asdict(case), "lengths": case.lengths(), "seconds": 0.0}
        taken: dict[str, list[float]] = {name: [] for name in workers}
        for turn in range(rounds + 1):
            # the first turn builds, and fills caches
            request["seconds"] = 0.0 if turn == 0 else 0.05
            for name, worker in workers.items():
                rate = worker.turn(json.dumps(request))
                if turn and rate:
                    taken[name].append(1 / rate)
        return taken


BENCHMARK = Grid()
