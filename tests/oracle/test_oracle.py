"""The oracle itself: every request once, what travels, and what happens when things go wrong."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from . import wire
from .client import Batch, Oracle, OracleCrash, OracleError, Scheduler, SymbolText

FC = """
data = mx.sym.Variable("data")
fc = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
net = mx.sym.SoftmaxOutput(fc, mx.sym.Variable("softmax_label"), name="softmax")
"""


@pytest.fixture(scope="module")
def graphs(oracle: Oracle) -> dict[str, SymbolText]:
    return oracle.build(FC, ["fc", "net"])


@pytest.fixture
def params() -> dict[str, np.ndarray]:
    return {
        "fc_weight": np.random.randn(3, 4).astype(np.float32),
        "fc_bias": np.random.randn(3).astype(np.float32),
    }


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def batch(size: int = 5) -> tuple[np.ndarray, np.ndarray]:
    return np.random.randn(size, 4).astype(np.float32), np.random.randint(0, 3, size).astype(np.float32)


# What travels.

ARRAYS = [
    np.array([1.5, -np.inf, np.nan], np.float32),
    np.array([[1 / 3]], np.float64),
    np.array([2**31 - 1, -(2**31)], np.int32),
    np.array([2**53 + 1, -(2**63)], np.int64),
    np.array([6e-8, 65504], np.float16),
    np.array([0, 255], np.uint8),
    np.array([True, False]),
    np.zeros((0, 3), np.float32),
    np.array(2.5, np.float32),
    np.arange(6, dtype=np.int64).reshape(2, 3).T,
    np.array([1, 2], ">i4"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_there_and_back(oracle: Oracle, array: np.ndarray) -> None:
    back = oracle.build("b = a; c = mx.nd.array(a, dtype=a.dtype)", ["b", "c"], {"a": array})
    for answer in back.values():
        assert answer.dtype == array.dtype.newbyteorder("=")
        assert answer.shape == array.shape
        np.testing.assert_array_equal(answer, array)
        answer[...] = 0  # writable


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, (2, ["x", ()])],
        {"a": {1: "int key", (2, "t"): None}},
        {"__array__": 0},
        {"__tuple__": [1]},
        {},
        2**70,
        0.1,
        float("inf"),
        "åß\n\0",
    ],
    ids=repr,
)
def test_values_there_and_back(oracle: Oracle, value: object) -> None:
    back = oracle.build("b = a", ["b"], {"a": value})["b"]
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [object(), np.array([None]), np.array(["a"]), 1j], ids=repr)
def test_what_cannot_travel_is_not_half_sent(oracle: Oracle, value: object) -> None:
    with pytest.raises(TypeError, match="on the wire: expected"):
        oracle.build("", [], {"fine": np.zeros(3), "a": value})
    assert oracle.build("b = 1", ["b"]) == {"b": 1}


def test_a_message_cut_short_is_the_end_of_the_stream() -> None:
    stream = io.BytesIO()
    wire.write(stream, {"a": np.arange(10)})
    whole = stream.getvalue()

    def reader(content: bytes):
        source = io.BytesIO(content)

        def read_exactly(count: int) -> bytes:
            part = source.read(count)
            if len(part) < count:
                raise EOFError
            return part

        return read_exactly

    np.testing.assert_array_equal(wire.read(reader(whole))["a"], np.arange(10))
    for length in (0, 4, 8, 20, len(whole) - 1):
        with pytest.raises(EOFError):
            wire.read(reader(whole[:length]))


def test_something_large(oracle: Oracle) -> None:
    array = np.random.randn(1 << 20)
    np.testing.assert_array_equal(oracle.build("b = a", ["b"], {"a": array})["b"], array)


# Each request.


def test_version(oracle: Oracle) -> None:
    assert oracle.version() == {"mxnet": "1.9.1", "numpy": "1.23.5"}


def test_op_forward_only(oracle: Oracle) -> None:
    a, b = np.random.randn(2, 3).astype(np.float32), np.random.randn(3, 2).astype(np.float32)
    answer = oracle.op("dot", [a, b])
    assert answer.gradients == []
    np.testing.assert_allclose(answer.outputs[0], a @ b, rtol=1e-5)


def test_op_gradients_with_head_gradients_and_an_integer_input(oracle: Oracle) -> None:
    rows = np.array([2, 0, 2], np.int64)
    weight, head = np.random.randn(4, 3), np.random.randn(3, 3)
    answer = oracle.op(
        "Embedding", [rows, weight], {"input_dim": 4, "output_dim": 3, "dtype": "float64"}, [head], grad=True
    )
    np.testing.assert_array_equal(answer.outputs[0], weight[rows])
    assert answer.gradients[0] is None
    expected = np.zeros((4, 3))
    np.add.at(expected, rows, head)
    np.testing.assert_allclose(answer.gradients[1], expected)  # type: ignore[arg-type]


def test_op_with_several_outputs_and_no_head_gradients(oracle: Oracle) -> None:
    answer = oracle.op(
        "split", [np.arange(6, dtype=np.float32).reshape(2, 3)], {"num_outputs": 3, "axis": 1}, grad=True
    )
    assert [output.shape for output in answer.outputs] == [(2, 1)] * 3
    np.testing.assert_array_equal(answer.gradients[0], np.ones((2, 3)))  # type: ignore[arg-type]


def test_op_in_another_namespace(oracle: Oracle) -> None:
    answer = oracle.op("arange_like", [np.zeros((2, 3), np.float32)], {"axis": 1}, namespace="nd.contrib")
    np.testing.assert_array_equal(answer.outputs[0], [0, 1, 2])


@pytest.mark.parametrize("is_train", [False, True])
def test_op_in_either_mode(oracle: Oracle, is_train: bool) -> None:
    ones = np.ones((50, 50), np.float32)
    for grad in (False, True):
        dropped = oracle.op("Dropout", [ones], {"p": 0.5}, is_train=is_train, grad=grad).outputs[0]
        assert (dropped == 0).any() == is_train


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_op_rnn_with_gradients(oracle: Oracle, mode: str) -> None:
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    weights = np.random.randn(gates * 3 * (2 + 3 + 2)).astype(np.float32) * 0.3
    inputs = [np.random.randn(4, 2, 2), weights, *[np.zeros((1, 2, 3))] * (2 if mode == "lstm" else 1)]
    answer = oracle.op(
        "RNN",
        [array.astype(np.float32) for array in inputs],
        {"mode": mode, "state_size": 3, "num_layers": 1, "state_outputs": True},
        grad=True,
    )
    assert answer.outputs[0].shape == (4, 2, 3)
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in answer.gradients)


def test_symbol_info(oracle: Oracle, graphs: dict[str, SymbolText]) -> None:
    net = graphs["net"]
    assert net.arguments == ["data", "fc_weight", "fc_bias", "softmax_label"]
    answer = oracle.symbol_info(net.json, {"data": (5, 4)})
    assert answer.arguments == net.arguments
    assert answer.argument_shapes == [(5, 4), (3, 4), (3,), (5,)]
    assert answer.output_shapes == [(5, 3)]
    assert answer.auxiliary_shapes == []
    assert answer.outputs == ["softmax_output"]
    assert answer.internals[3] == "fc_output"
    assert answer.attributes["fc"] == {"num_hidden": "3"}
    assert answer.json == net.json


def test_symbol_info_without_shapes_and_in_part(oracle: Oracle, graphs: dict[str, SymbolText]) -> None:
    assert oracle.symbol_info(graphs["fc"].json).argument_shapes is None
    partial = oracle.symbol_info(graphs["net"].json, {"fc_bias": (3,)}, partial=True)
    assert partial.argument_shapes == [(), (), (3,), ()]


def test_run_symbol_that_ends_in_a_loss(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    data, label = batch()
    args = {"data": data, "softmax_label": label, **params}
    answer = oracle.run_symbol(graphs["net"].json, args, is_train=True)
    expected = softmax(data @ params["fc_weight"].T + params["fc_bias"])
    np.testing.assert_allclose(answer.outputs[0], expected, rtol=1e-5)
    wrong = expected - np.eye(3)[label.astype(int)]
    np.testing.assert_allclose(answer.gradients["fc_bias"], wrong.sum(0), rtol=1e-4, atol=1e-5)
    assert answer.gradients.keys() == args.keys()


def test_run_symbol_with_head_gradients_for_some_arguments(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    head = np.random.randn(5, 3).astype(np.float32)
    answer = oracle.run_symbol(
        graphs["fc"].json,
        {"data": batch()[0], **params},
        is_train=True,
        head_grads=[head],
        grad_req={"data": "write"},
    )
    assert list(answer.gradients) == ["data"]
    np.testing.assert_allclose(answer.gradients["data"], head @ params["fc_weight"], rtol=1e-4, atol=1e-5)


def test_run_symbol_shows_a_gradient_that_mxnet_forgot(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    head = np.random.randn(5, 3)
    for dtype, forgets in ((np.float32, True), (np.float64, False)):
        args = {name: array.astype(dtype) for name, array in {"data": batch()[0], **params}.items()}
        answer = oracle.run_symbol(
            graphs["fc"].json, args, is_train=True, head_grads=[head.astype(dtype)], grad_req={"fc_bias": "write"}
        )
        expected = np.full(3, np.nan) if forgets else head.sum(0)
        np.testing.assert_allclose(answer.gradients["fc_bias"], expected)


def test_run_symbol_in_prediction_mode_or_without_gradients(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    args = {"data": batch()[0], **params}
    predicted = oracle.run_symbol(graphs["fc"].json, args)
    trained = oracle.run_symbol(graphs["fc"].json, args, is_train=True, grad_req="null")
    np.testing.assert_array_equal(predicted.outputs[0], trained.outputs[0])
    assert predicted.gradients == trained.gradients == {}


def test_run_symbol_hands_back_auxiliary_states(oracle: Oracle) -> None:
    source = "norm = mx.sym.BatchNorm(mx.sym.Variable('data'), momentum=0.5, name='bn')"
    norm = oracle.build(source, ["norm"])["norm"]
    data = np.random.randn(8, 2).astype(np.float32)
    answer = oracle.run_symbol(
        norm.json,
        {"data": data, "bn_gamma": np.ones(2, np.float32), "bn_beta": np.zeros(2, np.float32)},
        {"bn_moving_mean": np.zeros(2, np.float32), "bn_moving_var": np.ones(2, np.float32)},
        is_train=True,
        head_grads=[np.ones_like(data)],
    )
    np.testing.assert_allclose(answer.aux["bn_moving_mean"], data.mean(0) / 2, rtol=1e-4, atol=1e-6)


def test_build_starts_names_and_seeds_afresh(oracle: Oracle) -> None:
    source = """
