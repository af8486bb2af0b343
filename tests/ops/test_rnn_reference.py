"""The recurrence's backends against each other, torch's modules and finite differences, and what real MXNet cannot do
on a CPU: projection, clipping, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from differential import assert_all_close, assert_close
from rennet._kernels import door
from rennet._kernels.interface import Backend, Clip, Problem, Weights
from rennet._kernels.reference import Reference
from rennet._kernels.torch_fused import TorchFused
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, NotSupportedError, ShapeError

from . import torch_rnn

# torch computes projections without oneDNN, and says so
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")

size = st.integers(1, 7)
every_mode = pytest.mark.parametrize("mode", sorted(MODES))
DOUBLE = torch.float64


def _problem(layout: Layout, data: torch.Tensor, clip: Clip | None = None, has_lengths: bool = False) -> Problem:
    return Problem(
        layout.mode,
        layout.directions,
        data.shape[0],
        data.shape[1],
        data.shape[2],
        layout.hidden_size,
        layout.projection_size,
        clip,
        has_lengths,
        data.dtype,
        data.device,
        True,
    )


def _weights(vector: torch.Tensor, layout: Layout, input_size: int) -> list[Weights]:
    parts: list[dict[str, torch.Tensor]] = [{}, {}]
    for slot in layout.slots(input_size):
        part = vector[slot.offset : slot.offset + slot.size].reshape(slot.shape)
        parts[slot.direction][f"{slot.group}_{slot.kind}"] = part
    return [Weights(**each) for each in parts[: layout.directions]]


def _leaves(sample: torch_rnn.Sample) -> list[torch.Tensor]:
    return [torch.tensor(each, dtype=DOUBLE, requires_grad=True) for each in sample.inputs]


def _layer(
    backend: Backend,
    layout: Layout,
    inputs: list[torch.Tensor],
    clip: Clip | None = None,
    lengths: torch.Tensor | None = None,
) -> list[torch.Tensor]:
    data, vector, *states = inputs
    problem = _problem(layout, data, clip, lengths is not None)
    output, final = backend.run(problem, data, _weights(vector, layout, data.shape[2]), states, lengths)
    return [output, *final]


@settings(max_examples=60)
@given(
    mode=st.sampled_from(sorted(MODES)),
    hidden=size,
    bidirectional=st.booleans(),
    projection=size,
    steps=size,
    batch=size,
    inputs=size,
)
def test_the_backends_and_torch_agree(
    mode: str, hidden: int, bidirectional: bool, projection: int, steps: int, batch: int, inputs: int
) -> None:
    # torch's modules project to something narrower than the hidden state only
    width = projection if mode == "lstm" and projection < hidden else None
    layout = Layout(mode, hidden, 1, bidirectional, width)
    sample = torch_rnn.draw(layout, steps, batch, inputs, seed=steps)
    expected, expected_gradients = torch_rnn.run(sample)
    for backend in (Reference(), TorchFused()):
        leaves = _leaves(sample)
        assert backend.why_not(_problem(layout, leaves[0])) is None
        outputs = _layer(backend, layout, leaves)
        torch.autograd.backward(outputs, [torch.tensor(head) for head in sample.heads])
        assert_all_close(outputs, expected, 1e-12, f"{backend.name}, {layout}: output")
        gradients = [leaf.grad for leaf in leaves]
        assert_all_close(gradients, expected_gradients, 1e-12, f"{backend.name}, {layout}: gradient")


@pytest.mark.parametrize(
    ("steps", "batch", "inputs", "hidden"), [(63, 2, 3, 5), (1, 63, 1, 1), (2, 1, 63, 1), (3, 5, 7, 63)]
)
@every_mode
def test_odd_sizes(mode: str, steps: int, batch: int, inputs: int, hidden: int) -> None:
    layout = Layout(mode, hidden, 1, True)
    sample = torch_rnn.draw(layout, steps, batch, inputs, seed=0)
    sample.inputs[1][:] /= np.sqrt(hidden)
    expected, expected_gradients = torch_rnn.run(sample)
    for backend in (Reference(), TorchFused()):
        leaves = _leaves(sample)
        outputs = _layer(backend, layout, leaves)
        torch.autograd.backward(outputs, [torch.tensor(head) for head in sample.heads])
        assert_all_close(outputs, expected, 1e-11, f"{backend.name}: output")
        assert_all_close([leaf.grad for leaf in leaves], expected_gradients, 1e-11, f"{backend.name}: gradient")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("mode", "projection", "clip"),
    [
        *[(mode, None, None) for mode in sorted(MODES)],
        ("lstm", 2, None),
        ("lstm", None, Clip(-0.3, 0.2, False)),
        ("lstm", 2, Clip(-0.3, 0.2, True)),
    ],
)
def test_the_references_gradients_are_finite_differences(
    mode: str, projection: int | None, clip: Clip | None, bidirectional: bool
) -> None:
    layout = Layout(mode, 3, 1, bidirectional, projection)
    leaves = _leaves(torch_rnn.draw(layout, 2, 2, 2, seed=0))
    for lengths in (None, torch.tensor([1, 2])):
        compute = lambda *inputs, given=lengths: tuple(_layer(Reference(), layout, list(inputs), clip, given))  # noqa: E731
        assert torch.autograd.gradcheck(compute, leaves)
    if not bidirectional:
        again = lambda *inputs: tuple(_layer(Reference(), layout, list(inputs), clip))  # noqa: E731
        assert torch.autograd.gradgradcheck(again, leaves)


@pytest.mark.parametrize("projection", [None, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("backend", [Reference(), TorchFused()], ids=lambda backend: backend.name)
@every_mode
def test_lengths_are_each_sequence_alone(
    mode: str, backend: Backend, bidirectional: bool, projection: int | None
) -> None:
    if projection and mode != "lstm":
        pytest.skip("only an LSTM projects")
    layout = Layout(mode, 3, 1, bidirectional, projection)
    sample = torch_rnn.draw(layout, 5, 4, 2, seed=0)
    lengths = [5, 3, 1, 0]
    # padding that must not be looked at
    for row, length in enumerate(lengths):
        sample.inputs[0][length:, row] = np.nan
    leaves = _leaves(sample)
    outputs = _layer(backend, layout, leaves, None, torch.tensor(lengths))
    torch.autograd.backward(outputs, [torch.tensor(head) for head in sample.heads])
    gradients = [leaf.grad.numpy() for leaf in leaves]  # pyright: ignore[reportOptionalMemberAccess]
    totals = np.zeros_like(sample.inputs[1])
    for row, length in enumerate(lengths):
        data, vector, *states = _leaves(sample)
        cut = [data[:length, row : row + 1], vector, *[state[:, row : row + 1] for state in states]]
        alone = _layer(Reference(), layout, cut)
        heads = [sample.heads[0][:length, row : row + 1], *[head[:, row : row + 1] for head in sample.heads[1:]]]
        # a sequence of no steps has no output to go back from
        pairs = [
            (tensor, torch.tensor(head)) for tensor, head in zip(alone, heads, strict=True) if tensor.requires_grad
        ]
        found = torch.autograd.grad(
            [t for t, _ in pairs], [data, vector, *states], [h for _, h in pairs], allow_unused=True
        )
        own = [
            torch.zeros_like(leaf) if g is None else g for leaf, g in zip([data, vector, *states], found, strict=True)
        ]
        what = f"sequence {row} of length {length}"
        assert_close(outputs[0][:length, row : row + 1], alone[0].detach().numpy(), 1e-12, what)
        assert (outputs[0][length:, row] == 0).all(), what
        for ours, state in zip(outputs[1:], alone[1:], strict=True):
            assert_close(ours[:, row : row + 1], state.detach().numpy(), 1e-12, f"{what}: final state")
        assert_close(gradients[0][:length, row], own[0][:length, row].numpy(), 1e-12, f"{what}: gradient of data")
        assert (gradients[0][length:, row] == 0).all(), what
        for ours, gradient in zip(gradients[2:], own[2:], strict=True):
            assert_close(ours[:, row], gradient[:, row].numpy(), 1e-12, f"{what}: gradient of a state")
        totals += own[1].numpy()
    assert_close(gradients[1], totals, 1e-12, "gradient of the parameters")


def test_a_clipped_cell_is_what_goes_on() -> None:
    """By hand, for a hidden size of one and gates that are all open."""
    layout = Layout("lstm", 1, 1)
    vector = torch.zeros(layout.size(1), dtype=DOUBLE)
    for slot in layout.slots(1):
        if (slot.group, slot.kind) == ("i2h", "bias"):
            vector[slot.offset : slot.offset + 4] = torch.tensor([30.0, 30.0, 30.0, 30.0])
    data, state, cell = (
        torch.zeros(3, 1, 1, dtype=DOUBLE),
        torch.zeros(1, 1, 1, dtype=DOUBLE),
        torch.zeros(1, 1, 1, dtype=DOUBLE),
    )
    output, _, final = _layer(Reference(), layout, [data, vector, state, cell], Clip(-1.0, 1.5, False))
    assert_close(output.flatten(), np.tanh([1.0, 1.5, 1.5]), 1e-9, "output")
    assert final.item() == 1.5


@pytest.mark.parametrize("nan", [False, True])
def test_clipping_may_include_nan(nan: bool) -> None:
    layout = Layout("lstm", 2, 1)
    sample = torch_rnn.draw(layout, 2, 1, 2, seed=0)
    sample.inputs[3][..., 0] = np.nan
    _, _, cell = _layer(Reference(), layout, _leaves(sample), Clip(-1.0, 1.0, nan))
    assert cell.isnan().any() != nan


class TestOperator:
    """The operator above the door."""

    @staticmethod
    def arrays(sample: torch_rnn.Sample) -> list[Any]:
        return [mx.nd.array(each, dtype="float64") for each in sample.inputs]

    @pytest.mark.parametrize("layers", [1, 2, 3])
    @pytest.mark.parametrize("bidirectional", [False, True])
    def test_projection(self, layers: int, bidirectional: bool) -> None:
        sample = torch_rnn.draw(Layout("lstm", 5, layers, bidirectional, 3), 4, 3, 2, seed=0)
        arrays = self.arrays(sample)
        for array in arrays:
            array.attach_grad()
        with mx.autograd.record():
            outputs = mx.nd.RNN(*arrays, **sample.attrs())
        mx.autograd.backward(outputs, [mx.nd.array(head, dtype="float64") for head in sample.heads])
        expected, gradients = torch_rnn.run(sample)
        assert_all_close(outputs, expected, 1e-11, "output")
        assert_all_close([array.grad for array in arrays], gradients, 1e-11, "gradient")

    def test_clipping(self) -> None:
        """Every layer's cell stays within the bounds, and the last one's output shows it."""
        sample = torch_rnn.draw(Layout("lstm", 5, 2, True), 4, 3, 2, seed=0)
        bounds = {"lstm_state_clip_min": -0.25, "lstm_state_clip_max": 0.5}
        output, _, cell = mx.nd.RNN(*self.arrays(sample), **sample.attrs(**bounds))
        free, _, far = mx.nd.RNN(*self.arrays(sample), **sample.attrs())
        assert cell.asnumpy().min() == -0.25
        assert cell.asnumpy().max() == 0.5
        assert np.abs(far.asnumpy()).max() > 1
        assert np.abs(output.asnumpy()).max() <= np.tanh(0.5)
        wide = mx.nd.RNN(*self.arrays(sample), **sample.attrs(lstm_state_clip_min=-99, lstm_state_clip_max=99))
        assert_close(wide[0], free.asnumpy(), 1e-12, "output within wide bounds")

    @every_mode
    def test_padding_changes_nothing(self, mode: str) -> None:
        """Two layers in two directions: what stands behind a sequence's end does not show in any output."""
        sample = torch_rnn.draw(Layout(mode, 3, 2, True), 5, 3, 2, seed=0)
        lengths = mx.nd.array([5, 2, 1], dtype="float64")
        first = mx.nd.RNN(*self.arrays(sample), sequence_length=lengths, use_sequence_length=True, **sample.attrs())
        sample.inputs[0][2:, 1] = np.inf
        sample.inputs[0][1:, 2] = np.nan
        second = mx.nd.RNN(*self.arrays(sample), sequence_length=lengths, use_sequence_length=True, **sample.attrs())
        for before, after in zip(first, second, strict=True):
            assert (before == after).asnumpy().all()

    @every_mode
    def test_lengths_by_name_in_order_and_in_a_graph(self, mode: str) -> None:
        """They come after the states, one for an LSTM two, of which the others have none."""
        sample = torch_rnn.draw(Layout(mode, 3), 5, 3, 2, seed=0)
        lengths = mx.nd.array([5, 2, 1], dtype="float64")
        attrs = sample.attrs(use_sequence_length=True, state_outputs=False)
        arrays = self.arrays(sample)
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

    def test_dropout_lies_between_layers(self) -> None:
        """Two layers with dropout are one layer, Dropout, and another."""
        both = Layout("gru", 4, 2)
        sample = torch_rnn.draw(both, 6, 3, 4, seed=0)
        data, vector, state = self.arrays(sample)
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
    def test_nothing_to_do(self, mode: str, steps: int, batch: int) -> None:
        sample = torch_rnn.draw(Layout(mode, 3, 2, True), steps, batch, 2, seed=0)
        output, *final = mx.nd.RNN(*self.arrays(sample), **sample.attrs())
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
    def test_objections_to_attributes(self, attrs: dict[str, Any], message: str) -> None:
        sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
        with pytest.raises(ArgumentError, match=message):
            mx.nd.RNN(*self.arrays(sample), **sample.attrs(**attrs))

    @pytest.mark.parametrize(
        "attrs", [{"projection_size": 2}, {"lstm_state_clip_min": -1.0, "lstm_state_clip_max": 1.0}]
    )
    @pytest.mark.parametrize("mode", ["gru", "rnn_tanh", "rnn_relu"])
    def test_what_only_an_lstm_does(self, mode: str, attrs: dict[str, Any]) -> None:
        sample = torch_rnn.draw(Layout(mode, 3), 2, 2, 2, seed=0)
        with pytest.raises(
            ArgumentError, match=f"apply to mode 'lstm', not '{mode}'|applies to mode 'lstm', not '{mode}'"
        ):
            mx.nd.RNN(*self.arrays(sample), **sample.attrs(**attrs))

    @pytest.mark.parametrize(
        ("place", "shape", "message"),
        [
            (0, (2, 2), r"data: expected \(T, N, input\), got shape \(2, 2\)"),
            (1, (5,), r"parameters: expected a vector of 84 .*got shape \(5,\)"),
            (2, (1, 2, 4), r"state: expected shape \(1, 2, 3\), got \(1, 2, 4\)"),
            (3, (2, 2, 3), r"state_cell: expected shape \(1, 2, 3\), got \(2, 2, 3\)"),
        ],
    )
    def test_objections_to_shapes(self, place: int, shape: tuple[int, ...], message: str) -> None:
        sample = torch_rnn.draw(Layout("lstm", 3), 2, 2, 2, seed=0)
        arrays = self.arrays(sample)
        arrays[place] = mx.nd.zeros(shape, dtype="float64")
        with pytest.raises(ShapeError, match=message):
            mx.nd.RNN(*arrays, **sample.attrs())


