"""Parameters: filled now or later, on one device or several, with gradients as asked for."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.gluon import Constant, DeferredInitializationError, Parameter

from .script import assert_same


def test_what_it_says_of_itself(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
for name, kwargs in {
    "plain": {"shape": (2, 3)},
    "unknown size": {"shape": (2, 0), "allow_deferred_init": True},
    "number": {"shape": 5},
    "no shape": {},
    "type": {"shape": 5, "dtype": "float64"},
}.items():
    note(name, repr(gluon.Parameter("w", **kwargs)))
p = gluon.Parameter("w", shape=(2, 3), lr_mult=0.5, wd_mult=2.0)
v = p.var()
note("variable", [v.name, sorted(v.list_attr().items()), p.var() is v])
note("factors", [p.lr_mult, p.wd_mult])
note("other shape", [fails(setattr, p, "shape", shape) for shape in ((2, 4), (2, 3, 1), (2, 3))])
q = gluon.Parameter("q", shape=(0, 3), allow_deferred_init=True)
q.shape = (5, 3)
note("learnt shape", q.shape)
d = gluon.Parameter("d", shape=(2,), differentiable=False)
note("not differentiable", d.grad_req)
d.grad_req = "write"
note("not differentiable still", d.grad_req)
note("kind of storage", fails(gluon.Parameter, "x", shape=(2,), stype="foo"))
""",
    )


def test_before_it_is_initialised(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
p = gluon.Parameter("w", shape=(2, 3))
for name in ("data", "grad", "list_data", "list_grad", "list_ctx", "zero_grad"):
    note(name, fails(getattr(p, name)))
note("set_data", fails(p.set_data, nd.ones((2, 3))))
note("reset_ctx", fails(p.reset_ctx, mx.cpu(1)))
p.cast("float64")
note("cast", repr(p))
note("not deferred", fails(gluon.Parameter("q", shape=(0, 3)).initialize))
""",
    )


def test_on_several_devices(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
p = gluon.Parameter("w", shape=(2, 3))
p.initialize(ctx=[mx.cpu(0), mx.cpu(1)], init="ones")
note("again", warned(p.initialize))
note("devices", [str(ctx) for ctx in p.list_ctx()])
note("data", [p.data(mx.cpu(1)), p.data(), fails(p.data, mx.cpu(2))])
with mx.cpu(1):
    note("of the current device", str(p.data().context))
note("lists", [p.list_data(), p.list_grad()])
p.set_data(ramp(2, 3))
note("set", p.list_data())
note("set wrong", fails(p.set_data, nd.ones((2, 4))))
p.reset_ctx(mx.cpu(2))
note("moved", [[str(ctx) for ctx in p.list_ctx()], p.list_data()])
p.initialize(init="zeros", ctx=mx.cpu(0), force_reinit=True)
note("anew", [[str(ctx) for ctx in p.list_ctx()], p.list_data()])
""",
    )


def test_gradients(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
p = gluon.Parameter("w", shape=(2, 3))
p.initialize(init="ones")


def run(factor):
    with autograd.record():
        loss = (p.data() * factor).sum()
    loss.backward()


run(3)
run(4)
note("write", p.grad())
p.grad_req = "null"
note("null", [fails(p.grad), fails(p.list_grad)])
p.zero_grad()
p.grad_req = "add"
run(3)
run(4)
note("add", p.grad())
p.zero_grad()
note("zero", p.grad())
note("unknown request", fails(setattr, p, "grad_req", "foo"))
run(5)
p.cast("float64")
note("cast", [p.data(), p.grad(), str(p.dtype)])
run(6)
note("after cast", p.grad())
""",
    )


def test_deferred(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
q = gluon.Parameter("q", shape=(0, 3), allow_deferred_init=True)
q.initialize(init=mx.init.One(), ctx=mx.cpu(1))
note("asked too early", fails(q.data))
note("devices", [str(ctx) for ctx in q.list_ctx()])
q.reset_ctx(mx.cpu(0))
note("moved", [str(ctx) for ctx in q.list_ctx()])
q.set_data(ramp(2, 3))
note("set", [q.shape, fails(q.data)])
q._finish_deferred_init()
note("values", q.data())
layer = nn.Dense(2)
layer.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
layer.weight.set_data(ramp(2, 3))
note("layer", [layer(nd.ones((1, 3))), layer.weight.list_data()])
""",
    )


def test_constants(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
c = gluon.Constant("c", [[1, 2], [3, 4]])
c.initialize()
note("constant", [c.data(), repr(c), c.grad_req, str(c.dtype)])
note("request", [warned(setattr, c, "grad_req", "write"), c.grad_req, fails(c.grad)])
c = gluon.Constant("c", nd.array([1, 2], dtype="int32"))
c.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
note("whole numbers", [c.list_data(), str(c.dtype)])
""",
    )


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["copy", "pickle"]
)
def test_copies_have_values_and_gradients_of_their_own(copied: Any) -> None:
    parameter = Parameter("w", shape=(2,), grad_req="add")
    parameter.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    new = copied(parameter)
    assert new.list_ctx() == parameter.list_ctx()
    np.testing.assert_array_equal(new.data().asnumpy(), parameter.data().asnumpy())
    for _ in range(2):
        with mx.autograd.record():
            loss = (new.data() * 3).sum()
        loss.backward()
    assert new.grad().asnumpy().tolist() == [6, 6]
    assert parameter.grad().asnumpy().tolist() == [0, 0]
    new.set_data([7, 7])
    assert (parameter.data().asnumpy() != 7).all()


def test_copies_of_what_is_deferred_or_constant() -> None:
    deferred = Parameter("w", shape=(0,), allow_deferred_init=True)
    deferred.initialize()
    with pytest.raises(DeferredInitializationError, match="'w' has not been initialized yet"):
        pickle.loads(pickle.dumps(deferred)).data()
    constant = Constant("c", [1, 2])
    constant.initialize()
    for new in (copy.deepcopy(constant), pickle.loads(pickle.dumps(constant))):
        assert new.data().asnumpy().tolist() == [1, 2]


@pytest.mark.parametrize("which", ["stype", "grad_stype"])
def test_sparse_parameters_are_refused(which: str) -> None:
    with pytest.raises(NotSupportedError, match=f"{which}='row_sparse'"):
        Parameter("w", shape=(2,), **{which: "row_sparse"})  # pyright: ignore[reportArgumentType]
    dense = Parameter("w", shape=(2, 2))
    with pytest.raises(NotSupportedError, match="row_sparse_data"):
        dense.row_sparse_data(mx.nd.array([0]))


def test_bad_input() -> None:
    for shape in ("abc", (2.5,), (2, True), (2, -3)):
        with pytest.raises(ShapeError, match="Parameter 'w': shape: expected whole numbers"):
            Parameter("w", shape=shape)  # pyright: ignore[reportArgumentType]
    assert Parameter("w", shape=(np.int64(5),)).shape == (5,)  # pyright: ignore[reportArgumentType]
    for ctx in ("cpu", [mx.cpu(), 3], 5):
        with pytest.raises(ArgumentError, match="ctx: expected a Context"):
            Parameter("w", shape=(2,)).initialize(ctx=ctx)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="each device once"):
        Parameter("w", shape=(2,)).initialize(ctx=[mx.cpu(), mx.cpu()])
    parameter = Parameter("w", shape=(2,))
    parameter.initialize()
    with pytest.raises(ShapeError, match="Parameter 'w': its shape is"):
        parameter.set_data([1, 2, 3])
    with pytest.raises(MXNetError, match="not initialized on context cpu\\(3\\)"):
        parameter.data(mx.cpu(3))
