"""What MXNet's fused recurrence got wrong, each under the number by which the project knows it."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

import numpy_rnn
import rennet as mx
import torch_rnn
from differential import assert_all_close, assert_close
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, ShapeError
from rennet.interop import FusedRNN

every_mode = pytest.mark.parametrize("mode", sorted(MODES))
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def _nd(arrays: list[np.ndarray], dtype: str = "float64") -> list[Any]:
    return [mx.nd.array(each, dtype=dtype) for each in arrays]


def _run(sample: torch_rnn.Sample, lengths: list[int] | None = None, **more: Any) -> tuple[list[Any], list[Any]]:
    """Outputs and gradients in float64."""
    arrays = _nd(sample.inputs)
    for array in arrays:
        array.attach_grad()
    given = [] if lengths is None else [mx.nd.array(lengths)]
    with mx.autograd.record():
        outputs = mx.nd.RNN(*arrays, *given, **sample.attrs(use_sequence_length=lengths is not None, **more))
    mx.autograd.backward(outputs, _nd(sample.heads))
    return outputs, [array.grad for array in arrays]


def _unrolled(cell: Any, form: str, layout: str, arguments: dict[str, Any], length: int) -> dict[str, np.ndarray]:
    """A symbolic cell's outputs and gradients, its inputs given whole or as a list of steps."""
    data = arguments["data"] if layout == "NTC" else arguments["data"].swapaxes(0, 1)
    x = mx.sym.Variable("data")
    steps = list(mx.sym.SliceChannel(x, num_outputs=length, axis=layout.find("T"), squeeze_axis=True))
    outputs, _ = cell.unroll(length, steps if form == "list" else x, layout=layout, merge_outputs=True)
    arrays = {name: mx.nd.array(value) for name, value in {**arguments, "data": data}.items()}
    executor = outputs.bind(mx.cpu(), arrays, {name: mx.nd.zeros_like(each) for name, each in arrays.items()})
    (found,) = executor.forward(is_train=True)
    executor.backward(mx.nd.sin(found))
    results = {"output": found.asnumpy(), **{name: grad.asnumpy() for name, grad in executor.grad_dict.items()}}
    if layout == "TNC":
        for name in ("output", "data"):
            results[name] = results[name].swapaxes(0, 1)
    return results


@both_ways
@every_mode
def test_t14_fused_and_unfused_agree(mode: str, bidirectional: bool) -> None:
    fused = mx.rnn.FusedRNNCell(5, 2, mode, bidirectional, prefix="net_")
    rng = np.random.default_rng(0)
    packed = {"net_parameters": mx.nd.array(rng.normal(size=fused._layout.size(3), scale=0.4))}
    data = rng.normal(size=(2, 4, 3))
    results = []
    for cell in (fused, fused.unfuse()):
        weights = packed if cell is fused else cell.pack_weights(fused.unpack_weights(packed))
        arguments = {"data": data, **{name: each.asnumpy() for name, each in weights.items()}}
        found = _unrolled(cell, "whole", "NTC", arguments, 4)
        grads = {name: mx.nd.array(grad) for name, grad in found.items() if name.startswith("net_")}
        unpacked = cell.unpack_weights(grads)
        results.append(
            {"output": found["output"], "data": found["data"], **{k: v.asnumpy() for k, v in unpacked.items()}}
        )
    assert_all_close(results[0], results[1], 2e-5, "fused")


@every_mode
def test_t26_a_list_of_steps_and_one_tensor_in_both_layouts(mode: str) -> None:
    cell = mx.rnn.FusedRNNCell(5, 2, mode, prefix="net_")
    rng = np.random.default_rng(0)
    arguments = {
        "data": rng.normal(size=(2, 4, 3)),
        "net_parameters": rng.normal(size=cell._layout.size(3), scale=0.4),
    }
    expected = _unrolled(cell, "whole", "NTC", arguments, 4)
    for form in ("whole", "list"):
        for layout in ("NTC", "TNC"):
            assert_all_close(_unrolled(cell, form, layout, arguments, 4), expected, 1e-6, f"{form}, {layout}")


