"""HybridBlocks: the same run as Python, as a graph, and as symbols; and what graphs leave as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet import gluon
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.cached_op import CachedOp
from rennet.gluon import nn
from same_script import run_here

from .both import assert_same_block
from .script import PRELUDE, assert_same

NETWORKS = {
    "layers": "block = HybridNet(prefix='n_')",
    "normalised": """
block = nn.HybridSequential(prefix="n_")
with block.name_scope():
    block.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), nn.Dense(2, use_bias=False))
""",
    "nested": """
class Nested(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.w = self.params.get("w", shape=(1, 3), init="ones")
            self.net = HybridNet()

    def hybrid_forward(self, F, x, w):
        y = F.broadcast_mul(x, w)
        return self.net(y), [y * 2, [F.sum(y, axis=1)]]


block = Nested(prefix="n_")
""",
}


@pytest.mark.parametrize("network", NETWORKS)
def test_as_mxnet(oracle: Oracle, tmp_path: Path, network: str) -> None:
    prelude = PRELUDE.replace("report = {}", "")
    assert_same_block(oracle, tmp_path, prelude + NETWORKS[network], (4, 3))


def test_loop_inside(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
class Loop(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.cell = nn.Dense(3, in_units=3, activation="tanh")
            self.w = self.params.get("w", shape=(1, 3), init="ones")

    def hybrid_forward(self, F, data, state, w):
        def step(x, s):
            out = self.cell(x) + F.broadcast_mul(s, w)
            return out, out

        return F.contrib.foreach(step, data, state)


for hybrid in (False, True):
    block = Loop(prefix="l_")
    block.initialize()
    block.hybridize(hybrid)
    data, state = ramp(4, 2, 3), ramp(2, 3)
    block(data, state)
    fill(block)
    data.attach_grad()
    state.attach_grad()
    with autograd.record():
        outputs, last = block(data, state)
        loss = (outputs * outputs).sum() + last.sum()
    loss.backward()
    note("values%d" % hybrid, [outputs, last, data.grad, state.grad])
    note("gradients%d" % hybrid, [each.grad() for each in block.collect_params().values()])
""",
    )


