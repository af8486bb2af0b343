"""Cells against real MXNet, and what they must do where it was wrong."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet._cells.states import flatten
from rennet.base import ArgumentError, NotSupportedError, ShapeError
from rennet.rnn import (
    BaseRNNCell,
    BidirectionalCell,
    DropoutCell,
    FusedRNNCell,
    GRUCell,
    LSTMCell,
    RNNCell,
    RNNParams,
    SequentialRNNCell,
)
from same_script import assert_same_graph, random_arguments, results, run_here, to_nd, to_numpy

from .recipes import MODES, PRELUDE, Recipe, recipes

FUSED = list(itertools.product(MODES, (1, 2), (False, True)))


def stack(*cells: BaseRNNCell) -> SequentialRNNCell:
    made = SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


def unrolled(cell: BaseRNNCell, length: int = 3, inputs: Any = None, **how: Any) -> mx.sym.Symbol:
    """The merged output and the final states, in one symbol; ``x`` is ``(N, T, C)``."""
    outputs, states = cell.unroll(length, mx.sym.Variable("x") if inputs is None else inputs, merge_outputs=True, **how)
    return mx.sym.Group([outputs, *flatten(states)])


# against MXNet


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes())
def test_any_network(oracle: Oracle, recipe: Recipe) -> None:
    assert_same_graph(oracle, recipe.source, recipe.shapes)


@pytest.mark.slow
@settings(max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes())
def test_any_network_at_length(oracle: Oracle, recipe: Recipe) -> None:
    assert_same_graph(oracle, recipe.source, recipe.shapes)


@pytest.mark.parametrize(
    "cell",
    [
        "stack(mx.rnn.LSTMCell(2), mx.rnn.DropoutCell(0.5), mx.rnn.GRUCell(2))",
        "mx.rnn.FusedRNNCell(2, num_layers=2, dropout=0.5)",
        "mx.rnn.FusedRNNCell(2, num_layers=2, dropout=0.5, bidirectional=True).unfuse()",
        "mx.rnn.DropoutCell(0.5)",
    ],
)
@pytest.mark.parametrize("merge", [True, False])
def test_dropout_is_for_training_only(oracle: Oracle, cell: str, merge: bool) -> None:
    recipe = Recipe(cell, 3, "TNC", False, merge, "None")
    assert_same_graph(oracle, recipe.source, recipe.shapes, training=False)


def test_states_go_on(oracle: Oracle) -> None:
    """The last states of one network begin another, as in an encoder and its decoder."""
    source = f"""{PRELUDE}
encoder, decoder = (
    stack(mx.rnn.LSTMCell(2, prefix=p + "0_"), mx.rnn.GRUCell(3, prefix=p + "1_"), mx.rnn.RNNCell(2, prefix=p + "2_"))
    for p in "ed"
)
_, states = encoder.unroll(2, mx.sym.Variable("x"), layout="TNC")
outputs, _ = decoder.unroll(3, mx.sym.Variable("y"), begin_state=states, layout="NTC", merge_outputs=True)
net = mx.sym.Group([outputs, *flat(states)])
"""
    assert_same_graph(oracle, source, {"x": (2, 4, 3), "y": (4, 3, 2)})


def test_t37_cells_nest(oracle: Oracle) -> None:
    nested = """stack(
        mx.rnn.BidirectionalCell(
            stack(mx.rnn.LSTMCell(2, prefix="a_"), mx.rnn.GRUCell(2, prefix="b_")),
            mx.rnn.FusedRNNCell(2, 2, "gru", prefix="c_").unfuse(),
        ),
        stack(mx.rnn.DropoutCell(0.0), mx.rnn.RNNCell(3, prefix="d_")),
    )"""
    for listed, merge in itertools.product([True, False], [None, True, False]):
        recipe = Recipe(nested, 2, "NTC", listed, merge, "None")
        assert_same_graph(oracle, recipe.source, recipe.shapes)


def test_steps_in_turn(oracle: Oracle) -> None:
    """A stack stepped by hand, as when writing text."""
    source = f"""{PRELUDE}
