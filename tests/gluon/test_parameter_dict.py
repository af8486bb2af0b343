"""ParameterDict: parameters under a prefix, shared, and kept in files."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError
from rennet.gluon import ParameterDict
from same_script import run_here

from .script import PRELUDE, assert_same


def test_get(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
d = gluon.ParameterDict("net_")
w = d.get("weight", shape=(2, 3), init="ones")
note("names", [list(d.keys()), [n for n, _ in d.items()], [v.name for v in d.values()], list(d), d.prefix])
note("repr", [repr(d), repr(gluon.ParameterDict("x_")), repr(gluon.ParameterDict())])
note("again", [d.get("weight", shape=(2, 3)) is w, d.get("weight", shape=(0, 3)) is w])
for kwargs in (
    {"shape": (2, 4)}, {"shape": (2,)}, {"dtype": "float64"}, {"dtype": "float32"}, {"init": "zeros"},
    {"lr_mult": 2.0}, {"grad_req": "null"},
):
    note(repr(kwargs), fails(d.get, "weight", **kwargs))
u = d.get("unknown", shape=(0, 3), allow_deferred_init=True)
d.get("unknown", shape=(5, 0))
note("merged", u.shape)
d.get("unknown", init="zeros")
note("learnt init", u.init)
n = d.get("noshape", allow_deferred_init=True)
d.get("noshape", shape=(3,))
note("learnt shape", n.shape)
note("in", ["net_weight" in d, "weight" in d, d["net_weight"].name, fails(lambda: d["weight"])])
""",
    )


def test_sharing(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
d = gluon.ParameterDict("net_")
w = d.get("weight", shape=(2, 3))
e = gluon.ParameterDict("net_", shared=d)
note("shared", [e.get("weight") is w, list(e)])
f = gluon.ParameterDict("other_", shared=d)
f.get("weight", shape=(9,))
note("not shared", list(f))
g = gluon.ParameterDict("a_")
g.update(d)
note("update", list(g))
x = gluon.ParameterDict("net_")
x.get("weight")
note("another of one name", fails(g.update, x))
""",
    )


def test_constants(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
d = gluon.ParameterDict("net_")
d.get("weight", shape=(2, 3))
c = d.get_constant("c", np.array([1.0, 2.0]))
note("made", [c.name, c.shape, str(c.dtype)])
note("again", [d.get_constant("c") is c, fails(d.get_constant, "c", np.array([1.0, 2.0]))])
note("other value", fails(d.get_constant, "c", np.array([1.0, 3.0])))
note("other shape", fails(d.get_constant, "c", np.array([1.0])))
note("missing", fails(d.get_constant, "zzz"))
note("not constant", fails(d.get_constant, "weight", np.ones(2)))
note("array", np.dtype(d.get_constant("n", nd.array([1, 2], dtype="int32")).dtype).name)
""",
    )


