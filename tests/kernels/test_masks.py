"""Masks for what a step hands on: the kernels against the reference, and that against single steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import torch_rnn
from rennet._kernels.cpu import Native, instruction_set, instruction_sets
from rennet._kernels.door import BACKENDS
from rennet._kernels.interface import Clip, Inputs, Masks, Weights
from rennet._kernels.layer import run_layer
from rennet._kernels.reference import Reference
from rennet._kernels.stack import run_stack, stack_of
from rennet._kernels.torch_fused import TorchFused
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import MXNetError

from .layers import DOUBLE, inputs_of, leaves_of, problem_of
from .test_native import SIZES, worst

every_mode = pytest.mark.parametrize("mode", sorted(MODES))
every_set = pytest.mark.parametrize("instructions", instruction_sets())
native = pytest.mark.skipif(Native().missing() is not None, reason=str(Native().missing()))
KINDS = ["hidden", "cell", "both", "mixed", "dropped", "dropped, cell"]


def masks_of(kind: str, layout: Layout, steps: int, batch: int, dtype: torch.dtype = DOUBLE) -> Masks | None:
    """Random masks, the same for each element type; None where the recurrence has no cell state to mask."""
    if layout.mode != "lstm" and kind in ("cell", "both", "mixed", "dropped, cell"):
        return None
    drawn = torch.Generator().manual_seed(3)
    ways, widths = layout.directions, (layout.output_size, layout.hidden_size)

    def kept(width: int) -> Tensor:
        uniform = torch.rand((steps, batch, ways * width), generator=drawn, dtype=DOUBLE)
        # with what dropout leaves of ones, every other one
        return (uniform if kind == "mixed" else (uniform < 0.6) * (1 + torch.arange(width * ways) % 2 / 0.6)).to(dtype)

    dropped = (torch.rand((ways, batch, widths[0]), generator=drawn, dtype=DOUBLE) < 0.7).to(dtype) / 0.7
    return Masks(
        kept(widths[0]) if kind in ("hidden", "both", "mixed") else None,
        kept(widths[1]) if kind in ("cell", "both", "mixed", "dropped, cell") else None,
        dropped if kind.startswith("dropped") else None,
    )


def everything(
    backend: Any, layout: Layout, sizes: tuple[int, int, int], dtype: torch.dtype, masks: Masks, clip: Any, lengths: Any
) -> list[Tensor]:
    """Results of inference, results of training, gradients for heads of every result."""
    sample = torch_rnn.draw(layout, *sizes, seed=1)
    leaves = leaves_of(sample, dtype)
    leaves[1].data *= 2 / max(layout.hidden_size, 4) ** 0.5
    inputs = inputs_of(layout, [leaf.detach() for leaf in leaves], lengths)._replace(masks=masks)
    inferred = backend.run(problem_of(layout, inputs, clip)._replace(needs_grad=False), inputs)
    inputs = inputs_of(layout, leaves, lengths)._replace(masks=masks)
    results = backend.run(problem_of(layout, inputs, clip), inputs)
    drawn = torch.Generator().manual_seed(5)
    heads = [torch.randn(each.shape, generator=drawn, dtype=DOUBLE).to(dtype) for each in results]
    torch.autograd.backward(results, heads, retain_graph=True)
    once = [leaf.grad.clone() for leaf in leaves if leaf.grad is not None]
    torch.autograd.backward(results, heads)  # the record was used up: it is computed anew
    assert [worst(leaf.grad / 2, each.double()) < 1e-5 for leaf, each in zip(leaves, once, strict=True)]  # pyright: ignore
    return [*inferred, *(result.detach() for result in results), *once]


def compare(
    layout: Layout, sizes: tuple[int, int, int], kind: str, dtype: torch.dtype, clip: Any = None, lengths: Any = None
) -> None:
    masks = masks_of(kind, layout, *sizes[:2])
    if masks is None:
        return
    ends = None if lengths is None else torch.tensor(lengths)
    expected = everything(Reference(), layout, sizes, DOUBLE, masks, clip, ends)
    ours = masks_of(kind, layout, *sizes[:2], dtype)
    assert ours is not None
    found = everything(Native(), layout, sizes, dtype, ours, clip, ends)
    for place, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        assert mine.shape == theirs.shape
        assert worst(mine, theirs) < (4e-6 if dtype == torch.float32 else 1e-13), f"{layout}, {kind}: number {place}"


@native
@pytest.mark.parametrize("sizes", SIZES[1::2], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@every_mode
@every_set
def test_values_and_gradients(instructions: str, mode: str, kind: str, sizes: tuple[int, int, int, int]) -> None:
    steps, batch, inputs, hidden = sizes
    lengths = torch.randint(0, steps + 1, (batch,)).tolist()
    with instruction_set(instructions):
        compare(Layout(mode, hidden), (steps, batch, inputs), kind, torch.float32)
        compare(Layout(mode, hidden, 1, True), (steps, batch, inputs), kind, DOUBLE)
        compare(Layout(mode, hidden, 1, True), (steps, batch, inputs), kind, torch.float32, None, lengths)


@native
@pytest.mark.parametrize("sizes", SIZES[1::2], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@every_set
def test_projection_and_clipping(instructions: str, kind: str, sizes: tuple[int, int, int, int]) -> None:
    steps, batch, inputs, hidden = sizes
    lengths = torch.randint(0, steps + 1, (batch,)).tolist()
    with instruction_set(instructions):
        compare(Layout("lstm", hidden, 1, False, 5), (steps, batch, inputs), kind, DOUBLE, Clip(-0.3, 0.2, True))
        compare(Layout("lstm", hidden, 1, True, 40), (steps, batch, inputs), kind, DOUBLE, None, lengths)
        compare(Layout("lstm", hidden), (steps, batch, inputs), kind, torch.float32, Clip(-0.3, 0.2, False))


@native
@every_mode
@pytest.mark.parametrize("kind", ["hidden", "both", "dropped"])
def test_the_same_bits_for_any_number_of_threads(mode: str, kind: str) -> None:
    layout, sizes = Layout(mode, 70, 1, True), (9, 33, 20)
    masks = masks_of(kind, layout, *sizes[:2], torch.float32)
    if masks is None:
        return
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        found.append(everything(Native(), layout, sizes, torch.float32, masks, None, None))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def single_steps(layout: Layout, inputs: Inputs, masks: Masks) -> list[Tensor]:
    """The same, one call of the plain reference for each step."""
    states, outputs, carried = list(inputs.states), [], []
    for t in range(inputs.data.shape[0]):
        before = list(states)
        if masks.drop_hidden is not None and t:
            before[0] = before[0] * masks.drop_hidden
        one = Inputs(inputs.data[t : t + 1], inputs.weights, before, None)
        output, *states = run_layer(layout.mode, None, one)
        for place, keep in enumerate((masks.keep_hidden, masks.keep_cell)):
            if keep is not None:
                states[place] = torch.where(keep[t : t + 1] > 0, states[place], before[place])
        outputs.append(output)
        carried.append(states[0])
    shown = [torch.cat(carried)] if masks.keep_hidden is not None else []
    return [torch.cat(outputs), *states, *shown]


@every_mode
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mixed"])
@pytest.mark.parametrize("backend", [each for each in BACKENDS if each.name != "torch"], ids=lambda each: each.name)
def test_what_the_masks_mean(backend: Any, mode: str, kind: str) -> None:
    if backend.missing():
        pytest.skip(backend.missing())
    layout = Layout(mode, 6)
    masks = masks_of(kind, layout, 5, 4)
    if masks is None:
        return
    found = []
    for run in (backend.run, None):
        leaves = leaves_of(torch_rnn.draw(layout, 5, 4, 3, seed=2))
        inputs = inputs_of(layout, leaves)
        masked = inputs._replace(masks=masks)
        results = single_steps(layout, inputs, masks) if run is None else run(problem_of(layout, masked), masked)
        sum((result.sin().sum() for result in results), torch.zeros((), dtype=DOUBLE)).backward()
        found.append([*results, *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@every_mode
@pytest.mark.parametrize("lengths", [None, [3, 0, 5, 1]], ids=["whole", "ragged"])
def test_backwards_is_forwards_over_reversed_data(mode: str, lengths: list[int] | None) -> None:
    """Masks count a direction's own steps."""
    layout = Layout(mode, 6)
    masks = masks_of("both" if mode == "lstm" else "hidden", layout, 5, 4)
    assert masks is not None
    leaves = [leaf.detach() for leaf in leaves_of(torch_rnn.draw(layout, 5, 4, 3, seed=2))]
    ends = None if lengths is None else torch.tensor(lengths)
    plain = inputs_of(layout, leaves, ends)._replace(masks=masks)
    twice = Masks(*(None if mask is None else torch.cat([torch.zeros_like(mask), mask], 2) for mask in masks))
    turned = [list(range((lengths or [5] * 4)[b])) for b in range(4)]
    data = torch.stack([plain.data[[*turned[b][::-1], *range(len(turned[b]), 5)], b] for b in range(4)], 1)
    both = Inputs(data, plain.weights * 2, [state.repeat(2, 1, 1) for state in plain.states], ends, twice)
    reference = Reference()
    output, *rest = reference.run(problem_of(layout, plain), plain)
    other, *states = reference.run(problem_of(layout, both), both)
    torch.testing.assert_close(states[0][1], rest[0][0])
    back = torch.stack([other[[*turned[b][::-1], *range(len(turned[b]), 5)], b, 6:] for b in range(4)], 1)
    torch.testing.assert_close(back, output)


