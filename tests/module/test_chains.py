"""SequentialModule, PythonModule and PythonLossModule, and the arrays of a module's executors, beside real MXNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError
from rennet.module import Module, PythonLossModule, SequentialModule
from same_script import random_arrays, run_here

CHAIN = """
def first():
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc1")
    hidden = mx.sym.BatchNorm(hidden, fix_gamma=False, name="bn")
    return mx.mod.Module(mx.sym.Activation(hidden, act_type="tanh", name="act"), label_names=None, context=contexts)

def second():
    scores = mx.sym.FullyConnected(mx.sym.Variable("hidden"), num_hidden=2, name="fc2")
    if not softmax:
        return mx.mod.Module(scores, data_names=["hidden"], label_names=None, context=contexts)
    return mx.mod.Module(mx.sym.SoftmaxOutput(scores, name="softmax"), data_names=["hidden"], context=contexts)

def chain():
    made = mx.mod.SequentialModule().add(first())
    if softmax:
        return made.add(second(), take_labels=True, auto_wiring=True)
    loss = mx.mod.PythonLossModule(grad_func=gradient)
    return made.add(second(), auto_wiring=True).add(loss, take_labels=True, auto_wiring=True)

def gradient(scores, labels):
    wrong = mx.nd.softmax(scores) - mx.nd.one_hot(labels, 2)
    return wrong.asnumpy() if as_numpy else wrong

contexts = [mx.cpu(i) for i in range(devices)]
"""
STEPS = f"""{CHAIN}
module = chain()
module.bind([("data", x[0].shape)], [("softmax_label", y[0].shape)], inputs_need_grad=True)
module.init_params(None, {{name: mx.nd.array(value) for name, value in params.items()}},
                   {{"bn_moving_mean": mx.nd.zeros((3,)), "bn_moving_var": mx.nd.ones((3,))}}, allow_extra=True)
module.init_optimizer(optimizer_params={{"learning_rate": 0.5, "momentum": 0.9}})
outputs, grads = [], []
for data, label in zip(x, y):
    batch = mx.io.DataBatch([mx.nd.array(data)], [mx.nd.array(label)])
    module.forward_backward(batch)
    module.update()
    outputs.append(module.get_outputs()[0].asnumpy())
    grads.append(module._modules[0].get_input_grads()[0].asnumpy())  # MXNet's chain forgets that they are wanted
values, states = module.get_params()
metric = mx.metric.create("acc")
module.update_metric(metric, batch.label)
measured = metric.get()
described = (module.data_names, module.output_names, [tuple(desc) for desc in module.data_shapes],
             [tuple(desc) for desc in module.label_shapes], [tuple(desc) for desc in module.output_shapes])