cell = stack(
    mx.rnn.LSTMCell(2), mx.rnn.DropoutCell(0.0), mx.rnn.GRUCell(3),
    mx.rnn.RNNCell(2, activation=lambda data, **kwargs: mx.sym.Activation(data, act_type="softrelu", **kwargs)),
)
states, outputs = cell.begin_state(func=mx.sym.Variable), []
for t in range(3):
    output, states = cell(mx.sym.Variable("x%d" % t), states)
    outputs.append(output)
net = mx.sym.Group(outputs[:-1] + states)
"""
    assert_same_graph(oracle, source, dict.fromkeys(("x0", "x1", "x2"), (2, 4)))


# names


@pytest.mark.parametrize(
    ("cell", "merge", "output", "states"),
    [
        (RNNCell(2), True, "concat0", ["rnn_t4_out"]),
        (LSTMCell(2), True, "concat0", ["lstm_t4_out", "lstm_t4_state"]),
        (LSTMCell(2), False, "lstm_t0_out", ["lstm_t4_out", "lstm_t4_state"]),
        (GRUCell(2), True, "concat0", ["gru_t4_out"]),
        (FusedRNNCell(2, mode="lstm", bidirectional=True), True, "swapaxes1", []),
        (FusedRNNCell(2, 3, bidirectional=True).unfuse(), True, "lstm_bi_l2_out", None),
        (BidirectionalCell(LSTMCell(2), GRUCell(3)), True, "bi_out", ["lstm_t4_out", "lstm_t4_state", "gru_t4_out"]),
        (BidirectionalCell(LSTMCell(2), GRUCell(3)), False, "bi_t0", None),
        (BidirectionalCell(LSTMCell(2), GRUCell(3), output_prefix="test_bi_l2_"), False, "test_bi_l2_t0", None),
    ],
)
def test_names_of_the_documents(cell: BaseRNNCell, merge: bool, output: str, states: list[str] | None) -> None:
    with mx.name.NameManager():
        outputs, after = cell.unroll(5, mx.sym.Variable("x"), merge_outputs=merge)
    first = outputs if merge else outputs[0]
    assert first.list_outputs() == [f"{output}_output"]
    if states is not None:
        assert [state.list_outputs()[0] for state in flatten(after)] == [f"{name}_output" for name in states]


def test_names_of_the_fused_cell() -> None:
    cell = FusedRNNCell(2, get_next_state=True)
    output, states = cell.unroll(5, mx.sym.Variable("x"), layout="TNC")
    names = [symbol.list_outputs()[0] for symbol in (output, *states)]
    assert names == ["lstm_rnn_output", "lstm_rnn_state_output", "lstm_rnn_statecell_output"]
    assert output.list_arguments() == ["x", "lstm_parameters"]


@pytest.mark.parametrize(
    ("cell", "inner"),
    [
        (RNNCell(2), "rnn_t0_i2h"),
        (LSTMCell(2), "lstm_t1_h2h"),
        (GRUCell(2), "gru_t0__i2h"),
        (GRUCell(2), "gru_t1__h2h"),
    ],
)
def test_names_of_projections(cell: BaseRNNCell, inner: str) -> None:
    assert f"{inner}_output" in unrolled(cell).get_internals().list_outputs()
    assert unrolled(cell).list_arguments()[:3] == ["x", f"{cell._prefix}i2h_weight", f"{cell._prefix}i2h_bias"]


def test_names_begin_anew_after_reset() -> None:
    cell, x = LSTMCell(2), mx.sym.Variable("x")
    names = []
    for _ in range(2):
        output, states = cell(x, cell.begin_state())
        output, _ = cell(x, states)
        names.append([output.name, cell.begin_state()[0].name])
        cell.reset()
    assert names == [["lstm_t1_out", "lstm_begin_state_2"]] * 2


# weights in their two forms


@pytest.mark.parametrize(("mode", "layers", "bidirectional"), FUSED)
def test_fused_and_unfused_are_one(oracle: Oracle, mode: str, layers: int, bidirectional: bool) -> None:
    """Unpacking is MXNet's, packing its reverse, and both networks compute the same (T14)."""
    how = f"mx.rnn.FusedRNNCell(3, {layers}, {mode!r}, {bidirectional})"
    fused, net = run_here(f"cell = {how}; net, _ = cell.unroll(2, mx.sym.Variable('x'))", ["cell", "net"]).values()
    args = random_arguments(net, x=(2, 2, 4))
    packed = {name: args[name] for name in ("rnn_parameters", f"{mode}_parameters") if name in args}
    script = f"""
given = {{name: mx.nd.array(value) for name, value in packed.items()}}
cell = {how}
unpacked = cell.unpack_weights(given)
again = cell.pack_weights(unpacked)
separate = cell.unfuse().pack_weights(unpacked)
fused = cell.pack_weights(cell.unfuse().unpack_weights(separate))
"""
    variables = ["unpacked", "again", "separate", "fused"]
    ours, theirs = (run(script, variables, {"packed": packed}) for run in (run_here, oracle.build))
    for variable in variables:
        assert_all_close(ours[variable], theirs[variable], 0, variable)
    assert_all_close(ours["fused"], packed, 0, "there and back")
    stacked = unrolled(fused.unfuse(), 2)[0]
    assert_all_close(results(stacked, {**ours["separate"], **args}), results(net, args), 1e-6, "unfused")


