"""Killed by SIGKILL at random moments while saving: the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rennet._formats.params_file import read_params

KILLS = 60
SAVING = """
import sys
import numpy as np
from rennet._formats.params_file import Record, write_params
number = 0
while True:
    write_params(sys.argv[1], ["w"], [Record(np.full(200_000, number, "f4"), 0)])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_a_file_is_whole_whenever_saving_is_killed(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.params", random.Random(0)
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(rng.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        written = [int(line) for line in child.stdout.read().split()]
        child.stdout.close()
        child.wait()
        _, (record,) = read_params(path)
        assert record.array is not None
        assert record.array.shape == (200_000,)
        assert (record.array == record.array[0]).all()
        last = max(written, default=0)
        assert record.array[0] in (last, last + 1)  # renamed, and killed before it could say so
        for left in tmp_path.glob(".*.rennet-tmp"):
            left.unlink()
    assert [each.name for each in tmp_path.iterdir()] == ["a.params"]
