"""What tracers see: the operators in torch's registry, torch.compile and torch.export."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend
from torch.export import Dim

import torch_rnn
from rennet._kernels.door import pinned
from rennet._ops.rnn import rnn
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, NotSupportedError
from rennet.interop import FusedRNN

from .layers import inputs_of, leaves_of

every_mode = pytest.mark.parametrize("mode", sorted(MODES))
# torch's own, from inside its tracers
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*treespec.*is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
]
CASES = {
    **{mode: (mode, {}, {}) for mode in sorted(MODES)},
    "projecting": ("lstm", {"projection_size": 2}, {}),
    "clipping": ("lstm", {}, {"clip": (-0.3, 0.4), "clip_nan": True}),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.parametrize("lengths", [None, [3, 0, 1]], ids=["whole", "lengths"])
@pytest.mark.parametrize("bidirectional", [False, True])
@every_case
def test_opcheck(case: Any, bidirectional: bool, lengths: list[int] | None) -> None:
    mode, shape, clip = case
    layout = Layout(mode, 3, 1, bidirectional, shape.get("projection_size"))
    ends = None if lengths is None else torch.tensor(lengths)
    inputs = inputs_of(layout, leaves_of(torch_rnn.draw(layout, 3, 3, 2, seed=0)), ends)
    weights = [part.detach().requires_grad_() for each in inputs.weights for part in each.present()]
    arguments = (inputs.data, inputs.states, weights, ends, mode, clip.get("clip"), "clip_nan" in clip)
    results = torch.library.opcheck(torch.ops.rennet.rnn_layer.default, arguments)
    assert set(results.values()) == {"SUCCESS"}


def _module(case: Any, **more: Any) -> FusedRNN:
    mode, shape, clip = case
    return FusedRNN(mode, 3, 4, 2, dtype=torch.float64, **shape, **clip, **more)


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
@every_case
def test_compiled_for_changing_sizes(case: Any, bidirectional: bool) -> None:
    """Whole graphs; the second size makes them dynamic, later ones compile nothing."""
    module = _module(case, bidirectional=bidirectional)
    torch.compiler.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(module, fullgraph=True, backend=counter)
    for steps, batch in ((5, 2), (7, 3), (4, 6), (9, 5)):
        data = torch.randn(steps, batch, 3, dtype=torch.float64, requires_grad=True)
        found = _with_gradients(compiled, module, data, None)
        for ours, theirs in zip(found, _with_gradients(module, module, data, None), strict=True):
            torch.testing.assert_close(ours, theirs)
    assert counter.frame_count <= 3


def _with_gradients(run: Any, module: FusedRNN, data: Tensor, lengths: Tensor | None) -> list[Tensor]:
    output, states = run(data, None, lengths)
    results = [output, *(states if isinstance(states, tuple) else [states])]
    sources = [data, *module.parameters()]
    return [*results, *torch.autograd.grad(sum(part.sin().sum() for part in results), sources)]  # pyright: ignore


@pytest.mark.slow
@every_mode
def test_compiled_by_inductor_with_lengths(mode: str) -> None:
    module = FusedRNN(mode, 3, 4, 2, bidirectional=True)
    torch.compiler.reset()
    compiled = torch.compile(module, fullgraph=True, dynamic=True)
    for steps, batch in ((5, 2), (7, 3)):
        data = torch.randn(steps, batch, 3, requires_grad=True)
        lengths = torch.randint(0, steps + 1, (batch,))
        found = _with_gradients(compiled, module, data, lengths)
        for ours, theirs in zip(found, _with_gradients(module, module, data, lengths), strict=True):
            torch.testing.assert_close(ours, theirs)


@every_mode
def test_the_operator_on_a_flat_vector_compiles(mode: str) -> None:
    layout = Layout(mode, 4, 2, True)
    leaves = leaves_of(torch_rnn.draw(layout, 5, 2, 3, seed=0))
    attrs = {"state_size": 4, "num_layers": 2, "bidirectional": True, "mode": mode, "p": 0.5}

    def run(*tensors: Tensor) -> Any:
        return rnn(*tensors, **attrs, state_outputs=True, training=False)

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for ours, theirs in zip(compiled(*leaves), run(*leaves), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@every_case
def test_exported_with_dynamic_sizes(case: Any, strict: bool) -> None:
    module = _module(case, bidirectional=True).eval()
    steps, batch = Dim("steps"), Dim("batch")
    example = (torch.randn(5, 2, 3, dtype=torch.float64), None, torch.tensor([5, 2]))
    shapes = ({0: steps, 1: batch}, None, {0: batch})
    exported = torch.export.export(module, example, dynamic_shapes=shapes, strict=strict)
    nodes = [node for node in exported.graph.nodes if node.target is torch.ops.rennet.rnn_layer.default]
    assert len(nodes) == 2, "one for each layer"
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for sizes in ((11, 4), (2, 7), (3, 1)):
        data = torch.randn(*sizes, 3, dtype=torch.float64)
        lengths = torch.randint(0, sizes[0] + 1, sizes[1:])
        ours, theirs = loaded(data, None, lengths), module(data, None, lengths)
        for mine, other in zip(_flat(ours), _flat(theirs), strict=True):
            torch.testing.assert_close(mine, other)


def _flat(results: Any) -> list[Tensor]:
    output, states = results
    return [output, *(states if isinstance(states, tuple) else [states])]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([-1, 2], "got -1 in row 0"), ([2.5, 1], "got 2.5 in row 0"), ([1, float("nan")], "got nan"), ([6, 1], "got 6")],
)
def test_lengths_are_looked_at_in_compiled_and_transformed_code(lengths: list[float], message: str) -> None:
    module = FusedRNN("gru", 3, 4)
    ends, data = torch.tensor(lengths), torch.randn(5, 2, 3)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    transformed = torch.func.grad(lambda x: module(x, None, ends)[0].sum())
    with pytest.raises(ArgumentError, match=message):
        compiled(data, None, ends)
    with pytest.raises(ArgumentError, match=message):
        transformed(data)


def test_a_pinned_backend_holds_inside_the_operator() -> None:
    layout = Layout("lstm", 3)
    inputs = inputs_of(layout, leaves_of(torch_rnn.draw(layout, 3, 2, 2, seed=0)))
    weights = inputs.weights[0].present()
    arguments = (inputs.data, inputs.states, weights, None, "lstm", [-1.0, 1.0], False)
    with pinned("torch"), pytest.raises(RuntimeError, match="'torch' does not take this problem"):
        torch.ops.rennet.rnn_layer(*arguments)


def test_the_bare_operator_refuses_what_it_cannot_differentiate() -> None:
    layout = Layout("gru", 3)
    inputs = inputs_of(layout, leaves_of(torch_rnn.draw(layout, 3, 2, 2, seed=0)))
    weights = [part.detach() for part in inputs.weights[0].present()]
    states = [state.detach() for state in inputs.states]

    def run(data: Tensor) -> Tensor:
        return torch.ops.rennet.rnn_layer(data, states, weights, None, "gru", None, False)[0]

    data = inputs.data.detach()
    with pytest.raises(NotSupportedError, match="does not differentiate forwards"):
        torch.func.jvp(run, (data,), (torch.ones_like(data),))
    first = torch.autograd.grad(run(inputs.data).square().sum(), inputs.data, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        first.sum().backward()


@pytest.mark.slow
@every_mode
def test_transforms_inside_compiled_code(mode: str) -> None:
    """Traced through the reference, since the operator knows none of them."""
    module = FusedRNN(mode, 2, 3, dtype=torch.float64)
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    data = torch.randn(3, 2, 2, dtype=torch.float64)

    def run(x: Tensor) -> Tensor:
        return torch.func.functional_call(module, parameters, (x,))[0].sin()

    def tangent(x: Tensor) -> Tensor:
        return torch.func.jvp(run, (x,), (torch.ones_like(x),))[1]

    torch.compiler.reset()
    for transformed in (torch.func.grad(lambda x: run(x).sum()), torch.func.jacrev(run), tangent):
        compiled = torch.compile(transformed, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(data), transformed(data))
    several = torch.stack([data, -data])
    compiled = torch.compile(torch.func.vmap(run), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(several), torch.func.vmap(run)(several))