import random
x = mx.sym.exp(mx.sym.Variable("a"))
drawn = {"python": random.random(), "numpy": np.random.rand(2), "mxnet": [mx.nd.random.uniform(shape=2)]}
"""
    first, second = (oracle.build(source, ["x", "drawn"], seed=7) for _ in range(2))
    assert first["x"].outputs == second["x"].outputs == ["exp0_output"]
    assert first["drawn"]["python"] == second["drawn"]["python"]
    for pick in (lambda drawn: drawn["numpy"], lambda drawn: drawn["mxnet"][0]):
        np.testing.assert_array_equal(pick(first["drawn"]), pick(second["drawn"]))
        other = oracle.build(source, ["drawn"], seed=8)["drawn"]
        assert (pick(first["drawn"]) != pick(other)).any()


def test_build_an_unrolled_cell(oracle: Oracle) -> None:
    source = """
cell = mx.rnn.LSTMCell(3, prefix="lstm_")
outputs, states = cell.unroll(2, mx.sym.Variable("data"), merge_outputs=True)
"""
    built = oracle.build(source, ["outputs", "states"])
    assert "lstm_i2h_weight" in built["outputs"].arguments
    assert [state.outputs for state in built["states"]] == [["lstm_t1_out_output"], ["lstm_t1_state_output"]]


def sgd_with_momentum(
    params: dict[str, np.ndarray], batches: list[tuple[np.ndarray, np.ndarray]], rates: list[float]
) -> list[dict[str, np.ndarray]]:
    """The parameters after each step, computed by hand."""
    params = {name: value.astype(np.float64) for name, value in params.items()}
    velocity = {name: np.zeros_like(value) for name, value in params.items()}
    after = []
    for (data, label), rate in zip(batches, rates, strict=True):
        wrong = softmax(data @ params["fc_weight"].T + params["fc_bias"]) - np.eye(3)[label.astype(int)]
        gradients = {"fc_weight": wrong.T @ data / len(data), "fc_bias": wrong.sum(0) / len(data)}
        for name, gradient in gradients.items():
            velocity[name] = 0.9 * velocity[name] - rate * gradient
            params[name] = params[name] + velocity[name]
        after.append(dict(params))
    return after


SCHEDULE = Scheduler(name="FactorScheduler", kwargs={"step": 1, "factor": 0.5, "base_lr": 0.5})


@pytest.mark.parametrize("kvstore", [None, "local"])
def test_module_steps(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray], kvstore: str | None
) -> None:
    batches = [batch(), batch()]
    answer = oracle.module_steps(
        graphs["net"].json,
        ["data"],
        ["softmax_label"],
        [{"data": [data], "label": [label]} for data, label in batches],
        params,
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        lr_scheduler=SCHEDULE,
        kvstore=kvstore,
        steps=3,
        params_each_step=True,
    )
    rates = oracle.lr_schedule(**SCHEDULE, num_updates=[1, 2, 3])
    by_hand = sgd_with_momentum(params, [*batches, batches[0]], rates)
    assert [len(outputs) for outputs in answer.outputs] == [1, 1, 1]
    for theirs, expected in zip(answer.params_each_step, by_hand, strict=True):
        for name, value in expected.items():
            np.testing.assert_allclose(theirs[name], value, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(answer.params["fc_weight"], answer.params_each_step[-1]["fc_weight"])


def test_module_steps_refuses_a_missing_parameter(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    data, label = batch()
    del params["fc_bias"]
    with pytest.raises(OracleError, match="fc_bias is not presented"):
        oracle.module_steps(
            graphs["net"].json, ["data"], ["softmax_label"], [{"data": [data], "label": [label]}], params
        )


def test_module_steps_leaves_fixed_parameters_alone(
    oracle: Oracle, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    data, label = batch()
    answer = oracle.module_steps(
        graphs["net"].json,
        ["data"],
        ["softmax_label"],
        [{"data": [data], "label": [label]}],
        params,
        fixed_param_names=["fc_bias"],
    )
    np.testing.assert_array_equal(answer.params["fc_bias"], params["fc_bias"])
    assert (answer.params["fc_weight"] != params["fc_weight"]).any()


BUCKETS = """
def graph(steps):
    summed = mx.sym.sum(mx.sym.Variable("data"), axis=1)
    fc = mx.sym.FullyConnected(summed, num_hidden=3, name="fc")
    return mx.sym.SoftmaxOutput(fc, mx.sym.Variable("softmax_label"), name="softmax")
