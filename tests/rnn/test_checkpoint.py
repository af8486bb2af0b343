"""Checkpoints with recurrent cells: fused, unfused, ours and MXNet's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError
from rennet.rnn import (
    BaseRNNCell,
    FusedRNNCell,
    GRUCell,
    LSTMCell,
    do_rnn_checkpoint,
    load_rnn_checkpoint,
    save_rnn_checkpoint,
)
from same_script import random_arguments, random_arrays, results, to_nd, to_numpy

X = random_arrays({"x": (2, 3, 4)})


def fused() -> FusedRNNCell:
    return FusedRNNCell(3, 2, "lstm", bidirectional=True, prefix="net_")


def network(cell: BaseRNNCell) -> mx.sym.Symbol:
    cell.reset()
    with mx.name.NameManager():
        outputs, _ = cell.unroll(3, mx.sym.Variable("x"), merge_outputs=True)
        return mx.sym.FullyConnected(outputs, num_hidden=2, flatten=False, name="fc")


def weights(net: mx.sym.Symbol) -> dict[str, np.ndarray]:
    return {name: array for name, array in random_arguments(net, x=X["x"].shape).items() if name != "x"}


@pytest.mark.parametrize("save", [fused, lambda: fused().unfuse()], ids=["from fused", "from unfused"])
@pytest.mark.parametrize("load", [fused, lambda: fused().unfuse()], ids=["to fused", "to unfused"])
def test_every_form_reads_every_form(
    tmp_path: Path, save: Callable[[], BaseRNNCell], load: Callable[[], BaseRNNCell]
) -> None:
    net, prefix = network(save()), f"{tmp_path}/net"
    params = weights(net)
    save_rnn_checkpoint(save(), prefix, 3, net, to_nd(params), {"mean": mx.nd.ones((2,))})
    symbol, arg_params, aux_params = load_rnn_checkpoint(load(), prefix, 3)
    assert symbol.tojson() == net.tojson()
    assert_all_close(aux_params, {"mean": np.ones(2, np.float32)}, 0, "aux_params")
    assert_all_close(
        results(network(load()), {**to_numpy(arg_params), **X}), results(net, {**params, **X}), 1e-6, "outputs"
    )


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_relu", "rnn_tanh"])
@pytest.mark.parametrize("both_ways", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("load_fused", [False, True], ids=["to unfused", "to fused"])
@pytest.mark.parametrize("save_fused", [False, True], ids=["of unfused", "of fused"])
def test_what_a_module_saved(tmp_path: Path, mode: str, both_ways: bool, load_fused: bool, save_fused: bool) -> None:
    """Packed, as `save_checkpoint` writes it; beside another cell, and within one."""

    def cell(fused: bool) -> BaseRNNCell:
        whole = FusedRNNCell(3, 2, mode, bidirectional=both_ways, dropout=0.5, prefix="net_")
        stack = mx.rnn.SequentialRNNCell()
        stack.add(whole if fused else whole.unfuse())
        stack.add(mx.rnn.ZoneoutCell(GRUCell(2, prefix="l0_")))
        return stack

    net, prefix = network(cell(save_fused)), f"{tmp_path}/net"
    params = weights(net)
    mx.model.save_checkpoint(prefix, 3, net, to_nd(params), {})
    _, arg_params, _ = load_rnn_checkpoint(cell(load_fused), prefix, 3)
    other = network(cell(load_fused))
    assert arg_params.keys() | {"x"} == {*other.list_arguments()}
    assert_all_close(results(other, {**to_numpy(arg_params), **X}), results(net, {**params, **X}), 1e-6, "outputs")


def test_a_vector_of_other_cells(tmp_path: Path) -> None:
    net, prefix = network(fused()), f"{tmp_path}/net"
    mx.model.save_checkpoint(prefix, 1, net, to_nd(weights(net)), {})
    for cell in (FusedRNNCell(3, 2, "gru", prefix="net_").unfuse(), FusedRNNCell(3, 2, prefix="a_").unfuse()):
        with pytest.raises(ArgumentError, match="there is net_parameters, of a fused cell"):
            load_rnn_checkpoint(cell, prefix, 1)


@pytest.mark.parametrize("form", ["", ".unfuse()"], ids=["fused", "unfused"])
def test_files_there_and_back(oracle: Oracle, tmp_path: Path, form: str) -> None:
    """MXNet reads what we saved and the other way round, to the same weights; the files are the same."""
    cell = fused().unfuse() if form else fused()
    net = network(cell)
    params = weights(net)
    save_rnn_checkpoint(cell, f"{tmp_path}/ours", 1, net, to_nd(params), {})
    script = f"""
