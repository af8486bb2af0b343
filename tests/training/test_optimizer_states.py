"""Optimizer states as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet import lr_scheduler, optimizer
from rennet._formats.params_file import dump_params, read_params
from rennet.base import FormatError, NotSupportedError
from rennet.context import Context
from rennet.ndarray.files import to_record


def gradients(step: int) -> list[mx.nd.NDArray]:
    draw = np.random.RandomState(step)
    return [mx.nd.array(draw.randn(2, 3)), mx.nd.array(draw.randn(3), dtype="float16")]


def make(kind: str, scheduled: bool = False) -> optimizer.Updater:
    arguments: dict[str, Any] = {"sgd": {"momentum": 0.9}, "adam": {"beta1": 0.8}}[kind]
    schedule = lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1) if scheduled else None
    made = optimizer.create(kind, learning_rate=0.1, lr_scheduler=schedule, multi_precision=True, **arguments)
    return optimizer.get_updater(made)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, mx.nd.NDArray):
        return (
            isinstance(ours, mx.nd.NDArray) and ours.dtype == theirs.dtype and torch.equal(ours.tensor, theirs.tensor)
        )
    if isinstance(theirs, list | tuple):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) is type(theirs) and (ours == theirs or ours != ours)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("scheduled", [True, False], ids=["scheduled", "fixed"])
@pytest.mark.parametrize("dump_optimizer", [True, False], ids=["all", "states"])
def test_going_on_is_bitwise_the_same(kind: str, scheduled: bool, dump_optimizer: bool) -> None:
    weights = [mx.nd.ones((2, 3)), mx.nd.ones((3,), dtype="float16")]
    first = make(kind, scheduled)
    for step in range(3):
        first([0, "b"], gradients(step), weights)
    saved, copies = first.get_states(dump_optimizer), [weight.copy() for weight in weights]
    second = make(kind, scheduled)
    second.set_states(saved)
    assert second.optimizer.num_update == 3
    assert same(second.states["b"], first.states["b"])
    for step in range(3, 7):
        first([0, "b"], gradients(step), weights)
        second([0, "b"], gradients(step), copies)
    assert same(copies, weights)
    assert second.get_states(dump_optimizer) == first.get_states(dump_optimizer)
    assert make(kind, scheduled).get_states() != saved


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["float32", "float16", "float64", "int32", "bfloat16", "bool"]).map(
        lambda dtype: mx.nd.array([[0, 1], [2, 3]], dtype=dtype)
    ),
)
STATES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.lists(inner).map(tuple), max_leaves=6)


@given(states=st.dictionaries(st.integers() | st.text(), STATES, max_size=4))
def test_every_kind_of_state(states: dict[Any, Any]) -> None:
    first, second = (optimizer.get_updater(optimizer.SGD()) for _ in range(2))
    first.states = states
    second.set_states(first.get_states())
    assert list(second.states) == list(states)
    assert all(same(second.states[index], state) for index, state in states.items())


def test_the_optimizers_numbers() -> None:
    first = make("adam", scheduled=True)
    made = first.optimizer
    made.lr_scheduler(6)
    made.rescale_grad, made.lr = np.float64(1 / 3), np.float32(0.5)
    made.set_lr_mult({"a": 0.5, 3: 2.0})
    second = make("adam", scheduled=True)
    second.set_states(first.get_states(dump_optimizer=True))
    again = second.optimizer
    assert (again.rescale_grad, again.lr, again.lr_mult) == (1 / 3, 0.5, {"a": 0.5, 3: 2.0})
    assert vars(again.lr_scheduler) == vars(made.lr_scheduler)
    third = make("adam", scheduled=True)
    third.set_states(first.get_states())
    assert (third.optimizer.rescale_grad, third.optimizer.lr_scheduler.count) == (1.0, 0)


def test_devices_are_counted_apart() -> None:
    first, second = make("adam"), make("adam")
    for device in range(2):
        first(device, mx.nd.ones((1,)), mx.nd.ones((1,), ctx=Context("cpu", device)))
    first(1, mx.nd.ones((1,)), mx.nd.ones((1,), ctx=Context("cpu", 1)))
    second.set_states(first.get_states())
    assert second.optimizer._all_index_update_counts == {0: {0: 1}, 1: {1: 2}}
    weight = mx.nd.ones((1,), ctx=Context("cpu", 1))
    second(1, mx.nd.ones((1,)), weight)
    assert second.states[1][0].context == Context("cpu", 1)
    assert second.optimizer._index_update_count == {1: 3}


def test_the_file_is_plain(tmp_path: Path, oracle: Oracle) -> None:
    update = make("adam")
    update(3, mx.nd.ones((2,)), mx.nd.ones((2,)))
    path = tmp_path / "net.states"
    path.write_bytes(update.get_states())
    for arrays in (oracle.load_params(path), {name: each.asnumpy() for name, each in mx.nd.load(path).items()}):
        assert list(arrays) == ["header", "state:3:0", "state:3:1"]
        assert json.loads(arrays["header"].tobytes())["update_counts"] == [[0, 3, 1]]


def test_states_of_another_optimizer() -> None:
    with pytest.raises(FormatError, match=r"expected states of SGD, got Adam\. Create the optimizer"):
        make("sgd").set_states(make("adam").get_states())


def test_another_scheduler() -> None:
    saved = make("sgd", scheduled=True).get_states(dump_optimizer=True)
    with pytest.raises(FormatError, match=r"expected the numbers of NoneType, got those of FactorScheduler\. Give"):
        make("sgd").set_states(saved)


def test_what_cannot_be_saved() -> None:
    update = make("sgd")
    update.states = {0: (None, object())}
    with pytest.raises(NotSupportedError, match="state of parameter 0: cannot be saved: object; expected None"):
        update.get_states()
    update.states = {(0, 1): None}
    with pytest.raises(NotSupportedError, match=r"parameter \(0, 1\): only integers and strings"):
        update.get_states()


def changed(raw: bytes, change: Any) -> bytes:
    names, records = read_params(raw)
    header = json.loads(records[0].array.tobytes())  # pyright: ignore[reportOptionalMemberAccess]
    change(header)
    text = mx.nd.array(np.frombuffer(json.dumps(header).encode(), np.uint8), dtype="uint8")
    return dump_params(names, [to_record(text), *records[1:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.update(format="other"), "expected format 'rennet optimizer states 1'"),
        (lambda header: header.pop("optimizer"), "expected states of SGD, got None"),
        (lambda header: header.pop("states"), "expected the structure of"),
        (lambda header: header.update(num_update="many"), "expected the structure of"),
        (lambda header: header.update(states=[[0, {"array": "x"}]]), "expected an array called 'x', got none"),
        (lambda header: header.update(states=[[0, {"set": []}]]), "expected array, tuple, list or value, got set"),
        (lambda header: header.update(states=[[0, {}]]), "expected the structure of"),
        (lambda header: header.update(numbers={"update": {"value": 1}}), "expected attributes it has, got update"),
        (lambda header: header.update(numbers={"lr": {}}), "expected the structure of"),
    ],
)
def test_damaged_headers_change_nothing(change: Any, message: str) -> None:
    update = make("sgd")
    update(0, mx.nd.ones((1,)), mx.nd.ones((1,)))
    raw, before = update.get_states(dump_optimizer=True), dict(vars(update.optimizer))
    with pytest.raises(FormatError, match=message):
        update.set_states(changed(raw, change))
    assert vars(update.optimizer) == before
    assert update.get_states(dump_optimizer=True) == raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "file magic"),
        (b"PK\x03\x04 and so on", "a zip archive"),
        (dump_params([], []), "expected an array of bytes called 'header', got none"),
        (dump_params(["header"], [to_record(mx.nd.ones((2,)))]), "expected an array of bytes called 'header'"),
        (dump_params(["header"], [to_record(mx.nd.array([255], dtype="uint8"))]), "header: content: expected JSON"),
    ],
)
def test_other_files(raw: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make("sgd").set_states(raw)
