"""Convolutions that make no sense are refused by name; `test_against_mxnet.py` compares the others."""

from __future__ import annotations

from typing import Any

import pytest

import rennet as mx


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"kernel": (3, 3), "layout": "NHWC"}, "Convolution: attribute layout: only layouts with the channels first"),
        ({"kernel": (3, 3), "layout": "NCW"}, "Convolution: attribute layout: expected NCHW for 2 spatial axes"),
        ({"kernel": (3, 3), "stride": (1,)}, "Convolution: attribute stride: expected 2 numbers of at least 1"),
        ({"kernel": (3, 3), "num_group": 4}, "Convolution: attribute num_group: expected a positive divisor"),
        ({"kernel": (1, 1, 1, 1)}, "Convolution: attribute kernel: expected 1 to 3 positive sizes"),
        ({"kernel": (9, 3)}, "Convolution: a kernel that spans 9 does not fit an axis of size 5 with 0 of padding"),
        ({"kernel": (3,)}, r"Convolution: data: expected 3 axes \(NCW\)"),
    ],
)
def test_convolutions_that_do_not_fit(attrs: dict[str, Any], message: str) -> None:
    data, weight = mx.nd.ones((2, 3, 5, 6)), mx.nd.ones((6, 3, *attrs["kernel"]))
    with pytest.raises(mx.base.MXNetError, match=message):
        mx.nd.Convolution(data, weight, num_filter=6, no_bias=True, **attrs)
