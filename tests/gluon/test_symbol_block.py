"""SymbolBlocks: graphs as Blocks, cut out of networks or read from files."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError
from rennet.gluon import SymbolBlock, nn
from rennet.gluon import rnn as gluon_rnn
from same_script import run_here

from .script import PRELUDE, assert_same

NETWORK = """
x = ramp(2, 3)
data = mx.sym.var("data")
net = nn.HybridSequential(prefix="f_")
with net.name_scope():
    net.add(nn.Dense(4, activation="relu"), nn.Dense(3))
net.initialize()
net(x)
fill(net)
out = net(data)
inside = out.get_internals()
"""


def test_features(oracle: Oracle) -> None:
    assert_same(
        oracle,
        NETWORK
        + """
note("inside", inside.list_outputs())
both = [inside["f_dense0_fwd_output"], inside["f_dense1_fwd_output"]]
feature = gluon.SymbolBlock(both, data, params=net.collect_params())
result = feature(x)
note("both", [type(result).__name__, result])
note("parameters", [list(feature.collect_params()), list(feature._reg_params), feature.prefix, feature.params.prefix])
note("shared", [feature.collect_params()[k] is net.collect_params()[k] for k in feature.collect_params()])
note("repr", repr(feature))
for name, outputs in {"one": both[:1], "group": mx.sym.Group(both)}.items():
    result = gluon.SymbolBlock(outputs, data, params=net.collect_params())(x)
    note(name, [type(result).__name__, result])
with autograd.record():
    loss = feature(x)[1].sum()
loss.backward()
note("gradients", [each.grad() for each in feature.collect_params().values()])
for active in (True, False):
    feature.hybridize(active)
    note("hybridized%d" % active, feature(x))
""",
    )


def test_inside_another(oracle: Oracle) -> None:
    assert_same(
        oracle,
        NETWORK
        + """
class Host(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.f = gluon.SymbolBlock([inside["f_dense0_fwd_output"]], data, params=net.collect_params())
            self.o = nn.Dense(2)

    def hybrid_forward(self, F, x):
        return self.o(self.f(x))


host = Host(prefix="h_")
host.o.initialize()
host(x)
fill(host)
for hybrid in (False, True):
    host.hybridize(hybrid)
    with autograd.record():
        y = host(x)
    y.backward()
    note("values%d" % hybrid, [y] + [each.grad() for each in host.collect_params().values()])
note("names", [list(host.collect_params()), list(host._collect_params_with_prefix())])
note("graph", host(data).get_internals().list_outputs())
note("repr", repr(host))
""",
    )


def test_inputs(oracle: Oracle) -> None:
    assert_same(
        oracle,
        NETWORK
        + """
a, b = mx.sym.var("a"), mx.sym.var("b")
two = gluon.SymbolBlock([a + b, a * b], [a, b])
note("two", [two(x, x * 2), fails(two, x), fails(two, x, x, x), repr(two)])
note("symbols", [each.list_arguments() for each in two(mx.sym.var("p"), mx.sym.var("q"))])
note("no variable", fails(gluon.SymbolBlock, a + b, [a * 2]))
g = gluon.SymbolBlock(out, data)
note("not initialised", fails(g, x))
g.initialize(mx.init.One())
note("initialised", g(x))
g.cast("float64")
note("cast", g(x.astype("float64")))
g.cast("float32")
g.reset_ctx(mx.cpu(1))
note("moved", [g(x.as_in_context(mx.cpu(1))), fails(lambda: g(x).asnumpy())])
note("shapes", [each.shape for each in gluon.SymbolBlock(out, data).collect_params().values()])
for names in (["a", "b"], ["ab_c", "ab_d"], ["abc", "abd"], ["x_fc1_weight", "x_fc2_weight"], ["fc_weight", "fc_bias"]):
    total = sum([mx.sym.sum(mx.sym.var(name, shape=(1,))) for name in names], data)
    note("names of %s" % names, list(gluon.SymbolBlock(total, data)._reg_params))
""",
    )


def test_files(oracle: Oracle, tmp_path: Path) -> None:
    write = """
x = ramp(2, 3)
net = nn.HybridSequential(prefix="q_")
with net.name_scope():
    net.add(nn.Dense(4), nn.BatchNorm(), nn.Dense(3))
net.initialize()
net.hybridize()
net(x)
fill(net)
net.export(path)
data = mx.sym.var("data")
out = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(data, num_hidden=3, name="fc"), name="softmax")
module = mx.mod.Module(out)
module.bind([("data", (2, 3))], [("softmax_label", (2,))])
module.init_params(mx.init.One())
module.save_checkpoint(path + "soft", 0)
"""
    read = """
x = ramp(2, 3)
block = gluon.SymbolBlock.imports(path + "-symbol.json", ["data"], path + "-0000.params", ctx=mx.cpu(1))
there = x.as_in_context(mx.cpu(1))
note("result", block(there))
note("requests", [(name, each.grad_req) for name, each in block.collect_params().items()])
with autograd.record():
    y = block(there)
