"""Bound graphs: forwards, backwards, and what they keep; against real MXNet."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, ShapeError
from same_script import random_arguments, random_arrays, run_here, to_nd

S, V = mx.sym, mx.sym.Variable
X = V("x")


def _dense(**more: Any) -> mx.sym.Symbol:
    return S.FullyConnected(V("x"), num_hidden=4, name="fc", **more)


def _shared() -> mx.sym.Symbol:
    """One weight in three places, one of them transposed."""
    x, w = V("x"), V("w")
    first = S.FullyConnected(x, w, num_hidden=3, no_bias=True)
    second = S.FullyConnected(S.tanh(first), w, num_hidden=3, no_bias=True)
    return S.dot(second, w) + first


def _several_heads() -> mx.sym.Symbol:
    x = V("x")
    dense = S.FullyConnected(x, num_hidden=6, name="fc")
    cut = S.SliceChannel(dense, num_outputs=3)
    return S.Group([cut, S.BlockGrad(dense), S.sum(dense * x, axis=1), dense])


def _language_model() -> mx.sym.Symbol:
    data, label = V("data"), V("softmax_label")
    embed = S.SwapAxis(S.Embedding(data, input_dim=9, output_dim=4, name="embed"), dim1=0, dim2=1)
    begin = [S.zeros((2, 0, 5), name=f"begin{i}") for i in range(2)]
    hidden = S.RNN(embed, V("p"), *begin, state_size=5, num_layers=2, mode="lstm", name="lstm")
    flat = S.Reshape(S.SwapAxis(hidden, dim1=0, dim2=1), shape=(-1, 5))
    pred = S.FullyConnected(flat, num_hidden=9, name="pred")
    return S.SoftmaxOutput(pred, S.Reshape(label, shape=(-1,)), use_ignore=True, ignore_label=0, name="softmax")


def _by_hand() -> mx.sym.Symbol:
    steps = S.SliceChannel(X, num_outputs=3, axis=1, squeeze_axis=True)
    state, w, b, u = S.zeros((0, 4)), V("w"), V("b"), V("u")
    for step in steps:
        i2h = S.FullyConnected(step, w, b, num_hidden=4)
        h2h = S.FullyConnected(state, u, num_hidden=4, no_bias=True)
        gate = S.sigmoid(i2h)
        state = S.where(h2h > 0, gate * state, (1 - gate) * S.tanh(h2h + i2h))
    return S.elemwise_mul(state, S.mean(X, axis=1))


GRAPHS: dict[str, tuple[mx.sym.Symbol, dict[str, tuple[int, ...]], dict[str, int]]] = {
    # the graph, given shapes, and for inputs that hold numbers of classes, how many there are
    "dense": (_dense(), {"x": (3, 5)}, {}),
    "a classifier": (S.SoftmaxOutput(_dense(), name="softmax"), {"x": (3, 5)}, {"softmax_label": 4}),
    "a shared weight": (_shared(), {"x": (3, 3)}, {}),
    "several heads": (_several_heads(), {"x": (3, 6)}, {}),
    "a language model": (_language_model(), {"data": (3, 7), "softmax_label": (3, 7)}, {"data": 9, "softmax_label": 9}),
    "a recurrence by hand": (_by_hand(), {"x": (3, 3, 4)}, {}),
    "a variable": (S.Group([X, X * 2]), {"x": (2, 3)}, {}),
    "a declared loss": (S.MakeLoss(S.square(_dense()), grad_scale=0.5), {"x": (3, 5)}, {}),
}


def _arguments(name: str) -> tuple[mx.sym.Symbol, dict[str, np.ndarray]]:
    symbol, shapes, classes = GRAPHS[name]
    args = random_arguments(symbol, **shapes)
    for key, count in classes.items():
        args[key] = np.random.default_rng(0).integers(0, count, args[key].shape).astype("f")
    return symbol, args


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_as_real_mxnet(oracle: Oracle, name: str, training: bool) -> None:
    symbol, args = _arguments(name)
    # real MXNet has no gradient for what looks rows up
    requests = {key: "null" if key in ("data", "softmax_label") else "write" for key in args}
    heads = None
    if "classifier" not in name and "model" not in name and "loss" not in name:
        shapes = symbol.infer_shape(**{key: array.shape for key, array in args.items()})[1]
        heads = list(random_arrays({str(i): shape for i, shape in enumerate(shapes)}, 1).values())
    theirs = oracle.run_symbol(symbol.tojson(), args, is_train=training, head_grads=heads, grad_req=requests)
    grads = {key: mx.nd.array(np.full_like(args[key], np.nan)) for key in args if requests[key] == "write"}
    executor = symbol.bind(mx.cpu(), to_nd(args), grads, requests)
    outputs = executor.forward(is_train=training)
    assert_all_close(outputs, theirs.outputs, 2e-5, "outputs")
    assert executor.output_dict.keys() == set(symbol.list_outputs())
    if training:
        executor.backward(None if heads is None else [mx.nd.array(head) for head in heads])
        assert_all_close({key: executor.grad_dict[key] for key in grads}, theirs.gradients, 2e-5, "gradients")


@pytest.mark.parametrize("name", GRAPHS)
def test_each_way_of_binding(name: str) -> None:
    symbol, args = _arguments(name)
    names = symbol.list_arguments()
    by_name = symbol.bind(mx.cpu(), to_nd(args))
    in_order = symbol.bind(mx.cpu(), [to_nd(args)[key] for key in names])
    shapes: dict[str, Any] = {key: array.shape for key, array in args.items()}
    values: dict[str, Any] = dict(to_nd(args))
    simple = symbol.simple_bind(mx.cpu(), **shapes)
    assert [array.shape for array in simple.arg_arrays] == [args[key].shape for key in names]
    simple.copy_params_from(to_nd(args))
    expected = [output.asnumpy() for output in by_name.forward()]
    for outputs in (
        in_order.forward(),
        simple.forward(),
        symbol.eval(mx.cpu(), **values),
        symbol.eval(**values),
        symbol.simple_bind(**shapes).forward(**values),
    ):
        assert_all_close(outputs, expected, 0, "outputs")


class TestArrays:
    """What an executor holds."""

    def test_lists_and_dicts(self) -> None:
        executor = S.SoftmaxOutput(_dense(), name="s").simple_bind(grad_req={"fc_weight": "write"}, x=(3, 5))
        assert list(executor.arg_dict) == ["x", "fc_weight", "fc_bias", "s_label"]
        assert [array.shape for array in executor.arg_arrays] == [(3, 5), (4, 5), (4,), (3,)]
        assert [None if grad is None else grad.shape for grad in executor.grad_arrays] == [None, (4, 5), None, None]
        assert executor.grad_dict["x"] is None
        assert executor.aux_dict == {}
        assert executor.aux_arrays == []
        (output,) = executor.forward()
        assert executor.outputs[0] is output
        assert executor.output_dict == {"s_output": output}

    def test_types(self) -> None:
        executor = _dense().simple_bind(type_dict={"x": "float64"}, x=(3, 5))
        assert {array.dtype for array in executor.arg_arrays} == {np.float64}
        assert {grad.dtype for grad in executor.grad_arrays} == {np.float64}
        assert executor.forward()[0].dtype == np.float64

    def test_contexts(self) -> None:
        executor = _dense().simple_bind(mx.cpu(1), x=(3, 5))
        assert executor.arg_dict["x"].context == mx.cpu(1)
        assert executor.forward()[0].context == mx.cpu(1)

    def test_given_arrays_are_not_copied(self) -> None:
        x = mx.nd.zeros((2, 3))
        executor = (V("x") * 2).bind(mx.cpu(), [x])
        x[:] = 3
        assert executor.forward()[0].asnumpy().min() == 6

    def test_values_with_the_call(self) -> None:
        executor = (V("x") * V("y")).simple_bind(x=(2,))
        (output,) = executor.forward(x=mx.nd.array([2, 3]), y=mx.nd.array([5, 7]))
        assert output.asnumpy().tolist() == [10, 21]
        assert executor.forward(x=mx.nd.array([1, 1]))[0].asnumpy().tolist() == [5, 7]
        with pytest.raises(ArgumentError, match="forward: no argument is called 'z'; arguments: x, y"):
            executor.forward(z=mx.nd.ones(2))
        with pytest.raises(ShapeError, match=r"forward: x: expected \(2,\), got \(3,\)"):
            executor.forward(x=mx.nd.ones(3))

    def test_copying_parameters(self) -> None:
        executor = _dense().simple_bind(x=(3, 5))
        executor.copy_params_from({"fc_bias": mx.nd.ones(4)})
        assert executor.arg_dict["fc_bias"].asnumpy().tolist() == [1, 1, 1, 1]
        with pytest.raises(ArgumentError, match="copy_params_from: 'other' is no argument of this graph"):
            executor.copy_params_from({"other": mx.nd.ones(4)})
        executor.copy_params_from({"other": mx.nd.ones(4)}, allow_extra_params=True)
        with pytest.raises(ShapeError, match=r"copy_params_from: fc_bias: expected shape \(4,\), got \(5,\)"):
            executor.copy_params_from({"fc_bias": mx.nd.ones(5)})
        with pytest.raises(ArgumentError, match="'other' is no state of this graph"):
            executor.copy_params_from({}, {"other": mx.nd.ones(4)})


class TestRequests:
    """What happens to gradients."""

    @staticmethod
    def bind(grad_req: Any) -> Any:
        x, y = mx.nd.array([1, 2]), mx.nd.array([3, 4])
        grads = {"x": mx.nd.array([10, 10]), "y": mx.nd.array([20, 20])}
        return (V("x") * V("y")).bind(mx.cpu(), [x, y], grads, grad_req)

    @pytest.mark.parametrize(
        ("grad_req", "x", "y"),
        [
            ("write", [3, 4], [1, 2]),
            ("add", [16, 18], [22, 24]),
            ("null", [10, 10], [20, 20]),
            (["add", "write"], [16, 18], [1, 2]),
            (["null", "add"], [10, 10], [22, 24]),
            ({"x": "write", "y": "null"}, [3, 4], [20, 20]),
            ({"y": "add"}, [10, 10], [22, 24]),
        ],
        ids=str,
    )
    def test_twice(self, grad_req: Any, x: list[int], y: list[int]) -> None:
        executor = self.bind(grad_req)
        for _ in range(2):
            executor.forward(is_train=True)
            executor.backward()
        assert executor.grad_dict["x"].asnumpy().tolist() == x
        assert executor.grad_dict["y"].asnumpy().tolist() == y

    def test_heads(self) -> None:
        for heads in (mx.nd.array([5, 6]), [mx.nd.array([5, 6])], (mx.nd.array([5, 6]),)):
            executor = self.bind("write")
            executor.forward(is_train=True)
            executor.backward(heads)
            assert executor.grad_dict["x"].asnumpy().tolist() == [15, 24]

    def test_what_no_head_depends_on_gets_zeros(self) -> None:
        x, y = V("x"), V("y")
        net = S.Group([x * 2, S.BlockGrad(y), y > 1, S.zeros_like(y)])
        executor = net.bind(mx.cpu(), [mx.nd.ones(2), mx.nd.ones(2)], [mx.nd.ones(2) * 9, mx.nd.ones(2) * 9])
        executor.forward(is_train=True)
        executor.backward()
        assert executor.grad_dict["x"].asnumpy().tolist() == [2, 2]
        assert executor.grad_dict["y"].asnumpy().tolist() == [0, 0]

    def test_one_result_that_is_two_heads(self) -> None:
        """Real MXNet forgets the gradient of the first."""
        twice = V("x") * 2
        executor = S.Group([twice, twice]).simple_bind(x=(2,))
        executor.forward(is_train=True)
        executor.backward([mx.nd.ones(2), mx.nd.ones(2) * 10])
        assert executor.grad_dict["x"].asnumpy().tolist() == [22, 22]

    def test_one_name_that_two_variables_have(self) -> None:
        """They are one parameter in a file, from before such names were refused."""
        net = V("x") * V("x")
        with pytest.raises(ArgumentError, match="simple_bind: several variables are called x"):
            net.simple_bind(x=(2,))
        executor = S.load_json(net.tojson()).simple_bind(x=(2,))
        executor.forward(is_train=True, x=mx.nd.array([2, 3]))
        executor.backward()
        assert executor.outputs[0].asnumpy().tolist() == [4, 9]
        assert executor.grad_dict["x"].asnumpy().tolist() == [4, 6]

    def test_some_heads_left_out(self) -> None:
        x = V("x")
        net = S.Group([x * 2, x * 3])
        executor = net.simple_bind(x=(2,))
        executor.forward(is_train=True)
        executor.backward([mx.nd.ones(2) * 0, None])
        assert executor.grad_dict["x"].asnumpy().tolist() == [3, 3]

    def test_dropout_only_in_training(self) -> None:
        executor = S.Dropout(V("x"), p=0.5).bind(mx.cpu(), [mx.nd.ones(1000)], [mx.nd.zeros(1000)])
        assert executor.forward()[0].asnumpy().min() == 1
        (output,) = executor.forward(is_train=True)
        assert set(np.unique(output.asnumpy())) == {0, 2}
        executor.backward()
        assert (executor.grad_arrays[0].asnumpy() == output.asnumpy()).all()

    @pytest.mark.parametrize(
        ("grad_req", "message"),
        [
            ("overwrite", "grad_req of x: expected one of write, add, null; got 'overwrite'"),
            (["write"], r"grad_req: expected 2 entries \(x, y\), got 1"),
            ({"x": "adds"}, "grad_req of x: expected one of write, add, null; got 'adds'"),
        ],
    )
    def test_nonsense(self, grad_req: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            self.bind(grad_req)

    def test_backward_needs_a_forward(self) -> None:
        with pytest.raises(MXNetError, match="backward: expected a forward before it"):
            self.bind("write").backward()

    def test_heads_that_do_not_fit(self) -> None:
        executor = self.bind("write")
        executor.forward(is_train=True)
        with pytest.raises(ArgumentError, match="backward: expected 1 output gradients, got 2"):
            executor.backward([mx.nd.ones(2), mx.nd.ones(2)])
        with pytest.raises(ShapeError, match=r"backward: output gradient 0: expected shape \(2,\), got \(3,\)"):
            executor.backward([mx.nd.ones(3)])


_LABELS_LATER = """
def after(loss, shape):
    net = loss(mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=4, name="fc"), mx.sym.var("label"))
    executor = net.simple_bind(mx.cpu(), x=(3, 5), label=shape)
    for name, array in executor.arg_dict.items():
        array[:] = numbers[name] if name in numbers else 0
    executor.forward(is_train=True)
    executor.arg_dict["label"][:] = labels.reshape(shape) if shape == (3,) else labels.reshape((3, 1)) - fours
    executor.backward()
    return executor.grad_dict["fc_weight"].asnumpy()

