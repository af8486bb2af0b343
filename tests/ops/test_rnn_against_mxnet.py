"""The fused RNN operator against real MXNet.

In float32, where MXNet computes by oneDNN, all its results are right. In float64 it takes code of its own, whose
gradients of the parameters are wrong for plain recurrences of three layers and more, and whose ReLU is rounded to
float32; there torch's modules are the oracle instead. What it cannot do on a CPU at all (projection in training,
clipping, lengths) is in `test_rnn_reference.py`.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
import torch_rnn
from differential import assert_all_close
from oracle.client import Oracle
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES

size = st.integers(1, 7)
layouts = st.builds(Layout, st.sampled_from(sorted(MODES)), size, st.integers(1, 3), st.booleans(), st.none())


def _ours(sample: torch_rnn.Sample, dtype: str, **more) -> tuple[list, list]:
    arrays = [mx.nd.array(each, dtype=dtype) for each in sample.inputs]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        outputs = mx.nd.RNN(*arrays, **sample.attrs(**more))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    heads = [mx.nd.array(head, dtype=dtype) for head in sample.heads[: len(outputs)]]
    mx.autograd.backward(outputs, heads)
    return outputs, [array.grad for array in arrays]


@settings(max_examples=60)
@given(layout=layouts, steps=size, batch=size, inputs=size, state_outputs=st.booleans(), dtype=st.sampled_from("fd"))
def test_results_and_gradients(
    oracle: Oracle, layout: Layout, steps: int, batch: int, inputs: int, state_outputs: bool, dtype: str
) -> None:
    sample = torch_rnn.draw(layout, steps, batch, inputs, seed=steps)
    kind = np.dtype(dtype).name
    outputs, gradients = _ours(sample, kind, state_outputs=state_outputs)
    theirs = oracle.op(
        "RNN",
        [each.astype(dtype) for each in sample.inputs],
        sample.attrs(state_outputs=state_outputs),
        head_grads=[head.astype(dtype) for head in sample.heads[: len(outputs)]],
        grad=True,
    )
    if dtype == "f":
        # three layers of relu make large numbers whose sums cancel: MXNet is off by 2.5e-5 itself
        tolerance = 1e-4 if layout.mode == "rnn_relu" else 3e-5
    else:
        tolerance = 1e-5 if layout.mode == "rnn_relu" else 1e-9
    assert_all_close(outputs, theirs.outputs, tolerance, f"{layout}: output")
    if dtype == "d" and layout.num_layers > 2 and layout.mode.startswith("rnn"):
        if state_outputs:
            assert_all_close(gradients, torch_rnn.run(sample)[1], tolerance, f"{layout}: gradient")
        return
    assert_all_close(gradients, theirs.gradients, tolerance, f"{layout}: gradient")


@settings(max_examples=60)
@given(layout=layouts, steps=size, batch=size, inputs=size)
def test_torch_agrees(layout: Layout, steps: int, batch: int, inputs: int) -> None:
    sample = torch_rnn.draw(layout, steps, batch, inputs, seed=steps)
    outputs, gradients = _ours(sample, "float64")
    expected, expected_gradients = torch_rnn.run(sample)
    assert_all_close(outputs, expected, 1e-10, f"{layout}: output")
    assert_all_close(gradients, expected_gradients, 1e-10, f"{layout}: gradient")


@pytest.mark.parametrize("mode", sorted(MODES))
def test_three_plain_layers_are_where_mxnet_goes_wrong(oracle: Oracle, mode: str) -> None:
    """Should this fail, MXNet's float64 gradients can be trusted everywhere."""
    sample = torch_rnn.draw(Layout(mode, 5, 3), 4, 3, 2, seed=0)
    theirs = oracle.op("RNN", sample.inputs, sample.attrs(), head_grads=sample.heads, grad=True)
    error = np.abs(theirs.gradients[1] - torch_rnn.run(sample)[1][1]).max()
    assert (error > 0.1) == mode.startswith("rnn")


@pytest.mark.parametrize("mode", sorted(MODES))
def test_dropout_means_nothing_in_inference(oracle: Oracle, mode: str) -> None:
    sample = torch_rnn.draw(Layout(mode, 5, 2, True), 4, 3, 2, seed=0)
    theirs = oracle.op("RNN", sample.inputs, sample.attrs(p=0.5))
    ours = mx.nd.RNN(*[mx.nd.array(each, dtype="float64") for each in sample.inputs], **sample.attrs(p=0.5))
    assert_all_close(ours, theirs.outputs, 1e-6, "output")


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")
@pytest.mark.usefixtures("oracle")
def test_projection_in_inference() -> None:
    """MXNet projects on a CPU in float32, forwards only, and corrupts its memory at some sizes: in a process apart."""
    with Oracle() as asked:
        for layers, bidirectional in itertools.product((1, 2, 3), (False, True)):
            sample = torch_rnn.draw(Layout("lstm", 6, layers, bidirectional, 3), 4, 3, 5, seed=layers)
            theirs = asked.op("RNN", [each.astype("f") for each in sample.inputs], sample.attrs())
            ours = mx.nd.RNN(*[mx.nd.array(each) for each in sample.inputs], **sample.attrs())
            assert_all_close(ours, theirs.outputs, 3e-5, f"{sample.layout}: output")
