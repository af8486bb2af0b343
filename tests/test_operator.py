"""Operators written in Python: the same scripts in real MXNet and here, alone, in graphs, and in training."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet._ops.custom import DEFINITIONS
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from same_script import run_here

# two arguments, two outputs, a state, parameters; what it was told is told back
DEFINE = """
class Op(mx.operator.CustomOp):
    def __init__(self, scale):
        self.scale, self.runs = scale, 0
    def forward(self, is_train, req, in_data, out_data, aux):
        self.runs += 1
        told.append([int(is_train), req, mx.autograd.is_recording(), mx.autograd.is_training(), self.runs])
        self.kept = in_data[0] * 2
        self.assign(out_data[0], req[0], in_data[0] * in_data[1] * self.scale)
        self.assign(out_data[1], req[1], mx.nd.dot(in_data[0], in_data[1].T))
        aux[0][:] += in_data[0].sum()
    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        told.append([[each != "null" for each in req], len(out_grad), len(in_data), len(out_data), self.runs])
        a, b = in_data
        self.assign(in_grad[0], req[0], out_grad[0] * b * self.scale + mx.nd.dot(out_grad[1], b))
        # the gradient is wrong on purpose: it uses what forward kept
        self.assign(in_grad[1], req[1], self.kept + out_grad[0] * a)

class Prop(mx.operator.CustomOpProp):
    def __init__(self, scale="1.5", **others):
        super().__init__(need_top_grad=True)
        told.append([scale, sorted(others.items())])
        self.scale = float(scale)
    def list_arguments(self):
        return ["a", "b"]
    def list_outputs(self):
        return ["x", "y"]
    def list_auxiliary_states(self):
        return ["state"]
    def infer_shape(self, in_shape):
        rows = in_shape[0][0]
        return [in_shape[0], in_shape[0]], [in_shape[0], (rows, rows)], [(1,)]
    def infer_type(self, in_type):
        return [in_type[0]] * 2, [in_type[0]] * 2, [np.float32]
    def create_operator(self, ctx, shapes, dtypes):
        told.append([[tuple(shape) for shape in shapes], list(dtypes), str(ctx)])
        return Op(self.scale)

class Loss(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], mx.nd.softmax(in_data[0]))
    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        chosen = mx.nd.one_hot(in_data[1], depth=out_data[0].shape[1])
        self.assign(in_grad[0], req[0], out_data[0] - chosen)
        self.assign(in_grad[1], req[1], mx.nd.zeros(in_data[1].shape))

class LossProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)
    def list_arguments(self):
        return ["data", "label"]
    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]]
    def create_operator(self, ctx, shapes, dtypes):
        return Loss()

class Chosen(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] * in_data[1])
    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * in_data[1])

class ChosenProp(mx.operator.CustomOpProp):
    def list_arguments(self):
        return ["data", "factor"]
    def infer_shape(self, in_shape):
        return [in_shape[0]] * 2, [in_shape[0]]
    def declare_backward_dependency(self, out_grad, in_data, out_data):
        told.append([out_grad, in_data, out_data])
        return [out_grad[0], in_data[1]]
    def create_operator(self, ctx, shapes, dtypes):
        return Chosen()

class Flags(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] > 0)

class FlagsProp(mx.operator.CustomOpProp):
    def infer_type(self, in_type):
        return in_type, [np.int32], []
    def create_operator(self, ctx, shapes, dtypes):
        return Flags()

class Ramp(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], mx.nd.arange(4))

class RampProp(mx.operator.CustomOpProp):
    def list_arguments(self):
        return []
    def infer_shape(self, in_shape):
        return [], [(4,)], []
    def infer_type(self, in_type):
        return [], [np.float32], []
    def create_operator(self, ctx, shapes, dtypes):
        return Ramp()

told = []
kinds = {"two": Prop, "loss": LossProp, "chosen": ChosenProp, "flags": FlagsProp, "ramp": RampProp}
for name, prop in kinds.items():
    mx.operator.register("test_" + name)(prop)
"""
CALLS = """
a, b, state = [mx.nd.array(array) for array in arrays]
for array in (a, b):
    array.attach_grad()
results = []
quiet = mx.nd.Custom(a, b, state, op_type="test_two", scale=3, more=(1, 2), flag=True, listed=[3])
mx.nd.waitall()
for training in (True, False):
    with mx.autograd.record(train_mode=training):
        x, y = mx.nd.Custom(a, b, state, op_type="test_two", name="unused")
        total = x * 2 + y.sum()
    total.backward()
    mx.nd.waitall()
    results += [x, y, a.grad.copy(), b.grad.copy(), state.copy()]
