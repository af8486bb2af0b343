"""Recording and differentiating."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet import autograd
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError

FUNCTION = """
class F(mx.autograd.Function):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale
    def forward(self, a, b):
        c = mx.nd.sigmoid(a) * b * self.scale
        self.save_for_backward(a, b, c)
        return c
    def backward(self, g):
        a, b, c = self.saved_tensors
        s = mx.nd.sigmoid(a)
        return g * c * (1 - s), g * s * self.scale
"""
TWO = """
class T(mx.autograd.Function):
    def forward(self, a):
        self.flags = [mx.autograd.is_recording(), mx.autograd.is_training()]
        return [a * 2, a * a]
    def backward(self, g, h):
        self.flags += [mx.autograd.is_recording(), mx.autograd.is_training()]
        return g * 2 + h * 7
"""
# Snippets that begin with x = (1, 2, 3) and y = (4, 5, 6), both with a gradient attached, and leave theirs behind.
SNIPPETS = {
    "a product": "with record(): z = x * y\nz.backward()",
    "a sum": "with record(): z = (x * y).sum()\nz.backward()",
    "a head gradient": "with record(): z = x * y\nz.backward(mx.nd.array([1, 2, 3]))",
    "the same leaf twice": "with record(): z = x * x + x\nz.backward()",
    "two heads": "with record():\n  z = x * 2\n  w = y * x\nmx.autograd.backward([z, w])",
    "two heads with gradients": "with record():\n  z = x * 2\n  w = y * 3\n"
    "mx.autograd.backward([z, w], [mx.nd.ones(3) * 5, None])",
    "kept for a second time": "with record(): z = x * x * x\nz.backward(retain_graph=True)\nz.backward()",
    "written anew": "for _ in range(3):\n  with record(): z = x * y\n  z.backward()",
    "added": "x.attach_grad('add')\nfor _ in range(3):\n  with record(): z = x * y\n  z.backward()",
    "added and cleared": "x.attach_grad('add')\nfor _ in range(3):\n  with record(): z = x * y\n  z.backward()\n"
    "x.grad[:] = 0",
    "paused": "with record():\n  z = x * y\n  with mx.autograd.pause(): w = z * 2\n  v = z + w\nv.backward()",
    "detached": "with record(): z = x.detach() * x\nz.backward()",
    "blocked": "with record(): z = mx.nd.BlockGrad(x) * x\nz.backward()",
    "nothing but blocked": "with record(): z = mx.nd.BlockGrad(x)\nz.backward()",
    "a comparison": "with record(): z = (x > 1) * x\nz.backward()",
    "nothing but a comparison": "with record(): z = x > 1\nz.backward()",
    "in two records": "with record(): z = x * y\nwith record(): w = z * 2\nw.backward()",
    "a leaf made in between": "with record():\n  z = x * y\n  z.attach_grad()\n  w = z * 2\nw.backward()\ny = z",
    "a new leaf afterwards": "with record(): z = x * y\nx.attach_grad()\nz.backward()",
    "indexed": "with record(): z = x[1] * 2 + y[::-1][0]\nz.backward()",
    "indexed by numbers": "with record(): z = x[[0, 0, 1]] * y\nz.backward()",
    "another shape": "with record(): z = x.reshape((3, 1)) * 2\nz.backward()",
    "another type": "with record(): z = x.astype('float64') * 2\nz.backward()",
    "a copy": "with record(): z = x.copy() * 2\nz.backward()",
    "another context": "with record(): z = x.as_in_context(mx.cpu(1)) * 2\nz.backward()",
    "joined": "with record(): z = mx.nd.concat(x, y, dim=0) * 3\nz.backward()",
    "one part of several": "with record(): z = mx.nd.split(x, 3, axis=0)\nz[1].backward()",
    "all parts": "with record(): z = mx.nd.split(x, 3, axis=0)\nmx.autograd.backward(z)",
    "softmax": "with record(): z = mx.nd.softmax(x)\nz.backward(mx.nd.array([1, 0, 0]))",
    "a loss that knows its gradient": "with record():\n  z = mx.nd.SoftmaxOutput(x.reshape((1, 3)), mx.nd.array([0]))\n"
    "z.backward()",
    "a declared loss": "with record(): z = mx.nd.make_loss(x * y)\nz.backward()",
    "a leaf itself": "with record(): z = x\nz.backward()",
    "in inference": "with record(train_mode=False): z = mx.nd.Dropout(x, p=0.5) * y\nz.backward()",
    "by hand": "g = mx.nd.ones(3)\nmx.autograd.mark_variables([x], [g])\nwith record(): z = x * y\nz.backward()\ny = g",
    "by hand, added": "g = mx.nd.ones(3)\nmx.autograd.mark_variables(x, g, 'add')\n"
    "with record(): z = x * y\nz.backward()",
    "written to a fresh array": "f = mx.nd.zeros(3)\nwith record():\n  f[:] = x * 2\n  z = f * y\nz.backward()",
    "copied to a fresh array": "f = mx.nd.zeros(3)\nwith record():\n  x.copyto(f)\n  z = f * y\nz.backward()",
    "given as out": "f = mx.nd.zeros(3)\nwith record():\n  mx.nd.relu(x, out=f)\n  z = f * y\nz.backward()",
    "recorded inside of a pause": "with record():\n  with mx.autograd.pause():\n    with record(): v = x * 2\n"
    "    w = v * 3\n  z = v * 2 + w\nz.backward()",
    "cut in a record": "with record():\n  v = x * 2\n  v.attach_grad()\n  z = v * v\nz.backward()\nx = v.grad",
    "cut by hand": "g = mx.nd.zeros(3)\nwith record():\n  v = x * 2\n  mx.autograd.mark_variables([v], [g])\n"
    "  z = v * v\nz.backward()\nx = g",
    "heads in a tuple": "with record():\n  z = x * y\n  w = x * 2\n"
    "mx.autograd.backward((z, w), (mx.nd.array([1, 0, 0]), mx.nd.array([0, 1, 0])))",
    "a head gradient that is None": "with record(): z = x * y\nmx.autograd.backward([z], [None])",
    "a detached array is written to": "with record():\n  z = x * 2\n  z.detach()[:] = 0\nz.backward()\ny = z",
    "a function": FUNCTION + "with record(): z = F(3)(x, y) * 2\nz.backward()",
    "a function's inputs are computed": FUNCTION + "with record(): z = F(3)(x * 2, y * x) * 2\nz.backward()",
    "a function outside of a record": FUNCTION + "x = F(3)(x, y)",
    "a function of two results": TWO + "with record():\n  v, w = T()(x)\n  z = v * w\nz.backward()",
    "one result of two": TWO + "with record(): v, w = T()(x)\nv.backward()",
    "the other result of two": TWO + "with record(): v, w = T()(x)\nw.backward()",
    "a function in a chain": FUNCTION + "with record():\n  z = x\n  for _ in range(4): z = F(0.5)(z, y)\nz.backward()",
    "a function's flags": TWO + "t = T()\nwith record(): v, w = t(x)\nv.backward()\nx = mx.nd.array(t.flags[:2])",
    "a function in inference": TWO
    + "t = T()\nwith record(train_mode=False): v, w = t(x)\nv.backward(train_mode=False)\n"
    "x = mx.nd.array(t.flags[:2])",
    "freshness": "f = [x._fresh_grad]\nwith record(): z = x * 2\nz.backward()\nf += [x._fresh_grad, y._fresh_grad]\n"
    "x._fresh_grad = False\nf.append(x._fresh_grad)\nx = mx.nd.array(f)",
    "asked for": "with record(): z = x * y\nx, y = mx.autograd.grad(z, [x, y])\nleft = 0",
    "asked for, weighted": "with record(): z = x * y\n"
    "x, y = mx.autograd.grad([z], [x, y], head_grads=[mx.nd.array([1, 2, 3])])",
}
RUN = """
def run(text):
    scope = {"mx": mx, "record": mx.autograd.record}
    scope.update(x=mx.nd.array([1, 2, 3]), y=mx.nd.array([4, 5, 6]))
    scope["x"].attach_grad()
    scope["y"].attach_grad()
    exec(text, scope)
    found = [scope["x"], scope["y"]]
    return [(array if array.grad is None else array.grad).asnumpy() for array in found]
