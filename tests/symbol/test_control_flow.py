"""Loops and branches in graphs: composed, read, written, inferred and run, against real MXNet."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, MXNetError, NotSupportedError, ShapeError
from rennet.ndarray import generated as nd_functions
from rennet.symbol import cutting
from rennet.symbol import generated as sym_functions
from same_script import random_arguments, random_arrays, run_here, run_symbol

S, V = mx.sym, mx.sym.Variable
GOLDENS = Path(__file__).parents[1] / "goldens" / "symbols"
NAMES = ("foreach", "nested_foreach", "while_loop", "cond")

# Real MXNet numbers what lies within functions from one count for the whole process; ours is cleared in `composed`.
HEAD = """
if hasattr(mx.AttrScope, "_subgraph_names"):
    mx.AttrScope._subgraph_names.clear()
f, V, G = mx.sym, mx.sym.Variable, mx.sym.Group
F, W, C = mx.sym.contrib.foreach, mx.sym.contrib.while_loop, mx.sym.contrib.cond
x, s, w = V("x"), V("s"), V("w", lr_mult=2.0)
"""

# The same script over arrays: a reference where real MXNet cannot differentiate its own operator.
IMPERATIVE = """
arrays = {name: mx.nd.array(value) for name, value in args.items()}
for array in arrays.values():
    array.attach_grad()
f, V, G, F, W, C = mx.nd, arrays.get, list, mx.nd.contrib.foreach, mx.nd.contrib.while_loop, mx.nd.contrib.cond
x, s, w = V("x"), V("s"), V("w")
with mx.autograd.record():
    SOURCE
    net = net if isinstance(net, list) else [net]
    mx.autograd.backward(net, [mx.nd.array(head) for head in heads])
outputs = [array.asnumpy() for array in net]
gradients = {name: array.grad.asnumpy() for name, array in arrays.items()}
"""


class Script(NamedTuple):
    source: str
    shapes: dict[str, tuple[int, ...]]
    values: Mapping[str, Any] = {}
    steps: int | None = None
    """How many steps a while_loop takes: further rows of MXNet's outputs are undefined."""
    differentiable: bool = True
    """Whether real MXNet can differentiate the graph. It often cannot where something captured is used twice, and
    leaves the gradient of what a branch does not use unwritten."""
    runs: bool = True
    """Whether real MXNet can run the graph: not where a cond lies in something else, whose shapes it needs."""
    imperative: bool = True
    """Whether the script runs over arrays too."""
    named: bool = True
    """Whether all names are those of MXNet: those within a cell are not."""


