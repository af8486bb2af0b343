"""Writes the files beside this script with real MXNet 1.9.1: ``python write_goldens.py``, in an environment of its own.

`params/` holds arrays in the container of nd.save, and what they are in NumPy's. `symbols/` holds graphs. `upgrades/`
holds graphs as old versions wrote them (by hand, from the format's description), and what 1.9.1 makes of each. `cells/`
holds the networks of `networks.py`: graph, names and shapes as JSON, and arguments, outputs and gradients one after
another in NumPy's container, in the order of the names.
"""

import json
from pathlib import Path

import mxnet as mx  # pyright: ignore[reportMissingImports]
import numpy as np
from networks import MERGES, NETWORKS  # pyright: ignore[reportMissingImports]

HERE = Path(__file__).parent
SYM = mx.sym
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])


def dense_arrays():
    rng = np.random.RandomState(7)
    arrays = {}
    for dtype in ("float32", "float64", "float16", "uint8", "int32", "int8", "int64"):
        arrays[dtype] = mx.nd.array(rng.randint(0, 100, (2, 3)).astype(dtype), dtype=dtype)
    arrays["bool"] = mx.nd.array([1, 0, 1, 1]).astype("bool")
    arrays["bfloat16"] = mx.nd.array([1.0, 0.1, -2.5]).astype(BFLOAT16)
    arrays["one element"] = mx.nd.array([3.25])
    arrays["five dimensions"] = mx.nd.array(rng.normal(size=(1, 2, 1, 3, 2)))
    arrays["second cpu"] = mx.nd.array([1, 2], ctx=mx.cpu(1))
    arrays["größe/名"] = mx.nd.array([1, 2])
    return arrays


def sparse_arrays():
    rows = mx.nd.array([[0, 0], [1, 2], [0, 0], [3, 0]])
    matrix = mx.nd.array([[0, 0, 5], [1, 2, 0], [0, 0, 0], [3, 0, 0]])
    return {
        "row_sparse": rows.tostype("row_sparse"),
        "row_sparse cube": mx.nd.array(np.eye(3)[:, :, None] * [1, 2]).tostype("row_sparse"),
        "row_sparse zeros": mx.nd.zeros((4, 2), stype="row_sparse"),
        "csr": matrix.tostype("csr"),
        "csr float64": matrix.astype("float64").tostype("csr"),
        "csr zeros": mx.nd.zeros((4, 2), stype="csr"),
    }


def to_numpy(array):
    if array.dtype == BFLOAT16:
        return array.asnumpy().view(np.uint16).reshape(array.shape)
    return array.asnumpy()


def write_arrays():
    folder = HERE / "params"
    folder.mkdir(exist_ok=True)
    for name, arrays in (("dense", dense_arrays()), ("sparse", sparse_arrays())):
        mx.nd.save(str(folder / f"{name}.params"), arrays)
        np.savez(folder / f"{name}.npz", **{key.replace("/", "|"): to_numpy(value) for key, value in arrays.items()})
    mx.nd.save(str(folder / "list.params"), [mx.nd.array([1, 2]), mx.nd.array([[3]])])
    mx.nd.save(str(folder / "empty.params"), {})
    with mx.util.np_shape(True):
        mx.nd.save(str(folder / "np_shape.params"), {"empty": mx.nd.zeros((0, 3)), "scalar": mx.nd.full((), 2.5)})
    handle = mx.nd.array([[1, 2], [3, 4]]).__getstate__()["handle"]
    (folder / "one.record").write_bytes(bytes(handle))


def unrolled_lstm():
    stack = mx.rnn.SequentialRNNCell()
    for layer in range(2):
        stack.add(mx.rnn.LSTMCell(8, prefix=f"lstm_l{layer}_"))
        stack.add(mx.rnn.DropoutCell(0.3, prefix=f"lstm_d{layer}_"))
    embedding = SYM.Embedding(SYM.var("data"), input_dim=20, output_dim=6, name="embed")
    outputs, _ = stack.unroll(3, inputs=embedding, merge_outputs=True)
    logits = SYM.FullyConnected(SYM.Reshape(outputs, shape=(-1, 8)), num_hidden=20, name="pred")
    return SYM.SoftmaxOutput(logits, SYM.Reshape(SYM.var("softmax_label"), shape=(-1,)), name="softmax")


def unrolled_gru():
    outputs, states = mx.rnn.GRUCell(4, prefix="gru_").unroll(12, inputs=SYM.var("data"))
    return SYM.Group([*outputs, *states])


def fused_lstm():
    cell = mx.rnn.FusedRNNCell(8, num_layers=2, mode="lstm", bidirectional=True, get_next_state=True, prefix="lstm_")
    outputs, states = cell.unroll(5, inputs=SYM.var("data"), merge_outputs=True)
    return SYM.Group([outputs, *states])


