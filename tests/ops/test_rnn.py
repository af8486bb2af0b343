"""The fused RNN operator above the door, in arrays and graphs, against torch's modules and a NumPy loop: projection,
clipping, lengths and halves, which real MXNet cannot do on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_rnn
import rennet as mx
import torch_rnn
from differential import assert_all_close, assert_close
from rennet._kernels import stack
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, ShapeError

size = st.integers(1, 5)
every_mode = pytest.mark.parametrize("mode", sorted(MODES))
BOUNDS = {"lstm_state_clip_min": -0.3, "lstm_state_clip_max": 0.4}


def arrays_of(sample: torch_rnn.Sample, dtype: str = "float64") -> list[Any]:
    return [mx.nd.array(each, dtype=dtype) for each in sample.inputs]


def with_gradients(sample: torch_rnn.Sample, lengths: Any = None, **more: Any) -> tuple[list[Any], list[Any]]:
    """Outputs, and gradients of everything but the lengths."""
    arrays = arrays_of(sample)
    for array in arrays:
        array.attach_grad()
    if lengths is not None:
        more |= {"sequence_length": mx.nd.array(lengths, dtype="int32"), "use_sequence_length": True}
    with mx.autograd.record():
        outputs = mx.nd.RNN(*arrays, **sample.attrs(**more))
    mx.autograd.backward(outputs, [mx.nd.array(head, dtype="float64") for head in sample.heads])
    return outputs, [array.grad for array in arrays]


@settings(max_examples=80)
@given(
    mode=st.sampled_from(sorted(MODES)),
    hidden=size,
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    projection=st.none() | size,
    clip=st.booleans(),
    steps=size,
    inputs=size,
    lengths=st.none() | st.lists(st.integers(0, 5), min_size=1, max_size=3),
)
def test_everything_at_once_against_plain_loops(
    mode: str,
    hidden: int,
    layers: int,
    bidirectional: bool,
    projection: int | None,
    clip: bool,
    steps: int,
    inputs: int,
    lengths: list[int] | None,
) -> None:
    width = projection if mode == "lstm" else None
    layout = Layout(mode, hidden, layers, bidirectional, width)
    ends = None if lengths is None else [min(length, steps) for length in lengths]
    sample = torch_rnn.draw(layout, steps, 2 if ends is None else len(ends), inputs, seed=hidden)
    bounds = BOUNDS if clip and mode == "lstm" else {}
    outputs, _ = with_gradients(sample, ends, **bounds)
    expected = numpy_rnn.run(sample.inputs, lengths=ends, **sample.attrs(**bounds))
    assert_all_close(outputs, expected, 1e-12, f"{layout}, lengths {ends}")


@pytest.mark.parametrize("lengths", [None, [3, 0, 1]], ids=["whole", "lengths"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("mode", "projection", "bounds"),
    [
        *[(mode, None, {}) for mode in sorted(MODES)],
        ("lstm", 3, {}),
        ("lstm", None, BOUNDS),
        ("lstm", 3, BOUNDS),
        ("lstm", 1, BOUNDS),
    ],
)
def test_gradients_are_finite_differences(
    mode: str, projection: int | None, bounds: dict[str, float], bidirectional: bool, lengths: list[int] | None
) -> None:
    """Of data, parameters and states, in two layers; a projection may be as wide as the state, or wider."""
    sample = torch_rnn.draw(Layout(mode, 2, 2, bidirectional, projection), 3, 3, 2, seed=1)
    _, gradients = with_gradients(sample, lengths, **bounds)
    expected = numpy_rnn.gradients(sample.inputs, sample.heads, lengths=lengths, **sample.attrs(**bounds))
    assert_all_close(gradients, expected, 1e-7, "gradient")


@pytest.mark.parametrize("mode", ["lstm", "gru"])
@pytest.mark.parametrize("grad_req", ["write", "add", "null"])
def test_gradients_are_written_added_or_left_out(grad_req: str, mode: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2, True), 4, 3, 2, seed=0)
    _, expected = torch_rnn.run(sample)
    arrays = arrays_of(sample)
    for array in arrays:
        array.attach_grad(grad_req)
    for _ in range(2):
        with mx.autograd.record():
            outputs = mx.nd.RNN(*arrays, **sample.attrs())
        if grad_req != "null":
            mx.autograd.backward(outputs, [mx.nd.array(head, dtype="float64") for head in sample.heads])
    if grad_req == "null":
        assert [array.grad for array in arrays] == [None] * len(arrays)
        return
    times = {"write": 1, "add": 2}[grad_req]
    assert_all_close([array.grad for array in arrays], [times * each for each in expected], 1e-10, "gradient")


@pytest.mark.parametrize("wanted", range(4))
def test_one_gradient_alone_in_a_graph(wanted: int) -> None:
    """The others are asked for by nobody, and the one is none the worse."""
    sample = torch_rnn.draw(Layout("lstm", 3, 2), 4, 3, 2, seed=0)
    names = ["data", "parameters", "state", "state_cell"]
    graph = mx.sym.RNN(*map(mx.sym.Variable, names), **sample.attrs())
    arrays = dict(zip(names, arrays_of(sample), strict=True))
    name = names[wanted]
    requests = {each: "write" if each == name else "null" for each in names}
    grads = {name: mx.nd.zeros(arrays[name].shape, dtype="float64")}
    executor = graph.bind(mx.cpu(), arrays, grads, requests)
    executor.forward(is_train=True)
    executor.backward([mx.nd.array(head, dtype="float64") for head in sample.heads])
    assert_close(grads[name], torch_rnn.run(sample)[1][wanted], 1e-10, name)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_projection(layers: int, bidirectional: bool) -> None:
    sample = torch_rnn.draw(Layout("lstm", 5, layers, bidirectional, 3), 4, 3, 2, seed=0)
    arrays = arrays_of(sample)
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        outputs = mx.nd.RNN(*arrays, **sample.attrs())
    mx.autograd.backward(outputs, [mx.nd.array(head, dtype="float64") for head in sample.heads])
    expected, gradients = torch_rnn.run(sample)
    assert_all_close(outputs, expected, 1e-11, "output")
    assert_all_close([array.grad for array in arrays], gradients, 1e-11, "gradient")


def test_clipping() -> None:
    """Every layer's cell stays within the bounds, and the last one's output shows it."""
    sample = torch_rnn.draw(Layout("lstm", 5, 2, True), 4, 3, 2, seed=0)
    bounds = {"lstm_state_clip_min": -0.25, "lstm_state_clip_max": 0.5}
    output, _, cell = mx.nd.RNN(*arrays_of(sample), **sample.attrs(**bounds))
    free, _, far = mx.nd.RNN(*arrays_of(sample), **sample.attrs())
    assert cell.asnumpy().min() == -0.25
    assert cell.asnumpy().max() == 0.5
    assert np.abs(far.asnumpy()).max() > 1
    assert np.abs(output.asnumpy()).max() <= np.tanh(0.5)
    wide = mx.nd.RNN(*arrays_of(sample), **sample.attrs(lstm_state_clip_min=-99, lstm_state_clip_max=99))
    assert_close(wide[0], free.asnumpy(), 1e-12, "output within wide bounds")


@every_mode
def test_padding_changes_nothing(mode: str) -> None:
    """Two layers in two directions: what stands behind a sequence's end does not show in any output."""
    sample = torch_rnn.draw(Layout(mode, 3, 2, True), 5, 3, 2, seed=0)
    lengths = mx.nd.array([5, 2, 1], dtype="float64")
    first = mx.nd.RNN(*arrays_of(sample), sequence_length=lengths, use_sequence_length=True, **sample.attrs())
    sample.inputs[0][2:, 1] = np.inf
    sample.inputs[0][1:, 2] = np.nan
    second = mx.nd.RNN(*arrays_of(sample), sequence_length=lengths, use_sequence_length=True, **sample.attrs())
    for before, after in zip(first, second, strict=True):
        assert (before == after).asnumpy().all()


