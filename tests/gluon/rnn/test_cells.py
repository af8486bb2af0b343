"""What Gluon's cells do where real MXNet is no oracle: lengths, devices, types, refusals, its known bugs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from rennet.base import ArgumentError, NotSupportedError, ShapeError
from rennet.gluon import rnn
from rennet.gluon.contrib.rnn import LSTMPCell, VariationalDropoutCell

from .networks import BOTH_WAYS, COMPOSED, CONTRIB, PLAIN, PRELUDE

ALL = {**PLAIN, **COMPOSED, **BOTH_WAYS, **CONTRIB}


def made(cell: str) -> Any:
    """A cell of `networks`, its weights drawn."""
    scope: dict[str, Any] = {"mx": mx, "np": np}
    exec(PRELUDE, scope)
    block = eval(cell, scope)
    block.initialize(mx.init.Uniform(0.7))
    return block


def stack(*cells: Any) -> rnn.HybridSequentialRNNCell:
    whole = rnn.HybridSequentialRNNCell()
    for cell in cells:
        whole.add(cell)
    return whole


def drawn(*shape: int, dtype: str = "float32") -> Any:
    return mx.nd.array(np.random.normal(size=shape), dtype=dtype)


class Net(mx.gluon.HybridBlock):
    """Unrolls a cell inside a network."""

    def __init__(self, cell: Any, length: int, **how: Any) -> None:
        super().__init__()
        self.cell, self._length, self._how = cell, length, how

    def hybrid_forward(self, F: Any, inputs: Any, lengths: Any = None) -> Any:
        outputs, states = self.cell.unroll(self._length, inputs, valid_length=lengths, **self._how)
        return outputs, states


def numbers(arrays: Sequence[Any]) -> list[np.ndarray]:
    return [each.asnumpy() for each in arrays]


# lengths


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("cell", ALL)
def test_lengths_are_as_sequences_one_by_one(cell: str, hybrid: bool) -> None:
    """Outputs, states and gradients; past the lengths outputs and gradients are 0, whatever stands in the input."""
    lengths = [2, 4, 1]
    net = Net(made(ALL[cell]), 4, merge_outputs=True)
    data = drawn(3, 4, 4)
    data[0, 2:] = 100
    data.attach_grad()
    net(data)
    net.hybridize(hybrid)
    with mx.autograd.record(train_mode=False):
        outputs, states = net(data, mx.nd.array(lengths))
        total = (outputs * outputs).sum() + sum((state * state).sum() for state in states)
    total.backward()
    for row, length in enumerate(lengths):
        alone = data[row : row + 1, :length].copy()
        alone.attach_grad()
        with mx.autograd.record(train_mode=False):
            expected, last = net.cell.unroll(length, alone, merge_outputs=True)
            total = (expected * expected).sum() + sum((state * state).sum() for state in last)
        total.backward()
        assert_all_close(
            [outputs[row, :length], *(state[row] for state in states), data.grad[row, :length]],
            numbers([expected[0], *(state[0] for state in last), alone.grad[0]]),
            1e-5,
            f"sequence {row}",
        )
        assert not outputs[row, length:].asnumpy().any()
        assert not data.grad[row, length:].asnumpy().any()


@pytest.mark.parametrize("cell", ["lstm", "stack", "bidirectional", "residual of stack"])
def test_a_sequence_without_steps_keeps_its_states(cell: str) -> None:
    block = made(ALL[cell])
    begin = [drawn(2, info["shape"][1]) for info in block.state_info(2)]
    outputs, states = block.unroll(3, drawn(2, 3, 4), begin, merge_outputs=True, valid_length=[0, 3])
    assert not outputs[0].asnumpy().any()
    assert_all_close([each[0] for each in states], numbers([each[0] for each in begin]), 0, "states")


@pytest.mark.parametrize(
    "given",
    [
        [1, 3],
        (1, 3),
        np.array([1, 3]),
        np.array([1, 3], "uint8"),
        np.array([1.0, 3.0]),
        *(mx.nd.array([1, 3], dtype=kind) for kind in ("int32", "int64", "uint8", "float16", "float32", "float64")),
    ],
    ids=lambda given: f"{type(given).__name__}-{getattr(given, 'dtype', '')}",
)
@pytest.mark.parametrize("cell", ["gru", "bidirectional"])
def test_lengths_come_in_any_type(cell: str, given: Any) -> None:
    block, data = made(ALL[cell]), drawn(2, 3, 4)
    expected, last = block.unroll(3, data, merge_outputs=True, valid_length=mx.nd.array([1, 3]))
    outputs, states = block.unroll(3, data, merge_outputs=True, valid_length=given)
    assert_all_close([outputs, *states], numbers([expected, *last]), 0, "outputs")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 4], ArgumentError, r"from 0 to 3, got \[1, 4\]"),
        ([-1, 1], ArgumentError, "from 0 to 3"),
        ([1], ShapeError, r"expected shape \(2,\)"),
        (mx.nd.ones((2, 1)), ShapeError, r"got \(2, 1\)"),
        (mx.sym.var("lengths"), ArgumentError, "expected numbers, as the inputs are"),
    ],
)
def test_lengths_that_make_no_sense(given: Any, error: type[Exception], message: str) -> None:
    for cell in (PLAIN["rnn"], BOTH_WAYS["bidirectional"], "rnn.DropoutCell(0.5)"):
        with pytest.raises(error, match=f"valid_length: .*{message}"):
            made(cell).unroll(3, drawn(2, 3, 4), merge_outputs=True, valid_length=given)


def test_lengths_of_symbols_are_symbols() -> None:
    with pytest.raises(ArgumentError, match="valid_length: expected a Symbol"):
        rnn.RNNCell(2).unroll(3, mx.sym.var("x"), valid_length=[1, 2])


def test_dropout_cell_masks_too() -> None:
    outputs, _ = rnn.DropoutCell(0.5).unroll(3, mx.nd.ones((2, 3, 1)), valid_length=[1, 3])
    assert outputs.asnumpy()[..., 0].tolist() == [[1, 0, 0], [1, 1, 1]]


# all the same


@pytest.mark.parametrize(("layout", "listed"), list(itertools.product(["NTC", "TNC"], [False, True])))
@pytest.mark.parametrize("cell", ["lstm", "stack", "bidirectional", "residual of user's", "stack of them"])
def test_forms_of_sequences(cell: str, layout: str, listed: bool) -> None:
    block, data = made(ALL[cell]), drawn(2, 3, 4)
    for lengths in (None, [3, 2]):
        expected, last = block.unroll(3, data, merge_outputs=True, valid_length=lengths)
        given = [data[:, t] for t in range(3)] if listed else data if layout == "NTC" else data.swapaxes(0, 1)
        for merge in (True, False, None):
            outputs, states = block.unroll(3, given, layout=layout, merge_outputs=merge, valid_length=lengths)
            if isinstance(outputs, list):
                assert merge is not True
                outputs = mx.nd.stack(*outputs, axis=1)
            elif layout == "TNC":
                outputs = outputs.swapaxes(0, 1)
            assert_all_close([outputs, *states], numbers([expected, *last]), 1e-6, f"{merge}")


@pytest.mark.parametrize("cell", [name for name in ALL if name not in BOTH_WAYS])
def test_t05_steps_after_reset_are_as_unrolled(cell: str) -> None:
    block, data = made(ALL[cell]), drawn(2, 3, 4)
    expected, last = block.unroll(3, data, merge_outputs=True)
    for hybrid in (False, True):
        block.hybridize(hybrid)
        block.reset()
        states, outputs = block.begin_state(batch_size=2), []
        for t in range(3):
            output, states = block(data[:, t], states)
            outputs.append(output)
        assert_all_close([mx.nd.stack(*outputs, axis=1), *states], numbers([expected, *last]), 1e-6, f"{hybrid}")


# names, numbers, types


def test_counting() -> None:
    cell = rnn.LSTMCell(2, prefix="a_", input_size=2)
    cell.initialize()
    assert (cell._counter, cell._init_counter, cell._hidden_size, cell._prefix) == (-1, -1, 2, "a_")
    cell.unroll(3, drawn(1, 3, 2))
    assert (cell._counter, cell._init_counter, cell._curr_prefix) == (2, 1, "a_t2_")
    assert [state.name for state in cell.begin_state(func=mx.sym.var)] == ["a_begin_state_2", "a_begin_state_3"]


def test_sharing() -> None:
    first = rnn.GRUCell(3, prefix="a_", input_size=2)
    second = rnn.GRUCell(3, params=first.params)
    first.initialize()
    assert second.i2h_weight is first.i2h_weight
    data = drawn(2, 4, 2)
    outputs = [cell.unroll(4, data, merge_outputs=True)[0] for cell in (first, second)]
    assert_all_close(outputs[:1], numbers(outputs[1:]), 0, "outputs")


@pytest.mark.parametrize("cell", ["lstm", "stack", "bidirectional", "residual", "zoneout", "lstmp"])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("hybrid", [False, True])
def test_t28_t29_states_are_where_and_what_the_inputs_are(cell: str, dtype: str, hybrid: bool) -> None:
    block = made(ALL[cell])
    net = Net(block, 2, merge_outputs=True)
    net.cast(dtype)
    net.collect_params().reset_ctx(mx.cpu(1))
    net.hybridize(hybrid)
    data = drawn(2, 2, 4, dtype=dtype).as_in_context(mx.cpu(1))
    data.attach_grad()
    for _ in range(2):
        with mx.autograd.record():
            outputs, states = net(data)
            total = outputs.sum()
        total.backward()
        for each in (outputs, *states, data.grad):
            assert np.dtype(each.dtype).name == dtype
            assert each.context == mx.cpu(1)


@pytest.mark.parametrize("hybrid", [False, True])
def test_t59_a_single_state_needs_no_list(hybrid: bool) -> None:
    cell = made(PLAIN["gru"])
    cell.hybridize(hybrid)
    data, state = drawn(2, 4), drawn(2, 3)
    expected, _ = cell(data, [state])
    for given in (state, (state,)):
        assert_all_close([cell(data, given)[0]], [expected.asnumpy()], 0, "output")
    outputs, _ = cell.unroll(1, [data], begin_state=state)
    assert_all_close(outputs, [expected.asnumpy()], 1e-6, "unrolled")


@pytest.mark.parametrize("cell", ALL)
def test_t21_states_go_on(cell: str) -> None:
    """What `unroll` returns begins the next piece of a sequence."""
    block, data = made(ALL[cell]), drawn(2, 4, 4)
    _, states = block.unroll(2, data[:, :2])
    assert [state.shape for state in states] == [info["shape"] for info in block.state_info(2)]
    outputs, last = block.unroll(2, data[:, 2:], begin_state=states, merge_outputs=True)
    if cell not in BOTH_WAYS:
        expected, final = block.unroll(4, data, merge_outputs=True)
        assert_all_close([outputs, *last], numbers([expected[:, 2:], *final]), 1e-6, "outputs")


def test_begin_states() -> None:
    cell = stack(rnn.LSTMCell(2), rnn.ResidualCell(rnn.GRUCell(2)))
    states = cell.begin_state(3, mx.nd.ones, dtype="float64", ctx=mx.cpu(1))
    assert [(state.shape, state.dtype, state.context) for state in states] == [((3, 2), np.float64, mx.cpu(1))] * 3
    assert [type(state) for state in cell.begin_state(batch_size=3)] == [mx.nd.NDArray] * 3
    assert [type(state) for state in cell.begin_state(func=mx.sym.zeros)] == [mx.sym.Symbol] * 3
    assert isinstance(rnn.ZoneoutCell(rnn.RNNCell(2)).begin_state()[0], mx.sym.Symbol)
    wrong: Any
    for wrong in ("a", -2, 1.5):
        with pytest.raises(ArgumentError, match=r"LSTMCell.begin_state: batch_size: expected a whole number of at"):
            cell.begin_state(wrong)
    with pytest.raises(ArgumentError, match=r"LSTMCell.begin_state: batch_size: .*func=mx.sym.zeros"):
        cell.begin_state()


# zoneout


@pytest.mark.parametrize("hybrid", [False, True])
def test_t01_zoneout_keeps_output_and_state_one(hybrid: bool) -> None:
    net = Net(rnn.ZoneoutCell(rnn.LSTMCell(50), 0.5, 0.3), 3)
    net.initialize()
    net.hybridize(hybrid)
    with mx.autograd.train_mode():
        outputs, states = net(drawn(4, 3, 5))
    assert_all_close(outputs[-1:], numbers(states[:1]), 0, "the last output")
    kept = (outputs[1] == outputs[0]).asnumpy().mean()
    assert 0.3 < kept < 0.7


def test_t01_zoneout_of_states_alone() -> None:
    """The hidden state stays at the states' rate, as does the cell state, each by its own decisions."""
    cell = rnn.ZoneoutCell(rnn.LSTMCell(400), zoneout_states=0.25)
    cell.initialize()
    begin = [drawn(2, 400), drawn(2, 400)]
    for hybrid in (False, True):
        cell.hybridize(hybrid)
        with mx.autograd.train_mode():
            output, states = cell(drawn(2, 5), begin)
        kept = [(new == old).asnumpy() for new, old in zip(states, begin, strict=True)]
        assert (output == states[0]).asnumpy().all()
        assert 0.15 < kept[0].mean() < 0.35
        assert 0.15 < kept[1].mean() < 0.35
        assert (kept[0] != kept[1]).any()