def foreach():
    def step(data, states):
        output = SYM.FullyConnected(data, num_hidden=4, name="fc") + states[0]
        return output, [output * 2]

    outputs, states = SYM.contrib.foreach(step, SYM.var("data"), [SYM.var("state")])
    return SYM.Group([outputs, *states])


def nested_foreach():
    def inner(data, state):
        return data + state, state * data

    def outer(data, states):
        outputs, state = SYM.contrib.foreach(inner, data, states[0])
        return outputs + SYM.var("w"), [state]

    outputs, states = SYM.contrib.foreach(outer, SYM.var("data"), [SYM.var("state")])
    return SYM.Group([outputs, *states])


def while_loop():
    outputs, states = SYM.contrib.while_loop(
        cond=lambda i, total: i < 5,
        func=lambda i, total: ([i], [i + 1, total + i]),
        loop_vars=[SYM.var("i"), SYM.var("total")],
        max_iterations=10,
    )
    return SYM.Group(outputs + states)


def cond():
    return SYM.contrib.cond(SYM.var("p") < 3, lambda: SYM.var("x") * 2, lambda: SYM.var("x") * 3)


def concat(count):
    return SYM.Concat(*[SYM.var(f"v{i}") for i in range(count)], dim=1, name="concat")


def many_heads():
    return SYM.Group([SYM.var(f"v{i}") + i for i in range(11)])


def escapes():
    text = 'a"b\\c\nd\te\rf\x01\x08\x0c\x7f/é😀'
    return SYM.var(text, attr={"__text__": text, "__é__": "[{(]})", "__z__": ""})


def attributes():
    init = mx.init.LSTMBias(forget_bias=1.0)
    weight = SYM.var("w", shape=(4, 0), lr_mult=0.5, wd_mult=0.0, dtype="float16", init=init)
    with mx.AttrScope(ctx_group="dev1", __layout__="NC"):
        return SYM.FullyConnected(SYM.var("x"), weight, num_hidden=4, name="fc", attr={"__mood__": "good"})


def shared_states():
    mean, var = SYM.var("mean"), SYM.var("var")
    first = SYM.BatchNorm(SYM.var("x"), moving_mean=mean, moving_var=var, name="bn1")
    second = SYM.BatchNorm(first, moving_mean=mean, moving_var=var, name="bn2")
    return SYM.Group([second + mean, mean, SYM.split(second, num_outputs=3)[1]])


def np_shape():
    return SYM.var("x") + 1


GRAPHS = {
    "unrolled_lstm": unrolled_lstm,
    "unrolled_gru": unrolled_gru,
    "fused_lstm": fused_lstm,
    "foreach": foreach,
    "nested_foreach": nested_foreach,
    "while_loop": while_loop,
    "cond": cond,
    "concat_9": lambda: concat(9),
    "concat_10": lambda: concat(10),
    "concat_11": lambda: concat(11),
    "many_heads": many_heads,
    "escapes": escapes,
    "attributes": attributes,
    "shared_states": shared_states,
    "np_shape": np_shape,
    "variable": lambda: SYM.var("x"),
}


def write_graphs():
    folder = HERE / "symbols"
    folder.mkdir(exist_ok=True)
    for name, build in GRAPHS.items():
        with mx.name.NameManager(), mx.util.np_shape(name == "np_shape"):
            (folder / f"{name}-symbol.json").write_bytes(build().tojson().encode("utf-8"))


def variable(name, key="attr", **attrs):
    return {"op": "null", "name": name, "inputs": [], **({key: attrs} if attrs else {})}


def operator(op, name, inputs, key="attr", **attrs):
    return {"op": op, "name": name, "inputs": inputs, **({key: attrs} if attrs else {})}


def old_graph(nodes, heads, version=None):
    arguments = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    graph = {"nodes": nodes, "arg_nodes": arguments, "heads": heads}
    return {**graph, "attrs": {"mxnet_version": ["int", version]}} if version else graph


def fully_connected_0_8():
    dense = operator("FullyConnected", "fc", [[0, 0], [1, 0], [2, 0]], "param", num_hidden="3", no_bias="False")
    dense["attr"] = {"ctx_group": "dev", "lr_mult": "9", "weight_lr_mult": "2.5", "bias_wd_mult": "0"}
    dense["backward_source_id"] = -1
    names = [variable("x", force_mirroring="1", weight_lr_mult="3"), variable("w"), variable("b", "param")]
    return old_graph([*names, dense], [[3, 0]])


