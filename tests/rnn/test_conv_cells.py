"""Convolutional cells against real MXNet."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError
from same_script import assert_same_graph, random_arguments, results, to_nd, to_numpy

from .recipes import PRELUDE

KINDS = ["ConvRNNCell", "ConvLSTMCell", "ConvGRUCell"]
every_kind = pytest.mark.parametrize("kind", KINDS)
ODD = "h2h_kernel=(3, 5), h2h_dilate=(2, 1), i2h_kernel=(3, 2), i2h_stride=(2, 1), i2h_pad=(1, 0), i2h_dilate=(1, 2)"


def _source(cell: str, merge: bool | None, layout: str = "NTC") -> str:
    return f"""{PRELUDE}
cell = {cell}
outputs, states = cell.unroll(2, mx.sym.Variable("x"), merge_outputs={merge}, layout={layout!r})
heads = (outputs if isinstance(outputs, list) else [outputs]) + flat(states)
net = mx.sym.Group(list({{head.list_outputs()[0]: head for head in heads}}.values()))
"""


@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize("how", ["", ODD, "activation='tanh'", "prefix='p_'"], ids=["plain", "odd", "tanh", "prefix"])
@every_kind
def test_against_mxnet(oracle: Oracle, kind: str, how: str, merge: bool | None) -> None:
    source = _source(f"mx.rnn.{kind}((1, 3, 7, 6), 2, {how})", merge)
    assert_same_graph(oracle, source, {"x": (2, 2, 3, 7, 6)}, tolerance=1e-4)


@every_kind
def test_in_containers(oracle: Oracle, kind: str) -> None:
    cell = f"""stack(
        mx.rnn.{kind}((1, 2, 5, 4), 3, prefix="a_"),
        mx.rnn.BidirectionalCell(
            mx.rnn.{kind}((1, 3, 5, 4), 2, prefix="b_"), mx.rnn.{kind}((1, 3, 5, 4), 2, prefix="c_")
        ),
        mx.rnn.ResidualCell(mx.rnn.{kind}((1, 4, 5, 4), 4, prefix="d_")),
    )"""
    assert_same_graph(oracle, _source(cell, False), {"x": (2, 2, 2, 5, 4)}, tolerance=1e-4)


@pytest.mark.parametrize(
    ("kernel", "shape", "layout"), [((3,), (1, 3, 7), "NCW"), ((3, 1, 3), (1, 2, 4, 3, 5), "NCDHW")]
)
@every_kind
def test_over_one_and_three_axes(kind: str, kernel: tuple[int, ...], shape: tuple[int, ...], layout: str) -> None:
    ones = (1,) * len(kernel)
    cell = getattr(mx.rnn, kind)(
        shape, 2, kernel, ones, kernel, ones, tuple(size // 2 for size in kernel), ones, conv_layout=layout
    )
    outputs, states = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    shapes = mx.sym.Group([outputs, *states]).infer_shape(x=(4, 2, *shape[1:]))[1]
    assert shapes[0] == (4, 2, 2, *shape[2:])
    assert set(shapes[1:]) == {(4, 2, *shape[2:])}


@every_kind
def test_signatures(oracle: Oracle, kind: str) -> None:
    ours = list(inspect.signature(getattr(mx.rnn, kind)).parameters)
    theirs = oracle.build(
        f"import inspect\nnames = list(inspect.signature(mx.rnn.{kind}.__init__).parameters)[1:]", ["names"]
    )["names"]
    assert ours == theirs


@every_kind
def test_weights_unpack_and_pack(kind: str) -> None:
    cell = getattr(mx.rnn, kind)((1, 3, 5, 4), 2, prefix="c_")
    outputs, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    args = random_arguments(outputs, x=(2, 2, 3, 5, 4))
    weights = {name: value for name, value in args.items() if name != "x"}
    unpacked = cell.unpack_weights(to_nd(weights))
    gates = cell._gate_names
    assert sorted(unpacked) == sorted(
        f"c_{group}{gate}_{part}" for group in ("i2h", "h2h") for gate in gates for part in ("weight", "bias")
    )
    packed = to_numpy(cell.pack_weights(unpacked))
    assert_all_close(packed, weights, 0, "packed")
    assert_all_close(results(outputs, {**packed, "x": args["x"]}), results(outputs, args), 0, "output")


def test_initializers() -> None:
    cell = mx.rnn.ConvGRUCell((1, 3, 5, 4), 2, i2h_weight_initializer=mx.init.Constant(2), h2h_bias_initializer="ones")
    outputs, _ = cell.unroll(2, mx.sym.Variable("data"), merge_outputs=True)
    module = mx.mod.Module(outputs, label_names=None)
    module.bind([("data", (2, 2, 3, 5, 4))])
    module.init_params(mx.init.Zero())
    values = {name: set(value.asnumpy().flatten().tolist()) for name, value in module.get_params()[0].items()}
    assert values == {
        "ConvGRU_i2h_weight": {2.0},
        "ConvGRU_i2h_bias": {0.0},
        "ConvGRU_h2h_weight": {0.0},
        "ConvGRU_h2h_bias": {1.0},
    }


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"h2h_kernel": (2, 3)}, ArgumentError, r"h2h_kernel: expected odd sizes.*got \(2, 3\)"),
        ({"h2h_dilate": (1,)}, ArgumentError, r"h2h_dilate: expected 2 numbers, as h2h_kernel has; got \(1,\)"),
        ({"i2h_stride": (1,)}, ArgumentError, "stride"),
        ({"conv_layout": "NHWC"}, NotSupportedError, "channels first"),
        ({"input_shape": (3, 7, 6)}, ArgumentError, r"input_shape: expected a size for each of NCHW.*got \(3, 7, 6\)"),
    ],
)
@every_kind
def test_objections(kind: str, arguments: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        getattr(mx.rnn, kind)(**{"input_shape": (1, 3, 7, 6), "num_hidden": 2, **arguments})
