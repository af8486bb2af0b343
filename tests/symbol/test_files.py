"""Graphs in files: versions of what operators write into, damage, and size."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, MXNetError, NotSupportedError
from same_script import run_here

GOLDENS = Path(__file__).parents[1] / "goldens"

# How often BatchNorm had written into its moving mean when it was used, asked for, copied, cut out or replaced.
VERSIONS = {
    "used before and after": """
x, m, v = mx.sym.var("x"), mx.sym.var("m"), mx.sym.var("v")
before = m * 2
norm = mx.sym.BatchNorm(x, moving_mean=m, moving_var=v, name="bn")
net = mx.sym.Group([before, norm, m * 3, m])
""",
    "composed in another order than written": """
x, m, v = mx.sym.var("x"), mx.sym.var("m"), mx.sym.var("v")
second = mx.sym.BatchNorm(x, moving_mean=m, moving_var=v, name="second")
first = mx.sym.BatchNorm(x, moving_mean=m, moving_var=v, name="first")
net = mx.sym.Group([first, m + 1, second])
""",
    "asked for": """
norm = mx.sym.BatchNorm(mx.sym.BatchNorm(mx.sym.var("x"), name="a"), name="b")
inner = norm.get_internals()
net = mx.sym.Group([inner, inner["a_moving_mean"], norm.get_children(), inner[3:5]])
""",
    "copied": """
import copy
norm = copy.deepcopy(mx.sym.BatchNorm(mx.sym.var("x"), name="bn"))
net = mx.sym.Group([norm.get_internals(), norm])
""",
    "composed with another graph": """
inner = mx.sym.BatchNorm(mx.sym.var("z"), name="inner")
outer = mx.sym.BatchNorm(mx.sym.var("x"), name="outer")
net = mx.sym.Group([outer(x=inner), inner.get_internals(), outer(x=mx.sym.var("y"))])
""",
    "another variable written into": """
m, v, w = mx.sym.var("m"), mx.sym.var("v"), mx.sym.var("w")
norm = mx.sym.BatchNorm(mx.sym.var("q"), moving_mean=m, moving_var=v, name="bn")
later = m * 2
both = mx.sym.Group([norm, later])(m=w)
net = mx.sym.Group([both, both.get_internals(), norm.get_internals()["m"] + later])
""",
    "in a loop": """
m, v = mx.sym.var("m"), mx.sym.var("v")
def body(x, s):
    own = mx.sym.BatchNorm(x, name="own")
    return mx.sym.BatchNorm(own, moving_mean=m, moving_var=v, name="bn") + s, s