answers = [run(text) for text in texts]
"""


def test_snippets(oracle: Oracle) -> None:
    theirs = oracle.build(RUN, ["answers"], {"texts": list(SNIPPETS.values())})["answers"]
    scope: dict[str, Any] = {"mx": mx, "texts": list(SNIPPETS.values())}
    exec(RUN, scope)
    for name, our, their in zip(SNIPPETS, scope["answers"], theirs, strict=True):
        for which, a, b in zip("xy", our, their, strict=True):
            assert_close(a, b, 1e-6, f"{name}: {which}")


@pytest.fixture
def x() -> mx.nd.NDArray:
    array = mx.nd.array([1, 2, 3])
    array.attach_grad()
    return array


class TestFlags:
    """Recording and training, which scopes switch and put back."""

    @staticmethod
    def now() -> tuple[bool, bool]:
        return autograd.is_recording(), autograd.is_training()

    @pytest.mark.parametrize(
        ("scope", "inside_nothing", "inside_record"),
        [
            (lambda: autograd.record(), (True, True), (True, True)),
            (lambda: autograd.record(train_mode=False), (True, False), (True, False)),
            (lambda: autograd.pause(), (False, False), (False, False)),
            (lambda: autograd.pause(train_mode=True), (False, True), (False, True)),
            (lambda: autograd.train_mode(), (False, True), (True, True)),
            (lambda: autograd.predict_mode(), (False, False), (True, False)),
        ],
    )
    def test_scopes(self, scope: Any, inside_nothing: tuple[bool, bool], inside_record: tuple[bool, bool]) -> None:
        assert self.now() == (False, False)
        with scope():
            assert self.now() == inside_nothing
        with autograd.record():
            with scope():
                assert self.now() == inside_record
            assert self.now() == (True, True)
        assert self.now() == (False, False)

    def test_an_exception_puts_them_back(self) -> None:
        with pytest.raises(ZeroDivisionError), autograd.record():
            raise ZeroDivisionError
        assert self.now() == (False, False)

    def test_one_scope_used_twice_over(self) -> None:
        scope = autograd.record()
        with scope:
            with autograd.pause(), scope:
                assert self.now() == (True, True)
            assert self.now() == (True, True)
        assert self.now() == (False, False)

    def test_switches(self) -> None:
        assert autograd.set_recording(True) is False
        assert autograd.set_recording(False) is True
        assert autograd.set_training(True) is False
        assert autograd.set_training(False) is True

    def test_each_thread_has_its_own(self) -> None:
        seen: list[tuple[bool, bool]] = []
        with autograd.record():
            thread = threading.Thread(target=lambda: seen.append(self.now()))
            thread.start()
            thread.join()
        assert seen == [(False, False)]


class TestRequests:
    """What is asked for when a gradient is attached."""

    def test_a_gradient_begins_at_zero(self, x: mx.nd.NDArray) -> None:
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [0, 0, 0]
        assert x.grad.dtype == x.dtype
        assert x.copy().grad is None
        assert x.detach().grad is None

    def test_null(self, x: mx.nd.NDArray) -> None:
        x.attach_grad("null")
        y = mx.nd.ones(3)
        y.attach_grad()
        with autograd.record():
            z = x * y
        z.backward()
        assert x.grad is None
        assert y.grad is not None
        assert y.grad.asnumpy().tolist() == [1, 2, 3]

    def test_the_array_stays_the_same(self, x: mx.nd.NDArray) -> None:
        gradient = x.grad
        for _ in range(2):
            with autograd.record():
                z = x * x
            z.backward()
        assert x.grad is gradient
        assert gradient is not None
        assert gradient.asnumpy().tolist() == [2, 4, 6]

    def test_nonsense(self, x: mx.nd.NDArray) -> None:
        with pytest.raises(ArgumentError, match="grad_req: expected one of write, add, null; got 'overwrite'"):
            x.attach_grad("overwrite")
        with pytest.raises(ArgumentError, match=r"mark_variables: .* got 1, 0 and 1"):
            autograd.mark_variables([x], [])
        with pytest.raises(ShapeError, match=r"mark_variables: .* shape \(3,\), got \(2,\)"):
            autograd.mark_variables(x, mx.nd.zeros(2))
        with pytest.raises(NotSupportedError, match=r"attach_grad: attribute stype: .* got 'row_sparse'"):
            x.attach_grad(stype="row_sparse")
        with pytest.raises(ArgumentError, match="grad: variables: expected at least one"):
            autograd.grad(x, [])

    def test_writing_values_keeps_the_gradient_attached(self, x: mx.nd.NDArray) -> None:
        x[:] = [4, 5, 6]
        x[1:2] += 1
        with autograd.record():
            z = x * x
        z.backward()
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [8, 12, 12]

    def test_a_leaf_that_is_gone_gets_nothing(self) -> None:
        x, y = mx.nd.ones(2), mx.nd.ones(2)
        x.attach_grad()
        y.attach_grad()
        with autograd.record():
            z = x * y * 3
        del x
        z.backward()
        assert y.grad is not None
        assert y.grad.asnumpy().tolist() == [3, 3]


class TestGrad:
    """Gradients handed out instead of written."""

    def test_nothing_is_written(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            z = x * x
        for variables in (x, [x]):
            (found,) = autograd.grad(z, variables, retain_graph=True)
            assert found.asnumpy().tolist() == [2, 4, 6]
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [0, 0, 0]

    @pytest.mark.parametrize("order", [2, 3])
    def test_again_and_again(self, x: mx.nd.NDArray, order: int) -> None:
        with autograd.record():
            y = x * x * x * x
            for _ in range(order - 1):
                (y,) = autograd.grad(y, [x], create_graph=True, retain_graph=True)
        y.backward()
        expected = {2: 12 * x.asnumpy() ** 2, 3: 24 * x.asnumpy()}[order]
        assert x.grad is not None
        assert_close(x.grad, expected, 1e-6, f"derivative {order}")

    @pytest.mark.parametrize("op", ["max", "min", "sigmoid", "tanh", "softmax", "norm", "prod"])
    def test_second_derivatives_of_operators(self, op: str) -> None:
        values = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
        x = mx.nd.array(values, dtype="float64")
        x.attach_grad()
        with autograd.record():
            y = (getattr(mx.nd, op)(x) ** 2).sum()
            (first,) = autograd.grad(y, [x], create_graph=True, retain_graph=True)
            z = (first * first).sum()
        z.backward()

        def slope(point: np.ndarray) -> float:
            t = mx.nd.array(point, dtype="float64")
            t.attach_grad()
            with autograd.record():
                y = (getattr(mx.nd, op)(t) ** 2).sum()
            y.backward()
            assert t.grad is not None
            return float((t.grad.asnumpy() ** 2).sum())

        step = 1e-5
        numeric = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            shift = np.zeros_like(values)
            shift[place] = step
            numeric[place] = (slope(values + shift) - slope(values - shift)) / (2 * step)
        assert x.grad is not None
        assert_close(x.grad, numeric, 1e-5, op)

    def test_in_inference(self) -> None:
        """A trained network's sensitivity to its input needs no training mode."""
        x = mx.nd.array(np.random.default_rng(0).normal(size=(4, 2, 3)))
        parameters, state = mx.nd.ones((3 * 5 * (3 + 5) + 30,)) * 0.1, mx.nd.zeros((1, 2, 5))
        x.attach_grad()
        found = []
        for train_mode in (True, False, False):
            with autograd.record(train_mode=train_mode):
                y = mx.nd.RNN(x, parameters, state, state_size=5, num_layers=1, mode="gru")
            y.backward(train_mode=train_mode)
            assert x.grad is not None
            found.append(x.grad.asnumpy())
        assert np.abs(found[0]).max() > 0
        assert_close(found[1], found[0], 1e-6, "once")
        assert_close(found[2], found[0], 1e-6, "and again")

    def test_variables_that_were_not_used(self, x: mx.nd.NDArray) -> None:
        y = mx.nd.ones(3)
        y.attach_grad()
        with autograd.record():
            z = x * 2
        with pytest.raises(MXNetError, match=r"cannot differentiate: .*not have been used"):
            autograd.grad(z, [y])


