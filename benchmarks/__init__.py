"""Speed, measured: peers side by side in one run, interleaved. ``python -m benchmarks`` prints the tables."""
