"""Unrolled cells become fused recurrences, in every form in which sequences and states come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle

from .fusion import assert_fuses, heads_of, operators

CELLS = {
    "rnn": lambda prefix="c_": mx.rnn.RNNCell(3, prefix=prefix),
    "relu": lambda prefix="c_": mx.rnn.RNNCell(3, activation="relu", prefix=prefix),
    "lstm": lambda prefix="c_": mx.rnn.LSTMCell(3, prefix=prefix),
    "gru": lambda prefix="c_": mx.rnn.GRUCell(3, prefix=prefix),
}
ALL = pytest.mark.parametrize("kind", CELLS)
LAYOUTS = pytest.mark.parametrize("layout", ["NTC", "TNC"])
X = mx.sym.Variable("x")


def shape_of(layout: str, steps: int, width: int = 4, batch: int = 2) -> tuple[int, ...]:
    sizes = {"T": steps, "N": batch, "C": width}
    return tuple(sizes[axis] for axis in layout)


def stack(*cells: mx.rnn.BaseRNNCell) -> mx.rnn.SequentialRNNCell:
    made = mx.rnn.SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


@ALL
@LAYOUTS
@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_every_form(oracle: Oracle, kind: str, layout: str, merge: bool | None, steps: int) -> None:
    outputs, states = CELLS[kind]().unroll(steps, X, layout=layout, merge_outputs=merge)
    # one step is no recurrence
    assert_fuses(heads_of(outputs, states), {"x": shape_of(layout, steps)}, oracle, count=int(steps > 1))


@ALL
def test_a_list_of_inputs(oracle: Oracle, kind: str) -> None:
    steps = [mx.sym.Variable(f"x{t}") for t in range(4)]
    outputs, states = CELLS[kind]().unroll(4, steps, merge_outputs=True)
    assert_fuses(heads_of(outputs, states), {str(step.name): (2, 5) for step in steps}, oracle)


@ALL
@pytest.mark.parametrize("begin", ["var", "ones", "uniform", "normal"])
def test_begin_states(oracle: Oracle, kind: str, begin: str) -> None:
    cell = CELLS[kind]()
    if begin in ("var", "ones"):
        states = cell.begin_state(func=getattr(mx.sym, begin))
        net = heads_of(*cell.unroll(3, X, begin_state=states))
        assert_fuses(net, {"x": (2, 3, 4)}, oracle)
        return
    states = cell.begin_state(func=getattr(mx.sym.random, begin), shape=(2, 3))
    net = heads_of(*cell.unroll(3, X, begin_state=states))
    executor = net.simple_bind(mx.cpu(), x=(2, 3, 4))
    assert [each.why_not for each in executor.recurrences] == [None]
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones(output.shape) for output in executor.outputs])


def test_one_begin_state_for_two_cells(oracle: Oracle) -> None:
    begin = [mx.sym.Variable("h"), mx.sym.Variable("c")]
    nets = [heads_of(*CELLS["lstm"](prefix).unroll(3, X, begin_state=begin)) for prefix in ("a_", "b_")]
    assert_fuses(mx.sym.Group(nets), {"x": (2, 3, 4), "h": (2, 3), "c": (2, 3)}, oracle, count=2)


@ALL
@pytest.mark.parametrize("used", [[0], [3], [1, 2], [3, 0]])
def test_outputs_of_some_steps(oracle: Oracle, kind: str, used: list[int]) -> None:
    outputs, _ = CELLS[kind]().unroll(4, X, merge_outputs=False)
    if used == [0]:
        # nothing needs the other steps: there is no recurrence left
        assert_fuses(outputs[0], {"x": (2, 4, 4)}, oracle, count=0)
        return
    assert_fuses(mx.sym.Group([outputs[t] for t in used]), {"x": (2, 4, 4)}, oracle)


@ALL
def test_outputs_used_twice(oracle: Oracle, kind: str) -> None:
    outputs, _ = CELLS[kind]().unroll(3, X, merge_outputs=False)
    total = outputs[0] + outputs[1] * outputs[2]
    merged = mx.sym.stack(*outputs, axis=1)
    assert_fuses(mx.sym.Group([total, merged]), {"x": (2, 3, 4)}, oracle)


@ALL
def test_states_that_branch(oracle: Oracle, kind: str) -> None:
    """Two continuations of one sequence: three recurrences with the same weights."""
    cell = CELLS[kind]()
    _, states = cell.unroll(3, X)
    ends = [cell.unroll(3, mx.sym.Variable(name), begin_state=states, merge_outputs=True) for name in ("y", "z")]
    net = heads_of([end[0] for end in ends], [state for end in ends for state in end[1]])
    assert_fuses(net, {"x": (2, 3, 4), "y": (2, 3, 4), "z": (2, 3, 4)}, oracle, count=3)


@ALL
def test_unrolled_in_pieces(oracle: Oracle, kind: str) -> None:
    """A cell that goes on where it stopped is one recurrence."""
    cell = CELLS[kind]()
    first, states = cell.unroll(2, X, merge_outputs=True)
    second, states = cell.unroll(3, mx.sym.Variable("y"), begin_state=states, merge_outputs=True)
    assert_fuses(heads_of([first, second], states), {"x": (2, 2, 4), "y": (2, 3, 4)}, oracle)


@ALL
def test_shared_parameters(oracle: Oracle, kind: str) -> None:
    """One cell over two sequences."""
    cell = CELLS[kind]()
    first, _ = cell.unroll(3, X, merge_outputs=True)
    second, _ = cell.unroll(2, mx.sym.Variable("y"), merge_outputs=True)
    assert_fuses(heads_of([first, second]), {"x": (2, 3, 4), "y": (5, 2, 4)}, oracle, count=2)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_as_wide_as_the_input(oracle: Oracle, kind: str) -> None:
    """Nothing but the chain tells the input's projection from the state's."""
    net = heads_of(*CELLS[kind]().unroll(4, X))
    assert_fuses(net, {"x": (2, 4, 3)}, oracle)


@LAYOUTS
@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize(
    ("cell", "count"),
    [
        (lambda: stack(CELLS["lstm"]("a_"), CELLS["gru"]("b_"), CELLS["rnn"]("c_")), 3),
        (lambda: stack(*(mx.rnn.ResidualCell(CELLS["gru"](prefix)) for prefix in ("a_", "b_"))), 2),
        (lambda: mx.rnn.ResidualCell(stack(CELLS["lstm"]("a_"), CELLS["relu"]("b_"))), 2),
        (lambda: mx.rnn.BidirectionalCell(CELLS["lstm"]("l_"), CELLS["lstm"]("r_")), 2),
        (lambda: mx.rnn.BidirectionalCell(CELLS["lstm"]("l_"), CELLS["gru"]("r_")), 2),
        (lambda: stack(mx.rnn.BidirectionalCell(CELLS["gru"]("l_"), CELLS["gru"]("r_")), CELLS["rnn"]("t_")), 3),
        (lambda: mx.rnn.FusedRNNCell(3, 2, "lstm", bidirectional=True, prefix="f_").unfuse(), 4),
        (lambda: mx.rnn.FusedRNNCell(3, 3, "rnn_relu", prefix="f_").unfuse(), 3),
        (lambda: stack(CELLS["lstm"]("a_"), mx.rnn.DropoutCell(0.0), mx.rnn.ZoneoutCell(CELLS["gru"]("z_"))), 2),
        (lambda: mx.rnn.BidirectionalCell(stack(CELLS["rnn"]("a_"), CELLS["gru"]("b_")), CELLS["gru"]("r_")), 3),
    ],
)
def test_containers(oracle: Oracle, cell: Any, count: int, layout: str, merge: bool | None) -> None:
    outputs, states = cell().unroll(3, X, layout=layout, merge_outputs=merge)
    assert_fuses(heads_of(outputs, states), {"x": shape_of(layout, 3, 3)}, oracle, count)


def test_float64_is_the_same_to_the_last_digits() -> None:
    cells = stack(CELLS["lstm"]("a_"), CELLS["gru"]("b_"))
    net = heads_of(*cells.unroll(4, X, begin_state=cells.begin_state(func=mx.sym.Variable)))
    names, (shapes, _, _) = net.list_arguments(), net.infer_shape(x=(2, 4, 5))
    values = {name: np.random.randn(*shape) for name, shape in zip(names, shapes, strict=True)}
    assert_fuses(net, {name: value.shape for name, value in values.items()}, count=2, given=values, tolerance=1e-12)


def test_stacks_leave_nothing_between_layers() -> None:
    """The time axis stays where it is, from the first layer to the last."""
    net, _ = stack(CELLS["lstm"]("a_"), mx.rnn.DropoutCell(0.5), CELLS["gru"]("b_")).unroll(5, X, merge_outputs=True)
    ran = [name for name in operators(net, {"x": (2, 5, 4)}) if name not in ("_zeros", "expand_dims")]
    assert ran == ["SwapAxis", "_rnn_of_parts", "Dropout", "_rnn_of_parts", "SwapAxis"]


def test_names_stay() -> None:
    net = heads_of(*CELLS["lstm"]().unroll(3, X, merge_outputs=False))
    before = net.get_internals().list_outputs()
    executor = net.simple_bind(mx.cpu(), x=(2, 3, 4))
    assert executor.recurrences
    executor.forward()
    assert (
        list(executor.output_dict)
        == net.list_outputs()
        == [f"c_t{t}_out_output" for t in range(3)] + ["c_t2_state_output"]
    )
    assert net.get_internals().list_outputs() == before