SCRIPTS = {
    "one step": Script("net = G(F(lambda d, s: (d + s, d * s), x, s))", {"x": (4, 2, 3), "s": (2, 3)}),
    "no states": Script("net = F(lambda d, s: (d + 1, s), x, [])[0]", {"x": (4, 2, 3)}),
    "no outputs": Script("net = F(lambda d, s: ([], s * d + s), x, s)[1]", {"x": (4, 2, 3), "s": (2, 3)}),
    "vectors": Script("net = G(F(lambda d, s: (d + 1, s + d), x, s))", {"x": (4,), "s": (1,)}),
    "results of all axes": Script("net = G(F(lambda d, s: (d.sum(), s + f.sum(d)), x, s))", {"x": (4, 3), "s": (1,)}),
    "captured results and variables": Script(
        """
h = w * 2
out, [last] = F(lambda d, s: ((h + d) * h + w, [s[0] + d * w]), x, [s])
net = G([out, last, h])
""",
        {"x": (4, 2, 3), "s": (2, 3), "w": (2, 3)},
        differentiable=False,
    ),
    "parts of a split": Script(
        """
parts = f.split(V("z"), num_outputs=3, axis=1, squeeze_axis=True)
out, [last] = F(lambda d, s: (parts[1] + d, [parts[0] + s[0] * d]), f.sin(x), [parts[2]])
net = G([out, last])
""",
        {"x": (4, 2, 3), "z": (2, 3, 3)},
        differentiable=False,
    ),
    "inputs and outer results returned": Script(
        """
h = w * 2
(a, b, c), [last] = F(lambda d, s: ([h, d, w], [d + s[0]]), x, [s])
net = G([a, b, c, last])
""",
        {"x": (4, 2, 3), "s": (2, 3), "w": (3,)},
        differentiable=False,
    ),
    "one result in several places": Script(
        """
def body(d, s):
    o = d * s[0]
    return [o, o], [o, s[1] + o]
(a, b), (c, d) = F(body, x, [s, V("t")])
net = G([a, b, c, d])
""",
        {"x": (4, 2, 3), "s": (2, 3), "t": (2, 3)},
    ),
    "a split returned": Script(
        "(a, b), t = F(lambda d, s: (list(f.split(d, num_outputs=2)), s + d), x, s); net = G([a, b, t])",
        {"x": (3, 2, 4), "s": (2, 4)},
    ),
    "data captured as well": Script(
        "net = G(F(lambda d, s: (f.broadcast_add(d, x.sum(axis=0)), s + d), x, s))",
        {"x": (4, 2, 3), "s": (2, 3)},
        differentiable=False,
    ),
    "nested lists": Script(
        """
body = lambda d, s: ([[d[0] * s[0]], d[1]], [s[0] + 1, [s[1][0] * 2 + d[1]]])
[[a], b], [c, [d]] = F(body, [x, V("y")], [s, [w * 2]])
net = G([a, b, c, d])
""",
        {"x": (3, 2), "y": (3, 2), "s": (2,), "w": (2,)},
    ),
    "scopes": Script(
        """
with mx.name.Prefix("pre_"), mx.AttrScope(ctx_group="g"):
    net = G(F(lambda d, s: (f.tanh(d, name="named") + s, s * d), x, s, name="hey"))
""",
        {"x": (3, 2), "s": (2,)},
        imperative=False,
    ),
    "weights made inside": Script(
        """
def body(d, s):
    h = f.FullyConnected(d, num_hidden=4, name="i2h") + f.FullyConnected(s, num_hidden=4, name="h2h")
    h = f.Activation(h, act_type="tanh")
    return f.FullyConnected(h, weight=V("out_weight", init="zeros"), num_hidden=2, no_bias=True), h
net = G(F(body, x, s))
""",
        {"x": (5, 3, 2), "s": (3, 4)},
        imperative=False,
    ),
    "an LSTM cell": Script(
        """
cell = mx.rnn.LSTMCell(4, prefix="l_")
out, states = F(cell, x, cell.begin_state())
net = G([out, *states])
""",
        {"x": (5, 3, 2)},
        imperative=False,
        named=False,
    ),
    "cells on each other": Script(
        """
stack = mx.rnn.SequentialRNNCell()
stack.add(mx.rnn.GRUCell(3, prefix="a_"))
stack.add(mx.rnn.RNNCell(2, prefix="b_"))
out, states = F(lambda d, s: stack(d, s), x, [s, V("t")])
net = G([f.FullyConnected(out, num_hidden=2, flatten=False, name="fc"), *states])
""",
        {"x": (5, 3, 2), "s": (3, 3), "t": (3, 2)},
        imperative=False,
        named=False,
    ),
    "a loop in a loop": Script(
        """
h = w * 2
def outer(d, s):
    q, v = d * 3, V("v")
    def inner(e, t):
        row = f.slice_axis(h, axis=0, begin=1, end=2).reshape((-1,))
        return e + t * row + w.sum(axis=0), t + e * v * V("u")
    out, state = F(inner, q, s)
    return f.broadcast_add(out, v.reshape((1, -1))), state
net = G(F(outer, x, s))
""",
        {"x": (2, 3, 2), "s": (2,), "w": (3, 2), "v": (2,), "u": (2,)},
        differentiable=False,
    ),
    "while": Script(
        """
out, (i, j) = W(lambda i, j: i < 5, lambda i, j: ([i + j], [i + 1, j * i]), [V("i"), V("j")], max_iterations=7)
net = G([*out, i, j])
""",
        {"i": (1,), "j": (1,)},
        {"i": [0]},
        5,
    ),
    "while with captured things": Script(
        """
h = w * 2
step = lambda i, j: ((i + j * w, f.sin(j)), (i + 1, j + h * V("b")))
(a, b), (i, j) = W(lambda i, j: i * w.sum() < h.sum(), step, (V("i"), V("j")), max_iterations=9)
net = G([a, b, i, j])
""",
        {"i": (1,), "j": (1,), "w": (1,), "b": (1,)},
        {"i": [0], "w": [1.5]},
        2,
        differentiable=False,
    ),
    "while up to the limit": Script(
        "net = W(lambda i: i * 0 + 1, lambda i: ([], i * i), V('i'), max_iterations=3)[1]", {"i": (1,)}, steps=3
    ),
    "while with weights": Script(
        """
def step(h, i):
    new = f.tanh(f.FullyConnected(h, num_hidden=3, name="fc"))
    return [new, [h * 2]], [new, [i[0] + 1]]
[a, [b]], [h, [i]] = W(lambda h, i: i[0] < 3, step, [V("h"), [V("i")]], max_iterations=5)
net = G([a, b, h, i])
""",
        {"h": (2, 3), "i": (1,)},
        {"i": [0]},
        3,
        imperative=False,
    ),
    "cond, then": Script(
        "net = C(V('p') < 3, lambda: x * w, lambda: x + s)",
        {"p": (1,), "x": (2, 3), "s": (2, 3), "w": (2, 3)},
        {"p": [2]},
        differentiable=False,
    ),
    "cond, else": Script(
        "net = C(V('p') < 3, lambda: x * w, lambda: f.tanh(x) + s)",
        {"p": (1,), "x": (2, 3), "s": (2, 3), "w": (2, 3)},
        {"p": [4]},
        differentiable=False,
    ),
    "cond with shared things": Script(
        """
h = w * 2
a, b = C(w.sum(), lambda: [x * h, h * 1], lambda: [h + w, x * 1])
net = G([a, b])
""",
        {"x": (3, 3), "w": (3, 3)},
        differentiable=False,
    ),
    "cond with weights": Script(
        "fc = lambda: f.FullyConnected(x, num_hidden=3, name='fc'); net = C(f.zeros((1,)), fc, lambda: -fc())",
        {"x": (3, 3)},
        imperative=False,
    ),
    "cond with equal names": Script(
        "net = C(w, lambda: V('q') + x, lambda: V('q') * w)",
        {"w": (1,), "x": (1,), "q": (1,)},
        {"w": [0]},
        differentiable=False,
    ),
    "cond in a loop": Script(
        """
choice = lambda d, s: C(s.sum() < 3, lambda: [d * s, s + 1], lambda: [d - s * w, s + d])
net = G(F(choice, x, s))
""",
        {"x": (5, 2), "s": (2,), "w": (2,)},
        runs=False,
    ),
}
INFERRED = [name for name in SCRIPTS if not name.startswith(("while", "cond"))]
"""Real MXNet infers no output of a while_loop or a cond."""


