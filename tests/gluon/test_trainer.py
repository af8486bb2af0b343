"""Trainer: its results are real MXNet's, or torch's where the optimizer is torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, MXNetError, NotSupportedError
from rennet.gluon import Parameter, Trainer, nn
from same_script import run_here

from .script import PRELUDE, assert_same, here

TRAIN = """
x, labels = ramp(5, 3), ramp(5, 3) * 0.5


def train(optimizer, params, devices=1, steps=4, prepare=None, **kwargs):
    contexts = [mx.cpu(place) for place in range(devices)]
    net = HybridNet(prefix="n_")
    net.initialize(ctx=contexts)
    for ctx in contexts:
        net(x.as_in_context(ctx))
    fill(net)
    if prepare:
        prepare(net)
    trainer = gluon.Trainer(net.collect_params(), optimizer, params, **kwargs)
    for _ in range(steps):
        losses = []
        with autograd.record():
            for place, ctx in enumerate(contexts):
                y = net((x * (1 + place)).as_in_context(ctx))
                losses.append(((y - labels.as_in_context(ctx)) ** 2).sum())
        autograd.backward(losses)
        trainer.step(5)
    return [plain(each.list_data()) for each in net.collect_params().values()]


"""

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"learning_rate": 0.1}),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01}),
    ("sgd", {"clip_gradient": 0.1, "rescale_grad": 3.0}),
    ("nag", {"momentum": 0.9}),
    ("adam", {"learning_rate": 0.01, "wd": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"centered": True, "learning_rate": 0.01}),
    ("adagrad", {"learning_rate": 0.1, "wd": 0.01}),
    ("adadelta", {"wd": 0.01}),
    ("ftrl", {}),
    ("signum", {"learning_rate": 0.01}),
    ("adamax", {}),
    ("ftml", {}),
    ("lamb", {}),
    ("lars", {}),
    ("dcasgd", {}),
    ("lbsgd", {}),
]


@pytest.mark.parametrize(("optimizer", "params"), OPTIMIZERS, ids=str)
def test_optimizers(oracle: Oracle, optimizer: str, params: dict[str, Any]) -> None:
    assert_same(oracle, TRAIN + "note('trained', train(optimizer, params))", optimizer=optimizer, params=params)


@pytest.mark.parametrize("update_on_kvstore", [None, True, False])
@pytest.mark.parametrize("kvstore", ["device", "local"])
def test_several_devices(oracle: Oracle, kvstore: str, update_on_kvstore: bool | None) -> None:
    assert_same(
        oracle,
        TRAIN
        + """
for optimizer, params in (("sgd", {"learning_rate": 0.05, "momentum": 0.9}), ("adam", {})):
    note(optimizer, train(optimizer, params, 2, kvstore=kvstore, update_on_kvstore=where))
""",
        kvstore=kvstore,
        where=update_on_kvstore,
    )


def test_ways_of_asking(oracle: Oracle) -> None:
    assert_same(
        oracle,
        TRAIN
        + """
def multipliers(net):
    net.first.weight.lr_mult = 0.5
    net.second.bias.wd_mult = 0.0
    net.second.weight.lr_mult = 0.0


