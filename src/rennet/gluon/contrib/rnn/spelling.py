"""How the cells of ``gluon.contrib`` call what a step consists of: as MXNet does."""

from __future__ import annotations

from ...._cells.naming import Spelling

CONV_ELMAN = Spelling("i2h", "h2h", ("", "out"))

CONV_LSTM = Spelling("i2h", "h2h", ("", "slice", "o", "f", "", "i", "c", "", "state", "", "out"))

CONV_GRU = Spelling(
    "i2h", "h2h", ("i2h_slice", "h2h_slice", "", "r_act", "", "z_act", "", "", "h_act", "", "", "", "out")
)

LSTMP = Spelling("i2h", "h2h", ("", "slice", "o", "f", "", "i", "c", "", "state", "", "hidden"))