@pytest.mark.parametrize("device", [*DEVICES, "meta"])
@every_mode
def test_t28_states_that_nobody_gave_are_on_the_datas_device(mode: str, device: str) -> None:
    output, states = FusedRNN(mode, 3, 4, 2, device=device)(torch.zeros(5, 2, 3, device=device))
    for result in (output, *(states if mode == "lstm" else (states,))):
        assert result.device.type == device


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_mode
def test_t29_halves_take_any_states_and_go_backwards_again_and_again(mode: str, dtype: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 4, 2), 3, 2, 3, seed=0)
    data, vector = _nd(sample.inputs[:2], dtype)
    states = _nd(sample.inputs[2:], "float32")
    for array in (data, vector):
        array.attach_grad()
    found = []
    for _ in range(3):
        with mx.autograd.record():
            output = mx.nd.RNN(data, vector, *states, **sample.attrs())[0]
        output.backward()
        found.append(vector.grad.asnumpy())
        assert vector.grad.dtype == output.dtype == data.dtype
    assert found[0].any()
    for again in found[1:]:
        assert (again == found[0]).all()


@pytest.mark.parametrize("device", DEVICES)
@both_ways
@every_mode
def test_t30_t31_padding_changes_nothing(mode: str, bidirectional: bool, device: str) -> None:
    """On a CPU too, where MXNet ignored lengths or died of them."""
    module = FusedRNN(mode, 3, 4, 2, bidirectional=bidirectional, device=device)
    data, lengths = torch.randn(6, 3, 3, device=device), torch.tensor([6, 2, 4], device=device)
    output, _ = module(data, lengths=lengths)
    longer = torch.cat([data, torch.full((5, 3, 3), float("nan"), device=device)])
    for row, length in enumerate([6, 2, 4]):
        longer[length:, row] = float("inf")
    padded, _ = module(longer, lengths=lengths)
    torch.testing.assert_close(padded[:6], output)
    assert not padded[6:].any()
    for row, length in enumerate([6, 2, 4]):
        alone, _ = module(data[:length, row : row + 1])
        torch.testing.assert_close(output[:length, row : row + 1], alone)


@pytest.mark.parametrize("mode", ["gru", "rnn_tanh", "rnn_relu"])
def test_t32_lengths_without_a_cell_state_and_with_an_input_size_still_unknown(mode: str) -> None:
    x, ends = mx.sym.Variable("data"), mx.sym.Variable("ends")
    begin = mx.sym.zeros((2, 0, 4))
    vector = mx.sym.Variable("parameters")
    attrs = {"state_size": 4, "num_layers": 2, "mode": mode, "use_sequence_length": True}
    for graph in (
        mx.sym.RNN(x, vector, begin, sequence_length=ends, **attrs),
        mx.sym.RNN(x, vector, begin, ends, **attrs),
    ):
        assert graph.list_arguments() == ["data", "parameters", "ends"]
        shapes, (output,), _ = graph.infer_shape(data=(5, 3, 7))
        assert shapes == [(5, 3, 7), (Layout(mode, 4, 2).size(7),), (3,)]
        executor = graph.simple_bind(mx.cpu(), data=(5, 3, 7))
        executor.arg_dict["data"][:] = 1
        executor.arg_dict["parameters"][:] = 0.1
        executor.arg_dict["ends"][:] = mx.nd.array([5, 1, 0])
        (found,) = executor.forward()
        assert found.shape == output == (5, 3, 4)
        alive = found.asnumpy().any(axis=2)
        assert alive.sum(axis=0).tolist() == [5, 1, 0]


@both_ways
@every_mode
def test_t33_no_gradient_enters_the_padding(mode: str, bidirectional: bool) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2, bidirectional), 5, 3, 2, seed=0)
    _, gradients = _run(sample, [5, 3, 0])
    for row, length in enumerate([5, 3, 0]):
        assert not gradients[0].asnumpy()[length:, row].any()
        assert gradients[0].asnumpy()[:length, row].any() == (length > 0)
    expected = numpy_rnn.gradients(sample.inputs, sample.heads, lengths=[5, 3, 0], **sample.attrs())
    assert_all_close(gradients, expected, 1e-7, "gradient")


