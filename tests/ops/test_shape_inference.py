"""Shapes, forwards and backwards: what real MXNet infers in small graphs, and what only we do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle, OracleError
from rennet._ops.inference import complete, from_public, to_public, unify
from rennet.base import ShapeError

S, V = mx.sym, mx.sym.Variable
Given = dict[str, tuple[int, ...]]

pytestmark = pytest.mark.filterwarnings("ignore:Cannot decide shape")


def _dense_graphs() -> Iterator[tuple[str, Any, list[Given]]]:
    x, y, label = V("x"), V("y"), V("l")
    dense = S.FullyConnected(x, num_hidden=4, name="fc")
    yield "weights from data", dense, [{"x": (2, 3)}, {"x": (0, 3)}, {"x": (2, 3, 5)}, {"fc_weight": (4, 7)}, {}]
    last = S.FullyConnected(x, num_hidden=4, name="fc", flatten=False)
    yield "along the last axis", last, [{"x": (2, 3, 5)}, {"x": (2, 0, 5)}, {"x": (0, 0, 5)}, {"x": (2, 3, 0)}]
    yield "the batch from a sum", dense + y, [{"y": (2, 4)}, {"x": (0, 3), "y": (2, 4)}, {"x": (2, 3)}]
    for name, switch in (
        ("plain", {}),
        ("preserve_shape", {"preserve_shape": True}),
        ("multi_output", {"multi_output": True}),
    ):
        loss = S.SoftmaxOutput(x, label, name="so", **switch)
        shapes = [{"x": (2, 3)}, {"x": (2, 3, 4)}, {"x": (0, 3)}, {"x": (0, 3), "l": (2,)}, {"x": (2, 3, 4, 5)}]
        yield f"labels, {name}", loss, [*shapes, {"x": (0, 3, 4)}, {"l": (2,)}]
    yield "labels over a layer", S.SoftmaxOutput(dense, label, name="so"), [{"x": (2, 3)}, {"x": (0, 3), "l": (2,)}]
    rows = S.Embedding(x, input_dim=10, output_dim=4, name="em")
    yield "embedding", rows, [{"x": (2, 3)}, {"x": (0, 3)}, {"x": (2,)}, {}]
    yield "embedding in a sum", rows + y, [{"y": (2, 3, 4)}, {"x": (2, 0), "y": (0, 3, 0)}]
    slopes = S.LeakyReLU(x, act_type="prelu", name="a")
    yield "slopes", slopes, [{"x": (2, 3)}, {"x": (2, 3, 4)}, {"x": (0, 3)}]
    group = S.Group([dense, S.Activation(x, act_type="relu")])
    yield "a group", group, [{"x": (2, 3)}]


def _recurrent_graphs() -> Iterator[tuple[str, Any, list[Given]]]:
    x, vector = V("x"), V("p")
    begin = S.FullyConnected(S.zeros((0, 5)), num_hidden=5, name="h2h") + S.FullyConnected(x, num_hidden=5, name="i2h")
    yield "a begin state", begin, [{"x": (2, 3)}, {"x": (0, 3)}, {"h2h_weight": (5, 5)}, {}]
    options = {"state_size": 5, "name": "r"}
    fused = S.RNN(x, vector, S.zeros((2, 0, 5)), num_layers=2, mode="gru", **options)
    yield "a fused begin state", fused, [{"x": (4, 3, 6)}, {"x": (4, 0, 6)}, {"x": (0, 3, 6)}]
    both = S.RNN(
        x, vector, V("s"), V("c"), num_layers=1, mode="lstm", state_outputs=True, bidirectional=True, **options
    )
    yield "fused states", both, [{"x": (4, 3, 6)}, {"s": (2, 3, 5)}, {"x": (4, 0, 6), "c": (2, 3, 5)}]
    inner = S.RNN(S.SwapAxis(x, dim1=0, dim2=1), vector, S.zeros((1, 0, 5)), num_layers=1, mode="rnn_tanh", **options)
    yield "batch first", S.SwapAxis(inner, dim1=0, dim2=1), [{"x": (3, 4, 6)}, {"x": (0, 4, 6)}]
    projected = S.RNN(
        x, vector, S.zeros((2, 0, 3)), S.zeros((2, 0, 5)), num_layers=2, mode="lstm", projection_size=3, **options
    )
    yield "projected", projected, [{"x": (4, 3, 6)}, {"x": (4, 0, 6)}]
    for name in ("SequenceMask", "SequenceLast", "SequenceReverse"):
        masked = getattr(S, name)(x, V("l"), use_sequence_length=True)
        yield name, masked, [{"x": (4, 3, 2)}, {"x": (0, 3, 2)}, {"x": (4, 0, 2), "l": (3,)}]


def _shaping_graphs() -> Iterator[tuple[str, Any, list[Given]]]:
    x, y, w = V("x"), V("y"), V("w")
    for codes in ((-1,), (0, -1), (-1, 6), (0, 0, -1), (-3, 0), (0, -2), (-2, 1), (0, -4, 2, -1, 0), (2, 3, -1)):
        shapes = [{"x": (2, 6, 5)}, {"x": (0, 6, 5)}, {"x": (2, 0, 5)}, {"x": (2, 6, 0)}, {}]
        yield f"Reshape {codes}", S.Reshape(x, shape=codes), shapes
    flat = S.Reshape(x, shape=(-1, 5)) + y
    yield "the batch through Reshape", flat, [{"x": (0, 6, 5), "y": (12, 5)}, {"x": (2, 6, 5)}, {"y": (12, 5)}]
    back = S.Reshape(x, shape=(-1, 0), reverse=True)
    yield "Reshape from the right", back, [{"x": (2, 6, 5)}, {"x": (0, 6, 5)}]
    joined = S.Concat(x, y, dim=1)
    yield "Concat", joined, [{"x": (2, 3), "y": (2, 4)}, {"x": (2, 3), "y": (0, 4)}, {"x": (0, 3), "y": (0, 4)}]
    yield "Concat along the last axis", S.Concat(x, y, dim=-1), [{"x": (2, 3, 4), "y": (2, 3, 5)}]
    parts = S.SliceChannel(x, num_outputs=3, axis=1)
    yield "SliceChannel", parts, [{"x": (2, 6)}, {"x": (0, 6)}]
    yield "a part in a sum", parts[0] + y, [{"y": (2, 2)}, {"x": (0, 6), "y": (2, 0)}]
    steps = S.SliceChannel(x, num_outputs=3, axis=1, squeeze_axis=True)
    yield "SliceChannel, squeezed", steps, [{"x": (2, 3, 4)}, {"x": (0, 3, 4)}]
    yield "a step in a product", steps[1] * y, [{"y": (2, 5)}, {"x": (0, 3, 5), "y": (2, 0)}]
    turned = S.transpose(x, axes=(1, 0, 2)) * y
    yield "transpose", turned, [{"x": (2, 3, 4)}, {"y": (3, 2, 4)}, {"x": (2, 0, 4), "y": (3, 0, 0)}, {}]
    yield "transpose, reversed", S.transpose(x), [{"x": (2, 3, 4)}, {"x": (2, 0, 4)}]
    wider = S.expand_dims(x, axis=1) + y
    yield "expand_dims", wider, [{"x": (2, 3)}, {"y": (2, 1, 3)}, {"x": (0, 3), "y": (2, 1, 0)}]
    yield "stack", S.stack(x, y, axis=1), [{"x": (2, 3), "y": (2, 3)}, {"x": (2, 3)}, {"x": (0, 3), "y": (2, 0)}]
    swapped = S.SwapAxis(x, dim1=0, dim2=1) + y
    yield "SwapAxis", swapped, [{"x": (2, 3, 4)}, {"y": (3, 2, 4)}, {"x": (0, 3, 4), "y": (3, 2, 0)}]
    yield "Flatten", S.Flatten(x), [{"x": (2, 3, 4)}, {"x": (0, 3, 4)}, {"x": (2, 0, 4)}]
    yield "slice_axis", S.slice_axis(x, axis=1, begin=0, end=2), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "tile", S.tile(x, reps=(2, 1)), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "squeeze", S.squeeze(x, axis=1), [{"x": (2, 1, 3)}, {"x": (0, 1, 3)}]
    yield "squeeze to one element", S.squeeze(x), [{"x": (1, 1)}]
    yield "broadcast_to", S.broadcast_to(x, shape=(2, 0, 4)), [{"x": (1, 3, 4)}, {"x": (1, 0, 4)}]
    yield "add_n", S.add_n(x, y, w), [{"w": (2, 3)}, {"x": (0, 3), "y": (2, 0)}]


def _other_graphs() -> Iterator[tuple[str, Any, list[Given]]]:
    x, y, c = V("x"), V("y"), V("c")
    yield "zeros in a sum", S.zeros((0, 3)) + x, [{"x": (2, 3)}, {"x": (2, 0)}, {}]
    yield "ones of nothing known", S.ones((0, 0)) * x, [{"x": (2, 3)}, {}]
    yield "declared", S.FullyConnected(V("d", shape=(2, 3)), num_hidden=2, name="q"), [{}, {"d": (0, 3)}]
    yield "declared in part", S.FullyConnected(V("d", shape=(0, 3)), num_hidden=2, name="q"), [{}, {"d": (5, 3)}]
    yield "numbers", (x * 2 + 1) - y, [{"y": (2, 3)}, {"x": (0, 3)}]
    yield "Activation", S.Activation(x, act_type="tanh") * y, [{"y": (2, 3)}, {"x": (2, 3)}]
    yield "Dropout", S.Dropout(x) + y, [{"y": (2, 3)}, {"x": (2, 3)}]
    yield "Cast", S.Cast(x, dtype="float16") + y, [{"y": (2, 3)}]
    yield "zeros_like", S.zeros_like(x) + y, [{"y": (2, 3)}]
    yield "where", S.where(c, x, y), [{"c": (2,), "x": (2, 3)}, {"y": (2, 3), "c": (2, 3)}]
    yield "broadcast", S.broadcast_add(x, y), [{"x": (2, 3), "y": (1, 3)}, {"x": (0, 3), "y": (1, 3)}, {"x": (2, 3)}]
    yield "sum", S.sum(x, axis=1), [{"x": (2, 3)}, {"x": (0, 3)}, {"x": (2, 0)}]
    yield "sum, kept", S.sum(x, axis=1, keepdims=True), [{"x": (0, 3)}, {"x": (2, 0)}]
    yield "mean", S.mean(x), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "dot", S.dot(x, y), [{"x": (2, 3), "y": (3, 4)}, {"x": (0, 3), "y": (3, 4)}, {"x": (2, 3)}]
    yield "batch_dot", S.batch_dot(x, y), [{"x": (5, 2, 3), "y": (5, 3, 4)}]
    yield "take", S.take(x, y), [{"x": (5, 2), "y": (3,)}, {"x": (5, 2), "y": (0,)}]
    yield "take, checked", S.take(x, y, mode="raise"), [{"x": (5, 2), "y": (3,)}]
    yield "pick", S.pick(x, y, axis=1), [{"x": (5, 2), "y": (5,)}, {"x": (5, 2)}]
    yield "pick, kept", S.pick(x, y, axis=1, keepdims=True), [{"x": (5, 2)}]
    yield "one_hot", S.one_hot(x, depth=4), [{"x": (5, 2)}, {"x": (0, 2)}]
    yield "arange", S.arange(5) + y, [{}, {"y": (5,)}]


def _convolutional_graphs() -> Iterator[tuple[str, Any, list[Given]]]:
    x, y = V("x"), V("y")
    plain = S.Convolution(x, kernel=(3, 2), num_filter=6, name="cv")
    yield "kernels from data", plain, [{"x": (2, 4, 5, 6)}, {"x": (0, 4, 5, 6)}, {"x": (2, 4, 0, 6)}, {}]
    grouped = S.Convolution(x, kernel=(3,), num_filter=6, num_group=2, pad=(1,), no_bias=True, name="cv")
    yield "grouped kernels", grouped, [{"x": (2, 4, 5)}, {"x": (0, 4, 5)}]
    begin = S.Convolution(S.zeros((0, 5, 8, 0)), kernel=(3, 3), pad=(1, 1), num_filter=6, name="h2h")
    state = S.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=6, name="i2h") + begin
    yield "a begin state of images", state, [{"x": (2, 3, 8, 7)}, {"x": (0, 3, 8, 7)}]
    stepped = S.Convolution(x, kernel=(3,), stride=(2,), dilate=(2,), num_filter=6, name="cv") + y
    yield "LayerNorm", S.LayerNorm(x, name="ln"), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "InstanceNorm", S.InstanceNorm(x, name="in"), [{"x": (2, 3, 4)}]
    yield "regression", S.LinearRegressionOutput(x, V("l")), [{"x": (2, 3)}, {"x": (2, 1)}, {"x": (2,)}]
    yield "Pooling", S.Pooling(x, kernel=(2, 2), stride=(2, 2)), [{"x": (2, 3, 5, 6)}, {"x": (0, 3, 5, 6)}]
    yield "CTCLoss", S.ctc_loss(x, V("l")), [{"x": (4, 2, 5), "l": (2, 3)}]
    yield "slice", S.slice(x, begin=(0, 1), end=(None, 3)), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "topk", S.topk(x, k=2, ret_typ="both"), [{"x": (2, 3)}, {"x": (0, 3)}]
    yield "a stepped kernel", stepped, [{"x": (2, 4, 10)}, {"x": (0, 4, 10), "y": (2, 6, 0)}, {"x": (2, 4, 0)}]


GRAPHS = [
    pytest.param(symbol, given, id=f"{name}, {given}")
    for graphs in (_dense_graphs, _recurrent_graphs, _shaping_graphs, _other_graphs, _convolutional_graphs)
    for name, symbol, shapes in graphs()
    for given in shapes
]


def _knows(ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Is everything that they know known to us, and the same."""
    known = theirs == () or len(ours) == len(theirs)
    return known and all(their in (0, our) for our, their in zip(ours, theirs, strict=False))


