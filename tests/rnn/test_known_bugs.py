"""What MXNet's symbolic cells got wrong and no other test here holds, each under the project's number for it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from rennet.base import ArgumentError, ShapeError
from rennet.rnn import BidirectionalCell, DropoutCell, GRUCell, LSTMCell, ResidualCell, RNNCell, SequentialRNNCell
from same_script import random_arguments, results


def stack(*cells: Any) -> SequentialRNNCell:
    made = SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


def test_t05_a_reset_reaches_every_child() -> None:
    """Stepping after a reset is a fresh unroll, names included."""
    cell = stack(LSTMCell(3, prefix="a_"), stack(ResidualCell(GRUCell(3, prefix="b_")), DropoutCell(0.0)))
    x = [mx.sym.Variable(f"x{t}") for t in range(2)]
    cell.unroll(2, x)
    cell.reset()
    states: Any = cell.begin_state()
    outputs = []
    for step in x:
        output, states = cell(step, states)
        outputs.append(output)
    stepped, unrolled = mx.sym.Group(outputs), mx.sym.Group(cell.unroll(2, x, merge_outputs=False)[0])
    assert stepped.list_outputs() == unrolled.list_outputs()
    assert stepped.list_arguments() == unrolled.list_arguments()
    args = random_arguments(unrolled, x0=(2, 3), x1=(2, 3))
    assert_all_close(results(stepped, args), results(unrolled, args), 0, "output")


def test_t08_padding_may_be_embedded_and_is_no_loss() -> None:
    """The default, -1, stands in data and labels; Embedding takes it for the nearest word, the loss leaves it out."""
    batches = mx.rnn.BucketSentenceIter([[1, 2, 3], [2, 1]] * 2, 2, [4], seed=0)
    data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
    embedded = mx.sym.Embedding(data, input_dim=4, output_dim=3, name="embed")
    outputs, _ = LSTMCell(3).unroll(4, embedded, merge_outputs=True)
    scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, 3)), num_hidden=4, name="pred")
    loss = mx.sym.SoftmaxOutput(
        scores, mx.sym.Reshape(label, shape=(-1,)), use_ignore=True, ignore_label=-1, name="softmax"
    )
    module = mx.mod.Module(loss, ["data"], ["softmax_label"])
    metric = mx.metric.Perplexity(ignore_label=-1)
    module.fit(batches, eval_metric=metric, num_epoch=1)
    assert np.isfinite(metric.get()[1])


@pytest.mark.parametrize("mode", ["lstm", "gru"])
def test_t13_t15_many_epochs_of_a_bidirectional_fused_cell(mode: str) -> None:
    """With dropout, which lies between its layers."""
    cell = mx.rnn.FusedRNNCell(8, 2, mode, bidirectional=True, dropout=0.3)
    outputs, _ = cell.unroll(6, mx.sym.Variable("data"), merge_outputs=True)
    net = mx.sym.LinearRegressionOutput(mx.sym.mean(outputs, axis=(1, 2)), mx.sym.Variable("label"), name="out")
    rng = np.random.default_rng(0)
    data = rng.normal(size=(32, 6, 3))
    batches = mx.io.NDArrayIter(data, data.mean(axis=(1, 2)), batch_size=8, label_name="label")
    module = mx.mod.Module(net, ["data"], ["label"])
    losses: list[float] = []

    def note(*_: Any) -> None:
        losses.append(module.score(batches, "mse")[0][1])

    module.fit(batches, eval_metric="mse", num_epoch=40, optimizer="adam", epoch_end_callback=note)
    assert losses[-1] < losses[0] / 3


def test_t22_a_decoder_begins_where_both_directions_ended() -> None:
    encoder = BidirectionalCell(LSTMCell(2, prefix="l_"), LSTMCell(3, prefix="r_"))
    _, states = encoder.unroll(3, mx.sym.Variable("x"))
    merged = encoder.merge_states(states)
    assert len(merged) == 2
    decoded, _ = LSTMCell(5, prefix="d_").unroll(2, mx.sym.Variable("y"), begin_state=merged, merge_outputs=True)
    net = mx.sym.Group([*merged, *states[0], *states[1], decoded])
    args = random_arguments(net, x=(2, 3, 4), y=(2, 2, 4))
    hidden, memory, lh, lc, rh, rc, _ = results(net, args)
    assert_close(hidden, np.concatenate([lh, rh], 1), 0, "hidden state")
    assert_close(memory, np.concatenate([lc, rc], 1), 0, "cell state")
    uneven = BidirectionalCell(LSTMCell(2, prefix="l_"), GRUCell(2, prefix="r_"))
    with pytest.raises(ArgumentError, match="as many states as each other, got 2 and 1"):
        uneven.merge_states(uneven.unroll(3, mx.sym.Variable("x"))[1])


@pytest.mark.parametrize("mode", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
def test_t23_the_fused_cell_returns_the_states_that_it_was_asked_for(mode: str) -> None:
    """All that its `state_info` names, or none; a step always returns them."""
    cell = mx.rnn.FusedRNNCell(3, 2, mode, bidirectional=True, get_next_state=True)
    _, states = cell.unroll(2, mx.sym.Variable("x"))
    shapes = mx.sym.Group(states).infer_shape(x=(5, 2, 4))[1]
    assert [(shape[0], 0, shape[2]) for shape in shapes] == cell.state_shape
    assert mx.rnn.FusedRNNCell(3, 2, mode).unroll(2, mx.sym.Variable("x"))[1] == []
    step = mx.rnn.FusedRNNCell(3, 2, mode)
    assert len(step(mx.sym.Variable("x"), step.begin_state())[1]) == len(cell.state_shape)


def test_prefixes_that_clash() -> None:
    """Two cells of one prefix are refused, as in MXNet; in a file such names are one parameter (T52)."""

    def net(*cells: Any) -> mx.sym.Symbol:
        return stack(*cells).unroll(2, mx.sym.Variable("x"), merge_outputs=True)[0]

    def bound(*cells: Any) -> Any:
        return net(*cells).simple_bind(mx.cpu(), x=(2, 2, 4))

    with pytest.raises(
        ShapeError, match=r"lstm_i2h_weight would be of shapes \(20, 4\) and \(16, 5\). Cells of one kind"
    ):
        bound(LSTMCell(5), LSTMCell(4))
    clash = net(LSTMCell(4), LSTMCell(4))
    message = "several variables are called lstm_h2h_bias, lstm_h2h_weight, .*prefixes of their own"
    with pytest.raises(ArgumentError, match=message):
        clash.simple_bind(mx.cpu(), x=(2, 2, 4))
    with pytest.raises(ArgumentError, match=message):
        mx.mod.Module(clash, ["x"], None).bind([("x", (2, 2, 4))])
    loaded = mx.sym.load_json(clash.tojson())
    assert len(loaded.simple_bind(mx.cpu(), x=(2, 2, 4)).arg_dict) == 5
    for one, other in ((loaded, LSTMCell(4)), (LSTMCell(4), loaded)):  # what is added to it has no such excuse
        parts = [
            part if isinstance(part, mx.sym.Symbol) else part.unroll(2, mx.sym.Variable("y"), merge_outputs=True)[0]
            for part in (one, other)
        ]
        with pytest.raises(ArgumentError, match="several variables are called lstm_h2h_bias"):
            mx.sym.Group(parts).simple_bind(mx.cpu(), x=(2, 2, 4), y=(2, 2, 4))
    first = LSTMCell(4)
    assert len(bound(first, LSTMCell(4, params=first.params)).arg_dict) == 5


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell, GRUCell])
def test_t27_both_layouts_are_one_transposed(cell: Any) -> None:
    """With begin states of which only the batch's rows are known to differ from the steps."""
    nets = [
        cell(3, prefix="c_").unroll(4, mx.sym.Variable("x"), layout=layout, merge_outputs=True)[0]
        for layout in ("NTC", "TNC")
    ]
    args = random_arguments(nets[0], x=(2, 4, 5))
    (ntc,) = results(nets[0], args)
    (tnc,) = results(nets[1], {**args, "x": args["x"].swapaxes(0, 1)})
    assert_close(tnc.swapaxes(0, 1), ntc, 1e-6, "output")


