"""Learning-rate schedules: MXNet's numbers, to the last bit."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.client import Oracle
from rennet import lr_scheduler
from rennet.base import ArgumentError

WARMUP = st.fixed_dictionaries(
    {
        "base_lr": st.floats(0.1, 2),
        "warmup_steps": st.integers(0, 9),
        "warmup_begin_lr": st.floats(0, 0.1),
        "warmup_mode": st.sampled_from(["linear", "constant"]),
    }
)
FACTOR = st.floats(0.1, 1)
SCHEDULES = st.one_of(
    st.tuples(
        st.just("FactorScheduler"),
        st.fixed_dictionaries({"step": st.integers(1, 9), "factor": FACTOR, "stop_factor_lr": st.floats(1e-8, 0.1)}),
    ),
    st.tuples(
        st.just("MultiFactorScheduler"),
        st.fixed_dictionaries(
            {"step": st.sets(st.integers(1, 40), min_size=1, max_size=5).map(sorted), "factor": FACTOR}
        ),
    ),
    st.tuples(
        st.just("PolyScheduler"),
        st.fixed_dictionaries(
            {"max_update": st.integers(10, 50), "pwr": st.sampled_from([1, 2, 0.5]), "final_lr": st.floats(0, 0.05)}
        ),
    ),
    st.tuples(
        st.just("CosineScheduler"),
        st.fixed_dictionaries({"max_update": st.integers(10, 50), "final_lr": st.floats(0, 0.05)}),
    ),
)


@settings(max_examples=60)
@given(schedule=SCHEDULES, warmup=WARMUP, updates=st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_equal_to_mxnet(oracle: Oracle, schedule: tuple[str, dict], warmup: dict[str, Any], updates: list[int]) -> None:
    name, own = schedule
    ours = getattr(lr_scheduler, name)(**own, **warmup)
    theirs = oracle.lr_schedule(name, {**own, **warmup}, updates)
    assert [ours(update) for update in updates] == theirs


def test_overwriting_the_base_rate(oracle: Oracle) -> None:
    # as an optimizer does: curves keep their start, products go on from the new rate
    source = """
answers = []
for make in (
    lambda: mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=1.0, warmup_steps=3, warmup_begin_lr=0.1),
    lambda: mx.lr_scheduler.PolyScheduler(9, base_lr=1.0, warmup_steps=3, warmup_begin_lr=0.1),
):
    schedule = make()
    schedule.base_lr = 7.0
    answers.append([float(schedule(update)) for update in range(12)])
"""
    ours: dict[str, Any] = {"mx": type("mx", (), {"lr_scheduler": lr_scheduler})}
    exec(source, ours)
    assert ours["answers"] == oracle.build(source, ["answers"])["answers"]


def test_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    schedule = lr_scheduler.FactorScheduler(1, 0.1, stop_factor_lr=0.05, base_lr=1.0)
    schedule(3)
    assert caplog.messages == [
        "Update[3]: Change learning rate to 1.00000e-01",
        "Update[3]: now learning rate arrived at 5.00000e-02, will not change in the future",
    ]


def test_a_schedule_of_ones_own() -> None:
    class Fixed(lr_scheduler.LRScheduler):
        def __call__(self, num_update: int) -> float:
            return self.base_lr * num_update

    assert Fixed(base_lr=2.0)(3) == 6.0
    with pytest.raises(NotImplementedError, match="must define __call__"):
        lr_scheduler.LRScheduler()(1)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("FactorScheduler", {"step": 0}, "step: expected at least 1, got 0"),
        ("FactorScheduler", {"step": 1, "factor": 1.5}, "factor: expected at most 1.*got 1.5"),
        ("FactorScheduler", {"step": 1, "warmup_steps": -1}, "warmup_steps: expected an integer of at least 0"),
        ("FactorScheduler", {"step": 1, "warmup_steps": 1.5}, "warmup_steps: expected an integer of at least 0"),
        ("FactorScheduler", {"step": 1, "warmup_begin_lr": 1}, r"warmup_begin_lr: expected at most base_lr \(0.01\)"),
        ("FactorScheduler", {"step": 1, "warmup_mode": "x"}, "warmup_mode: expected one of constant, linear"),
        ("MultiFactorScheduler", {"step": 3}, "step: expected a list"),
        ("MultiFactorScheduler", {"step": []}, "step: expected a list"),
        ("MultiFactorScheduler", {"step": [0, 1]}, "rise from at least 1"),
        ("MultiFactorScheduler", {"step": [2, 2]}, "rise from at least 1"),
        ("MultiFactorScheduler", {"step": [2], "factor": 2}, "factor: expected at most 1"),
        ("PolyScheduler", {"max_update": 0}, "max_update: expected an integer of at least 1"),
        ("CosineScheduler", {"max_update": 2.0}, "max_update: expected an integer of at least 1"),
        ("CosineScheduler", {"max_update": 2, "warmup_steps": 2}, "more updates than the warm-up's 2"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        getattr(lr_scheduler, name)(**arguments)


def test_asking_beyond_the_warm_up() -> None:
    with pytest.raises(ArgumentError, match="warm-up has 2 updates; got number 2"):
        lr_scheduler.FactorScheduler(1, warmup_steps=2).get_warmup_lr(2)
