"""The backends of the recurrence against each other, torch's modules and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_rnn
import torch_rnn
from differential import assert_all_close, assert_close
from rennet._kernels import torch_fused
from rennet._kernels.cpu import Native
from rennet._kernels.interface import Backend, Clip
from rennet._kernels.reference import Reference
from rennet._kernels.torch_fused import TorchFused
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES

from .layers import DOUBLE, inputs_of, layer, leaves_of, problem_of

size = st.integers(1, 7)
EVERY_BACKEND: tuple[Backend, ...] = (Reference(), TorchFused(), Native())
every_mode = pytest.mark.parametrize("mode", sorted(MODES))


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
    for backend in EVERY_BACKEND:
        leaves = leaves_of(sample)
        assert backend.why_not(problem_of(layout, inputs_of(layout, leaves))) is None
        outputs = layer(backend, layout, leaves)
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
    for backend in EVERY_BACKEND:
        leaves = leaves_of(sample)
        outputs = layer(backend, layout, leaves)
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
    leaves = leaves_of(torch_rnn.draw(layout, 2, 2, 2, seed=0))
    for lengths in (None, torch.tensor([1, 2])):
        compute = lambda *inputs, given=lengths: tuple(layer(Reference(), layout, list(inputs), clip, given))  # noqa: E731
        assert torch.autograd.gradcheck(compute, leaves)
    if not bidirectional:
        again = lambda *inputs: tuple(layer(Reference(), layout, list(inputs), clip))  # noqa: E731
        assert torch.autograd.gradgradcheck(again, leaves)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("backend", EVERY_BACKEND, ids=lambda backend: backend.name)
@pytest.mark.parametrize(("mode", "projection"), [*((mode, None) for mode in sorted(MODES)), ("lstm", 2)])
def test_lengths_are_each_sequence_alone(
    mode: str, projection: int | None, backend: Backend, bidirectional: bool
) -> None:
    layout = Layout(mode, 3, 1, bidirectional, projection)
    sample = torch_rnn.draw(layout, 5, 4, 2, seed=0)
    lengths = [5, 3, 1, 0]
    # padding that must not be looked at
    for row, length in enumerate(lengths):
        sample.inputs[0][length:, row] = np.nan
    leaves = leaves_of(sample)
    outputs = layer(backend, layout, leaves, None, torch.tensor(lengths))
    torch.autograd.backward(outputs, [torch.tensor(head) for head in sample.heads])
    gradients = [leaf.grad.numpy() for leaf in leaves]  # pyright: ignore[reportOptionalMemberAccess]
    totals = np.zeros_like(sample.inputs[1])
    for row, length in enumerate(lengths):
        data, vector, *states = leaves_of(sample)
        cut = [data[:length, row : row + 1], vector, *[state[:, row : row + 1] for state in states]]
        alone = layer(Reference(), layout, cut)
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


@pytest.mark.parametrize("backend", [Reference(), Native()], ids=lambda backend: backend.name)
def test_a_clipped_cell_is_what_goes_on(backend: Backend) -> None:
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
    output, _, final = layer(backend, layout, [data, vector, state, cell], Clip(-1.0, 1.5, False))
    assert_close(output.flatten(), np.tanh([1.0, 1.5, 1.5]), 1e-9, "output")
    assert final.item() == 1.5


@pytest.mark.parametrize("backend", [Reference(), Native()], ids=lambda backend: backend.name)
@pytest.mark.parametrize("nan", [False, True])
def test_clipping_may_include_nan(nan: bool, backend: Backend) -> None:
    layout = Layout("lstm", 2, 1)
    sample = torch_rnn.draw(layout, 2, 1, 2, seed=0)
    sample.inputs[3][..., 0] = np.nan
    leaves = leaves_of(sample)
    output, _, cell = layer(backend, layout, leaves, Clip(-1.0, 1.0, nan))
    assert cell.isnan().any() != nan
    if nan:
        attrs = {**sample.attrs(), "lstm_state_clip_min": -1.0, "lstm_state_clip_max": 1.0, "lstm_state_clip_nan": True}
        assert_close(cell, numpy_rnn.run(sample.inputs, **attrs)[2], 1e-12, "cell state")
        (output.sum() + cell.sum()).backward()
        for leaf in leaves:
            assert leaf.grad is not None
            assert leaf.grad.isfinite().all(), "what is clipped from NaN lets no gradient through, NaN least of all"
        assert leaves[1].grad.any()  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("backend", EVERY_BACKEND, ids=lambda backend: backend.name)
@every_mode
def test_a_state_without_steps_stays_alone(mode: str, backend: Backend) -> None:
    """A sequence of length 0 hands over its state, be it NaN, and nobody else sees it."""
    layout = Layout(mode, 3, 1, True)
    sample = torch_rnn.draw(layout, 4, 3, 2, seed=0)
    for state in sample.inputs[2:]:
        state[:, 1] = np.nan
    leaves = leaves_of(sample)
    results = layer(backend, layout, leaves, None, torch.tensor([4, 0, 2]))
    assert results[0].isfinite().all()
    for state in results[1:]:
        assert state[:, 1].isnan().all()
        assert state[:, ::2].isfinite().all()
    torch.autograd.backward(results, [torch.ones_like(result) for result in results])
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


def test_torch_is_given_whole_sequences_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing costs, and pays only if there is padding."""
    layout = Layout("gru", 3)
    leaves = leaves_of(torch_rnn.draw(layout, 4, 3, 2, seed=0))
    expected = layer(TorchFused(), layout, leaves)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("packed")

    monkeypatch.setattr(torch_fused, "pack_padded_sequence", refuse)
    for ours, theirs in zip(layer(TorchFused(), layout, leaves, None, torch.tensor([4, 4, 4])), expected, strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(AssertionError, match="packed"):
        layer(TorchFused(), layout, leaves, None, torch.tensor([4, 4, 3]))
