"""Recurrent networks as a fused layer, or as cells that are unrolled: the same script for rennet and for real MXNet.

Arguments: which package (``rennet`` or ``mxnet``), how, and the folder with the settings. How is ``layer``,
``unrolled``, ``file`` (unrolled, saved and loaded), ``gluon`` (Gluon's unroll of arrays) or ``binding``.
"""

import importlib
import json
import logging
import sys
from pathlib import Path

import numpy as np
from turns import serve

package, how, folder = sys.argv[1:]
mx = importlib.import_module(package)
logging.disable(logging.WARNING)
settings = json.loads((Path(folder) / "settings.json").read_text())
kind, steps, batch, hidden = (settings[name] for name in ("kind", "steps", "batch", "hidden"))
training = settings["training"]
shape = (steps, batch, hidden)
repeats = 5


def cells():
    """The network of `mx.rnn`, as unrolled cells."""
    rnn = mx.rnn
    if kind == "stack":
        stack = rnn.SequentialRNNCell()
        for prefix in ("a_", "b_"):
            stack.add(rnn.LSTMCell(hidden, prefix=prefix))
        return stack
    if kind == "both ways":
        return rnn.BidirectionalCell(rnn.LSTMCell(hidden, prefix="l_"), rnn.LSTMCell(hidden, prefix="r_"))
    if kind == "residual":
        return rnn.ResidualCell(rnn.LSTMCell(hidden))
    if kind == "zoneout":
        return rnn.ZoneoutCell(rnn.LSTMCell(hidden), 0.1, 0.1)
    if kind == "variational":
        return variational()
    return {"lstm": rnn.LSTMCell, "gru": rnn.GRUCell, "rnn": rnn.RNNCell}[kind](hidden)


def variational():
    return mx.gluon.contrib.rnn.VariationalDropoutCell(mx.gluon.rnn.LSTMCell(hidden), 0.2, 0.2, 0.2)


def layer():
    """The same as a fused layer, without what regularises it."""
    mode = {"gru": "gru", "rnn": "rnn_tanh"}.get(kind, "lstm")
    fused = mx.rnn.FusedRNNCell(hidden, 1 + (kind == "stack"), mode, bidirectional=kind == "both ways")
    return mx.rnn.ResidualCell(fused) if kind == "residual" else fused


def gluon():
    """The same as Gluon's cells."""
    rnn = mx.gluon.rnn
    if kind == "stack":
        cell = rnn.SequentialRNNCell()
        for _ in range(2):
            cell.add(rnn.LSTMCell(hidden))
    elif kind == "both ways":
        cell = rnn.BidirectionalCell(rnn.LSTMCell(hidden), rnn.LSTMCell(hidden))
    elif kind == "residual":
        cell = rnn.ResidualCell(rnn.LSTMCell(hidden))
    elif kind == "zoneout":
        cell = rnn.ZoneoutCell(rnn.LSTMCell(hidden), 0.1, 0.1)
    elif kind == "variational":
        cell = variational()
    else:
        cell = {"lstm": rnn.LSTMCell, "gru": rnn.GRUCell, "rnn": rnn.RNNCell}[kind](hidden)
    cell.initialize(mx.init.Uniform(0.1))
    return cell


def unrolled(cell):
    outputs, _ = cell.unroll(steps, mx.sym.Variable("x"), layout="TNC", merge_outputs=True)
    return outputs


def of_a_graph(net):
    executor = net.simple_bind(mx.cpu(), grad_req="write" if training else "null", x=shape)
    for array in executor.arg_arrays:
        array[:] = np.random.uniform(-0.1, 0.1, array.shape)
    head = mx.nd.ones(net.infer_shape(x=shape)[1][0])

    def turn():
        for _ in range(repeats):
            executor.forward(is_train=training)
            if training:
                executor.backward([head])
                executor.grad_arrays[0].wait_to_read()
            executor.outputs[0].wait_to_read()
        return repeats * steps * batch

    return turn


def of_arrays(cell):
    data = mx.nd.array(np.random.uniform(-1, 1, shape))
    data.attach_grad()

    def turn():
        for _ in range(repeats):
            if training:
                with mx.autograd.record():
                    outputs, _ = cell.unroll(steps, data, layout="TNC", merge_outputs=True)
                outputs.backward()
                data.grad.wait_to_read()
            else:
                outputs, _ = cell.unroll(steps, data, layout="TNC", merge_outputs=True)
            outputs.wait_to_read()
        return repeats * steps * batch

    return turn


def of_binding():
    net = unrolled(cells())

    def turn():
        net.simple_bind(mx.cpu(), x=shape)
        return steps * 2

    return turn


def from_a_file():
    path = str(Path(folder) / "unrolled-symbol.json")
    unrolled(cells()).save(path)
    return mx.sym.load(path)


serve(
    {
        "layer": lambda: of_a_graph(unrolled(layer())),
        "unrolled": lambda: of_a_graph(unrolled(cells())),
        "file": lambda: of_a_graph(from_a_file()),
        "gluon": lambda: of_arrays(gluon()),
        "binding": of_binding,
    }[how]()
)