def composed(name: str) -> mx.sym.Symbol:
    cutting._numbers.clear()
    return run_here(HEAD + SCRIPTS[name].source, ["net"])["net"]


def theirs(oracle: Oracle, name: str) -> Any:
    return oracle.build(HEAD + SCRIPTS[name].source, ["net"])["net"]


def arguments_of(symbol: mx.sym.Symbol, script: Script) -> dict[str, np.ndarray]:
    args = random_arguments(symbol, **script.shapes)
    return {**args, **{name: np.array(value, np.float32) for name, value in script.values.items()}}


def heads_of(symbol: mx.sym.Symbol, shapes: Mapping[str, tuple[int, ...]]) -> list[np.ndarray]:
    """Random gradients of the outputs."""
    return list(random_arrays({str(i): shape for i, shape in enumerate(symbol.infer_shape(**shapes)[1])}, 1).values())


def written(symbol: mx.sym.Symbol, script: Script, arrays: Sequence[Any]) -> list[np.ndarray]:
    """The rows of outputs that some step of a while_loop wrote."""
    rows = [
        script.steps if node.parsed.get("max_iterations") and index < node.parsed["num_out_data"] else None
        for node, index in symbol._outputs
    ]
    return [np.asarray(array)[:count] for array, count in zip(arrays, rows, strict=True)]


