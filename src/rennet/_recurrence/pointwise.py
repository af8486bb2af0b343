"""One step of each recurrence, after its two projections, on anything that adds, multiplies and splits.

The same lines run on torch tensors, NDArrays and Symbols. `ops` brings the three functions that those worlds spell
differently; everything else is arithmetic. `i2h` and `h2h` are the projections of the input and of the previous hidden
state, biases included, with the gates one after another along axis 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Ops(NamedTuple):
    """What a step needs from the world it runs in."""

    split: Callable[[Any, int], Sequence[Any]]
    """``split(x, n)``: `n` equal parts of `x` along axis 1."""
    gate: Callable[[Any], Any]
    """The gates' activation, a sigmoid unless the cell says otherwise."""
    squash: Callable[[Any], Any]
    """The activation of candidates and outputs: tanh or relu."""
    complement: Callable[[Any], Any] = lambda gate: 1.0 - gate
    """What a gate lets through where it is closed."""


def elman(ops: Ops, i2h: Any, h2h: Any, states: Sequence[Any]) -> list[Any]:
    """``h' = squash(i2h + h2h)`` (Elman 1990)."""
    return [ops.squash(i2h + h2h)]


def lstm(ops: Ops, i2h: Any, h2h: Any, states: Sequence[Any]) -> list[Any]:
    """``c' = f*c + i*g``, ``h' = o*tanh(c')``, gates in the order i, f, g, o (Hochreiter & Schmidhuber 1997)."""
    i, f, g, o = ops.split(i2h + h2h, 4)
    o = ops.gate(o)
    c = ops.gate(f) * states[1] + ops.gate(i) * ops.squash(g)
    return [o * ops.squash(c), c]


def gru(ops: Ops, i2h: Any, h2h: Any, states: Sequence[Any]) -> list[Any]:
    """``h' = (1-z)*n + z*h`` with ``n = tanh(W x + b + r*(U h + b'))``, gates in the order r, z, n.

    Cho et al. 2014, in cuDNN's variant: the reset gate acts after the hidden projection, not before it.
    """
    i2h_r, i2h_z, i2h_n = ops.split(i2h, 3)
    h2h_r, h2h_z, h2h_n = ops.split(h2h, 3)
    r = ops.gate(i2h_r + h2h_r)
    z = ops.gate(i2h_z + h2h_z)
    n = ops.squash(i2h_n + r * h2h_n)
    return [ops.complement(z) * n + z * states[0]]
