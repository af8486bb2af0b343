"""``python -m benchmarks [NAME ...]``: run the named benchmarks, or all, and print a table for each."""

from __future__ import annotations

import argparse
import sys

from . import cpu_kernels, language_model, sentences, streaming_step
from .runner import Benchmark

ALL: tuple[Benchmark | cpu_kernels.Grid, ...] = (
    language_model.BENCHMARK,
    cpu_kernels.BENCHMARK,
    streaming_step.BENCHMARK,
    sentences.ENCODING,
    sentences.BUCKETING,
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in ALL}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each peer gets (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each peer (default: 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the peers or cases whose name contains TEXT")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    for name in arguments.names or BENCHMARKS:
        print(BENCHMARKS[name].measure(arguments.rounds, arguments.threads, arguments.only), flush=True)
    return 0


sys.exit(main())