@every_mode
def test_lengths_by_name_in_order_and_in_a_graph(mode: str) -> None:
    """They come after the states, one for an LSTM two, of which the others have none."""
    sample = torch_rnn.draw(Layout(mode, 3), 5, 3, 2, seed=0)
    lengths = mx.nd.array([5, 2, 1], dtype="float64")
    attrs = sample.attrs(use_sequence_length=True, state_outputs=False)
    arrays = arrays_of(sample)
    expected = mx.nd.RNN(*arrays, sequence_length=lengths, **attrs).asnumpy()
    assert (expected[2:, 1] == 0).all()
    assert_close(mx.nd.RNN(*arrays, lengths, **attrs), expected, 0, "in order")
    names = ["data", "parameters", "state", "state_cell"][: len(arrays)]
    inputs = {name: mx.sym.Variable(name) for name in (*names, "lengths")}
    graph = mx.sym.RNN(*[inputs[name] for name in names], sequence_length=inputs["lengths"], **attrs)
    (output,) = graph.eval(**dict(zip(names, arrays, strict=True)), lengths=lengths)
    assert_close(output, expected, 0, "in a graph")
    shapes, outputs, _ = graph.infer_shape(data=(5, 3, 2))
    assert shapes[-1] == (3,)
    assert outputs == [(5, 3, 3)]


