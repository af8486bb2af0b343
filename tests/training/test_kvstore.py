"""The store of arrays by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet import kvstore
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.context import Context
from same_script import run_here

PUSHED = """
found = []
def tell(store, *keys):
    for key in keys:
        out = [mx.nd.zeros((2, 3)), mx.nd.zeros((2, 3), dtype="float64")]
        store.pull(key, out=out)
        found.append((key, out[0].asnumpy().tolist(), out[1].asnumpy().tolist()))
def full(value):
    return mx.nd.ones((2, 3)) * value
for kind in ["local", "DEVICE", "local_update_cpu", "local_allreduce_cpu", "local_allreduce_device"]:
    store = mx.kv.create(kind)
    found.append((store.type, store.rank, store.num_workers, store.is_capable("optimizer")))
    store.init(3, full(2))
    store.init([5, 7], [full(4), full(6)])
    tell(store, 3, 5, 7)
    store.push(3, full(8))
    store.push([5, 7], [[full(1), full(2), full(3)], [full(4)]])
    tell(store, 3, 5, 7)
    store.push([5, 3, 5], [full(1), full(2), full(3)], priority=1)
    tell(store, 3, 5)
    out = full(0)
    store.pushpull(3, [full(1), full(4)], out=out)
    found.append(out.asnumpy().tolist())
    values = [full(6), full(1)]
    store.pushpull(3, values)
    found.append([each.asnumpy().tolist() for each in values])
    outs = [full(0), full(0)]
    store.broadcast(9, full(11), outs)
    found.append([each.asnumpy().tolist() for each in outs])
    def update(key, pushed, stored):
        found.append((key, pushed.asnumpy().tolist(), stored.asnumpy().tolist()))
        stored += pushed * 2
    store._set_updater(update)
    # keys of their own: what was pushed without an updater, MXNet overwrites before it calls one
    store.init([11, 13], [full(5), full(6)])
    store.push([11, 13], [[full(1), full(1)], full(3)])
    tell(store, 11, 13)
    store._barrier()
"""


def test_equal_to_mxnet(oracle: Oracle) -> None:
    ours = run_here(PUSHED, ["found"])["found"]
    theirs = oracle.build(PUSHED, ["found"])["found"]
    assert ours == theirs


OPTIMIZED = """
store = mx.kv.create("device")
store.init(["a", "b"], [mx.nd.array(weight) for weight in weights])
store.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1, wd=0.1))
found = []
for step in range(3):
    store.push(["a", "b"], [[mx.nd.array(grads[step]), mx.nd.array(grads[step])], mx.nd.array(grads[step])])
    out = [mx.nd.zeros((2, 3)), mx.nd.zeros((2, 3))]
    store.pull(["a", "b"], out=out)
    found += [each.asnumpy() for each in out]
