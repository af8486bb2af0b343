"""What is seen while a model trains: a bar on a terminal, MXNet's log lines otherwise; and the curve."""

from __future__ import annotations

import math
import time
from typing import Any

from tqdm import tqdm

from ..model import BatchEndParam

CURVE_STEP = 10
"""Updates between two points of the curve."""


def perplexity(nats: float, tokens: float) -> float:
    """The perplexity of `tokens` with a total loss of `nats`."""
    return math.exp(min(nats / tokens, 700.0)) if tokens else math.inf


class Curve:
    """Perplexity over updates, in steps, and what was held out after each epoch."""

    def __init__(self, points: list[list[float]] | None = None, heldout: list[list[float]] | None = None) -> None:
        self.points = points or []
        self.heldout = heldout or []
        self._last = (0.0, 0.0)

    def add(self, update: int, nats: float, tokens: float, first: bool) -> None:
        """Take note of the epoch's totals so far; every `CURVE_STEP` updates they make a point."""
        if first:
            self._last = (0.0, 0.0)
        if update % CURVE_STEP == 0:
            before = self._last
            self._last = (nats, tokens)
            if tokens > before[1]:
                self.points.append([update, perplexity(nats - before[0], tokens - before[1])])

    def state(self) -> dict[str, Any]:
        """For a snapshot."""
        return {"points": self.points, "heldout": self.heldout, "last": list(self._last)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Curve:
        """The reverse of `state`."""
        curve = cls(state["points"], state["heldout"])
        curve._last = (state["last"][0], state["last"][1])
        return curve


class Bar:
    """A progress bar for each epoch, with tokens per second and the running perplexity."""

    def __init__(self, epochs: int, batches: int) -> None:
        self._epochs, self._batches = epochs, batches
        self._bar: tqdm[Any] | None = None
        self._began = 0.0
        self._tokens_before = 0.0

    def __call__(self, param: BatchEndParam) -> None:
        """Batch-end callback."""
        tokens = param.eval_metric.global_num_inst
        if self._bar is None:
            self._bar = tqdm(
                total=self._batches, desc=f"Epoch {param.epoch + 1}/{self._epochs}", unit="batch", initial=param.nbatch
            )
            self._began, self._tokens_before = time.perf_counter(), tokens
        elapsed = time.perf_counter() - self._began
        rate = (tokens - self._tokens_before) / elapsed if elapsed else 0.0
        running = perplexity(param.eval_metric.global_sum_metric, tokens)
        self._bar.set_postfix_str(f"{rate:,.0f} tokens/s, perplexity {running:.1f}", refresh=False)
        self._bar.update(1)
        if param.nbatch + 1 >= self._batches:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
