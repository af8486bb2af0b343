"""A batch split over several devices, here ``cpu(0)``, ``cpu(1)`` ..., gives what one device gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError
from rennet.io import DataBatch, DataDesc
from rennet.module import Module
from rennet.module.parameters import Parameters
from rennet.module.rows import slices
from same_script import random_arrays, run_here

from .classifier import CPUS, batch, bound, train


@pytest.mark.parametrize("shares", [[1, 1], [1, 2, 1], [3, 1], [1, 1, 1], [0.5, 0.25, 0.25]])
def test_rows_are_shared_out_as_mxnet_does(oracle: Oracle, shares: list[float]) -> None:
    script = "found = [[(s.start, s.stop) for s in mx.executor_manager._split_input_slice(n, shares)] for n in sizes]"
    sizes = list(range(4, 20))
    theirs = oracle.build(script, ["found"], {"shares": shares, "sizes": sizes})["found"]
    assert [[(part.start, part.stop) for part in slices(size, shares)] for size in sizes] == theirs
    with pytest.raises(ArgumentError, match=f"a batch of 1 is too small for {len(shares)} devices"):
        slices(1, shares)


@pytest.mark.parametrize("devices", [2, 3])
@pytest.mark.parametrize("workload", [False, True])
def test_several_devices_train_like_one(devices: int, workload: bool) -> None:
    how = {"context": CPUS[devices], "work_load_list": list(range(1, devices + 1)) if workload else None}
    assert_all_close(train(bound(how=how)), train(bound()), 1e-6, "parameters")


def test_outputs_in_pieces() -> None:
    module, whole = bound(how={"context": CPUS[2]}, inputs_need_grad=True), bound(inputs_need_grad=True)
    for each in (module, whole):
        each.forward_backward(batch())
    (pieces,) = module.get_outputs(merge_multi_context=False)
    assert [piece.shape for piece in pieces] == [(2, 2), (3, 2)]
    assert module.output_shapes == [("softmax_output", (5, 2))]
    assert_all_close(module.get_outputs(), to_plain(whole.get_outputs()), 1e-6, "outputs")
    (pieces,) = module.get_input_grads(merge_multi_context=False)
    assert [piece.shape for piece in pieces] == [(2, 4), (3, 4)]
    assert_all_close(module.get_input_grads(), to_plain(whole.get_input_grads()), 1e-6, "gradients")


def to_plain(arrays: Any) -> list[np.ndarray]:
    return [array.asnumpy() for array in arrays]


@pytest.mark.parametrize("pre_sliced", [False, True])
def test_the_metric_sees_each_device(pre_sliced: bool) -> None:
    module, whole = bound(how={"context": CPUS[2]}), bound()
    values = []
    for each, labels in ((module, [[batch().label[0][:2]], [batch().label[0][2:]]]), (whole, [batch().label])):
        metric = mx.metric.create("acc")
        each.forward(batch())
        given: Any = labels if pre_sliced else batch().label
        each.update_metric(metric, given, pre_sliced)
        values.append(metric.get())
    assert values[0] == values[1]


SPLIT = """
data, state = mx.sym.Variable("data"), mx.sym.Variable("state", __layout__="LNC", shape=(1, 0, 2))
rnn = mx.sym.RNN(
    data, mx.sym.Variable("w"), state, mode="gru", num_layers=1, state_size=2, state_outputs=True, name="r",
    attr={"__layout__": "LNC"},
)
net = mx.sym.Group([rnn[0], rnn[1], mx.sym.Reshape(rnn[0], shape=(-1, 2))])
"""


def test_layouts_say_where_to_split_and_join() -> None:
    """Data, states, outputs and their gradients, none of which begins with the batch."""
    net = run_here(SPLIT, ["net"])["net"]
    arrays = random_arrays({"data": (3, 5, 4), "state": (1, 5, 2), "w": (48,), "0": (3, 5, 2), "1": (1, 5, 2)})
    found = []
    for count in (1, 2):
        module = Module(net, ["data"], None, context=CPUS[count], state_names=["state"])
        module.bind([DataDesc("data", (3, 5, 4), layout="TNC")], inputs_need_grad=True)
        module.init_params(None, {"w": mx.nd.array(arrays["w"])})
        module.set_states([mx.nd.array(arrays["state"])])
        module.forward(DataBatch([mx.nd.array(arrays["data"])]))
        flat = mx.nd.zeros((15, 2))
        module.backward([mx.nd.array(arrays["0"]), mx.nd.array(arrays["1"]), flat])
        found.append(to_plain([*module.get_outputs()[:2], *module.get_input_grads(), *module.get_states()]))
    assert_all_close(found[1], found[0], 1e-6, "joined")
    module = Module(net, ["data"], None, context=CPUS[2], state_names=["state"])
    module.bind([DataDesc("data", (3, 5, 4), layout="TNC")])
    (pieces,) = module.get_states(merge_multi_context=False)
    assert [piece.shape for piece in pieces] == [(1, 2, 2), (1, 3, 2)]
    module.set_states([[mx.nd.ones((1, 2, 2)), mx.nd.zeros((1, 3, 2))]])
    assert module.get_states()[0].asnumpy().sum() == 4
    module.set_states(value=2)
    assert module.get_states()[0].asnumpy().sum() == 20


def test_devices_with_memory_of_their_own_get_copies() -> None:
    parameters = Parameters(CPUS[2])
    first, second = parameters.pools
    assert first.args is second.args  # one memory
    assert first.grads is not second.grads
    second.args, second.aux = {"w": mx.nd.zeros((2,))}, {"m": mx.nd.zeros((1,))}  # as if it were another
    first.args["w"], first.aux["m"] = mx.nd.zeros((2,)), mx.nd.zeros((1,))
    parameters.fill(["w", "m"], {"w": mx.nd.ones((2,))}, {"m": mx.nd.ones((1,))}, None, allow_missing=False)
    assert (second.args["w"].asnumpy().tolist(), second.aux["m"].asnumpy().tolist()) == ([1, 1], [1])


@pytest.mark.parametrize("devices", [2, 3])
def test_each_device_has_moving_statistics_of_its_own(oracle: Oracle, devices: int) -> None:
    """They follow from the rows that it sees; what the module hands out is their mean."""
    script = """
net = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn", fix_gamma=False)
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, name="fc"), name="softmax")
module = mx.mod.Module(net, context=[mx.cpu(i) for i in range(devices)])
module.bind([("data", (6, 3))], [("softmax_label", (6,))])
module.init_params(mx.init.One())
module.init_optimizer()
for rows in batches:
    module.forward_backward(mx.io.DataBatch([mx.nd.array(rows)], [mx.nd.zeros((6,))]))
    module.update()
mx.nd.waitall()
states = {name: value.asnumpy() for name, value in module.get_params()[1].items()}
"""
    batches = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("f")
    given = {"devices": devices, "batches": batches}
    ours = run_here(script, ["states"], given)["states"]
    assert_all_close(ours, oracle.build(script, ["states"], given)["states"], 1e-5, "state")


def test_gradients_by_parameter_and_device() -> None:
    """`_exec_group.grad_arrays`, by which programs clip gradients."""
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    module = Module(mx.sym.MakeLoss(net), ["data"], None, context=CPUS[2])
    module.bind([("data", (4, 3))])
    module.init_params(mx.init.One())
    with pytest.raises(MXNetError, match="get_outputs: there are none yet; call forward first"):
        module.get_outputs()
    with pytest.raises(ArgumentError, match=r"the batch's data: expected 1 arrays \(data\), got 2"):
        module.forward(mx.io.DataBatch([mx.nd.ones((4, 3))] * 2))
    module.forward_backward(mx.io.DataBatch([mx.nd.ones((4, 3))]))
    group: Any = module._exec_group
    assert [[each.shape for each in arrays] for arrays in group.param_arrays] == [[(2, 3)] * 2, [(2,)] * 2]
    assert [each.asnumpy().tolist() for each in group.grad_arrays[1]] == [[2, 2], [2, 2]]
    assert group.aux_arrays == []


def test_devices_agree_after_an_epoch(oracle: Oracle) -> None:
    """Moving statistics are each device's own during an epoch, and their mean from its end on, as it is saved."""
    source = """
data = mx.sym.Variable("data")
hidden = mx.sym.BatchNorm(mx.sym.FullyConnected(data, num_hidden=5, name="first"), name="norm", fix_gamma=False)
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="second"), name="softmax")
module = mx.mod.Module(net, context=[mx.cpu(0), mx.cpu(1)])
batches = mx.io.NDArrayIter(inputs, labels, 7, last_batch_handle="discard")
module.bind(batches.provide_data, batches.provide_label)
module.init_params(arg_params={name: mx.nd.array(value) for name, value in given.items()}, aux_params={
    "norm_moving_mean": mx.nd.zeros((5,)), "norm_moving_var": mx.nd.ones((5,))})
module.fit(batches, num_epoch=2, optimizer="sgd", optimizer_params={"learning_rate": 0.1})
states = [[each.asnumpy() for each in arrays] for arrays in module._exec_group.aux_arrays]
score = dict(module.score(batches, "ce"))
"""
    shapes = {"first_weight": (5, 4), "first_bias": (5,), "norm_gamma": (5,), "norm_beta": (5,)}
    given = random_arrays({**shapes, "second_weight": (3, 5), "second_bias": (3,)})
    rng = np.random.default_rng(0)
    inputs = {"given": given, "inputs": rng.normal(size=(28, 4)).astype(np.float32), "labels": np.arange(28.0) % 3}
    ours, theirs = (run(source, ["states", "score"], inputs) for run in (run_here, oracle.build))
    for mine, reference in zip(ours["states"], theirs["states"], strict=True):
        assert_all_close(mine, reference, 1e-5, "moving statistics")
        assert (mine[0] == mine[1]).all()
    assert ours["score"]["cross-entropy"] == pytest.approx(theirs["score"]["cross-entropy"], abs=1e-5)