class TestObjections:
    """Instead of a gradient that is silently wrong."""

    def test_outside_of_a_record(self, x: mx.nd.NDArray) -> None:
        z = x * 2
        with autograd.record():
            constant = mx.nd.ones(3) * 2
            w = x * 2
        outside = w * 2
        for array in (z, constant, outside, mx.nd.ones(3)):
            with pytest.raises(MXNetError, match=r"not computed inside autograd\.record"):
                array.backward()

    def test_a_second_time(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            z = x * x
        z.backward()
        with pytest.raises(MXNetError, match=r"cannot differentiate: .*second time"):
            z.backward()

    @pytest.mark.parametrize("change", ["x[:] = 5", "x[0] = 5", "x += 1", "x[1:] *= y[1:]", "mx.nd.relu(y, out=x)"])
    def test_writing_to_a_variable(self, x: mx.nd.NDArray, change: str) -> None:
        y = mx.nd.ones(3)
        with autograd.record():
            z = x * x
            with pytest.raises(MXNetError, match=r"(has a gradient attached|leaf Variable)"):
                exec(change, {"mx": mx, "x": x, "y": y})
            with autograd.pause():
                y[:] = 5
        z.backward()
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [2, 4, 6]

    def test_writing_to_a_view_made_outside(self, x: mx.nd.NDArray) -> None:
        free = mx.nd.zeros((2, 3))
        row = free[0]
        with autograd.record(), pytest.raises(MXNetError, match=r"assignment: .*view"):
            row[:] = x * 2

    def test_writing_before_going_back(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            z = x * x
        x[:] = 7
        with pytest.raises(MXNetError, match="modified by an inplace operation"):
            z.backward()

    def test_head_gradients(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            z = x * x
        with pytest.raises(ShapeError, match=r"head gradient: expected the head's shape \(3,\), got \(2,\)"):
            z.backward(mx.nd.ones(2))
        with pytest.raises(ArgumentError, match="expected 1 head gradients, got 0"):
            autograd.backward([z], [])
        numbers: list[Any] = [3]
        with pytest.raises(ArgumentError, match="heads and head gradients: expected NDArrays, got int"):
            autograd.backward([z], numbers)
        z.backward(mx.nd.ones(3, dtype="float64"))


# Programs that write, while recording, to arrays without a gradient of their own; `n` is NumPy's place in them, so that
# each is also a function of numbers whose derivative is found by differences. MXNet refuses most of them.
WRITES = {
    "an element": "f[1] = x[0] * 2",
    "elements one by one": "for i in range(3): f[i] = x[i] * x[2]",
    "a part": "f[1:] = x[:2] * x[:2]",
    "by numbers": "f[[2, 0]] = x[:2] * 3",
    "backwards": "f[::-2] = x[:2] * 3",
    "a constant over a result": "f = x * x\nf[0] = 0\nf = f * f",
    "over all of a result": "f = x * 3\nf[:] = 7\nf = f * x",
    "added": "f += x\nf += x * 2",
    "multiplied": "f += x\nf *= x\nf *= f",
    "divided": "f += x * x\nf /= x + 1\nf -= 1 / x",
    "a part in place": "f += x\nf[1:] *= x[:2]",
    "a view made inside": "v = f[:2]\nv[:] = x[1:] * 2",
    "after it was used": "f += x\ng = f * 3\nf[0] = 1\nf = f + g",
}


@pytest.mark.parametrize("program", WRITES.values(), ids=WRITES)
def test_writing_while_recording(program: str) -> None:
    start = np.array([0.7, 1.3, 2.1])

    def outcome(values: np.ndarray) -> np.ndarray:
        scope = {"x": values.copy(), "f": np.full(3, 0.5)}
        exec(program, scope)
        return scope["f"]

    weights = np.array([1.0, -2.0, 0.5])
    x, scope = mx.nd.array(start, dtype="float64"), {}
    x.attach_grad()
    with autograd.record():
        scope = {"x": x, "f": mx.nd.full(3, 0.5, dtype="float64")}
        exec(program, scope)
    result = scope["f"]
    assert_close(result, outcome(start), 1e-12, "values")
    result.backward(mx.nd.array(weights, dtype="float64"))
    step = 1e-6
    slopes = [(outcome(start + d) - outcome(start - d)) @ weights / (2 * step) for d in np.eye(3) * step]
    assert x.grad is not None
    assert_close(x.grad, np.array(slopes), 1e-7, "gradient")


def test_operands_that_are_written_to_afterwards(x: mx.nd.NDArray) -> None:
    free = mx.nd.zeros(3)
    with autograd.record():
        free += x
        z = free * free
        free[0] = 5
    with pytest.raises(MXNetError, match="modified by an inplace operation"):
        z.backward()


class TestFunction:
    """Gradients that users write."""

    @staticmethod
    def make(forward: Any, backward: Any) -> autograd.Function:
        class Made(autograd.Function):
            def forward(self, *inputs: Any) -> Any:
                return forward(*inputs)

            def backward(self, *output_grads: Any) -> Any:
                return backward(*output_grads)

        return Made()

    def test_second_derivatives_are_refused(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            y = self.make(lambda a: a * a, lambda g: g * 2)(x * 3) * x
            (first,) = autograd.grad(y, [x], create_graph=True)
            with pytest.raises(NotSupportedError, match="gradient of Made cannot be differentiated"):
                (first * first).backward()

    def test_called_twice(self, x: mx.nd.NDArray) -> None:
        function = self.make(lambda a: a * 2, lambda g: g)
        function(x)
        with pytest.raises(ArgumentError, match=r"Made: an instance of autograd\.Function can be called once"):
            function(x)

    @pytest.mark.parametrize(
        ("forward", "backward", "error", "message"),
        [
            (lambda a: 3, None, ArgumentError, r"Made\.forward: result 0: expected an NDArray, got int"),
            (lambda a: a * 2, lambda g: (g, g), ArgumentError, r"Made\.backward: expected 1 gradients, .* got 2"),
            (lambda a: a * 2, lambda g: None, ArgumentError, r"Made\.backward: result 0: .* got NoneType"),
            (lambda a: a * 2, lambda g: g[:2], ShapeError, r"gradient 0: expected shape \(3,\), got \(2,\)"),
        ],
    )
    def test_objections(self, x: mx.nd.NDArray, forward: Any, backward: Any, error: Any, message: str) -> None:
        with autograd.record(), pytest.raises(error, match=message):
            self.make(forward, backward)(x).backward()

    def test_gradients_that_are_added(self, x: mx.nd.NDArray) -> None:
        """Real MXNet adds nothing, and loses them."""
        x.attach_grad("add")
        for _ in range(2):
            with autograd.record():
                y = self.make(lambda a: a * 2, lambda g: g * 2)(x) * x
            y.backward()
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [8, 16, 24]

    def test_inputs_that_are_no_arrays(self, x: mx.nd.NDArray) -> None:
        numbers: list[Any] = [3]
        with pytest.raises(ArgumentError, match="input 1: expected an NDArray, got int; what else is needed goes into"):
            self.make(lambda a, b: a * b, None)(x, *numbers)

    def test_forward_and_backward_are_owed(self, x: mx.nd.NDArray) -> None:
        with pytest.raises(NotImplementedError, match=r"Function\.forward is missing"):
            autograd.Function()(x)

    def test_the_identity_has_memory_of_its_own(self, x: mx.nd.NDArray) -> None:
        with autograd.record():
            y = self.make(lambda a: a, lambda g: g * 5)(x)
            z = y * 1
        z.backward()
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [5, 5, 5]
        y[:] = 0
        assert x.asnumpy().tolist() == [1, 2, 3]

    def test_whole_numbers_and_other_types(self, x: mx.nd.NDArray) -> None:
        places = mx.nd.array([2, 0], dtype="int32")
        with autograd.record():
            picked, where = self.make(
                lambda a, i: (a.take(i), i + 0),
                lambda g, h: (mx.nd.array([1, 2, 3], dtype="float64") * g.sum().astype("float64"), h.astype("int32")),
            )(x, places)
            total = picked.sum() + where.astype("float32").sum()
        total.backward()
        assert where.asnumpy().tolist() == [2, 0]
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [2, 4, 6]
        assert x.grad.dtype == np.float32

    def test_nothing_holds_on_to_the_record(self, x: mx.nd.NDArray) -> None:
        class Keeps(autograd.Function):
            def forward(self, a: Any) -> Any:
                b = a * 2
                self.save_for_backward(a, b)
                return b

            def backward(self, g: Any) -> Any:
                return g * 2

        gc.disable()
        try:
            with autograd.record():
                function = Keeps()
                gone = weakref.ref(function)
                y = function(x * 1)
            y.backward()
            del function, y
            assert gone() is None
        finally:
            gc.enable()


def test_symbols_of_what_was_recorded(x: mx.nd.NDArray) -> None:
    with autograd.record():
        y = x * 2
    with pytest.raises(NotSupportedError, match=r"autograd\.get_symbol"):
        autograd.get_symbol(y)


class TestTorch:
    """Torch's modules and MXNet's programs in one graph."""

    def test_a_module_inside_of_a_record(self) -> None:
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 2)
        values = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
        x = mx.nd.array(values)
        x.attach_grad()
        with autograd.record():
            y = (mx.nd.from_torch(module(x.tensor * 2)) ** 2).sum()
        y.backward()
        leaf = torch.tensor(values, requires_grad=True)
        expected = torch.autograd.grad((module(leaf * 2) ** 2).sum(), [leaf, *module.parameters()])
        assert x.grad is not None
        found = [x.grad.tensor, *[parameter.grad for parameter in module.parameters()]]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours is not None
            assert_close(ours, theirs.numpy(), 1e-5, "gradient")

    def test_a_record_inside_of_a_module(self) -> None:
        class Recurrence(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.randn(5 * 3 + 5 * 5 + 10) * 0.3)

            def forward(self, data: torch.Tensor) -> torch.Tensor:
                with autograd.record():
                    arrays = [mx.nd.from_torch(t) for t in (data, self.weight, torch.zeros(1, 2, 5))]
                    return mx.nd.RNN(*arrays, state_size=5, num_layers=1, mode="rnn_tanh").tensor

        module, data = Recurrence(), torch.randn(4, 2, 3, requires_grad=True)
        module(data).sum().backward()
        theirs = torch.nn.RNN(3, 5)
        parts = module.weight.detach().split([15, 25, 5, 5])
        with torch.no_grad():
            for parameter, part in zip(theirs.parameters(), parts, strict=True):
                parameter.copy_(part.reshape(parameter.shape))
        again = data.detach().requires_grad_()
        theirs(again)[0].sum().backward()
        assert data.grad is not None
        assert again.grad is not None
        assert_close(data.grad, again.grad.numpy(), 1e-5, "data")
        found = torch.cat([p.grad.reshape(-1) for p in theirs.parameters() if p.grad is not None])
        assert module.weight.grad is not None
        assert_close(module.weight.grad, found.numpy(), 1e-5, "weight")

    def test_what_is_exchanged_without_gradients(self, x: mx.nd.NDArray) -> None:
        assert not torch.from_dlpack(x).requires_grad
        assert not from_dlpack(x.to_dlpack_for_read()).requires_grad
        with pytest.raises(BufferError, match="require gradient"):
            mx.nd.from_dlpack(torch.ones(2, requires_grad=True))


def test_torch_and_nd_in_one_graph(x: mx.nd.NDArray) -> None:
    with autograd.record():
        inside = x * x
        middle = mx.nd.from_torch(torch.sin(inside.tensor))
        z = (middle * 2).sum()
    z.backward()
    assert x.grad is not None
    assert_close(x.grad, 4 * x.asnumpy() * np.cos(x.asnumpy() ** 2), 1e-6, "gradient")


def test_a_long_record(x: mx.nd.NDArray) -> None:
    with autograd.record():
        z = x
        for _ in range(5000):
            z = z + 1
    z.backward()
    assert x.grad is not None
    assert x.grad.asnumpy().tolist() == [1, 1, 1]
