"""Deconvolution against real MXNet, in the element types in which it works there, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle

from .draw import Draw


@pytest.mark.parametrize(
    ("axes", "attrs"),
    [
        ("n3a", {"kernel": (1,)}),
        ("n4a", {"kernel": (3,), "pad": (1,), "layout": "NCW", "workspace": 64}),
        ("n4a", {"kernel": (2,), "stride": (2,), "pad": (1,), "adj": (1,), "num_group": 2}),
        ("n475", {"kernel": (3, 2), "layout": "NCHW", "cudnn_tune": "off", "cudnn_off": True, "num_group": 2}),
        ("n347", {"kernel": (3, 3), "stride": (2, 3), "pad": (0, 2), "adj": (1, 2)}),
        ("n3a", {"kernel": (3,), "stride": (3,), "target_shape": (2,)}),
        ("n35", {"kernel": (3,), "stride": (2,), "target_shape": (10,)}),
        ("n347", {"kernel": (3, 4), "stride": (2, 3), "pad": (2, 2), "adj": (0, 1), "target_shape": (8, 21)}),
        ("n347", {"kernel": (3, 4), "stride": (2, 3), "pad": (1, 2), "adj": (1, 1), "target_shape": (0, 0)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("no_bias", [False, True])
def test_results_and_gradients(oracle: Oracle, axes: str, attrs: dict[str, Any], no_bias: bool) -> None:
    """In float64: oneDNN pays no attention to a wanted shape, and fails or hangs for batches of some sizes."""
    draw, groups = Draw(1, "float64"), attrs.get("num_group", 1)
    kernel = "".join(map(str, attrs["kernel"]))
    inputs = [draw.real(axes), draw.real(f"{axes[1]}{6 // groups}{kernel}"), *([] if no_bias else [draw.real("6")])]
    attrs = {**attrs, "num_filter": 6, **({} if no_bias else {"no_bias": False})}
    arrays = [mx.nd.array(each, dtype="float64") for each in inputs]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        output = mx.nd.Deconvolution(*arrays, **attrs)
    head = draw.like(output.asnumpy())
    output.backward(mx.nd.array(head, dtype="float64"))
    theirs = oracle.op("Deconvolution", inputs, attrs, head_grads=[head], grad=True)
    assert_close(output, theirs.outputs[0], 1e-10, "output")
    assert_all_close([array.grad for array in arrays], theirs.gradients, 1e-10, "gradients")


def test_three_axes(oracle: Oracle) -> None:
    """In float32, which MXNet has alone."""
    draw = Draw(2)
    inputs = [draw.real("32345"), draw.real("26312"), draw.real("6")]
    attrs = {"kernel": (3, 1, 2), "layout": "NCDHW", "stride": (1, 2, 1), "adj": (0, 1, 0), "num_filter": 6}
    theirs = oracle.op("Deconvolution", inputs, {**attrs, "no_bias": False})
    ours = mx.nd.Deconvolution(*[mx.nd.array(each) for each in inputs], no_bias=False, **attrs)
    assert_close(ours, theirs.outputs[0], 1e-4, "output")


@pytest.mark.parametrize("attrs", [{}, {"no_bias": False, "stride": (2,), "target_shape": (9,)}], ids=str)
def test_graph_files(oracle: Oracle, attrs: dict[str, Any]) -> None:
    source = """
node = mx.sym.Deconvolution(mx.sym.Variable("x"), name="d", kernel=(3,), num_filter=4, **attrs)
text, shapes = node.tojson(), node.infer_shape(x=(2, 3, 5))
"""
    theirs = oracle.build(source, ["text", "shapes"], {"attrs": attrs})
    ours = mx.sym.Deconvolution(mx.sym.Variable("x"), name="d", kernel=(3,), num_filter=4, **attrs)
    assert ours.tojson() == theirs["text"]
    assert ours.infer_shape(x=(2, 3, 5)) == tuple(theirs["shapes"])


@pytest.mark.parametrize("stride", [1, 2])
def test_dilation(oracle: Oracle, stride: int) -> None:
    """Forwards, in float32: what MXNet computes with doubles is shifted by the padding."""
    draw = Draw(2)
    inputs = [draw.real("n3a"), draw.real("342")]
    attrs = {"kernel": (2,), "dilate": (3,), "stride": (stride,), "pad": (1,), "num_filter": 4}
    theirs = oracle.op("Deconvolution", inputs, attrs)
    ours = mx.nd.Deconvolution(*[mx.nd.array(each) for each in inputs], **attrs)
    assert_close(ours, theirs.outputs[0], 1e-4, "output")


def test_it_is_the_way_back_through_a_convolution() -> None:
    window = {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0), "dilate": (1, 2), "num_group": 2}
    draw = Draw(3, "float64")
    image, weight = (mx.nd.array(draw.real(axes), dtype="float64") for axes in ("2476", "6232"))
    image.attach_grad()
    with mx.autograd.record():
        convolved = mx.nd.Convolution(image, weight, num_filter=6, no_bias=True, **window)
    head = mx.nd.array(draw.like(convolved.asnumpy()), dtype="float64")
    convolved.backward(head)
    back = mx.nd.Deconvolution(head, weight, num_filter=4, **window)
    assert image.grad is not None
    np.testing.assert_allclose(back.asnumpy(), image.grad.asnumpy(), atol=1e-12)


def test_shapes_follow_from_each_other() -> None:
    symbol = mx.sym.Deconvolution(
        mx.sym.Variable("x"), name="d", kernel=(3,), stride=(2,), adj=(1,), num_filter=6, num_group=3, no_bias=False
    )
    assert symbol.infer_shape(x=(2, 3, 5)) == ([(2, 3, 5), (3, 2, 3), (6,)], [(2, 6, 12)], [])
    partial = symbol.infer_shape_partial(x=(2, 0, 0), d_weight=(3, 2, 3))
    assert partial == ([(2, 3, 0), (3, 2, 3), (6,)], [(2, 6, 0)], [])


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"kernel": (3, 3), "layout": "NHWC"}, "Deconvolution: attribute layout: only layouts with the channels first"),
        ({"kernel": (3, 3), "adj": (1, 0)}, "attribute adj: expected an adjustment of less than the stride 1; got 1"),
        ({"kernel": (3, 3), "target_shape": (6, 0)}, "target_shape: expected .* got 6, which needs one of 1"),
        ({"kernel": (3, 3), "target_shape": (9, 8)}, "target_shape: an axis of size 5 becomes at most 7 wide; got 9"),
        ({"kernel": (3, 3), "pad": (4, 0)}, "nothing is left of an axis of size 5 after 4 of padding"),
        ({"kernel": (3, 3), "num_group": 4}, "attribute num_group: expected a positive divisor of num_filter 6; got 4"),
        ({"kernel": (3, 3), "num_group": 2}, "3 channels do not split into num_group 2 equal groups"),
        ({"kernel": (3,)}, r"Deconvolution: data: expected 3 axes \(NCW\)"),
        ({"kernel": (3, 3), "no_bias": False}, "Deconvolution: bias: expected shape"),
    ],
)
def test_deconvolutions_that_do_not_fit(attrs: dict[str, Any], message: str) -> None:
    data, weight, bias = mx.nd.ones((2, 3, 5, 6)), mx.nd.ones((3, 6, *attrs["kernel"])), mx.nd.ones(5)
    with pytest.raises(mx.base.MXNetError, match=message):
        mx.nd.Deconvolution(data, weight, *([bias] if "no_bias" in attrs else []), num_filter=6, **attrs)