def test_who_objects_to_what() -> None:
    data = torch.zeros(2, 2, 2)
    fused = TorchFused()
    plain = _problem(Layout("lstm", 3), data)
    assert fused.why_not(plain) is None
    assert "clip" in str(fused.why_not(plain._replace(clip=Clip(-1, 1, False))))
    narrow = plain._replace(projection_size=3)
    assert "fewer" in str(fused.why_not(narrow))
    assert fused.why_not(narrow._replace(projection_size=2)) is None
    assert "empty" in str(fused.why_not(plain._replace(steps=0)))
    assert "torch.int64" in str(fused.why_not(plain._replace(dtype=torch.int64)))
    assert door.choose(plain).name == "torch"
    assert door.choose(plain._replace(clip=Clip(-1, 1, False))).name == "reference"


def test_a_backend_can_be_pinned() -> None:
    plain = _problem(Layout("lstm", 3), torch.zeros(2, 2, 2))
    with door.pinned("reference"):
        assert door.choose(plain).name == "reference"
        with door.pinned("torch"):
            assert door.choose(plain).name == "torch"
            with pytest.raises(
                NotSupportedError, match="'torch' does not take this problem: torch's layers do not clip"
            ):
                door.choose(plain._replace(clip=Clip(-1, 1, False)))
    assert door.choose(plain).name == "torch"
    with (
        pytest.raises(ArgumentError, match="backend: expected one of reference, torch; got 'abacus'"),
        door.pinned("abacus"),
    ):
        pass