fours = np.arange(4)
grads = [
    after(mx.sym.SoftmaxOutput, (3,)),
    after(lambda x, label: mx.sym.SoftmaxOutput(mx.sym.tanh(x), label), (3,)),
    after(mx.sym.LinearRegressionOutput, (3, 4)),
    after(mx.sym.LogisticRegressionOutput, (3, 4)),
    after(mx.sym.MAERegressionOutput, (3, 4)),
]
"""


class TestWritingBetween:
    """Arrays that are written to after `forward` and before `backward`."""

    def test_labels_may_come_late(self, oracle: Oracle) -> None:
        inputs: dict[str, Any] = {
            "numbers": random_arrays({"x": (3, 5), "fc_weight": (4, 5), "fc_bias": (4,)}),
            "labels": np.array([2.0, 0, 3], "f"),
        }
        ours = run_here(_LABELS_LATER, ["grads"], inputs)["grads"]
        assert_all_close(ours, oracle.build(_LABELS_LATER, ["grads"], inputs)["grads"], 2e-5, "gradients")

    def test_labels_that_were_reshaped_may_not(self) -> None:
        """MXNet copied them on the way forwards; here their memory is one."""
        label = S.reshape(V("label"), shape=(-1,))
        executor = S.SoftmaxOutput(_dense(), label).simple_bind(x=(6, 5), label=(3, 2))
        executor.forward(is_train=True)
        executor.arg_dict["label"][:] = 1
        with pytest.raises(MXNetError, match=r"written to since: label\."):
            executor.backward()

    @pytest.mark.parametrize("written", ["x", "fc_weight", "softmax_output"])
    def test_what_the_gradients_need_is_named(self, written: str) -> None:
        executor = S.SoftmaxOutput(_dense(), name="softmax").simple_bind(x=(3, 5))
        executor.forward(is_train=True)
        {**executor.arg_dict, **executor.output_dict}[written][:] = 1
        with pytest.raises(MXNetError, match=rf"as forward left them; written to since: {written}\."):
            executor.backward()
        executor.forward(is_train=True)
        executor.backward()

    def test_what_they_do_not_need_may_be_written_to(self) -> None:
        executor = (V("x") * 2).simple_bind(x=(2,))
        executor.forward(is_train=True)
        executor.arg_dict["x"][:] = 3
        executor.outputs[0][:] = 4
        executor.backward()
        assert executor.grad_dict["x"].asnumpy().tolist() == [2, 2]


class TestBindingObjections:
    """What is missing or does not fit is named."""

    @pytest.mark.parametrize(
        ("args", "error", "message"),
        [
            (
                None,
                ArgumentError,
                "args: expected an array for each of x, fc_weight, fc_bias; missing: x, fc_weight, fc_bias",
            ),
            ([mx.nd.ones((3, 5))], ArgumentError, r"args: expected 3 entries \(x, fc_weight, fc_bias\), got 1"),
            ({"x": mx.nd.ones((3, 5)), "fc_bias": mx.nd.ones(4)}, ArgumentError, "missing: fc_weight"),
            (
                [mx.nd.ones((3, 5)), mx.nd.ones((4, 6)), mx.nd.ones(4)],
                ShapeError,
                r"operator fc \(FullyConnected\): shapes \(4, 6\) and \(4, 5\)",
            ),
        ],
    )
    def test_bind(self, args: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            _dense().bind(mx.cpu(), args)

    def test_gradients_in_a_list(self) -> None:
        args = [mx.nd.ones((3, 5)), mx.nd.ones((4, 5)), mx.nd.ones(4)]
        with pytest.raises(ArgumentError, match="args_grad: expected 3 entries"):
            _dense().bind(mx.cpu(), args, [mx.nd.ones((3, 5))])

    def test_shapes_that_say_too_little(self) -> None:
        with pytest.raises(ShapeError, match=r"the shape of x cannot be inferred; known is \(0, 5\); give it by name"):
            _dense().simple_bind(x=(0, 5))
        with pytest.raises(ShapeError, match="cannot be inferred"):
            (V("x") + S.zeros((0, 3))).simple_bind()


class TestReshape:
    """Another batch size for the same parameters."""

    def test_parameters_are_shared(self) -> None:
        executor = _dense().simple_bind(x=(3, 5))
        executor.arg_dict["fc_bias"][:] = 2
        other = executor.reshape(x=(7, 5))
        assert other.arg_dict["fc_weight"] is executor.arg_dict["fc_weight"]
        assert other.grad_dict["fc_weight"] is executor.grad_dict["fc_weight"]
        assert other.arg_dict["x"].shape == other.grad_dict["x"].shape == (7, 5)
        assert other.forward()[0].asnumpy().tolist() == [[2] * 4] * 7
        assert executor.forward()[0].shape == (3, 4)
        same = executor.reshape(x=(3, 5))
        assert same.arg_dict["x"] is executor.arg_dict["x"]

    def test_a_change_that_was_not_asked_for(self) -> None:
        executor = S.SoftmaxOutput(_dense(), name="s").simple_bind(x=(3, 5))
        with pytest.raises(
            ShapeError, match=r"reshape: s_label would change from \(3,\) to \(7,\), though it was not asked"
        ):
            executor.reshape(x=(7, 5))
        other = executor.reshape(partial_shaping=True, x=(7, 5))
        assert other.arg_dict["s_label"].shape == (7,)


class TestMonitor:
    """A callback that sees every result."""

    def test_names_and_values(self) -> None:
        net = S.SliceChannel(S.relu(_dense(), name="r"), num_outputs=2, name="cut")
        executor = net.simple_bind(x=(3, 5))
        executor.arg_dict["fc_bias"][:] = [1, -1, 2, -2]
        seen: dict[str, np.ndarray] = {}
        executor.set_monitor_callback(lambda name, array: seen.update({name: array.asnumpy()}))
        executor.forward()
        assert list(seen) == ["fc_output", "r_output", "cut_output0", "cut_output1"]
        assert seen["fc_output"][0].tolist() == [1, -1, 2, -2]
        assert seen["r_output"][0].tolist() == [1, 0, 2, 0]
        seen.clear()
        executor.set_monitor_callback(lambda name, array: seen.update({name: array.asnumpy()}), monitor_all=True)
        executor.forward(is_train=True)
        assert {"x", "fc_weight", "fc_bias", "fc_output"} <= seen.keys()
        executor.backward()


class Kept:
    """Something that autograd keeps for the way back."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