def test_t01_with_the_cell_inside_a_graph_of_its_own() -> None:
    cell = rnn.ZoneoutCell(rnn.GRUCell(60), 0.5)
    cell.initialize()
    cell.base_cell.hybridize()
    with mx.autograd.train_mode():
        output, states = cell(drawn(2, 5), drawn(2, 60))
    assert (output == states[0]).asnumpy().all()


@pytest.mark.parametrize("hybrid", [False, True])
def test_t02_expectation_in_inference(hybrid: bool) -> None:
    inside, data, begin = made(PLAIN["lstm"]), drawn(2, 4), [drawn(2, 3), drawn(2, 3)]
    _, new = inside(data, begin)
    for expectation in (False, True):
        plain = rnn.LSTMCell(3, params=inside.params)
        cell = rnn.ZoneoutCell(plain, 0.25, 0.5, expectation=expectation)
        cell.hybridize(hybrid)
        _, states = cell(data, begin)
        wanted = [p * old + (1 - p) * fresh for p, old, fresh in zip((0.25, 0.5), begin, new, strict=True)]
        assert_all_close(states, numbers(wanted if expectation else new), 1e-6, f"{expectation}")


@pytest.mark.parametrize("hybrid", [False, True])
def test_t03_reset_reaches_every_cell(hybrid: bool) -> None:
    """An output that is no state is zoned against the one before it, of the same sequence only."""
    zoneout: Any = rnn.ZoneoutCell(rnn.ResidualCell(rnn.GRUCell(40)), zoneout_outputs=0.5)
    cell = stack(rnn.RNNCell(40), rnn.ResidualCell(zoneout))
    cell.initialize()
    cell.hybridize(hybrid)
    states = cell.begin_state(batch_size=2)
    with mx.autograd.train_mode():
        _, states = cell(drawn(2, 5), states)
        first = zoneout._prev_output
        _, states = cell(drawn(2, 5), states)
        second = zoneout._prev_output
    assert 0.3 < (second == first).asnumpy().mean() < 0.7
    assert 0.3 < (first == 0).asnumpy().mean() < 0.7
    cell.reset()
    assert zoneout._prev_output is None
    assert zoneout.base_cell.base_cell._counter == -1