"""
SHAPES = {
    "fc1_weight": (3, 4),
    "fc1_bias": (3,),
    "bn_gamma": (3,),
    "bn_beta": (3,),
    "fc2_weight": (2, 3),
    "fc2_bias": (2,),
}


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(
    ("softmax", "as_numpy"), [(True, False), (False, False), (False, True)], ids=["symbol", "python", "numpy"]
)
def test_a_chain_trains_as_mxnets(oracle: Oracle, softmax: bool, as_numpy: bool, devices: int) -> None:
    rng = np.random.default_rng(0)
    given = {
        "softmax": softmax,
        "as_numpy": as_numpy,
        "devices": devices,
        "params": random_arrays(SHAPES),
        "x": [rng.normal(size=(5, 4)).astype(np.float32) for _ in range(4)],
        "y": [rng.integers(0, 2, 5).astype(np.float32) for _ in range(4)],
    }
    names = ["outputs", "grads", "values", "states", "measured", "described"]
    ours, theirs = (run(STEPS, names, given) for run in (run_here, oracle.build))
    for name in ("outputs", "grads", "values", "states"):
        assert_all_close(ours[name], theirs[name], 1e-5, name)
    assert (ours["measured"], ours["described"]) == (theirs["measured"], theirs["described"])


def make(**how: Any) -> Any:
    given = {"softmax": True, "as_numpy": False, "devices": 1, **how}
    return run_here(CHAIN, ["chain"], given)["chain"]()


@pytest.mark.parametrize("softmax", [True, False])
def test_fit_score_predict(softmax: bool) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(22, 4)).astype(np.float32)
    batches = mx.io.NDArrayIter(values, (values.sum(1) > 0).astype(np.float32), batch_size=5)
    module, symbols = make(softmax=softmax), []
    module.fit(
        batches,
        num_epoch=30,
        optimizer_params={"learning_rate": 0.5},
        epoch_end_callback=lambda epoch, symbol, *params: symbols.append(symbol),
    )
    assert module.score(batches, "acc")[0][1] > 0.8
    assert module.predict(batches).shape == (22, 2)
    assert symbols == [None] * 30


def test_parameters_of_a_chain(tmp_path: Any) -> None:
    module = make()
    module.bind([("data", (5, 4))], [("softmax_label", (5,))])
    module.init_params()
    before = module.get_params()
    module.save_params(f"{tmp_path}/chain.params")
    module.init_params(mx.init.One(), force_init=True)
    module.load_params(f"{tmp_path}/chain.params")
    for ours, theirs in zip(module.get_params(), before, strict=True):
        assert_all_close({k: v.asnumpy() for k, v in ours.items()}, {k: v.asnumpy() for k, v in theirs.items()}, 0, "")
    with pytest.raises(ArgumentError, match="arg_params: fc9 are not in this network"):
        module.set_params({**before[0], "fc9": mx.nd.ones((1,))}, before[1])
    twice = SequentialModule().add(module._modules[0]).add(make()._modules[0], auto_wiring=True)
    twice.bind([("data", (5, 4))], force_rebind=True)
    with pytest.raises(ArgumentError, match="modules 0 and 1 both have a parameter 'fc1_"):
        twice.init_params(force_init=True)


def test_a_monitor_sees_every_link() -> None:
    module, seen = make(), []
    module.bind([("data", (5, 4))], [("softmax_label", (5,))])
    module.init_params()

    class Monitor:
        def install(self, executor: Any) -> None:
            seen.append(executor)

    module.install_monitor(Monitor())
    assert len(seen) == 2


def test_a_loss_of_ones_own() -> None:
    class Doubled(PythonLossModule):
        def _backward_impl(self) -> None:
            assert self._scores is not None
            self._scores_grad = self._scores * 2

    loss = Doubled(name="double")
    loss.bind([("data", (2, 1))], [("softmax_label", (2,))])
    assert (loss.output_names, loss.output_shapes) == (["double_output"], [("double_output", (2, 1))])
    loss.forward_backward(mx.io.DataBatch([mx.nd.array([[1], [2]])], [mx.nd.array([0, 0])]))
    assert loss.get_input_grads()[0].asnumpy().tolist() == [[2], [4]]
    assert loss.get_params() == ({}, {})


ARRAYS = f"""{CHAIN}
module = first()
data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
before = mx.sym.Variable("before", shape=(0, 2))
hidden = mx.sym.BatchNorm(mx.sym.FullyConnected(data, num_hidden=2, name="fc") + before, name="bn")
network = mx.sym.SoftmaxOutput(hidden, label, name="softmax")
module = mx.mod.Module(network, context=contexts, state_names=["before"])
given = [("softmax_label", (5,))] if labels else None
module.bind([("data", (5, 4))], given, for_training=training, inputs_need_grad=training)
group = module._exec_group

def rows(entry):
    part, array = entry
    return part.start, part.stop, array.shape

found = {{
    "fed": [[rows(each) for each in arrays] for arrays in group.data_arrays],
    "labels": group.label_arrays and [[rows(each) for each in arrays] for arrays in group.label_arrays],
    "slices": [(part.start, part.stop) for part in group.slices],
    "inputs": group.input_grad_arrays and [[each.shape for each in arrays] for arrays in group.input_grad_arrays],
    "contexts": [str(each) for each in group.contexts],
    "shapes": [tuple(each) for each in group.data_shapes],
}}
for name in ("state_arrays", "param_arrays", "aux_arrays"):
    found[name] = [[each.shape for each in arrays] for arrays in getattr(group, name)]
for name in ("arg_names", "aux_names", "param_names", "batch_size"):
    found[name] = getattr(group, name)
found["execs"] = len(group.execs)
"""


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(("training", "labels"), [(True, True), (False, False), (False, True)])
def test_arrays_of_the_executors(oracle: Oracle, devices: int, training: bool, labels: bool) -> None:
    """What `_exec_group` shows, in MXNet's nesting."""
    given = {"devices": devices, "training": training, "labels": labels, "softmax": True, "as_numpy": False}
    ours, theirs = (run(ARRAYS, ["found"], given)["found"] for run in (run_here, oracle.build))
    assert ours == theirs


def test_the_arrays_are_those_that_are_used() -> None:
    module = Module(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc"), label_names=None)
    module.bind([("data", (2, 3))])
    group: Any = module._exec_group
    ((rows, array),) = group.data_arrays[0]
    assert (rows, group.label_arrays, group.input_grad_arrays) == (slice(0, 2), None, None)
    assert array is group.execs[0].arg_dict["data"]
