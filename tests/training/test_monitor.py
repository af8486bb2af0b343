"""What a monitor sees, and how it says so: names, order, numbers and text of real MXNet."""

from __future__ import annotations

import gc
import logging
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet._ops.catalogue import OPERATORS
from rennet.base import ArgumentError
from rennet.program import NAMED_WHEN_ALONE
from same_script import random_arguments, run_here, to_nd

NETS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "dense": (
        """
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=6, name="fc1")
net = mx.sym.Activation(net, act_type="relu", name="relu")
parts = mx.sym.SliceChannel(net, num_outputs=3, name="parts")
net = mx.sym.concat(parts[0], parts[2], mx.sym.tile(parts[1], reps=(1, 2)), name="joined")
net = mx.sym.Reshape(net * 2 + mx.sym.zeros((0, 8)), shape=(-1, 4))
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, no_bias=True, name="fc2"), name="softmax")
""",
        {"data": (4, 7)},
    ),
    "unrolled": (
        """
cell = mx.rnn.LSTMCell(3, prefix="lstm_")
embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=11, output_dim=4, name="embed")
net, states = cell.unroll(3, embedded, merge_outputs=True)
""",
        {"data": (2, 3)},
    ),
    "fused": (
        """
cell = mx.rnn.FusedRNNCell(6, num_layers=2, mode="lstm", get_next_state=True)
outputs, states = cell.unroll(3, mx.sym.Variable("data"), layout="TNC", merge_outputs=True)
net = mx.sym.Group([outputs, *states])
""",
        {"data": (3, 2, 4)},
    ),
}

# a seen value is described at once: what it shows may be gone later
THEIRS = """
import ctypes
from mxnet.base import NDArrayHandle
exec(source)
seen = []
executor = net.bind(mx.cpu(), {name: mx.nd.array(array) for name, array in args.items()}, grad_req="null")
def see(name, handle):
    array = mx.nd.NDArray(ctypes.cast(handle, NDArrayHandle), writable=False)
    seen.append((name.decode(), array.asnumpy()))
executor.set_monitor_callback(see, monitor_all)
executor.forward(is_train=False)
mx.nd.waitall()
"""


@pytest.fixture(scope="module")
def plain() -> Any:
    """Real MXNet with the operators that were asked for, not oneDNN's in their place, which have other names."""
    from oracle.make import is_complete, location

    if not is_complete(location()):
        pytest.skip("real MXNet is not installed")
    with Oracle(settings={"MXNET_SUBGRAPH_BACKEND": "NONE"}) as asked:
        yield asked


@pytest.mark.parametrize("monitor_all", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_values_are_seen_under_mxnets_names(oracle: Oracle, plain: Oracle, name: str, monitor_all: bool) -> None:
    source, shapes = NETS[name]
    net = mx.sym.load_json(oracle.build(source, ["net"])["net"].json)
    args = random_arguments(net, **shapes)
    given = {"source": source, "args": args, "monitor_all": monitor_all}
    theirs = plain.build(THEIRS, ["seen"], given)["seen"]
    executor, ours = net.bind(mx.cpu(), to_nd(args), grad_req="null"), []
    executor.set_monitor_callback(lambda name, array: ours.append((name, array.asnumpy())), monitor_all)
    executor.forward()
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (what, mine), (_, reference) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6, err_msg=what)
    ours.clear()
    executor.set_monitor_callback(None)
    executor.forward()
    assert not ours


ALONE = """
names = {}
for op in ops:
    attrs = given.get(op, {})
    call = getattr(mx.sym._internal if op.startswith("_") else mx.sym, op)
    seen = []
    node = call(mx.sym.Variable("x"), name="node", **attrs)
    executor = node.bind(mx.cpu(), {"x": mx.nd.ones((1, 2, 4, 4))}, grad_req="null")
    executor.set_monitor_callback(lambda name, array: seen.append(name.decode()), True)
    executor.forward(is_train=False)
    mx.nd.waitall()
    names[op] = seen[1]
"""
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "L2Normalization": {},
    "LRN": {"nsize": 3},
    "Pad": {"mode": "edge", "pad_width": (0, 0, 0, 0, 1, 1, 1, 1)},
    "Pooling": {"kernel": (2, 2), "pool_type": "max"},
    "SliceChannel": {"num_outputs": 2},
    "SwapAxis": {"dim1": 0, "dim2": 1},
    "one_hot": {"depth": 3},
    "repeat": {"repeats": 2},
    "reverse": {"axis": 0},
    "tile": {"reps": (2,)},
    # of those that have no name for their input
    "Activation": {"act_type": "tanh"},
    "Cast": {"dtype": "float64"},
    "Reshape": {"shape": (-1,)},
    **{
        op: {} for op in ("BlockGrad", "Flatten", "exp", "sigmoid", "sum", "max", "mean", "transpose", "topk", "argmax")
    },
    **{op: {"scalar": 2.0} for op in ("_plus_scalar", "_mul_scalar", "_rminus_scalar")},
    "clip": {"a_min": 0.0, "a_max": 1.0},
    "expand_dims": {"axis": 0},
}


OUTSIDE = {"_ravel_multi_index", "_unravel_index"}
"""Operators that write outside their memory for this input."""