results += [mx.nd.Custom(op_type="test_ramp")]
flags = mx.nd.Custom(a, op_type="test_flags")
results += [*quiet, flags]
told_parameters = max(each for each in told if isinstance(each[0], str))
told = [*[each for each in told if not isinstance(each[0], str)], told_parameters]
"""


@pytest.fixture(autouse=True)
def _forget() -> Any:
    """Registrations end with the test, and the next is none that takes a place."""
    before = dict(DEFINITIONS)
    yield
    DEFINITIONS.clear()
    DEFINITIONS.update(before)


def define(**more: Any) -> dict[str, Any]:
    """The classes, their operators registered."""
    namespace: dict[str, Any] = {"mx": mx, "np": np, **more}
    exec(DEFINE, namespace)
    return namespace


def normal(*shape: int) -> np.ndarray:
    return np.random.normal(size=shape).astype(np.float32)


def test_calls(oracle: Oracle) -> None:
    given = {"arrays": [normal(3, 5), normal(3, 5), normal(1)]}
    theirs = oracle.build(DEFINE + CALLS, ["results", "told"], given)
    ours = run_here(DEFINE + CALLS, ["results", "told"], given)
    assert_all_close(ours["results"], theirs["results"], 1e-5, "results")
    assert ours["told"] == theirs["told"]


GRAPH = """
q = mx.sym.Variable("q")
with mx.AttrScope(lr_mult="2"):
    two = mx.sym.Custom(q, op_type="test_two", name="two", scale=0.5, flag=True, listed=[3, 4], nothing=None)
again = mx.sym.Custom(a=two[0], state=mx.sym.Variable("two_state"), b=q * 2, op_type="test_two")
net = mx.sym.Group([mx.sym.Custom(two[1], op_type="test_loss", name="softmax"), again])
texts = [two.tojson(), net.tojson(), mx.sym.Custom(op_type="test_ramp").tojson()]
names = [net.list_arguments(), net.list_outputs(), net.list_auxiliary_states(), sorted(net.attr_dict()["two"].items())]
shapes = [two.infer_shape(q=(3, 4)), two.infer_shape_partial(q=(3, 4))]
"""


def test_graphs_and_their_files(oracle: Oracle) -> None:
    """Files are the same to the byte, attributes and the count of writes to a state included."""
    wanted = ["texts", "names", "shapes"]
    theirs, ours = oracle.build(DEFINE_QUIETLY + GRAPH, wanted), run_here(DEFINE_QUIETLY + GRAPH, wanted)
    assert ours["texts"] == theirs["texts"]
    assert ours["names"] == theirs["names"]
    assert [tuple(map(list, each)) for each in ours["shapes"]] == [tuple(map(list, each)) for each in theirs["shapes"]]
    for text in theirs["texts"]:
        assert mx.sym.load_json(text).tojson() == text


# a constructor that takes anything: real MXNet hands it attributes of scopes too
DEFINE_QUIETLY = DEFINE.replace("told.append([scale, sorted(others.items())])", "pass")

EXECUTOR = """
net = mx.sym.Custom(mx.sym.Variable("q"), op_type="test_two", name="two", scale=2)
executor = net.simple_bind(mx.cpu(), q=(3, 4), grad_req={"q": "add", "two_b": request})
executor.arg_dict["q"][:], executor.arg_dict["two_b"][:] = mx.nd.array(arrays[0]), mx.nd.array(arrays[1])
executor.aux_dict["two_state"][:] = 0
executor.grad_dict["q"][:] = 1
results = []
for training in (False, True, True):
    x, y = executor.forward(is_train=training)
    mx.nd.waitall()
    results += [x.copy(), y.copy(), executor.aux_dict["two_state"].copy()]
    if training:
        executor.backward([mx.nd.array(arrays[2]), mx.nd.array(arrays[3])])
        results += [array.copy() for array in executor.grad_dict.values() if array is not None]
    mx.nd.waitall()
