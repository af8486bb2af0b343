"""The bucketing language model through the symbolic API: the same script for rennet and for real MXNet.

Arguments: which package (``rennet`` or ``mxnet``), ``fused`` or ``unfused``, and the folder with the inputs.
"""

import importlib
import json
import logging
import sys
from pathlib import Path

import numpy as np
from turns import serve

package, form, folder = sys.argv[1:]
mx = importlib.import_module(package)
logging.disable(logging.WARNING)

settings = json.loads((Path(folder) / "settings.json").read_text())
inputs = np.load(Path(folder) / "batches.npz")
count = settings["batches"]
vocabulary, hidden, layers = settings["vocabulary"], settings["hidden"], settings["layers"]

cells = mx.rnn.FusedRNNCell(hidden, layers, mode="lstm")
if form == "unfused":
    cells = cells.unfuse()


def sym_gen(length):
    cells.reset()
    embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=vocabulary, output_dim=hidden, name="embed")
    outputs, _ = cells.unroll(length, embedded, layout="TNC", merge_outputs=True)
    outputs = mx.sym.Reshape(outputs, shape=(-1, hidden))
    scores = mx.sym.FullyConnected(outputs, num_hidden=vocabulary, name="pred")
    label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
    loss = mx.sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=0, name="softmax")
    return loss, ("data",), ("softmax_label",)


def batch(number):
    data, label = inputs[f"data{number}"], inputs[f"label{number}"]
    return mx.io.DataBatch(
        [mx.nd.array(data)],
        [mx.nd.array(label)],
        bucket_key=data.shape[0],
        provide_data=[mx.io.DataDesc("data", data.shape, layout="TN")],
        provide_label=[mx.io.DataDesc("softmax_label", label.shape, layout="TN")],
    )


batches = [batch(number) for number in range(count)]
largest = max(batches, key=lambda each: each.bucket_key)
module = mx.mod.BucketingModule(sym_gen, default_bucket_key=largest.bucket_key)
module.bind(largest.provide_data, largest.provide_label)
module.init_params(mx.init.Xavier())
module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.001})
metric = mx.metric.Perplexity(ignore_label=0)


def turn():
    for each in batches:
        module.forward_backward(each)
        module.update()
        module.update_metric(metric, each.label)
    mx.nd.waitall()
    return settings["tokens"]


serve(turn)