outputs, states = mx.sym.contrib.foreach(body, mx.sym.var("x"), mx.sym.var("s"))
net = mx.sym.Group([outputs, m * 2, states])
""",
}


def uncounted(text: str) -> str:
    """Loops are numbered in each process."""
    return re.sub(r"foreach\d+", "foreach", text)


@pytest.mark.parametrize("name", VERSIONS)
def test_versions_are_carried(oracle: Oracle, name: str) -> None:
    theirs = oracle.build(VERSIONS[name], ["net"])["net"].json
    ours = run_here(VERSIONS[name], ["net"])["net"]
    read = mx.sym.load_json(theirs)
    for symbol in (ours, read, copy.deepcopy(read), copy.copy(read), pickle.loads(pickle.dumps(read))):
        assert uncounted(symbol.tojson()) == uncounted(theirs)


def test_fusing_changes_no_file() -> None:
    """Bound graphs are rewritten, and counting in them would change what is saved afterwards."""
    x = mx.sym.var("x")
    outputs, _ = mx.rnn.LSTMCell(3).unroll(2, x, merge_outputs=True)
    net = mx.sym.BatchNorm(outputs, name="bn")
    before = net.tojson()
    net.simple_bind(x=(2, 2, 3)).forward()
    assert net.tojson() == before


def graph(*nodes: dict[str, Any], heads: Any = None, version: int = 10901) -> str:
    arguments = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    heads = [[len(nodes) - 1, 0, 0]] if heads is None else heads
    return json.dumps(
        {"nodes": nodes, "arg_nodes": arguments, "heads": heads, "attrs": {"mxnet_version": ["int", version]}}
    )


def node(op: str, name: str, *inputs: Any, **attrs: str) -> dict[str, Any]:
    return {"op": op, "name": name, "inputs": list(inputs), "attrs": attrs}


X = node("null", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (graph(X, node("Activatoin", "a", [0, 0])), "node 'a': .*unknown operator 'Activatoin'; .* is Activation"),
        (graph(X, node("Activation", "a", [0, 0], act_type="swing")), r"node 'a': attributes: expected those of Act"),
        (graph(X, node("Activation", "a", [0, 0], act="relu")), "unknown attribute 'act'"),
        (graph(X, node("Activation", "a", [0, 0])), "attribute act_type is required"),
        (
            graph(X, node("Activation", "a", [0, 0], [0, 0], act_type="relu")),
            "inputs: expected 1 for Activation, got 2",
        ),
        (graph(X, node("Activation", "a", [0, 3], act_type="relu")), "output index: expected below 1 for x, got 3"),
        (graph(X, heads=[[0, 1, 0]]), "heads: output index: expected below 1"),
        (
            graph(X, node("SliceChannel", "a", [0, 0], num_outputs="-1")),
            "node 'a': num_outputs: expected a number from 0",
        ),
        (graph(X, node("SliceChannel", "a", [0, 0], num_outputs="9" * 19)), "num_outputs: expected a number from 0 to"),
        (graph(X, node("Concat", "a", [0, 0], num_args="99999999")), "num_args: expected a number from 0 to 65536"),
        (graph(node("null", "x", __shape__="open('x')")), "node 'x': __shape__: expected sizes such as .2, 3., got"),
        (graph(node("null", "x", __shape__="(2")), "node 'x': __shape__"),
        (graph(node("null", "x", __dtype__="float")), "node 'x': __dtype__: expected the number of an element type"),
    ],
)
def test_what_fits_no_operator_is_named(text: str, message: str) -> None:
    for version in ("10901", "800"):
        with pytest.raises(FormatError, match=message):
            mx.sym.load_json(text.replace("10901", version))


@pytest.mark.parametrize("shape", ["(2, 3)", "[2,3]", "(2L, 3L)", "(6,)", "()", "(-1, 0)", "None", "2", "(2, None)"])
def test_shapes_of_every_spelling(shape: str) -> None:
    symbol = mx.sym.load_json(graph(node("null", "x", __shape__=shape), node("_copy", "y", [0, 0])))
    symbol.infer_shape_partial()


NAMES = ["unrolled_lstm", "fused_lstm", "while_loop", "shared_states", "attributes", "foreach"]


@given(data=st.data())
def test_changed_files_raise_one_family_or_can_be_used(data: st.DataObject) -> None:
    text = (GOLDENS / "symbols" / f"{data.draw(st.sampled_from(NAMES))}-symbol.json").read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text) - 1))
        stop = start + data.draw(st.integers(0, 6))
        pieces = st.sampled_from(["", "[", "]", '"', ",", "0", "-1", "9", "99999999999", "None", "(", ")", "e", "True"])
        text = text[:start] + data.draw(pieces) + text[stop:]
    with contextlib.suppress(FormatError):
        symbol = mx.sym.load_json(text)
        again = mx.sym.load_json(symbol.tojson())
        assert again.tojson() == symbol.tojson()
        with contextlib.suppress(MXNetError):
            symbol.infer_shape_partial()


@pytest.mark.slow
def test_many_nodes_take_seconds() -> None:
    """A chain of 100 000 operators: read, copied, written, and its shapes inferred, without recursion."""
    nodes = [X, *(node("Activation", f"a{number}", [number, 0], act_type="relu") for number in range(100_000))]
    text = graph(*nodes)
    start = time.perf_counter()
    symbol = mx.sym.load_json(text)
    assert symbol.infer_shape(x=(2, 3))[1] == [(2, 3)]
    assert len(copy.deepcopy(symbol).tojson()) > 10_000_000
    assert symbol.list_arguments() == ["x"]
    assert time.perf_counter() - start < 60


def test_operators_of_ours_are_not_saved() -> None:
    parts = [mx.sym.Variable(f"in{place}") for place in range(6)]
    internal: Any = mx.sym._internal
    net = internal._rnn_of_parts(*parts, state_size=3, num_layers=1, mode="gru", name="own")
    with pytest.raises(NotSupportedError, match="own: the operator _rnn_of_parts is rennet's own"):
        net.tojson()


def test_streams() -> None:
    raw = graph(X).encode()
    stream = io.BytesIO(b"before" + raw)
    stream.seek(6)
    assert mx.sym.load(stream).list_arguments() == ["x"]
    with pytest.raises(ArgumentError, match="expected a stream of bytes; got one of str"):
        mx.sym.load(io.StringIO(graph(X)))  # pyright: ignore[reportArgumentType]


def test_what_does_no_harm(tmp_path: Path) -> None:
    """Bytes after the end, in either file of a checkpoint."""
    net = mx.sym.Variable("x") * 2
    mx.model.save_checkpoint(tmp_path / "net", 1, net, {"w": mx.nd.ones(1)}, {})
    for path in (tmp_path / "net-symbol.json", tmp_path / "net-0001.params"):
        path.write_bytes(path.read_bytes() + b"more")
    text = (tmp_path / "net-symbol.json").read_text()
    reads: list[Callable[..., Any]] = [
        lambda **how: mx.sym.load(tmp_path / "net-symbol.json", **how).tojson(),
        lambda **how: mx.sym.load_json(text, **how).tojson(),
        lambda **how: mx.model.load_checkpoint(tmp_path / "net", 1, **how)[0].tojson(),
        lambda **how: mx.model.load_params(tmp_path / "net", 1, **how)[0]["w"].asscalar(),
    ]
    for read, expected in zip(reads, [*[net.tojson()] * 3, 1], strict=True):
        with pytest.raises(FormatError, match=r"end: expected (nothing|no) more"):
            read()
        with pytest.warns(UserWarning, match=r"end: expected (nothing|no) more"):
            assert read(strict=False) == expected


def test_what_shall_run_first_is_kept(oracle: Oracle) -> None:
    """A node that nothing but another's `control_deps` names is part of the graph."""
    text = graph(X, node("null", "b"), node("tanh", "first", [1, 0, 0]), node("tanh", "then", [0, 0, 0]))
    given = json.loads(text)
    given["nodes"][3]["control_deps"] = [2]
    given["heads"] = [[3, 0, 0]]
    source = f"net = mx.sym.load_json({json.dumps(given)!r})"
    theirs = oracle.build(source, ["net"])["net"].json
    assert '"control_deps": [2]' in theirs
    net = mx.sym.load_json(theirs)
    for each in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), mx.sym.load_json(net.tojson())):
        assert each.tojson() == theirs
        assert each.list_arguments() == ["x", "b"]
    replaced = net(b=mx.sym.Variable("c") * 2)
    assert replaced.list_arguments() == ["x", "c"]
    assert json.loads(replaced.tojson())["nodes"][-1]["control_deps"] == [3]
    out = net.bind(mx.cpu(), {"x": mx.nd.ones((2,)), "b": mx.nd.ones((2,))}).forward()[0]
    mx.test_utils.assert_almost_equal(out, mx.nd.tanh(mx.nd.ones((2,))))
