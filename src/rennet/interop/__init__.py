"""To and from other libraries. May import every room below; what is optional is imported when it is used."""

from .fused_rnn import FusedRNN
from .onnx import export_onnx

__all__ = ["FusedRNN", "export_onnx"]