class TestMemory:
    """Nothing is kept longer than it is needed."""

    @staticmethod
    def chain(length: int = 20) -> Any:
        net = V("x")
        for _ in range(length):
            net = S.exp(net)
        return net.simple_bind(x=(4,))

    def test_a_result_goes_when_it_was_last_used(self) -> None:
        executor = self.chain()
        made: list[weakref.ref[torch.Tensor]] = []
        alive: list[int] = []

        def watch(run: Any, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
            alive.append(sum(each() is not None for each in made))
            result = run(*inputs)
            made.append(weakref.ref(result))
            return result

        calls = executor._program._calls(False)
        calls[:] = [(lambda *inputs, run=run: watch(run, inputs), *rest) for run, *rest in calls]
        executor.forward()
        assert len(alive) == 20
        assert max(alive) == 1

    def test_training_lets_go_after_backward(self) -> None:
        executor = self.chain()
        kept: weakref.WeakSet[Kept] = weakref.WeakSet()

        def pack(tensor: torch.Tensor) -> Kept:
            kept.add(saved := Kept(tensor))
            return saved

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
            executor.forward(is_train=True)
        assert len(kept) == 20
        executor.backward()
        gc.collect()
        assert len(kept) == 0

    def test_inference_keeps_nothing_for_the_way_back(self) -> None:
        executor = self.chain()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: pytest.fail("something is kept"), lambda saved: saved
        ):
            executor.forward()

    def test_an_executor_goes_as_a_whole(self) -> None:
        executor = _dense().simple_bind(x=(3, 5))
        executor.forward(is_train=True)
        executor.backward()
        gone = weakref.ref(executor)
        parameters = weakref.ref(executor.arg_dict["fc_weight"])
        del executor
        gc.collect()
        assert gone() is None
        assert parameters() is None