def test_t04_zoneout_is_inferred() -> None:
    cell = rnn.ZoneoutCell(rnn.ResidualCell(rnn.LSTMCell(4)), 0.3, 0.3)
    outputs, _ = cell.unroll(3, mx.sym.var("x"), merge_outputs=True)
    assert outputs.infer_shape(x=(2, 3, 4))[1] == [(2, 3, 4)]


# refusals

ANY: Any = rnn


def test_a_wrapped_cell_is_refused() -> None:
    cell = rnn.RNNCell(2)
    rnn.ZoneoutCell(cell)
    with pytest.raises(ArgumentError, match="RNNCell has been modified by another cell"):
        cell.begin_state(batch_size=1)
    with pytest.raises(ArgumentError, match=r"ResidualCell: base_cell: rnn\d+ has been modified"):
        rnn.ResidualCell(cell)


def test_bidirectional_cells_are_not_stepped() -> None:
    cell = rnn.BidirectionalCell(rnn.RNNCell(2), rnn.RNNCell(2))
    for refused in (lambda: cell(drawn(1, 2), []), lambda: stack(cell)(drawn(1, 2), [drawn(1, 2), drawn(1, 2)])):
        with pytest.raises(NotSupportedError, match=r"BidirectionalCell cannot be stepped.*use unroll"):
            refused()
    with pytest.raises(NotSupportedError, match="ZoneoutCell: base_cell: a BidirectionalCell"):
        rnn.ZoneoutCell(cell)
    with pytest.raises(NotSupportedError, match="drop_states: a BidirectionalCell"):
        VariationalDropoutCell(cell, drop_states=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rnn.LSTMCell(0), "LSTMCell: hidden_size: expected a whole number of at least 1"),
        (lambda: rnn.GRUCell(2, input_size=-1), "GRUCell: input_size"),
        (lambda: ANY.RNNCell(2, activation=3), "RNNCell: activation: expected a name or something"),
        (lambda: rnn.DropoutCell(1.5), r"DropoutCell: rate: expected a rate in \[0, 1\)"),
        (lambda: ANY.DropoutCell(0.5, axes=1), "DropoutCell: axes"),
        (lambda: ANY.ZoneoutCell(rnn.RNNCell(2), zoneout_states="a"), "ZoneoutCell: zoneout_states"),
        (lambda: ANY.ResidualCell(3), "ResidualCell: base_cell: expected a hybrid cell, got 3"),
        (lambda: stack(mx.gluon.Block()), r"HybridSequentialRNNCell.add: cell: expected a cell"),
        (lambda: ANY.BidirectionalCell(rnn.RNNCell(2), 3), "BidirectionalCell: r_cell"),
        (lambda: LSTMPCell(3, 0), "LSTMPCell: projection_size"),
        (lambda: rnn.RNNCell(2)(drawn(1, 2), [drawn(1, 2)] * 2), None),
        (lambda: rnn.RNNCell(2).unroll(3, drawn(1, 2, 2)), r"length is 3, but inputs of shape \(1, 2, 2\) have 2"),
        (lambda: rnn.RNNCell(2).unroll(3, [drawn(1, 2)]), "length is 3, but inputs has 1 steps"),
        (lambda: rnn.RNNCell(2).unroll(3, None), "inputs: expected"),
        (lambda: rnn.RNNCell(2).unroll(2, drawn(1, 2, 2), layout="NCC"), "layout"),
    ],
)
def test_bad_arguments(make: Any, message: str | None) -> None:
    with pytest.raises(mx.MXNetError, match=message):
        make()