note("multipliers", train("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.1}, prepare=multipliers))
note("instance", train(mx.optimizer.SGD(learning_rate=0.1, momentum=0.5), None))
note("instance and arguments", fails(train, mx.optimizer.SGD(learning_rate=0.1), {"momentum": 0.1}))
schedule = mx.lr_scheduler.FactorScheduler(step=1, factor=0.5)
note("schedule", train("sgd", {"learning_rate": 0.1, "lr_scheduler": schedule}))
note("store", train("sgd", {"learning_rate": 0.05}, 2, kvstore=mx.kv.create("local")))
note("no store", train("sgd", {"learning_rate": 0.05}, kvstore=None))
note("unknown", [fails(train, "foo", {}), fails(train, "sgd", {"foo": 1})])
p = gluon.Parameter("p", shape=(3,), dtype="float16")
p.initialize(init="ones")
t = gluon.Trainer([p], "sgd", {"learning_rate": 0.001, "multi_precision": True, "momentum": 0.9})
for _ in range(3):
    with autograd.record():
        loss = (p.data() * p.data()).sum()
    loss.backward()
    t.step(1)
note("halves", p.data().astype("float32"))
net = HybridNet()
net.initialize()
net(x)
everything = net.collect_params()
note("list", fails(gluon.Trainer, list(everything.values()), "sgd"))
note("dict", fails(gluon.Trainer, dict(everything.items()), "sgd"))
note("none", [fails(gluon.Trainer, each, "sgd") for each in ([1], 5, [], net)])
""",
    )


def test_steps(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(5, 3)
h = HybridNet()
h.initialize()
h(x)
fill(h)
values = lambda: [each.data() for each in h.collect_params().values()]


def backward(part=h):
    with autograd.record():
        loss = part(x).sum()
    loss.backward()


t = gluon.Trainer(h.collect_params(), "sgd", {"learning_rate": 0.1})
note("rate", t.learning_rate)
t.set_learning_rate(0.2)
note("other rate", [t.learning_rate, type(t.optimizer).__name__])
note("stale", [fails(t.step, 1), fails(t.step, 1, ignore_stale_grad=True)])
try:
    t.step(1)
except Exception as error:
    note("kind", type(error).__name__)
backward(h.first)
note("partly stale", fails(t.step, 1))
backward(h.first)
t.step(1, ignore_stale_grad=True)
note("part", values())
backward()
t.allreduce_grads()
t.update(2)
note("update", values())
note("twice", fails(t.step, 1))
h.first.collect_params().setattr("grad_req", "null")
h.second.weight.grad_req = "add"
t = gluon.Trainer(h.collect_params(), "sgd", {"learning_rate": 0.1})
backward()
backward()
t.step(1)
note("null and add", values())
backward()
t.step(1)
note("added on", values())
h.collect_params().setattr("grad_req", "write")
backward()
gluon.Trainer(h.first.collect_params(), "sgd").step(1)
gluon.Trainer(h.second.collect_params(), "adam").step(1)
note("two trainers", values())
schedule = {"lr_scheduler": mx.lr_scheduler.FactorScheduler(step=1)}
note("rate beside a schedule", fails(gluon.Trainer(h.collect_params(), "sgd", schedule).set_learning_rate, 0.3))
u = HybridNet()
note("not initialised", fails(lambda: gluon.Trainer(u.collect_params(), "sgd").step(1)))
u.initialize()
note("deferred", fails(lambda: gluon.Trainer(u.collect_params(), "sgd").step(1)))
t = gluon.Trainer(u.collect_params(), "sgd", {"learning_rate": 0.1})
u(x)
fill(u)
h = u
backward(u)
t.step(1)
note("made before shapes were known", values())
u.initialize(force_reinit=True)
fill(u)
backward(u)
t.step(1)
note("initialised anew", values())
v = HybridNet()
v.first.initialize(ctx=mx.cpu(0))
v.second.initialize(ctx=mx.cpu(1))
note("on different devices", fails(lambda: gluon.Trainer(v.collect_params(), "sgd").step(1)))
""",
    )


def test_states(oracle: Oracle, tmp_path: Path) -> None:
    assert_same(
        oracle,
        """
x = ramp(5, 3)
h = HybridNet()
h.initialize()
h(x)
fill(h)


def go(trainer):
    for _ in range(2):
        with autograd.record():
            loss = (h(x) ** 2).sum()
        loss.backward()
        trainer.step(1)


for optimizer, params in (("adam", {"learning_rate": 0.1}), ("sgd", {"momentum": 0.9})):
    trainer = gluon.Trainer(h.collect_params(), optimizer, params)
    go(trainer)
    trainer.save_states(file)
    kept = [each.data().copy() for each in h.collect_params().values()]
    go(trainer)
    note(optimizer, [each.data() for each in h.collect_params().values()])
    for parameter, value in zip(h.collect_params().values(), kept):
        parameter.set_data(value)
    trainer = gluon.Trainer(h.collect_params(), optimizer, params)
    trainer.load_states(file)
    go(trainer)
    note(optimizer + " again", [each.data() for each in h.collect_params().values()])
""",
        file=str(tmp_path / "states"),
    )


@pytest.mark.parametrize(("optimizer", "params"), [("adam", {}), ("sgd", {"momentum": 0.9})], ids=str)
def test_states_of_mxnet(oracle: Oracle, tmp_path: Path, optimizer: str, params: dict[str, Any]) -> None:
    """What real MXNet's Trainer began, ours goes on with."""
    setting = """
p = gluon.Parameter("p", shape=(3,))
p.initialize(init="ones")
trainer = gluon.Trainer([p], optimizer, params)


def go():
    for _ in range(2):
        with autograd.record():
            loss = (p.data() ** 3 * nd.arange(1, 4)).sum()
        loss.backward()
        trainer.step(2)
    return plain(p.data())


"""
    begun = "note('begun', go())\ntrainer.save_states(file)\nnote('ended', go())"
    continued = "p.set_data(nd.array(begun))\ntrainer.load_states(file)\nnote('ended', go())"
    given = {"optimizer": optimizer, "params": params, "file": str(tmp_path / "states")}
    theirs = oracle.build(PRELUDE + setting + begun, ["report"], given)["report"]
    ours = here(setting + continued, begun=theirs["begun"], **given)
    np.testing.assert_allclose(ours["ended"], theirs["ended"], rtol=1e-5)
    trainer = Trainer([_parameter()], torch.optim.Adam, {"lr": 0.1})
    trainer.load_states(tmp_path / "states")
    with pytest.raises(NotSupportedError, match="pickle"):
        _step(trainer, *trainer._params)


def _parameter(count: int = 3, ctx: Any = None) -> Parameter:
    parameter = Parameter("p", shape=(count,))
    parameter.initialize(mx.init.One(), ctx=ctx)
    return parameter


def _step(trainer: Trainer, *parameters: Parameter, batch_size: float = 2) -> None:
    with mx.autograd.record():
        loss = [
            (data**3 * mx.nd.arange(1, 1 + data.size, ctx=data.context)).sum()
            for each in parameters
            for data in each.list_data()
        ]
    mx.autograd.backward(loss)
    trainer.step(batch_size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0.1}, "torch's SGD has no argument 'learning_rate'; torch calls it 'lr'"),
        ({"lr": 0.1, "wd": 0.1}, "torch's SGD has no argument 'wd'; torch calls it 'weight_decay'"),
        ({"lr": 0.1, "foo": 0.1}, "torch's SGD has no argument 'foo'; it has lr, momentum"),
    ],
    ids=["learning_rate", "wd", "foo"],
)
def test_arguments_that_torch_calls_otherwise(arguments: dict[str, Any], message: str) -> None:
    parameter = _parameter()
    with pytest.raises(ArgumentError, match=message):
        _step(Trainer([parameter], torch.optim.SGD, arguments), parameter)


