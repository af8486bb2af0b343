"""Residual and zoneout cells: against real MXNet where it is right, and by their own rules where it was not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle
from rennet._cells.states import flatten
from rennet.base import ArgumentError, NotSupportedError
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
    SequentialRNNCell,
    ZoneoutCell,
)
from same_script import assert_same_graph, random_arguments, results, run_here, to_nd

from .recipes import PRELUDE, Recipe

_NOT_A_CELL: Any = mx.sym.Variable("x")
EITHER = pytest.mark.parametrize("merge", [None, True, False])
LAYOUTS = pytest.mark.parametrize("layout", ["NTC", "TNC"])


def stack(*cells: BaseRNNCell) -> SequentialRNNCell:
    made = SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


# residual


@EITHER
@LAYOUTS
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    "cell",
    [
        "mx.rnn.ResidualCell(mx.rnn.LSTMCell(3))",
        "mx.rnn.ResidualCell(mx.rnn.ResidualCell(mx.rnn.GRUCell(3)))",
        "stack(mx.rnn.ResidualCell(mx.rnn.RNNCell(3)), mx.rnn.ResidualCell(mx.rnn.GRUCell(3)), mx.rnn.LSTMCell(2))",
        "mx.rnn.ResidualCell(mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(2), mx.rnn.GRUCell(1)))",
        "mx.rnn.BidirectionalCell(mx.rnn.ResidualCell(mx.rnn.LSTMCell(3)), mx.rnn.GRUCell(1))",
    ],
)
def test_residual(oracle: Oracle, cell: str, listed: bool, layout: str, merge: bool | None) -> None:
    recipe = Recipe(cell, 3, layout, listed, merge, "None")
    assert_same_graph(oracle, recipe.source, recipe.shapes)


def test_residual_around_a_fused_cell(oracle: Oracle) -> None:
    recipe = Recipe("mx.rnn.ResidualCell(mx.rnn.FusedRNNCell(3, get_next_state=True))", 3, "TNC", False, True, "None")
    assert_same_graph(oracle, recipe.source, recipe.shapes)


def test_residual_steps(oracle: Oracle) -> None:
    source = f"""{PRELUDE}
cell = mx.rnn.ResidualCell(mx.rnn.LSTMCell(3))
output, states = cell(mx.sym.Variable("x"), cell.begin_state())
net = mx.sym.Group([output] + states)
"""
    assert_same_graph(oracle, source, {"x": (2, 3)})


def test_residual_of_another_width() -> None:
    cell = ResidualCell(LSTMCell(4))
    outputs, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    with pytest.raises(mx.MXNetError, match=r"shapes .* contradict each other"):
        outputs.infer_shape(x=(2, 2, 3))


# zoneout

ZONED = {
    "rnn": "mx.rnn.ZoneoutCell(mx.rnn.RNNCell(3), 0.3, 0.2)",
    "lstm": "mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(3), 0.3, 0.2)",
    "outputs": "mx.rnn.ZoneoutCell(mx.rnn.GRUCell(3), 0.3)",
    "states": "mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(3), zoneout_states=0.5)",
    "inside": "stack(mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(2), 0.3), mx.rnn.ResidualCell(mx.rnn.GRUCell(2)))",
    "residual": "mx.rnn.ResidualCell(mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(3), 0.2, 0.3))",
}


@EITHER
@pytest.mark.parametrize("cell", ZONED.values(), ids=ZONED)
def test_zoneout_in_inference_is_mxnets(oracle: Oracle, cell: str, merge: bool | None) -> None:
    """Names apart, which follow the masks: our graph there, theirs here, and the plain cell all say the same."""
    # every head, though ours has the hidden state for its output
    source = Recipe(cell, 3, "NTC", False, merge, "None").source + "net = mx.sym.Group(heads)\n"
    ours = run_here(source, ["net"])["net"]
    theirs = oracle.build(source, ["net"])["net"]
    assert ours.list_arguments() == theirs.arguments
    args = random_arguments(ours, x=(2, 3, 3))
    expected = oracle.run_symbol(theirs.json, args).outputs
    assert_all_close(results(ours, args), expected, 1e-5, "ours")
    assert_all_close(results(mx.sym.load_json(theirs.json), args), expected, 1e-5, "theirs, here")
    assert_all_close(oracle.run_symbol(ours.tojson(), args).outputs, expected, 1e-5, "ours, there")


def _trained(cell: BaseRNNCell, rate: dict[str, float] | None = None, **more: Any) -> tuple[list[Any], Any, Any]:
    """Every step's output and states in training, from begin states that are variables."""
    cell.reset()
    states: Any = cell.begin_state(func=mx.sym.Variable)
    names = [state.name for state in flatten(states)]
    heads = []
    for t in range(4):
        output, states = cell(mx.sym.Variable(f"x{t}"), states)
        heads += [output, *flatten(states)]
    net = mx.sym.Group(heads)
    sizes = {name: info["shape"][1] for name, info in zip(names, cell.state_info, strict=True)}
    shapes = {**{f"x{t}": (50, 3) for t in range(4)}, **{name: (50, size) for name, size in sizes.items()}}
    args = random_arguments(net, **shapes)
    executor = net.bind(mx.cpu(), to_nd(args), {name: mx.nd.zeros(value.shape) for name, value in args.items()})
    found = [each.asnumpy() for each in executor.forward(is_train=True)]
    return found, args, executor


