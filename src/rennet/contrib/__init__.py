"""What MXNet kept apart as experimental: operators, and text. May import rooms 1 to 8."""

from ..ndarray import contrib as nd
from ..ndarray import contrib as ndarray
from ..symbol import contrib as sym
from ..symbol import contrib as symbol
from . import amp, io, onnx, quantization, tensorboard, text
from . import quantization as quant

__all__ = ["amp", "io", "nd", "ndarray", "onnx", "quant", "quantization", "sym", "symbol", "tensorboard", "text"]