@pytest.mark.parametrize(("symbol", "given"), GRAPHS)
def test_what_mxnet_infers_we_infer(oracle: Oracle, symbol: Any, given: Given) -> None:
    json = symbol.tojson()
    try:
        theirs = oracle.symbol_info(json, given, partial=True)
    except OracleError:
        pytest.skip("real MXNet objects to such partly known shapes")
    assert theirs.argument_shapes is not None
    assert theirs.output_shapes is not None
    arguments, outputs, _ = symbol.infer_shape_partial(**given)
    for kind, ours, expected in (
        ("argument", arguments, theirs.argument_shapes),
        ("output", outputs, theirs.output_shapes),
    ):
        for our, their in zip(ours, expected, strict=True):
            assert _knows(our, their), f"{kind}s: expected {expected}, got {ours}"
    whole = oracle.symbol_info(json, given)
    if whole.argument_shapes is not None:
        assert symbol.infer_shape(**given)[:2] == (whole.argument_shapes, whole.output_shapes)


@pytest.mark.parametrize(
    ("symbol", "given", "arguments", "outputs"),
    [
        pytest.param(
            S.RNN(V("x"), V("p"), V("s"), state_size=5, num_layers=1, mode="gru"),
            {"x": (4, 0, 6), "s": (1, 3, 5)},
            [(4, 3, 6), (195,), (1, 3, 5)],
            [(4, 3, 5)],
            id="the batch from a state",
        ),
        pytest.param(
            S.SliceChannel(V("x"), num_outputs=3, axis=1)[0] + V("y"),
            {"y": (2, 2)},
            [(2, 6), (2, 2)],
            [(2, 2)],
            id="the whole from a part",
        ),
        pytest.param(
            S.Embedding(V("x"), input_dim=10, output_dim=4, name="em") + V("y"),
            {"y": (2, 3, 4)},
            [(2, 3), (10, 4), (2, 3, 4)],
            [(2, 3, 4)],
            id="numbers from rows",
        ),
        pytest.param(
            S.Concat(V("x"), V("y"), dim=0) + V("w"),
            {"x": (2, 3), "w": (5, 3)},
            [(2, 3), (3, 3), (5, 3)],
            [(5, 3)],
            id="the part that is left",
        ),
        pytest.param(
            S.FullyConnected(V("x"), num_hidden=4, flatten=False, name="fc"),
            {"x": (2, 3, 0), "fc_weight": (4, 5)},
            [(2, 3, 5), (4, 5), (4,)],
            [(2, 3, 4)],
            id="data from weights",
        ),
        pytest.param(
            S.Dropout(V("x")) + V("y"), {"x": (0, 3), "y": (2, 0)}, [(2, 3), (2, 3)], [(2, 3)], id="through Dropout"
        ),
    ],
)
def test_what_only_we_infer(symbol: Any, given: Given, arguments: list[Any], outputs: list[Any]) -> None:
    assert symbol.infer_shape(**given)[:2] == (arguments, outputs)


