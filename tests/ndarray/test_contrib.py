"""Loops and branches over arrays, against real MXNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet._ops.catalogue import OPERATORS
from rennet.base import ArgumentError, ShapeError
from rennet.ndarray import contrib
from same_script import random_arrays, run_here

# The expression, and to how many rows outputs are cut: what no step of a while_loop wrote is undefined in MXNet.
SCRIPTS: dict[str, tuple[str, int | None]] = {
    "an array and a state": ("F(lambda d, s: (d * s, d + s), x, s)", None),
    "lists": ("F(lambda d, s: ([d[0] * s[0], d[1]], [d[0] + s[0], s[1] * d[1]]), [x, y], [s, t])", None),
    "tuples": ("F(lambda d, s: ((d[0] * s[0],), (d[0] + s[0],)), (x, y), (s,))", None),
    "nested states": ("F(lambda d, s: ([d, [s[0]]], [s[0] + d, [s[1][0] * 2]]), x, [s, [t]])", None),
    "no states": ("F(lambda d, s: (d * 2, s), x, [])", None),
    "no outputs": ("F(lambda d, s: ([], s * d), x, s)", None),
    "captured arrays": ("F(lambda d, s: (d * w + t, s + t * w), x, s)", None),
    "a matrix's rows": ("F(lambda d, s: (d.sum(), s + d.max()), x, w)", None),
    "a loop in a loop": ("F(lambda d, s: F(lambda e, u: (e * u, u + e), d, s), x, w)", None),
    "while": ("W(lambda i, j: i < 5, lambda i, j: ([i + j, j], [i + 1, j * w]), [i, j], max_iterations=7)", 5),
    "while, exactly": ("W(lambda i, j: i < 5, lambda i, j: (i + j, [i + 1, j * w]), [i, j], max_iterations=5)", 5),
    "while, to the limit": ("W(lambda i, j: i < 5, lambda i, j: (i * j, (i + 1, j * w)), (i, j), max_iterations=2)", 2),
    "while, no outputs": ("W(lambda i, j: i < 5, lambda i, j: (None, [i + 1, j * w]), [i, j], max_iterations=7)", 5),
    "while, one variable": ("W(lambda i: i < 3, lambda i: (i * w, i + w), i, max_iterations=4)", 2),
    "while, one in a list": ("W(lambda i: i < 3, lambda i: (i * w, [i + w]), [i], max_iterations=4)", 2),
    "while, nested": ("W(lambda i, v: i < 3, lambda i, v: ([i, [v[0]]], [i + 1, [v[0] * w]]), [i, [j]], 5)", 3),
    "while, no step": ("W(lambda i, j: i < 0, lambda i, j: (i, [i + 1, j]), [i * 1, j * w], max_iterations=3)", None),
    "while, a Python condition": ("W(lambda j: True, lambda j: (j, [j * w]), [j], max_iterations=3)", None),
    "while, a float limit": ("W(lambda j: 0.5, lambda j: (j, [j * w]), [j], max_iterations=2.5)", None),
    "cond, then": ("C(w > 1, lambda: x * w, lambda: x + 1)", None),
    "cond, else": ("C(w > 2, lambda: x * w, lambda: [x + 1, [y * s]])", None),
    "cond, not a number": ("C(w * float('nan'), lambda: x * w, lambda: y * 1)", None),
    "cond, one element of two axes": ("C(nd.ones((1, 1)), lambda: x * w, lambda: y * 1)", None),
    "cond, Python": ("C(False, lambda: x * w, lambda: y * 1)", None),
}

SOURCE = """
F, W, C, nd = mx.nd.contrib.foreach, mx.nd.contrib.while_loop, mx.nd.contrib.cond, mx.nd
marked = [mx.nd.array(args[name]) for name in "xyst"] + [mx.nd.array([value]) for value in (0, 2, 1.5)]
x, y, s, t, i, j, w = marked
for array in marked:
    array.attach_grad()
def leaves(value):
    return sum(map(leaves, value), []) if isinstance(value, (list, tuple)) else [value]
def nesting(value):
    return [nesting(each) for each in value] if isinstance(value, (list, tuple)) else None
with mx.autograd.record():
    net = SCRIPT
    parts = [output[:rows] if rows and output.shape[0] > rows else output for output in leaves(net)]
    loss = 0
    for place, part in enumerate(parts):
        loss = loss + ((part + place) * part).sum()