@pytest.mark.filterwarnings("ignore:RNN. p. dropout lies between layers:UserWarning")
def test_dropout_lies_between_layers() -> None:
    """Two layers with dropout are one layer, Dropout, and another."""
    both = Layout("gru", 4, 2)
    sample = torch_rnn.draw(both, 6, 3, 4, seed=0)
    data, vector, state = arrays_of(sample)
    mx.random.seed(3)
    with mx.autograd.train_mode():
        together, final = mx.nd.RNN(data, vector, state, **sample.attrs(p=0.5))
    single = Layout("gru", 4, 1)
    layers: list[list[np.ndarray]] = [[], []]
    for slot in both.slots(4):
        layers[slot.layer].append(sample.inputs[1][slot.offset : slot.offset + slot.size])
    attrs = {"mode": "gru", "state_size": 4, "num_layers": 1, "state_outputs": True, "p": 0.9}
    mx.random.seed(3)
    with mx.autograd.train_mode():
        vectors = [mx.nd.array(np.concatenate(each), dtype="float64") for each in layers]
        assert vectors[0].size == single.size(4)
        middle, first = mx.nd.RNN(data, vectors[0], state[0:1], **attrs)
        output, second = mx.nd.RNN(mx.nd.Dropout(middle, p=0.5), vectors[1], state[1:2], **attrs)
    assert_close(together, output.asnumpy(), 1e-12, "output")
    assert_close(final, np.concatenate([first.asnumpy(), second.asnumpy()]), 1e-12, "final state")


@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0)])
@every_mode
def test_nothing_to_do(mode: str, steps: int, batch: int) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2, True), steps, batch, 2, seed=0)
    output, *final = mx.nd.RNN(*arrays_of(sample), **sample.attrs())
    assert output.shape == (steps, batch, 6)
    for state, begin in zip(final, sample.inputs[2:], strict=True):
        assert_close(state, begin, 0, "final state")


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        (
            {"lstm_state_clip_min": -1.0},
            "lstm_state_clip_min and lstm_state_clip_max go together; only one was given",
        ),
        ({"lstm_state_clip_min": 1.0, "lstm_state_clip_max": -1.0}, "lstm_state_clip_min 1.0 is above"),
        ({"p": 1.0}, r"RNN: p: expected a rate in \[0, 1\); got 1.0"),
    ],
)
def test_objections_to_attributes(attrs: dict[str, Any], message: str) -> None:
    sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
    with pytest.raises(ArgumentError, match=message):
        mx.nd.RNN(*arrays_of(sample), **sample.attrs(**attrs))


