"""How Gluon's cells call what a step consists of: as MXNet does, from the projections to the output."""

from __future__ import annotations

from ..._cells.naming import Spelling

ELMAN = Spelling("i2h", "h2h", ("plus0", "out"))

LSTM = Spelling("i2h", "h2h", ("plus0", "slice", "o", "f", "mul0", "i", "c", "mul1", "state", "activation0", "out"))

GRU = Spelling(
    "i2h",
    "h2h",
    (
        "i2h_slice",
        "h2h_slice",
        "plus0",
        "r_act",
        "plus1",
        "z_act",
        "mul0",
        "plus2",
        "h_act",
        "ones_like0",
        "minus0",
        "mul1",
        "mul20",
        "out",
    ),
    ones=True,
)