def test_t01_the_output_is_the_new_hidden_state() -> None:
    """One decision for both, and another for the cell state."""
    cell = ZoneoutCell(LSTMCell(8), zoneout_outputs=0.5, zoneout_states=0.25)
    found, args, _ = _trained(cell)
    hidden, memory = args["lstm_begin_state_0"], args["lstm_begin_state_1"]
    stayed = []
    for step in range(4):
        output, new_hidden, new_memory = found[3 * step : 3 * step + 3]
        assert (output == new_hidden).all()
        stayed.append(((new_hidden == hidden), (new_memory == memory)))
        hidden, memory = new_hidden, new_memory
    of_hidden, of_memory = (np.stack(each) for each in zip(*stayed, strict=True))
    assert abs(of_hidden.mean() - 0.5) < 0.05
    assert abs(of_memory.mean() - 0.25) < 0.05
    assert 0.05 < (of_hidden & of_memory).mean() < 0.2  # 0.125 if independent


@pytest.mark.parametrize(("outputs", "states", "expected"), [(0.4, 0.0, 0.4), (0.0, 0.4, 0.4), (0.4, 0.2, 0.4)])
def test_t01_which_rate_is_the_hidden_states(outputs: float, states: float, expected: float) -> None:
    found, args, _ = _trained(ZoneoutCell(GRUCell(8), outputs, states))
    assert abs((found[0] == args["gru_begin_state_0"]).mean() - expected) < 0.08
    assert (found[0] == found[1]).all()


def test_t02_the_expectation_of_the_paper_is_an_argument() -> None:
    rate, plain = 0.3, LSTMCell(4, prefix="lstm_")
    cell = ZoneoutCell(LSTMCell(4, prefix="lstm_"), rate, rate, expectation=True)
    x, states = mx.sym.Variable("x"), [mx.sym.Variable("h"), mx.sym.Variable("c")]
    net = mx.sym.Group([*plain(x, states)[1], *cell(x, states)[1]])
    args = random_arguments(net, x=(2, 3), h=(2, 4), c=(2, 4))
    new_h, new_c, zoned_h, zoned_c = results(net, args)
    assert_close(zoned_h, rate * args["h"] + (1 - rate) * new_h, 1e-6, "hidden state")
    assert_close(zoned_c, rate * args["c"] + (1 - rate) * new_c, 1e-6, "cell state")
    # in training it decides, as without the argument
    executor = net.bind(mx.cpu(), to_nd(args))
    _, _, zoned, _ = (each.asnumpy() for each in executor.forward(is_train=True))
    old = np.isclose(zoned, args["h"], atol=1e-6)
    assert_close(zoned, np.where(old, args["h"], new_h), 1e-6, "in training")


