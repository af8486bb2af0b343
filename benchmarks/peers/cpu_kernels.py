"""One recurrent layer or stack, as each library spells it. Argument: which library (and a folder, not needed).

Answers a line of JSON, a case with the number of seconds to work for, with the time taken and the number of calls.
"""

import importlib
import json
import sys
import time

import numpy as np

peer = sys.argv[1]
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1}


def of_torch(case):
    """torch.nn, and rennet's module of the same form."""
    torch = importlib.import_module("torch")
    steps, batch, hidden = case["steps"], case["batch"], case["hidden"]
    lengths = torch.tensor(case["lengths"]) if case["ragged"] else None
    if peer == "rennet":
        module = importlib.import_module("rennet").interop.FusedRNN(
            case["mode"],
            hidden,
            hidden,
            case["layers"],
            bidirectional=case["bidirectional"],
            projection_size=case["projection"] or None,
        )

        def forwards(data):
            return module(data, None, lengths)[0]

    else:
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}[case["mode"]]
        more = {"proj_size": case["projection"]} if case["projection"] else {}
        module = kind(hidden, hidden, case["layers"], bidirectional=case["bidirectional"], **more)

        def forwards(data):
            if lengths is None:
                return module(data)[0]
            pack = torch.nn.utils.rnn
            packed = pack.pack_padded_sequence(data, lengths, enforce_sorted=False)
            return pack.pad_packed_sequence(module(packed)[0], total_length=steps)[0]

    data = torch.randn(steps, batch, hidden)
    if case["use"] == "inference":

        def call():
            with torch.no_grad():
                forwards(data)

        return call
    data.requires_grad_()
    with torch.no_grad():
        head = torch.randn_like(forwards(data))
    parameters = [data, *module.parameters()]
    return lambda: torch.autograd.grad(forwards(data), parameters, head)


def of_onnxruntime(case):
    """One node of ONNX; no training, one layer, no projection."""
    if case["use"] == "training" or case["layers"] > 1 or case["projection"]:
        return None
    onnx, runtime = importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    steps, batch, hidden, mode = case["steps"], case["batch"], case["hidden"], case["mode"]
    rows = GATES[mode] * hidden
    rng = np.random.default_rng(0)

    def weight(name, *shape):
        return onnx.numpy_helper.from_array((rng.normal(size=shape) / hidden**0.5).astype(np.float32), name)

    stored = [weight("W", 1, rows, hidden), weight("R", 1, rows, hidden), weight("B", 1, 2 * rows)]
    feed: dict[str, np.ndarray] = {"X": rng.normal(size=(steps, batch, hidden)).astype(np.float32)}
    value, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    inputs = [value("X", kinds.FLOAT, [steps, batch, hidden])]
    if case["ragged"]:
        feed["lengths"] = np.array(case["lengths"], dtype=np.int32)
        inputs.append(value("lengths", kinds.INT32, [batch]))
    more = {"linear_before_reset": 1} if mode == "gru" else {}
    node = onnx.helper.make_node(
        {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN"}[mode],
        ["X", "W", "R", "B", *(["lengths"] if case["ragged"] else [])],
        ["Y"],
        hidden_size=hidden,
        **more,
    )
    output = value("Y", kinds.FLOAT, [steps, 1, batch, hidden])
    graph = onnx.helper.make_graph([node], "layer", inputs, [output], stored)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)])
    model.ir_version = 8
    options = runtime.SessionOptions()
    options.intra_op_num_threads = int(importlib.import_module("os").environ["OMP_NUM_THREADS"])
    # between its turns others have the cores
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)


def of_mxnet(case):
    """The operator, recorded for training. Its CPU kernels know no lengths and no projection."""
    if case["ragged"] or case["projection"]:
        return None
    mx = importlib.import_module("mxnet")
    steps, batch, hidden, layers = case["steps"], case["batch"], case["hidden"], case["layers"]
    directions = 2 if case["bidirectional"] else 1
    rows = GATES[case["mode"]] * hidden
    widths = [hidden, *[directions * hidden] * (layers - 1)]
    size = sum(directions * rows * (width + hidden + 2) for width in widths)
    data, vector = mx.nd.random.normal(shape=(steps, batch, hidden)), mx.nd.random.normal(shape=(size,)) / hidden**0.5
    states = [mx.nd.zeros((layers * directions, batch, hidden)) for _ in range(2 if case["mode"] == "lstm" else 1)]
    attrs = {
        "state_size": hidden,
        "num_layers": layers,
        "mode": case["mode"],
        "bidirectional": case["bidirectional"],
    }
    if case["use"] == "inference":
        return lambda: mx.nd.RNN(data, vector, *states, **attrs).wait_to_read()
    data.attach_grad()
    vector.attach_grad()
    head = mx.nd.random.normal(shape=(steps, batch, directions * hidden))

    def call():
        with mx.autograd.record():
            output = mx.nd.RNN(data, vector, *states, **attrs)
        output.backward(head)
        data.grad.wait_to_read()
        vector.grad.wait_to_read()

    return call


MAKE = {"rennet": of_torch, "torch": of_torch, "onnxruntime": of_onnxruntime, "mxnet": of_mxnet}[peer]
made = (None, None)
for line in sys.stdin:
    case = json.loads(line)
    limit = case.pop("seconds")
    if made[0] != case:
        made = (case, MAKE(case))
    call, count, seconds = made[1], 0, 1.0
    if call is not None:
        call()
        began = time.perf_counter()
        while count == 0 or time.perf_counter() - began < limit:
            call()
            count += 1
        seconds = time.perf_counter() - began
    print("turn " + json.dumps({"seconds": seconds, "amount": count}), flush=True)