TORCH = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (torch.optim.AdamW, {"lr": 0.05, "amsgrad": True}),
    (torch.optim.Adagrad, {"lr": 0.05}),
    (torch.optim.RMSprop, {"lr": 0.01, "centered": True}),
]


@pytest.mark.parametrize(("kind", "arguments"), TORCH, ids=lambda each: getattr(each, "__name__", ""))
def test_torch_optimizers(tmp_path: Path, kind: Any, arguments: dict[str, Any]) -> None:
    parameter = _parameter()
    trainer = Trainer([parameter], kind, arguments)
    tensor = torch.ones(3, requires_grad=True)
    optimizer = kind([tensor], **arguments)

    def both() -> None:
        _step(trainer, parameter)
        optimizer.zero_grad()
        ((tensor**3 * torch.arange(1, 4)).sum() / 2).backward()
        optimizer.step()
        np.testing.assert_allclose(parameter.data().asnumpy(), tensor.detach().numpy(), rtol=1e-6)

    for _ in range(3):
        both()
    assert trainer.learning_rate == arguments["lr"]
    trainer.set_learning_rate(0.02)
    optimizer.param_groups[0]["lr"] = 0.02
    both()
    trainer.save_states(tmp_path / "states")
    trainer = Trainer([parameter], kind, arguments)
    trainer.load_states(tmp_path / "states")
    both()
    assert trainer.learning_rate == 0.02


def test_torch_optimizers_on_several_devices() -> None:
    one, two = _parameter(), _parameter(ctx=[mx.cpu(0), mx.cpu(1)])
    options = {"lr": 0.01, "momentum": 0.9}
    first, second = Trainer([one], torch.optim.SGD, options), Trainer([two], torch.optim.SGD, options)
    assert (second.learning_rate, first.optimizer) == (0.01, None)
    first.set_learning_rate(0.02)
    second.set_learning_rate(0.02)
    for _ in range(3):
        _step(first, one, batch_size=1)
        _step(second, two, batch_size=2)
    for data in two.list_data():
        np.testing.assert_allclose(data.asnumpy(), one.data().asnumpy(), rtol=1e-6)
    second.set_learning_rate(0.0)
    _step(second, two)
    np.testing.assert_allclose(two.list_data()[1].asnumpy(), one.data().asnumpy(), rtol=1e-6)