graphs = {2: graph(2), 5: graph(5)}
"""


@pytest.mark.parametrize("default_first", [True, False])
def test_bucketing_steps(oracle: Oracle, params: dict[str, np.ndarray], default_first: bool) -> None:
    symbols = {key: text.json for key, text in oracle.build(BUCKETS, ["graphs"])["graphs"].items()}
    keys = [5, 2, 2] if default_first else [2, 2]
    sequences = [np.random.randn(6, key, 4).astype(np.float32) for key in keys]
    labels = [np.random.randint(0, 3, 6).astype(np.float32) for _ in keys]
    largest: Batch = {"bucket_key": 5, "data": [np.zeros((6, 5, 4), np.float32)], "label": [np.zeros(6, np.float32)]}
    answer = oracle.bucketing_steps(
        symbols,
        5,
        ["data"],
        ["softmax_label"],
        [
            {"data": [data], "label": [label], "bucket_key": key}
            for data, label, key in zip(sequences, labels, keys, strict=True)
        ],
        params,
        optimizer_params={"learning_rate": 0.1, "momentum": 0.9},
        default_batch=None if default_first else largest,
    )
    summed = [(data.sum(1), label) for data, label in zip(sequences, labels, strict=True)]
    expected = sgd_with_momentum(params, summed, [0.1] * len(keys))[-1]
    for name, value in expected.items():
        np.testing.assert_allclose(answer.params[name], value, rtol=1e-4, atol=1e-5)


def test_bucketing_steps_needs_the_default_buckets_shapes(oracle: Oracle, graphs: dict[str, SymbolText]) -> None:
    with pytest.raises(OracleError, match="no batch of the default bucket 5; give default_batch"):
        oracle.bucketing_steps({5: graphs["net"].json}, 5, ["data"], ["softmax_label"], [], {})


@pytest.mark.parametrize("kind", ["dict", "list"])
def test_params_files(oracle: Oracle, tmp_path: Path, params: dict[str, np.ndarray], kind: str) -> None:
    file = tmp_path / "x.params"
    oracle.save_params(file, params if kind == "dict" else list(params.values()))
    back = oracle.load_params(file)
    if kind == "list":
        back = dict(zip(params, back, strict=True))
    for name, value in params.items():
        np.testing.assert_array_equal(back[name], value)


def test_checkpoints(
    oracle: Oracle, tmp_path: Path, graphs: dict[str, SymbolText], params: dict[str, np.ndarray]
) -> None:
    oracle.save_checkpoint(tmp_path / "net", 3, graphs["net"].json, params)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-0003.params", "net-symbol.json"]
    answer = oracle.load_checkpoint(tmp_path / "net", 3)
    assert answer.json == graphs["net"].json
    assert answer.aux_params == {}
    np.testing.assert_array_equal(answer.arg_params["fc_weight"], params["fc_weight"])


def test_initializer(oracle: Oracle) -> None:
    attrs = {"__init__": '["lstmbias", {"forget_bias": 2.0}]'}
    bias = oracle.initializer("uniform", {}, (8,), "lstm_i2h_bias", attrs)
    np.testing.assert_array_equal(bias, [0, 0, 2, 2, 0, 0, 0, 0])
    one, same, other = (oracle.initializer("uniform", {"scale": 0.1}, (3, 3), seed=s) for s in (1, 1, 2))
    assert np.abs(one).max() <= 0.1
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_metric(oracle: Oracle) -> None:
    label = np.array([0, 1], np.float32)
    preds = np.array([[0.5, 0.5], [0.75, 0.25]], np.float32)
    answer = oracle.metric("perplexity", {"ignore_label": None}, [([label], [preds])])
    assert answer.name == "perplexity"
    assert answer.value == pytest.approx(np.sqrt(8))


def test_lr_schedule(oracle: Oracle) -> None:
    rates = oracle.lr_schedule("FactorScheduler", {"step": 2, "factor": 0.5, "base_lr": 1.0}, [1, 2, 3, 5])
    assert rates == [1, 1, 0.5, 0.25]


def test_optimizer_steps(oracle: Oracle) -> None:
    weight, grads = np.ones(2, np.float32), [np.ones(2, np.float32)] * 2
    after = oracle.optimizer_steps("sgd", {"learning_rate": 0.25, "wd": 1.0}, weight, grads)
    np.testing.assert_array_equal(after, [[0.5, 0.5], [0.125, 0.125]])
    after = oracle.optimizer_steps("sgd", {"learning_rate": 0.25, "wd": 1.0}, weight, grads, param_name="a_bias")
    np.testing.assert_array_equal(after[0], [0.75, 0.75])
    after = oracle.optimizer_steps("sgd", {"learning_rate": 0.5}, weight, grads, SCHEDULE)
    np.testing.assert_array_equal(after, [[0.5, 0.5], [0.25, 0.25]])


# When things go wrong.


def test_an_objection_is_reported_and_survived(oracle: Oracle) -> None:
    with pytest.raises(OracleError, match="`op` failed in real MXNet") as caught:
        oracle.op("dot", [np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)])
    assert caught.value.type == "MXNetError"
    assert "dot" in caught.value.message
    assert "Traceback" in caught.value.traceback
    with pytest.raises(OracleError, match=r"AttributeError.*no_such_operator"):
        oracle.op("no_such_operator", [])
    assert oracle.version()["mxnet"] == "1.9.1"


def test_an_answer_that_cannot_travel_is_an_error(oracle: Oracle) -> None:
    with pytest.raises(OracleError, match="on the wire: expected"):
        oracle.build("a = np.zeros(3); b = object()", ["a", "b"])
    assert oracle.build("b = 1", ["b"]) == {"b": 1}


def test_printing_does_not_break_the_pipe(oracle: Oracle) -> None:
    source = """