def test_a_deep_graph() -> None:
    net = V("x")
    for _ in range(5000):
        net = net + 1
    executor = net.simple_bind(x=(2,))
    assert executor.forward(is_train=True)[0].asnumpy().tolist() == [5000, 5000]
    executor.backward()
    assert executor.grad_dict["x"].asnumpy().tolist() == [1, 1]


def test_random_numbers_are_drawn_anew() -> None:
    executor = (V("x") + S.random.uniform()).simple_bind(x=(100,))
    first, second = executor.forward()[0].asnumpy(), executor.forward()[0].asnumpy()
    assert 0 <= first.min() < first.max() < 1
    assert (first != second).any()


def test_recording_elsewhere_does_not_matter() -> None:
    """An executor has its own idea of training."""
    executor = S.Dropout(V("x") * 2, p=0.9).simple_bind(x=(100,))
    executor.arg_dict["x"][:] = 1
    with mx.autograd.record():
        assert executor.forward()[0].asnumpy().min() == 2
    assert_close(executor.forward(is_train=False)[0], np.full(100, 2, "f"), 0, "output")


class TestAgain:
    """Outputs and backward passes as old programs use them."""

    def test_outputs_stay_the_same_arrays(self) -> None:
        x, w = mx.sym.Variable("x"), mx.sym.Variable("w")
        executor = mx.sym.broadcast_mul(x, w, name="net").simple_bind(x=(1, 2), w=(1, 2))
        assert executor.outputs[0].shape == executor.output_dict["net_output"].shape == (1, 2)
        kept = executor.outputs[0]
        executor.arg_dict["w"][:] = 1
        for number in range(3):
            executor.forward(x=mx.nd.ones((1, 2)) * number)
            assert kept.asnumpy().tolist() == [[number, number]]

    @pytest.mark.parametrize("is_train", [False, True])
    def test_backward_after_any_forward_and_again(self, is_train: bool) -> None:
        """T43: also where the forward was no training; and as often as wanted."""
        cell = mx.rnn.FusedRNNCell(3, mode="gru", prefix="f_")
        outputs, _ = cell.unroll(4, mx.sym.Variable("data"), merge_outputs=True)
        executor = outputs.simple_bind(data=(2, 4, 5))
        for name, array in executor.arg_dict.items():
            array[:] = mx.nd.random.normal(scale=0.3, shape=array.shape) if name != "zeros" else array
        heads = [mx.nd.random.normal(shape=(2, 4, 3))]
        found = []
        for _ in range(2):
            executor.forward(is_train=is_train)
            for _ in range(2):
                executor.backward(heads)
                found.append({name: array.asnumpy() for name, array in executor.grad_dict.items()})
        assert abs(found[0]["data"]).max() > 0
        for other in found[1:]:
            for name, array in other.items():
                assert_close(array, found[0][name], 1e-6, name)

    def test_again_with_the_same_random_numbers_and_states(self) -> None:
        x = mx.sym.Variable("x")
        net = mx.sym.BatchNorm(mx.sym.Dropout(x, p=0.5), name="bn", fix_gamma=False)
        executor = net.simple_bind(x=(6, 4))
        executor.copy_params_from({"x": mx.nd.random.normal(shape=(6, 4)), "bn_gamma": mx.nd.ones((4,))})
        executor.aux_dict["bn_moving_var"][:] = 1
        executor.forward(is_train=True)
        states = {name: array.asnumpy() for name, array in executor.aux_dict.items()}
        heads = [mx.nd.random.normal(shape=(6, 4))]
        found = []
        for _ in range(2):
            executor.backward(heads)
            found.append(executor.grad_dict["x"].asnumpy())
        assert (found[0] == found[1]).all()
        for name, array in executor.aux_dict.items():
            assert (array.asnumpy() == states[name]).all()