def test_a_cell_without_states_info_says_what_is_missing() -> None:
    class Bare(rnn.HybridRecurrentCell):
        def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
            return inputs, states

    with pytest.raises(NotSupportedError, match="Bare: a cell must define state_info"):
        Bare().begin_state(batch_size=1)


# others


def test_containers_are_sequences() -> None:
    cells = [rnn.RNNCell(2), rnn.LSTMCell(3)]
    for made_of in (rnn.SequentialRNNCell(), rnn.HybridSequentialRNNCell()):
        for cell in cells:
            made_of.add(cell)
        assert len(made_of) == 2
        assert list(made_of) == cells
        assert made_of[1] is cells[1] is made_of[-1]
        with pytest.raises(IndexError):
            made_of[2]


def test_a_block_as_activation() -> None:
    class Twice(mx.gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any) -> Any:
            return F.tanh(x) * 2

    for kind in (rnn.RNNCell, rnn.LSTMCell):
        cell = kind(3, activation=Twice())
        net = Net(cell, 2, merge_outputs=True)
        net.initialize()
        data = drawn(2, 2, 4)
        expected = net(data)[0].asnumpy()
        net.hybridize()
        assert_all_close([net(data)[0]], [expected], 1e-6, "hybridized")


def test_a_function_as_activation() -> None:
    cell = rnn.LSTMCell(3, activation=lambda x: x.tanh(), recurrent_activation=lambda x: x.sigmoid())
    plain = rnn.LSTMCell(3, params=cell.params)
    cell.initialize()
    data = drawn(2, 2, 4)
    outputs = [each.unroll(2, data, merge_outputs=True)[0] for each in (cell, plain)]
    assert_all_close(outputs[:1], numbers(outputs[1:]), 1e-6, "outputs")
    assert cell.unroll(2, mx.sym.var("x"))[0][1].name.endswith("t1_out")