class Averaging(BaseRNNCell):
    """A user's own, whose output is none of its states."""

    def __init__(self) -> None:
        super().__init__("avg_")

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": (0, 3), "__layout__": "NC"}]

    def __call__(self, inputs: Any, states: Any) -> Any:
        total = states[0] + inputs
        return total * 0.5, [total]


def test_t03_a_reset_reaches_through_every_modifier() -> None:
    """The last output of one sequence is not the first of the next."""
    cell = ResidualCell(ZoneoutCell(Averaging(), zoneout_outputs=0.5))
    first, _ = cell.unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    again, _ = cell.unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    inside = cell.base_cell
    assert isinstance(inside, ZoneoutCell)
    assert inside._prev_output is not None
    cell.reset()
    assert inside._prev_output is None
    nodes = [len(each.get_internals().list_outputs()) for each in (first, again)]
    assert nodes[0] == nodes[1]


def test_t03_an_output_that_is_no_state_stays_what_it_was() -> None:
    found, _, _ = _trained(ZoneoutCell(Averaging(), zoneout_outputs=0.5))
    output, total = found[2], found[3]
    fresh = np.isclose(output, total * 0.5)
    assert abs(fresh.mean() - 0.5) < 0.1
    assert (output[~fresh] == found[0][~fresh]).all()
    assert (found[0] == 0).any(), "before the first output there were zeros"


def test_t04_shapes_are_inferred_through_zoneout() -> None:
    outputs, states = ZoneoutCell(Averaging(), 0.3, 0.3).unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    assert mx.sym.Group([outputs, *states]).infer_shape(x=(2, 3, 3))[1] == [(2, 3, 3), (2, 3)]


@EITHER
@LAYOUTS
@pytest.mark.parametrize(
    "make",
    [
        lambda zone: zone(stack(LSTMCell(3, prefix="a_"), DropoutCell(0.0), GRUCell(3, prefix="b_"))),
        lambda zone: zone(BidirectionalCell(LSTMCell(3, prefix="a_"), GRUCell(2, prefix="b_"))),
        lambda zone: zone(stack(ResidualCell(RNNCell(3, prefix="a_")), GRUCell(2, prefix="b_"))),
        lambda zone: zone(FusedRNNCell(3, 2, "lstm", bidirectional=True, prefix="f_").unfuse()),
    ],
    ids=["stack", "both ways", "residual", "unfused"],
)
def test_zoneout_around_cells_of_cells(make: Any, layout: str, merge: bool | None) -> None:
    """In inference as if it were not there, weights and begin states too; in training it is."""
    zoned, plain = make(lambda cell: ZoneoutCell(cell, 0.3, 0.4)), make(lambda cell: cell)
    nets = []
    for cell in (zoned, plain):
        outputs, states = cell.unroll(3, mx.sym.Variable("x"), layout=layout, merge_outputs=merge)
        nets.append(mx.sym.Group([*(outputs if isinstance(outputs, list) else [outputs]), *flatten(states)]))
    assert nets[0].list_arguments() == nets[1].list_arguments()
    assert zoned.state_info == plain.state_info
    args = random_arguments(nets[1], x=(2, 3, 3) if layout == "NTC" else (3, 2, 3))
    expected = results(nets[1], args)
    assert_all_close(results(nets[0], args), expected, 1e-6, "in inference")
    torch.manual_seed(0)
    trained = nets[0].bind(mx.cpu(), to_nd(args)).forward(is_train=True)
    assert any((ours.asnumpy() != theirs).any() for ours, theirs in zip(trained, expected, strict=True))
    weights = {name: mx.nd.array(value) for name, value in args.items() if name != "x"}
    unpacked = zoned.unpack_weights(weights)
    assert sorted(unpacked) == sorted(plain.unpack_weights(weights))
    for name, value in zoned.pack_weights(unpacked).items():
        assert_close(value, args[name], 0, name)