@pytest.mark.parametrize(
    ("symbol", "given", "message"),
    [
        (
            V("x") + S.relu(V("y"), name="r"),
            {"x": (2, 3), "y": (4, 3)},
            r"Error in operator _plus\d+ \(elemwise_add\): shapes \(2, 3\) and \(4, 3\) contradict each other",
        ),
        (
            S.FullyConnected(V("x"), num_hidden=4, name="fc"),
            {"x": (2, 3), "fc_weight": (4, 5)},
            r"operator fc \(FullyConnected\): shapes \(4, 5\) and \(4, 3\) contradict",
        ),
        (
            S.FullyConnected(V("x"), num_hidden=4, name="fc"),
            {"x": (2, 3), "fc_bias": (5,)},
            r"operator fc \(FullyConnected\): shapes \(5,\) and \(4,\)",
        ),
        (
            S.Reshape(V("x"), shape=(2, 4), name="re"),
            {"x": (2, 3)},
            r"operator re \(Reshape\): .*6 elements cannot become",
        ),
        (S.Concat(V("x"), V("y"), dim=1, name="cat"), {"x": (2, 3), "y": (3, 3)}, r"operator cat \(Concat\)"),
        (
            S.SliceChannel(V("x"), num_outputs=4, name="cut"),
            {"x": (2, 6)},
            r"cut \(SliceChannel\): .*into num_outputs=4 equal parts",
        ),
        (S.dot(V("x"), V("y"), name="product"), {"x": (2, 3), "y": (4, 5)}, r"product \(dot\): .*of one size"),
        (S.batch_dot(V("x"), V("y"), name="b"), {"x": (2, 3, 4), "y": (3, 4, 5)}, r"b \(batch_dot\): .*equal batches"),
        (
            S.broadcast_mul(V("x"), V("y"), name="b"),
            {"x": (2, 3), "y": (4, 3)},
            r"b \(broadcast_mul\): .*do not broadcast",
        ),
        (S.Embedding(V("x"), V("w"), input_dim=5, output_dim=2, name="em"), {"w": (4, 2)}, r"em \(Embedding\)"),
        (
            S.RNN(V("x"), V("p"), V("s"), state_size=5, num_layers=1, mode="gru", name="r"),
            {"x": (4, 3, 6), "p": (100,)},
            r"r \(RNN\): shapes \(100,\) and \(195,\)",
        ),
        (
            S.RNN(V("x"), V("p"), V("s"), state_size=5, num_layers=1, mode="gru", name="r"),
            {"x": (4, 3, 6), "s": (1, 2, 5)},
            r"r \(RNN\): shapes \(1, 2, 5\) and \(1, 3, 5\)",
        ),
        (S.zeros((2, 3), name="z") + V("x"), {"x": (4, 3)}, r"shapes \(2, 3\) and \(4, 3\)"),
        (
            S.SequenceLast(V("x"), V("l"), use_sequence_length=True, name="s"),
            {"x": (4, 3, 2), "l": (4,)},
            r"s \(SequenceLast\)",
        ),
        (S.transpose(V("x"), axes=(1, 0), name="t") + V("y"), {"x": (2, 3), "y": (2, 3)}, r"t|_plus"),
        (
            S.squeeze(V("x"), axis=0, name="s"),
            {"x": (2, 3)},
            r"s \(squeeze\): squeeze: axis 0 of shape \(2, 3\) is not 1",
        ),
        (S.sum(V("x"), axis=3, name="s"), {"x": (2, 3)}, r"s \(sum\): .*attribute axis: .*got 3"),
    ],
)
def test_contradictions_name_the_node(symbol: Any, given: Given, message: str) -> None:
    for infer in (symbol.infer_shape, symbol.infer_shape_partial):
        with pytest.raises(ShapeError, match=message) as caught:
            infer(**given)
        assert "infer_shape was given:" in str(caught.value)
        for name, shape in given.items():
            assert f"{name}: {shape}" in str(caught.value)


