"""Module: its life from binding to checkpoint, beside real MXNet where numbers are concerned."""

from __future__ import annotations

import logging
import re
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, MXNetError, NotSupportedError, ShapeError
from rennet.io import DataBatch, NDArrayIter
from rennet.module import Module
from same_script import run_here, to_nd

from .classifier import CPUS, NETWORK, PARAMS, ROWS, SHAPES, batch, bound, data, gradients_of, network, params_of, train

# training


@pytest.mark.parametrize("fixed", [None, ["fc1_weight", "fc1_bias"]])
@pytest.mark.parametrize("sizes", [[5] * 6, [5, 2, 5, 3, 2, 5]], ids=["of one size", "of other sizes"])
def test_updates_are_mxnets(oracle: Oracle, sizes: list[int], fixed: list[str] | None) -> None:
    batches = [batch(size, seed) for seed, size in enumerate(sizes)]
    sent = [{part: [getattr(each, part)[0].asnumpy()] for part in ("data", "label")} for each in batches]
    theirs = oracle.module_steps(
        network().tojson(),
        ["data"],
        ["softmax_label"],
        sent,  # pyright: ignore[reportArgumentType]
        PARAMS,
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        fixed_param_names=fixed,
    )
    ours = train(bound(how={"fixed_param_names": fixed}), batches)
    assert_all_close(ours, theirs.params, 1e-5, "parameters")
    for name in fixed or ():
        np.testing.assert_array_equal(ours[name], PARAMS[name])


GRADIENTS = f"""{NETWORK}
module = mx.mod.Module(network(), fixed_param_names=["fc2_bias"])
module.bind([("data", (2, 4))], [("softmax_label", (2,))], inputs_need_grad=inputs, grad_req=grad_req)
module.init_params(None, {{name: mx.nd.array(value) for name, value in params.items()}})
batch = mx.io.DataBatch([mx.nd.array(x)], [mx.nd.array([0, 1])])
for _ in range(3):
    module.forward_backward(batch)
found = {{name: grad for name, grad in module._exec_group.execs[0].grad_dict.items()}}
inputs = module.get_input_grads() if inputs else []
"""


