"""Graphs as lines to read, and what symbols refuse."""

from __future__ import annotations

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import NotSupportedError
from same_script import run_here

SOURCE = """
with mx.AttrScope(ctx_group="a"):
    x = mx.sym.Variable("x", lr_mult=2.0)
    normal = mx.sym.BatchNorm(x, name="bn", fix_gamma=False)
    parts = mx.sym.split(normal, num_outputs=2, name="sp")
states = {key: mx.sym.Variable(key) for key in ("moving_mean", "moving_var")}
again = mx.sym.BatchNorm(parts[0] + parts[1], name="bn2", **states)
mean = normal.get_internals()["bn_moving_mean"] + mx.sym.Variable("q")
net = mx.sym.Group([parts[1], x, again, mx.sym.tanh(mean) + mx.sym.zeros((2, 3)), parts[0]])
text, alone = net.debug_str(), mx.sym.Variable("w").debug_str()
"""


def test_the_listing_is_mxnets(oracle: Oracle) -> None:
    assert run_here(SOURCE, ["text", "alone"]) == oracle.build(SOURCE, ["text", "alone"])


def test_an_executor_says_how_much_memory_it_takes() -> None:
    net = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=1024, name="fc")
    text = net.simple_bind(mx.cpu(), x=(1, 1024)).debug_str()
    assert text == f"{net.debug_str()}Total 8 MB allocated\n"  # the weight and its gradient


def test_there_are_no_graphs_of_gradients() -> None:
    with pytest.raises(NotSupportedError, match=r"Symbol\.gradient: .* bind the symbol with args_grad"):
        mx.sym.Variable("x").gradient("x")