@every_mode
def test_t34_lengths_are_an_argument(mode: str) -> None:
    """No packing: the same numbers as torch's module has from a packed sequence."""
    module = FusedRNN(mode, 3, 4, 2, bidirectional=True)
    theirs = torch_rnn.module_of(Layout(mode, 4, 2, True), 3)
    theirs.load_state_dict({name: value.double() for name, value in module.state_dict().items()})
    data, lengths = torch.randn(6, 3, 3), torch.tensor([2, 6, 4])
    packed = torch.nn.utils.rnn.pack_padded_sequence(data.double(), lengths, enforce_sorted=False)
    expected, final = theirs(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, total_length=6)
    output, states = module(data, lengths=lengths)
    torch.testing.assert_close(output.double(), expected, rtol=1e-5, atol=1e-5)
    for ours, other in zip(states if mode == "lstm" else [states], final if mode == "lstm" else [final], strict=True):
        torch.testing.assert_close(ours.double(), other, rtol=1e-5, atol=1e-5)


@every_mode
def test_t38_a_sequence_of_one_step(mode: str) -> None:
    cell = mx.rnn.FusedRNNCell(5, 2, mode, bidirectional=True, prefix="net_")
    rng = np.random.default_rng(0)
    arguments = {
        "data": rng.normal(size=(2, 1, 3)),
        "net_parameters": rng.normal(size=cell._layout.size(3), scale=0.4),
    }
    expected = _unrolled(cell, "whole", "NTC", arguments, 1)
    assert_all_close(_unrolled(cell, "list", "TNC", arguments, 1), expected, 1e-6, "list")
    weights = cell.unfuse().pack_weights(
        cell.unpack_weights({"net_parameters": mx.nd.array(arguments["net_parameters"])})
    )
    stepped = {"data": arguments["data"], **{name: each.asnumpy() for name, each in weights.items()}}
    assert_close(_unrolled(cell.unfuse(), "whole", "NTC", stepped, 1)["output"], expected["output"], 1e-5, "unfused")


@pytest.mark.parametrize("layers", [1, 2, 3])
@both_ways
@every_mode
def test_t39_t40_t41_every_parameter_of_every_layer_has_its_gradient(
    mode: str, bidirectional: bool, layers: int
) -> None:
    """h2h biases (T39), data below three layers and the middle layer's i2h (T40), inputs wider than the state (T41)."""
    layout = Layout(mode, 2, layers, bidirectional)
    sample = torch_rnn.draw(layout, 3, 2, 5, seed=layers)
    outputs, gradients = _run(sample)
    assert_all_close(outputs, numpy_rnn.run(sample.inputs, **sample.attrs()), 1e-12, "output")
    expected = numpy_rnn.gradients(sample.inputs, sample.heads, **sample.attrs())
    assert_all_close(gradients, expected, 1e-7, "gradient")
    for slot in layout.slots(5):
        if mode == "rnn_relu":
            continue  # some of whose few units are at rest
        assert gradients[1].asnumpy()[slot.offset : slot.offset + slot.size].any(), slot.name()


@pytest.mark.parametrize("training", [False, True])
@every_mode
def test_t42_weights_changed_in_place_are_seen(mode: str, training: bool) -> None:
    module = FusedRNN(mode, 3, 4, 2, bidirectional=True)
    data = torch.randn(5, 2, 3)
    with torch.set_grad_enabled(training):
        before, _ = module(data)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter))
        after, _ = module(data)
        fresh = FusedRNN(mode, 3, 4, 2, bidirectional=True)
        fresh.load_state_dict(module.state_dict())
        assert not torch.equal(before, after)
        assert torch.equal(after, fresh(data)[0])