@pytest.mark.parametrize(
    ("grad_req", "inputs"),
    [
        ("write", False),
        ("write", True),
        ("add", False),
        ("add", True),
        ("null", False),
        ({"fc1_weight": "add", "fc1_bias": "null"}, False),
        ({"fc1_weight": "add", "fc1_bias": "null"}, True),
        ({"data": "add", "fc2_bias": "write"}, True),
        (["null", "add", "write", "add", "null", "null"], False),
    ],
    ids=str,
)
def test_gradients_as_requested(oracle: Oracle, grad_req: Any, inputs: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    given = {"grad_req": grad_req, "inputs": inputs, "params": PARAMS, "x": x}
    ours, theirs = (run(GRADIENTS, ["found", "inputs"], given) for run in (run_here, oracle.build))
    written = {name: grad for name, grad in theirs["found"].items() if grad is not None}
    assert_all_close(
        {name: grad for name, grad in ours["found"].items() if grad is not None}, written, 1e-6, "gradients"
    )
    assert_all_close(ours["inputs"], theirs["inputs"], 1e-6, "gradients of the data")


ORDER = """
x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
module = mx.mod.Module(x - 2 * y, ["y", "x"], None)
module.bind([("x", (1,)), ("y", (1,))], inputs_need_grad=True)
module.init_params()
module.forward(mx.io.DataBatch([mx.nd.array([3]), mx.nd.array([1])]), is_train=True)
module.backward([mx.nd.ones((1,))])
found = module.get_outputs(), module.get_input_grads(), module.data_names, [tuple(desc) for desc in module.data_shapes]
"""


def test_arrays_come_in_the_order_of_the_shapes(oracle: Oracle) -> None:
    ours, theirs = (run(ORDER, ["found"])["found"] for run in (run_here, oracle.build))
    for place in (0, 1):
        assert_all_close(ours[place], theirs[place], 0, "outputs and gradients")
    assert ours[2:] == theirs[2:]


# fit, score, predict


def test_fit_logs_as_mxnet_does(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    mx.random.seed(0)
    module = Module(network())
    module.fit(
        data(),
        data(),
        optimizer_params={"learning_rate": 0.5},
        num_epoch=2,
        batch_end_callback=mx.callback.Speedometer(ROWS, 4),
        epoch_end_callback=mx.callback.do_checkpoint(f"{tmp_path}/net"),
    )
    number = r"\d+\.\d{6}"
    lines = [
        line
        for epoch in (0, 1)
        for line in (
            rf"Epoch\[{epoch}\] Batch \[0-4\]\tSpeed: \d+\.\d\d samples/sec\taccuracy={number}",
            rf"Epoch\[{epoch}\] Train-accuracy={number}",
            rf"Epoch\[{epoch}\] Time cost=\d+\.\d{{3}}",
            rf'Saved checkpoint to "{re.escape(str(tmp_path))}/net-000{epoch + 1}\.params"',
            rf"Epoch\[{epoch}\] Validation-accuracy={number}",
        )
    ]
    assert len(caplog.messages) == len(lines)
    for message, line in zip(caplog.messages, lines, strict=True):
        assert re.fullmatch(line, message)


def test_fit_takes_an_epoch_up_again() -> None:
    whole, halves, batches = bound(), bound(), data()
    whole.fit(data(), num_epoch=1)
    train(halves, [batches.next(), batches.next()])
    seen: list[int] = []
    halves.fit(batches, num_epoch=1, begin_batch=2, batch_end_callback=lambda param: seen.append(param.nbatch))
    assert seen == [2, 3, 4]
    assert_all_close(params_of(halves), params_of(whole), 0, "parameters")


def test_score() -> None:
    module = bound()
    module.fit(data(), num_epoch=30)
    values = module.score(data(), ["acc", "ce"])
    assert [name for name, _ in values] == ["accuracy", "cross-entropy"]
    assert values[0][1] > 0.8
    calls: list[tuple[str, int]] = []
    module.score(
        data(),
        mx.metric.create("acc"),
        num_batch=2,
        batch_end_callback=lambda param: calls.append(("batch", param.nbatch)),
        score_end_callback=[lambda param: calls.append(("end", param.nbatch))],
    )
    assert calls == [("batch", 0), ("batch", 1), ("end", 2)]


def test_predict() -> None:
    module = bound()
    batches = data(rows=12)
    whole = module.predict(batches)
    assert whole.shape == (12, 2)  # the last batch of 2 was filled up
    ((_, array),) = batches.data
    for at_once in (array, array.asnumpy()):
        assert_close(module.predict(at_once), whole.asnumpy(), 1e-6, "at once")
    assert [each.shape for each in module.predict(batches, always_output_list=True)] == [(12, 2)]
    assert [outs[0].shape for outs in module.predict(batches, merge_batches=False)] == [(5, 2), (5, 2), (2, 2)]
    assert module.predict(batches, num_batch=1).shape == (5, 2)
    numbers = [(number, each.pad) for _, number, each in module.iter_predict(batches)]
    assert numbers == [(0, 0), (1, 0), (2, 3)]


ROWS_OF = """
data = mx.sym.Variable("data")
net = mx.sym.Group([
    mx.sym.Reshape(data, shape=(-1, 2), name="flat"),
    mx.sym.identity(data, name="same", attr={"__layout__": layout}),
    mx.sym.sum(data, name="total"),
])
"""


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
def test_predict_leaves_out_what_fills_a_batch_up(layout: str, devices: int) -> None:
    """Wherever the batch is, and however many rows an example has."""
    net, axis = run_here(ROWS_OF, ["net"], {"layout": layout})["net"], layout.index("N")
    module = Module(net, label_names=None, context=CPUS[devices])
    values = np.arange(24, dtype=np.float32).reshape((4, 3, 2) if axis == 0 else (3, 4, 2))
    batches = NDArrayIter(values, batch_size=4, layout=layout)
    module.bind(batches.provide_data, for_training=False)
    module.init_params()
    given = batches.next()
    given.pad = 3
    module.forward(given)
    flat, same, _ = module._outputs_without_padding(3)
    kept = values.take([0], axis)
    assert_close(same, kept, 0, "same")
    assert_close(flat, kept.reshape(-1, 2), 0, "flat")


def test_anything_with_data_is_a_batch() -> None:
    module, only_data = bound(), namedtuple("only_data", ["data"])
    given: Any = only_data(batch().data)
    module.forward(given, is_train=False)
    assert module.get_outputs()[0].shape == (5, 2)


# shapes


def test_batches_of_other_sizes() -> None:
    """Gradients still add up."""
    module, small = bound(grad_req="add"), batch(2, seed=9)
    module.forward_backward(batch())
    first = gradients_of(module)
    module.forward_backward(small)
    assert (module.data_shapes[0].shape, module.output_shapes) == ((2, 4), [("softmax_output", (2, 2))])
    alone = bound(2)
    alone.forward_backward(small)
    summed = {name: first[name] + grad for name, grad in gradients_of(alone).items()}
    assert_all_close(gradients_of(module), summed, 1e-6, "gradients")


def test_labels_may_come_later() -> None:
    module = Module(network())
    module.bind([("data", (ROWS, 4))])
    module.init_params(None, to_nd(PARAMS))
    module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    module.forward(DataBatch(batch().data), is_train=False)
    assert_all_close(train(module), train(bound()), 1e-6, "parameters")


class Monitor:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.installed: list[Any] = []
        self.calls: list[str] = []

    def install(self, executor: Any) -> None:
        self.installed.append(executor)

    def tic(self) -> None:
        self.calls.append("tic")

    def toc_print(self) -> None:
        self.calls.append("toc")


def test_a_monitor_stays() -> None:
    module, monitor = bound(), Monitor()
    module.fit(data(rows=10), num_epoch=1, monitor=monitor)
    assert monitor.calls == ["tic", "toc"] * 2
    module.forward(batch(2))
    assert monitor.installed[-1] is module._exec_group.execs[0]  # pyright: ignore[reportOptionalMemberAccess]
    assert len(monitor.installed) == 2


def test_rebinding_keeps_parameters() -> None:
    module = bound(grad_req="add")
    train(module, range(2))
    before = params_of(module)
    module.bind([("data", (3, 4))], for_training=False, force_rebind=True)
    assert_all_close(params_of(module), before, 0, "parameters")
    module.forward(batch(3))
    with pytest.raises(MXNetError, match="backward: the module was bound with for_training=False"):
        module.backward()
    module.bind([("data", (5, 4))], [("softmax_label", (5,))], force_rebind=True, grad_req="add")
    again = bound(grad_req="add")
    again.set_params(to_nd(before))
    for each in (module, again):
        each.forward_backward(batch())
    assert_all_close(gradients_of(module), gradients_of(again), 0, "gradients")


def test_binding_twice(caplog: pytest.LogCaptureFixture) -> None:
    module = bound()
    module.bind([("data", (2, 4))])
    module.init_optimizer()
    assert caplog.messages == ["Already bound, ignoring bind()", "optimizer already initialized, ignoring..."]
    assert module.data_shapes[0].shape == (5, 4)


def test_modules_share() -> None:
    first, second = bound(), Module(network())
    second.bind([("data", (2, 4))], [("softmax_label", (2,))], shared_module=first)
    second.forward_backward(batch(2))
    second.update()
    assert_all_close(params_of(first), params_of(second), 0, "parameters")
    assert np.abs(params_of(first)["fc1_weight"] - PARAMS["fc1_weight"]).max() > 1e-3
    with pytest.raises(ArgumentError, match="shared_module: expected 2 contexts as here, got 1"):
        Module(network(), context=CPUS[2]).bind([("data", (2, 4))], shared_module=first)


# parameters


@pytest.mark.parametrize(
    ("change", "how", "message"),
    [
        (
            {"fc1_bias": None},
            {},
            r"fc1_bias is missing from the given ones \(fc1_weight, fc2_bias, fc2_weight\); pass allow_m",
        ),
        ({"fc9": (1,)}, {}, "arg_params: fc9 are not in this network, which has fc1_weight, .*; pass allow_extra=True"),
        (
            {"fc2_bias": (3,)},
            {},
            r"fc2_bias: expected shape \(2,\), got \(3,\); are these the parameters of this network",
        ),
        ({"fc9": (1,), "fc1_bias": None}, {"allow_extra": True}, "fc1_bias is missing"),
    ],
)
def test_parameters_that_do_not_fit(change: dict[str, Any], how: dict[str, Any], message: str) -> None:
    module = bound()
    given = {**{name: 0 * array for name, array in to_nd(PARAMS).items()}}
    for name, shape in change.items():
        given.pop(name, None)
        if shape:
            given[name] = mx.nd.ones(shape)
    with pytest.raises(ArgumentError, match=message):
        module.set_params(given, **how)
    assert_all_close(params_of(module), PARAMS, 0, "as before")


def test_parameters_partly_given() -> None:
    module = bound()
    module.set_params({"fc1_bias": mx.nd.ones((3,)), "other": mx.nd.ones((1,))}, allow_missing=True, allow_extra=True)
    assert_all_close(params_of(module), {**PARAMS, "fc1_bias": np.ones(3, np.float32)}, 0, "set_params")
    module.init_params(mx.init.One(), {"fc1_weight": mx.nd.zeros((3, 4))}, allow_missing=True, force_init=True)
    assert {name: array.sum() for name, array in params_of(module).items()} == {
        "fc1_weight": 0,
        "fc1_bias": 0,
        "fc2_weight": 6,
        "fc2_bias": 0,
    }
    with pytest.warns(UserWarning, match="Parameters already initialized and force_init=False"):
        module.init_params(mx.init.One())
    with pytest.warns(UserWarning, match="Parameters already initialized and force_init=False"):
        module.set_params({}, force_init=False)
    fresh = Module(network())
    fresh.bind([("data", (2, 4))])
    with pytest.raises(ArgumentError, match="parameter fc1_weight has no value yet: give one, or an initializer"):
        fresh.init_params(None)
    for nothing in ({}, None):
        module.set_params(nothing, allow_missing=True)  # pyright: ignore[reportArgumentType]


def test_get_params_copies() -> None:
    module = bound()
    module.get_params()[0]["fc1_bias"][:] = 7
    assert_all_close(params_of(module), PARAMS, 0, "parameters")


# files


def test_checkpoints_with_optimizer_states(tmp_path: Path, oracle: Oracle, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prefix = f"{tmp_path}/net"
    module = bound()
    before = train(module, range(3))
    module.save_checkpoint(prefix, 3, save_optimizer_states=True)
    names = ["net-0003.params", "net-0003.states", "net-symbol.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert caplog.messages == [
        f'Saved checkpoint to "{prefix}-0003.params"',
        f'Saved optimizer state to "{prefix}-0003.states"',
    ]
    assert_all_close(oracle.load_checkpoint(prefix, 3).arg_params, before, 0, "read by MXNet")
    again = Module.load(prefix, 3, load_optimizer_states=True)
    assert_all_close(params_of(again), before, 0, "before binding")
    again.bind([("data", (ROWS, 4))], [("softmax_label", (ROWS,))])
    again.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    assert_all_close(train(again, range(3, 6)), train(bound()), 0, "as if not interrupted")


def test_params_files(tmp_path: Path, oracle: Oracle) -> None:
    module = bound()
    module.save_params(f"{tmp_path}/net.params")
    stored = oracle.load_params(f"{tmp_path}/net.params")
    assert_all_close(stored, {f"arg:{name}": array for name, array in PARAMS.items()}, 0, "read by MXNet")
    train(module)
    module.load_params(f"{tmp_path}/net.params")
    assert_all_close(params_of(module), PARAMS, 0, "loaded")
    mx.nd.save(f"{tmp_path}/other.params", {"weight": mx.nd.ones((1,))})
    with pytest.raises(FormatError, match=r"other\.params.*expected all to begin with arg: or aux:, got 'weight'"):
        module.load_params(f"{tmp_path}/other.params")


def test_optimizer_states_by_hand(tmp_path: Path) -> None:
    module, other = bound(), bound()
    train(module, range(3))
    module.save_optimizer_states(tmp_path / "states")
    other.set_params(*module.get_params())
    other.load_optimizer_states(tmp_path / "states")
    assert_all_close(train(other, [9]), train(module, [9]), 0, "parameters")


# what is refused


def test_an_order_of_things() -> None:
    module = Module(network())
    for call in (module.get_outputs, module.backward, lambda: module.data_shapes, module.init_params):
        with pytest.raises(MXNetError, match="the module is not bound yet; call bind"):
            call()
    with pytest.raises(MXNetError, match="get_params: the module has no parameters yet"):
        module.get_params()
    module.bind([("data", (ROWS, 4))])
    with pytest.raises(
        MXNetError, match="forward: the parameters have no values yet; call init_params or set_params first"
    ):
        module.forward(batch())
    module.init_params()
    with pytest.raises(MXNetError, match="no optimizer; call init_optimizer first"):
        module.update()
    with pytest.raises(MXNetError, match="bind the module with inputs_need_grad=True"):
        module.get_input_grads()
    with pytest.raises(MXNetError, match="the other module has no optimizer"):
        bound().borrow_optimizer(module)
    with pytest.raises(ArgumentError, match="fit: num_epoch is required"):
        module.fit(data())


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"data_names": ["x"]}, ArgumentError, "data_names: the symbol has no variable 'x'; it has: data, fc1_weight"),
        ({"fixed_param_names": ["x"]}, ArgumentError, "fixed_param_names: the symbol has no variable 'x'"),
        ({"state_names": ["x"]}, ArgumentError, "state_names: the symbol has no variable 'x'"),
        ({"context": CPUS[2], "work_load_list": [1]}, ArgumentError, "work_load_list: expected 2 shares, got 1"),
        ({"group2ctxs": {}}, NotSupportedError, "group2ctxs and compression_params are not supported"),
    ],
)
def test_what_makes_no_module(how: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Module(network(), **how)


def test_a_label_that_the_network_has_not() -> None:
    with pytest.warns(UserWarning, match=r"label_names: \['y'\] are no variables of the symbol; .*\['softmax_label'\]"):
        Module(network(), label_names=["y"])


@pytest.mark.parametrize(
    ("shapes", "how", "error", "message"),
    [
        (([("x", (5, 4))],), {}, ArgumentError, r"data_shapes: expected \['data'\], got \['x'\]"),
        (
            ([("data", (5, 4))], [("y", (5,))]),
            {},
            ArgumentError,
            r"label_shapes: expected \['softmax_label'\], got \['y'\]",
        ),
        (
            ([("data", (5, 4))], [("softmax_label", (4,))]),
            {},
            ShapeError,
            "expected the same batch size of all data and lab",
        ),
        (([("data", (5, 4))],), {"grad_req": ["write"]}, ArgumentError, "grad_req: expected 6 entries, got 1"),
    ],
)
def test_what_cannot_be_bound(shapes: Any, how: dict[str, Any], error: type[Exception], message: str) -> None:
    module = Module(network())
    with pytest.raises(error, match=message):
        module.bind(*shapes, **how)
    assert not module.binded


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"kvstore": "dist_sync"}, NotSupportedError, "kvstore 'dist_sync': distributed training is not supported"),
        ({"optimizer": 3}, ArgumentError, "optimizer: expected a name or an Optimizer, got int"),
    ],
)
def test_what_is_no_optimizer(how: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bound().init_optimizer(**how, force_init=True)


def test_an_optimizer_made_outside() -> None:
    module = bound()
    with pytest.warns(UserWarning, match=r"rescale_grad is 1\.0, not 1/batch_size \(0\.2\)\. Is this intended\?"):
        module.init_optimizer(optimizer=mx.optimizer.create("sgd", learning_rate=0.1), force_init=True)
    module.init_optimizer(optimizer=mx.optimizer.create("sgd", rescale_grad=0.2), force_init=True)
    assert module._optimizer.idx2name == dict(enumerate(SHAPES))  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({}, ArgumentError, "set_states: give either states or value"),
        ({"states": [], "value": 1}, ArgumentError, "set_states: give either states or value"),
        ({"states": []}, ArgumentError, "set_states: expected 1 states, got 0"),
        ({"states": [mx.nd.ones((2, 2))]}, ShapeError, r"set_states: h: expected shape \(5, 3\), got \(2, 2\)"),
    ],
)
def test_what_is_no_state(how: dict[str, Any], error: type[Exception], message: str) -> None:
    module = Module(mx.sym.Variable("data") + mx.sym.Variable("h"), label_names=None, state_names=["h"])
    module.bind([("data", (5, 3))])
    with pytest.raises(error, match=message):
        module.set_states(**how)


def test_output_gradients_that_do_not_fit() -> None:
    module = bound(how={"context": CPUS[2]})
    module.forward(batch(), is_train=True)
    with pytest.raises(ArgumentError, match="backward: expected 1 output gradients, got 2"):
        module.backward([mx.nd.ones((5, 2))] * 2)
    with pytest.raises(ShapeError, match=r"output gradient: expected 5 along axis 0, got shape \(4, 2\)"):
        module.backward([mx.nd.ones((4, 2))])