"""


def test_optimizing_as_mxnet_does(oracle: Oracle) -> None:
    given: dict[str, Any] = {
        "weights": list(np.random.randn(2, 2, 3).astype(np.float32)),
        "grads": list(np.random.randn(3, 2, 3).astype(np.float32)),
    }
    ours = run_here(OPTIMIZED, ["found"], given)["found"]
    theirs = oracle.build(OPTIMIZED, ["found"], given)["found"]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


def test_updaters_are_told_text_keys_as_text() -> None:
    store, keys = kvstore.create(), []  # MXNet tells bytes
    store._set_updater(lambda key, pushed, stored: keys.append(key))
    store.init(["w", 3], [mx.nd.ones((1,))] * 2)
    store.push(["w", 3], [mx.nd.ones((1,))] * 2)
    assert keys == ["w", 3]


def test_values_are_copies() -> None:
    store, value, pushed = kvstore.create(), mx.nd.ones((2,)), mx.nd.ones((2,)) * 3
    store.init("a", value)
    value[:] = 5
    out = mx.nd.zeros((2,))
    store.pull("a", out)
    assert out.asnumpy().tolist() == [1, 1]
    store.push("a", pushed)
    pushed[:] = 7
    store.pull("a", out)
    out[:] = 9
    store.pull("a", value)
    assert value.asnumpy().tolist() == [3, 3]


@pytest.mark.parametrize(("kind", "home"), [("local", 0), ("device", 1)])
def test_where_arrays_are_kept(kind: str, home: int) -> None:
    store, seen = kvstore.create(kind), []
    store.init("a", mx.nd.ones((2,), ctx=Context("cpu", 1)))
    store._set_updater(lambda key, pushed, stored: seen.extend([pushed.context, stored.context]))
    store.push("a", [mx.nd.ones((2,), ctx=Context("cpu", device)) for device in range(3)])
    assert seen == [Context("cpu", home)] * 2
    out = mx.nd.zeros((2,), ctx=Context("cpu", 2))
    store.pull("a", out)
    assert out.context == Context("cpu", 2)


def test_recorded_arrays_can_be_stored() -> None:
    store, weight, out = kvstore.create(), mx.nd.ones((2,)), mx.nd.zeros((2,))
    weight.attach_grad()
    with mx.autograd.record():
        store.init("a", weight * 2)
        store.push("a", [weight * 3, weight])
    store.pull("a", [out, weight])
    assert out.asnumpy().tolist() == weight.asnumpy().tolist() == [4, 4]


@pytest.mark.parametrize("dump_optimizer", [True, False])
def test_states_as_a_file(tmp_path: Path, dump_optimizer: bool) -> None:
    def started(value: mx.nd.NDArray) -> kvstore.KVStore:
        store = kvstore.create()
        store.init("a", value)
        store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5, momentum=0.9))
        return store

    def after(store: kvstore.KVStore) -> list[float]:
        out = mx.nd.zeros((2,))
        store.pull("a", out)
        return out.asnumpy().tolist()

    first, path = started(mx.nd.ones((2,))), tmp_path / "store.states"
    first.push("a", mx.nd.ones((2,)))
    first.save_optimizer_states(path, dump_optimizer)
    second = started(mx.nd.array(after(first)))
    second.load_optimizer_states(path)
    for store in (first, second):
        store.push("a", mx.nd.ones((2,)))
    assert after(first) == after(second) == pytest.approx([-0.45, -0.45])


@pytest.mark.parametrize(
    "name", ["dist_sync", "dist_async", "DIST_device_sync", "dist", "nccl", "horovod", "byteps", "p3_x"]
)
def test_stores_for_several_machines_are_refused(name: str) -> None:
    with pytest.raises(NotSupportedError, match=f"kvstore: '{name}': stores for several machines"):
        kvstore.create(name)


def test_other_names() -> None:
    with pytest.raises(ArgumentError, match=r"kvstore: expected one of device, local, .*; got 'lokal'"):
        kvstore.create("lokal")
    with pytest.raises(ArgumentError, match="expected the name of a type, got 3"):
        kvstore.create(3)  # pyright: ignore[reportArgumentType]


def test_what_is_not_there() -> None:
    store = kvstore.create()
    with pytest.raises(NotSupportedError, match="row_sparse_pull: sparse arrays"):
        store.row_sparse_pull("a", row_ids=[])
    with pytest.raises(NotSupportedError, match="set_gradient_compression: gradients are summed as they are"):
        store.set_gradient_compression({"type": "2bit"})
    for call in (store.save_optimizer_states, store.load_optimizer_states):
        with pytest.raises(MXNetError, match=r"no optimizer, .*; call set_optimizer first"):
            call("nowhere")
    with pytest.raises(ArgumentError, match="capability: expected one of optimizer; got 'sparsity'"):
        store.is_capable("sparsity")


ONE = mx.nd.ones((2,))


@pytest.mark.parametrize(
    ("call", "arguments", "error", "message"),
    [
        ("init", ("a", ONE), ArgumentError, "key 'a': expected a new key, got one that the store has"),
        ("init", ("b", [ONE, ONE]), ArgumentError, "key 'b': expected one array, got 2"),
        ("init", (["b", "b"], [ONE, ONE]), ArgumentError, "key 'b': expected one array, got 2"),
        ("init", (1.5, ONE), ArgumentError, "key: expected an int or a str, got 1.5"),
        ("init", ("b", 3), ArgumentError, "key 'b': expected an NDArray or a list of such, got int"),
        ("push", ("b", ONE), ArgumentError, r"push: key 'b': expected a key given to init \('a'\)"),
        ("push", ("a", []), ArgumentError, r"key 'a': expected an NDArray or a list of such, got \[\]"),
        ("push", ("a", mx.nd.ones((3,))), ShapeError, r"'a': expected an array of shape \(2,\), got \(3,\)"),
        ("push", (["a"], ONE), ArgumentError, "expected a value for each of 1 keys, got NDArray"),
        ("push", (["a", "b"], [ONE]), ArgumentError, "expected a value for each of 2 keys, got 1 values"),
        ("pull", ("a",), ArgumentError, "pull: out: expected arrays to copy to, got None"),
        ("pull", ("b", ONE), ArgumentError, "pull: key 'b'"),
        ("pull", ("a", mx.nd.ones((2, 1))), ShapeError, r"expected an array of shape \(2,\), got \(2, 1\)"),
    ],
)
def test_bad_arguments(call: str, arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    store = kvstore.create()
    store.init("a", mx.nd.ones((2,)))
    with pytest.raises(error, match=message):
        getattr(store, call)(*arguments)
