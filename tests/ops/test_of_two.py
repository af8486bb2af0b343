"""Functions of two operands, either of which may be a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet._ops.of_two import ARRAY_FUNCTIONS, SYMBOL_FUNCTIONS

_NUMBERS = (2, 3), (3, 2), (2, 2), (0, 2)


@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_arrays(oracle: Oracle, name: str) -> None:
    a, b = np.array([[1, 2, 3]], "f"), np.array([[2], [3]], "f")
    source = """
call, x, y = getattr(mx.nd, name), mx.nd.array(a), mx.nd.array(b)
results = [call(x, y), call(x, 2), call(2, x), call(2.5, y)]
numbers = [call(*pair) for pair in pairs]
"""
    theirs = oracle.build(source, ["results", "numbers"], {"name": name, "a": a, "b": b, "pairs": _NUMBERS})
    call, x, y = getattr(mx.nd, name), mx.nd.array(a), mx.nd.array(b)
    results = [call(x, y), call(x, 2), call(2, x), call(2.5, y)]
    for ours, expected in zip(results, theirs["results"], strict=True):
        assert_close(ours.asnumpy(), expected, 1e-6, name)
    assert [call(*pair) for pair in _NUMBERS] == theirs["numbers"]
    first, second = ARRAY_FUNCTIONS[name].operands
    assert (call(**{first: x, second: 2}) == call(x, 2)).asnumpy().all()


@pytest.mark.parametrize("name", SYMBOL_FUNCTIONS)
def test_symbols(oracle: Oracle, name: str) -> None:
    source = """
call, x, y = getattr(mx.sym, name), mx.sym.Variable("x"), mx.sym.Variable("y")
texts = [each.tojson() for each in (call(x, y), call(x, 2), call(2, x))]
numbers = [call(*pair) for pair in pairs]
"""
    theirs = oracle.build(source, ["texts", "numbers"], {"name": name, "pairs": _NUMBERS})
    call, x, y = getattr(mx.sym, name), mx.sym.Variable("x"), mx.sym.Variable("y")
    with mx.name.NameManager():
        texts = [each.tojson() for each in (call(x, y), call(x, 2), call(2, x))]
    assert texts == theirs["texts"]
    assert [call(*pair) for pair in _NUMBERS] == theirs["numbers"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mx.nd.maximum("a", mx.nd.ones(2)), "maximum: lhs: expected NDArray or a number, got str"),
        (lambda: mx.sym.pow(mx.sym.Variable("x"), None), "pow: exp: expected Symbol or a number, got NoneType"),
    ],
)
def test_objections(call: Any, message: str) -> None:
    with pytest.raises(mx.base.ArgumentError, match=message):
        call()