loss.backward()
nested, outputs = nesting(net), [part.asnumpy() for part in parts]
gradients = [array.grad.asnumpy() for array in marked]
"""


@pytest.mark.parametrize("name", SCRIPTS)
def test_results_and_gradients(oracle: Oracle, name: str) -> None:
    script, rows = SCRIPTS[name]
    source = SOURCE.replace("SCRIPT", script)
    given = {"args": random_arrays({"x": (4, 3), "y": (4, 3), "s": (3,), "t": (3,)}), "rows": rows}
    wanted = ["nested", "outputs", "gradients"]
    ours, theirs = run_here(source, wanted, given), oracle.build(source, wanted, given)
    assert ours["nested"] == theirs["nested"]
    assert_all_close(ours["outputs"], theirs["outputs"], 1e-5, "outputs")
    assert_all_close(ours["gradients"], theirs["gradients"], 1e-5, "gradients")


class TestBeyondMXNet:
    """Where real MXNet fails, or what it leaves undefined."""

    def test_nested_data(self) -> None:
        x = mx.nd.array([[1, 2], [3, 4]])
        out, _ = contrib.foreach(lambda d, s: (d[0][0] * d[1], s), [[x], x + 1], [])
        assert out.asnumpy().tolist() == [[2, 6], [12, 20]]

    def test_rows_without_a_step_are_zero(self) -> None:
        out, _ = contrib.while_loop(lambda i: i < 2, lambda i: (i + 1, i + 1), mx.nd.zeros((1,)), max_iterations=4)
        assert out.asnumpy().ravel().tolist() == [1, 2, 0, 0]

    def test_types_are_kept(self) -> None:
        x = mx.nd.array([[1, 2], [3, 4]], dtype="float64")
        outputs, states = contrib.foreach(lambda d, s: (d + s, d + s), x, mx.nd.zeros((2,), dtype="float64"))
        assert outputs.dtype == states.dtype == np.float64


def test_operators_of_contrib_are_there() -> None:
    bare = {name.removeprefix("_contrib_") for name in OPERATORS if name.startswith("_contrib_")}
    for module in (mx.nd.contrib, mx.sym.contrib):
        assert set(module.__all__) >= {"foreach", "while_loop", "cond"} | bare
        assert all(callable(getattr(module, name)) for name in module.__all__)


WORD: Any = "a"
ONE = mx.nd.ones((1,))
TWO = mx.nd.ones((2,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contrib.foreach(lambda d, s: (d, s), 3, ONE), "foreach: data: expected NDArray, or .* got int"),
        (lambda: contrib.foreach(lambda d, s: (d, s), TWO, 3), "foreach: init_states: expected NDArray"),
        (lambda: contrib.foreach(lambda d, s: d, TWO, ONE), "foreach: body: expected it to return two things"),
        (lambda: contrib.foreach(lambda d, s: (None, s), TWO, ONE), "the body's outputs: expected NDArray"),
        (lambda: contrib.foreach(lambda d, s: (d, 3), TWO, ONE), "the body's states: expected NDArray"),
        (lambda: contrib.while_loop(lambda i: i, lambda i: (i, i), ONE), "max_iterations: expected an integer"),
        (lambda: contrib.while_loop(lambda i: i, lambda i: (i, i), ONE, WORD), "max_iterations: expected an integer"),
        (lambda: contrib.while_loop(lambda: 1, lambda: ([], []), [], 2), "loop_vars: expected at least one"),
        (lambda: contrib.while_loop(lambda i: i, lambda i: (i, [i, i]), [ONE], 2), "return 1 variables, got 2"),
        (
            lambda: contrib.foreach(lambda d, s: ([d] * int(s.asscalar()), s + 1), TWO, ONE),
            "expected 1 as in the first",
        ),
    ],
)
def test_arguments_of_the_wrong_kind(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: contrib.foreach(lambda d, s: (d[0], s), [TWO, ONE], ONE),
            r"one length, at least 1; got lengths \[1, 2\]",
        ),
        (lambda: contrib.foreach(lambda d, s: (d, s), [], ONE), r"got lengths \[\]"),
        (lambda: contrib.foreach(lambda d, s: (d, s), mx.nd.zeros((0, 2)), ONE), r"got lengths \[0\]"),
        (lambda: contrib.foreach(lambda d, s: (s, mx.nd.concat(s, s, dim=0)), TWO, ONE), r"one shape in all steps"),
        (lambda: contrib.while_loop(lambda i: i, lambda i: (i, i), TWO, 2), r"one element, got shape \(2,\)"),
        (lambda: contrib.cond(TWO, lambda: ONE, lambda: TWO), r"cond: pred: expected an array of one element"),
    ],
)
def test_shapes_that_do_not_fit(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