def test_zoneout_steps_around_a_stack() -> None:
    """By hand, and with gradients for everything."""
    cell = ZoneoutCell(stack(LSTMCell(3, prefix="a_"), GRUCell(3, prefix="b_")), 0.3, 0.2)
    found, _, executor = _trained(cell)
    for step in range(4):
        output, *states = found[4 * step : 4 * step + 4]
        assert (output == states[2]).all()
    executor.backward([mx.nd.ones(each.shape) for each in executor.outputs])
    for name, gradient in executor.grad_dict.items():
        assert np.isfinite(gradient.asnumpy()).all(), name
        assert gradient.asnumpy().any(), name


# modifiers as such


def test_t24_begin_states_of_any_kind() -> None:
    """One signature everywhere, MXNet's other name of the argument included."""
    cell = stack(ResidualCell(LSTMCell(3, prefix="a_")), ZoneoutCell(GRUCell(3, prefix="b_"), 0.2))
    names = [state.name for state in cell.begin_state(func=mx.sym.Variable)]
    assert names == ["a_begin_state_0", "a_begin_state_1", "b_begin_state_0"]
    cell.reset()
    again = ResidualCell(RNNCell(3)).begin_state(init_sym=mx.sym.Variable)
    assert [state.name for state in again] == ["rnn_begin_state_0"]


def test_a_wrapped_cell_makes_no_begin_states() -> None:
    inside = LSTMCell(3)
    outside = ZoneoutCell(ResidualCell(inside), 0.2)
    for cell in (inside, outside.base_cell):
        with pytest.raises(ArgumentError, match="has been modified by another cell"):
            cell.begin_state()
        with pytest.raises(ArgumentError, match="call that one, not the cell inside"):
            cell.unroll(2, mx.sym.Variable("x"))
    assert [state.name for state in outside.begin_state()] == ["lstm_begin_state_0", "lstm_begin_state_1"]
    with pytest.raises(ArgumentError, match="has been modified"):
        inside.begin_state()


def test_users_modifiers_work_in_containers() -> None:
    class Doubled(ModifierCell):
        def __call__(self, inputs: Any, states: Any) -> Any:
            output, states = self.base_cell(inputs, states)
            return output * 2, states

    x = mx.sym.Variable("x")
    plain, _ = RNNCell(3).unroll(2, x, merge_outputs=True)
    doubled, _ = stack(Doubled(RNNCell(3))).unroll(2, x, merge_outputs=True)
    args = random_arguments(plain, x=(2, 2, 3))
    assert_close(results(doubled, args)[0], 2 * results(plain, args)[0], 1e-6, "output")


def test_parameters_are_those_of_the_cell_inside() -> None:
    inside = LSTMCell(3)
    outside = ResidualCell(inside)
    assert outside.params is inside.params
    shared = LSTMCell(3, params=outside.params)
    assert shared._iW is inside._iW


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ZoneoutCell(LSTMCell(3), 1.0),
            ArgumentError,
            r"zoneout_outputs: expected a rate in \[0, 1\), got 1.0",
        ),
        (lambda: ZoneoutCell(LSTMCell(3), 0.0, -0.1), ArgumentError, "zoneout_states: expected a rate"),
        (lambda: ZoneoutCell(FusedRNNCell(3)), NotSupportedError, r"hides its steps; wrap cell.unfuse\(\)"),
        (lambda: ResidualCell(_NOT_A_CELL), ArgumentError, "base_cell: expected a cell, got Symbol"),
    ],
)
def test_objections(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
