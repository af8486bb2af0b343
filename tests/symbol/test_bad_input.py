"""What symbols refuse, and that they say what was expected, what came, and where."""

# wrong types are the point
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError
from rennet.symbol import Group, Symbol, Variable, contrib
from same_script import run_here


def x() -> Symbol:
    return Variable("x")


def net() -> Symbol:
    return mx.sym.FullyConnected(Variable("data"), num_hidden=2, name="fc")


def bind(**how: Any) -> Any:
    return net().simple_bind(**{"ctx": mx.cpu(), "data": (4, 3), **how})


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "foreach": (lambda: contrib.foreach(3, x(), []), "foreach: body: expected something that can be called, got 3"),
    "foreach's data": (lambda: contrib.foreach(lambda a, b: (a, b), 3, []), "foreach: data: expected Symbol"),
    "while_loop's condition": (
        lambda: contrib.while_loop(3, lambda a: a, [x()], max_iterations=3),
        "while_loop: cond: expected something that can be called, got 3",
    ),
    "while_loop's step": (
        lambda: contrib.while_loop(lambda a: a, 3, [x()], max_iterations=3),
        "while_loop: func: expected something that can be called, got 3",
    ),
    "then": (
        lambda: contrib.cond(x(), 3, lambda: x()),
        "cond: then_func: expected something that can be called, got 3",
    ),
    "else": (
        lambda: contrib.cond(x(), lambda: x(), 3),
        "cond: else_func: expected something that can be called, got 3",
    ),
    "context": (lambda: bind(ctx="cpu"), r"simple_bind: ctx: expected a Context, got 'cpu'; such as mx.cpu\(\)"),
    "types": (lambda: bind(type_dict=3), "simple_bind: type_dict: expected a dict of element types by name, got 3"),
    "a shape": (lambda: bind(data=3), "shape of data: expected a tuple of sizes, 0 for an unknown one; got 3"),
    "a shape of words": (lambda: bind(data=("a", 3)), r"shape of data: expected a tuple of sizes, .* got \('a', 3\)"),
    "groups": (lambda: bind(group2ctx={"a": mx.cpu()}), "simple_bind: group2ctx: a graph runs on one device"),
    "arguments": (lambda: net().bind(mx.cpu(), 3), "bind: args: expected a list or a dict of NDArrays, got 3"),
    "argument": (lambda: net().bind(mx.cpu(), {"data": 3}), "bind: args: data: expected an NDArray, got 3"),
    "gradient": (
        lambda: x().bind(mx.cpu(), [mx.nd.ones((1,))], args_grad=[3]),
        "bind: args_grad: 0: expected an NDArray, got 3",
    ),
    "eval": (lambda: x().eval(x=np.ones(3)), "bind: args: x: expected an NDArray, got ndarray"),
    "unknown shape": (
        lambda: net().infer_shape(foo=(3,)),
        "the symbol has no argument called foo; it has: data, fc_wei",
    ),
    "unknown type": (lambda: net().infer_type(foo="float32"), "the symbol has no argument called foo; it has: data"),
    "an int for a shape": (lambda: net().infer_shape(data=3), "shape of data: expected a tuple of sizes"),
    "name": (
        lambda: mx.sym.FullyConnected(x(), num_hidden=2, name=3),
        "FullyConnected: name: expected a string, got 3",
    ),
    "attributes": (
        lambda: mx.sym.FullyConnected(x(), num_hidden=2, attr=3),
        "FullyConnected: attr: expected a dict of strings, got 3",
    ),
    "variable's attributes": (lambda: Variable("a", attr=3), "Variable a: attr: expected a dict of strings, got 3"),
    "variable's attribute": (lambda: Variable("a", attr={"k": 3}), "Variable a: attr: k: expected a string, got 3"),
    "initializer": (lambda: Variable("a", init=3), "Variable a: init: expected an initializer or its name, got 3"),
    "multiplier": (lambda: Variable("a", lr_mult="q"), "Variable a: lr_mult: expected a number, got 'q'"),
    "group": (lambda: Group(3), "Group: symbols: expected a non-empty sequence of Symbols, got 3"),
    "output": (lambda: x()[1.5], "index: expected the number of an output, its name, or a slice, got 1.5"),
    "JSON": (
        lambda: mx.sym.load_json(3),
        r"load_json: json_str: expected the text .*, got 3; load\(fname\) reads a file",
    ),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, NotSupportedError), match=message):
        call()


UNKNOWN = """
net = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn")

def refuses(call):
    try:
        call()
    except Exception:
        return True
    return False

shapes = {"data": (2, 3), "foo": (3,)}
found = [
    refuses(lambda: net.infer_shape(**shapes)),
    refuses(lambda: net.infer_shape_partial(**shapes)),
    refuses(lambda: net.infer_type(data="float32", foo="float32")),
    refuses(lambda: net.simple_bind(mx.cpu(), **shapes)),
    refuses(lambda: net.infer_shape(data=(2, 3), bn_moving_mean=(3,))),
]
"""


def test_shapes_of_names_that_are_no_arguments(oracle: Oracle) -> None:
    """MXNet refuses them when it infers, and passes over them when it binds; auxiliary states may be named."""
    ours, theirs = (run(UNKNOWN, ["found"])["found"] for run in (run_here, oracle.build))
    assert ours == theirs == [True, True, True, False, False]
