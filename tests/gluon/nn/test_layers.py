"""Every layer, run and kept in every way, against real MXNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracle.client import Oracle

from ..both import assert_same_block

NUMBERS = np.array([[0, 4, 2], [1, 1, 3]], np.float32)

LAYERS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("nn.Dense(3)", [(5, 4)], {}),
    ("nn.Dense(3)", [(5, 4, 2)], {}),
    ("nn.Dense(3, activation='tanh', use_bias=False, flatten=False, in_units=4)", [(5, 2, 4)], {}),
    ("nn.Dense(3, weight_initializer='normal', bias_initializer=mx.init.One(), prefix='a_')", [(2, 7)], {}),
    ("nn.Dense(3, dtype='float64', activation='softrelu')", [(2, 7)], {"dtype": "float64"}),
    ("nn.Dropout(0.4)", [(3, 4)], {"training": False}),
    ("nn.Dropout(0.4, axes=(1,))", [(3, 4)], {"training": False}),
    ("nn.Dropout(0)", [(3, 4)], {}),
    ("nn.Embedding(5, 3)", [NUMBERS], {"without_gradient": [0]}),
    (
        "nn.Embedding(5, 3, weight_initializer=mx.init.Normal(2))",
        [NUMBERS],
        {"dtype": "float64", "without_gradient": [0]},
    ),
    ("nn.Flatten()", [(2, 3, 4)], {}),
    ("nn.Activation('relu')", [(3, 4)], {}),
    ("nn.Activation('softsign', prefix='a_')", [(3, 4)], {}),
    ("nn.LeakyReLU(0.3)", [(3, 4)], {}),
    ("nn.PReLU()", [(3, 4)], {}),
    ("nn.PReLU(mx.init.One(), in_channels=4)", [(3, 4, 2)], {}),
    ("nn.ELU()", [(3, 4)], {}),
    ("nn.ELU(0.5)", [(3, 4)], {}),
    ("nn.SELU()", [(3, 4)], {"gradients": False}),
    ("nn.GELU()", [(3, 4)], {}),
    ("nn.Swish()", [(3, 4)], {}),
    ("nn.Swish(2.5)", [(3, 4)], {}),
    ("nn.HybridLambda('tanh')", [(3, 4)], {}),
    ("nn.HybridLambda(lambda F, x, y: F.broadcast_mul(x, y))", [(3, 4), (3, 1)], {}),
    ("nn.Lambda('tanh')", [(3, 4)], {}),
    ("nn.Lambda(lambda x, y: x * y)", [(3, 4), (3, 1)], {}),
    ("nn.ReflectionPad2D(2)", [(2, 3, 4, 5)], {}),
    ("nn.ReflectionPad2D((0, 0, 0, 0, 1, 0, 2, 3))", [(2, 3, 4, 5)], {}),
    ("nn.BatchNorm()", [(6, 3)], {"tolerance": 1e-4}),
    ("nn.BatchNorm(axis=2, momentum=0.3, epsilon=0.1, center=False, scale=False)", [(6, 3, 2)], {"tolerance": 1e-4}),
    ("nn.BatchNorm(use_global_stats=True, in_channels=3, beta_initializer='ones')", [(6, 3, 2)], {"tolerance": 1e-4}),
    ("nn.BatchNorm()", [(6, 3, 2)], {"dtype": "float64"}),
    ("nn.BatchNormReLU()", [(4, 3, 2, 5)], {"training": False, "tolerance": 1e-4}),
    ("nn.LayerNorm()", [(4, 6)], {"tolerance": 1e-4}),
    ("nn.LayerNorm(axis=1, epsilon=0.1, center=False, scale=False)", [(4, 6, 2)], {"tolerance": 1e-4}),
    ("nn.InstanceNorm()", [(4, 3, 6)], {"tolerance": 1e-4}),
    ("nn.InstanceNorm(axis=2, epsilon=0.1, scale=True, center=False)", [(4, 6, 3)], {"tolerance": 1e-4}),
    ("nn.GroupNorm()", [(4, 6, 5)], {"tolerance": 1e-4}),
    ("nn.GroupNorm(3, epsilon=0.1, center=False, scale=False)", [(4, 6, 5)], {"tolerance": 1e-4}),
    ("nn.Conv1D(4, 3)", [(2, 3, 7)], {"tolerance": 1e-4}),
    (
        "nn.Conv1D(4, 3, strides=2, padding=1, dilation=2, groups=2, activation='relu', use_bias=False, in_channels=6)",
        [(2, 6, 9)],
        {"tolerance": 1e-4},
    ),
    (
        "nn.Conv2D(4, (3, 2), strides=(1, 2), padding=(1, 0), bias_initializer='ones')",
        [(2, 3, 5, 6)],
        {"tolerance": 1e-4},
    ),
    ("nn.Conv3D(4, 2)", [(2, 3, 4, 3, 5)], {"tolerance": 1e-4}),
    ("nn.Conv1DTranspose(4, 3)", [(2, 3, 5)], {"dtype": "float64"}),
    (
        "nn.Conv1DTranspose(4, 3, strides=2, output_padding=1, groups=2, in_channels=4)",
        [(2, 4, 5)],
        {"dtype": "float64"},
    ),
    (
        "nn.Conv2DTranspose(4, (3, 2), strides=(2, 1), padding=1, use_bias=False, in_channels=2, activation='tanh')",
        [(2, 2, 5, 4)],
        {"dtype": "float64"},
    ),
    ("nn.Conv3DTranspose(4, 2, in_channels=2)", [(2, 2, 3, 4, 3)], {"training": False, "tolerance": 1e-4}),
    ("nn.MaxPool1D()", [(2, 3, 7)], {}),
    ("nn.MaxPool1D(3, 2, 1, ceil_mode=True)", [(2, 3, 8)], {}),
    ("nn.MaxPool2D((2, 3), strides=1)", [(2, 3, 5, 6)], {}),
    ("nn.MaxPool3D()", [(2, 3, 5, 4, 6)], {}),
    ("nn.MaxPool2D(layout='NHWC')", [(2, 5, 6, 3)], {}),
    ("nn.GlobalAvgPool1D(layout='NWC')", [(2, 7, 3)], {}),
    ("nn.AvgPool1D()", [(2, 3, 7)], {}),
    ("nn.AvgPool2D(3, 2, (1, 0), ceil_mode=True)", [(2, 3, 8, 7)], {"dtype": "float64"}),
    ("nn.AvgPool3D(2, padding=1, count_include_pad=False)", [(2, 3, 5, 4, 6)], {}),
    ("nn.GlobalMaxPool1D()", [(2, 3, 7)], {}),
    ("nn.GlobalMaxPool2D()", [(2, 3, 5, 6)], {}),
    ("nn.GlobalMaxPool3D()", [(2, 3, 5, 4, 6)], {}),
    ("nn.GlobalAvgPool1D()", [(2, 3, 7)], {}),
    ("nn.GlobalAvgPool2D()", [(2, 3, 5, 6)], {}),
    ("nn.GlobalAvgPool3D()", [(2, 3, 5, 4, 6)], {}),
    ("contrib.Identity()", [(2, 3)], {"gradients": False}),
    ("contrib.PixelShuffle1D(2)", [(2, 6, 5)], {}),
    ("contrib.PixelShuffle2D((2, 3))", [(2, 12, 4, 5)], {}),
    ("contrib.PixelShuffle2D(2)", [(2, 8, 4, 5)], {}),
    ("contrib.PixelShuffle3D((2, 1, 3))", [(2, 12, 4, 5, 2)], {}),
]

HEAD = "nn, contrib = mx.gluon.nn, mx.gluon.contrib.nn\nblock = "


@pytest.mark.parametrize(("source", "inputs", "options"), LAYERS, ids=[f"{i}-{row[0]}" for i, row in enumerate(LAYERS)])
def test_layer(oracle: Oracle, tmp_path: Path, source: str, inputs: list[Any], options: dict[str, Any]) -> None:
    assert_same_block(oracle, tmp_path, HEAD + source, *inputs, **options)
