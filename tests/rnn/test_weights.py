"""Weights that are not those of the cell: of another kind, size, prefix or form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError, ShapeError
from rennet.rnn import (
    BaseRNNCell,
    ConvLSTMCell,
    FusedRNNCell,
    GRUCell,
    LSTMCell,
    ResidualCell,
    RNNCell,
    load_rnn_checkpoint,
    save_rnn_checkpoint,
)
from same_script import random_arguments, to_nd

Weights = dict[str, mx.nd.NDArray]


def weights(cell: BaseRNNCell, width: int = 2) -> Weights:
    cell.reset()
    net, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    args = to_nd(random_arguments(net, x=(3, 2, width)))
    return {name: args[name] for name in cell.params._params}


# another kind or size


@pytest.mark.parametrize(
    ("cell", "given", "message"),
    [
        (GRUCell(3, prefix="a_"), LSTMCell(3, prefix="a_"), "of LSTM cells, the network has GRU cells"),
        (LSTMCell(3, prefix="a_"), GRUCell(4, prefix="a_"), "of GRU cells, the network has LSTM cells"),
        (RNNCell(3, prefix="a_"), LSTMCell(3, prefix="a_"), "of LSTM cells, the network has RNN cells"),
        (LSTMCell(3, prefix="a_"), LSTMCell(6, prefix="a_"), "of cells of 6 units, the network's have 3"),
        (ResidualCell(LSTMCell(2, prefix="a_")), LSTMCell(6, prefix="a_"), "of cells of 6 units, the network's have 2"),
    ],
    ids=["lstm to gru", "gru to lstm", "lstm to rnn", "units", "modified"],
)
def test_another_cell(cell: BaseRNNCell, given: BaseRNNCell, message: str) -> None:
    found = weights(given)
    field = "h2h" if given._gate_rows == 4 else "i2h"  # of as many rows: the state's columns tell
    expected = rf"unpack_weights: a_{field}_weight: expected \d+ rows.*num_hidden=\d.*got shape .*{message}"
    with pytest.raises(ShapeError, match=expected):
        cell.unpack_weights(found)


def test_another_size_packed() -> None:
    unpacked = LSTMCell(6).unpack_weights(weights(LSTMCell(6)))
    with pytest.raises(ShapeError, match=r"pack_weights: lstm_i2h_i_weight: expected 3 rows.*\(6, 2\).*num_hidden"):
        LSTMCell(3).pack_weights(unpacked)
    one = {**LSTMCell(3).unpack_weights(weights(LSTMCell(3))), "lstm_h2h_f_bias": mx.nd.ones((4,))}
    with pytest.raises(ShapeError, match=r"pack_weights: lstm_h2h_f_bias: expected 3 rows, num_hidden=3; got.*\(4,\)"):
        LSTMCell(3).pack_weights(one)


def test_convolutional_cells_are_checked_too() -> None:
    big, small = (ConvLSTMCell((1, 2, 6, 6), units, prefix="c_") for units in (4, 3))
    net, _ = big.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    args = to_nd(random_arguments(net, x=(1, 2, 2, 6, 6)))
    assert sorted(big.pack_weights(big.unpack_weights(args))) == sorted(args)
    with pytest.raises(ShapeError, match=r"c_i2h_weight: expected 12 rows.*of cells of 4 units, the network's have 3"):
        small.unpack_weights(args)


class Peephole(LSTMCell):
    """A cell of a user's, with a parameter more."""

    def __init__(self, num_hidden: int) -> None:
        super().__init__(num_hidden)
        self.params.get("i2h_r_weight")


def test_leftovers() -> None:
    unpacked = LSTMCell(3).unpack_weights(weights(LSTMCell(3)))
    message = (
        "GRUCell of prefix 'lstm_' has no place for lstm_h2h_c_bias, .* and more; were they .*another kind of cell"
    )
    with pytest.raises(ArgumentError, match=f"pack_weights: {message}"):
        GRUCell(3, prefix="lstm_").pack_weights(unpacked)
    extra = {"lstm_i2h_r_weight": mx.nd.ones((3, 2))}
    with pytest.raises(ArgumentError, match="LSTMCell of prefix 'lstm_' has no place for lstm_i2h_r_weight;"):
        LSTMCell(3).pack_weights({**unpacked, **extra})
    others = {"lstm_l0_i2h_r_weight": mx.nd.ones((3, 2)), "lstm_i2h_extra_weight": mx.nd.ones((1,))}
    assert others.items() <= LSTMCell(3).pack_weights({**unpacked, **others}).items()
    assert extra.items() <= Peephole(3).pack_weights({**unpacked, **extra}).items()


# another prefix or form


def fused(**how: Any) -> FusedRNNCell:
    return FusedRNNCell(3, prefix="a_", **how)