@pytest.mark.parametrize(
    "cell", [RNNCell(2), LSTMCell(2), GRUCell(2), stack(LSTMCell(2), DropoutCell(0.1), GRUCell(3))]
)
def test_weights_there_and_back(cell: BaseRNNCell) -> None:
    args = {**to_nd(random_arguments(unrolled(cell), x=(1, 3, 4))), "other": mx.nd.ones((1,))}
    names = list(args)
    unpacked = cell.unpack_weights(args)
    assert list(args) == names  # as it was
    assert unpacked["other"] is args["other"]
    assert not any(name.endswith("i2h_weight") for name in unpacked if "rnn" not in name)
    assert_all_close(cell.pack_weights(unpacked), to_numpy(args), 0, "weights")


def test_t16_unfusing_keeps_the_forget_bias() -> None:
    cells: Any = FusedRNNCell(2, 2, dropout=0.5, forget_bias=3.0).unfuse()._cells
    assert [cell._prefix for cell in cells] == ["lstm_l0_", "lstm_dropout0_", "lstm_l1_"]
    assert [cells[place]._iB.attr("__init__") for place in (0, 2)] == ['["lstmbias", {"forget_bias": 3.0}]'] * 2


@pytest.mark.parametrize(
    ("cell", "found", "message"),
    [
        (LSTMCell(2, prefix="lstm_l0_"), ["lstm_i2h_i_weight", "fc"], r"'lstm_l0_i2h_i_weight', found fc, lstm_i2h_i_"),
        (
            LSTMCell(2, prefix="lstm_l0_"),
            ["lstm_i2h_i_weight"],
            "there is lstm_i2h_i_weight: is the cell's prefix right?",
        ),
        (FusedRNNCell(2), ["lstm_l0_i2h_f_weight"], "'lstm_l0_i2h_i_weight', found lstm_l0_i2h_f_weight$"),
        (GRUCell(2), [f"p{i:02}" for i in range(20)], r"found p00, .*p11, \.\.\. \(20 in all\)$"),
        (GRUCell(2), [], "found none$"),
    ],
)
def test_t19_a_missing_weight(cell: BaseRNNCell, found: list[str], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"pack_weights: expected a parameter.*{message}"):
        cell.pack_weights({name: mx.nd.ones((2, 2)) for name in found})


