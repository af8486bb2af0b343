"""What modules refuse, and that they say what was expected, what came, and where."""

# wrong types are the point
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rennet as mx
from rennet.base import ArgumentError, MXNetError, NotSupportedError
from rennet.io import DataBatch
from rennet.module import BaseModule, BucketingModule, Module, PythonLossModule, PythonModule, SequentialModule

from .classifier import batch, bound, data, network


def unbound() -> Module:
    return Module(network())


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "no symbol": (lambda: Module(None), "Module: symbol: expected a Symbol, got None"),
    "context": (
        lambda: Module(network(), context="cpu"),
        r"Module: context: expected a Context or a list of them, got 'cpu'; such as mx.cpu\(\) or mx.gpu\(0\)",
    ),
    "contexts": (lambda: Module(network(), context=["cpu"]), "Module: context: expected a Context or a list of them"),
    "work loads": (lambda: Module(network(), work_load_list=3), "work_load_list: expected a list of numbers, got 3"),
    "a name": (
        lambda: Module(network(), "data"),
        r"data_names: expected a list of names, got 'data'; write \['data'\]",
    ),
    "names": (lambda: Module(network(), label_names=3), "label_names: expected a list of names, got 3"),
    "a name that is none": (lambda: Module(network(), [3]), "data_names: expected a list of names, got 3"),
    "no shape": (
        lambda: unbound().bind([("data", 5)]),
        r"data_shapes: data: expected its shape, a tuple of sizes, got 5; such as \[\('data', \(8, 32\)\)\]",
    ),
    "negative shape": (lambda: unbound().bind([("data", (-4, 3))]), r"data: expected its shape, .* got \(-4, 3\)"),
    "shape of words": (lambda: unbound().bind([("data", ("a", 3))]), r"data: expected its shape, .* got \('a', 3\)"),
    "data": (
        lambda: unbound().bind("data"),
        r"data_shapes: expected a list of DataDesc or \(name, shape\), got 'data'",
    ),
    "a pair": (lambda: unbound().bind(("data", (4, 3))), r"data_shapes: expected a list of DataDesc .*, in it 'data'"),
    "labels": (
        lambda: unbound().bind([("data", (4, 3))], [3]),
        "label_shapes: expected a list of DataDesc .*, in it 3",
    ),
    "name of data": (lambda: unbound().bind([(3, (4, 3))]), "data_shapes: the name of 3: expected a string, got 3"),
    "grad_req": (
        lambda: unbound().bind([("data", (4, 4))], grad_req=3),
        "grad_req: expected a word, a list or a dict of",
    ),
    "shared module": (
        lambda: unbound().bind([("data", (4, 4))], shared_module=3),
        "bind: shared_module: expected a bound Module, got 3",
    ),
    "no batch": (
        lambda: bound().forward(None),
        r"data_batch: expected a batch with a list of arrays as its data, got None; mx.io.DataBatch",
    ),
    "an array": (lambda: bound().forward(mx.nd.ones((5, 4))), "expected a batch with a list of arrays .*, got NDArray"),
    "gradients": (lambda: bound().backward(3), "backward: out_grads: expected a list of NDArrays, got 3"),
    "a gradient": (lambda: bound().backward([3]), "backward: out_grads: expected NDArrays, got 3"),
    "monitor": (lambda: bound().install_monitor(3), "install_monitor: mon.install: .*; mx.mon.Monitor makes a monitor"),
    "no data to fit": (
        lambda: bound().fit(None, num_epoch=1),
        "fit: train_data: expected an iterator over batches with reset, provide_data, provide_label, got None",
    ),
    "arrays to fit": (lambda: bound().fit(np.ones((5, 4)), num_epoch=1), "train_data: expected an iterator .* ndarray"),
    "epochs": (
        lambda: bound().fit(data(), num_epoch="a"),
        "fit: num_epoch: expected a whole number of at least 0, got 'a'",
    ),
    "first epoch": (
        lambda: bound().fit(data(), num_epoch=2, begin_epoch=-1),
        "fit: begin_epoch: expected a whole number",
    ),
    "callback": (
        lambda: bound().fit(data(), num_epoch=1, batch_end_callback=3),
        "fit: a callback: expected something that can be called, got 3",
    ),
    "arrays to score": (
        lambda: bound().score(np.ones((5, 4)), "acc"),
        r"score: eval_data: expected an iterator over batches with reset, got ndarray; mx.io.NDArrayIter",
    ),
    "a word to predict": (lambda: bound().predict("a"), "predict: eval_data: expected an iterator .* got 'a'"),
    "initializer": (
        lambda: bound().init_params("xavier", force_init=True),
        r"init_params: initializer: expected something that can be called, got 'xavier'; mx.init.create\(name\) makes",
    ),
    "parameters": (lambda: bound().set_params([1]), "arg_params: expected a dict of NDArrays by name, got list"),
    "parameter": (
        lambda: bound().set_params({"fc1_bias": 3}, allow_missing=True),
        "parameter fc1_bias: expected an NDArray, got 3",
    ),
    "metric": (lambda: bound().update_metric(3, batch().label), "update_metric: eval_metric.update_dict: expected"),
    "metric's labels": (
        lambda: bound().update_metric(mx.metric.Accuracy(), 3),
        "update_metric: labels: expected a list of NDArrays, got 3",
    ),
    "states": (
        lambda: bound().set_states(3),
        "set_states: states: expected a list with an array for each state, got 3",
    ),
    "unknown argument": (
        lambda: bound().init_optimizer(optimizer_params={"foo": 1}, force_init=True),
        "optimizer 'sgd': takes no foo; it takes: momentum, .*learning_rate",
    ),
    "optimizer's arguments": (
        lambda: bound().init_optimizer(optimizer_params=3, force_init=True),
        "optimizer_params: expected a dict of arguments, got 3; such as {'learning_rate': 0.1}",
    ),
    "learning rate": (
        lambda: bound().init_optimizer(optimizer_params={"learning_rate": "a"}, force_init=True),
        "SGD: learning_rate: expected a number, got 'a'",
    ),
    "optimizer": (
        lambda: bound().init_optimizer(optimizer=3, force_init=True),
        "optimizer: expected a name or an Optimi",
    ),
    "kvstore": (
        lambda: bound().init_optimizer(kvstore=3, force_init=True),
        "kvstore: expected a name, a KVStore or None",
    ),
    "sym_gen": (
        lambda: BucketingModule(3, 1),
        "BucketingModule: sym_gen: expected something that can be called, got 3",
    ),
    "bucket": (
        lambda: BucketingModule(lambda _: (3, ["data"], None), 1).bind([("data", (4, 3))]),
        "Module: symbol: expected a Symbol, got 3",
    ),
    "link": (lambda: SequentialModule().add(3), "SequentialModule.add: module: expected a module, got 3"),
    "misspelt": (
        lambda: SequentialModule().add(unbound(), take_label=True),
        "SequentialModule.add: argument: expected one of auto_wiring, take_labels; got 'take_label'",
    ),
    "empty chain": (lambda: SequentialModule().bind([("data", (4, 3))]), "there are no modules; add some first"),
    "unbound chain": (lambda: SequentialModule().add(unbound()).data_shapes, "data_shapes: bind the chain first"),
    "chain without values": (lambda: SequentialModule().forward(batch()), "forward: the parameters have no values yet"),
    "loss of two": (
        lambda: PythonLossModule(data_names=["a", "b"]),
        r"PythonLossModule: data_names: expected one name, got \['a', 'b'\]",
    ),
    "loss without gradient": (lambda: PythonLossModule(grad_func=3), "PythonLossModule: grad_func: expected something"),
    "loss before": (lambda: PythonLossModule().get_outputs(), "get_outputs: there is nothing yet; call forward before"),
    "monitored loss": (
        lambda: PythonLossModule().install_monitor(None),
        "a module in Python has nothing that can be wat",
    ),
    "added gradients": (
        lambda: PythonLossModule().bind([("data", (4, 3))], grad_req="add"),
        "PythonLossModule.bind: grad_req: gradients are written, not 'add'",
    ),
    "other order": (
        lambda: PythonModule(["a", "b"], None, ["c"]).bind([("b", (1,)), ("a", (1,))]),
        r"PythonModule.bind: data_shapes: expected them in the order \['a', 'b'\], got \['b', 'a'\]",
    ),
    "no shapes of outputs": (
        lambda: PythonModule(["a"], None, ["c"]).bind([("a", (1,))]),
        "PythonModule: a module must define _compute_output_shapes",
    ),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(MXNetError, match=message):
        call()