def batch_norm_0_8():
    first = operator("BatchNorm", "bn", [[0, 0], [1, 0], [2, 0]], eps="0.001", ctx_group="dev", gamma_lr_mult="1")
    second = operator("BatchNorm", "bn2", [[4, 0]])
    nodes = [variable("x"), variable("g"), variable("b"), first, operator("_Plus", "plus", [[3, 0], [0, 0]]), second]
    return old_graph(nodes, [[5, 0], [3, 0]])


def missing_parameters_0_8():
    leaky = operator("LeakyReLU", "leaky", [[0, 0]], "param", act_type="prelu")
    lstm = operator("RNN", "lstm", [[1, 0]], "param", mode="lstm", state_size="3", num_layers="1")
    return old_graph([variable("x"), leaky, lstm], [[2, 0]])


def default_init(version):
    bn = operator("BatchNorm", "bn", [[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])
    inputs = [variable("x"), variable("g"), variable("b"), variable("mean"), variable("var", __init__="mine")]
    leaky = operator("LeakyReLU", "leaky", [[5, 0], [6, 0]], act_type="prelu")
    return old_graph([*inputs, bn, variable("gamma"), leaky], [[7, 0]], version)


def arg_extremes(version):
    nodes = [variable("x"), operator("argmax", "top", [[0, 0]], axis="-1")]
    return old_graph([*nodes, operator("argmin", "low", [[0, 0]], axis="1")], [[1, 0], [2, 0]], version)


def hidden_keys_1_0():
    nodes = [variable("x", "attrs", lr_mult="2", __lr_mult__="7"), variable("w"), variable("b")]
    dense = operator(
        "FullyConnected", "fc", [[0, 0, 0], [1, 0, 0], [2, 0, 0]], "attrs", num_hidden="3", data_wd_mult="4"
    )
    return old_graph([*nodes, dense], [[3, 0, 0]], 10000)


def attr_and_attrs():
    dense = operator("FullyConnected", "fc", [[0, 0], [1, 0], [2, 0]], "param", num_hidden="3")
    dense["attr"] = {"__lost__": "1", "num_hidden": "5"}
    dense["attrs"] = {"__kept__": "2"}
    return old_graph([variable("x"), variable("w"), variable("b"), dense], [[3, 0]], 904)


OLD_GRAPHS = {
    "fully_connected_0_8": fully_connected_0_8,
    "batch_norm_0_8": batch_norm_0_8,
    "missing_parameters_0_8": missing_parameters_0_8,
    "default_init_0_9_3": lambda: default_init(903),
    "default_init_0_9_4": lambda: default_init(904),
    "arg_extremes_0_9_4": lambda: arg_extremes(904),
    "arg_extremes_0_9_5": lambda: arg_extremes(905),
    "hidden_keys_1_0": hidden_keys_1_0,
    "attr_and_attrs": attr_and_attrs,
}


def write_upgrades():
    folder = HERE / "upgrades"
    folder.mkdir(exist_ok=True)
    for name, build in OLD_GRAPHS.items():
        old = json.dumps(build(), indent=1)
        (folder / f"{name}-old.json").write_text(old)
        (folder / f"{name}-new.json").write_text(SYM.load_json(old).tojson())


def joined(arrays):
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float32)


def write_cells():
    folder = HERE / "cells"
    folder.mkdir(exist_ok=True)
    for number, (name, network) in enumerate(NETWORKS.items()):
        for how, merge in MERGES.items():
            net = network.build(mx, merge)
            argument_shapes, output_shapes, _ = net.infer_shape(x=network.shape)
            rng = np.random.RandomState(number)
            values = [rng.normal(0, 0.7, shape).astype(np.float32) for shape in argument_shapes]
            arguments = [mx.nd.array(value) for value in values]
            gradients = [mx.nd.zeros(shape) for shape in argument_shapes]
            executor = net.bind(mx.cpu(), arguments, args_grad=gradients)
            numbers = {"arguments": joined(values)}
            numbers["outputs"] = joined([output.asnumpy() for output in executor.forward()])
            if not network.random:
                executor.forward(is_train=True)
                executor.backward([mx.nd.ones(shape) for shape in output_shapes])
                numbers["gradients"] = joined([gradient.asnumpy() for gradient in gradients])
            described = {
                "graph": json.loads(net.tojson()),
                "arguments": dict(zip(net.list_arguments(), argument_shapes, strict=True)),
                "outputs": list(zip(net.list_outputs(), output_shapes, strict=True)),
                "internals": net.get_internals().list_outputs(),
            }
            (folder / f"{name}_{how}.json").write_text(json.dumps(described, separators=(",", ":")) + "\n")
            np.savez_compressed(folder / f"{name}_{how}.npz", **numbers)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    write_arrays()
    write_graphs()
    write_upgrades()
    write_cells()
