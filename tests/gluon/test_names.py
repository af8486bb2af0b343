"""Where MXNet's users look for names."""

from __future__ import annotations

import pytest

from oracle.client import Oracle
from rennet import gluon
from same_script import run_here

MODULES = ["gluon.rnn.rnn_layer", "gluon.rnn.rnn_cell", "gluon.nn.conv_layers", "gluon.nn.basic_layers"]


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_there(oracle: Oracle, module: str) -> None:
    names = oracle.build(f"names = list(mx.{module}.__all__)", ["names"])["names"]
    source = f"found = [hasattr(mx.{module}, name) for name in {names}]"
    assert all(run_here(source, ["found"])["found"])


def test_they_are_the_same_classes() -> None:
    assert gluon.rnn.rnn_layer.LSTM is gluon.rnn.LSTM
    assert issubclass(gluon.rnn.GRU, gluon.rnn.rnn_layer._RNNLayer)
    assert gluon.nn.conv_layers.Conv2D is gluon.nn.Conv2D
    assert vars(gluon.nn.basic_layers)["Sequential"] is gluon.nn.Sequential


def test_flattening_as_mxnet(oracle: Oracle) -> None:
    source = """
flatten, regroup = mx.gluon.block._flatten, mx.gluon.block._regroup
a, b, c = (mx.nd.array([each]) for each in (1, 2, 3))
found = []
for nested in (a, None, [a, [b, c]], [[a], None, [[b]]], [], (a, b)):
    flat, form = flatten(nested, "input")
    again = flatten(regroup(flat, form), "input")
    found.append([form, again[1], [None if each is None else each.asscalar() for each in again[0]]])
found.append(flatten(mx.sym.Group([mx.sym.var("a"), mx.sym.var("b")]), "output")[1])
"""
    assert run_here(source, ["found"])["found"] == oracle.build(source, ["found"])["found"]
