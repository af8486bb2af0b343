"""mx.test_utils: the same verdicts as real MXNet's."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet import test_utils as tu
from rennet.base import ArgumentError, MXNetError, NotSupportedError

# Expressions in `tu`, arrays `a` (float32), `d` (float64), `h` (float16), `i` (int32) and the symbols `z = x * y`,
# `blocked` and `fc`; what they answer, or whether they raise an AssertionError, is the same here and there.
EXPRESSIONS = """
tu.almost_equal(a, a); tu.almost_equal(a, a + 1e-3); tu.almost_equal(a, a + 1.1e-3); tu.almost_equal(a, a + 5e-3)
tu.almost_equal(d, d + 1e-6); tu.almost_equal(d, d + 1e-4); tu.almost_equal(h, h + 0.1); tu.almost_equal(h, h + 0.2)
tu.almost_equal(a, d + 1e-3); tu.almost_equal(d + 1e-3, a); tu.almost_equal(a, d + 1e-2); tu.almost_equal(i, i)
tu.almost_equal(i, i + 1); tu.almost_equal(i, a + 1e-3); tu.almost_equal(h, d + 0.05); tu.almost_equal(h, d + 0.5)
tu.almost_equal(a, a * 1.01, rtol=0.02, atol=0); tu.almost_equal(a, a * 1.01, rtol=0.001, atol=0)
tu.almost_equal(a, a + 0.5, 0, 0.6); tu.almost_equal(a * np.nan, a * np.nan)
tu.almost_equal(a * np.nan, a * np.nan, equal_nan=True); tu.almost_equal(a, np.ones((2, 3)) * a)
tu.almost_equal(a, np.ones((2, 3)) * a, use_broadcast=False)
tu.almost_equal(a, np.inf * a); tu.almost_equal(np.inf * a, np.inf * a)
tu.assert_almost_equal(a, a); tu.assert_almost_equal(a, a + 1); tu.assert_almost_equal(a, mx.nd.array(a))
tu.assert_almost_equal(mx.nd.array(a), mx.nd.array(a + 1)); tu.assert_almost_equal(1.0, 1.000001)
tu.assert_almost_equal(1.0, 1.0001); tu.assert_almost_equal(a, a + 1, names=("p", "q"), mismatches=(1, 1))
tu.assert_almost_equal(a, np.ones((2, 3)) * a, use_broadcast=False); tu.assert_allclose(a, a)
tu.assert_allclose(a, a * (1 + 1e-5)); tu.assert_allclose(a * np.nan, a * np.nan)
tu.assert_almost_equal_ignore_nan(np.array([1, np.nan]), np.array([1, 2.0]))
tu.assert_almost_equal_ignore_nan(np.array([1, np.nan]), np.array([2, 2.0]))
tu.assert_almost_equal_with_err(d, d * [1, 1, 2], etol=0.5); tu.assert_almost_equal_with_err(d, d * [1, 2, 2], etol=0.5)
tu.same(a, a); tu.same(a, a + 1); tu.same(a, a.reshape(1, 3)); tu.same(a, d)
tu.get_rtol(); tu.get_atol(); tu.get_etol(); tu.get_rtol(0.5); tu.get_atol(0.25); tu.get_etol(0.1)
sorted((k.name, v) for k, v in tu.default_rtols().items()); sorted((k.name, v) for k, v in tu.default_atols().items())
sorted((k.name, v) for k, v in tu.default_numeric_eps().items()); tu.default_dtype().__name__; str(tu.default_context())
tu.effective_dtype(a).name; tu.effective_dtype(mx.nd.array(h, dtype="float16")).name; len(tu.list_gpus()) * 0
tu.assert_exception(lambda: 1 / 0, ZeroDivisionError); tu.assert_exception(lambda: 1, ZeroDivisionError)
tu.np_reduce(np.ones((2, 3)), 1, True, np.sum).tolist(); tu.np_reduce(np.ones((2, 3)), (0, 1), False, np.sum).tolist()
tu.create_2d_tensor(2, 3).asnumpy().tolist(); len(tu.random_sample([1, 2, 3], 2)); len(tu.rand_shape_nd(4))
tu.simple_forward(z, x=a, y=a).tolist(); len(tu.rand_shape_2d(3, 4)); len(tu.rand_shape_3d())
[each.asnumpy().tolist() for each in tu.check_symbolic_forward(z, [a, a], [a * a])]
tu.check_symbolic_forward(z, [a, a], [a * a + 1]) and None
tu.check_symbolic_forward(z, {"x": a, "y": d}, [a * d], dtype=np.float64)[0].dtype.__name__
tu.check_symbolic_forward(z, {"x": a, "y": a}, {z.list_outputs()[0]: a * a})[0].asnumpy().tolist()
tu.check_symbolic_forward(z, [a, a], [a * np.nan], equal_nan=True) and None
sorted(tu.check_symbolic_backward(z, [a, a + 1], [a], [a * (a + 1), a * a]))
tu.check_symbolic_backward(z, [a, a + 1], [a], [a * (a + 1), a * a + 1]) and None
sorted(tu.check_symbolic_backward(z, [a, a + 1], [a], {"x": a * (a + 1)}))
sorted(tu.check_symbolic_backward(z, [a, a + 1], {z.list_outputs()[0]: a}, {"x": a * (a + 1)}))
sorted(tu.check_symbolic_backward(z, [a, a], [a], {"x": a * a}, grad_req="add"))
sorted(tu.check_symbolic_backward(z, [a, a], [a], [a * a, a * 0], grad_req={"x": "write", "y": "null"}))
tu.check_symbolic_backward(blocked, [a, a], [a], [a * 0, a * a])["x"].asnumpy().tolist()
tu.check_numeric_gradient(z, [d, d], dtype=np.float64, atol=1e-6)
tu.check_numeric_gradient(z, [a, a], rtol=1e-2, atol=1e-2)
tu.check_numeric_gradient(blocked, [d, d], dtype=np.float64, atol=1e-6)
tu.check_numeric_gradient(blocked, [d, d], grad_nodes=["y"], dtype=np.float64, atol=1e-6)
tu.check_numeric_gradient(z, {"x": d, "y": d}, grad_nodes={"x": "write"}, dtype=np.float64, atol=1e-6)
sorted(tu.check_consistency(fc, runs)); sorted(tu.check_consistency(fc, runs, grad_req="null", use_uniform=True))
sorted(tu.check_consistency(fc, runs, ground_truth={"fc_output": np.zeros((2, 3))}))
sorted(tu.check_consistency(fc, runs, arg_params={"data": np.zeros((2, 4))}, scale=0.1, grad_req="add"))
tu.same_symbol_structure(fc, fc); tu.same_symbol_structure(z, x + y); tu.same_symbol_structure(z, y * x)
tu.random_arrays((2, 3)).dtype.name; [each.shape for each in tu.random_arrays((2,), ())]
"""
RUN = """
tu = mx.test_utils
a, d = np.array([1, 2, 3], "f4"), np.array([1, 2, 3], "f8")
h, i = d.astype("f2"), d.astype("i4")
x, y = mx.sym.var("x"), mx.sym.var("y")
z, blocked = x * y, mx.sym.BlockGrad(x) * y
fc = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
runs = [{"ctx": mx.cpu(0), "data": (2, 4), "type_dict": {"data": kind}} for kind in (np.float32, np.float64)]