@pytest.mark.parametrize("name", SCRIPTS)
class TestAgainstMXNet:
    def test_same_bytes(self, oracle: Oracle, name: str) -> None:
        ours, reference = composed(name), theirs(oracle, name)
        if SCRIPTS[name].named:
            assert ours.tojson() == reference.json
        assert mx.sym.load_json(ours.tojson()).tojson() == ours.tojson()
        assert mx.sym.load_json(reference.json).tojson() == reference.json
        assert ours.list_outputs() == reference.outputs
        assert ours.list_arguments() == reference.arguments

    def test_results_and_gradients(self, oracle: Oracle, name: str) -> None:
        script, ours = SCRIPTS[name], composed(name)
        args, heads = arguments_of(ours, script), heads_of(ours, script.shapes)
        trains = script.differentiable
        graph = None
        if script.runs:
            graph = oracle.run_symbol(
                ours.tojson(),
                args,
                is_train=trains,
                head_grads=heads if trains else None,
                grad_req="write" if trains else "null",
            )
        for symbol in (ours, mx.sym.load_json(ours.tojson())):
            outputs, gradients = run_symbol(symbol, args, heads)
            mine = [output.asnumpy() for output in outputs]
            rows = written(ours, script, mine)
            for whole, part in zip(mine, rows, strict=True):
                assert not whole[len(part) :].any()
            if graph is not None:
                assert_all_close(rows, written(ours, script, graph.outputs), 2e-5, "outputs")
            if graph is not None and trains:
                assert_all_close(gradients, graph.gradients, 2e-5, "gradients")
            if script.imperative:
                source = IMPERATIVE.replace("SOURCE", script.source.strip().replace("\n", "\n    "))
                given = {"args": args, "heads": heads}
                arrays = oracle.build(source, ["outputs", "gradients"], given)
                assert_all_close(rows, written(ours, script, arrays["outputs"]), 2e-5, "outputs over arrays")
                assert_all_close(gradients, arrays["gradients"], 2e-5, "gradients over arrays")


@pytest.mark.parametrize("name", INFERRED)
def test_shapes(oracle: Oracle, name: str) -> None:
    script, ours = SCRIPTS[name], composed(name)
    arguments, outputs, _ = ours.infer_shape(**script.shapes)
    reference = oracle.symbol_info(ours.tojson(), dict(zip(ours.list_arguments(), arguments, strict=True)))
    assert outputs == reference.output_shapes