cell = mx.rnn.FusedRNNCell(3, 2, "lstm", bidirectional=True, prefix="net_"){form}
symbol, loaded, aux = mx.rnn.load_rnn_checkpoint(cell, folder + "/ours", 1)
mx.rnn.save_rnn_checkpoint([cell], folder + "/theirs", 1, symbol, loaded, aux)
"""
    loaded = oracle.build(script, ["loaded"], {"folder": str(tmp_path)})["loaded"]
    assert_all_close(loaded, params, 0, "read by MXNet")
    _, again, _ = load_rnn_checkpoint([cell], f"{tmp_path}/theirs", 1)
    assert_all_close(to_numpy(again), params, 0, "read by us")
    stored = oracle.load_checkpoint(f"{tmp_path}/ours", 1)
    assert "net_r1_h2h_c_bias" in stored.arg_params
    assert_all_close(
        results(mx.sym.load(f"{tmp_path}/theirs-symbol.json"), {**params, **X}),
        results(net, {**params, **X}),
        0,
        "outputs",
    )


def test_several_cells(tmp_path: Path) -> None:
    """Other parameters stay; a cell whose parameters another cell shares is no trouble (T20)."""
    lstm = LSTMCell(2)
    twin, gru = LSTMCell(2, prefix="twin_", params=lstm.params), GRUCell(2)
    x = mx.sym.Variable("x")
    net = mx.sym.Group([cell.unroll(1, x)[0][0] for cell in (lstm, twin, gru)] + [mx.sym.Variable("own")])
    params = random_arguments(net, x=(1, 1, 4), own=(1,))
    cells = [lstm, twin, gru]
    save_rnn_checkpoint(cells, f"{tmp_path}/net", 1, net, to_nd(params), {})
    assert_all_close(to_numpy(load_rnn_checkpoint(cells, f"{tmp_path}/net", 1)[1]), params, 0, "params")


@pytest.mark.parametrize(("period", "epochs"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3]), (0, [1, 2, 3, 4])])
def test_a_callback(tmp_path: Path, period: int, epochs: list[int]) -> None:
    cell = fused()
    net = network(cell)
    save = do_rnn_checkpoint(cell, f"{tmp_path}/net", period)
    for epoch in range(4):
        save(epoch, net, to_nd(weights(net)), {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"net-{epoch:04}.params" for epoch in epochs), "net-symbol.json"]
    assert "net_l0_i2h_f_weight" in mx.model.load_params(f"{tmp_path}/net", epochs[-1])[0]


def test_t19_a_checkpoint_of_another_cell(tmp_path: Path) -> None:
    cell = fused()
    net = network(cell)
    save_rnn_checkpoint(cell, f"{tmp_path}/net", 1, net, to_nd(weights(net)), {})
    message = (
        "expected a parameter 'lstm_l0_i2h_i_weight', found fc_bias, .*net_l0_i2h_i_weight.*: is the cell's prefix"
    )
    with pytest.raises(ArgumentError, match=message):
        load_rnn_checkpoint(FusedRNNCell(3, 2), f"{tmp_path}/net", 1)
    with pytest.raises(FileNotFoundError, match=r"net-0002\.params"):
        load_rnn_checkpoint(cell, f"{tmp_path}/net", 2)