@pytest.mark.parametrize("attrs", [{"projection_size": 2}, {"lstm_state_clip_min": -1.0, "lstm_state_clip_max": 1.0}])
@pytest.mark.parametrize("mode", ["gru", "rnn_tanh", "rnn_relu"])
def test_what_only_an_lstm_does(mode: str, attrs: dict[str, Any]) -> None:
    sample = torch_rnn.draw(Layout(mode, 3), 2, 2, 2, seed=0)
    with pytest.raises(ArgumentError, match=f"apply to mode 'lstm', not '{mode}'|applies to mode 'lstm', not '{mode}'"):
        mx.nd.RNN(*arrays_of(sample), **sample.attrs(**attrs))


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (2, 2), r"data: expected \(T, N, input\), got shape \(2, 2\)"),
        (1, (5,), r"parameters: expected a vector of 84 .*got shape \(5,\)"),
        (2, (1, 2, 4), r"state: expected shape \(1, 2, 3\), got \(1, 2, 4\)"),
        (3, (2, 2, 3), r"state_cell: expected shape \(1, 2, 3\), got \(2, 2, 3\)"),
    ],
)
def test_objections_to_shapes(place: int, shape: tuple[int, ...], message: str) -> None:
    sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
    arrays = arrays_of(sample)
    arrays[place] = mx.nd.zeros(shape, dtype="float64")
    with pytest.raises(ShapeError, match=message):
        mx.nd.RNN(*arrays, **sample.attrs())


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"state_size": 0}, "state_size: expected a whole number of at least 1; got 0"),
        ({"num_layers": 0}, "num_layers: expected a whole number of at least 1; got 0"),
        ({"projection_size": 0}, "projection_size: expected a whole number of at least 1; got 0"),
        ({"lstm_state_clip_max": 1.0}, "go together; only one was given"),
        ({"lstm_state_clip_min": float("nan"), "lstm_state_clip_max": 1.0}, "expected numbers; got nan, 1.0"),
        ({"p": -0.1}, r"p: expected a rate in \[0, 1\); got -0.1"),
        ({"p": float("nan")}, "p: expected a rate"),
        ({"mode": "elman"}, "attribute mode: expected one of rnn_relu, rnn_tanh, lstm, gru; got 'elman'"),
    ],
)
def test_a_graph_is_refused_when_it_is_made(attrs: dict[str, Any], message: str) -> None:
    """Not first when it runs."""
    good = {"state_size": 3, "num_layers": 2, "mode": "lstm"}
    with pytest.raises(ArgumentError, match=message):
        mx.sym.RNN(mx.sym.Variable("data"), **{**good, **attrs})


def test_clip_nan_without_bounds_is_ignored() -> None:
    """As its document says."""
    sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
    expected = mx.nd.RNN(*arrays_of(sample), **sample.attrs())
    found = mx.nd.RNN(*arrays_of(sample), **sample.attrs(lstm_state_clip_nan=True))
    assert_all_close(found, [each.asnumpy() for each in expected], 0, "output")


def test_idle_dropout_is_said_once() -> None:
    sample = torch_rnn.draw(Layout("gru", 3), 2, 2, 2, seed=0)
    stack._warn_of_idle_dropout.cache_clear()
    with pytest.warns(UserWarning, match="dropout lies between layers"):
        mx.nd.RNN(*arrays_of(sample), **sample.attrs(p=0.5))
    mx.nd.RNN(*arrays_of(sample), **sample.attrs(p=0.25))  # a second warning would be an error


def _dropped(sample: torch_rnn.Sample) -> np.ndarray:
    with mx.autograd.train_mode():
        return mx.nd.RNN(*arrays_of(sample), **sample.attrs(p=0.5))[0].asnumpy()


