"""A million sentences to numbers, and a million sentences into buckets."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .runner import Benchmark, Peer

SCRIPT = str(Path(__file__).parent / "peers" / "sentences.py")
SENTENCES, VOCABULARY, LONGEST = 1_000_000, 20_000, 30


def _prepare(folder: Path) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, LONGEST + 1, SENTENCES)
    # words as often as in a text: the n-th with a probability of about 1/n
    tokens = np.minimum(np.exp(rng.uniform(0, np.log(VOCABULARY), lengths.sum())), VOCABULARY - 1).astype(np.int64)
    np.savez(folder / "sentences.npz", lengths=lengths, tokens=tokens)
    (folder / "settings.json").write_text(json.dumps({"sentences": SENTENCES, "tokens": int(lengths.sum())}))


def _peers(job: str) -> Sequence[Peer]:
    from tests.oracle import make  # where real MXNet lives is decided there

    environment = make.location()
    missing = "" if make.is_complete(environment) else make.MISSING
    return [
        Peer("rennet", [sys.executable, SCRIPT, "rennet", job]),
        Peer("MXNet 1.9.1", [str(make.python_of(environment)), SCRIPT, "mxnet", job], missing),
    ]


def _roof_of_encoding(folder: Path, threads: int) -> tuple[float, str]:
    """A look-up of every word, in a loop in C."""
    words = [f"w{number}" for number in range(VOCABULARY)]
    numbers = {word: number for number, word in enumerate(words)}
    many = words * 50
    began = time.perf_counter()
    list(map(numbers.__getitem__, many))
    each = (time.perf_counter() - began) / len(many)
    settings = json.loads((folder / "settings.json").read_text())
    return settings["sentences"] / (each * settings["tokens"]), f"{each * 1e9:.0f} ns a look-up"


def _roof_of_bucketing(folder: Path, threads: int) -> tuple[float, str]:
    """Python's numbers made NumPy's, once."""
    settings = json.loads((folder / "settings.json").read_text())
    many = list(range(1_000_000))
    began = time.perf_counter()
    np.asarray(many)
    each = (time.perf_counter() - began) / len(many)
    return settings["sentences"] / (each * settings["tokens"]), f"{each * 1e9:.0f} ns a number"


ENCODING = Benchmark(
    "encoding",
    "encode_sentences on a million sentences (15 words on average, split from text, the n-th as frequent as 1/n), "
    "building the vocabulary",
    "sentences",
    _prepare,
    lambda: _peers("encoding"),
    _roof_of_encoding,
)
BUCKETING = Benchmark(
    "bucketing",
    "BucketSentenceIter made of a million sentences (six buckets)",
    "sentences",
    _prepare,
    lambda: _peers("bucketing"),
    _roof_of_bucketing,
)
