"""Symbols: composing, naming, looking inside, leaving and coming back; against real MXNet."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rennet as mx
import rennet.rnn
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, MXNetError
from same_script import assert_same_graph, run_here

S, V = mx.sym, mx.sym.Variable
THREE: Any = 3
"""Where a type checker would rightly object."""

# Scripts whose `net` must be written with the same bytes by both libraries.
SCRIPTS = {
    "an MLP": """
data = mx.sym.Variable("data")
net = mx.sym.FullyConnected(data, num_hidden=16, name="fc1")
net = mx.sym.Activation(net, act_type="relu")
net = mx.sym.Dropout(net, p=0.5)
net = mx.sym.FullyConnected(net, num_hidden=4, no_bias=True)
net = mx.sym.SoftmaxOutput(net, name="softmax")
""",
    "embedding and a fused LSTM": """
data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
embed = mx.sym.Embedding(data, input_dim=100, output_dim=8, name="embed")
swapped = mx.sym.SwapAxis(embed, dim1=0, dim2=1)
parameters = mx.sym.Variable("lstm_parameters", init="zeros", lr_mult=2.0)
begin = [mx.sym.zeros((2, 0, 5), name=f"lstm_begin_state_{i}", __layout__="LNC") for i in range(2)]
options = {"state_size": 5, "num_layers": 2, "mode": "lstm", "p": 0.2, "state_outputs": True}
rnn = mx.sym.RNN(swapped, parameters, *begin, name="lstm", **options)
hidden = mx.sym.Reshape(mx.sym.SwapAxis(rnn[0], dim1=0, dim2=1), shape=(-1, 5))
pred = mx.sym.FullyConnected(hidden, num_hidden=100, name="pred")
loss = mx.sym.SoftmaxOutput(pred, mx.sym.Reshape(label, shape=(-1,)), use_ignore=True, ignore_label=0, name="softmax")
net = mx.sym.Group([loss, mx.sym.BlockGrad(rnn[1])])
""",
    "a recurrence by hand": """
weight, bias = mx.sym.Variable("w", shape=(4, 0), dtype="float32"), mx.sym.Variable("b", wd_mult=0.0)
state = mx.sym.zeros((0, 4))
steps = mx.sym.SliceChannel(mx.sym.Variable("data"), num_outputs=3, axis=1, squeeze_axis=True)
for t in range(3):
    i2h = mx.sym.FullyConnected(steps[t], weight, bias, num_hidden=4, name=f"t{t}_i2h")
    h2h = mx.sym.FullyConnected(state, num_hidden=4, name=f"t{t}_h2h")
    gate = mx.sym.sigmoid(i2h + h2h)
    state = gate * state + (1 - gate) * mx.sym.tanh(h2h - i2h / 2)
net = mx.sym.Concat(state, -state, 2 ** state, state ** 2, abs(state), state % 3, 5 % state, dim=1)
""",
    "comparisons": """
x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
net = mx.sym.Group([x == y, x != y, x > y, x >= y, x < y, x <= y, x == 1, x != 1, x > 1, x >= 1, x < 1, x <= 1, 1 < x])
""",
    "arithmetic with numbers of other kinds": """
x = mx.sym.Variable("x")
net = mx.sym.Group([x + np.float32(2), np.float32(2) * x, x - np.int64(3), 1.5 / x, x * 0.1, x ** 1e-3])
""",
    "methods": """
x = mx.sym.Variable("x")
net = mx.sym.Group([
    x.tanh(), x.sum(axis=1), x.reshape((2, 3)), x.reshape(shape=(2, -1)), x.transpose((1, 0)), x.expand_dims(axis=1),
    x.split(num_outputs=2), x.slice_axis(axis=0, begin=0, end=1), x.softmax(), x.take(x), x.clip(0, 1), x.abs(),
    x.swapaxes(0, 1), x.astype("float16"), x.astype(np.float16), x.one_hot(depth=3), x.argmax(axis=1),
    x.log_softmax(axis=1),
])
""",
    "attributes": """
with mx.AttrScope(ctx_group="one", lr_mult="0.5"):
    a = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=3)
    with mx.AttrScope(ctx_group="two"):
        b = mx.sym.Activation(a, act_type="tanh", attr={"__mood__": "so so", "wd_mult": "2"})