@pytest.mark.parametrize("name", NAMES)
def test_files_of_real_mxnet_are_written_again_as_they_were(name: str) -> None:
    path = GOLDENS / f"{name}-symbol.json"
    symbol = S.load(path)
    assert symbol.tojson() == path.read_text()
    assert copy.deepcopy(symbol).tojson() == path.read_text()
    assert pickle.loads(pickle.dumps(symbol)).tojson() == path.read_text()


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("foreach", {"data": (5, 3, 2)}),
        ("nested_foreach", {"data": (5, 3, 2), "state": (2,)}),
        ("while_loop", {"i": (1,), "total": (1,)}),
        ("cond", {"p": (1,), "x": (2, 3)}),
    ],
)
def test_files_of_real_mxnet_run(oracle: Oracle, name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    symbol = S.load(GOLDENS / f"{name}-symbol.json")
    args = random_arguments(symbol, **shapes)
    heads = heads_of(symbol, shapes)
    outputs, gradients = run_symbol(symbol, args, heads)
    reference = oracle.run_symbol(symbol.tojson(), args, is_train=True, head_grads=heads)
    steps = 5 - int(np.floor(args["i"][0])) if name == "while_loop" else None
    assert_all_close(
        [output.asnumpy()[:steps] for output in outputs], [each[:steps] for each in reference.outputs], 1e-5, "outputs"
    )
    if name == "nested_foreach":
        # real MXNet counts one step only
        reference.gradients["w"] = heads[0].sum(axis=0)
    assert_all_close(gradients, reference.gradients, 1e-5, "gradients")


class TestInference:
    def test_begin_states_get_their_batch(self) -> None:
        _, outputs, _ = composed("an LSTM cell").infer_shape(x=(5, 3, 2))
        assert outputs == [(5, 3, 4), (3, 4), (3, 4)]

    def test_data_follow_from_outputs_and_states(self) -> None:
        out, _ = S.contrib.foreach(lambda d, s: (d + s, s * d), V("x"), V("s"))
        assert out.infer_shape_partial(s=(2, 3))[0] == [(0, 2, 3), (2, 3)]
        total = out + V("y")
        assert total.infer_shape(y=(4, 2, 3))[0] == [(4, 2, 3), (2, 3), (4, 2, 3)]

    def test_while_loop_is_known_beforehand(self) -> None:
        net = composed("while")
        assert net.infer_shape(i=(1,), j=(1,)) == ([(1,), (1,)], [(7, 1), (1,), (1,)], [])
        executor = net.simple_bind(i=(1,), j=(1,))
        assert [output.shape for output in executor.forward()] == [(7, 1), (1,), (1,)]

    def test_branches_agree(self) -> None:
        net = S.contrib.cond(V("p"), lambda: V("x") * 2, lambda: V("y") + 1)
        assert net.infer_shape(p=(1,), x=(2, 3)) == ([(1,), (2, 3), (2, 3)], [(2, 3)], [])
        with pytest.raises(ShapeError, match=r"_cond0|contradict"):
            net.infer_shape(p=(1,), x=(2, 3), y=(3, 3))

    @pytest.mark.parametrize("name", ["weights made inside", "cond with shared things", "while"])
    def test_types(self, name: str) -> None:
        net = composed(name)
        first = net.list_arguments()[0]
        arguments, outputs, _ = net.infer_type(**{first: "float64"})
        assert {*arguments, *outputs} == {np.float64}

    def test_lengths_differ(self) -> None:
        out, _ = S.contrib.foreach(lambda d, s: (d[0] + d[1] + s, s + d[0]), [V("x"), V("y")], V("s"))
        with pytest.raises(ShapeError, match="_foreach"):
            out.infer_shape(x=(3, 2), y=(4, 2))

    def test_state_changes_its_shape(self) -> None:
        out, _ = S.contrib.foreach(lambda d, s: (d, S.concat(s, d, dim=0)), V("x"), V("s"))
        with pytest.raises(ShapeError, match="contradict"):
            out.infer_shape(x=(3, 2), s=(2,))

    def test_loops_of_equal_attributes_are_told_apart(self) -> None:
        x, s = V("x"), V("s")
        a, _ = S.contrib.foreach(lambda d, s: (S.concat(d, d, dim=0), s + d), x, s)
        b, _ = S.contrib.foreach(lambda d, s: (d * 1, s + d), x, s)
        assert S.Group([a, b]).infer_shape(x=(3, 2), s=(2,))[1] == [(3, 4), (3, 2)]


class TestRunning:
    def test_a_while_loop_of_no_steps(self) -> None:
        net = composed("while")
        args = {"i": np.array([9.0], np.float32), "j": np.array([2.0], np.float32)}
        heads = [np.ones(shape, np.float32) for shape in ((7, 1), (1,), (1,))]
        outputs, gradients = run_symbol(net, args, heads)
        assert [output.asnumpy().tolist() for output in outputs] == [[[0.0]] * 7, [9.0], [2.0]]
        assert {name: gradient.asscalar() for name, gradient in gradients.items()} == {"i": 1, "j": 1}

    @pytest.mark.parametrize(
        "net",
        [
            S.contrib.cond(V("p"), lambda: V("x") * 2, lambda: V("x") * 3),
            S.contrib.while_loop(lambda p: p, lambda p: ([], p - 1), V("p"), max_iterations=2)[1] + V("x"),
        ],
        ids=["cond", "while_loop"],
    )
    def test_a_condition_of_several_elements(self, net: mx.sym.Symbol) -> None:
        with pytest.raises(ShapeError, match=r"condition of one element, got shape \(2,\)"):
            net.eval(p=mx.nd.array([1, 0]), x=mx.nd.array([1, 2]))

    @pytest.mark.parametrize(("value", "chosen"), [(0, 3), (0.5, 2), (-1, 2), (np.nan, 2)])
    def test_what_is_true(self, value: float, chosen: int) -> None:
        net = S.contrib.cond(V("p"), lambda: V("x") * 2, lambda: V("x") * 3)
        assert net.eval(p=mx.nd.array([value]), x=mx.nd.array([1]))[0].asscalar() == chosen

    def test_moving_averages_inside_are_kept(self) -> None:
        out, _ = S.contrib.foreach(lambda d, s: (S.BatchNorm(d, name="bn", momentum=0.5), s + d), V("x"), V("s"))
        assert out.list_auxiliary_states() == []
        executor = out.simple_bind(x=(3, 4, 2), s=(4, 2))
        executor.arg_dict["x"][:] = 2
        executor.forward(is_train=True)
        executor.backward(mx.nd.ones((3, 4, 2)))
        assert executor.arg_dict["bn_moving_mean"].asnumpy().tolist() == [1.75, 1.75]
        assert executor.grad_dict["bn_moving_mean"].asnumpy().tolist() == [0, 0]

    def test_dropout_is_drawn_anew_in_each_step(self) -> None:
        out, _ = S.contrib.foreach(lambda d, s: (S.Dropout(d, p=0.5), s + d), V("x"), V("s"))
        executor = out.bind(args={"x": mx.nd.ones((2, 100)), "s": mx.nd.zeros((100,))}, grad_req="null")
        assert executor.forward(is_train=False)[0].asnumpy().all()
        first, second = executor.forward(is_train=True)[0].asnumpy()
        assert set(first) | set(second) == {0, 2}
        assert (first != second).any()

    def test_symbols_of_several_outputs_are_lists(self) -> None:
        # real MXNet loses all but one
        data = S.split(V("x"), num_outputs=2, axis=1)
        outputs, _ = S.contrib.foreach(
            lambda d, s: (S.split(d[0] - d[1], num_outputs=2, axis=0), s + d[0]), data, V("s")
        )
        x, s = mx.nd.array(np.arange(8).reshape(2, 4)), mx.nd.zeros((2,))
        assert [output.asnumpy().tolist() for output in S.Group(outputs).eval(x=x, s=s)] == [[[-2.0], [-2.0]]] * 2

    def test_a_module_trains(self) -> None:
        cell = mx.rnn.LSTMCell(4, prefix="l_")
        data = S.SwapAxis(V("data"), dim1=0, dim2=1)
        _, states = S.contrib.foreach(cell, data, cell.begin_state())
        net = S.MakeLoss(S.square(S.FullyConnected(states[0], num_hidden=1) - S.Reshape(V("label"), shape=(-1, 1))))
        module = mx.mod.Module(net, label_names=["label"])
        values = np.random.default_rng(0).normal(size=(8, 3, 2)).astype(np.float32)
        batch = mx.io.DataBatch([mx.nd.array(values)], [mx.nd.array(values.sum(axis=(1, 2)))])
        module.bind([("data", (8, 3, 2))], [("label", (8,))])
        module.init_params()
        module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.05})
        losses = []
        for _ in range(60):
            module.forward_backward(batch)
            module.update()
            losses.append(module.get_outputs()[0].asnumpy().mean())
        assert losses[-1] < 0.1 * losses[0]


