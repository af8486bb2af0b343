"""Our own kernels: every instruction set that this processor has against float64, odd sizes first; threads; memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import torch_rnn
from rennet._kernels import cpu, native_library
from rennet._kernels.cpu import Native, instruction_set, instruction_sets
from rennet._kernels.interface import Clip, Inputs, Masks
from rennet._kernels.reference import Reference
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, MXNetError, ShapeError

from .layers import inputs_of, layer, leaves_of, problem_of

pytestmark = pytest.mark.skipif(Native().missing() is not None, reason=str(Native().missing()))
every_mode = pytest.mark.parametrize("mode", sorted(MODES))
every_set = pytest.mark.parametrize("instructions", instruction_sets())
WORST = 4e-6
"""Largest error of float32 relative to the largest number of the same tensor, against float64."""


def worst(ours: Tensor, theirs: Tensor) -> float:
    """Max-relative error; NaN counts as infinite."""
    if not ours.numel():
        return 0.0
    error = float((ours.double() - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30))
    return float("inf") if np.isnan(error) else error


def everything(
    backend: Any,
    layout: Layout,
    sample: torch_rnn.Sample,
    dtype: torch.dtype,
    clip: Clip | None,
    lengths: Tensor | None,
) -> list[Tensor]:
    """Results of inference, results of training, gradients."""
    leaves = leaves_of(sample, dtype)
    inputs = inputs_of(layout, [leaf.detach() for leaf in leaves], lengths)
    inferred = backend.run(problem_of(layout, inputs, clip)._replace(needs_grad=False), inputs)
    results = layer(backend, layout, leaves, clip, lengths)
    torch.autograd.backward(results, [torch.tensor(head, dtype=dtype) for head in sample.heads])
    return [*inferred, *(result.detach() for result in results), *(leaf.grad for leaf in leaves)]  # pyright: ignore


def compare(
    layout: Layout,
    sizes: tuple[int, int, int],
    clip: Clip | None = None,
    lengths: list[int] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    sample = torch_rnn.draw(layout, *sizes, seed=1)
    sample.inputs[1][:] *= 2 / np.sqrt(max(layout.hidden_size, 4))
    ends = None if lengths is None else torch.tensor(lengths)
    expected = everything(Reference(), layout, sample, torch.float64, clip, ends)
    found = everything(Native(), layout, sample, dtype, clip, ends)
    for place, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours.shape == theirs.shape
        assert worst(ours, theirs) < (WORST if dtype == torch.float32 else 1e-13), f"{layout}, {sizes}: number {place}"


# batches of every tile's remainder, hidden sizes around every vector's width, few rows and many
SIZES = [
    (1, 1, 3, 5),
    (5, 1, 7, 9),
    (70, 1, 3, 31),
    (5, 2, 4, 16),
    (3, 3, 17, 33),
    (9, 8, 5, 1),
    (20, 7, 33, 40),
    (17, 13, 24, 64),
    (1, 67, 48, 129),
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@every_mode
@every_set
def test_values_and_gradients(
    instructions: str, mode: str, bidirectional: bool, sizes: tuple[int, int, int, int]
) -> None:
    steps, batch, inputs, hidden = sizes
    lengths = torch.randint(0, steps + 1, (batch,)).tolist()
    with instruction_set(instructions):
        compare(Layout(mode, hidden, 1, bidirectional), (steps, batch, inputs))
        compare(Layout(mode, hidden, 1, bidirectional), (steps, batch, inputs), None, lengths)
        compare(Layout(mode, hidden, 1, bidirectional), (steps, batch, inputs), None, lengths, torch.float64)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("projection", [1, 5, 40])
@every_set
def test_projection_and_clipping(instructions: str, projection: int, sizes: tuple[int, int, int, int]) -> None:
    steps, batch, inputs, hidden = sizes
    lengths = torch.randint(0, steps + 1, (batch,)).tolist()
    layout = Layout("lstm", hidden, 1, True, projection)
    with instruction_set(instructions):
        compare(layout, (steps, batch, inputs))
        compare(layout, (steps, batch, inputs), Clip(-0.3, 0.2, True), lengths)
        compare(Layout("lstm", hidden), (steps, batch, inputs), Clip(-0.3, 0.2, False), None, torch.float64)


@every_mode
def test_long_sums(mode: str) -> None:
    """More terms than a block of the products has, more rows than one of the weights' gradients."""
    compare(Layout(mode, 400), (30, 21, 300))


