"""How the cells of ``mx.rnn`` call what a step consists of: as MXNet does, from the projections to the output."""

from __future__ import annotations

from .._cells.naming import Spelling

ELMAN = Spelling("i2h", "h2h", ("", "out"))

LSTM = Spelling("i2h", "h2h", ("", "slice", "o", "f", "", "i", "c", "", "state", "", "out"))

_GRU_STEP = ("_i2h_slice", "_h2h_slice", "", "_r_act", "", "_z_act", "", "", "_h_act", "", "", "", "out")

# with two underscores: gru_t0__r_act
GRU = Spelling("_i2h", "_h2h", _GRU_STEP)

CONV_GRU = Spelling("i2h", "h2h", _GRU_STEP)