def test_t19_a_missing_vector() -> None:
    with pytest.raises(ArgumentError, match=r"expected a parameter 'gru_parameters', .* there is lstm_parameters"):
        FusedRNNCell(2, mode="gru").unpack_weights({"lstm_parameters": mx.nd.ones((8,))})


def test_weights_of_another_size() -> None:
    with pytest.raises(ShapeError, match=r"lstm_parameters: 47 elements fit no input size of Layout\(mode='lstm'"):
        FusedRNNCell(2).unpack_weights({"lstm_parameters": mx.nd.ones((47,))})
    unpacked = FusedRNNCell(2).unpack_weights({"lstm_parameters": mx.nd.ones((48,))})
    unpacked["lstm_l0_h2h_f_weight"] = mx.nd.ones((3, 2))
    with pytest.raises(ShapeError, match=r"lstm_l0_h2h_f_weight: expected shape \(2, 2\), got \(3, 2\)"):
        FusedRNNCell(2).pack_weights(unpacked)


# sharing


@pytest.mark.parametrize("kind", [LSTMCell, functools.partial(FusedRNNCell, num_layers=2, mode="gru")])
def test_t20_cells_share_parameters(kind: Any) -> None:
    first = kind(2, prefix="a_")
    cell = BidirectionalCell(first, kind(2, prefix="b_", params=first.params))
    net = unrolled(cell)
    args = to_nd(random_arguments(net, x=(1, 3, 2)))
    assert net.list_arguments() == unrolled(first).list_arguments()
    unpacked = cell.unpack_weights(args)
    assert_all_close(to_numpy(unpacked), to_numpy(first.unpack_weights(args)), 0, "unpacked")
    assert_all_close(cell.pack_weights(unpacked), to_numpy(args), 0, "packed")


def test_t20_shared_parameters_keep_their_names() -> None:
    first = FusedRNNCell(2, prefix="a_")
    other = FusedRNNCell(2, prefix="b_", params=first.params)
    assert other.unfuse().unroll(1, mx.sym.Variable("x"))[0][0].name == "b_l0_t0_out"
    assert set(other.unfuse().params._params) == set(first.unfuse().params._params)


def test_a_container_hands_its_parameters_to_its_cells() -> None:
    x, own = mx.sym.Variable("x"), LSTMCell(2)
    shared = SequentialRNNCell(params=own.params)
    shared.add(LSTMCell(2))
    nested = SequentialRNNCell(params=own.params)
    nested.add(stack(DropoutCell(0.1), BidirectionalCell(LSTMCell(2), GRUCell(2))))
    nets = [cell.unroll(1, x)[0][0] for cell in (own, shared, nested)]
    assert mx.sym.Group(nets).list_arguments().count("lstm_i2h_weight") == 1
    with pytest.raises(ArgumentError, match="give params to the container or to the cells in it, not to both"):
        shared.add(LSTMCell(2, params=RNNParams()))


# states


@pytest.mark.parametrize(
    "cell",
    [
        BidirectionalCell(LSTMCell(2), GRUCell(3)),
        stack(LSTMCell(2, prefix="s_"), BidirectionalCell(LSTMCell(2), GRUCell(3))),
    ],
)
def test_t21_states_begin_the_next_sequence(cell: BaseRNNCell) -> None:
    x = mx.sym.Variable("x")
    _, states = cell.unroll(2, x)
    assert any(isinstance(state, list) for state in states)
    again = unrolled(cell, 2, x, begin_state=states)
    fed = unrolled(cell, 2, x, begin_state=cell.begin_state(func=mx.sym.Variable))
    args = random_arguments(again, x=(3, 2, 2))
    begin = [state for state in fed.list_arguments() if "begin_state" in state]
    finals = results(mx.sym.Group(flatten(states)), args)
    assert_all_close(
        results(fed, {**args, **dict(zip(begin, finals, strict=True))}), results(again, args), 1e-6, "again"
    )