told = [each for each in told if not isinstance(each[0], str)]
"""


@pytest.mark.parametrize("request_", ["write", "null"])
def test_executors(oracle: Oracle, request_: str) -> None:
    """One operator serves all runs of an executor, in either mode."""
    given = {"arrays": [normal(3, 4), normal(3, 4), normal(3, 4), normal(3, 3)], "request": request_}
    theirs = oracle.build(DEFINE + EXECUTOR, ["results", "told"], given)
    ours = run_here(DEFINE + EXECUTOR, ["results", "told"], given)
    assert_all_close(ours["results"], theirs["results"], 1e-5, "results")
    assert ours["told"] == theirs["told"]


TRAIN = """
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
net = mx.sym.FullyConnected(mx.sym.Activation(net, act_type="tanh"), num_hidden=3, name="fc2")
net = mx.sym.Custom(net, op_type="test_loss", name="softmax")
module = mx.mod.Module(net)
data = mx.io.NDArrayIter(arrays[0], labels, 4)
params = {name: mx.nd.array(array) for name, array in weights.items()}
module.fit(data, num_epoch=3, arg_params=params, optimizer_params={"learning_rate": 0.3, "momentum": 0.9})
trained = module.get_params()[0]
"""


def test_a_loss_of_ones_own_trains_a_module(oracle: Oracle) -> None:
    shapes = {"fc1_weight": (5, 7), "fc1_bias": (5,), "fc2_weight": (3, 5), "fc2_bias": (3,)}
    weights = {name: normal(*shape) for name, shape in shapes.items()}
    labels = np.random.randint(0, 3, size=12).astype(np.float32)
    given = {"arrays": [normal(12, 7)], "labels": labels, "weights": weights}
    theirs = oracle.build(DEFINE + TRAIN, ["trained"], given)["trained"]
    ours = run_here(DEFINE + TRAIN, ["trained"], given)["trained"]
    assert_all_close(ours, theirs, 1e-5, "parameters")
    assert all(np.abs(ours[name] - weight).max() > 1e-2 for name, weight in weights.items())


def test_bucketing_and_several_devices() -> None:
    define()

    def sym_gen(length: int) -> Any:
        state = mx.sym.mean(mx.sym.Variable("data"), axis=1)
        net = mx.sym.FullyConnected(state, num_hidden=3, name="fc")
        return mx.sym.Custom(net, op_type="test_loss", name="softmax"), ["data"], ["softmax_label"]

    module = mx.mod.BucketingModule(sym_gen, 4, context=[mx.cpu(0), mx.cpu(1)])
    module.bind([("data", (4, 4, 2))], [("softmax_label", (4,))])
    module.init_params(mx.init.One())
    module.init_optimizer()
    before = module.get_params()[0]["fc_weight"].asnumpy()
    for length in (4, 2, 4):
        data, label = mx.nd.ones((4, length, 2)), mx.nd.array([0, 1, 2, 0])
        provided = [mx.io.DataDesc("data", data.shape)], [mx.io.DataDesc("softmax_label", (4,))]
        batch = mx.io.DataBatch([data], [label], 0, None, length, *provided)
        module.forward_backward(batch)
        module.update()
    assert np.abs(module.get_params()[0]["fc_weight"].asnumpy() - before).max() > 1e-3


def test_finite_differences_in_double() -> None:
    define()
    data, factor = torch.randn(3, 2, dtype=torch.float64, requires_grad=True), torch.randn(3, 2, dtype=torch.float64)

    def product(given: torch.Tensor) -> torch.Tensor:
        with mx.autograd.record():
            arrays = mx.nd.from_torch(given), mx.nd.from_torch(factor)
            return mx.nd.Custom(*arrays, op_type="test_chosen").tensor

    assert torch.autograd.gradcheck(product, data)
    with mx.autograd.record():
        loss = mx.nd.Custom(mx.nd.from_torch(data), mx.nd.array([0, 1, 0], dtype="float64"), op_type="test_loss")
    (once,) = torch.autograd.grad(loss.tensor.sum(), data, create_graph=True)
    with pytest.raises(NotSupportedError, match="gradient cannot be differentiated"):
        torch.autograd.grad(once.sum(), data)


def test_a_loss_ignores_what_comes_from_above() -> None:
    define()
    data = mx.nd.ones((3, 4))
    data.attach_grad()
    with mx.autograd.record():
        loss = mx.nd.Custom(data * 2, mx.nd.array([1, 0, 3]), op_type="test_loss")
    loss.backward(mx.nd.ones((3, 4)) * 100)
    assert data.grad is not None
    assert_all_close([data.grad], [2 * (0.25 - np.eye(4, dtype=np.float32)[[1, 0, 3]])], 1e-6, "gradient")


def test_what_backward_does_not_declare_is_not_there() -> None:
    """Real MXNet hands over arrays without memory, and fails now and then."""
    given: list[Any] = []

    class Spy(define_class("Chosen")):
        def backward(self, req: Any, out_grad: Any, in_data: Any, out_data: Any, in_grad: Any, aux: Any) -> None:
            given.extend([*out_grad, *in_data, *out_data])
            super().backward(req, out_grad, in_data, out_data, in_grad, aux)

    prop = type("SpyProp", (define_class("ChosenProp"),), {"create_operator": lambda self, *args: Spy()})
    mx.operator.register("test_spy")(prop)
    data, factor = mx.nd.ones((2,)), mx.nd.array([3, 4])
    data.attach_grad()
    with mx.autograd.record():
        product = mx.nd.Custom(data, factor, op_type="test_spy")
    product.backward(mx.nd.array([2, 2]))
    assert data.grad is not None
    assert data.grad.asnumpy().tolist() == [6, 8]
    assert [each is not None for each in given] == [True, False, True, False]


def test_inputs_by_name() -> None:
    """Real MXNet makes text of arrays that are given by name."""
    define()
    data, factor = mx.nd.ones((2,)), mx.nd.ones((2,)) * 3
    for given in ({"data": data, "factor": factor}, {"factor": factor}):
        args = [data] if "data" not in given else []
        assert mx.nd.Custom(*args, op_type="test_chosen", **given).asnumpy().tolist() == [3, 3]


def test_in_and_out_of_recording_user_code_may_record() -> None:
    class ByAutograd(mx.operator.CustomOp):
        def forward(self, is_train: Any, req: Any, in_data: Any, out_data: Any, aux: Any) -> None:
            self.assign(out_data[0], req[0], mx.nd.sin(in_data[0]))

        def backward(self, req: Any, out_grad: Any, in_data: Any, out_data: Any, in_grad: Any, aux: Any) -> None:
            data = in_data[0].copy()
            data.attach_grad()
            with mx.autograd.record():
                again = mx.nd.sin(data)
            again.backward(out_grad[0])
            self.assign(in_grad[0], req[0], data.grad)

    @mx.operator.register("test_by_autograd")
    class Prop(mx.operator.CustomOpProp):
        def create_operator(self, ctx: Any, in_shapes: Any, in_dtypes: Any) -> Any:
            return ByAutograd()

    data = mx.nd.array([0.1, 2.0])
    data.attach_grad()
    with mx.autograd.record():
        out = mx.nd.Custom(data, op_type="test_by_autograd")
    out.backward()
    assert data.grad is not None
    np.testing.assert_allclose(data.grad.asnumpy(), np.cos(data.asnumpy()), rtol=1e-6)


def faulty(method: str) -> str:
    """An operator whose `method` fails."""

    def fail(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise KeyError(f"boom in {method}")

    of_the_op = {method: fail} if method in ("forward", "backward") else {}
    op = type("Faulty", (mx.operator.CustomOp,), of_the_op)
    of_the_prop = {method: fail} if not of_the_op else {}
    made = {"create_operator": lambda self, *args: op(), **of_the_prop}
    mx.operator.register("test_faulty")(type("FaultyProp", (mx.operator.CustomOpProp,), made))
    return "test_faulty"


@pytest.mark.parametrize(
    "method",
    [
        *("__init__", "list_arguments", "infer_shape", "infer_type", "declare_backward_dependency"),
        *("create_operator", "forward", "backward"),
    ],
)
@pytest.mark.parametrize("where", ["call", "executor"])
def test_errors_in_user_code_are_told_with_their_traceback(method: str, where: str) -> None:
    op_type = faulty(method)

    def run() -> None:
        if where == "call":
            data = mx.nd.ones((2,))
            data.attach_grad()
            with mx.autograd.record():
                out = mx.nd.Custom(data, op_type=op_type)
            out.backward()
        else:
            net = mx.sym.Custom(mx.sym.Variable("data"), op_type=op_type)
            executor = net.simple_bind(mx.cpu(), data=(2,))
            executor.forward(is_train=True)
            executor.backward()

    with pytest.raises(MXNetError, match=f"{method}.* of the custom operator 'test_faulty'") as caught:
        run()
    told = "".join(traceback.format_exception(caught.value))
    assert "in fail\n" in str(caught.value)
    assert f"KeyError: 'boom in {method}'" in told


def described(**methods: Any) -> None:
    made = {name: (lambda self, *args, answer=answer: answer) for name, answer in methods.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mx.operator.register("test_described")(type("Described", (mx.operator.CustomOpProp,), made))


def test_answers_that_do_not_fit() -> None:
    data = mx.nd.ones((2, 3))
    for answer, text in [
        (([(2, 3)],), "expected two or three lists"),
        (([(2, 3)], []), r"outputs: expected 1 entries \(output\), got 0"),
        (([(2, 3)], [(2, 3)], [(1,)]), r"states: expected 0 entries \(there are none\), got 1"),
    ]:
        described(infer_shape=answer)
        with pytest.raises(ArgumentError, match=text):
            mx.nd.Custom(data, op_type="test_described")
    described(infer_shape=([(2, 4)], [(2, 3)]))
    with pytest.raises(ShapeError, match=r"'test_described': shapes \(2, 3\) and \(2, 4\) contradict"):
        mx.nd.Custom(data, op_type="test_described")
    described(infer_shape=([(2, 3)], [()]))
    with pytest.raises(ShapeError, match="output: expected a shape, got none"):
        mx.nd.Custom(data, op_type="test_described")
    described(infer_type=([np.float32], [np.float32, np.float32]))
    with pytest.raises(ArgumentError, match=r"infer_type .* outputs: expected 1 entries"):
        mx.nd.Custom(data, op_type="test_described")


def test_refusals() -> None:
    define()
    data = mx.nd.ones((2, 3))
    with pytest.raises(ArgumentError, match="attribute op_type is required"):
        mx.nd.Custom(data)
    with pytest.raises(
        ArgumentError, match=r"expected a name that mx\.operator\.register was given, got 'nope'; known: .*two"
    ):
        mx.nd.Custom(data, op_type="nope")
    with pytest.raises(ArgumentError, match="input state is missing"):
        mx.nd.Custom(data, data, op_type="test_two")
    with pytest.raises(ArgumentError, match=r"takes 2 inputs \(data, factor\), got 3"):
        mx.nd.Custom(data, data, data, op_type="test_chosen")
    with pytest.raises(ArgumentError, match="no input 'zz' with these attributes; it has: data, factor"):
        mx.sym.Custom(zz=mx.sym.Variable("zz"), op_type="test_chosen")
    with pytest.raises(ArgumentError, match="expected a subclass of CustomOpProp for 'bad', got <class 'int'>"):
        mx.operator.register("bad")(int)
    sparse = type("Sparse", (mx.operator.CustomOpProp,), {"infer_storage_type": lambda self, stypes: stypes})
    with pytest.raises(NotSupportedError, match=r"Sparse\.infer_storage_type: there are no sparse arrays"):
        mx.operator.register("bad")(sparse)
    with pytest.warns(UserWarning, match="custom operator 'test_loss': LossProp takes its place"):
        mx.operator.register("test_loss")(define_class("LossProp"))
    with pytest.raises(ArgumentError, match="req: expected one of write, inplace, add, null; got 'bogus'"):
        mx.operator.CustomOp().assign(data, "bogus", 1)
    text = mx.sym.Custom(mx.sym.Variable("data"), op_type="test_chosen").tojson()
    del DEFINITIONS["test_chosen"]
    with pytest.raises(MXNetError, match="got 'test_chosen'"):
        mx.sym.load_json(text)


def define_class(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return define()[name]


def test_assign() -> None:
    target, op = mx.nd.ones((2,)), mx.operator.CustomOp()
    for req, expected in [("null", 1), ("write", 3), ("add", 6), ("inplace", 3)]:
        op.assign(target, req, mx.nd.ones((2,)) * 3)
        assert target.asnumpy().tolist() == [expected] * 2


def test_defaults(oracle: Oracle) -> None:
    source = """
prop = mx.operator.CustomOpProp()
answers = [prop.need_top_grad_, prop.list_arguments(), prop.list_outputs(), prop.list_auxiliary_states()]
shapes = [[tuple(each) for each in part] for part in prop.infer_shape([(2, 3)])]
dependencies = [prop.declare_backward_dependency([0], [1, 2], [3])]
dependencies += [mx.operator.CustomOpProp(False).declare_backward_dependency([0], [1, 2], [3])]
nothing = [prop.create_operator(mx.cpu(), [], []).forward(1, 2, 3, 4, 5)]
"""
    wanted = ["answers", "shapes", "dependencies", "nothing"]
    assert run_here(source, wanted) == oracle.build(source, wanted)


def test_registered_operators(oracle: Oracle) -> None:
    define()
    ours = mx.operator.get_all_registered_operators()
    theirs = oracle.build("names = mx.operator.get_all_registered_operators()", ["names"])["names"]
    assert "Custom" in ours
    assert "test_two" not in ours
    assert set(ours) <= set(theirs)
