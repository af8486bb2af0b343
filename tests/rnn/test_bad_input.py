"""What cells refuse, and that they say what was expected, what came, and where."""

# wrong types are the point
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rennet as mx
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.rnn import (
    BaseRNNCell,
    BidirectionalCell,
    DropoutCell,
    FusedRNNCell,
    GRUCell,
    LSTMCell,
    ModifierCell,
    ResidualCell,
    RNNCell,
    RNNParams,
    SequentialRNNCell,
    ZoneoutCell,
)
from rennet.rnn.checkpoint import do_rnn_checkpoint, save_rnn_checkpoint
from rennet.rnn.conv_cells import ConvLSTMCell
from same_script import random_arguments, results

IMAGE = (1, 3, 8, 8)


class Stateless(BaseRNNCell):
    def __call__(self, inputs: Any, states: Any) -> tuple[Any, Any]:
        return inputs, states


def x() -> mx.sym.Symbol:
    return mx.sym.Variable("x")


CASES: dict[str, tuple[Callable[..., Any], str]] = {
    "no prefix": (
        lambda: LSTMCell(3, prefix=None),
        "LSTMCell: prefix: expected a string, got None; '' stands for none",
    ),
    "prefix": (lambda: GRUCell(3, prefix=3), "GRUCell: prefix: expected a string, got 3"),
    "output prefix": (
        lambda: BidirectionalCell(LSTMCell(3), LSTMCell(3), output_prefix=3),
        "BidirectionalCell: output_prefix: expected a string, got 3",
    ),
    "params": (
        lambda: LSTMCell(3, params="p_"),
        r"LSTMCell: params: expected RNNParams, got 'p_'; make them with RNNP",
    ),
    "stack's params": (lambda: SequentialRNNCell(params="p_"), "SequentialRNNCell: params: expected RNNParams"),
    "prefix of params": (lambda: RNNParams(3), "RNNParams: prefix: expected a string, got 3"),
    "parameter": (lambda: RNNParams().get(3), "RNNParams.get: name: expected a string, got 3"),
    "units": (lambda: LSTMCell(3.0), "LSTMCell: num_hidden: expected a whole number of at least 1, got 3.0"),
    "forget bias": (lambda: LSTMCell(3, forget_bias="x"), "LSTMCell: forget_bias: expected a number, got 'x'"),
    "fused forget bias": (lambda: FusedRNNCell(3, forget_bias="x"), "FusedRNNCell: forget_bias: expected a number"),
    "layers": (
        lambda: FusedRNNCell(3, num_layers=0),
        "FusedRNNCell: num_layers: expected a whole number of at least 1",
    ),
    "directions": (lambda: FusedRNNCell(3, bidirectional="no"), "bidirectional: expected True or False, got 'no'"),
    "activation": (
        lambda: RNNCell(3, activation=None),
        "RNNCell: activation: expected a name or something that can be",
    ),
    "fused dropout": (
        lambda: FusedRNNCell(3, dropout=1.5),
        r"FusedRNNCell: dropout: expected a rate in \[0, 1\), got 1.5",
    ),
    "dropout": (lambda: DropoutCell("a"), r"DropoutCell: dropout: expected a rate in \[0, 1\), got 'a'"),
    "zoneout of outputs": (
        lambda: ZoneoutCell(LSTMCell(3), "a"),
        r"zoneout_outputs: expected a rate in \[0, 1\), got 'a'",
    ),
    "zoneout of states": (
        lambda: ZoneoutCell(LSTMCell(3), 0, -0.1),
        r"zoneout_states: expected a rate in \[0, 1\), got -0",
    ),
    "nothing to modify": (lambda: ResidualCell("lstm"), "ResidualCell: base_cell: expected a cell, got 'lstm'"),
    "length": (lambda: LSTMCell(3).unroll("3", x()), "unroll: length: expected a whole number of at least 1, got '3'"),
    "no length": (lambda: LSTMCell(3).unroll(0, x()), "unroll: length: expected a whole number of at least 1, got 0"),
    "no steps": (lambda: LSTMCell(3).unroll(0, []), "unroll: length: expected a whole number of at least 1, got 0"),
    "fused length": (lambda: FusedRNNCell(3).unroll(-1, x()), "unroll: length: expected a whole number of at least 1"),
    "dropout length": (lambda: DropoutCell(0.5).unroll("3", x()), "unroll: length: expected a whole number"),
    "begin state": (
        lambda: LSTMCell(3).begin_state(func="zeros"),
        "LSTMCell.begin_state: func: expected something that can be called, got 'zeros'; mx.sym.zeros and",
    ),
    "no state_info": (
        lambda: Stateless().unroll(2, x()),
        "Stateless: a cell must define the property state_info: a list",
    ),
    "weights": (lambda: LSTMCell(3).unpack_weights([1]), "unpack_weights: args: expected a dict of parameters by name"),
    "fused weights": (
        lambda: FusedRNNCell(3).pack_weights([1]),
        "pack_weights: args: expected a dict of parameters by",
    ),
    "weight": (
        lambda: LSTMCell(3).unpack_weights({"lstm_i2h_weight": 3}),
        "unpack_weights: lstm_i2h_weight: expected an NDArray, got 3",
    ),
    "period": (
        lambda: do_rnn_checkpoint(LSTMCell(3), "p", "a"),
        "do_rnn_checkpoint: period: expected a number, got 'a'",
    ),
    "cells": (lambda: do_rnn_checkpoint(3, "p"), "cells: expected a cell or a list of them, got 3"),
    "a cell": (
        lambda: save_rnn_checkpoint([3], "p", 1, x(), {}, {}),
        "cells: expected a cell or a list of them, got 3",
    ),
    "kernel": (
        lambda: ConvLSTMCell(IMAGE, 4, h2h_kernel=3),
        "h2h_kernel: expected a tuple of 2 whole numbers from 1, got 3",
    ),
    "kernel as text": (lambda: ConvLSTMCell(IMAGE, 4, h2h_kernel="abcd"), "h2h_kernel: expected a tuple .* got 'abcd'"),
    "kernel of three": (
        lambda: ConvLSTMCell(IMAGE, 4, i2h_kernel=(3, 3, 3)),
        r"i2h_kernel: expected 2 numbers, one for each axis behind the channels; got \(3, 3, 3\)",
    ),
    "pad": (
        lambda: ConvLSTMCell(IMAGE, 4, i2h_pad="a"),
        "i2h_pad: expected a tuple of 2 whole numbers from 0, got 'a'",
    ),
    "image": (lambda: ConvLSTMCell(8, 4), "ConvLSTMCell: input_shape: expected a tuple of whole numbers from 0, got 8"),
    "image layout": (lambda: ConvLSTMCell(IMAGE, 4, conv_layout=3), "ConvLSTMCell: conv_layout: expected a word"),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_refused(call: Callable[..., Any], message: str) -> None:
    with pytest.raises((ArgumentError, NotSupportedError), match=message):
        call()


# cells inside a modifier


def states() -> list[mx.sym.Symbol]:
    return [mx.sym.Variable("h"), mx.sym.Variable("c")]


def stack() -> SequentialRNNCell:
    cell = SequentialRNNCell()
    cell.add(LSTMCell(3))
    return cell


USES: dict[str, Callable[[Any], Any]] = {
    "step": lambda cell: cell(x(), states()),
    "unroll": lambda cell: cell.unroll(2, x()),
    "unroll from states": lambda cell: cell.unroll(2, x(), begin_state=states()),
    "begin": lambda cell: cell.begin_state(),
}
INSIDE = {
    "plain": lambda: LSTMCell(3),
    "stack": stack,
    "fused": lambda: FusedRNNCell(3),
    "modifier": lambda: ZoneoutCell(LSTMCell(3), 0.1),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_a_modified_cell_is_not_used_by_itself(inside: Callable[[], Any], use: Callable[[Any], Any]) -> None:
    cell = inside()
    around = ResidualCell(cell)
    for _ in range(2):
        with pytest.raises(ArgumentError, match="call that one, not the cell inside"):
            use(cell)
        use(around)


class Doubling(ModifierCell):
    """A modifier as users write them: it knows of no guard."""

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, Any]:
        output, states = self.base_cell(inputs, states)
        return output * 2, states


def test_modifiers_of_users_and_nested_ones() -> None:
    cell = ResidualCell(Doubling(ZoneoutCell(ResidualCell(LSTMCell(3)), 0.5)))
    outputs, _ = cell.unroll(2, x(), merge_outputs=True)
    plain, _ = LSTMCell(3).unroll(2, x(), merge_outputs=True)
    args = random_arguments(outputs, x=(4, 2, 3))
    (ours,), (inside,) = results(outputs, args), results(plain, args)
    assert abs(ours - (2 * (inside + args["x"]) + args["x"])).max() < 1e-6


def test_a_guard_stands_again_after_an_error() -> None:
    cell = LSTMCell(3)
    around = ResidualCell(cell)
    with pytest.raises(ArgumentError, match="LSTMCell: states: expected 2, got 1"):
        around(x(), [mx.sym.Variable("h")])
    with pytest.raises(ArgumentError, match="call that one"):
        cell(x(), states())


# a length that does not fit


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("steps", [7, 10])
def test_a_length_that_does_not_fit(steps: int, layout: str) -> None:
    """It shows when the graph is bound, as only then the data has a shape."""
    shape = (2, steps, 3) if layout == "NTC" else (steps, 2, 3)
    message = rf"SliceChannel.*axis {layout.index('T')} of .*num_outputs=5 .*num_outputs is the length given to unroll"
    for cell in (LSTMCell(4), FusedRNNCell(4)):
        outputs, _ = cell.unroll(5, x(), layout=layout, merge_outputs=False)
        with pytest.raises(ShapeError, match=message):
            mx.sym.Group(outputs).simple_bind(mx.cpu(), x=shape)


def test_a_fused_graph_that_stays_merged_takes_any_length() -> None:
    """As in MXNet: nothing in it depends on the length."""
    outputs, _ = FusedRNNCell(4).unroll(5, x(), merge_outputs=True)
    assert outputs.simple_bind(mx.cpu(), x=(2, 7, 3)).forward()[0].shape == (2, 7, 4)


def test_the_errors_are_of_one_family() -> None:
    with pytest.raises(MXNetError):
        LSTMCell("x")
    with pytest.raises(NotImplementedError):
        _ = Stateless().state_info
