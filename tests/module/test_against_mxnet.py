"""Twenty updates of the main job agree with real MXNet in every parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Batch, Oracle, Scheduler
from rennet.lr_scheduler import FactorScheduler
from same_script import random_arguments, run_here, to_nd, to_numpy

from .language_model import BUCKETS, DEFAULT, NAMES, ROWS, SymGen, batches_of, cell_of, sym_gen_of, to_batch

UPDATES = 20
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3, "clip_gradient": 1.0},
    "adam": {"learning_rate": 0.02, "wd": 1e-3},
}
SCHEDULE: Scheduler = {"name": "FactorScheduler", "kwargs": {"step": 6, "factor": 0.5}}


def train(
    sym_gen: SymGen, batches: list[Batch], params: dict[str, np.ndarray], optimizer: str, layout: str
) -> tuple[dict[str, np.ndarray], list[list[np.ndarray]]]:
    """Parameters after the last update, and the outputs before each."""
    module = mx.mod.BucketingModule(sym_gen, DEFAULT)
    ready = [to_batch(batch, layout) for batch in batches]
    module.bind(ready[0].provide_data, ready[0].provide_label)
    module.init_params(None, to_nd(params))
    how = {**OPTIMIZERS[optimizer], "lr_scheduler": FactorScheduler(**SCHEDULE["kwargs"])}
    module.init_optimizer(optimizer=optimizer, optimizer_params=how)
    outputs = []
    for batch in ready:
        module.forward_backward(batch)
        outputs.append([output.asnumpy() for output in module.get_outputs()])
        module.update()
    return to_numpy(module.get_params()[0]), outputs


def assert_trained_alike(oracle: Oracle, symbols: dict[int, str], sym_gen: SymGen, optimizer: str, layout: str) -> None:
    batches = batches_of(UPDATES, layout)
    shape = (DEFAULT, ROWS) if layout == "TN" else (ROWS, DEFAULT)
    params = random_arguments(mx.sym.load_json(symbols[DEFAULT]), data=shape, softmax_label=shape)
    del params["data"], params["softmax_label"]
    theirs = oracle.bucketing_steps(
        symbols,
        DEFAULT,
        *NAMES,
        batches,
        params,
        optimizer=optimizer,
        optimizer_params=OPTIMIZERS[optimizer],
        lr_scheduler=SCHEDULE,
        layouts=dict.fromkeys(NAMES[0] + NAMES[1], layout),
    )
    ours, outputs = train(sym_gen, batches, params, optimizer, layout)
    assert all(np.abs(after - params[name]).max() > 1e-2 for name, after in ours.items())  # it has learnt
    assert_all_close(ours, theirs.params, 1e-4, "parameters")
    for step, (own, reference) in enumerate(zip(outputs, theirs.outputs, strict=True)):
        assert_all_close(own, reference, 1e-4, f"outputs of step {step}")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize(("mode", "layout"), [("lstm", "TN"), ("gru", "NT"), ("rnn_tanh", "TN"), ("rnn_relu", "NT")])
def test_twenty_updates(oracle: Oracle, mode: str, layout: str, fused: bool, optimizer: str) -> None:
    sym_gen = sym_gen_of(cell_of(mode, fused), layout)
    symbols = {key: sym_gen_in_a_scope(sym_gen, key) for key in BUCKETS}
    assert_trained_alike(oracle, symbols, sym_gen, optimizer, layout)


def sym_gen_in_a_scope(sym_gen: SymGen, key: int) -> str:
    with mx.name.NameManager():
        return sym_gen(key)[0].tojson()


THEIRS = """
cell = mx.rnn.FusedRNNCell(5, num_layers=2, mode="lstm").unfuse()
symbols = {}
for key in buckets:
    with mx.name.NameManager():
        embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=11, output_dim=4)
        outputs, _ = cell.unroll(key, embedded, merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, 5)), num_hidden=11, name="pred")
        label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        symbols[key] = mx.sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=0, name="softmax").tojson()
"""


def test_twenty_updates_of_a_graph_that_mxnet_wrote(oracle: Oracle) -> None:
    symbols = oracle.build(THEIRS, ["symbols"], {"buckets": list(BUCKETS)})["symbols"]
    ours = run_here(THEIRS, ["symbols"], {"buckets": list(BUCKETS)})["symbols"]
    names = [mx.sym.load_json(each[DEFAULT]).list_arguments() for each in (ours, symbols)]
    assert names[0] == names[1]
    assert_trained_alike(oracle, symbols, lambda key: (mx.sym.load_json(symbols[key]), *NAMES), "sgd", "NT")
