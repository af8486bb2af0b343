"""The plain cells: RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import initializer, symbol
from .._cells.dense import dense_step
from .._cells.gated import CellWeights
from .._recurrence.modes import MODES
from ..base import expect_number
from ..symbol import Symbol
from . import spelling
from .cell import RNNParams
from .gated_cell import GatedCell, expect_activation


class _DenseCell(GatedCell):
    """A gated cell whose projections are dense layers."""

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Each state is ``(N, num_hidden)``."""
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(self._mode.states)]

    def _step(self, inputs: Symbol, states: Any, **how: Any) -> tuple[Symbol, list[Any]]:
        states, weights, name = self._begin_step(states)
        new = dense_step(symbol, self._mode, self._num_hidden, weights, inputs, states, name, self._spelling, **how)
        return new[0], new


class RNNCell(_DenseCell):
    r"""Elman's recurrent cell: :math:`h_t = \tanh(W x_t + b + U h_{t-1} + b')`.

    Parameters
    ----------
    num_hidden : int
        Units.
    activation : str or callable
        ``'tanh'``, ``'relu'``, or a function of a symbol.
    prefix : str
        Prefix of names.
    params : RNNParams, optional
        Parameters to share: ``i2h_weight`` ``(H, I)``, ``h2h_weight`` ``(H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(H,)``.

    Notes
    -----
    Elman, Finding Structure in Time, 1990.
    """

    def __init__(
        self,
        num_hidden: int,
        activation: str | Callable[..., Symbol] = "tanh",
        prefix: str = "rnn_",
        params: RNNParams | None = None,
    ) -> None:
        super().__init__(num_hidden, prefix, params)
        self._activation = expect_activation("RNNCell", activation)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        return self._step(inputs, states, squash=self._activation)


class LSTMCell(_DenseCell):
    r"""Long short-term memory.

    .. math::
        i, f, g, o &= \text{the four parts of } W x_t + b + U h_{t-1} + b' \\
        c_t &= \sigma(f)\, c_{t-1} + \sigma(i) \tanh(g) \\
        h_t &= \sigma(o) \tanh(c_t)

    Parameters
    ----------
    num_hidden : int
        Units.
    prefix : str
        Prefix of names.
    params : RNNParams, optional
        Parameters to share: ``i2h_weight`` ``(4H, I)``, ``h2h_weight`` ``(4H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(4H,)``.
    forget_bias : float
        What the forget gate's bias is initialised to; Jozefowicz et al. 2015 advise 1.

    Notes
    -----
    Hochreiter & Schmidhuber, Long Short-Term Memory, 1997, with the forget gate of Gers et al. 1999.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.rnn.LSTMCell(num_hidden=5)
    >>> output, states = cell(mx.sym.Variable("x"), cell.begin_state())
    >>> output.list_outputs(), [state.name for state in states]
    (['lstm_t0_out_output'], ['lstm_t0_out', 'lstm_t0_state'])
    """

    _mode = MODES["lstm"]
    _spelling = spelling.LSTM

    def __init__(
        self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0
    ) -> None:
        expect_number("LSTMCell: forget_bias", forget_bias)
        forget = initializer.LSTMBias(forget_bias=forget_bias)
        super().__init__(num_hidden, prefix, params, CellWeights(None, forget, None, None))
        self._forget_bias = forget_bias

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        return self._step(inputs, states)


class GRUCell(_DenseCell):
    r"""Gated recurrent unit, in cuDNN's variant.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1} + b'_r) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1} + b'_z) \\
        n &= \tanh(W_n x_t + b_n + r\,(U_n h_{t-1} + b'_n)) \\
        h_t &= (1 - z)\, n + z\, h_{t-1}

    Parameters
    ----------
    num_hidden : int
        Units.
    prefix : str
        Prefix of names.
    params : RNNParams, optional
        Parameters to share: ``i2h_weight`` ``(3H, I)``, ``h2h_weight`` ``(3H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(3H,)``.

    Notes
    -----
    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014; there the reset gate acts before the
    hidden projection, here after it.
    """

    _mode = MODES["gru"]
    _spelling = spelling.GRU

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        return self._step(inputs, states)
