"""Where real MXNet 1.9.1 is wrong, or cannot do it: held to torch, NumPy or plain reasoning instead.

Each test that can ask MXNet also says that it still differs, so that this list stays honest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet.ndarray import generated as nd

from .draw import Draw


def _gradient(op: str, inputs: list[np.ndarray], attrs: dict[str, Any], head: np.ndarray) -> np.ndarray:
    """Our gradient of the first input."""
    arrays = [mx.nd.array(each, dtype=each.dtype) for each in inputs]
    arrays[0].attach_grad()
    with mx.autograd.record():
        output = getattr(nd, op)(*arrays, **attrs)
    output.backward(mx.nd.array(head, dtype=head.dtype))
    assert arrays[0].grad is not None
    return arrays[0].grad.asnumpy()


def test_the_gradient_of_selu(oracle: Oracle) -> None:
    """MXNet forgets a factor below zero."""
    draw = Draw(0, "float64")
    data = draw.real("ab")
    head = draw.like(data)
    x = torch.tensor(data, requires_grad=True)
    torch.selu(x).backward(torch.tensor(head))
    expected = x.grad.numpy()  # pyright: ignore[reportOptionalMemberAccess]
    assert_close(_gradient("LeakyReLU", [data], {"act_type": "selu"}, head), expected, 1e-12, "gradient")
    (theirs,) = oracle.op("LeakyReLU", [data], {"act_type": "selu"}, head_grads=[head], grad=True).gradients
    assert theirs is not None
    assert np.abs(theirs - expected).max() > 0.01


@pytest.mark.parametrize("multi_output", [False, True])
@pytest.mark.parametrize("use_ignore", [False, True])
def test_softmax_output_that_asks_for_the_head_gradient(oracle: Oracle, multi_output: bool, use_ignore: bool) -> None:
    """MXNet multiplies by the probabilities instead."""
    draw = Draw(1, "float64")
    data = draw.real("n5t" if multi_output else "n5")
    label = draw.integers("nt" if multi_output else "n", 0, 5)
    head = draw.like(data)
    plain = {"multi_output": multi_output, "use_ignore": use_ignore, "ignore_label": 1}
    (without,) = oracle.op("SoftmaxOutput", [data, label], plain, grad=True).gradients[:1]
    attrs = {**plain, "out_grad": True}
    assert without is not None
    assert_close(_gradient("SoftmaxOutput", [data, label], attrs, head), without * head, 1e-7, "gradient")
    theirs = oracle.op("SoftmaxOutput", [data, label], attrs, head_grads=[head], grad=True)
    assert_close(theirs.gradients[0], without * theirs.outputs[0], 1e-7, "MXNet's gradient")


def test_smoothing_with_multi_output(oracle: Oracle) -> None:
    """MXNet ignores the option."""
    draw = Draw(0, "float64")
    data, label = draw.real("n5t"), draw.integers("nt", 0, 5)
    positions = data.shape[2]
    target = np.full(data.shape, 0.2 / 4)
    np.put_along_axis(target, label.astype(int)[:, None], 0.8, 1)
    probabilities = np.exp(data) / np.exp(data).sum(1, keepdims=True)
    attrs = {"multi_output": True, "smooth_alpha": 0.2}
    gradient = _gradient("SoftmaxOutput", [data, label], attrs, np.ones_like(data))
    assert_close(gradient, (probabilities - target) / positions, 1e-12, "gradient")
    (theirs,) = oracle.op("SoftmaxOutput", [data, label], attrs, grad=True).gradients[:1]
    (unsmoothed,) = oracle.op("SoftmaxOutput", [data, label], {"multi_output": True}, grad=True).gradients[:1]
    assert theirs is not None
    assert unsmoothed is not None
    assert (theirs == unsmoothed).all()


def test_labels_of_rows_that_have_several() -> None:
    """MXNet infers a label for each row of the last axis, then reads only the first few of them."""
    data, label = mx.nd.array(np.zeros((2, 3, 4))), mx.nd.array(np.zeros((2, 3)))
    assert mx.nd.SoftmaxOutput(data, label).shape == (2, 3, 4)
    data.attach_grad()
    with mx.autograd.record(), pytest.raises(mx.base.ShapeError, match=r"expected label shape \(2,\), got \(2, 3\)"):
        mx.nd.SoftmaxOutput(data, label)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gradient_of_the_last_step(axis: int) -> None:
    """Without lengths MXNet crashes."""
    draw = Draw(0, "float64")
    data = draw.real("abc")
    head = draw.like(data.take(-1, axis))
    expected = np.zeros_like(data)
    expected[(slice(None),) * axis + (-1,)] = head
    assert_close(_gradient("SequenceLast", [data], {"axis": axis}, head), expected, 0, "gradient")


def test_the_gradient_of_a_product_with_zeros(oracle: Oracle) -> None:
    """MXNet divides the product by each factor."""
    data, head = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]), np.array([1.0, 1.0])
    expected = np.array([[0.0, 6.0, 0.0], [0.0, 0.0, 0.0]])
    assert_close(_gradient("prod", [data], {"axis": 1}, head), expected, 0, "gradient")
    (theirs,) = oracle.op("prod", [data], {"axis": 1}, grad=True).gradients
    assert theirs is not None
    assert np.isnan(theirs).any()


def test_numbers_that_look_rows_up_may_be_recorded() -> None:
    """MXNet refuses; there is nothing to flow back, so we leave the gradient alone."""
    ids, weight = mx.nd.array([0.0, 3.0, 9.0]), mx.nd.array(np.eye(4))
    for array in (ids, weight):
        array.attach_grad()
    with mx.autograd.record():
        rows = mx.nd.Embedding(ids, weight, input_dim=4, output_dim=4)
    rows.backward()
    assert ids.grad is not None
    assert weight.grad is not None
    assert (ids.grad.asnumpy() == 0).all()
    assert weight.grad.asnumpy()[:, 0].tolist() == [1, 0, 0, 2]


def test_cross_entropy_as_a_number(oracle: Oracle) -> None:
    """MXNet refuses a gradient for the labels, so the table of cases cannot ask for any."""
    draw = Draw(0)
    args = {"x": draw.real("n5"), "l": draw.integers("n", 0, 5)}
    head = np.array([1.5], "f")
    text = mx.sym.softmax_cross_entropy(mx.sym.Variable("x"), mx.sym.Variable("l")).tojson()
    requests = {"x": "write", "l": "null"}
    theirs = oracle.run_symbol(text, args, is_train=True, head_grads=[head], grad_req=requests)
    ours = _gradient("softmax_cross_entropy", list(args.values()), {}, head)
    assert_close(ours, theirs.gradients["x"], 1e-5, "gradient")


@pytest.mark.parametrize("mode", ["instance", "channel"])
def test_softmax_of_whole_instances(mode: str) -> None:
    """MXNet on CPU takes the softmax of an instance along its last axis, against its own documentation."""
    data = Draw(0).real("345")
    axes = (1, 2) if mode == "instance" else 1
    expected = np.exp(data) / np.exp(data).sum(axes, keepdims=True)
    assert_close(mx.nd.SoftmaxActivation(mx.nd.array(data), mode=mode).asnumpy(), expected, 1e-6, "output")


@pytest.mark.parametrize("shape", [(3,), (8,)])
def test_a_reshape_that_does_not_fit(shape: tuple[int, ...]) -> None:
    """MXNet makes such an array all the same, and trips over its memory later."""
    with pytest.raises(mx.base.ShapeError, match=r"Reshape: \(4,\) with 4 elements cannot become"):
        mx.nd.Reshape(mx.nd.zeros(4), shape=shape)
