"""One recurrence in all its forms: layouts, lists of steps, fused and unfused, in graphs, files and torch modules."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close, assert_close
from gluon.both import random_input
from oracle.client import Oracle
from rennet import gluon
from same_script import run_here

LAYERS = ("RNN", "LSTM", "GRU")
T, N, WIDTH = 5, 2, 3


def initialized(layer: str, *args: Any, **kwargs: Any) -> Any:
    mx.random.seed(0)
    block = getattr(gluon.rnn, layer)(*args, input_size=WIDTH, **kwargs)
    block.initialize(mx.init.Uniform(0.6))
    return block


def turned(array: mx.nd.NDArray, layout: str) -> mx.nd.NDArray:
    return array if layout == "TNC" else mx.nd.swapaxes(array, dim1=0, dim2=1)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("layer", LAYERS)
def test_steps_and_one_tensor_are_equal(layer: str, bidirectional: bool) -> None:
    """T26: outputs, states and gradients are the same, however the sequence comes, and whoever goes over it."""
    block = initialized(layer, 4, 2, bidirectional=bidirectional)
    sequence = mx.nd.array(random_input(T, N, WIDTH))
    heads = mx.nd.array(random_input(T, N, 4 * (1 + bidirectional)))
    results: dict[str, Any] = {}

    def note(what: str, run: Any) -> None:
        with mx.autograd.record():
            output, states = run()
            loss = (output * heads).sum() + sum((each * each).sum() for each in states)
        loss.backward()
        gradients = [each.grad().asnumpy() for each in block.collect_params().values()]
        results[what] = [output.asnumpy(), *[each.asnumpy() for each in states], *gradients]

    def as_layer() -> Any:
        output, states = block(sequence, block.begin_state(N))
        # a cell's states are its own: h, c of one layer and direction, then those of the next
        return output, [each[place] for place in range(2 * (1 + bidirectional)) for each in states]

    def as_cells(layout: str, steps: bool, merge: bool) -> Any:
        stack = block.unfuse()
        inputs: Any = list(sequence) if steps else turned(sequence, layout)
        outputs, states = stack.unroll(T, inputs, layout=layout, merge_outputs=merge)
        if merge:
            assert isinstance(outputs, mx.nd.NDArray)
            return turned(outputs, layout), states
        assert isinstance(outputs, list)
        assert len(outputs) == T
        return mx.nd.stack(*outputs, axis=0), states

    note("layer", as_layer)
    for layout in ("NTC", "TNC"):
        for steps in (False, True):
            for merge in (False, True):
                note(f"{layout} steps={steps} merge={merge}", lambda how=(layout, steps, merge): as_cells(*how))
    expected = results.pop("layer")
    for what, got in results.items():
        assert len(got) == len(expected), what
        for place, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
            assert_close(ours, theirs, 2e-5, f"{what}, {place}")


@pytest.mark.parametrize("cell", ["RNNCell", "LSTMCell", "GRUCell"])
def test_steps_and_one_tensor_are_equal_for_cells_as_in_mxnet(oracle: Oracle, cell: str) -> None:
    """T26, of a cell alone, against real MXNet's."""
    source = f"""
cell = mx.gluon.rnn.{cell}(4, input_size=3)
cell.initialize()
for place, (_, parameter) in enumerate(sorted(cell.collect_params().items())):
    size = int(np.prod(parameter.shape))
    parameter.set_data(mx.nd.array(0.5 * np.sin(np.arange(size) + place).reshape(parameter.shape)))
found = []
for layout in ("NTC", "TNC"):
    data = mx.nd.array(x if layout == "TNC" else x.swapaxes(0, 1))
    for inputs in (data, [mx.nd.array(step) for step in x]):
        for merge in (False, True):
            outputs, states = cell.unroll({T}, inputs, layout=layout, merge_outputs=merge)
            if not merge:
                outputs = mx.nd.stack(*outputs, axis=layout.index("T"))
            outputs = outputs.asnumpy()
            found += [outputs if layout == "TNC" else outputs.swapaxes(0, 1)] + [each.asnumpy() for each in states]
"""
    given = {"x": random_input(T, N, WIDTH)}
    ours, theirs = run_here(source, ["found"], given)["found"], oracle.build(source, ["found"], given)["found"]
    each = len(ours) // 8
    assert_all_close(ours, theirs, 2e-5, "as MXNet's")
    assert_all_close(ours, ours[:each] * 8, 2e-5, "all forms")