def test_t52_names_that_stand_twice_in_an_old_file() -> None:
    """Steps whose inner nodes all had one name, as versions before 1.3 wrote them."""
    outputs, _ = LSTMCell(3).unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    args = random_arguments(outputs, x=(2, 3, 4))
    graph = json.loads(outputs.tojson())
    renamed = 0
    for node in graph["nodes"]:
        if node["op"] not in ("null", "Concat") and "_t" in node["name"]:
            node["name"] = "lstm_" + node["name"].split("_")[-1]
            renamed += 1
    assert renamed > 9
    old = mx.sym.load_json(json.dumps(graph))
    assert old.list_arguments() == outputs.list_arguments()
    assert_all_close(results(old, args), results(outputs, args), 0, "output")


def test_t56_no_size_means_unknown_once_it_is_known() -> None:
    """A batch of 0 stands for an unknown one in a begin state; an executor's arrays have the real one."""
    outputs, states = LSTMCell(3).unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    net = mx.sym.Group([outputs, *states])
    assert net.infer_shape_partial(x=(0, 2, 4))[1] == [(0, 2, 3), (0, 3), (0, 3)]
    for batch in (1, 5):
        executor = net.simple_bind(mx.cpu(), x=(batch, 2, 4))
        assert [each.shape for each in executor.forward()] == [(batch, 2, 3), (batch, 3), (batch, 3)]


