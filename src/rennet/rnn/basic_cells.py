"""The plain cells: RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import initializer, symbol
from .._cells.dense import DenseWeights, dense_step
from .._cells.states import expect_states
from .._recurrence.modes import MODES
from ..symbol import Symbol
from .cell import BaseRNNCell, RNNParams


class _DenseCell(BaseRNNCell):
    """A cell whose step is a row of the table of recurrences over two dense projections."""

    _mode = MODES["rnn_tanh"]

    def __init__(self, num_hidden: int, prefix: str, params: RNNParams | None, i2h_bias_init: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        for name in DenseWeights._fields:
            self._params.get(name, **({"init": i2h_bias_init} if name == "i2h_bias" and i2h_bias_init else {}))

    # looked up anew each time: a container may have given the cell other parameters
    _iW = property(lambda self: self._params.get("i2h_weight"))  # noqa: N815
    _iB = property(lambda self: self._params.get("i2h_bias"))  # noqa: N815
    _hW = property(lambda self: self._params.get("h2h_weight"))  # noqa: N815
    _hB = property(lambda self: self._params.get("h2h_bias"))  # noqa: N815

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Each state is ``(N, num_hidden)``."""
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(self._mode.states)]

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return self._mode.gates

    def _step(self, inputs: Symbol, states: Any, **how: Any) -> tuple[Symbol, list[Any]]:
        states = expect_states(type(self).__name__, states, self._mode.states)
        self._counter += 1
        weights = DenseWeights(self._iW, self._iB, self._hW, self._hB)
        name = f"{self._prefix}t{self._counter}_"
        new = dense_step(symbol, self._mode, self._num_hidden, weights, inputs, states, name, **how)
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
        self._activation = activation

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

    def __init__(
        self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0
    ) -> None:
        super().__init__(num_hidden, prefix, params, initializer.LSTMBias(forget_bias=forget_bias))
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

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        return self._step(inputs, states, projection_name=f"{self._prefix}t{self._counter + 1}__")