@every_mode
def test_dropout_is_the_seeds(mode: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 8, 3), 4, 3, 2, seed=0)
    mx.random.seed(5)
    first, second = _dropped(sample), _dropped(sample)
    assert (first != second).any()
    mx.random.seed(5)
    assert (_dropped(sample) == first).all()
    state = torch.get_rng_state()
    third = _dropped(sample)
    torch.set_rng_state(state)
    assert (_dropped(sample) == third).all()
    still = mx.nd.RNN(*arrays_of(sample), **sample.attrs(p=0.5))[0].asnumpy()
    assert_close(still, mx.nd.RNN(*arrays_of(sample), **sample.attrs())[0].asnumpy(), 0, "in inference")


class TestLengths:
    @pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64", "float16", "uint8"])
    def test_of_any_element_type(self, dtype: str) -> None:
        sample = torch_rnn.draw(Layout("lstm", 3, 2, True), 5, 3, 2, seed=0)
        attrs = sample.attrs(use_sequence_length=True)
        found = mx.nd.RNN(*arrays_of(sample), mx.nd.array([5, 0, 2], dtype=dtype), **attrs)
        expected = numpy_rnn.run(sample.inputs, lengths=[5, 0, 2], **sample.attrs())
        assert_all_close(found, expected, 1e-12, "output")

    @pytest.mark.parametrize(
        ("lengths", "message"),
        [
            ([5, 6], r"expected whole numbers in \[0, 5\], got 6.0 in row 1"),
            ([-1, 2], "got -1.0 in row 0"),
            ([1, 2.5], "got 2.5 in row 1"),
            ([1, float("nan")], "got nan in row 1"),
            ([1, 2, 3], r"sequence_length: expected shape \(2,\), got \(3,\)"),
        ],
    )
    def test_wrong_ones(self, lengths: list[float], message: str) -> None:
        sample = torch_rnn.draw(Layout("gru", 3), 5, 2, 2, seed=0)
        with pytest.raises((ArgumentError, ShapeError), match=message):
            mx.nd.RNN(*arrays_of(sample), mx.nd.array(lengths), **sample.attrs(use_sequence_length=True))

    @every_mode
    def test_what_comes_back_into_the_padding_is_lost_too(self, mode: str) -> None:
        """NaN in the padding's output gradients, which a loss over padding may well have."""
        sample = torch_rnn.draw(Layout(mode, 3, 2, True), 5, 2, 2, seed=0)
        _, expected = with_gradients(sample, [5, 2])
        sample.heads[0][2:, 1] = np.nan
        sample.inputs[0][2:, 1] = np.inf
        outputs, found = with_gradients(sample, [5, 2])
        assert (outputs[0].asnumpy()[2:, 1] == 0).all()
        assert (found[0].asnumpy()[2:, 1] == 0).all()
        assert_all_close(found, [each.asnumpy() for each in expected], 0, "gradient")

    @pytest.mark.parametrize("grad_req", ["write", "add"])
    @pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
    def test_have_no_gradient_even_if_one_is_asked_for(self, dtype: str, grad_req: str) -> None:
        """As `simple_bind` does for every argument."""
        names = ["data", "parameters", "state", "lengths"]
        graph = mx.sym.RNN(
            *map(mx.sym.Variable, names), state_size=4, num_layers=1, mode="gru", use_sequence_length=True
        )
        executor = graph.simple_bind(mx.cpu(), grad_req, type_dict={"lengths": dtype}, data=(5, 2, 3))
        executor.arg_dict["data"][:] = 1
        executor.arg_dict["parameters"][:] = 0.1
        executor.arg_dict["lengths"][:] = mx.nd.array([3, 5])
        executor.forward(is_train=True)
        executor.backward(mx.nd.ones((5, 2, 4)))
        assert executor.grad_dict["lengths"].asnumpy().tolist() == [0, 0]
        assert executor.grad_dict["data"].asnumpy()[:3].all()
        lengths = mx.nd.array([3, 5], dtype=dtype)
        lengths.attach_grad()
        assert lengths.grad is not None
        assert lengths.grad.asnumpy().tolist() == [0, 0]