def test_too_little_is_said_and_warned_of() -> None:
    symbol = S.FullyConnected(V("x"), num_hidden=4, name="fc")
    with pytest.warns(UserWarning, match=r"Cannot decide shape for the following arguments.*\n\tx: \(0, 3\)"):
        assert symbol.infer_shape(x=(0, 3)) == (None, None, None)


def test_shapes_in_order_or_by_name() -> None:
    symbol = S.FullyConnected(V("x"), num_hidden=4, name="fc")
    assert symbol.infer_shape((2, 3)) == symbol.infer_shape(x=(2, 3)) == symbol.infer_shape((2, 3), None, None)
    with pytest.raises(mx.base.ArgumentError, match="in order or by name, not both"):
        symbol.infer_shape((2, 3), fc_bias=(4,))
    with pytest.raises(mx.base.ArgumentError, match="expected at most 3, one for each argument, got 4"):
        symbol.infer_shape((2, 3), None, None, (1,))


def test_a_long_chain() -> None:
    """Nothing here is recursive, and what repeats is looked at once."""
    x = state = S.zeros((0, 5))
    for _ in range(3000):
        state = S.tanh(state)
    assert (state + V("x")).infer_shape(x=(2, 5))[1] == [(2, 5)]
    assert x.infer_shape_partial()[1] == [(0, 5)]


class TestUnify:
    """The algebra of partly known shapes."""

    def test_the_two_forms(self) -> None:
        assert from_public((0, 3, -1)) == (None, 3, None)
        assert from_public(5) == (5,)
        assert from_public(None) is None
        assert to_public((None, 3)) == (0, 3)
        assert to_public(None) == ()
        assert complete((2, 3))
        assert not complete((2, None))
        assert not complete(None)

    def test_unify(self) -> None:
        assert unify(None, None) is None
        assert unify((2, None), None) == unify(None, (2, None)) == (2, None)
        assert unify((2, None), (None, 3)) == (2, 3)
        for other in ((3, None), (2, 3, 4), ()):
            with pytest.raises(ShapeError, match="contradict each other"):
                unify((2, None), other)
