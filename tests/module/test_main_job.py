"""The main job against real MXNet: one bucketing language model, the same graphs, weights and batches, 20 updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Batch, Oracle, Scheduler
from rennet._language_model.network import PADDING_ID, cells_of, unrolled
from rennet._language_model.settings import ModelSettings
from same_script import Arrays, random_arrays, to_nd

VOCABULARY, BATCH, UPDATES = 23, 4, 20
BUCKETS = (3, 5, 8)
OPTIMIZERS = {
    "sgd": {"learning_rate": 0.02, "momentum": 0.9, "wd": 1e-3},
    "adam": {"learning_rate": 0.01, "wd": 1e-3},
}
SCHEDULE = Scheduler(name="FactorScheduler", kwargs={"step": 7, "factor": 0.5})


def batches() -> list[Batch]:
    """Sentences of every bucket in turn, some of them padded."""
    choice = np.random.default_rng(5)
    made = []
    for update in range(UPDATES):
        length = BUCKETS[update % len(BUCKETS)]
        tokens = choice.integers(1, VOCABULARY, (length + 1, BATCH)).astype(np.float32)
        tokens[length // 2 :, 0] = PADDING_ID
        made.append(Batch(data=[tokens[:-1]], label=[tokens[1:]], bucket_key=length))
    return made


def train(sym_gen: Any, weights: Arrays, optimizer: str) -> Arrays:
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=max(BUCKETS))
    shape = (max(BUCKETS), BATCH)
    module.bind([mx.io.DataDesc("data", shape, layout="TN")], [mx.io.DataDesc("softmax_label", shape, layout="TN")])
    module.init_params(arg_params=to_nd(weights))
    # gentle rates: at wilder ones both libraries drown in the rounding that they amplify
    scheduler = mx.lr_scheduler.FactorScheduler(**SCHEDULE["kwargs"])
    module.init_optimizer(optimizer=optimizer, optimizer_params={**OPTIMIZERS[optimizer], "lr_scheduler": scheduler})
    for batch in batches():
        data, label = (mx.nd.array(arrays[0]) for arrays in (batch["data"], batch["label"]))
        described = [
            [mx.io.DataDesc(name, array.shape, layout="TN")]
            for name, array in (("data", data), ("softmax_label", label))
        ]
        given = mx.io.DataBatch(
            [data], [label], bucket_key=batch["bucket_key"], provide_data=described[0], provide_label=described[1]
        )
        module.forward_backward(given)
        module.update()
    return {name: array.asnumpy() for name, array in module.get_params()[0].items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize("cells", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_twenty_updates_agree(oracle: Oracle, cells: str, fused: bool, optimizer: str) -> None:
    model = ModelSettings(cells=cells, fused=fused, layers=2, hidden=6, embed=5, dropout=0.0)
    sym_gen = unrolled(model, VOCABULARY, cells_of(model))
    symbols: dict[Any, mx.sym.Symbol] = {}
    for length in BUCKETS:
        with mx.name.NameManager():
            symbols[length] = sym_gen(length)[0]
    largest = max(BUCKETS)
    shapes, _, _ = symbols[largest].infer_shape(data=(largest, BATCH), softmax_label=(largest, BATCH))
    named = dict(zip(symbols[largest].list_arguments(), shapes, strict=True))
    weights = random_arrays({name: shape for name, shape in named.items() if name not in ("data", "softmax_label")})
    theirs = oracle.bucketing_steps(
        {length: symbol.tojson() for length, symbol in symbols.items()},
        largest,
        ["data"],
        ["softmax_label"],
        batches(),
        weights,
        optimizer=optimizer,
        optimizer_params=OPTIMIZERS[optimizer],
        lr_scheduler=SCHEDULE,
        layouts={"data": "TN", "softmax_label": "TN"},
    )
    ours = train(sym_gen, weights, optimizer)
    assert_all_close(ours, theirs.params, 1e-4, f"parameters after {UPDATES} updates")
