"""ONNX files are written by ``rennet.interop.onnx``; reading them is not."""

from ._refused import refused

_READ = "rennet reads graphs in MXNet's own format only (mx.sym.load)"

export_model = refused("mx.contrib.onnx.export_model", "use rennet.interop.onnx.export_onnx")
import_model = refused("mx.contrib.onnx.import_model", _READ)
import_to_gluon = refused("mx.contrib.onnx.import_to_gluon", _READ)
get_model_metadata = refused("mx.contrib.onnx.get_model_metadata", _READ)
