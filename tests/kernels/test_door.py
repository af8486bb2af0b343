"""Who runs what: objections, pinning, and asking about it."""

from __future__ import annotations

import threading

import pytest
import torch

import rennet as mx
from rennet._kernels import door
from rennet._kernels.cpu import Native
from rennet._kernels.interface import Clip, Problem
from rennet._kernels.reference import Reference
from rennet._kernels.torch_fused import TorchFused
from rennet._recurrence.layout import Layout
from rennet.base import ArgumentError, NotSupportedError

from .layers import inputs_of, problem_of

CLIPPED = Clip(-1, 1, False)


@pytest.fixture
def plain() -> Problem:
    layout = Layout("lstm", 3)
    state = torch.zeros(1, 2, 3)
    return problem_of(layout, inputs_of(layout, [torch.zeros(2, 2, 2), torch.zeros(layout.size(2)), state, state]))


def test_a_problem_is_read_off_its_inputs(plain: Problem) -> None:
    assert plain == ("lstm", 1, 2, 2, 2, 3, None, None, False, torch.float32, torch.device("cpu"), True, ())


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({}, None),
        ({"clip": CLIPPED}, "clip"),
        ({"projection_size": 3}, "fewer"),
        ({"projection_size": 2}, None),
        ({"steps": 0}, "empty"),
        ({"batch": 0}, "empty"),
        ({"dtype": torch.int64}, "torch.int64"),
        ({"device": torch.device("meta")}, "not on 'meta'"),
    ],
)
def test_who_objects_to_what(plain: Problem, change: dict, objection: str | None) -> None:
    problem = plain._replace(**change)
    reason = TorchFused().why_not(problem)
    assert reason is None if objection is None else objection in str(reason)
    with door.pinned("torch" if objection is None else "reference"):
        assert door.choose(problem).name == ("torch" if objection is None else "reference")
    assert Reference().why_not(problem) is None


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({}, None),
        ({"clip": CLIPPED, "projection_size": 3, "has_lengths": True, "directions": 2, "needs_grad": False}, None),
        ({"dtype": torch.float64}, None),
        ({"steps": 0}, "empty"),
        ({"batch": 0}, "empty"),
        ({"dtype": torch.bfloat16}, "torch.bfloat16"),
        ({"device": torch.device("cuda")}, "not on 'cuda'"),
    ],
)
def test_what_the_native_kernels_object_to(plain: Problem, change: dict, objection: str | None) -> None:
    problem = plain._replace(**change)
    reason = Native().why_not(problem)
    assert reason is None if objection is None else objection in str(reason)
    assert (door.choose(problem).name == "native") == (objection is None)


def test_a_backend_can_be_pinned(plain: Problem) -> None:
    with door.pinned("reference"):
        assert door.choose(plain).name == "reference"
        with door.pinned("torch"):
            assert door.choose(plain).name == "torch"
            with pytest.raises(
                NotSupportedError, match="'torch' does not take this problem: torch's layers do not clip"
            ):
                door.choose(plain._replace(clip=CLIPPED))
    assert door.choose(plain).name == "native"
    with (
        pytest.raises(ArgumentError, match="backend: expected one of native, reference, torch; got 'abacus'"),
        door.pinned("abacus"),
    ):
        pass


def test_a_pin_holds_on_its_own_thread(plain: Problem) -> None:
    found = []
    with door.pinned("reference"):
        other = threading.Thread(target=lambda: found.append(door.choose(plain).name))
        other.start()
        other.join()
    assert found == ["native"]


class Absent(Reference):
    name = "absent"

    def missing(self) -> str | None:
        return "it was not built"


def test_what_is_missing_is_passed_over_and_says_why(plain: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BACKENDS", (Absent(), *door.BACKENDS))
    monkeypatch.setattr(mx.runtime, "BACKENDS", door.BACKENDS)
    assert door.choose(plain).name == "native"
    assert mx.runtime.backends() == {
        "absent": "it was not built",
        "native": "available",
        "torch": "available",
        "reference": "available",
    }
    assert mx.runtime.explain() == {
        "absent": "it was not built",
        "native": "runs",
        "torch": "could run",
        "reference": "could run",
    }


def test_explaining() -> None:
    explain = mx.runtime.explain
    assert explain() == {"native": "runs", "torch": "could run", "reference": "could run"}
    with mx.runtime.pinned("reference"):
        assert explain() == {
            "native": "could run, but 'reference' is pinned",
            "torch": "could run, but 'reference' is pinned",
            "reference": "runs",
        }
    with mx.runtime.pinned("torch"):
        assert explain(clip=(-1, 1)) == {
            "native": "could run, but 'torch' is pinned",
            "torch": "torch's layers do not clip the cell state",
            "reference": "could run, but 'torch' is pinned",
        }
    assert "empty" in explain(steps=0)["torch"]
    assert "fewer" in explain(hidden_size=4, projection_size=4)["torch"]
    assert explain(device=mx.cpu(1)) == explain(device=torch.device("cpu")) == explain()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "gru", "projection_size": 4}, "projection_size applies to mode 'lstm', not 'gru'"),
        ({"mode": "qrnn"}, "RNN: mode: expected one of"),
        ({"hidden_size": 9.0}, "state_size: expected a whole number of at least 1; got 9.0"),
        ({"steps": -1}, "steps: expected a whole number of at least 0; got -1"),
        ({"input_size": 0}, "input_size: expected a whole number of at least 1; got 0"),
        ({"clip": (-1.0,)}, r"clip: expected two bounds \(low, high\), or None; got \(-1.0,\)"),
        ({"dtype": "int32"}, "dtype: the recurrence computes with floating-point numbers; got 'int32'"),
        ({"device": "abacus"}, "device: expected 'cpu', 'cuda', mx.gpu"),
        ({"device": mx.gpu(99)}, r"device: there is no gpu\(99\) on this machine"),
    ],
)
def test_explaining_what_there_is_not(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mx.runtime.explain(**arguments)


def test_a_pin_holds_inside_transforms(plain: Problem) -> None:
    module = mx.interop.FusedRNN("gru", 3, 4)
    transformed = torch.func.grad(lambda data: module(data)[0].sum())
    with door.pinned("torch"), pytest.raises(NotSupportedError, match="'torch' does not run inside torch's transforms"):
        transformed(torch.zeros(2, 2, 3))
    with door.pinned("reference"):
        assert transformed(torch.zeros(2, 2, 3)).shape == (2, 2, 3)