class TestElementTypes:
    @pytest.mark.parametrize("backend", ["torch", "reference"])
    @pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
    @every_mode
    def test_halves(self, mode: str, dtype: str, tolerance: float, backend: str) -> None:
        """As near to float64 as their own rounding of inputs and outputs allows, however long the sequence."""
        sample = torch_rnn.draw(Layout(mode, 16, 2, True), 60, 2, 3, seed=0)
        sample.inputs[1][:] *= 0.4
        arrays = [mx.nd.array(each, dtype=dtype) for each in sample.inputs]
        for place, array in enumerate(arrays):
            sample.inputs[place][:] = array.asnumpy()
            array.attach_grad()
        heads = [mx.nd.array(head, dtype=dtype) for head in sample.heads]
        for place, head in enumerate(heads):
            sample.heads[place][:] = head.asnumpy()
        with mx.runtime.pinned(backend), mx.autograd.record():
            outputs = mx.nd.RNN(*arrays, **sample.attrs())
        mx.autograd.backward(outputs, heads)
        expected, gradients = torch_rnn.run(sample)
        for ours, theirs in zip(outputs, expected, strict=True):
            assert str(np.dtype(ours.dtype) if dtype == "float16" else ours.dtype) in (dtype, "bfloat16")
            assert_close(ours, theirs, tolerance, "output")
        for array, theirs in zip(arrays, gradients, strict=True):
            scale = np.abs(theirs).max()
            assert array.grad is not None
            assert_close(array.grad.asnumpy() / scale, theirs / scale, tolerance, "gradient")

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
    def test_states_follow_the_data(self, dtype: str) -> None:
        sample = torch_rnn.draw(Layout("lstm", 3, 2), 4, 2, 2, seed=0)
        data, vector = [mx.nd.array(each, dtype=dtype) for each in sample.inputs[:2]]
        states = [mx.nd.array(each, dtype="float32") for each in sample.inputs[2:]]
        for result in mx.nd.RNN(data, vector, *states, **sample.attrs()):
            assert result.dtype == data.dtype

    def test_a_graph_of_halves(self) -> None:
        names = ["data", "parameters", "state", "state_cell", "sequence_length"]
        graph = mx.sym.RNN(
            *map(mx.sym.Variable, names), state_size=3, num_layers=1, mode="lstm", use_sequence_length=True
        )
        types, outputs, _ = graph.infer_type(data="float16")
        assert [np.dtype(each).name for each in types] == ["float16"] * 4 + ["float32"]
        assert outputs == [np.float16]

    @pytest.mark.parametrize(
        ("place", "dtype", "message"),
        [
            (0, "int32", "data: expected floating-point numbers, got torch.int32"),
            (1, "float64", "parameters: expected torch.float32 as the data has, got torch.float64"),
        ],
    )
    def test_wrong_ones(self, place: int, dtype: str, message: str) -> None:
        sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
        arrays = arrays_of(sample, "float32")
        arrays[place] = arrays[place].astype(dtype)
        with pytest.raises(ArgumentError, match=message):
            mx.nd.RNN(*arrays, **sample.attrs())

    def test_another_device(self) -> None:
        sample = torch_rnn.draw(Layout("gru", 3), 2, 2, 2, seed=0)
        data, vector, state = arrays_of(sample, "float32")
        elsewhere = mx.nd.NDArray(state.tensor.to("meta"), mx.cpu())
        with pytest.raises(ArgumentError, match="state: expected it on cpu as the data is, got meta"):
            mx.nd.RNN(data, vector, elsewhere, **sample.attrs())


