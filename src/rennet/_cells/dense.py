"""One step of a cell whose projections are dense layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._recurrence.modes import Mode
from .gated import CellWeights, gated_step
from .naming import Spelling


def dense_step(
    F: Any,
    mode: Mode,
    hidden: int,
    weights: CellWeights,
    inputs: Any,
    states: Sequence[Any],
    name: str,
    spelling: Spelling,
    squash: str | Callable[..., Any] = "tanh",
    gate: str | Callable[..., Any] = "sigmoid",
) -> list[Any]:
    """The new states, of which the first is also the output.

    Parameters
    ----------
    F : module
        ``nd`` or ``sym``.
    mode : Mode
        The row of the table of recurrences.
    hidden : int
        Units.
    weights : CellWeights
        ``i2h_weight`` ``(G*H, I)``, ``i2h_bias`` ``(G*H,)``, ``h2h_weight`` ``(G*H, H)``, ``h2h_bias`` ``(G*H,)``.
    inputs, states
        ``(N, I)`` and the states before the step.
    name : str
        Prefix of this step's names: ``lstm_t0_`` gives ``lstm_t0_i2h``, ``lstm_t0_state``, ``lstm_t0_out``.
    spelling : Spelling
        The surface's names for what the step consists of.
    squash, gate : str or callable
        Activations of candidates and gates.
    """
    units = hidden * mode.num_gates
    i2h = F.FullyConnected(
        data=inputs,
        weight=weights.i2h_weight,
        bias=weights.i2h_bias,
        num_hidden=units,
        name=f"{name}{spelling.i2h}",
    )
    h2h = F.FullyConnected(
        data=states[0],
        weight=weights.h2h_weight,
        bias=weights.h2h_bias,
        num_hidden=units,
        name=f"{name}{spelling.h2h}",
    )
    return gated_step(F, mode, i2h, h2h, states, name, spelling, squash, gate)
