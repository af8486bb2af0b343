"""ONNX: what is written runs in ONNX Runtime as it does here, and ONNX's own examples run here as they do there."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.export import Dim

from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, NotSupportedError
from rennet.interop import FusedRNN, export_onnx

load_model_tests = pytest.importorskip("onnx.backend.test.loader").load_model_tests
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

every_mode = pytest.mark.parametrize("mode", sorted(MODES))
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
pytestmark = [
    # torch's own, from inside its exporter
    pytest.mark.filterwarnings("ignore:.*treespec.*is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
STEPS, BATCH = Dim("steps"), Dim("batch")
NODES = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


class WithStates(torch.nn.Module):
    """Everything in and out by name."""

    def __init__(self, rnn: FusedRNN) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, data: torch.Tensor, states: list[torch.Tensor], lengths: torch.Tensor) -> Any:
        return self.rnn(data, states, lengths)


def _results(results: Any) -> list[np.ndarray]:
    output, states = results
    return [each.detach().numpy() for each in (output, *(states if isinstance(states, tuple) else [states]))]


@both_ways
@every_mode
def test_one_node_for_each_layer(mode: str, bidirectional: bool, tmp_path: Path) -> None:
    """With states and lengths given; for any number of steps, any batch, and lengths of 0."""
    module = FusedRNN(mode, 3, 4, 2, bidirectional=bidirectional, dropout=0.5).eval()
    stacked = 2 * (1 + bidirectional)

    def draw(steps: int, batch: int) -> tuple[Any, ...]:
        states = [torch.randn(stacked, batch, 4) for _ in range(MODES[mode].states)]
        return torch.randn(steps, batch, 3), states, torch.randint(0, steps + 1, (batch,))

    file = tmp_path / "model.onnx"
    states = [{1: BATCH} for _ in range(MODES[mode].states)]
    export_onnx(WithStates(module), draw(5, 2), file, dynamic_shapes=({0: STEPS, 1: BATCH}, states, {0: BATCH}))
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    nodes = [node for node in model.graph.node if node.op_type in NODES.values()]
    assert [node.op_type for node in nodes] == [NODES[mode]] * 2
    for node in nodes:
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        assert attributes.get("linear_before_reset", 0) == (mode == "gru")
    session = onnxruntime.InferenceSession(str(file))
    names = [each.name for each in session.get_inputs()]
    for steps, batch in ((5, 2), (1, 1), (9, 6)):
        data, begin, lengths = draw(steps, batch)
        given = dict(zip(names, [each.numpy() for each in (data, *begin, lengths)], strict=True))
        for ours, theirs in zip(_results(module(data, begin, lengths)), session.run(None, given), strict=True):
            np.testing.assert_allclose(theirs, ours, atol=1e-6)


@every_mode
def test_data_alone(mode: str, tmp_path: Path) -> None:
    """Without lengths, and with states that begin at zero; batch first."""
    module = FusedRNN(mode, 3, 4, 2, batch_first=True).eval()
    file = tmp_path / "model.onnx"
    export_onnx(module, (torch.randn(2, 5, 3),), file, dynamic_shapes=({0: BATCH, 1: STEPS},))
    session = onnxruntime.InferenceSession(str(file))
    for batch, steps in ((2, 5), (7, 3)):
        data = torch.randn(batch, steps, 3)
        found = session.run(None, {session.get_inputs()[0].name: data.numpy()})
        for ours, theirs in zip(_results(module(data)), found, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_an_operator_set_that_is_too_old(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="opset_version: expected 18 or later; got 14"):
        export_onnx(FusedRNN("gru", 3, 4).eval(), (torch.randn(5, 2, 3),), tmp_path / "model.onnx", opset_version=14)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"projection_size": 2}, r"rnn_layer: ONNX's LSTM has no projection \(projection_size\)"),
        ({"clip": (-1.0, 1.0)}, "rnn_layer: ONNX has no clipping of the cell state"),
    ],
)
def test_what_its_nodes_cannot(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    module = FusedRNN("lstm", 3, 4, **arguments).eval()
    with pytest.raises(NotSupportedError, match=message):
        export_onnx(module, (torch.randn(5, 2, 3),), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def _examples() -> Iterator[Any]:
    """ONNX's own node tests of the three recurrences."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    for case in cases:
        if re.match("test_(lstm|gru|rnn|simple_rnn)_", case.name):
            yield pytest.param(case, id=case.name)


def _beyond_us(node: Any, steps: int, hidden_bias: np.ndarray) -> str:
    """Why a node does not mean what our operators do, or empty."""
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if len(node.input) > 7:
        return "peepholes"
    before = node.op_type == "GRU" and not attributes.get("linear_before_reset")
    if before and (steps > 1 or hidden_bias.any()):
        return "the reset gate acts before the hidden projection; that is the same on one step from zeros only"
    return ""


@pytest.mark.parametrize("case", list(_examples()))
def test_onnx_own_examples(case: Any) -> None:
    (node,) = case.model.graph.node
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    assert set(attributes) <= {"hidden_size", "direction", "layout", "linear_before_reset"}
    ((arrays, results),) = case.data_sets
    given = dict(zip([each.name for each in case.model.graph.input], arrays, strict=True))
    expected = dict(zip([each.name for each in case.model.graph.output], results, strict=True))
    data, w, r = (given[name] for name in node.input[:3])
    directions, rows = w.shape[:2]
    bias = given[node.input[3]] if len(node.input) > 3 else np.zeros((directions, 2 * rows), dtype=np.float32)
    batch_first = attributes.get("layout", 0) == 1
    reason = _beyond_us(node, data.shape[1 if batch_first else 0], bias[:, rows:])
    if reason:
        pytest.skip(reason)
    mode = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}[node.op_type]
    backwards = attributes.get("direction", b"forward") == b"reverse"
    if backwards:
        assert not batch_first
        data = data[::-1].copy()
    module = FusedRNN(mode, data.shape[2], r.shape[2], bidirectional=directions == 2, batch_first=batch_first)
    order = {"lstm": [0, 2, 3, 1], "gru": [1, 0, 2]}.get(mode, [0])
    with torch.no_grad():
        for direction in range(directions):
            tail = "_l0_reverse" if direction else "_l0"
            for name, value in (
                ("weight_ih", w[direction]),
                ("weight_hh", r[direction]),
                ("bias_ih", bias[direction, :rows]),
                ("bias_hh", bias[direction, rows:]),
            ):
                gates = np.split(value, len(order))
                getattr(module, name + tail).copy_(torch.tensor(np.concatenate([gates[place] for place in order])))
        output, states = module(torch.tensor(data))
    # (T, N, D*H) is (T, D, N, H) there, or (N, T, D, H); states begin with the batch too if it comes first
    shaped = output.unflatten(2, (directions, -1))
    shaped = shaped if batch_first else shaped.movedim(2, 1)
    final = [state.movedim(0, 1) if batch_first else state for state in (states if mode == "lstm" else [states])]
    found = dict(zip(node.output, [shaped.flip(0) if backwards else shaped, *final], strict=False))
    assert expected
    for name, theirs in expected.items():
        np.testing.assert_allclose(found[name].numpy(), theirs, rtol=1e-5, atol=1e-6)


def test_most_of_onnx_own_examples_mean_what_we_do() -> None:
    names = [case.id for case in _examples()]
    assert len(names) >= 10
    assert {"test_lstm_defaults", "test_gru_defaults", "test_simple_rnn_defaults"} <= set(names)
