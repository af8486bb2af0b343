"""What is said about parameters that are not the network's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rennet as mx
from rennet._mismatch import describe_mismatch, likely_cause
from rennet.base import ArgumentError, ShapeError
from same_script import random_arguments, to_nd

LSTM = {"i2h_weight": (20, 3), "i2h_bias": (20,), "h2h_weight": (20, 5), "h2h_bias": (20,)}
GRU = {"i2h_weight": (15, 3), "i2h_bias": (15,), "h2h_weight": (15, 5), "h2h_bias": (15,)}


def called(prefix: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...] | None]:
    return {prefix + name: shape for name, shape in shapes.items()}


def test_everything_is_listed() -> None:
    text = describe_mismatch({"a": (1,), "b": (2,), "c": (3,)}, {"b": (2,), "c": (4,), "d": (1,)})
    assert text == "Missing: a. Superfluous: d. Of another shape: c (expected (3,), got (4,))."
    assert describe_mismatch({"a": (1,)}, {"a": (1,)}) == ""
    many = describe_mismatch({f"x{number}": None for number in range(9)}, {})
    assert many == "Missing: x0, x1, x2, x3, x4, x5 and 3 more."


@pytest.mark.parametrize(
    ("expected", "given", "cause"),
    {
        "prefix": (called("a_l0_", LSTM), called("b_l0_", LSTM), "names begin with 'b_' in place of 'a_'"),
        "no prefix": (called("a_l0_", LSTM), called("l0_", LSTM), "names lack 'a_' at their beginning"),
        "own prefix": (called("l0_", LSTM), called("net_l0_", LSTM), "'net_' where the network's have nothing"),
        "marks": (called("a_", LSTM), called("arg:a_", LSTM), "still begin with arg: or aux:"),
        "fused": (
            called("a_l0_", LSTM),
            {"a_parameters": (300,)},
            "those of a fused cell, in one vector; .*load_rnn_ch",
        ),
        "unfused": ({"a_parameters": (300,)}, called("a_l0_", LSTM), "those of unfused cells.* of a fused cell"),
        "gates": (called("a_", LSTM), {"a_i2h_i_weight": (5, 3), "a_h2h_i_weight": (5, 5)}, "those of each gate apart"),
        "cells": (called("a_", LSTM), called("a_", GRU), "of GRU cells, the network has LSTM cells"),
        "units": (called("a_", LSTM), called("a_", {"h2h_weight": (32, 8)}), "of cells of 8 units, .* have 5"),
        "input": (called("a_", LSTM), called("a_", {"i2h_weight": (20, 7)}), "has 7 features, that of the network 3"),
        "kind and prefix": (called("lstm_", LSTM), called("gru_", GRU), "of GRU cells, the network has LSTM cells"),
        "two directions": (
            called("a_l0_", LSTM),
            called("b_l0_", LSTM) | called("b_r0_", LSTM),
            "of cells in both directions, those of the network run in one direction",
        ),
        "one direction": (
            called("0.l_cell.", LSTM) | called("0.r_cell.", LSTM),
            called("0.", LSTM),
            "of cells in one direction, those of the network run in both",
        ),
        "vector": (
            {"a_parameters": (440,)},
            {"a_parameters": (520,)},
            "has 520 elements in place of 440: are the size",
        ),
        "transposed": ({"fc_weight": (2, 3)}, {"fc_weight": (3, 2)}, "fc_weight is transposed"),
    }.values(),
)
def test_causes(expected: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]], cause: str) -> None:
    assert re.search(cause, likely_cause(expected, given))


def test_no_cause_is_made_up() -> None:
    for given in ({}, {"z": (9,)}, {"other_weight": (1, 1), "third_gamma": (1,)}):
        assert likely_cause({"fc_bias": (2,), "conv_alpha": (4, 4)}, given) == ""


def module(cell: mx.rnn.BaseRNNCell) -> mx.mod.Module:
    cell.reset()
    net = cell.unroll(3, mx.sym.var("data"), merge_outputs=True)[0]
    made = mx.mod.Module(net, label_names=None)
    made.bind([("data", (2, 3, 4))])
    return made


def fused(prefix: str = "net_") -> mx.rnn.FusedRNNCell:
    return mx.rnn.FusedRNNCell(5, 1, "lstm", prefix=prefix)


def test_a_module_says_so() -> None:
    unfused = module(fused().unfuse())
    params = to_nd(
        {name: each for name, each in random_arguments(unfused.symbol, data=(2, 3, 4)).items() if name != "data"}
    )
    for target, extra, cause in (
        (module(fused()), True, "Likely cause: the weights given are those of unfused cells"),
        (module(fused()), False, "Likely cause: the weights given are those of unfused cells"),
        (module(fused("other_").unfuse()), False, "Missing: other_l0_h2h_bias.* in place of 'other_'"),
        (module(mx.rnn.GRUCell(5, prefix="net_l0_")), False, "Of another shape: .*the weights are of LSTM cells"),
    ):
        with pytest.raises(ArgumentError, match=cause):
            target.init_params(arg_params=params, allow_extra=not extra)


def test_a_file_of_another_network(tmp_path: Path) -> None:
    first, second = module(fused("a_").unfuse()), module(fused("b_").unfuse())
    first.init_params()
    first.save_params(str(tmp_path / "a.params"))
    second.init_params()
    with pytest.raises(ArgumentError, match="names begin with 'a_' in place of 'b_'"):
        second.load_params(str(tmp_path / "a.params"))


def test_a_block_says_so(tmp_path: Path) -> None:
    outer = mx.gluon.nn.HybridSequential()
    outer.add(mx.gluon.nn.Dense(2, in_units=3))
    inner = mx.gluon.nn.Dense(2, in_units=3)
    for block in (outer, inner):
        block.initialize()
    outer.save_parameters(str(tmp_path / "a.params"))
    with pytest.raises(ArgumentError, match=r"Likely cause: names begin with '0\.' where the network's have nothing"):
        inner.load_parameters(str(tmp_path / "a.params"))


class TestParameterDict:
    def test_names_and_cause(self) -> None:
        params = mx.gluon.nn.Dense(2, in_units=3, prefix="a_").collect_params()
        with pytest.raises(
            ArgumentError, match=r"Missing: a_bias, a_weight\. .*names begin with 'b_' in place of 'a_'"
        ):
            params.load_dict({"b_weight": mx.nd.ones((2, 3)), "b_bias": mx.nd.ones(2)})
        with pytest.raises(ArgumentError, match=r"Superfluous: c\."):
            params.load_dict({"a_weight": mx.nd.ones((2, 3)), "a_bias": mx.nd.ones(2), "c": mx.nd.ones(1)})

    def test_nothing_is_taken_over_if_a_shape_differs(self) -> None:
        net = mx.gluon.nn.Dense(2, in_units=3, prefix="a_")
        net.initialize(mx.init.Zero())
        given = {"bias": mx.nd.ones(2), "weight": mx.nd.ones((3, 2))}
        for load, names in ((net.load_dict, ""), (net.collect_params().load_dict, "a_")):
            with pytest.raises(ShapeError, match=r"expected \(2, 3\), got \(3, 2\).*weight is transposed"):
                load({names + name: each for name, each in given.items()})
            assert net.collect_params()["a_bias"].data().asnumpy().tolist() == [0, 0]


@pytest.mark.parametrize("form", ["fused", "packed", "apart"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_a_block_is_advised(tmp_path: Path, form: str, bidirectional: bool) -> None:
    """The advice is followed to the letter, and the layer computes what the cells do."""
    cell = mx.rnn.FusedRNNCell(5, 2, "lstm", bidirectional=bidirectional, prefix="l_")
    made = module(cell if form == "fused" else cell.unfuse())
    made.init_params(mx.init.Uniform(0.5))
    save = mx.rnn.save_rnn_checkpoint if form == "apart" else lambda _, *rest: mx.model.save_checkpoint(*rest)
    save(cell.unfuse(), str(tmp_path / "f"), 1, made.symbol, *made.get_params())
    layer = mx.gluon.rnn.LSTM(5, 2, layout="NTC", bidirectional=bidirectional, input_size=4)
    layer.initialize()
    if form != "packed":
        with pytest.raises(ArgumentError, match=r"FusedRNNCell\(hidden_size.* give them to load_dict"):
            layer.load_parameters(tmp_path / "f-0001.params")
    params = mx.rnn.load_rnn_checkpoint(cell.unfuse(), str(tmp_path / "f"), 1)[1]
    layer.load_dict({name.removeprefix("l_"): each for name, each in params.items()})
    x = mx.nd.random.uniform(shape=(2, 3, 4))
    made.forward(mx.io.DataBatch([x]), is_train=False)
    mx.test_utils.assert_almost_equal(layer(x), made.get_outputs()[0], 1e-5, 1e-6)