@pytest.mark.parametrize(("steps", "batch", "hidden"), [(1, 1, 1), (1, 5, 4), (6, 1, 4), (6, 5, 1), (63, 2, 65)])
@every_mode
def test_odd_sizes(mode: str, steps: int, batch: int, hidden: int) -> None:
    sample = torch_rnn.draw(Layout(mode, hidden, 2, True), steps, batch, 3, seed=0)
    sample.inputs[1][:] /= np.sqrt(hidden)
    outputs, gradients = with_gradients(sample)
    expected, theirs = torch_rnn.run(sample)
    assert_all_close(outputs, expected, 1e-11, "output")
    assert_all_close(gradients, theirs, 1e-10, "gradient")


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (0, 0)])
@every_mode
def test_gradients_of_nothing(mode: str, steps: int, batch: int, lengths: bool) -> None:
    """States pass through, their gradients too; the parameters' are zero."""
    sample = torch_rnn.draw(Layout(mode, 3, 2, True), steps, batch, 2, seed=0)
    ends = np.zeros(batch, dtype=np.int32) if lengths else None
    outputs, gradients = with_gradients(sample, ends)
    assert outputs[0].shape == (steps, batch, 6)
    for ours, begin in zip(outputs[1:], sample.inputs[2:], strict=True):
        assert_close(ours, begin, 0, "final state")
    for ours, head in zip(gradients[2:], sample.heads[1:], strict=True):
        assert_close(ours, head, 0, "gradient of a state")
    assert not gradients[1].asnumpy().any()


@every_mode
def test_inputs_need_not_be_contiguous(mode: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2, True), 4, 5, 2, seed=0)
    tensors = [torch.tensor(each) for each in sample.inputs]
    strided = [torch.stack([tensor, tensor], -1)[..., 0] for tensor in tensors]
    assert not any(tensor.is_contiguous() for tensor in strided)
    arrays = [mx.nd.NDArray(tensor) for tensor in strided]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        outputs = mx.nd.RNN(*arrays, **sample.attrs())
    mx.autograd.backward(outputs, [mx.nd.array(head, dtype="float64") for head in sample.heads])
    expected, gradients = torch_rnn.run(sample)
    assert_all_close(outputs, expected, 1e-11, "output")
    assert_all_close([array.grad for array in arrays], gradients, 1e-10, "gradient")


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, False), (3, True)])
@every_mode
def test_begin_states_take_their_batch_from_the_data(mode: str, layers: int, bidirectional: bool) -> None:
    stacked = layers * (1 + bidirectional)
    begin = [mx.sym.zeros((stacked, 0, 4), name=f"begin{i}") for i in range(MODES[mode].states)]
    attrs = {"state_size": 4, "num_layers": layers, "bidirectional": bidirectional, "mode": mode, "state_outputs": True}
    graph = mx.sym.RNN(mx.sym.Variable("data"), mx.sym.Variable("parameters"), *begin, **attrs)
    shapes, outputs, _ = graph.infer_shape(data=(5, 7, 3))
    assert shapes == [(5, 7, 3), (Layout(mode, 4, layers, bidirectional).size(3),)]
    assert outputs == [(5, 7, 4 * (1 + bidirectional)), *[(stacked, 7, 4)] * MODES[mode].states]
    executor = graph.simple_bind(mx.cpu(), data=(5, 7, 3))
    assert [each.shape for each in executor.forward()] == outputs


class TestAutocast:
    """What goes in as float32 is computed and comes out in the narrow type, as it is for torch's LSTM on a GPU."""

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    @every_mode
    def test_narrows(self, mode: str, dtype: torch.dtype) -> None:
        module = mx.interop.FusedRNN(mode, 3, 8, 2)
        data = torch.randn(6, 2, 3, requires_grad=True)
        plain = module(data)[0]
        with torch.autocast("cpu", dtype):
            output, _ = module(data)
        assert output.dtype == dtype
        torch.testing.assert_close(output.float(), plain, rtol=0.05, atol=0.02)
        output.float().sum().backward()
        assert data.grad is not None
        assert data.grad.dtype == torch.float32
        for parameter in module.parameters():
            assert parameter.grad is not None
            assert parameter.grad.dtype == torch.float32

    def test_leaves_float64_alone(self) -> None:
        module = mx.interop.FusedRNN("lstm", 3, 4, dtype=torch.float64)
        with torch.autocast("cpu", torch.bfloat16):
            assert module(torch.randn(2, 2, 3, dtype=torch.float64))[0].dtype == torch.float64