def test_torch_layers_object() -> None:
    layout = Layout("gru", 6)
    masks = masks_of("hidden", layout, 5, 4)
    assert masks is not None
    inputs = inputs_of(layout, leaves_of(torch_rnn.draw(layout, 5, 4, 3, seed=2)))._replace(masks=masks)
    assert "masks" in str(TorchFused().why_not(problem_of(layout, inputs)))
    assert BACKENDS[-1].why_not(problem_of(layout, inputs)) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_halves(dtype: torch.dtype) -> None:
    layout = Layout("lstm", 6)
    masks = masks_of("both", layout, 5, 4, dtype)
    assert masks is not None
    tensors = [leaf.detach().to(dtype) for leaf in leaves_of(torch_rnn.draw(layout, 5, 4, 3, seed=2))]
    inputs = inputs_of(layout, tensors)._replace(masks=masks)
    results = run_layer("lstm", None, inputs)
    assert [result.dtype for result in results] == [dtype] * 4
    wide = inputs_of(layout, [each.float() for each in tensors])._replace(
        masks=Masks(*(None if mask is None else mask.float() for mask in masks))
    )
    for ours, theirs in zip(results, run_layer("lstm", None, wide), strict=True):
        torch.testing.assert_close(ours.float(), theirs, rtol=1e-2, atol=1e-2)