c = mx.sym.FullyConnected(b, num_hidden=3, lr_mult=2, name="c", attr={"__mood__": "good"})
d = mx.sym.Variable("d", attr={"free": "yes"}, shape=(2, 3), lr_mult=2, wd_mult=0.0, init=mx.init.One())
e = mx.sym.Variable("e", dtype=np.float16, init="zeros")
c._set_attr(lr_mult="3", __more__="1")
net = c + d + e
""",
    "names": """
x = mx.sym.Variable("x")
with mx.name.Prefix("a_"):
    y = mx.sym.FullyConnected(x, num_hidden=2)
    z = mx.sym.relu(y, name="z")
with mx.name.NameManager():
    w = mx.sym.FullyConnected(z, num_hidden=2) + mx.sym.FullyConnected(z, num_hidden=2)
net = mx.sym.Group([w, mx.sym.FullyConnected(w, num_hidden=2), mx.sym.stop_gradient(w), mx.sym.ElementWiseSum(w, w)])
""",
    "numbers of an input": """
x = mx.sym.Variable("x")
cut = mx.sym.split(x, num_outputs=3)
net = mx.sym.Group([cut[2], cut[0], cut, cut[0] + cut[1], mx.sym.Concat(*[part for part in cut])])
""",
    "random numbers": """
net = mx.sym.Variable("x") + mx.sym.random.uniform(0, 1, (2, 3)) + mx.sym.random.normal(shape=(2, 3), dtype="float32")
""",
    "composition": """
x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
top = mx.sym.FullyConnected(mx.sym.Variable("in"), num_hidden=3, name="top")
net = mx.sym.Group([top(**{"in": mx.sym.relu(x)}), top])
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_file(oracle: Oracle, name: str) -> None:
    theirs = oracle.build(SCRIPTS[name], ["net"])["net"]
    ours = run_here(SCRIPTS[name], ["net"])["net"]
    assert ours.tojson() == theirs.json
    assert ours.list_arguments() == theirs.arguments
    assert ours.list_outputs() == theirs.outputs
    assert ours.list_auxiliary_states() == theirs.auxiliary_states
    read = mx.sym.load_json(theirs.json)
    info = oracle.symbol_info(ours.tojson())
    for symbol in (ours, read, copy.deepcopy(ours), copy.copy(ours), pickle.loads(pickle.dumps(ours))):
        assert symbol.tojson() == theirs.json == info.json
        assert symbol.attr_dict() == info.attributes
        assert symbol.get_internals().list_outputs() == info.internals
        assert symbol.list_inputs() == [*info.arguments, *info.auxiliary_states]


UNROLLED = {
    "stacked": (
        "cells = mx.rnn.SequentialRNNCell()\n"
        "cells.add(mx.rnn.LSTMCell(5, prefix='a_'))\n"
        "cells.add(mx.rnn.DropoutCell(0.0))\n"
        "cells.add(mx.rnn.GRUCell(4, prefix='b_'))\n"
        "net, states = cells.unroll(3, mx.sym.Variable('x'), merge_outputs=True)\n"
        "net = mx.sym.Group([net, *states])"
    ),
    "fused": (
        "cell = mx.rnn.FusedRNNCell(5, num_layers=2, mode='gru', bidirectional=True, prefix='gru_')\n"
        "outputs, _ = cell.unroll(3, mx.sym.Variable('x'), merge_outputs=True)\n"
        "net = mx.sym.FullyConnected(outputs, num_hidden=2, flatten=False)"
    ),
    "in two directions": (
        "cell = mx.rnn.BidirectionalCell(mx.rnn.RNNCell(5, prefix='l_'), mx.rnn.LSTMCell(4, prefix='r_'))\n"
        "outputs, _ = cell.unroll(3, mx.sym.Variable('x'), merge_outputs=False)\n"
        "net = mx.sym.Group(outputs)"
    ),
}


@pytest.mark.parametrize("name", UNROLLED)
def test_unrolled_cells(oracle: Oracle, name: str) -> None:
    """Inner nodes may be called otherwise; names that users see, shapes and results may not differ."""
    assert_same_graph(oracle, UNROLLED[name], {"x": (2, 3, 6)})


@pytest.fixture
def dense() -> mx.sym.Symbol:
    return S.FullyConnected(V("x"), num_hidden=4, name="fc")


@pytest.fixture
def parts() -> mx.sym.Symbol:
    return S.split(V("x"), num_outputs=3, name="cut")


