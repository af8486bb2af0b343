"""One step of a cell after its two projections, whatever these are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._recurrence.modes import Mode
from .._recurrence.pointwise import Ops
from .naming import Spelling, names_of


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
    i2h, h2h
        The projections of input and hidden state, the gates one after another along axis 1.
    states
        The states before the step.
    name : str
        Prefix of this step's names: ``lstm_t0_`` gives ``lstm_t0_state`` and ``lstm_t0_out``.
    spelling : Spelling
        The surface's names for what the step consists of.
    squash, gate : str or callable
        Activations of candidates and gates.
    """
    with names_of(i2h, name, spelling.step) as names:

        def activated(data: Any, activation: str | Callable[..., Any]) -> Any:
            if names is None or isinstance(activation, str):
                return activate(F, data, activation)
            return names.call(activation, data)

        ops = Ops(
            split=lambda data, parts: F.SliceChannel(data, num_outputs=parts),
            gate=lambda data: activated(data, gate),
            squash=lambda data: activated(data, squash),
        )
        if spelling.ones:
            ops = ops._replace(complement=lambda data: F.elemwise_sub(F.ones_like(data), data))
        return mode.step(ops, i2h, h2h, states)
