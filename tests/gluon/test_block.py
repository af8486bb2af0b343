"""Blocks: their names, their parts, their files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet import gluon
from rennet.base import ArgumentError, NotSupportedError
from rennet.gluon import nn
from same_script import run_here

from .script import PRELUDE, assert_same

NESTED = """
class Inner(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.d = nn.Dense(2)
            self.e = nn.Dense(2)
            self.w = self.params.get("w", shape=(2,))


class Outer(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.i = Inner()
            self.j = Inner(prefix="jj_")
            self.k = Inner(prefix="")
            self.s = nn.Sequential()
            with self.s.name_scope():
                self.s.add(nn.Dense(1), Inner())
            self.t = nn.Sequential(prefix="")
            with self.t.name_scope():
                self.t.add(nn.Dense(1), nn.Dense(2))
            self.o = nn.Sequential()
            self.o.add(nn.Dense(3))
        self.out = nn.Dense(2)
        self.shared = nn.Dense(2, params=self.i.d.params)
        self.shared2 = nn.Dense(2, prefix="p_", params=self.i.d.collect_params())


"""

SHARED = """
class Shared(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.a = nn.Dense(3, in_units=3)
            self.b = nn.Dense(3, in_units=3, params=self.a.params)

    def hybrid_forward(self, F, x):
        return self.b(self.a(x))


"""


@pytest.mark.parametrize("kwargs", [{}, {"prefix": ""}, {"prefix": "my_"}, {"prefix": "noscore"}], ids=str)
def test_names(oracle: Oracle, kwargs: dict[str, str]) -> None:
    assert_same(
        oracle,
        NESTED
        + """
for count in range(2):
    n = Outer(**kwargs)
    note("own%d" % count, [n.name, n.prefix, n.params.prefix, n._prefix, n._empty_prefix])
    note("parameters%d" % count, [list(n.collect_params()), list(n._collect_params_with_prefix())])
    note("repr%d" % count, [repr(n), repr(n.collect_params())])
    inside = [n.i, n.j, n.k, n.s, n.s[1], n.t, n.o, n.out, n.shared, n.shared2, n.k.d]
    note("inside%d" % count, [(b.name, b.prefix, b.params.prefix, list(b.params)) for b in inside])
    note("parts%d" % count, [list(n._children), sorted(n._reg_params), sorted(n.i._reg_params)])
with mx.name.Prefix("hi_"):
    note("under a prefix", [nn.Dense(2).name, Outer().name])
with mx.name.NameManager():
    note("counted afresh", [nn.Dense(2).name, Outer().name])
for select in (".*weight", "w", "outer", "my_|dense", None):
    note("selected by %s" % select, list(n.collect_params(select)))
""",
        kwargs=kwargs,
    )


def test_attributes(oracle: Oracle) -> None:
    assert_same(
        oracle,
        NESTED
        + """
n = Outer()
note("refused", [
    fails(setattr, n, "i", 3), fails(setattr, n.i, "w", 3), fails(setattr, n, "i", nn.Dense(2)),
    fails(setattr, n, "out", nn.Dense(2)), fails(setattr, n.i, "w", gluon.Parameter("x")), fails(setattr, n, "i", None),
])


class InList(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [nn.Dense(2), nn.Dense(3)]
        self.more = {"a": nn.Dense(2)}


l = InList()
note("not registered", warned(l.collect_params))
for block in l.blocks:
    l.register_child(block)
note("by number", [list(l._children), warned(l.collect_params)])
l.register_child(l.more["a"], "a")
note("by name", [list(l._children), warned(l.collect_params), list(l.collect_params())])
note("no forward", fails(l, nd.ones((1,))))
names = []
note("apply", n.apply(lambda block: names.append(block.name)) is n)
note("applied", names)
net = Net()
net.initialize()
net.cast("float64")
note("cast", [np.dtype(net(nd.ones((2, 3), dtype="float64")).dtype).name])
net.cast(np.float16)
note("cast again", [np.dtype(p.dtype).name for p in net.collect_params().values()])
""",
    )


def test_hooks(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
order = []
net = Net()
net.initialize()
before = net.register_forward_pre_hook(lambda b, i: order.append(["before", b.name, type(i).__name__, len(i)]))
after = net.register_forward_hook(lambda b, i, o: order.append(["after", b.name, type(i).__name__, o.shape]))
inner = net.first.register_forward_hook(lambda b, i, o: order.append(["inner", b.name, o.shape]))
net.register_forward_hook(lambda b, i, o: order.append(["last"]))
net.register_forward_hook(lambda b, i, o: 5)
note("all", [net(nd.ones((2, 3))).shape, list(order)])
del order[:]
before.detach()
before.detach()
net(nd.ones((2, 3)))
note("one less", list(order))
del order[:]
with after:
    pass
net(nd.ones((2, 3)))
note("two less", list(order))
""",
    )


def test_sharing(oracle: Oracle) -> None:
    assert_same(
        oracle,
        SHARED
        + """
x = ramp(2, 3)
s = Shared()
s.initialize()
fill(s)
note("one", [list(s.collect_params()), s.a.weight is s.b.weight, list(s._collect_params_with_prefix())])
t = Shared(params=s.collect_params())
note("all", [list(t.collect_params()), t.a.weight is s.a.weight])
t = Shared(prefix=s.prefix, params=s.collect_params())
note("all, by prefix", [list(t.collect_params()), t.a.weight is s.a.weight])
for hybrid in (False, True):
    s.hybridize(hybrid)
    with autograd.record():
        y = s(x).sum()
    y.backward()
    note("gradient%d" % hybrid, s.a.weight.grad())
""",
    )


def test_initialisation(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(4, 3)
values = lambda block: [each.data() for each in block.collect_params().values()]
for name, init in {
    "name": "ones",
    "constant": mx.init.Constant(2),
    "instance": mx.init.One(),
}.items():
    net = Net(prefix="n_")
    net.initialize(init)
    net(x)
    note(name, values(net))
note("only for modules", fails(Net().initialize, mx.init.Mixed([".*"], [mx.init.One()])))
own = nn.Dense(3, weight_initializer="ones", bias_initializer=mx.init.Constant(5), in_units=2)
own.initialize(mx.init.Zero())
note("own", [values(own), warned(own.initialize)])
own.weight.initialize(mx.init.Zero(), force_reinit=True)
note("of one", values(own))
with mx.cpu(1):
    there = nn.Dense(2, in_units=2)
    there.initialize("ones")
    note("current device", [str(there.weight.list_ctx()[0]), str(there(nd.ones((1, 2))).context)])
net = Net(prefix="n_")
net.collect_params(".*weight").initialize("ones")
note("some", fails(net, x))
net.collect_params(".*bias").initialize()
note("the others", net(x))
""",
    )


def test_files(oracle: Oracle, tmp_path: Path) -> None:
    assert_same(
        oracle,
        SHARED
        + """
def names():
    return sorted(nd.load(file))


x = ramp(2, 3)
n = Net(prefix="a_")
n.initialize()
n(x)
fill(n)
note("result", n(x))
n.save_parameters(file)
note("names", names())
m = Net(prefix="b_")
m.load_parameters(file)
note("loaded", m(x))
m = HybridNet(prefix="b_")
m.hybridize()
m.load_parameters(file, ctx=mx.cpu(1))
note("loaded elsewhere", [m(x.as_in_context(mx.cpu(1))), [str(p.list_ctx()[0]) for p in m.collect_params().values()]])
n.collect_params().save(file, strip_prefix="a_")
m = Net(prefix="b_")
m.load_parameters(file)
note("older file", [names(), m(x)])
note("deprecated", [warned(n.save_params, file), warned(m.load_params, file), names(), m(x)])

m = Net(prefix="b_")
nd.save(file, {"first.weight": nd.ones((4, 3))})
note("missing", fails(m.load_parameters, file))
m.load_parameters(file, allow_missing=True)
note("partly", [m.first.weight.data(), fails(m.first.bias.data)])
nd.save(file, {"first.weight": nd.ones((4, 3)), "first.foo": nd.ones((2,))})
note("extra", [fails(m.load_parameters, file, allow_missing=True),
               fails(m.load_parameters, file, allow_missing=True, ignore_extra=True)])
nd.save(file, {"first.weight": nd.ones((4, 3), dtype="float64")})
note("type", fails(m.load_parameters, file, allow_missing=True))
for source in ("current", "saved"):
    m.load_parameters(file, allow_missing=True, cast_dtype=True, dtype_source=source)
    note(source, [np.dtype(m.first.weight.dtype).name, np.dtype(m.first.weight.data().dtype).name])
for shape in ((5, 3), (4, 2)):
    nd.save(file, {"first.weight": nd.ones(shape)})
    note(str(shape), fails(m.load_parameters, file, allow_missing=True, cast_dtype=True))

s = Shared()
s.initialize()
fill(s)
note("tied", s(x))
for deduplicate in (False, True):
    s.save_parameters(file, deduplicate=deduplicate)
    t = Shared()
    t.load_parameters(file)
    note("tied%d" % deduplicate, [names(), t(x)])
d = nn.Dense(3, in_units=3, prefix="d_")
d.initialize()
fill(d)
d.save_parameters(file)
e = nn.Dense(3, in_units=3, prefix="e_")
e.load_parameters(file)
note("layer", [names(), e(x)])
""",
        file=str(tmp_path / "parameters"),
    )


WRITE = """
net = nn.HybridSequential(prefix="n_")
with net.name_scope():
    net.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), HybridNet())
net.initialize()
net(ramp(2, 3))
fill(net)
net.save_parameters(file)
net.collect_params().save(file + "full")
net.hybridize()
net(ramp(2, 3))
net.export(file + "exported")
"""

READ = """
def made(prefix):
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        net.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), HybridNet())
    return net