y.backward()
note("training", [y] + [each.grad() for each in block.collect_params().values() if each.grad_req != "null"])
note("states", [each.data() for name, each in block.collect_params().items() if "running" in name])
block.save_parameters(path + "saved")
note("names", sorted(nd.load(path + "saved")))
other = gluon.SymbolBlock.imports(path + "-symbol.json", "data")
other.load_parameters(path + "-0000.params")
note("by load_parameters", other(x))
files = path + "soft-symbol.json", path + "soft-0000.params"
labelled = gluon.SymbolBlock.imports(files[0], ["data", "softmax_label"], files[1])
note("labelled", labelled(x, nd.zeros((2,))))
note("label lacks", fails(gluon.SymbolBlock.imports, files[0], ["data"], files[1]))
allowed = gluon.SymbolBlock.imports(files[0], ["data"], files[1], allow_missing=True)
note("label allowed", [list(allowed.collect_params()), fails(allowed, x)])
note("unknown file", fails(gluon.SymbolBlock.imports, path + "nothing", ["data"]))
"""
    for who, run in (("ours", run_here), ("theirs", oracle.build)):
        path = str(tmp_path / who)
        run(PRELUDE + write, ["report"], {"path": path})
        assert_same(oracle, read, path=path)


def test_what_it_saved_it_reads(tmp_path: Path) -> None:
    """Beyond MXNet, which refuses the names that it wrote itself."""
    data = mx.sym.var("data")
    graph = mx.sym.FullyConnected(mx.sym.FullyConnected(data, num_hidden=4, name="fc1"), num_hidden=2, name="fc2")
    block, other = SymbolBlock(graph, data), SymbolBlock(graph, data)
    block.initialize(mx.init.Uniform(1))
    x = mx.nd.ones((2, 3))
    expected = block(x).asnumpy()
    block.save_parameters(tmp_path / "f")
    assert sorted(mx.nd.load(str(tmp_path / "f"))) == ["1_bias", "1_weight", "2_bias", "2_weight"]
    other.load_parameters(tmp_path / "f")
    np.testing.assert_array_equal(other(x).asnumpy(), expected)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["copy", "pickle"]
)
def test_copies(copied: Any) -> None:
    layer = nn.Dense(2, in_units=3)
    layer.initialize()
    data = mx.sym.var("data")
    block = SymbolBlock(layer(data), data, params=layer.collect_params())
    x = mx.nd.ones((2, 3))
    expected = block(x).asnumpy()
    new = copied(block)
    np.testing.assert_array_equal(new(x).asnumpy(), expected)
    for each in new.collect_params().values():
        each.set_data(mx.nd.zeros(each.shape))
    np.testing.assert_array_equal(block(x).asnumpy(), expected)
    assert not new(x).asnumpy().any()


def test_names_of_operators_may_occur_twice(oracle: Oracle, tmp_path: Path) -> None:
    """T52: in old versions every step of an unrolled LSTMCell had the first one's names."""
    cell = mx.gluon.rnn.LSTMCell(3, prefix="l_", input_size=2)
    outputs, states = cell.unroll(3, mx.sym.var("data"), merge_outputs=True)
    content = json.loads(mx.sym.Group([outputs, *states]).tojson())
    for node in content["nodes"]:
        node["name"] = node["name"].replace("_t1_", "_t0_").replace("_t2_", "_t0_")
    names = [node["name"] for node in content["nodes"]]
    assert names.count("l_t0_i2h") == 3
    (tmp_path / "old-symbol.json").write_text(json.dumps(content))
    cell.initialize(mx.init.Uniform(1))
    cell.collect_params().save(tmp_path / "old.params")
    x = np.random.normal(size=(2, 3, 2))
    read = """
x = nd.array(given)
x.attach_grad()
block = gluon.SymbolBlock.imports(path + "old-symbol.json", ["data"], path + "old.params")
with autograd.record():
    y = block(x)
    loss = (y[0] * y[0]).sum() + (y[1] * y[2]).sum()
loss.backward()
note("outputs", y)
note("gradients", [x.grad] + [each.grad() for _, each in sorted(block.collect_params().items())])
"""
    report = assert_same(oracle, read, path=f"{tmp_path}/", given=x)
    outputs, states = cell.unroll(3, mx.nd.array(x), merge_outputs=True)
    for ours, theirs in zip(report["outputs"], [outputs, *states], strict=True):
        np.testing.assert_allclose(ours, theirs.asnumpy(), atol=1e-6)


def test_messages(tmp_path: Path) -> None:
    data = mx.sym.var("data")
    graph = mx.sym.FullyConnected(data, num_hidden=2, name="fc")
    graph.save(str(tmp_path / "g.json"))
    with pytest.raises(ArgumentError, match="'label' is no variable of the graph"):
        SymbolBlock.imports(tmp_path / "g.json", ["data", "label"])
    with pytest.raises(ArgumentError, match=r"expected variables, such as sym\.var"):
        SymbolBlock(graph, data * 2)
    block = SymbolBlock(graph, data)
    block.initialize()
    with pytest.raises(ArgumentError, match=r"expected 1 inputs \(data\), got 2"):
        block(mx.nd.ones((2, 3)), mx.nd.ones((2, 3)))


def test_recurrences_are_listed(tmp_path: Path) -> None:
    net = gluon_rnn.HybridSequentialRNNCell()
    net.add(gluon_rnn.LSTMCell(4, prefix="lstm_"))
    outputs, _ = net.unroll(3, mx.sym.var("data"), layout="NTC", merge_outputs=True)
    outputs.save(str(tmp_path / "g.json"))
    block = SymbolBlock.imports(tmp_path / "g.json", ["data"])
    with pytest.raises(MXNetError, match="list_recurrences: expected a Block that is hybridized and has run once"):
        block.list_recurrences()
    block.initialize()
    block(mx.nd.ones((2, 3, 5)))
    assert [(each.steps, each.why_not) for each in block.list_recurrences()] == [(3, None)]