def test_arguments_of_any_form(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
class Many(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = self.params.get("w", shape=(3,), init="ones")

    def hybrid_forward(self, F, x, states, mask=None, w=None):
        a, (b, c) = states
        y = F.broadcast_mul(x, w) + a
        if mask is not None:
            y = y * mask
        return y, [b * 2, [c + 1]]


x, a, b, c = ramp(2, 3), ramp(2, 3) * 2, ramp(4), ramp(1)
for hybrid in (False, True):
    for name, args in {
        "nested": (x, [a, [b, c]]), "tuples": (x, (a, (b, c))), "mask": (x, [a, [b, c]], x),
        "none": (x, [a, [b, c]], None), "too few": (x,), "none first": (None, [a, [b, c]]),
        "array of NumPy's": (np.ones((2, 3)), [a, [b, c]]),
    }.items():
        block = Many(prefix="m_")
        block.initialize()
        block.hybridize(hybrid)
        note("%s%d" % (name, hybrid), attempt(block, *args))
note("number", fails(block, x, [a, [b, 1]]))
""",
    )


def test_results_of_any_form(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
class Out(gluon.HybridBlock):
    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def hybrid_forward(self, F, x):
        halves = F.split(x, num_outputs=3, axis=1)
        return {
            "list": [x, x * 2], "tuple": (x, x * 2), "one": [x], "split": halves, "input": x, "twice": [x, x],
            "nested": [x, [x * 2, [x * 3]]], "none": [x, None], "grouped": [halves, x],
        }[self.kind]


for kind in ("list", "tuple", "one", "split", "input", "twice", "nested", "none", "grouped"):
    for hybrid in (False, True):
        block = Out(kind)
        block.hybridize(hybrid)
        result = attempt(block, ramp(2, 3))
        note("%s%d" % (kind, hybrid), [type(result).__name__, result])
        note("%s%d, symbols" % (kind, hybrid), type(attempt(block, mx.sym.var("z"))).__name__)
""",
    )


def test_calls_of_several_forms_have_graphs_of_their_own() -> None:
    """Beyond MXNet, which keeps to the form of the first call."""

    class Masked(gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            (mask,) = args or (None,)
            return x if mask is None else x * mask

    block = Masked()
    block.hybridize()
    x = mx.nd.array([1, 2])
    for _ in range(2):
        assert block(x).asnumpy().tolist() == [1, 2]
        assert block(x, x).asnumpy().tolist() == [1, 4]
        assert block(x, None).asnumpy().tolist() == [1, 2]


def test_switching(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(2, 3)
h = HybridNet(prefix="h_")
h.initialize()
h.first.hybridize()
note("a child", h(x).shape)
fill(h)
for count, how in enumerate((
    {}, {"active": False}, {"static_alloc": True}, {"static_alloc": True, "static_shape": True}, {"inline_limit": 5},
    {"forward_bulk_size": 3, "backward_bulk_size": 4},
)):
    h.hybridize(**how)
    note("way%d" % count, [h(x), h(x), h._active])
note("shapes", [h(ramp(size, 3)) for size in (1, 2, 5, 1)])
note("wrong shape", fails(lambda: h(ramp(2, 4)).asnumpy()))
h.second = nn.Dense(7, in_units=4)
h.second.initialize(mx.init.One())
note("another part", h(x))
n = Net()
n.initialize()
n.hybridize()
note("inside a Block", [n(x).shape, n.first._active, n.second._active])


class Wrong(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.part = Net()


note("a Block inside", fails(Wrong))
h = HybridNet()
note("no graph", len(h._cached_graph))
h.initialize()
h.hybridize()
h(x)
inputs, graph = h._cached_graph
note("graph", [[each.name for each in inputs], graph.list_arguments(), graph.list_outputs()])
""",
    )


def test_own_forward(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
class Choosing(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.d = nn.Dense(2)

    def forward(self, x):
        y = self.d(x)
        assert isinstance(y, nd.NDArray)
        return y * 2 if x.shape[0] > 1 else y * 3


block = Choosing()
block.initialize()
block(ramp(2, 3))
fill(block)
for hybrid in (False, True):
    block.hybridize(hybrid)
    note("forward%d" % hybrid, [block(ramp(2, 3)), block(ramp(1, 3))])
""",
    )


def test_gradients(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
for hybrid in (False, True):
    x = ramp(2, 3)
    h = HybridNet()
    h.initialize()
    h.hybridize(hybrid)
    h(x)
    fill(h)
    x.attach_grad()
    parameters = list(h.collect_params().values())

    def run():
        with autograd.record():
            y = h(x)
            loss = (y * y).sum()
        return loss

    run().backward()
    note("write%d" % hybrid, [x.grad] + [each.grad() for each in parameters])
    h.collect_params().setattr("grad_req", "add")
    run().backward()
    run().backward()
    note("add%d" % hybrid, [x.grad] + [each.grad() for each in parameters])
    h.first.collect_params().setattr("grad_req", "null")
    run().backward()
    note("null%d" % hybrid, [x.grad] + [each.grad() for each in parameters[2:]] + [fails(parameters[0].grad)])
    note("grad%d" % hybrid, autograd.grad(run(), [x, h.second.weight.data()]))
    with autograd.pause():
        y = h(x)
    note("paused%d" % hybrid, fails(y.backward))
""",
    )


def test_second_derivatives() -> None:
    found = []
    for hybrid in (False, True):
        mx.random.seed(0)
        net = nn.HybridSequential()
        net.add(nn.Dense(4, activation="tanh", in_units=3), nn.Dense(2, in_units=4))
        net.initialize(mx.init.Uniform(0.7))
        net.hybridize(hybrid)
        x = mx.nd.array(np.linspace(-1, 1, 6).reshape(2, 3))
        x.attach_grad()
        with mx.autograd.record():
            (slope,) = mx.autograd.grad(net(x).sum(), [x], create_graph=True)
            loss = (slope * slope).sum()
        loss.backward()
        assert x.grad is not None
        found.append([x.grad.asnumpy(), net[0].weight.grad().asnumpy()])
    assert np.abs(found[0][1]).max() > 1e-3
    for plain, graph in zip(*found, strict=True):
        np.testing.assert_allclose(graph, plain, rtol=1e-5, atol=1e-7)


def test_modes(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
block = nn.Dropout(0.5)
one = nd.ones((50, 50))
for hybrid in (False, True):
    block.hybridize(hybrid)
    drops = lambda: bool((block(one).asnumpy() != 1).any())
    note("plain%d" % hybrid, drops())
    for name, scope in {
        "record": autograd.record(), "predict": autograd.record(train_mode=False), "train": autograd.train_mode(),
    }.items():
        with scope:
            note("%s%d" % (name, hybrid), drops())
    with autograd.record():
        with autograd.predict_mode():
            note("predict inside%d" % hybrid, drops())
""",
    )


def test_devices(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(2, 3)
h = HybridNet()
h.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
h(x)
fill(h)
for hybrid in (True, False):
    h.hybridize(hybrid)
    there = x.as_in_context(mx.cpu(1))
    note("on%d" % hybrid, [h(x), h(there), str(h(there).context)])
    note("not there%d" % hybrid, fails(lambda: h(x.as_in_context(mx.cpu(2))).asnumpy()))
    with autograd.record():
        losses = [h(x).sum(), (h(there) * 2).sum()]
    autograd.backward(losses)
    note("gradients%d" % hybrid, [each.list_grad() for each in h.collect_params().values()])
""",
    )


def test_constants(oracle: Oracle, tmp_path: Path) -> None:
    assert_same(
        oracle,
        """
class WithConstant(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.c = self.params.get_constant("c", np.eye(3, dtype="float32") * 2)
            self.w = self.params.get("w", shape=(3, 3), init="ones")

    def hybrid_forward(self, F, x, c, w):
        return F.dot(x, c * w)


x = ramp(4, 3)
for hybrid in (False, True):
    block = WithConstant(prefix="o_")
    block.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    block.hybridize(hybrid)
    trainer = gluon.Trainer(block.collect_params(), "sgd")
    with autograd.record():
        results = [block(x), block(x.as_in_context(mx.cpu(1)) * 2)]
    autograd.backward(results)
    note("gradients%d" % hybrid, [results, block.w.list_grad(), list(block.collect_params())])
    trainer.step(1)
    note("trained%d" % hybrid, [block.w.list_data(), block.c.list_data()])
block.save_parameters(path)
other = WithConstant(prefix="p_")
other.load_parameters(path)
note("saved", [sorted(nd.load(path)), other(x)])
block.export(path)
note("exported", sorted(nd.load(path + "-0000.params")))
""",
        path=str(tmp_path / "net"),
    )


def test_inference_of_shapes_and_types(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(2, 3)
h = HybridNet()
h.infer_shape(x)
note("shapes", [each.shape for each in h.collect_params().values()])
h.infer_type(x)
note("types", [np.dtype(each.dtype).name for each in h.collect_params().values()])
h = HybridNet()
h.cast("float64")
h.initialize()
h.hybridize()
note("cast", np.dtype(h(x.astype("float64")).dtype).name)
note("other type", fails(lambda: h(x).asnumpy()))
""",
    )


HOOKED = """
seen = []


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def hook(node, operator, array):
    seen.append([text(node), text(operator)])


def shown(block, *args):
    del seen[:]
    block(*args).asnumpy()
    return list(seen)


"""


def test_op_hooks(oracle: Oracle) -> None:
    # real MXNet hands over bytes, and handles in place of arrays
    assert_same(
        oracle,
        HOOKED
        + """
for every in (False, True):
    h = HybridNet(prefix="n_")
    h.initialize()
    h.register_op_hook(hook, every)
    note("not hybridized%d" % every, shown(h, ramp(2, 3)))
    h.hybridize()
    note("first call%d" % every, shown(h, ramp(2, 3)))
    note("second call%d" % every, shown(h, ramp(2, 3)))
    with autograd.record():
        note("recorded%d" % every, shown(h, ramp(2, 3)))
n = Net(prefix="n_")
n.initialize()
n.hybridize()
n.register_op_hook(hook)
note("in a Block", shown(n, ramp(2, 3)))
""",
    )


def test_op_hooks_see_arrays() -> None:
    layer = nn.Dense(2, in_units=3, prefix="d_")
    layer.initialize(mx.init.One())
    layer.hybridize()
    seen: dict[str, Any] = {}
    layer.register_op_hook(lambda name, operator, array: seen.update({name: array.asnumpy().tolist()}), True)
    layer(mx.nd.ones((1, 3)))
    assert seen == {
        "d_fwd_data": [[1, 1, 1]],
        "d_fwd_weight": [[1, 1, 1]] * 2,
        "d_fwd_bias": [0, 0],
        "d_fwd_output": [[3, 3]],
    }


def test_export(oracle: Oracle, tmp_path: Path) -> None:
    source = """
x = ramp(2, 3)
h = HybridNet(prefix="c_")
h.initialize()
note("too early", fails(h.export, path))
h.hybridize()
note("not run", fails(h.export, path))
h(x)
fill(h)
note("result", h(x))
h.export(path, epoch=3)
note("files", sorted(os.listdir(os.path.dirname(path))))
note("content", sorted(nd.load(path + "-0003.params").items()))
"""
    read = """
x = ramp(2, 3)
module = mx.mod.Module(mx.sym.load(path + "-symbol.json"), label_names=None)
module.bind([("data", (2, 3))], for_training=False)
_, arguments, states = mx.model.load_checkpoint(path, 3)
module.set_params(arguments, states)
module.forward(mx.io.DataBatch([x]), is_train=False)
note("module", module.get_outputs()[0])
block = gluon.SymbolBlock.imports(path + "-symbol.json", ["data"], path + "-0003.params")
note("block", block(x))
same = HybridNet(prefix="c_")
same.collect_params().load(path + "-0003.params")
note("same", same(x))
"""
    paths = {who: tmp_path / who / "net" for who in ("ours", "theirs")}
    for path in paths.values():
        path.parent.mkdir()
    ours = run_here(PRELUDE + source, ["report"], {"path": str(paths["ours"])})["report"]
    theirs = oracle.build(PRELUDE + source, ["report"], {"path": str(paths["theirs"])})["report"]
    assert ours["files"] == theirs["files"] == ["net-0003.params", "net-symbol.json"]
    assert ours["too early"]
    assert ours["not run"]
    assert [name for name, _ in ours["content"]] == [name for name, _ in theirs["content"]]
    np.testing.assert_allclose(ours["result"], theirs["result"], rtol=1e-5)
    for path in paths.values():
        report = assert_same(oracle, read, path=str(path))
        for result in report.values():
            np.testing.assert_allclose(result, ours["result"], rtol=1e-5)


def test_optimize_for_makes_the_graph() -> None:
    net = nn.HybridSequential()
    net.add(nn.Dense(2))
    net.initialize()
    net.optimize_for(mx.nd.ones((1, 3)), static_alloc=True)
    assert net[0].weight.shape == (2, 3)
    assert net._cached_graph
    with pytest.raises(NotSupportedError, match="backend='MKLDNN'"):
        net.optimize_for(mx.nd.ones((1, 3)), backend="MKLDNN")


def test_programs_are_bounded() -> None:
    x, y = mx.sym.var("x"), mx.sym.var("y")
    op = CachedOp(x + y)
    for size in range(1, 150):
        op(mx.nd.ones((size,)), mx.nd.ones((size,)))
    assert len(op._programs) == 64
    assert op(mx.nd.ones((2,)), mx.nd.ones((2,)))[0].asnumpy().tolist() == [2, 2]
    with pytest.raises(ArgumentError, match=r"expected 2 arrays \(x, y\), got 1"):
        op(x)  # pyright: ignore[reportArgumentType]


def test_results_have_memory_of_their_own() -> None:
    class Same(gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return [x, x, F.reshape(x, shape=(-1,))]

    for hybrid in (False, True):
        block = Same()
        block.hybridize(hybrid)
        x = mx.nd.ones((2, 2))
        results = block(x)
        if hybrid:
            for place, each in enumerate(results):
                each[:] = place + 5
            assert [float(each.asnumpy().max()) for each in (x, *results)] == [1, 5, 6, 7]


def test_a_graph_without_arrays_runs() -> None:
    class Zeros(gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return F.zeros((2, 3)) + 1

    block = Zeros(prefix="z_")
    block.hybridize()
    with pytest.warns(UserWarning, match="z: its output does not depend on data"):
        assert block(mx.nd.ones((1,))).asnumpy().tolist() == [[1, 1, 1]] * 2


class Unrolled(gluon.HybridBlock):
    """A cell over three steps."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        with self.name_scope():
            self.cell = cell

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.cell.unroll(3, x, merge_outputs=True)[0]


@pytest.mark.filterwarnings("ignore:All children of this Sequential")
@pytest.mark.parametrize("outer", [nn.HybridSequential, nn.Sequential])
def test_recurrences_of_blocks_inside(outer: type[Any]) -> None:
    net = outer()
    shared = Unrolled(gluon.rnn.GRUCell(4))
    net.add(Unrolled(gluon.rnn.LSTMCell(4, input_size=4)), shared, shared, nn.Dense(2))
    net.initialize()
    x = mx.nd.ones((2, 3, 4))
    net(x)
    message = "expected a Block that is hybridized and has run once.*ask the outermost one"
    with pytest.raises(MXNetError, match=message):
        net.list_recurrences()
    net.hybridize()
    net(x)
    found = [(each.mode, each.steps, each.why_not) for each in net.list_recurrences()]
    if outer is nn.Sequential:
        assert found == [("lstm", 3, None), ("gru", 3, None)]
        assert len(net[0].list_recurrences()) == 1
        return
    # the second time it goes on from the first: two recurrences of one graph
    assert found == [("lstm", 3, None), ("gru", 3, None), ("gru", 3, None)]
    with pytest.raises(MXNetError, match=message):
        net[0].list_recurrences()


def test_messages() -> None:
    class Concat(gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return F.concat(x, x * 2, dim=5)

    class Stray(gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return x + F.var("stray")

    block = Concat(prefix="k_")
    block.hybridize()
    with pytest.raises(MXNetError, match="k_concat0"):
        block(mx.nd.ones((2, 3)))
    layer = nn.Dense(2, in_units=3, prefix="d_")
    layer.initialize()
    layer.hybridize()
    with pytest.raises(ShapeError, match="d_fwd"):
        layer(mx.nd.ones((2, 4)))
    with pytest.raises(MXNetError, match=r"operator d_fwd \(FullyConnected\).*data: \(2, 3\)"):
        layer(mx.nd.ones((2, 3), dtype="float64"))
    stray = Stray(prefix="s_")
    stray.hybridize()
    with pytest.raises(ArgumentError, match="s: hybrid_forward uses a variable 'stray'"):
        stray(mx.nd.ones((2,)))
    with pytest.raises(ArgumentError, match="unknown option 'foo'"):
        layer.hybridize(foo=1)
    with pytest.raises(ArgumentError, match="static_shape=True needs static_alloc"):
        layer.hybridize(static_shape=True)
    with pytest.raises(NotSupportedError, match="backend='x'"):
        layer.hybridize(backend="x")
    with pytest.raises(NotSupportedError, match="defines hybrid_forward"):
        gluon.HybridBlock()(mx.nd.ones((1,)))
    with pytest.raises(ArgumentError, match="expected an NDArray or a Symbol among the inputs, got ndarray"):
        layer(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match=r"(?s)must also be HybridBlock.*HybridSequential"):
        gluon.HybridBlock().register_child(gluon.Block())
    unknown = gluon.HybridBlock(prefix="u_")
    with pytest.raises(MXNetError, match=r"u: please first call block.hybridize\(\)"):
        unknown.export("nowhere")
    watched = nn.Dense(2)
    watched.register_forward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="is being hybridized while still having forward hook"):
        watched.hybridize()