def test_t57_states_carry_over_between_batches_and_no_gradient_does() -> None:
    """Truncated backpropagation: a module's states are set to where the batch before ended."""
    cell = LSTMCell(4)
    begin = cell.begin_state(func=mx.sym.Variable)
    outputs, states = cell.unroll(3, mx.sym.Variable("data"), begin_state=begin, merge_outputs=True)
    loss = mx.sym.MakeLoss(mx.sym.mean(outputs))
    net = mx.sym.Group([loss, *map(mx.sym.BlockGrad, states)])
    names = [state.name for state in begin]
    module = mx.mod.Module(net, ["data"], None, state_names=names)
    module.bind([("data", (2, 3, 5))])
    module.init_params(mx.init.Uniform(0.5))
    module.set_states(value=0)
    rng = np.random.default_rng(0)
    long = rng.normal(size=(2, 6, 5)).astype("f")
    weights = {name: value.asnumpy() for name, value in module.get_params()[0].items()}
    for part in (long[:, :3], long[:, 3:]):
        module.forward_backward(mx.io.DataBatch([mx.nd.array(part)]))
        ends = module.get_outputs(merge_multi_context=False)[1:]
        module.set_states(states=ends)
    whole, final = cell.unroll(6, mx.sym.Variable("data"), merge_outputs=True)
    expected = results(mx.sym.Group(final), {**weights, "data": long})
    for ours, theirs in zip(module.get_outputs()[1:], expected, strict=True):
        assert_close(ours, theirs, 1e-5, "state after both halves")
    assert whole.list_arguments()


# what a user may get wrong


@pytest.mark.parametrize("layout", ["NCT", "CTN", "NT", None, "TT"])
def test_a_wrong_layout(layout: Any) -> None:
    for cell in (mx.rnn.FusedRNNCell(3), LSTMCell(3)):
        if cell.__class__ is LSTMCell and layout in ("NCT", "CTN", "NT"):
            continue  # a step may have any axes behind the batch
        with pytest.raises(ArgumentError, match="layout: expected"):
            cell.unroll(4, mx.sym.Variable("x"), layout=layout)


def test_an_array_is_no_symbol() -> None:
    array, x = mx.nd.ones((2, 3)), mx.sym.Variable("x")
    for call, message in (
        (lambda: mx.sym.FullyConnected(array, num_hidden=2), "expected Symbols as inputs, got NDArray"),
        (lambda: mx.sym.FullyConnected(data=array, num_hidden=2), "input data: expected a Symbol, got NDArray"),
        (lambda: mx.sym.FullyConnected(x, 2, num_hidden=3), "attribute num_hidden is given twice, by name and as 2"),
        (lambda: LSTMCell(3).unroll(3, mx.nd.ones((2, 3, 4))), "expected Symbols as inputs, got NDArray"),
        (lambda: LSTMCell(3)(x, [array, array]), "input data: expected a Symbol, got NDArray"),
        (lambda: LSTMCell(3).unroll(2, ["a", "b"]), "input data: expected a Symbol, got str"),
    ):
        with pytest.raises(ArgumentError, match=message):
            call()


