"""The table of recurrences: gates, states and step of each mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import pointwise


class Mode(NamedTuple):
    """One kind of recurrence."""

    name: str
    gates: tuple[str, ...]
    """What each gate's matrix is called in unpacked parameter names."""
    states: int
    """How many state tensors a step carries."""
    step: Callable[..., list[Any]]
    squash: str
    """The activation of candidates and outputs."""

    @property
    def num_gates(self) -> int:
        """How many gates, so how many times the hidden size a projection has."""
        return len(self.gates)


MODES = {
    mode.name: mode
    for mode in (
        Mode("rnn_relu", ("",), 1, pointwise.elman, "relu"),
        Mode("rnn_tanh", ("",), 1, pointwise.elman, "tanh"),
        Mode("lstm", ("_i", "_f", "_c", "_o"), 2, pointwise.lstm, "tanh"),
        Mode("gru", ("_r", "_z", "_o"), 1, pointwise.gru, "tanh"),
    )
}