MEMBERS = ["data_names", "output_names", "data_shapes", "label_shapes", "output_shapes"]


@pytest.mark.parametrize("member", MEMBERS)
def test_what_a_module_of_ones_own_lacks(member: str) -> None:
    class Own(BaseModule):
        pass

    with pytest.raises(NotSupportedError, match=f"Own: a module must define {member}") as caught:
        getattr(Own(), member)
    assert isinstance(caught.value, NotImplementedError)
    with pytest.raises(NotImplementedError, match="Own: a module must define forward"):
        Own().forward(batch())
    assert (Own().symbol, Own().get_states()) == (None, [])
    with pytest.raises(NotSupportedError, match="this kind of module has no states"):
        Own().set_states(value=1)


def test_a_single_gradient_is_a_list_of_one() -> None:
    found = []
    for grads in (mx.nd.ones((5, 2)), [mx.nd.ones((5, 2))]):
        module = Module(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc"), label_names=None)
        module.bind([("data", (5, 4))], inputs_need_grad=True)
        module.init_params(mx.init.One())
        module.forward(DataBatch(batch().data), is_train=True)
        module.backward(grads)
        found.append(module.get_input_grads()[0].asnumpy())
    np.testing.assert_array_equal(*found)


def test_labels_that_are_missing_or_sliced() -> None:
    loss = PythonLossModule(grad_func=lambda scores, labels: scores)
    loss.bind([("data", (5, 4))], [("softmax_label", (5,))])
    with pytest.raises(ArgumentError, match="expected a batch with labels in training, got none"):
        loss.forward(DataBatch(batch().data))
    with pytest.raises(NotSupportedError, match="labels come whole, not pre-sliced"):
        loss.update_metric(mx.metric.Accuracy(), batch().label, pre_sliced=True)
    with pytest.raises(ArgumentError, match="out_grads: expected None, as nothing follows a loss"):
        loss.backward(batch().label)