import os, sys
print("from Python", flush=True)
os.write(1, b"from below Python")
answer = (sys.stdin.read(), os.read(0, 10) == b"")
"""
    assert oracle.build(source, ["answer"]) == {"answer": ("", True)}


@pytest.mark.usefixtures("oracle")  # for its skip
def test_a_crash_names_the_request_and_the_next_question_is_answered() -> None:
    with Oracle() as mine:
        assert mine.build("import os; a = os.getpid()", ["a"])["a"] != os.getpid()
        with pytest.raises(OracleCrash, match=r"(?s)`build`.*left with code 3.*last words"):
            mine.build("import os, sys; print('last words', flush=True); os._exit(3)", [])
        with pytest.raises(OracleCrash, match="died of SIGKILL"):
            mine.build("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", [])
        assert mine.version()["mxnet"] == "1.9.1"


@pytest.mark.usefixtures("oracle")  # for its skip
def test_no_answer_in_time() -> None:
    with Oracle(timeout=0.2) as mine, pytest.raises(OracleCrash, match=r"`build`.*no answer within 0\.2 seconds"):
        mine.build("import time; time.sleep(60)", [])


def test_an_interrupted_question_does_not_mix_up_the_next(oracle: Oracle, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wire, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            oracle.build("a = 1", ["a"])
    assert oracle.build("b = 2", ["b"]) == {"b": 2}


def test_a_missing_environment_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run: python tests/oracle/make\.py"):
        Oracle(tmp_path / "nothing")