@pytest.mark.parametrize("hybrid", [False, True], ids=["imperative", "hybrid"])
@pytest.mark.parametrize("layer", LAYERS)
def test_layouts_are_each_other_transposed(layer: str, hybrid: bool) -> None:
    """T27: only inputs and outputs are transposed; states, parameters and their gradients are the same."""
    first = initialized(layer, 4, 2, layout="TNC", bidirectional=True, prefix="r_")
    second = initialized(layer, 4, 2, layout="NTC", bidirectional=True, prefix="r_")
    results = []
    for block, layout in ((first, "TNC"), (second, "NTC")):
        block.hybridize(hybrid)
        x = mx.nd.array(random_input(T, N, WIDTH))
        x.attach_grad()
        with mx.autograd.record():
            output, states = block(turned(x, layout), block.begin_state(N))
            output = turned(output, layout)
            loss = (output * output).sum() + sum((each * each).sum() for each in states)
        loss.backward()
        assert x.grad is not None
        gradients = [each.grad().asnumpy() for each in block.collect_params().values()]
        results.append([output.asnumpy(), *[each.asnumpy() for each in states], x.grad.asnumpy(), *gradients])
    assert_all_close(results[1], results[0], 1e-6, "NTC and TNC")


class Tagger(gluon.HybridBlock):
    """A layer inside a network."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.lstm = gluon.rnn.LSTM(4, 2, bidirectional=True, layout="NTC")
            self.out = gluon.nn.Dense(2, flatten=False)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.out(self.lstm(x))


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a network"])
def test_an_lstm_is_exported_and_comes_back(oracle: Oracle, tmp_path: Path, alone: bool) -> None:
    """T53: hybridized, exported, read back here and in real MXNet, and a module of torch's."""
    block = gluon.rnn.LSTM(4, 2, bidirectional=True, layout="NTC") if alone else Tagger()
    mx.random.seed(0)
    block.initialize(mx.init.Uniform(0.6))
    x = random_input(N, T, WIDTH)
    expected = block(mx.nd.array(x)).asnumpy()
    block.hybridize()
    assert_close(block(mx.nd.array(x)).asnumpy(), expected, 1e-6, "hybridized")
    path = str(tmp_path / "net")
    block.export(path)
    files = f"{path}-symbol.json", f"{path}-0000.params"
    names = [each for each in mx.sym.load(files[0]).list_inputs() if each.startswith("data")]
    assert len(names) == 1
    back = gluon.SymbolBlock.imports(files[0], names, files[1])
    assert_close(back(mx.nd.array(x)).asnumpy(), expected, 1e-6, "read back")
    module = copy.deepcopy(block).as_torch()
    tensor = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    result = module(tensor)
    assert_close(result.detach().numpy(), expected, 1e-6, "as_torch")
    result.sum().backward()
    assert tensor.grad is not None
    data = mx.nd.array(x)
    data.attach_grad()
    with mx.autograd.record():
        loss = block(data).sum()
    loss.backward()
    assert data.grad is not None
    assert_close(tensor.grad.numpy(), data.grad.asnumpy(), 1e-6, "as_torch's gradient")
    source = "y = mx.gluon.SymbolBlock.imports(files[0], names, files[1])(mx.nd.array(x)).asnumpy()"
    theirs = oracle.build(source, ["y"], {"files": list(files), "names": names, "x": x})["y"]
    assert_close(expected, theirs, 2e-5, "in real MXNet")