def test_states_in_any_form() -> None:
    cell, x, begin = LSTMCell(2), mx.sym.Variable("x"), LSTMCell(2).begin_state()
    for states in (begin, tuple(begin), [begin], mx.sym.Group(begin)):
        assert len(cell(x, states)[1]) == 2
    for one in (GRUCell(2), RNNCell(2), FusedRNNCell(2, mode="gru")):
        assert len(one(x, mx.sym.Variable("h"))[1]) == 1
    with pytest.raises(ArgumentError, match="LSTMCell: states: expected 2, got 1"):
        cell(x, begin[:1])
    with pytest.raises(ArgumentError, match="these 2 cells: states: expected 3, got 2"):
        stack(LSTMCell(2), GRUCell(2)).unroll(2, x, begin_state=begin)


@pytest.mark.parametrize("cell", [LSTMCell(2), BidirectionalCell(LSTMCell(2), stack(GRUCell(2), DropoutCell(0.1)))])
def test_t24_begin_states_are_made_alike_everywhere(cell: BaseRNNCell) -> None:
    for states in (cell.begin_state(mx.sym.Variable), cell.begin_state(func=mx.sym.Variable)):
        assert all(state.list_arguments() == [state.name] for state in states)
    kinds = [state.infer_type()[1][0] for state in cell.begin_state(dtype="float64")]
    assert kinds == [np.float64] * len(cell.state_info)
    assert [info["shape"] for info in cell.state_info] == cell.state_shape == [(0, 2)] * len(kinds)


# sequences


def test_t25_rnn_unroll() -> None:
    with pytest.warns(DeprecationWarning, match=r"call cell\.unroll"):
        outputs, _ = mx.rnn.rnn_unroll(LSTMCell(2), 3, input_prefix="in_")
    inputs = {name for name in outputs[-1].list_arguments() if "lstm" not in name}
    assert inputs == {"in_t0_data", "in_t1_data", "in_t2_data"}


@pytest.mark.parametrize("mode", MODES)
def test_t26_the_fused_cell_takes_sequences_in_every_form(mode: str) -> None:
    length = 3
    found = []
    for layout, listed in itertools.product(("NTC", "TNC"), (False, True)):
        x: Any = mx.sym.Variable("x")
        if layout == "TNC":
            x = mx.sym.swapaxes(x, dim1=0, dim2=1)
        if listed:
            x = list(mx.sym.split(x, num_outputs=length, axis=layout.index("T"), squeeze_axis=True))
        outputs, _ = FusedRNNCell(2, mode=mode).unroll(length, x, layout=layout, merge_outputs=False)
        net = mx.sym.Group(outputs)
        found.append(results(net, random_arguments(net, x=(2, length, 4))))
    for other in found[1:]:
        assert_all_close(other, found[0], 1e-6, "outputs")


@pytest.mark.parametrize("mode", MODES)
def test_the_fused_cell_steps(mode: str) -> None:
    cell = FusedRNNCell(2, 2, mode, get_next_state=True)
    steps, states = [mx.sym.Variable(f"x{t}") for t in range(3)], cell.begin_state()
    outputs = []
    for step in steps:
        output, states = cell(step, states)
        outputs.append(output)
    stepped = mx.sym.Group([*outputs, *states])
    whole, finals = cell.unroll(3, steps, merge_outputs=False)
    args = random_arguments(stepped, x0=(4, 3), x1=(4, 3), x2=(4, 3))
    assert_all_close(results(stepped, args), results(mx.sym.Group([*whole, *finals]), args), 1e-6, "steps")


@pytest.mark.parametrize(
    "cell",
    [
        RNNCell(2),
        LSTMCell(2),
        GRUCell(2),
        FusedRNNCell(2, 2, "gru", bidirectional=True),
        FusedRNNCell(2, 2, "gru", bidirectional=True).unfuse(),
        DropoutCell(0.5),
    ],
    ids=lambda cell: type(cell).__name__,
)
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
def test_t38_a_sequence_of_one(cell: BaseRNNCell, layout: str) -> None:
    x = mx.sym.Variable("x")
    shapes = {}
    for merge in (True, False):
        outputs, _ = cell.unroll(1, x, layout=layout, merge_outputs=merge)
        assert isinstance(outputs, list) is not merge
        (shapes[merge],) = (outputs if merge else outputs[0]).infer_shape(x=(1, 1, 4))[1]
    assert shapes[True] == (1, 1, shapes[False][1])