@every_mode
def test_t43_gradients_in_inference_mode(mode: str) -> None:
    """As integrated gradients want them: twice, and without dropout."""
    sample = torch_rnn.draw(Layout(mode, 4, 2), 3, 2, 3, seed=0)
    arrays = _nd(sample.inputs)
    arrays[0].attach_grad()
    expected = torch_rnn.run(sample)[1][0]
    for _ in range(2):
        with mx.autograd.record(train_mode=False):
            outputs = mx.nd.RNN(*arrays, **sample.attrs(p=0.5))
        mx.autograd.backward(outputs, _nd(sample.heads), train_mode=False)
        assert_close(arrays[0].grad, expected, 1e-10, "gradient of the data")


@pytest.mark.parametrize("device", DEVICES)
@every_mode
def test_t44_the_same_bits_every_time(mode: str, device: str) -> None:
    module = FusedRNN(mode, 16, 24, 2, bidirectional=True, device=device)
    data, lengths = torch.randn(9, 5, 16, device=device), torch.tensor([9, 3, 0, 5, 9], device=device)
    found = []
    for _ in range(20):
        module.zero_grad()
        output, _ = module(data, lengths=lengths)
        output.square().sum().backward()
        found.append([output.detach(), *(parameter.grad for parameter in module.parameters())])
    for again in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(again, found[0], strict=True))


@pytest.mark.parametrize("device", DEVICES)
@every_mode
def test_t45_the_seed_decides_dropout(mode: str, device: str) -> None:
    """In a second run of the same program, and in one that checkpointing repeats."""
    module = FusedRNN(mode, 3, 16, 3, dropout=0.5, device=device)
    data = torch.randn(4, 2, 3, device=device, requires_grad=True)
    outputs = []
    for _ in range(2):
        mx.random.seed(11)
        outputs.append(module(data)[0])
    assert torch.equal(*outputs)
    assert not torch.equal(outputs[0], module(data)[0])
    for reentrant in (False, True):
        mx.random.seed(11)
        checkpointed = checkpoint(lambda x: module(x)[0], data, use_reentrant=reentrant)
        torch.testing.assert_close(checkpointed, outputs[0])
        sources = [data, *module.parameters()]
        module.zero_grad()
        data.grad = None
        checkpointed.sum().backward()
        expected = torch.autograd.grad(outputs[0].sum(), sources, retain_graph=True)
        for source, gradient in zip(sources, expected, strict=True):
            torch.testing.assert_close(source.grad, gradient)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@every_mode
def test_t46_memory_stays_flat_while_lengths_vary(mode: str, device: str) -> None:
    module = FusedRNN(mode, 8, 16, 2, bidirectional=True, device=device)

    def work() -> None:
        for steps in range(500, 10, -35):
            data = torch.randn(steps, 2, 8, device=device)
            lengths = torch.randint(0, steps + 1, (2,), device=device)
            module(data, lengths=lengths)[0].sum().backward()
        module.zero_grad()

    def alive() -> int:
        gc.collect()
        if device == "cuda":
            return torch.cuda.memory_allocated()
        return sum(each.numel() for each in gc.get_objects() if issubclass(type(each), torch.Tensor))

    work()
    before, resident = alive(), _resident()
    for _ in range(6):
        work()
    assert alive() <= before
    assert _resident() - resident < 64 << 20


def _resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as status:  # noqa: PTH123
        return int(status.read().split()[1]) * 4096


@pytest.mark.parametrize("mode", ["gru", "rnn_tanh", "rnn_relu"])
def test_t47_a_cell_state_is_only_for_an_lstm(mode: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2), 4, 2, 3, seed=0)
    arrays = _nd(sample.inputs)
    with pytest.raises(ArgumentError, match=r"input state_cell is not used|takes 3 inputs"):
        mx.nd.RNN(*arrays, state_cell=arrays[2], **sample.attrs())
    with pytest.raises(ArgumentError, match="takes 3 inputs"):
        mx.nd.RNN(*arrays, arrays[2], **sample.attrs())
    for wrong in ((2, 2, 4), (1, 2, 3), (2, 3, 3), (2, 2), (12,)):
        with pytest.raises(ShapeError, match="state: expected shape"):
            mx.nd.RNN(*arrays[:2], mx.nd.zeros(wrong, dtype="float64"), **sample.attrs())


