"""One step of a cell after its two projections, whatever these are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._recurrence.modes import Mode
from .._recurrence.pointwise import Ops
from .naming import call_it


class CellWeights(NamedTuple):
    """A cell's parameters: for both projections a matrix or kernel, whose first axis is the gates', and a bias."""

    i2h_weight: Any
    i2h_bias: Any
    h2h_weight: Any
    h2h_bias: Any


def activate(F: Any, data: Any, activation: str | Callable[..., Any], **kwargs: Any) -> Any:
    """An activation given by name, or any function of one array or symbol."""
    if isinstance(activation, str):
        return F.Activation(data, act_type=activation, **kwargs)
    return activation(data, **kwargs)


def gated_step(
    F: Any,
    mode: Mode,
    i2h: Any,
    h2h: Any,
    states: Sequence[Any],
    name: str,
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
    i2h, h2h
        The projections of input and hidden state, the gates one after another along axis 1.
    states
        The states before the step.
    name : str
        Prefix of this step's names: ``lstm_t0_`` gives ``lstm_t0_state`` and ``lstm_t0_out``.
    squash, gate : str or callable
        Activations of candidates and gates.
    """
    ops = Ops(
        split=lambda data, parts: F.SliceChannel(data, num_outputs=parts),
        gate=lambda data: activate(F, data, gate),
        squash=lambda data: activate(F, data, squash),
    )
    new = mode.step(ops, i2h, h2h, states)
    call_it(new[0], f"{name}out")
    if len(new) > 1:
        call_it(new[1], f"{name}state")
    return new