class TestLooking:
    """Names, outputs, insides."""

    def test_one_output(self, dense: mx.sym.Symbol) -> None:
        assert dense.name == "fc"
        assert dense.list_arguments() == ["x", "fc_weight", "fc_bias"]
        assert dense.list_outputs() == ["fc_output"]
        assert dense.list_auxiliary_states() == []
        assert repr(dense) == "<Symbol fc>"
        assert len(dense) == dense.num_outputs == 1

    def test_several_outputs(self, parts: mx.sym.Symbol) -> None:
        assert parts.name == "cut"
        assert len(parts) == 3
        assert [part.list_outputs() for part in parts] == [["cut_output0"], ["cut_output1"], ["cut_output2"]]
        assert parts["cut_output1"].list_outputs() == parts[1].list_outputs() == ["cut_output1"]
        assert parts[-1].list_outputs() == ["cut_output2"]
        assert parts[1:].list_outputs() == ["cut_output1", "cut_output2"]

    def test_a_group(self, dense: mx.sym.Symbol, parts: mx.sym.Symbol) -> None:
        group = S.Group([dense, parts])
        assert group.name is None
        assert repr(group) == "<Symbol group [fc, cut, cut, cut]>"
        assert group.list_outputs() == ["fc_output", "cut_output0", "cut_output1", "cut_output2"]
        assert group[1].name == "cut"
        assert group.attr("num_hidden") is None

    def test_insides(self, dense: mx.sym.Symbol) -> None:
        inside = dense.get_internals()
        assert inside.list_outputs() == ["x", "fc_weight", "fc_bias", "fc_output"]
        assert inside["fc_weight"].list_arguments() == ["fc_weight"]
        assert inside["fc_output"].list_arguments() == dense.list_arguments()
        children = dense.get_children()
        assert children is not None
        assert children.list_outputs() == ["x", "fc_weight", "fc_bias"]
        assert children[0].get_children() is None

    def test_one_variable_used_twice_is_one_argument(self) -> None:
        x = V("x")
        assert (x + x).list_arguments() == ["x"]
        assert (x + V("x")).list_arguments() == ["x", "x"]
        assert S.Group([x, x]).list_outputs() == ["x", "x"]

    def test_attributes(self) -> None:
        weight = V("w", lr_mult=2.0, attr={"__mood__": "good"})
        assert weight.attr("lr_mult") == weight.attr("__lr_mult__") == "2.0"
        assert weight.attr("__mood__") == "good"
        assert weight.attr("missing") is None
        dense = S.FullyConnected(V("x"), weight, num_hidden=4, name="fc")
        assert dense.list_attr() == {"num_hidden": "4"}
        assert dense.attr_dict()["w"]["lr_mult"] == "2.0"
        dense._set_attr(num_hidden="8")
        assert dense.infer_shape(x=(2, 3))[1] == [(2, 8)]

    def test_no_truth_and_no_values(self, dense: mx.sym.Symbol) -> None:
        with pytest.raises(NotImplementedError, match="no truth value"):
            bool(dense)
        assert dense in {dense: 1}

    @pytest.mark.parametrize(
        ("index", "error", "message"),
        [
            (5, IndexError, "output 5 of a symbol with 3"),
            (-4, IndexError, "output -4 of a symbol with 3"),
            ("nope", ArgumentError, "no output is called 'nope'; outputs: cut_output0, cut_output1, cut_output2"),
        ],
    )
    def test_no_such_output(self, parts: mx.sym.Symbol, index: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            parts[index]

    def test_a_name_that_two_outputs_have(self) -> None:
        with pytest.raises(ArgumentError, match="2 outputs are called 'x'"):
            S.Group([V("x"), V("x")])["x"]


class TestComposing:
    """A call of an operator, and a graph in place of a variable."""

    def test_inputs_by_position_or_name(self) -> None:
        x, w, b = V("x"), V("w"), V("b")
        expected = S.FullyConnected(x, w, b, num_hidden=3, name="fc").tojson()
        for other in (
            S.FullyConnected(x, bias=b, weight=w, num_hidden=3, name="fc"),
            S.FullyConnected(data=x, weight=w, bias=b, num_hidden=3, name="fc"),
            S.FullyConnected(x, w, b, 3, name="fc"),
            S.FullyConnected(x, w, b, num_hidden="3", name="fc"),
            S.FullyConnected(x, w, b, num_hidden=np.int64(3), name="fc"),
        ):
            assert other.tojson() == expected
        assert S.Activation(x, "relu").attr("act_type") == "relu"
        assert S.Concat([x, w], dim=0, name="c").tojson() == S.Concat(x, w, dim=0, name="c").tojson()

    def test_inputs_left_out_become_variables(self) -> None:
        assert S.SoftmaxOutput(V("x"), name="s").list_arguments() == ["x", "s_label"]
        assert S.FullyConnected(num_hidden=2, name="f").list_arguments() == ["f_data", "f_weight", "f_bias"]
        rnn = S.RNN(V("x"), state_size=2, num_layers=1, mode="gru", use_sequence_length=True, name="r")
        assert rnn.list_arguments() == ["x", "r_parameters", "r_state", "r_sequence_length"]

    def test_a_graph_in_place_of_a_variable(self, dense: mx.sym.Symbol) -> None:
        x = S.relu(V("y"), name="r")
        joined = dense(x=x)
        assert joined.list_arguments() == ["y", "fc_weight", "fc_bias"]
        assert dense.list_arguments() == ["x", "fc_weight", "fc_bias"]
        assert dense(x).tojson() == joined.tojson()
        assert dense(x, name="other").list_outputs() == ["other_output"]
        assert dense(x=x, fc_bias=V("b")).list_arguments() == ["y", "fc_weight", "b"]

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda x, cut: S.relu(cut),
                "relu: input data: expected one output, got a symbol with 3; choose one by index",
            ),
            (lambda x, cut: S.relu(3), "relu: expected Symbols as inputs, got int"),
            (lambda x, cut: S.relu(x, x), r"relu takes 1 inputs \(data\), got 2"),
            (lambda x, cut: S.relu(wrong=x), "relu: no input 'wrong' with these attributes; it has: data"),
            (lambda x, cut: S.relu(x, data=x), "relu: input data is given twice"),
            (lambda x, cut: S.FullyConnected(x), "FullyConnected: attribute num_hidden is required: an integer"),
            (lambda x, cut: S.FullyConnected(x, num_hidden="a"), "num_hidden: expected an integer; got 'a'"),
            (lambda x, cut: S.FullyConnected(x, num_hidden=3, nonsense=1), "unknown attribute 'nonsense'"),
            (
                lambda x, cut: S.FullyConnected(x, bias=x, num_hidden=3, no_bias=True),
                "no input 'bias' with these attributes; it has: data, weight",
            ),
            (lambda x, cut: S.Concat(), "Concat: expected at least one input, got none"),
            (lambda x, cut: S.Concat(x, 3), "Concat: expected Symbols as inputs, got int"),
            (lambda x, cut: S.Concat(x, cut), "Concat: input arg1: expected one output, got a symbol with 3"),
            (lambda x, cut: S.relu(x)(y=x), r"this symbol has no variables \['y'\]; it has x"),
            (lambda x, cut: S.relu(x)(x, x), "this symbol has no variables"),
            (lambda x, cut: S.relu(x)(x=cut), "x: expected a Symbol with one output to take its place"),
            (lambda x, cut: S.relu(x)(x=3), "x: expected a Symbol with one output to take its place, got 3"),
            (lambda x, cut: S.Group([]), "Group: expected a non-empty sequence of Symbols"),
            (lambda x, cut: S.Group([x, 3]), "Group: expected a non-empty sequence of Symbols"),
            (lambda x, cut: V(THREE), "Variable: name: expected a string, got int"),
            (lambda x, cut: V("w", lr=2), "Variable w: attribute 'lr': its name must begin and end with '__'"),
            (lambda x, cut: V("w", stype="csr"), "stype: only 'default' is supported, got 'csr'"),
            (lambda x, cut: S.relu(x)._set_attr(mood="good"), "relu: unknown attribute 'mood'"),
            (lambda x, cut: x._set_attr(mood=3), "attribute mood: expected a string, got int"),
            (lambda x, cut: mx.AttrScope(mood=THREE), r"AttrScope\(mood=...\): expected a string, got int"),
        ],
    )
    def test_objections(self, parts: mx.sym.Symbol, call: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            call(V("x"), parts)

    @pytest.mark.parametrize("other", [None, "text", [1], object()])
    def test_what_no_symbol_is_added_to(self, other: Any) -> None:
        with pytest.raises(TypeError):
            V("x") + other  # pyright: ignore[reportUnusedExpression]
        with pytest.raises(TypeError):
            other - V("x")  # pyright: ignore[reportUnusedExpression]

    def test_no_such_method(self) -> None:
        for name in ("nonsense", "_zeros", "uniform"):
            with pytest.raises(AttributeError, match=f"'Symbol' object has no attribute '{name}'"):
                getattr(V("x"), name)

    def test_no_such_operator(self) -> None:
        with pytest.raises(AttributeError):
            S.FullyConected  # pyright: ignore[reportAttributeAccessIssue]


class TestTypes:
    """Element types, from those of a few variables."""

    @pytest.mark.parametrize(
        ("symbol", "given"),
        [
            (S.FullyConnected(V("x"), num_hidden=4, name="fc"), {"x": "float64"}),
            (S.FullyConnected(V("x"), num_hidden=4, name="fc"), {"fc_weight": "float16"}),
            (S.Cast(V("x"), dtype="int32"), {"x": "float32"}),
            (S.Embedding(V("x"), input_dim=2, output_dim=3), {"x": "int32"}),
            (S.Embedding(V("x"), input_dim=2, output_dim=3, dtype="float16"), {"x": "int32"}),
            (S.one_hot(V("x"), depth=3), {"x": "int32"}),
            (S.argmax(V("x"), axis=1), {"x": "float64"}),
            (S.SequenceMask(V("x"), V("l"), use_sequence_length=True), {"x": "float16"}),
            (S.RNN(V("x"), V("p"), V("s"), state_size=3, num_layers=1, mode="gru"), {"x": "float64"}),
            (S.SoftmaxOutput(V("x"), name="s"), {"x": "float64"}),
            (S.zeros((2,), dtype="float64") * 2, {}),
            (S.Group([V("x"), S.relu(V("x"))]), {"x": "float64"}),
            (V("x", dtype="float16") + V("y"), {}),
        ],
    )
    def test_as_real_mxnet(self, oracle: Oracle, symbol: mx.sym.Symbol, given: dict[str, str]) -> None:
        source = (
            "found = mx.sym.load_json(json).infer_type(**given)\n"
            "found = [[np.dtype(kind).name for kind in kinds] for kinds in found]"
        )
        theirs = oracle.build(source, ["found"], {"json": symbol.tojson(), "given": given})["found"]
        assert [[np.dtype(kind).name for kind in kinds] for kinds in symbol.infer_type(**given)] == theirs

    def test_in_order(self) -> None:
        symbol = V("x") + V("y")
        assert symbol.infer_type("float64") == ([np.float64, np.float64], [np.float64], [])
        assert symbol.infer_type(np.float16) == symbol.infer_type(x=np.float16)


class TestFiles:
    """There and back, and what is no graph."""

    def test_save_and_load(self, tmp_path, dense: mx.sym.Symbol) -> None:
        path = tmp_path / "a-symbol.json"
        dense.save(path)
        assert path.read_text() == dense.tojson()
        assert mx.sym.load(str(path)).tojson() == dense.tojson()
        assert mx.sym.fromjson(path.read_text()).tojson() == dense.tojson()

    def test_a_copy_is_its_own(self, dense: mx.sym.Symbol) -> None:
        other = copy.deepcopy(dense)
        other._set_attr(num_hidden="9")
        assert dense.attr("num_hidden") == "4"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                ("FullyConnected", "FullyConected"),
                "unknown operator 'FullyConected'; the nearest known one is FullyConnected",
            ),
            (('"num_hidden": "4"', '"num_hidden": "four"'), "num_hidden: expected an integer; got 'four'"),
            (('"num_hidden": "4"', '"units": "4"'), "unknown attribute 'units'"),
            (
                ("[0, 0, 0], [1, 0, 0], [2, 0, 0]", "[0, 0, 0], [1, 0, 0]"),
                "inputs: expected 3 for FullyConnected, got 2",
            ),
            (('"heads": [[3, 0, 0]]', '"heads": [[3, 1, 0]]'), "output index: expected below 1 for fc, got 1"),
        ],
    )
    def test_broken_graphs(self, dense: mx.sym.Symbol, change: tuple[str, str], message: str) -> None:
        assert change[0] in dense.tojson()
        with pytest.raises(MXNetError, match=message):
            mx.sym.load_json(dense.tojson().replace(*change))

    @pytest.mark.parametrize("text", ["", "{}", "[]", "not json", "null"])
    def test_what_is_no_graph(self, text: str) -> None:
        with pytest.raises(FormatError):
            mx.sym.load_json(text)


def test_a_deep_graph() -> None:
    net = V("x")
    for _ in range(5000):
        net = net + 1
    for same in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net(x=V("x"))):
        assert len(same.get_internals().list_outputs()) == 5001
    assert net.infer_shape(x=(2, 3))[1] == [(2, 3)]