@pytest.mark.parametrize(
    ("inputs", "how", "message"),
    [
        (None, {}, "inputs: expected a symbol or a list of symbols, got None"),
        (3, {}, "inputs: expected a symbol or a list of symbols, got int"),
        ([mx.sym.Variable("x")], {}, "length is 2, but inputs has 1 steps"),
        (
            mx.sym.Group([mx.sym.Variable("x"), mx.sym.Variable("y")]),
            {},
            r"a symbol with 2 outputs; list\(inputs\) makes",
        ),
        (mx.sym.Variable("x"), {"layout": "NCT T"}, "layout: expected a word such as 'NTC' or 'TNC'"),
        (mx.sym.Variable("x"), {"layout": "NC"}, "with one T and one N; got 'NC'"),
    ],
)
def test_sequences_that_are_none(inputs: Any, how: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        LSTMCell(2).unroll(2, inputs, **how)


# the rest


def test_what_cannot_be_stepped() -> None:
    x, pair = mx.sym.Variable("x"), BidirectionalCell(GRUCell(2), GRUCell(2, prefix="r_"))
    for cell in (pair, stack(pair)):
        with pytest.raises(
            NotSupportedError, match="BidirectionalCell cannot be stepped: its backward cell needs the whole"
        ):
            cell(x, cell.begin_state())


@pytest.mark.parametrize("cell", [LSTMCell(2), stack(LSTMCell(2))])
def test_a_cell_inside_a_modifier_begins_nothing(cell: BaseRNNCell) -> None:
    cell._modified = True
    with pytest.raises(
        ArgumentError, match=r"Cell has been modified by another cell .* call that one, not the cell inside"
    ):
        cell.begin_state()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DropoutCell(1.0), r"dropout: expected a rate in \[0, 1\), got 1.0"),
        (lambda: FusedRNNCell(2, dropout=-0.1), r"dropout: expected a rate in \[0, 1\), got -0.1"),
        (lambda: FusedRNNCell(2, mode="elman"), "mode: expected one of gru, lstm, rnn_relu, rnn_tanh; got 'elman'"),
        (lambda: stack("lstm"), "SequentialRNNCell: expected a cell, got str"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_makes_no_cell(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


class Leaky(BaseRNNCell):
    """As users write them: a state, a step, nothing else."""

    def __init__(self, num_hidden: int, prefix: str = "leaky_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        self._num_hidden = num_hidden
        self._weight = self.params.get("i2h_weight")

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]

    def __call__(self, inputs: mx.sym.Symbol, states: Any) -> tuple[mx.sym.Symbol, list[mx.sym.Symbol]]:
        self._counter += 1
        name = f"{self._prefix}t{self._counter}_out"
        new = mx.sym.FullyConnected(inputs, self._weight, num_hidden=self._num_hidden, no_bias=True)
        output = self._get_activation(0.5 * states[0] + new, "tanh", name=name)
        return output, [output]


def test_cells_of_users() -> None:
    net = unrolled(stack(Leaky(2), BidirectionalCell(Leaky(3, "l_"), LSTMCell(1)), DropoutCell(0.0), Leaky(2, "top_")))
    args = random_arguments(net, x=(2, 3, 4))
    assert {name for name in args if "lstm" not in name} == {"x", "leaky_i2h_weight", "l_i2h_weight", "top_i2h_weight"}
    assert [result.shape for result in results(net, args)] == [(2, 3, 2), (2, 2), (2, 3), (2, 1), (2, 1), (2, 2)]
    assert net.list_outputs()[-1] == "top_t2_out_output"