class TestObjections:
    X, S0 = V("x"), V("s")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x, s: S.contrib.foreach(lambda d, s: (d, s + 1), 3, s), "foreach: data: expected Symbol, or"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (d, s + 1), [], s), "at least one Symbol to loop over"),
            (lambda x, s: S.contrib.foreach(lambda d, s: d, x, s), "foreach: body: expected it to return two things"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (3, s + d), x, s), "the body's outputs: expected Symbol"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (d, [s + d]), x, s), "another nesting"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (s, s + 1), x, s), "unused: x"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (d, d + 1), x, s), "unused: s"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (d, s + d), x, x), "more than one is called x-0"),
            (lambda x, s: S.contrib.foreach(lambda d, s: (d * V("w"), s + V("w")), x, s), "called w"),
            (
                lambda x, s: S.contrib.while_loop(lambda i: i, lambda i: (i, [i + 1]), [x]),
                "max_iterations: expected an",
            ),
            (lambda x, s: S.contrib.while_loop(lambda i: i, lambda i: (i, i + 1), x, "a"), "max_iterations: expected"),
            (lambda x, s: S.contrib.while_loop(lambda i: i, lambda i: (i, i + 1), x, 0), "expected at least 1, got 0"),
            (lambda x, s: S.contrib.while_loop(lambda: x, lambda: (x, []), [], 2), "loop_vars: expected at least one"),
            (lambda x, s: S.contrib.while_loop(lambda i, j: i, lambda i, j: (i, [i]), [x, s], 2), "2 variables, got 1"),
            (lambda x, s: S.contrib.while_loop(lambda i, j: i, lambda i, j: (i, [i, i]), [x, s], 2), "unused: s"),
            (
                lambda x, s: S.contrib.while_loop(lambda i: True, lambda i: (i, [i + 1]), [x], 2),
                "cond: expected a Symbol",
            ),
            (lambda x, s: S.contrib.cond(True, lambda: x, lambda: s), "cond: pred: expected a Symbol of one output"),
            (lambda x, s: S.contrib.cond(x, lambda: [x, s], lambda: s), "got 2 and 1"),
            (lambda x, s: S.contrib.cond(x, list, list), "at least one, of then_func"),
            (lambda x, s: vars(sym_functions)["_foreach"](x), "num_outputs is required"),
        ],
    )
    def test_composing(self, call: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            call(V("x"), V("s"))

    def test_the_operators_alone(self) -> None:
        given = {"num_outputs": 1, "cond_input_locs": (0,), "then_input_locs": (0,), "else_input_locs": (0,)}
        with pytest.raises(NotSupportedError, match=r"_cond needs the graphs that it runs; contrib\.cond makes them"):
            vars(sym_functions)["_cond"](V("x"), **given)
        with pytest.raises(NotSupportedError, match=r"contrib\.cond"):
            vars(nd_functions)["_cond"](mx.nd.ones((1,)), **given)

    @pytest.mark.parametrize(
        ("name", "changes", "message"),
        [
            ("foreach", {"subgraphs": []}, "expected 1 subgraphs, got 0"),
            ("foreach", {"remain_locs": "[1, 1]"}, "every input once"),
            ("foreach", {"num_out_data": "2"}, "num_out_data and the states together, 3; got 2"),
            ("foreach", {"num_args": "4"}, "num_args to be 5"),
            ("foreach", {"remain_locs": "[1]", "in_state_locs": "[2]", "num_args": "4"}, "locations below 3"),
            ("while_loop", {"max_iterations": "0"}, "at least 1, got 0"),
            ("while_loop", {"func_var_locs": "[0, 0]"}, "different numbers below 2"),
            ("while_loop", {"func_var_locs": "[0]"}, "variables together, 2; got 3"),
            ("while_loop", {"cond_input_locs": "[2]"}, "1 locations below 2"),
            ("cond", {"num_outputs": "2"}, "subgraph of 2 outputs, got 1"),
            ("cond", {"num_outputs": "0"}, "at least 1, got 0"),
            ("cond", {"then_input_locs": "[0, 1]"}, "1 locations below 2"),
        ],
    )
    def test_files_that_contradict_themselves(self, name: str, changes: dict[str, Any], message: str) -> None:
        graph = json.loads((GOLDENS / f"{name}-symbol.json").read_text())
        (node,) = [each for each in graph["nodes"] if each["op"] == f"_{name}"]
        for key, value in changes.items():
            (node if key == "subgraphs" else node["attrs"])[key] = value
        with pytest.raises(FormatError, match=message):
            S.load_json(json.dumps(graph))

    def test_an_unknown_operator_inside(self) -> None:
        text = (GOLDENS / "foreach-symbol.json").read_text().replace("FullyConnected", "FullyConected")
        with pytest.raises(MXNetError, match=r"subgraph, node 'fc': op: .*unknown operator 'FullyConected'"):
            S.load_json(text)
