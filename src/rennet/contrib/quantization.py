"""Quantization is left to the libraries that models leave for."""

from ._refused import refused

_ELSEWHERE = "export the model to ONNX (rennet.interop.onnx), and quantize it with onnxruntime.quantization"

quantize_model = refused("mx.contrib.quantization.quantize_model", _ELSEWHERE)
quantize_model_mkldnn = refused("mx.contrib.quantization.quantize_model_mkldnn", _ELSEWHERE)
quantize_graph = refused("mx.contrib.quantization.quantize_graph", _ELSEWHERE)
calib_graph = refused("mx.contrib.quantization.calib_graph", _ELSEWHERE)
quantize_net = refused("mx.contrib.quantization.quantize_net", _ELSEWHERE)
quantize_net_v2 = refused("mx.contrib.quantization.quantize_net_v2", _ELSEWHERE)