def test_states_move_with_the_parameters() -> None:
    for optimizer, params in (("sgd", {"momentum": 0.9}), (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9})):
        moving, staying = _parameter(), _parameter()
        trainers = [Trainer([each], optimizer, params) for each in (moving, staying)]
        for round_ in range(3):
            for trainer, parameter in zip(trainers, (moving, staying), strict=True):
                _step(trainer, parameter)
            np.testing.assert_allclose(moving.data().asnumpy(), staying.data().asnumpy(), rtol=1e-6)
            moving.reset_ctx(mx.cpu(round_ + 1))
    shared = _parameter(ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = Trainer([shared], "sgd", update_on_kvstore=True)
    _step(trainer, shared)
    shared.reset_ctx([mx.cpu(1), mx.cpu(2)])
    with pytest.raises(MXNetError, match="make a new Trainer after reset_ctx"):
        _step(trainer, shared)


def test_messages(tmp_path: Path) -> None:
    parameter = _parameter()
    with pytest.raises(ArgumentError, match="at least one Parameter"):
        Trainer([], "sgd")
    with pytest.raises(ArgumentError, match=r"expected a dict or list of Parameters.*got Dense"):
        Trainer(nn.Dense(2), "sgd")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="entry 0"):
        Trainer([1], "sgd")  # pyright: ignore[reportArgumentType]
    with pytest.raises(NotSupportedError, match="compression_params"):
        Trainer([parameter], "sgd", compression_params={"type": "2bit"})
    with pytest.raises(ArgumentError, match="kvstore"):
        Trainer([parameter], "sgd", kvstore="foo")
    with pytest.raises(NotSupportedError, match="dist_sync"):
        Trainer([parameter], "sgd", kvstore="dist_sync")
    with pytest.raises(ArgumentError, match="update_on_kvstore=True needs a kvstore"):
        Trainer([parameter], "sgd", kvstore=None, update_on_kvstore=True)
    with pytest.raises(ArgumentError, match="a SGD instance holds tensors of its own"):
        Trainer([parameter], torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.1))
    trainer = Trainer([parameter], torch.optim.SGD, {"lr": 0.1})
    with pytest.raises(MXNetError, match="made by the first step"):
        trainer.save_states(tmp_path / "states")
    with pytest.raises(MXNetError, match="not known before the first step"):
        _ = Trainer([parameter], torch.optim.SGD).learning_rate
    for batch_size in (0, -1, float("nan")):
        with pytest.raises(ArgumentError, match="batch_size: expected a positive number"):
            trainer.step(batch_size)
    with pytest.raises(UserWarning, match="Gradient of Parameter `p` on context cpu"):
        trainer.step(1)
    (tmp_path / "states").write_bytes(b"something else")
    with pytest.raises((FormatError, NotSupportedError)):
        Trainer([parameter], "adam").load_states(tmp_path / "states")
    split = _parameter(ctx=[mx.cpu(0), mx.cpu(1)])
    with pytest.raises(MXNetError, match="whose gradients a kvstore has to add up"):
        _step(Trainer([split], "sgd", kvstore=None), split)
    with pytest.raises(MXNetError, match=r"allreduce_grads\(\) has no meaning"):
        Trainer([split], "sgd", update_on_kvstore=True).allreduce_grads()


def test_gradients_on_several_devices_stay_each_devices_own(oracle: Oracle) -> None:
    """By default the store adds up and updates, as in MXNet: gradients that are added to keep what they were."""
    source = """
net = mx.gluon.nn.Dense(1, in_units=1, use_bias=False)
net.initialize(mx.init.One(), ctx=[mx.cpu(0), mx.cpu(1)])
net.weight.grad_req = "add"
trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
for _ in range(3):
    with mx.autograd.record():
        losses = [net(mx.nd.ones((1, 1), ctx=mx.cpu(i)) * (i + 1)) for i in (0, 1)]
    for loss in losses:
        loss.backward()
    trainer.step(1)
values = [each.asnumpy() for each in net.weight.list_data()]
gradients = [each.asnumpy() for each in net.weight.list_grad()]
"""
    ours, theirs = (run(source, ["values", "gradients"]) for run in (run_here, oracle.build))
    for key in ("values", "gradients"):
        assert_all_close(ours[key], theirs[key], 1e-5, key)
