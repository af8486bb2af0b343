"""Callbacks: what they log, line by line, beside what MXNet logs."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet import callback, metric, model
from rennet.base import ArgumentError

LOG = """
import logging
import time
from collections import namedtuple

lines = []

class Collect(logging.Handler):
    def emit(self, record):
        lines.append((record.levelname, record.getMessage()))

class Metric(mx.metric.EvalMetric):
    def update(self, labels, preds):
        self.num_inst += 1
        self.sum_metric += labels

root = logging.getLogger()
handler, level = Collect(), root.level
root.addHandler(handler)
root.setLevel(logging.INFO)
clock, now = time.time, [0.0]
time.time = lambda: now[0]
Param = namedtuple("Param", ["epoch", "nbatch", "eval_metric", "locals"])
try:
    measured = mx.metric.CompositeEvalMetric([Metric("one"), Metric("two")]) if with_metric else None
    call = eval(make)
    for epoch in range(2):
        for nbatch in range(7):
            if measured is not None:
                measured.update(nbatch, None)
            now[0] += 0.25 * nbatch
            call(Param(epoch, nbatch, measured, None))
finally:
    time.time = clock
    root.removeHandler(handler)
    root.setLevel(level)
"""


@pytest.mark.parametrize("with_metric", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        "mx.callback.Speedometer(10, 3)",
        "mx.callback.Speedometer(10, frequent=2, auto_reset=False)",
        "mx.callback.log_train_metric(2)",
        "mx.callback.log_train_metric(3, auto_reset=True)",
        "mx.callback.ProgressBar(7, length=10)",
        "mx.callback.LogValidationMetricsCallback()",
    ],
)
def test_the_same_lines_as_mxnet(oracle: Oracle, make: str, with_metric: bool) -> None:
    inputs = {"make": make, "with_metric": with_metric}
    ours: dict[str, Any] = {"mx": type("mx", (), {"callback": callback, "metric": metric}), **inputs}
    exec(LOG, ours)
    # MXNet says "Iter" in one of Speedometer's lines and "Epoch" in the others; so do we
    assert ours["lines"] == oracle.build(LOG, ["lines"], inputs)["lines"]
    assert ours["lines"] or not with_metric


def test_speed_without_a_clock(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(time, "time", lambda: 1.0)
    speedometer = callback.Speedometer(10, 1)
    for nbatch in range(2):
        speedometer(model.BatchEndParam(0, nbatch, None, None))
    assert caplog.messages == [f"Iter[0] Batch [1]\tSpeed: {math.inf} samples/sec"]


def test_checkpoints_every_other_epoch(tmp_path: Path) -> None:
    save = callback.do_checkpoint(tmp_path / "net", period=2)
    for epoch in range(4):
        save(epoch, mx.sym.Variable("x"), {"w": mx.nd.ones((1,))}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-0002.params", "net-0004.params", "net-symbol.json"]


def test_a_module_saves_itself() -> None:
    saved: list[Any] = []

    class Module:
        def save_checkpoint(self, *arguments: Any) -> None:
            saved.append(arguments)

    save = callback.module_checkpoint(Module(), "net", period=0, save_optimizer_states=True)
    save(0)
    save(1, None, {}, {})
    assert saved == [("net", 1, True), ("net", 2, True)]


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="frequent: expected at least 1, got 0"):
        callback.Speedometer(1, 0)
    with pytest.raises(ArgumentError, match="total: expected at least 1 batch, got 0"):
        callback.ProgressBar(0)
