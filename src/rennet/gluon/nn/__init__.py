"""Layers. May import what gluon may."""

from ..block import Block
from ..hybrid_block import HybridBlock
from ..symbol_block import SymbolBlock
from . import basic_layers, conv_layers
from .activations import ELU, GELU, SELU, Activation, LeakyReLU, PReLU, Swish
from .basic_layers import Dense, Dropout, Embedding, Flatten
from .containers import HybridSequential, Sequential
from .convolution_layers import Conv1D, Conv2D, Conv3D
from .functions import HybridLambda, Lambda
from .normalization_layers import BatchNorm, BatchNormReLU, GroupNorm, InstanceNorm, LayerNorm
from .padding_layers import ReflectionPad2D
from .pooling_layers import (
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
)
from .transposed_layers import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

# MXNet's users look for them in basic_layers
basic_layers.__dict__.update(
    BatchNorm=BatchNorm,
    BatchNormReLU=BatchNormReLU,
    GroupNorm=GroupNorm,
    HybridLambda=HybridLambda,
    HybridSequential=HybridSequential,
    InstanceNorm=InstanceNorm,
    Lambda=Lambda,
    LayerNorm=LayerNorm,
    Sequential=Sequential,
)

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "BatchNormReLU",
    "Block",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GroupNorm",
    "HybridBlock",
    "HybridLambda",
    "HybridSequential",
    "InstanceNorm",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "PReLU",
    "ReflectionPad2D",
    "Sequential",
    "Swish",
    "SymbolBlock",
    "basic_layers",
    "conv_layers",
]