def test_inputs_of_operators_that_have_one(plain: Oracle) -> None:
    asked = sorted({*ATTRIBUTES, *NAMED_WHEN_ALONE} - OUTSIDE)
    theirs = plain.build(ALONE, ["names"], {"ops": asked, "given": ATTRIBUTES})["names"]
    known = {op for op in asked if op in OPERATORS}
    assert {op for op in known if theirs[op] != "node_input0"} == NAMED_WHEN_ALONE & known - OUTSIDE


FIT = """
import logging
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
lines, seen = [], []
handler, level = Lines(), logging.getLogger().level
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)
try:
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc1")
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
    data = mx.io.NDArrayIter(np.arange(24).reshape(8, 3) / 24, np.array([0, 1] * 4), 2)
    params = {"fc1_weight": mx.nd.array([[1, 2, 3], [3, 2, 1]]) / 4, "fc1_bias": mx.nd.array([0.5, -0.5])}
    monitor = mx.mon.Monitor(3, pattern=pattern, sort=sort, stat_func=eval(stat))
    module.fit(data, num_epoch=1, monitor=monitor, arg_params=params)
    lines = [line for line in lines if line.startswith("Batch:")]
    after = [monitor.step, monitor.activated, monitor.toc()]
finally:
    logging.getLogger().removeHandler(handler)
    logging.getLogger().setLevel(level)
"""


@pytest.mark.parametrize(
    ("pattern", "sort", "stat"),
    [
        (".*", False, "lambda array: array.max()"),
        ("fc1|data", True, "lambda array: [array.min(), mx.nd.floor(array * 4)]"),
        ("softmax_label$", False, "None"),
    ],
)
def test_fit_logs_what_real_mxnet_logs(oracle: Oracle, pattern: str, sort: bool, stat: str) -> None:
    given = {"pattern": pattern, "sort": sort, "stat": stat}
    theirs = oracle.build(FIT, ["lines", "after"], given)
    ours = run_here(FIT, ["lines", "after"], given)
    # what is left behind by backward operators, some of it unwritten memory, we do not have
    expected = [line for line in "\x00".join(theirs["lines"]).split("\x00") if "_backward_" not in line]
    assert [_rounded(line) for line in ours["lines"]] == [_rounded(line) for line in expected]
    assert ours["after"] == theirs["after"]


def _rounded(line: str) -> list[str]:
    """A line's words, numbers with the digits that float32 has for certain."""

    def word(text: str) -> str:
        try:
            return f"{float(text):.4g}"
        except ValueError:
            return text

    return [line[:47], *map(word, line[47:].replace("[", " ").replace("]", " ").split())]


def test_the_default_statistic_is_the_root_mean_square() -> None:
    monitor, array = mx.mon.Monitor(1), mx.nd.array([3.0, -4.0, 0.0, 0.0])
    assert float(monitor.stat_func(array).asscalar()) == 2.5


def test_every_bucket_is_watched_and_none_kept_alive() -> None:
    def sym_gen(length: int) -> Any:
        data = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, flatten=False, name="fc")
        net = mx.sym.SoftmaxOutput(mx.sym.mean(data, axis=1), name=f"softmax{length}", normalization="batch")
        return net, ["data"], [f"softmax{length}_label"]

    def batch(length: int) -> Any:
        label = mx.io.DataDesc(f"softmax{length}_label", (2,))
        data = mx.io.DataDesc("data", (2, length, 3))
        arrays = [mx.nd.ones(data.shape)], [mx.nd.zeros((2,))]
        return mx.io.DataBatch(*arrays, bucket_key=length, provide_data=[data], provide_label=[label])

    module = mx.mod.BucketingModule(sym_gen, 4, max_bound_nodes=1)
    module.bind(batch(4).provide_data, batch(4).provide_label)
    monitor = mx.mon.Monitor(1, pattern="softmax.*output")
    module.install_monitor(monitor)
    module.init_params()
    seen = []
    for length in (4, 2, 3):
        monitor.tic()
        module.forward(batch(length), is_train=False)
        seen += [name for _, name, _ in monitor.toc()]
    assert seen == ["softmax4_output", "softmax2_output", "softmax3_output"]
    gc.collect()
    assert len(monitor.exes) == 2, "the default bucket and the current one"
    assert mx.mon is mx.monitor


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="interval: expected at least 1, got 0"):
        mx.mon.Monitor(0)
    monitor = mx.mon.Monitor(1, stat_func=lambda array: 3.0)
    executor = mx.sym.Variable("x").bind(mx.cpu(), {"x": mx.nd.ones((2,))})
    monitor.install(executor)
    monitor.tic()
    with pytest.raises(ArgumentError, match=r"stat_func of x: expected an NDArray or a list of them, got 3\.0"):
        monitor.toc()


def test_nothing_is_logged_between(caplog: pytest.LogCaptureFixture) -> None:
    monitor = mx.mon.Monitor(2)
    executor = mx.sym.Variable("x").bind(mx.cpu(), {"x": mx.nd.ones((2,))})
    monitor.install(executor)
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            monitor.tic()
            monitor.toc_print()
    assert [record.getMessage()[:20] for record in caplog.records] == ["Batch:       1 x    ", "Batch:       3 x    "]