def answer(text):
    np.random.seed(0)
    try:
        return eval(text)
    except AssertionError:
        return "AssertionError"
    except Exception as error:
        return f"a surprise: {error!r}"[:150]

answers = [answer(text) for text in texts]
np.random.seed(0)
drawn = [tu.random_arrays((2, 3)), *tu.random_arrays((4,), ())]
drawn += [tu.rand_ndarray((3, 2)).asnumpy(), tu.rand_ndarray((5,), dtype="int32").asnumpy()]
"""


def test_expressions(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text.strip() for text in EXPRESSIONS.replace("\n", ";").split(";") if text.strip()]
    theirs = oracle.build(RUN, ["answers", "drawn"], {"texts": texts})
    scope: dict[str, Any] = {"mx": mx, "np": np, "texts": texts}
    exec(RUN, scope)
    for text, our, their in zip(texts, scope["answers"], theirs["answers"], strict=True):
        assert our == their, text
    for our, their in zip(scope["drawn"], theirs["drawn"], strict=True):
        assert_close(our, np.asarray(their), 0, "drawn")


def test_messages() -> None:
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(np.arange(5.0), np.zeros(5), names=("ours", "theirs"), mismatches=(2, 3))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("ours and theirs: more than 3 of 5 elements differ by more than rtol 1e-05, atol 1e-20")
    assert lines[1:] == ["at (4,) ours is 4.0, theirs 0.0", "at (3,) ours is 3.0, theirs 0.0"]
    with pytest.raises(AssertionError, match=r"expected shapes that broadcast, got \(2,\) and \(3,\)"):
        tu.assert_almost_equal(np.ones(2), np.ones(3))
    with pytest.raises(AssertionError, match=r"expected equal shapes, got \(1,\) and \(2,\)"):
        tu.almost_equal(np.ones(1), np.ones(2), use_broadcast=False)


def test_tolerances_by_type() -> None:
    h = np.ones(2, "f2")
    tu.assert_almost_equal(h, h + 0.2, rtol={np.dtype("f2"): 0.5}, atol={np.dtype("f2"): 0})
    with pytest.raises(AssertionError, match=r"rtol 0\.01, atol 0"):
        tu.assert_almost_equal(h, h + 0.2, rtol={np.dtype("f2"): 0.01}, atol={np.dtype("f2"): 0})
    assert tu.almost_equal(mx.nd.array(h), h)


def test_shared_memory() -> None:
    x = mx.nd.zeros((2, 3))
    assert tu.same_array(x, x.detach())
    assert not tu.same_array(x, x.copy())


@pytest.mark.parametrize("allow_zero_size", [False, True])
def test_shapes(allow_zero_size: bool) -> None:
    least = 0 if allow_zero_size else 1
    for draw, count in ((tu.rand_shape_2d, 2), (tu.rand_shape_3d, 3)):
        drawn = {draw(*[2] * count, allow_zero_size=allow_zero_size) for _ in range(300)}
        assert {size for shape in drawn for size in shape} == set(range(least, 3))
        assert {len(shape) for shape in drawn} == {count}
    drawn = {tu.rand_shape_nd(3, 2, allow_zero_size) for _ in range(300)}
    assert {size for shape in drawn for size in shape} == set(range(least, 3))
    assert {tu.rand_coord_2d(1, 3, 7, 8) for _ in range(50)} == {(1, 7), (2, 7)}


def test_environment() -> None:
    os.environ["RENNET_A"] = "before"
    try:
        with tu.environment({"RENNET_A": None, "RENNET_B": 2}):
            assert "RENNET_A" not in os.environ
            assert os.environ["RENNET_B"] == "2"
            with pytest.raises(ZeroDivisionError), tu.environment("RENNET_A", "inside"):
                raise ZeroDivisionError(os.environ["RENNET_A"])
        assert os.environ["RENNET_A"] == "before"
        assert "RENNET_B" not in os.environ
    finally:
        del os.environ["RENNET_A"]
    with pytest.raises(ArgumentError, match="environment: expected a name and a value"), tu.environment("RENNET_A"):
        pass


def test_discarding_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with tu.discard_stderr():
        os.write(2, b"from below")
        print("from Python", file=sys.stderr)
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_default_context() -> None:
    before = tu.default_context()
    try:
        tu.set_default_context(mx.cpu(3))
        assert tu.default_context() == mx.nd.zeros(1).context == tu.rand_ndarray((1,)).context == mx.cpu(3)
    finally:
        tu.set_default_context(before)
    names: list[Any] = ["cpu"]
    with pytest.raises(ArgumentError, match="set_default_context: expected a Context"):
        tu.set_default_context(*names)


def test_retry() -> None:
    tried: list[int] = []

    @tu.retry(3)
    def lucky(needed: int) -> str:
        tried.append(needed)
        assert len(tried) >= needed
        return "done"

    assert lucky(3) == "done"
    tried.clear()
    with pytest.raises(AssertionError):
        lucky(4)
    assert len(tried) == 3
    with pytest.raises(ArgumentError, match="retry: n: expected a whole number"):
        tu.retry(0)


def test_states_and_training() -> None:
    data, shape = mx.sym.var("data"), (4, 3)
    net = mx.sym.BatchNorm(data, fix_gamma=False, name="bn", momentum=0.5)
    values = np.random.normal(size=shape)
    location = [values, np.array([1.0, 2, 3]), np.zeros(3)]
    states = {"bn_moving_mean": np.zeros(3), "bn_moving_var": np.ones(3)}
    tu.check_numeric_gradient(net, location, states, rtol=1e-3, atol=1e-5, dtype=np.float64)
    expected = values / np.sqrt(1 + 1e-3) * [1, 2, 3]
    tu.check_symbolic_forward(net, location, [expected], aux_states=states, rtol=1e-3)
    tu.check_symbolic_forward(net, location, [expected], aux_states=list(states.values()), rtol=1e-3, dtype="asnumpy")


def test_several_outputs() -> None:
    x, y = mx.sym.var("x"), mx.sym.var("y")
    pair = mx.sym.Group([x * y, mx.sym.sin(x)])
    a, b = np.random.normal(size=(2, 3, 2))
    tu.check_numeric_gradient(pair, [a, b], dtype=np.float64, atol=1e-6)
    tu.check_symbolic_backward(pair, [a, b], [a, b], [a * b + b * np.cos(a), a * a], dtype=np.float64, atol=1e-9)


def test_inconsistent_symbols(capsys: pytest.CaptureFixture[str]) -> None:
    x = mx.sym.var("x")
    runs = [{"ctx": mx.cpu(), "x": (2,), "type_dict": {"x": np.float64}}] * 2
    tu.check_consistency([x * x, mx.sym.square(x)], runs)
    with pytest.raises(AssertionError, match="of run 1 and the ground truth"):
        tu.check_consistency([x * x, x + x], runs)
    tu.check_consistency([mx.sym.sin(x, name="f"), mx.sym.cos(x, name="f")], runs, raise_on_err=False)
    assert "f_output of run 1 and the ground truth" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="expected symbols with the same arguments"):
        tu.check_consistency([x * x, x * mx.sym.var("y")], runs)
    with pytest.raises(ArgumentError, match="expected a symbol for each context, got 2 contexts"):
        tu.check_consistency([x], runs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x, a: tu.check_symbolic_forward(x * 2, [], [a]),
            "location: expected a value for every .* x is missing",
        ),
        (lambda x, a: tu.check_symbolic_forward(x * 2, [a, a], [a]), r"location: expected at most 1 \(x\), got 2"),
        (lambda x, a: tu.check_symbolic_forward(x * 2, {"y": a}, [a]), "location: expected names among x; got 'y'"),
        (lambda x, a: tu.check_symbolic_backward(x * 2, [a], {}, [a]), "out_grads: expected one for every output"),
        (lambda x, a: tu.check_symbolic_backward(x, [a], [a], [a], grad_stypes={"x": "csr"}), "x: .* got 'csr'"),
        (lambda x, a: tu.check_numeric_gradient(x * 2, [a], grad_stype_dict={"x": "csr"}), "x: .* got 'csr'"),
        (lambda x, a: tu.check_numeric_gradient(x * 2, [a], dtype=np.int32), "expected a floating-point type"),
        (lambda x, a: tu.rand_ndarray((2,), stype="csr"), "stype: there are no sparse arrays, .* got 'csr'"),
        (lambda x, a: tu.rand_ndarray((2,), density=0.5), "density: only for sparse arrays"),
    ],
)
def test_objections(call: Any, message: str) -> None:
    with pytest.raises((ArgumentError, NotSupportedError), match=message) as caught:
        call(mx.sym.var("x"), np.ones(2))
    assert isinstance(caught.value, MXNetError)