FUSED = {"a_parameters": mx.nd.ones((fused()._layout.size(2),))}
GATES = fused().unpack_weights(FUSED)
MATRICES = fused().unfuse().pack_weights(GATES)
HINTS: dict[str, tuple[Callable[[], Any], str]] = {
    "prefix, unpacked": (
        lambda: LSTMCell(3).unpack_weights({"lstm_l0_i2h_weight": mx.nd.ones((12, 2))}),
        "expected a parameter 'lstm_i2h_weight'.* there is lstm_l0_i2h_weight: is the cell's prefix right",
    ),
    "prefix, packed": (
        lambda: LSTMCell(3).pack_weights(GATES),
        "'lstm_i2h_i_weight'.* there is a_l0_i2h_i_weight: is the cell's prefix right",
    ),
    "prefix without underscore": (
        lambda: LSTMCell(3).unpack_weights({"lstmi2h_weight": mx.nd.ones((12, 2))}),
        "there is lstmi2h_weight: is the cell's prefix right",
    ),
    "fused unpacks matrices": (
        lambda: fused().unpack_weights(MATRICES),
        r"'a_parameters'.* there is a_l0_h2h_bias, of unfused cells: take fused.pack_weights\(fused.unfuse\(\).unpack",
    ),
    "fused unpacks gates of another prefix": (
        lambda: FusedRNNCell(3).unpack_weights(GATES),
        "'lstm_parameters'.* there is a_l0_h2h_c_bias, unpacked already: is the cell's prefix right",
    ),
    "fused packs matrices": (
        lambda: fused().pack_weights(MATRICES),
        "'a_l0_i2h_i_weight'.* there is a_l0_h2h_bias, with all gates in one: call unpack_weights first, .*unfuse",
    ),
    "plain unpacks a vector": (
        lambda: LSTMCell(3).unpack_weights(FUSED),
        "'lstm_i2h_weight'.* there is a_parameters, of a fused cell: call the unpack_weights of that cell in place",
    ),
    "plain packs a vector": (
        lambda: LSTMCell(3).pack_weights(FUSED),
        "'lstm_i2h_i_weight'.* there is a_parameters, of a fused cell: call the unpack_weights of that cell first",
    ),
    "plain unpacks gates": (
        lambda: LSTMCell(3).unpack_weights(GATES),
        "'lstm_i2h_weight'.* there is a_l0_h2h_c_bias, unpacked already: is the cell's prefix right",
    ),
    "fused packs another mode": (
        lambda: fused(mode="gru").pack_weights(GATES),
        "mode='gru'.* has no place for a_l0_h2h_c_bias, .*trained with another mode",
    ),
}


@pytest.mark.parametrize(("call", "message"), HINTS.values(), ids=HINTS)
def test_hints(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


def test_what_the_hint_says_works() -> None:
    cell = fused()
    packed = cell.pack_weights(cell.unfuse().unpack_weights(MATRICES))
    assert packed["a_parameters"].asnumpy().tolist() == FUSED["a_parameters"].asnumpy().tolist()


@pytest.mark.parametrize(
    ("saved", "loaded", "message"),
    [
        (
            {"num_layers": 2},
            {"num_layers": 3},
            "'a_l2_.*The cell has 3 layers in 1 direction, the weights 2 layers in 1",
        ),
        (
            {"num_layers": 3},
            {"num_layers": 1},
            "no place for a_l1_.*The cell has 1 layer in 1 .*, the weights 3 layers",
        ),
        (
            {},
            {"bidirectional": True},
            "'a_r0_.*The cell has 1 layer in 2 directions, the weights 1 layer in 1 direction",
        ),
    ],
    ids=["too few layers", "too many layers", "directions"],
)
def test_a_checkpoint_of_other_layers(tmp_path: Path, saved: Any, loaded: Any, message: str) -> None:
    cell, prefix = fused(**saved), f"{tmp_path}/net"
    net, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    save_rnn_checkpoint(cell, prefix, 1, net, weights(cell), {})
    with pytest.raises(ArgumentError, match=f"pack_weights: .*{message}"):
        load_rnn_checkpoint(fused(**loaded), prefix, 1)


# what cannot be stepped, and names


def test_a_fused_cell_of_two_directions_is_not_stepped() -> None:
    cell = FusedRNNCell(3, bidirectional=True)
    with pytest.raises(NotSupportedError, match=r"FusedRNNCell with bidirectional=True cannot be stepped.*use unroll"):
        cell(mx.sym.Variable("x"), cell.begin_state())
    assert cell.unroll(2, mx.sym.Variable("x"))[0] is not None


def test_no_buckets_means_automatic_ones() -> None:
    sentences = [[1, 2, 3]] * 4 + [[1, 2]] * 4
    assert mx.rnn.BucketSentenceIter(sentences, 2, buckets=[]).buckets == [2, 3]
    assert mx.rnn.BucketSentenceIter(sentences, 2, buckets=()).buckets == [2, 3]


NAMES = {
    "rnn.rnn_cell": mx.rnn.rnn_cell,
    "rnn.rnn": mx.rnn.rnn,
    "io.io": mx.io.io,
    "ndarray.ndarray": mx.nd.ndarray,
    "optimizer.optimizer": mx.optimizer.optimizer,
}


@pytest.mark.parametrize("path", NAMES)
def test_modules_where_mxnet_keeps_names(oracle: Oracle, path: str) -> None:
    """All that we have under them, MXNet has too; they are the very objects of the package."""
    ours = NAMES[path]
    package = getattr(mx, path.split(".")[0])
    assert all(getattr(ours, name) == getattr(package, name) for name in ours.__all__)
    theirs = oracle.build(
        f"import importlib, numpy as np\nthere = importlib.import_module('mxnet.{path}')\n"
        f"known = np.array([hasattr(there, name) for name in {ours.__all__!r}])",
        ["known"],
        {},
    )["known"]
    assert theirs.all()