@pytest.mark.parametrize("batch", [1, 3])
@both_ways
@every_mode
def test_t48_one_unit(mode: str, bidirectional: bool, batch: int) -> None:
    sample = torch_rnn.draw(Layout(mode, 1, 2, bidirectional), 4, batch, 1, seed=0)
    outputs, gradients = _run(sample)
    expected, theirs = torch_rnn.run(sample)
    assert_all_close(outputs, expected, 1e-12, "output")
    assert_all_close(gradients, theirs, 1e-11, "gradient")
    arrays = _nd(sample.inputs, "float32")
    assert_all_close(mx.nd.RNN(*arrays, **sample.attrs()), expected, 1e-5, "in float32")


@every_mode
def test_t49_gradients_add_up_wherever_a_layer_is_used_again(mode: str) -> None:
    """Data, parameters and states in two places of one graph."""
    sample = torch_rnn.draw(Layout(mode, 3), 4, 2, 3, seed=0)
    arrays = _nd(sample.inputs)
    for array in arrays:
        array.attach_grad("add")
    with mx.autograd.record():
        first = mx.nd.RNN(*arrays, **sample.attrs())
        second = mx.nd.RNN(*arrays, **sample.attrs())
    mx.autograd.backward([*first, *second], _nd(sample.heads) * 2)
    expected = [2 * each for each in torch_rnn.run(sample)[1]]
    assert_all_close([array.grad for array in arrays], expected, 1e-10, "gradient")
    names = ["data", "parameters", "state", "state_cell"][: len(arrays)]
    x = [mx.sym.Variable(name) for name in names]
    graph = mx.sym.Group([mx.sym.RNN(*x, **sample.attrs(), name="a"), mx.sym.RNN(*x, **sample.attrs(), name="b")])
    grads = {name: mx.nd.ones_like(array) for name, array in zip(names, arrays, strict=True)}
    executor = graph.bind(mx.cpu(), dict(zip(names, _nd(sample.inputs), strict=True)), grads, "add")
    executor.forward(is_train=True)
    executor.backward(_nd(sample.heads) * 2)
    assert_all_close([grads[name] for name in names], [1 + each for each in expected], 1e-10, "gradient in a graph")


@pytest.mark.parametrize("device", DEVICES)
def test_t50_projection_and_clipping_are_trained(device: str) -> None:
    """They learn to give back the mean of what they saw."""
    module = FusedRNN("lstm", 2, 8, 2, projection_size=3, clip=(-0.8, 0.8), bidirectional=True, device=device)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    data = torch.randn(6, 16, 2, device=device) * 0.3
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        output, (_, cell) = module(data)
        assert cell.abs().max() <= 0.8
        loss = (output.mean(-1) - data.mean((0, 2))).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def test_t64_more_parameters_than_32_bits_count() -> None:
    graph = mx.sym.RNN(mx.sym.Variable("data"), state_size=20_000, num_layers=2, mode="lstm", name="rnn")
    shapes, (output,), _ = graph.infer_shape(data=(3, 2, 20_000))
    total = 2 * 4 * 20_000 * (20_000 + 20_000 + 2)
    assert total > 2**32
    assert dict(zip(graph.list_arguments(), shapes, strict=True))["rnn_parameters"] == (total,)
    assert output == (3, 2, 20_000)
    # and sequences of more numbers than that, on a device that has room for any
    module = FusedRNN("gru", 40_000, 3, device="meta")
    result, _ = module(torch.empty(2, 40_000, 40_000, device="meta"))
    assert result.shape == (2, 40_000, 3)
    with pytest.raises(ShapeError, match=f"expected a vector of {total}"):
        mx.nd.RNN(
            mx.nd.zeros((1, 1, 20_000)),
            mx.nd.zeros((3,)),
            *[mx.nd.zeros((2, 1, 20_000))] * 2,
            state_size=20_000,
            num_layers=2,
            mode="lstm",
        )
