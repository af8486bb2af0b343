"""``python -m benchmarks [NAME ...]``: run the named benchmarks, or all, and print a table for each."""

from __future__ import annotations

import argparse
import sys

from . import cpu_kernels, flexible_cells, language_model, loading, sentences, streaming_step
from .runner import Benchmark

ALL: tuple[Benchmark | cpu_kernels.Grid, ...] = (
    language_model.BENCHMARK,
    cpu_kernels.BENCHMARK,
    *flexible_cells.BENCHMARKS,
    streaming_step.BENCHMARK,
    sentences.ENCODING,
    sentences.BUCKETING,
    *loading.BENCHMARKS,
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in ALL}


def _chosen(name: str) -> list[str]:
    """The benchmarks of that name, or of that family: what stands before a slash."""
    return [each for each in BENCHMARKS if name in (each, each.partition("/")[0])]


def main() -> int:
    families = dict.fromkeys(name.partition("/")[0] for name in BENCHMARKS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(families)} (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each peer gets (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each peer (default: 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the peers or cases whose name contains TEXT")
    arguments = parser.parse_args()
    unknown = sorted(name for name in arguments.names if not _chosen(name))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    for name in [each for given in arguments.names or families for each in _chosen(given)]:
        print(BENCHMARKS[name].measure(arguments.rounds, arguments.threads, arguments.only), flush=True)
    return 0


sys.exit(main())