def test_second_derivatives() -> None:
    layout = Layout("gru", 3)
    masks = masks_of("hidden", layout, 3, 2)
    assert masks is not None
    leaves = leaves_of(torch_rnn.draw(layout, 3, 2, 2, seed=2))

    def run(*tensors: Tensor) -> Any:
        return tuple(run_layer("gru", None, inputs_of(layout, tensors)._replace(masks=masks)))

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_tracers_see_the_reference() -> None:
    layout = Layout("lstm", 3)
    masks = masks_of("both", layout, 3, 2)
    assert masks is not None
    leaves = leaves_of(torch_rnn.draw(layout, 3, 2, 2, seed=2))

    def run(*tensors: Tensor) -> Any:
        return run_layer("lstm", None, inputs_of(layout, tensors)._replace(masks=masks))

    torch.compiler.reset()
    compiled: Any = torch.compile(run, backend="aot_eager", fullgraph=True)
    for ours, theirs in zip(compiled(*leaves), run(*leaves), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("change", "layers", "mode", "message"),
    [
        ({"keep_hidden": (5, 4, 7)}, 1, "lstm", r"keep_hidden: expected shape \(5, 4, 6\), got \(5, 4, 7\)"),
        ({"keep_cell": (4, 4, 6)}, 1, "lstm", r"keep_cell: expected shape \(5, 4, 6\)"),
        ({"drop_hidden": (4, 6)}, 1, "lstm", r"drop_hidden: expected shape \(1, 4, 6\)"),
        ({"keep_cell": (5, 4, 6)}, 1, "gru", "keep_cell applies to mode 'lstm', not 'gru'"),
        ({"keep_hidden": (5, 4, 6)}, 2, "gru", "one layer, not of 2"),
        ({"keep_hidden": (5, 4, 6), "drop_hidden": (1, 4, 6)}, 1, "gru", "keep_hidden and drop_hidden: expected one"),
    ],
)
def test_masks_that_do_not_fit(change: dict[str, Any], layers: int, mode: str, message: str) -> None:
    stack = stack_of(mode, 6, layers)
    states = [torch.zeros(shape) for shape in stack.state_shapes(4)]
    weights: list[dict[str, Tensor]] = [{} for _ in range(layers)]
    for slot in stack.layout.slots(3):
        weights[slot.layer][slot.field] = torch.zeros(slot.shape)
    masks = Masks(**{name: torch.ones(shape) for name, shape in change.items()})
    given = [[Weights(**each)] for each in weights]
    with pytest.raises(MXNetError, match=message):
        run_stack(stack, torch.zeros(5, 4, 3), given, states, None, True, masks)