@pytest.mark.parametrize("size", [0, -3, "3", 2.0, None, True])
@pytest.mark.parametrize("cell", [RNNCell, LSTMCell, GRUCell, mx.rnn.FusedRNNCell])
def test_units_that_are_no_number_of_units(cell: Any, size: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{cell.__name__}: num_hidden: expected a whole number of at least 1"):
        cell(size)


def test_weights_that_do_not_fit() -> None:
    cell = LSTMCell(3)
    shapes = {"i2h_weight": (12, 2), "h2h_weight": (12, 3), "i2h_bias": (12,), "h2h_bias": (12,)}
    whole = {f"lstm_{name}": mx.nd.ones(shape) for name, shape in shapes.items()}
    with pytest.raises(
        ShapeError, match=r"lstm_i2h_weight: expected 12 rows, num_hidden=3 for each of 4 gates; got.*\(13, 2\)"
    ):
        cell.unpack_weights({**whole, "lstm_i2h_weight": mx.nd.ones((13, 2))})
    parts = cell.unpack_weights(whole)
    with pytest.raises(ShapeError, match=r"lstm_i2h_f_weight: expected shape \(3, 2\) as lstm_i2h_i_weight has"):
        cell.pack_weights({**parts, "lstm_i2h_f_weight": mx.nd.ones((3, 5))})
    three, two = (mx.rnn.FusedRNNCell(4, num_layers=layers, mode="gru", prefix="g_") for layers in (3, 2))
    unpacked = three.unpack_weights({"g_parameters": mx.nd.ones((three._layout.size(5),))})
    with pytest.raises(ArgumentError, match=r"has no place for g_l2_h2h_o_bias, .* and more; were they trained with"):
        two.pack_weights(unpacked)


def test_of_two_forms_of_a_weight_the_one_to_be_converted_counts() -> None:
    """As in MXNet; what was converted does not stay beside the result."""
    cell = GRUCell(1, prefix="g_")
    whole = {f"g_{group}_{kind}": mx.nd.ones((3, 1)) for group in ("i2h", "h2h") for kind in ("weight", "bias")}
    stale = {name: value * 5 for name, value in cell.unpack_weights(whole).items()}
    packed = cell.pack_weights({**stale, **whole})
    assert sorted(packed) == sorted(whole)
    assert packed["g_i2h_weight"].asnumpy().tolist() == [[5], [5], [5]]
    unpacked = cell.unpack_weights({**stale, **{name: value * 7 for name, value in whole.items()}})
    assert sorted(unpacked) == sorted(stale)
    assert unpacked["g_i2h_r_weight"].asnumpy().tolist() == [[7]]
    fused = mx.rnn.FusedRNNCell(2, mode="rnn_tanh", prefix="f_")
    vector = {"f_parameters": mx.nd.ones((fused._layout.size(2),))}
    both = {**fused.unpack_weights(vector), "f_parameters": vector["f_parameters"] * 3}
    assert fused.pack_weights(both)["f_parameters"].asnumpy().tolist() == vector["f_parameters"].asnumpy().tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, got 0"),
        ({"batch_size": "2"}, "batch_size: expected a whole number of at least 1, got '2'"),
        ({"buckets": ["3"]}, r"buckets: expected lengths of at least 1, got \['3'\]"),
        ({"buckets": [-3, 2]}, r"buckets: expected lengths of at least 1, got \[-3, 2\]"),
    ],
)
def test_batches_of_no_size(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"BucketSentenceIter: {message}"):
        mx.rnn.BucketSentenceIter(**{"sentences": [[1, 2]] * 4, "batch_size": 2, **given})


def test_buckets_in_an_array() -> None:
    sizes: Any = np.array([5, 3])
    assert mx.rnn.BucketSentenceIter([[1, 2]] * 4, 2, buckets=sizes).buckets == [3]