def test_all_of_them(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
d = gluon.ParameterDict("net_")
a, b = d.get("a", shape=(2,)), d.get("b", shape=(3,), init="zeros")
note("too early", fails(d.list_ctx))
d.initialize(mx.init.One(), ctx=[mx.cpu(0), mx.cpu(1)])
note("initialised", [a.list_data(), b.list_data()])
d.initialize("zeros", force_reinit=True, ctx=mx.cpu(1))
note("again", [a.data(), b.data(), [str(ctx) for ctx in d.list_ctx()]])
d.reset_ctx(mx.cpu(0))
note("moved", [str(ctx) for ctx in d.list_ctx()])
d.setattr("grad_req", "add")
d.setattr("lr_mult", 0.5)
note("setattr", [a.grad_req, b.grad_req, a.lr_mult])
for _ in range(2):
    with autograd.record():
        loss = a.data().sum()
    loss.backward()
note("gradient", a.grad())
d.zero_grad()
note("zero", a.grad())
""",
    )


def test_files(oracle: Oracle, tmp_path: Path) -> None:
    assert_same(
        oracle,
        """
d = gluon.ParameterDict("net_")
d.get("a", shape=(2,))
d.get("b", shape=(3,))
d.initialize()
d["net_a"].set_data(nd.array([1, 2]))
d["net_b"].set_data(nd.array([3, 4, 5]))
d.save(file)
note("saved", sorted(nd.load(file).items()))
d.save(file, strip_prefix="net_")
note("stripped", sorted(nd.load(file).items()))
note("other prefix", fails(d.save, file + "x", strip_prefix="foo_"))


def target(a=(2,), b=(3,), last="b", **kwargs):
    g = gluon.ParameterDict("net_")
    g.get("a", shape=a, allow_deferred_init=True, **kwargs)
    g.get(last, shape=b, allow_deferred_init=True)
    return g


def load(g, **kwargs):
    refused = fails(g.load, file, **kwargs)
    return [
        refused,
        [attempt(lambda: [p.shape, np.dtype(p.dtype).name, p.list_data(), [str(c) for c in p.list_ctx()]])
         for p in g.values()],
    ]


note("without its prefix", load(target())[0])
note("loaded", load(target(), restore_prefix="net_"))
note("prefix that is not theirs", fails(target().load, file, restore_prefix="foo_"))
note("missing", load(target(last="z"), restore_prefix="net_")[0])
note("extra", load(target(last="z"), restore_prefix="net_", allow_missing=True)[0])
both = {"allow_missing": True, "ignore_extra": True}
note("some", load(target(last="z"), restore_prefix="net_", ctx=[mx.cpu(0), mx.cpu(1)], **both))
note("type", load(target(dtype="float64"), restore_prefix="net_")[0])
note("cast", load(target(dtype="float64"), restore_prefix="net_", cast_dtype=True))
note("saved type", load(target(dtype="float64"), restore_prefix="net_", cast_dtype=True, dtype_source="saved"))
note("bad source", load(target(dtype="float64"), restore_prefix="net_", cast_dtype=True, dtype_source="foo")[0])
note("wrong shape", load(target(b=(4,)), restore_prefix="net_")[0])
note("shape of the file", load(target(a=(0,)), restore_prefix="net_"))
g = target()
g.initialize(ctx=[mx.cpu(1), mx.cpu(2)])
note("elsewhere", fails(g.load, file, restore_prefix="net_", ctx=mx.cpu(0)))
note("where it is", load(g, restore_prefix="net_"))
note("in other order", load(g, restore_prefix="net_", ctx=[mx.cpu(2), mx.cpu(1)]))
nd.save(file, {"arg:net_a": nd.array([7, 8]), "aux:net_b": nd.array([1, 2, 3])})
note("of a Module", load(g))
nd.save(file, [nd.array([7, 8])])
note("no names", fails(g.load, file))
g = gluon.ParameterDict("net_")
g.get("a", shape=(0,), allow_deferred_init=True)
g.initialize(ctx=mx.cpu(1))
nd.save(file, {"net_a": nd.array([7, 8])})
note("deferred elsewhere", fails(g.load, file, ctx=mx.cpu(0)))
note("deferred", load(g))
""",
        file=str(tmp_path / "parameters"),
    )


def test_each_reads_what_the_other_wrote(oracle: Oracle, tmp_path: Path) -> None:
    made = """
d = gluon.ParameterDict("net_")
d.get("a", shape=(2, 3), dtype="float64")
d.get("b", shape=(1,), dtype="int32", grad_req="null")
"""
    written = (
        made
        + """
d.initialize("ones")
for parameter in d.values():
    parameter.set_data(ramp(*parameter.shape) * 10)
d.save(file)
"""
    )
    read = (
        made
        + """
d.load(file)
note("read", [d["net_a"].data(), d["net_b"].data()])
"""
    )
    for place, write in enumerate((run_here, oracle.build)):
        given = {"file": str(tmp_path / str(place))}
        write(PRELUDE + written, ["report"], given)
        assert_same(oracle, read, **given)


def test_copies(tmp_path: Path) -> None:
    layer = mx.gluon.nn.Dense(2, in_units=3)
    layer.initialize()
    copied = copy.deepcopy(layer.collect_params())
    assert list(copied) == list(layer.collect_params())
    copied[layer.weight.name].set_data(mx.nd.ones((2, 3)))
    assert (layer.weight.data().asnumpy() != 1).all()


def test_messages(tmp_path: Path) -> None:
    params = ParameterDict("net_")
    params.get("a", shape=(2,))
    with pytest.raises(ArgumentError, match=r"'net_a'.*attribute 'shape': desired \(3,\) vs stored \(2,\)"):
        params.get("a", shape=(3,))
    with pytest.raises(ArgumentError, match="no attribute 'foo'"):
        params.get("a", foo=1)
    mx.nd.save(str(tmp_path / "f"), {f"p{place}": mx.nd.ones((1,)) for place in range(30)})
    with pytest.raises(ArgumentError, match=r"'net_a' is missing in file: .*'p0', .*\.\.\..*'p29'"):
        params.load(tmp_path / "f")
    mx.nd.save(str(tmp_path / "f"), {"net_a": mx.nd.ones((3,))})
    with pytest.raises(ValueError, match=r"'net_a' .* expected \(2,\), got \(3,\)"):
        params.load(tmp_path / "f")
    with pytest.raises(KeyError, match="Please specify value"):
        params.get_constant("c")
