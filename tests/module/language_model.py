"""The main job in small: a bucketing language model over a few random batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import rennet as mx
from oracle.client import Batch
from rennet.io import DataBatch, DataDesc
from rennet.rnn import BaseRNNCell, FusedRNNCell

VOCABULARY, EMBED, HIDDEN, ROWS = 11, 4, 5, 3
PADDING = 0
BUCKETS = (5, 3, 4)
DEFAULT = max(BUCKETS)
NAMES = ["data"], ["softmax_label"]

SymGen = Callable[[int], tuple[mx.sym.Symbol, Sequence[str], Sequence[str]]]


def cell_of(mode: str = "lstm", fused: bool = True) -> BaseRNNCell:
    """Two layers."""
    cell = FusedRNNCell(HIDDEN, num_layers=2, mode=mode, prefix=f"{mode}_")
    return cell if fused else cell.unfuse()


def sym_gen_of(cell: BaseRNNCell, layout: str = "TN") -> SymGen:
    """Embedding, recurrent layers, softmax over the vocabulary at each step; padding does not count."""

    def sym_gen(length: int) -> tuple[mx.sym.Symbol, Sequence[str], Sequence[str]]:
        cell.reset()
        embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=VOCABULARY, output_dim=EMBED)
        outputs, _ = cell.unroll(length, embedded, layout=f"{layout}C", merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, HIDDEN)), num_hidden=VOCABULARY, name="pred")
        label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        loss = mx.sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=PADDING, name="softmax")
        return loss, *NAMES

    return sym_gen


def batches_of(count: int, layout: str = "TN", rows: int = ROWS, seed: int = 0) -> list[Batch]:
    """Random sentences in every bucket in turn, the default one first."""
    rng = np.random.default_rng(seed)
    found: list[Batch] = []
    for number in range(count):
        length = BUCKETS[number % len(BUCKETS)]
        tokens = rng.integers(1, VOCABULARY, (rows, length + 1)).astype(np.float32)
        tokens[0, -2:] = PADDING
        data, label = tokens[:, :-1], tokens[:, 1:]
        if layout == "TN":
            data, label = data.T, label.T
        found.append({"data": [data], "label": [label], "bucket_key": length})
    return found


def to_batch(batch: Batch, layout: str = "TN") -> Any:
    """A DataBatch for our modules."""
    data, label = (batch.get(part, [])[0] for part in ("data", "label"))
    return DataBatch(
        [mx.nd.array(data)],
        [mx.nd.array(label)],
        bucket_key=batch.get("bucket_key"),
        provide_data=[DataDesc("data", data.shape, layout=layout)],
        provide_label=[DataDesc("softmax_label", label.shape, layout=layout)],
    )
