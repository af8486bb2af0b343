"""Measures peers in turns.

Every peer is a process of its own that waits for a line on its standard input, does one turn of work, and answers with
how long it took and how much it did. Turns are interleaved, so that a noisy machine is noisy for all.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Peer:
    """One way to do the work.

    Parameters
    ----------
    name : str
        What the table calls it.
    command : sequence of str
        Starts the process; the folder with the benchmark's inputs is added as last argument.
    missing : str
        Why it cannot run here, or empty.
    """

    name: str
    command: Sequence[str]
    missing: str = ""


@dataclass(frozen=True)
class Benchmark:
    """Something that several peers can do.

    Parameters
    ----------
    name, title : str
        For the command line and for the table.
    unit : str
        What a turn's amount is counted in; the table shows units per second.
    prepare : callable
        Writes the inputs that all peers share into a folder.
    peers : callable
        The peers.
    roof : callable
        Given the folder, the units per second that arithmetic alone would allow, and how that was reckoned.
    """

    name: str
    title: str
    unit: str
    prepare: Callable[[Path], None]
    peers: Callable[[], Sequence[Peer]]
    roof: Callable[[Path, int], tuple[float, str]]

    def measure(self, rounds: int, threads: int, only: str = "") -> str:
        """Run every peer `rounds` times in turns, or those whose name contains `only`; the table as Markdown."""
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder)
            self.prepare(inputs)
            peers = [peer for peer in self.peers() if only in peer.name]
            workers = {peer.name: Worker(peer, inputs, threads) for peer in peers if not peer.missing}
            try:
                for worker in workers.values():
                    worker.turn()  # compiles, allocates, fills caches
                rates: dict[str, list[float]] = {name: [] for name in workers}
                for _ in range(rounds):
                    for name, worker in workers.items():
                        rates[name].append(worker.turn())
            finally:
                for worker in workers.values():
                    worker.close()
            return self._table(rates, [peer for peer in peers if peer.missing], self.roof(inputs, threads), threads)

    def _table(
        self, rates: dict[str, list[float]], missing: Sequence[Peer], roof: tuple[float, str], threads: int
    ) -> str:
        medians = {name: statistics.median(values) for name, values in rates.items()}
        first = next(iter(medians))
        lines = [
            f"### {self.title}",
            "",
            f"{threads} threads, median of {len(rates[first])} interleaved turns. "
            f"Roof: {roof[0]:,.0f} {self.unit}/s ({roof[1]}).",
            "",
            f"| peer | {self.unit}/s | spread | of the roof | {first} is |",
            "|---|---:|---:|---:|---:|",
        ]
        for name, median in medians.items():
            spread = (max(rates[name]) - min(rates[name])) / median
            ratio = f"{medians[first] / median:.2f}x" if name != first else ""
            lines.append(f"| {name} | {median:,.0f} | {spread:.0%} | {median / roof[0]:.0%} | {ratio} |")
        lines += [f"| {peer.name} | not here: {peer.missing} | | | |" for peer in missing]
        return "\n".join([*lines, ""])


class Worker:
    """A running peer."""

    def __init__(self, peer: Peer, inputs: Path, threads: int) -> None:
        self._name = peer.name
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [*peer.command, str(inputs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def turn(self, request: str = "go") -> float:
        """Units per second of one turn; most peers are asked for the same each time, and do not look at the request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{request}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("turn "):
                answer: dict[str, Any] = json.loads(line[len("turn ") :])
                return answer["amount"] / answer["seconds"]
        raise RuntimeError(f"{self._name} ended with exit code {self._process.wait()}")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)