def test_export_of_a_stack(tmp_path: Any) -> None:
    """A hybridized stack that was stepped can be exported, to step elsewhere."""
    cell = made(COMPOSED["stack of residuals"])
    cell.hybridize()
    data, states = drawn(2, 4), [drawn(2, 3) for _ in cell.state_info()]
    output, after = cell(data, states)
    graph, parameters = cell.export(str(tmp_path / "stack"))
    again = mx.gluon.SymbolBlock.imports(graph, [f"data{place}" for place in range(len(states) + 1)], parameters)
    assert_all_close(again(data, *states), numbers([output, *after]), 1e-6, "imported")


def test_the_document() -> None:
    """003: stacked cells, stepped by hand."""
    model = mx.gluon.rnn.SequentialRNNCell()
    with model.name_scope():
        model.add(mx.gluon.rnn.LSTMCell(20))
        model.add(mx.gluon.rnn.LSTMCell(20))
    model.initialize()
    states = model.begin_state(batch_size=32)
    inputs = mx.nd.random.uniform(shape=(5, 32, 10))
    outputs = []
    for i in range(5):
        output, states = model(inputs[i], states)
        outputs.append(output)
    expected, last = model.unroll(5, inputs, layout="TNC", merge_outputs=True)
    assert_all_close([mx.nd.stack(*outputs), *states], numbers([expected, *last]), 1e-6, "stepped and unrolled")
