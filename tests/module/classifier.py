"""A small classifier, as a module and as a snippet for both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

import rennet as mx
from rennet.context import cpu
from rennet.io import DataBatch, NDArrayIter
from rennet.module import Module
from same_script import random_arrays, run_here, to_nd, to_numpy

NETWORK = """
def network():
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc1")
    scores = mx.sym.FullyConnected(mx.sym.Activation(hidden, act_type="tanh"), num_hidden=2, name="fc2")
    return mx.sym.SoftmaxOutput(scores, mx.sym.Variable("softmax_label"), name="softmax")
"""
network = run_here(NETWORK, ["network"])["network"]

ROWS = 5
SHAPES = {"fc1_weight": (3, 4), "fc1_bias": (3,), "fc2_weight": (2, 3), "fc2_bias": (2,)}
PARAMS = random_arrays(SHAPES)
CPUS = {1: [cpu()], 2: [cpu(0), cpu(1)], 3: [cpu(0), cpu(1), cpu(2)]}


def batch(rows: int = ROWS, seed: int = 0) -> DataBatch:
    rng = np.random.default_rng(seed)
    data, label = rng.normal(size=(rows, 4)), rng.integers(0, 2, rows)
    return DataBatch([mx.nd.array(data)], [mx.nd.array(label)])


def bound(rows: int = ROWS, how: dict[str, Any] | None = None, **binding: Any) -> Module:
    """A module with `PARAMS` and an optimizer with momentum."""
    module = Module(network(), **(how or {}))
    module.bind([("data", (rows, 4))], [("softmax_label", (rows,))], **binding)
    module.init_params(None, to_nd(PARAMS))
    module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    return module


def train(module: Module, batches: Any = range(6)) -> dict[str, np.ndarray]:
    """The parameters after an update on each batch, given by its seed, or as it is."""
    for each in batches:
        module.forward_backward(batch(seed=each) if isinstance(each, int) else each)
        module.update()
    return params_of(module)


def params_of(module: Any) -> dict[str, np.ndarray]:
    return to_numpy(module.get_params()[0])


def data(rows: int = 24, size: int = ROWS, **how: Any) -> NDArrayIter:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 4)).astype(np.float32)
    return NDArrayIter(values, (values.sum(1) > 0).astype(np.float32), batch_size=size, **how)


def gradients_of(module: Any) -> dict[str, np.ndarray]:
    grads = module._exec_group.execs[0].grad_dict
    return {name: grad.asnumpy() for name, grad in grads.items() if grad is not None}
