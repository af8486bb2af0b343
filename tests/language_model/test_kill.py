"""Training killed by SIGKILL at random moments and resumed ends with bitwise the same parameters."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rennet as mx
from rennet._language_model.files import Files, Snapshot

SEEDS = 9
KILLS = 6
"""In each of the runs: more than fifty in all."""
EPOCHS = 20
TRAINING = """
import sys
from pathlib import Path
from rennet._language_model.settings import ModelSettings, TrainingSettings
from rennet._language_model.training import resume, start
prefix, text, epochs = sys.argv[1:]
if Path(prefix + "-resume.state").exists():
    run = resume({}, {}, prefix)
else:
    how = dict(limit=None, min_count=1, buckets=(4, 6, 8), batch_size=7, lr_decay=0.9, lr=0.01)
    model = ModelSettings(layers=2, hidden=8, embed=6, dropout=0.3)
    run = start(model, TrainingSettings(text=text, **how), prefix, True)
print("ready", flush=True)
run.run(int(epochs), bar=False)
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    choice = np.random.default_rng(1)
    words = [["the", "a"], ["cat", "dog", "cow"], ["sees", "hears"], ["the", "a"], ["tree", "house"]]
    lines = [" ".join(choice.choice(place) for place in words[: choice.integers(2, 6)]) for _ in range(60)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines))
    return path


def started(prefix: Path, text: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAINING, str(prefix), str(text), str(EPOCHS)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        pytest.fail(child.communicate()[1])
    return child


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_at_random_moments(tmp_path: Path, text: Path, seed: int) -> None:
    whole, parts, rng = tmp_path / "whole", tmp_path / "parts", random.Random(seed)
    child = started(whole, text)
    begin = time.perf_counter()
    assert child.communicate()[1] == "" or child.returncode == 0
    duration = time.perf_counter() - begin
    kills = 0
    while kills < KILLS:
        child = started(parts, text)
        try:
            child.wait(timeout=rng.random() * 1.6 * duration / KILLS)
            break  # done before it could be killed
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
            kills += 1
    else:
        child = started(parts, text)
    errors = child.communicate()[1]
    assert child.returncode == 0, errors
    assert kills == KILLS
    ours, theirs = (mx.nd.load(f"{prefix}-{EPOCHS:04d}.params") for prefix in (parts, whole))
    assert {name: each.asnumpy().tobytes() for name, each in ours.items()} == {
        name: each.asnumpy().tobytes() for name, each in theirs.items()
    }
    ends = [Snapshot.read(Files(str(prefix)).resume) for prefix in (parts, whole)]
    assert ends[0].optimizer == ends[1].optimizer
    assert ends[0].notes == ends[1].notes
