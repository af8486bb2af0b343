"""Recording and differentiating."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet import autograd
from rennet.base import ArgumentError, MXNetError, ShapeError

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

    @pytest.mark.parametrize(
        "change",
        [
            "x[:] = 5",
            "x[0] = 5",
            "x += 1",
            "z[:] = 5",
            "z *= 2",
            "free[0] = x[0]",
            "x.copyto(free)",
            "mx.nd.relu(x, out=free)",
        ],
    )
    def test_writing_while_recording(self, x: mx.nd.NDArray, change: str) -> None:
        free = mx.nd.zeros(3)
        with autograd.record():
            z = x * x
            with pytest.raises(MXNetError, match="being recorded for autograd is not supported"):
                exec(change, {"mx": mx, "x": x, "z": z, "free": free})
            free[:] = 3  # nothing recorded is involved
            total = (z * free).sum()
        total.backward()
        assert x.grad is not None
        assert x.grad.asnumpy().tolist() == [6, 12, 18]

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