@pytest.mark.parametrize("lengths", [[0, 0], [0, 1], [2, 2], [1, 2]], ids=str)
@every_mode
def test_short_lengths(mode: str, lengths: list[int]) -> None:
    compare(Layout(mode, 5, 1, True), (4, 2, 3), None, lengths, torch.float64)


@every_set
def test_extreme_numbers(instructions: str) -> None:
    """Gates far outside of where exp() can go; NaN stays, and stays in its own sequence."""
    layout = Layout("lstm", 9)
    sample = torch_rnn.draw(layout, 3, 4, 2, seed=0)
    sample.inputs[0][0] = np.array([[1e30, -1e30], [300.0, 1.0], [-200.0, 90.0], [1.0, 1.0]])
    with instruction_set(instructions):
        for dtype in (torch.float32, torch.float64):
            expected = layer(Reference(), layout, leaves_of(sample, dtype))
            for ours, theirs in zip(layer(Native(), layout, leaves_of(sample, dtype)), expected, strict=True):
                torch.testing.assert_close(ours, theirs)
        sample.inputs[0][0, 3] = np.nan
        for mode in sorted(MODES):
            layout = Layout(mode, 9)
            drawn = torch_rnn.draw(layout, 3, 4, 2, seed=0)
            drawn.inputs[0][0, 3] = np.nan
            output = layer(Native(), layout, leaves_of(drawn))[0]
            assert output[:, 3].isnan().all()
            assert output[:, :3].isfinite().all()


def bits(layout: Layout, sample: torch_rnn.Sample, lengths: Tensor | None = None) -> bytes:
    found = everything(Native(), layout, sample, torch.float32, None, lengths)
    return b"".join(each.numpy().tobytes() for each in found)


@pytest.fixture
def threads() -> Any:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@every_mode
def test_the_same_bits_by_any_number_of_threads(mode: str, bidirectional: bool, threads: Callable[[int], None]) -> None:
    for steps, batch, lengths in ((12, 24, None), (12, 24, torch.randint(0, 13, (24,))), (50, 1, None)):
        layout = Layout(mode, 100, 1, bidirectional)
        sample = torch_rnn.draw(layout, steps, batch, 70, seed=0)
        found = set()
        for count in (1, 2, 3, 6):
            threads(count)
            found.add(bits(layout, sample, lengths))
        assert len(found) == 1