for how in ("", "full", "exported-0000.params"):
    net = made("n_")
    if how:
        net.collect_params().load(file + how)
    else:
        net.load_parameters(file)
    note("read" + how, net(ramp(2, 3)))
"""


def test_each_reads_what_the_other_wrote(oracle: Oracle, tmp_path: Path) -> None:
    for who, write in (("ours", run_here), ("theirs", oracle.build)):
        given = {"file": str(tmp_path / who)}
        write(PRELUDE + WRITE, ["report"], given)
        assert_same(oracle, READ, **given)


def test_files_with_full_names_are_read_directly(tmp_path: Path) -> None:
    """Beyond MXNet: load_parameters reads what export, a Module and ParameterDict.save wrote, too."""
    net = nn.Sequential(prefix="n_")
    with net.name_scope():
        net.add(nn.Dense(2, in_units=3), nn.Dense(1, in_units=2))
    net.initialize()
    x = mx.nd.ones((2, 3))
    content = {name: each.data() for name, each in net.collect_params().items()}
    for put in ("", "arg:"):
        mx.nd.save(str(tmp_path / "f"), {put + name: each for name, each in content.items()})
        other = nn.Sequential(prefix="n_")
        with other.name_scope():
            other.add(nn.Dense(2, in_units=3), nn.Dense(1, in_units=2))
        other.load_parameters(tmp_path / "f")
        np.testing.assert_array_equal(other(x).asnumpy(), net(x).asnumpy())


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("hybrid", [False, True])
def test_copies(copied: Any, hybrid: bool) -> None:
    net = nn.HybridSequential(prefix="n_")
    with net.name_scope():
        net.add(nn.Dense(3, in_units=3), nn.BatchNorm(in_channels=3))
        net.add(nn.Dense(3, in_units=3, params=net[0].params))
    net.initialize()
    net.hybridize(hybrid)
    x = mx.nd.array(np.cos(np.arange(12)).reshape(4, 3))
    expected = net(x).asnumpy()
    new = copied(net)
    np.testing.assert_array_equal(new(x).asnumpy(), expected)
    assert new[0].weight is new[2].weight
    assert new[0].weight is not net[0].weight
    assert list(new.collect_params()) == list(net.collect_params())
    with mx.autograd.record():
        loss = (new(x) * x).sum()
    loss.backward()
    assert new[0].weight.grad().asnumpy().any()
    assert not net[0].weight.grad().asnumpy().any()
    new[0].weight.set_data(mx.nd.zeros((3, 3)))
    np.testing.assert_array_equal(net(x).asnumpy(), expected)
    assert (new(x).asnumpy() != expected).any()
    with new.name_scope():
        new.add(nn.Dense(2))
    assert new[3].name == "n_dense2"


def test_messages(tmp_path: Path) -> None:
    layer = nn.Dense(2, in_units=3)
    layer.initialize()
    with pytest.raises(TypeError, match="Changing attribute type for weight from Parameter to int"):
        layer.weight = 5  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ArgumentError, match="Overriding Parameter attribute weight"):
        layer.weight = gluon.Parameter("other")
    with pytest.raises(NotSupportedError, match="a Block defines forward"):
        gluon.Block()(mx.nd.ones((1,)))
    with pytest.raises(TypeError, match="params: expected a ParameterDict"):
        nn.Dense(2, params={})  # pyright: ignore[reportArgumentType]
    mx.nd.save(str(tmp_path / "f"), {"foo.weight": mx.nd.ones((2, 3))})
    with pytest.raises(ArgumentError, match=r"'weight' is missing in file .*'foo.weight'"):
        layer.load_parameters(tmp_path / "f")
    with pytest.raises(ArgumentError, match=r"'foo.weight' loaded from file .* is not present in Block"):
        layer.load_parameters(tmp_path / "f", allow_missing=True)
    with pytest.raises(NotSupportedError, match="save_parameters writes the parameters"):
        layer.save(str(tmp_path / "net"))
    with pytest.raises(NotSupportedError, match=r"load_parameters reads .*net-model\.params"):
        layer.load(str(tmp_path / "net"))
    with pytest.raises(FileNotFoundError):
        layer.load_parameters(tmp_path / "nothing")