def test_many_callers_at_once(threads: Callable[[int], None]) -> None:
    """Callers of different sizes; whoever finds the threads busy computes alone, to the same bits."""
    threads(2)
    cases = []
    for number, mode in enumerate(sorted(MODES)):
        layout = Layout(mode, 50 + number, 1, number % 2 == 0)
        sample = torch_rnn.draw(layout, 6, 9, 40, seed=number)
        cases.append((layout, sample, bits(layout, sample)))
    wrong: list[str] = []

    def call(case: Any) -> None:
        layout, sample, expected = case
        for _ in range(15):
            if bits(layout, sample) != expected:
                wrong.append(layout.mode)

    callers = [threading.Thread(target=call, args=(case,)) for case in cases * 2]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_own_threads_and_those_of_torch(threads: Callable[[int], None]) -> None:
    """The same bits on either, also where torch computes in between, or has fewer threads than are asked for."""
    threads(2)
    library, openmp = native_library.load(), native_library._openmp()
    assert isinstance(library, native_library.Library)
    assert openmp is not None or "OpenMP" not in torch.__config__.parallel_info()
    layout = Layout("lstm", 100, 1, True)
    sample = torch_rnn.draw(layout, 12, 24, 70, seed=0)
    matrix = torch.randn(300, 300)
    found: list[Any] = []

    def compute() -> None:
        found.append(bits(layout, sample))

    try:
        for shared in (None, openmp, None, openmp):
            library.share_threads(shared)
            compute()
            matrix = matrix @ matrix / 300
            compute()
            other = threading.Thread(target=compute)
            other.start()
            other.join()
    finally:
        library.share_threads(openmp)
    assert len(found) == 12
    assert len(set(found)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes(threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    # poisoning memory takes torch's own threads, which do not survive a fork
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)
    threads(2)
    layout = Layout("lstm", 100)
    sample = torch_rnn.draw(layout, 12, 24, 70, seed=0)
    tensors = [torch.tensor(each, dtype=torch.float32) for each in sample.inputs]
    inputs = inputs_of(layout, tensors)
    problem = problem_of(layout, inputs)._replace(needs_grad=False)
    expected = Native().run(problem, inputs)[0]
    for _ in range(3):
        child = os.fork()
        if child == 0:
            # only what is asked about: a child of a process with threads should do little else
            same = torch.equal(Native().run(problem, inputs)[0], expected)
            os._exit(0 if same else 1)
        deadline = time.monotonic() + 60
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert done == (child, 0), "the child hangs, or computed something else"
    assert torch.equal(Native().run(problem, inputs)[0], expected)


def test_idle_threads_sleep(threads: Callable[[int], None]) -> None:
    threads(2)
    layout = Layout("lstm", 100)
    inputs = inputs_of(layout, [each.detach() for each in leaves_of(torch_rnn.draw(layout, 12, 24, 70, seed=0))])
    Native().run(problem_of(layout, inputs)._replace(needs_grad=False), inputs)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1


def test_a_weight_written_to_behind_torchs_back_is_noticed() -> None:
    """T42: nothing made of weights is kept between calls."""
    layout = Layout("lstm", 24)
    data, vector, *states = [each.detach() for each in leaves_of(torch_rnn.draw(layout, 9, 16, 20, seed=0))]

    def run() -> Tensor:
        inputs = inputs_of(layout, [data, vector, *states])
        return Native().run(problem_of(layout, inputs)._replace(needs_grad=False), inputs)[0]

    before = run()
    vector.numpy()[:] *= 0.5  # no version counter sees this
    inputs = inputs_of(layout, [data, vector, *states])
    assert not torch.equal(run(), before)
    torch.testing.assert_close(run(), Reference().run(problem_of(layout, inputs), inputs)[0])


@every_mode
def test_backwards_twice_and_in_parts(mode: str) -> None:
    layout = Layout(mode, 6, 1, True)
    sample = torch_rnn.draw(layout, 5, 4, 3, seed=0)
    leaves = leaves_of(sample)
    results = layer(Native(), layout, leaves)
    heads = [torch.tensor(head) for head in sample.heads]
    first = torch.autograd.grad(results, leaves, heads, retain_graph=True)
    second = torch.autograd.grad(results, leaves, heads, retain_graph=True)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    (only_state,) = torch.autograd.grad(results[1], leaves[2], heads[1], retain_graph=True)
    expected = layer(Reference(), layout, leaves)
    torch.testing.assert_close(only_state, torch.autograd.grad(expected[1], leaves[2], heads[1])[0])
    many = torch.stack([heads[0], 2 * heads[0]])
    (batched,) = torch.autograd.grad(results[0], leaves[1], many, is_grads_batched=True)
    torch.testing.assert_close(batched[1], 2 * batched[0])


def test_gradients_of_inputs_that_depend_on_each_other() -> None:
    """The state is made from the data: each gradient must count each way once, also when differentiated again."""
    layout = Layout("gru", 3)
    data, vector, _ = leaves_of(torch_rnn.draw(layout, 4, 2, 3, seed=0))

    def compute(backend: Any) -> Tensor:
        output = layer(backend, layout, [data, vector, data[:1].tanh()])[0]
        (first,) = torch.autograd.grad(output.sin().sum(), data, create_graph=True)
        return torch.autograd.grad(first.square().sum(), data)[0]

    torch.testing.assert_close(compute(Native()), compute(Reference()))


def test_tensors_with_gaps() -> None:
    layout = Layout("lstm", 5, 1, True)
    sample = torch_rnn.draw(layout, 4, 3, 6, seed=0)
    data, vector, *states = leaves_of(sample)
    with_gaps = [
        data.transpose(0, 1).contiguous().transpose(0, 1),
        torch.stack([vector, vector], 1)[:, 0],
        *[state.transpose(0, 2).contiguous().transpose(0, 2) for state in states],
    ]
    expected = layer(Reference(), layout, [data, vector, *states])
    found = layer(Native(), layout, with_gaps)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    sources = [data, vector, *states]
    heads = [torch.tensor(head).transpose(0, 2).contiguous().transpose(0, 2) for head in sample.heads]
    for ours, theirs in zip(
        torch.autograd.grad(found, sources, heads), torch.autograd.grad(expected, sources, heads), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_an_instruction_set_that_is_not_here() -> None:
    with pytest.raises(ArgumentError, match="instruction set: expected one of"), instruction_set("abacus"):
        pass
    assert instruction_sets()


@pytest.fixture
def fresh() -> Any:
    native_library.load.cache_clear()
    yield
    native_library.load.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_library_that_is_not_there_or_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native_library, "_find", lambda: None)
    assert "not built: installing rennet found no working C++ compiler" in str(Native().missing())
    assert cpu.instruction_sets() == []
    native_library.load.cache_clear()
    monkeypatch.setattr(native_library, "_find", lambda: tmp_path / "_native.so")
    assert "cannot be loaded" in str(Native().missing())
    native_library.load.cache_clear()
    monkeypatch.undo()
    monkeypatch.setattr(native_library, "INTERFACE", 99)
    assert "another version of rennet" in str(Native().missing())


def misfits(inputs: Inputs) -> list[tuple[str, type[MXNetError], Inputs]]:
    """Inputs in which one thing does not fit, and what the message says of it."""
    (weights,), (hidden, cell) = inputs.weights, inputs.states

    def bad(name: str, tensor: Tensor) -> Inputs:
        return inputs._replace(weights=[weights._replace(**{name: tensor})])

    return [
        ("data: expected shape", ShapeError, inputs._replace(data=inputs.data[:, :, :2])),
        ("data: expected torch.float64", ArgumentError, inputs._replace(data=inputs.data.float())),
        ("state: expected shape", ShapeError, inputs._replace(states=[hidden[:, :1], cell])),
        ("state: expected torch.float64", ArgumentError, inputs._replace(states=[hidden.float(), cell])),
        ("state_cell: expected shape", ShapeError, inputs._replace(states=[hidden, cell[:, :, :2]])),
        ("i2h_weight: expected shape", ShapeError, bad("i2h_weight", weights.i2h_weight[:, :1])),
        ("i2h_weight: .* on meta", ArgumentError, bad("i2h_weight", weights.i2h_weight.to("meta"))),
        ("h2h_weight: expected torch.float64", ArgumentError, bad("h2h_weight", weights.h2h_weight.float())),
        ("i2h_bias: expected shape", ShapeError, bad("i2h_bias", weights.i2h_bias[1:])),
        ("h2h_bias: expected torch.float64", ArgumentError, bad("h2h_bias", weights.h2h_bias.float())),
        ("lengths: expected shape", ShapeError, inputs._replace(lengths=torch.tensor([1]))),
        ("lengths: expected torch.int64", ArgumentError, inputs._replace(lengths=torch.tensor([1, 2]).int())),
    ]


@pytest.mark.parametrize("place", range(12))
def test_nothing_is_read_that_is_not_as_the_problem_says(place: int) -> None:
    """The kernels are handed addresses: a caller that did not look must not reach them."""
    layout = Layout("lstm", 4)
    inputs = inputs_of(layout, [leaf.detach() for leaf in leaves_of(torch_rnn.draw(layout, 3, 2, 5, seed=0))])
    text, error, wrong = misfits(inputs)[place]
    problem = problem_of(layout, inputs)._replace(has_lengths=wrong.lengths is not None)
    heads = [torch.ones(3, 2, 4, dtype=torch.float64), *inputs.states]
    for compute in (
        lambda: Native().run(problem._replace(needs_grad=False), wrong),
        lambda: Native().run(problem, wrong._replace(data=wrong.data.requires_grad_())),
        lambda: Native().gradients(problem, wrong, heads, [True] * 7),
    ):
        with pytest.raises(error, match=text):
            compute()


def test_masks_gradients_and_how_many_there_are_is_looked_at_too() -> None:
    layout = Layout("gru", 4)
    inputs = inputs_of(layout, [leaf.detach() for leaf in leaves_of(torch_rnn.draw(layout, 3, 2, 5, seed=0))])
    problem = problem_of(layout, inputs)
    with pytest.raises(ArgumentError, match="expected 6 tensors, got 5"):
        Native().run(problem._replace(needs_grad=False), inputs._replace(states=[]))
    with pytest.raises(ShapeError, match="gradient of a result: expected shape"):
        Native().gradients(problem, inputs, [torch.ones(3, 2, 3, dtype=torch.float64), *inputs.states], [True] * 6)
    masked = inputs._replace(masks=Masks(drop_hidden=torch.ones(1, 2, 3, dtype=torch.float64)))
    with pytest.raises(ShapeError, match=r"drop_hidden: expected shape \(1, 2, 4\)"):
        Native().run(problem_of(layout, masked)._replace(needs_grad=False), masked)
