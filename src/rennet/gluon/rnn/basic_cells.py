"""The plain cells: RNN, LSTM and GRU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._cells.dense import dense_step
from ..._cells.gated import CellWeights, activate
from ..._cells.states import expect_states
from ..._kernels.step import expect_states_like
from ..._ops.catalogue import OPERATORS
from ..._recurrence.modes import MODES
from ..._state import flags
from ...base import expect, expect_whole
from ...ndarray import NDArray
from ...ndarray.array import invoke
from ..parameter import Parameter
from ..parameter_dict import ParameterDict
from . import spelling
from .recurrent_cell import HybridRecurrentCell, listed

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]

Activation = str | Callable[..., Any]

_RNN_STEP = OPERATORS["_rnn_step"]


_STEP = ("__call__", "forward", "hybrid_forward", "_imperatively", "_step", "_get_activation")
"""Methods that decide what a step does; where one of them is a user's, steps are taken one by one."""


class DenseCell(HybridRecurrentCell):
    """A cell whose step is a row of the table of recurrences over two dense projections."""

    _mode = MODES["rnn_tanh"]
    _spelling = spelling.ELMAN
    i2h_weight: Parameter
    h2h_weight: Parameter
    i2h_bias: Parameter
    h2h_bias: Parameter

    def __init__(
        self,
        hidden_size: int,
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        input_size: int,
        prefix: str | None,
        params: ParameterDict | None,
    ) -> None:
        owner = type(self).__name__
        expect_whole(f"{owner}: hidden_size", hidden_size, 1)
        expect_whole(f"{owner}: input_size", input_size, 0)
        super().__init__(prefix=prefix, params=params)
        self._hidden_size, self._input_size = hidden_size, input_size
        rows = hidden_size * self._mode.num_gates
        shapes = {
            "i2h_weight": ((rows, input_size), i2h_weight_initializer),
            "h2h_weight": ((rows, hidden_size), h2h_weight_initializer),
            "i2h_bias": ((rows,), i2h_bias_initializer),
            "h2h_bias": ((rows,), h2h_bias_initializer),
        }
        for name, (shape, init) in shapes.items():
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sizes()})"

    def _sizes(self) -> str:
        rows, inside = self._reg_params["i2h_weight"].shape or (0, 0)
        return f"{inside or None} -> {rows}"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Each state is ``(N, hidden_size)``."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"} for _ in range(self._mode.states)]

    def _fused_mode(self) -> str | None:
        """The mode of the fused operator that does what the cell does; None if it does something else."""
        return self._mode_by_activation() if self._is_plain() else None

    def _is_plain(self) -> bool:
        """Is no part of a step a user's."""
        plain, kind = (RNNCell, LSTMCell, GRUCell), type(self)
        is_plain = kind in plain or any(
            all(getattr(kind, name) is getattr(each, name) for name in _STEP) for each in plain
        )
        return is_plain and self.__dict__.keys().isdisjoint(_STEP)

    def _mode_by_activation(self) -> str | None:
        return self._mode.name

    def forward(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`. Arrays go to the kernels' step, unless somebody watches the graph."""
        given = listed(states)
        are_arrays = isinstance(inputs, NDArray) and all(isinstance(each, NDArray) for each in given)
        if not are_arrays or len(given) != self._mode.states or not self._is_plain():
            return super().forward(inputs, states)
        mode, owner = self._mode_by_activation(), type(self).__name__
        expect_states_like(owner, inputs._tensor, [each._tensor for each in given], self._hidden_size)
        runs_here = flags.fusing and self._op_hook is None and (self._traces or not self._active)
        if mode is None or not runs_here or inputs._tensor.dim() != 2:
            return super().forward(inputs, states)
        self._counter += 1
        parts = self._parameters_for(inputs._ctx, inputs, given)
        weights = [parts[name] for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")]
        attrs = {"mode": mode, "num_args": 5 + len(given), "owner": owner}
        after = invoke(_RNN_STEP, [inputs, *given, *weights], attrs)
        return after[0], after

    def _step(self, F: Any, inputs: Any, states: Any, weights: CellWeights, **how: Any) -> tuple[Any, list[Any]]:
        states = expect_states(type(self).__name__, states, self._mode.states)
        name = f"t{self._counter}_"
        new = dense_step(F, self._mode, self._hidden_size, weights, inputs, states, name, self._spelling, **how)
        return new[0], new


class RNNCell(DenseCell):
    r"""Elman's recurrent cell: :math:`h_t = \tanh(W x_t + b + U h_{t-1} + b')`.

    Parameters
    ----------
    hidden_size : int
        Units.
    activation : str, Block or callable
        ``'tanh'``, ``'relu'``, any other that `Activation` has, or a function of an array or symbol.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : optional
        How the parameters are drawn; where it is None, what `initialize` is given decides.
    input_size : int
        Width of the inputs; 0 for what the first batch has.
    prefix : str, optional
        Prefix of names; ``rnn0_`` and so on by default.
    params : ParameterDict, optional
        Parameters to share: ``i2h_weight`` ``(H, I)``, ``h2h_weight`` ``(H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(H,)``.

    Notes
    -----
    Elman, Finding Structure in Time, 1990.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.RNNCell(4)
    >>> cell.initialize()
    >>> output, states = cell(mx.nd.ones((2, 3)), cell.begin_state(batch_size=2))
    >>> output.shape, cell
    ((2, 4), RNNCell(3 -> 4, tanh))
    """

    def __init__(
        self,
        hidden_size: int,
        activation: Activation = "tanh",
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        initializers = (i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer)
        super().__init__(hidden_size, *initializers, input_size, prefix, params)
        self._activation = expect_activation("RNNCell: activation", activation)

    def _alias(self) -> str:
        return "rnn"

    def _mode_by_activation(self) -> str | None:
        return f"rnn_{self._activation}" if self._activation in ("relu", "tanh") else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sizes()}, {self._activation})"

    def hybrid_forward(
        self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        weights = CellWeights(i2h_weight, i2h_bias, h2h_weight, h2h_bias)
        return self._step(F, inputs, states, weights, squash=operator_of(F, self._activation))


class LSTMCell(DenseCell):
    r"""Long short-term memory.

    .. math::
        i, f, g, o &= \text{the four parts of } W x_t + b + U h_{t-1} + b' \\
        c_t &= \sigma(f)\, c_{t-1} + \sigma(i) \tanh(g) \\
        h_t &= \sigma(o) \tanh(c_t)

    Parameters
    ----------
    hidden_size : int
        Units.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : optional
        How the parameters are drawn; where it is None, what `initialize` is given decides.
        ``i2h_bias_initializer=mx.init.LSTMBias(1.0)`` keeps the forget gate open at first.
    input_size : int
        Width of the inputs; 0 for what the first batch has.
    prefix : str, optional
        Prefix of names; ``lstm0_`` and so on by default.
    params : ParameterDict, optional
        Parameters to share: ``i2h_weight`` ``(4H, I)``, ``h2h_weight`` ``(4H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(4H,)``, gates in the order i, f, g, o.
    activation, recurrent_activation : str, Block or callable
        In place of tanh, and of the sigmoid.

    Notes
    -----
    Hochreiter & Schmidhuber, Long Short-Term Memory, 1997, with the forget gate of Gers et al. 1999.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.LSTMCell(5, prefix="lstm_")
    >>> cell.initialize()
    >>> outputs, (h, c) = cell.unroll(3, mx.nd.ones((2, 3, 4)), merge_outputs=True)
    >>> outputs.shape, c.shape, list(cell.collect_params())[:2]
    ((2, 3, 5), (2, 5), ['lstm_i2h_weight', 'lstm_h2h_weight'])
    """

    _mode = MODES["lstm"]
    _spelling = spelling.LSTM

    def __init__(
        self,
        hidden_size: int,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
    ) -> None:
        initializers = (i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer)
        super().__init__(hidden_size, *initializers, input_size, prefix, params)
        self._activation = expect_activation("LSTMCell: activation", activation)
        self._recurrent_activation = expect_activation("LSTMCell: recurrent_activation", recurrent_activation)

    def _alias(self) -> str:
        return "lstm"

    def _mode_by_activation(self) -> str | None:
        return "lstm" if (self._activation, self._recurrent_activation) == ("tanh", "sigmoid") else None

    def hybrid_forward(
        self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        squash = self._activation
        if isinstance(squash, str):
            # MXNet writes tanh for the candidate and Activation for the output, and so do the graphs in its files
            turns = iter((operator_of(F, squash), functools.partial(F.Activation, act_type=squash)))

            def squash(data: Any, **kwargs: Any) -> Any:
                return activate(F, data, next(turns), **kwargs)

        weights = CellWeights(i2h_weight, i2h_bias, h2h_weight, h2h_bias)
        gate = operator_of(F, self._recurrent_activation)
        return self._step(F, inputs, states, weights, squash=squash, gate=gate)


class GRUCell(DenseCell):
    r"""Gated recurrent unit, in cuDNN's variant.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1} + b'_r) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1} + b'_z) \\
        n &= \tanh(W_n x_t + b_n + r\,(U_n h_{t-1} + b'_n)) \\
        h_t &= (1 - z)\, n + z\, h_{t-1}

    Parameters
    ----------
    hidden_size : int
        Units.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : optional
        How the parameters are drawn; where it is None, what `initialize` is given decides.
    input_size : int
        Width of the inputs; 0 for what the first batch has.
    prefix : str, optional
        Prefix of names; ``gru0_`` and so on by default.
    params : ParameterDict, optional
        Parameters to share: ``i2h_weight`` ``(3H, I)``, ``h2h_weight`` ``(3H, H)``, ``i2h_bias`` and ``h2h_bias``
        ``(3H,)``, gates in the order r, z, n.

    Notes
    -----
    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014; there the reset gate acts before the
    hidden projection, here after it.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.GRUCell(4, input_size=3)
    >>> cell.initialize()
    >>> output, states = cell(mx.nd.ones((2, 3)), mx.nd.zeros((2, 4)))
    >>> output.shape, cell
    ((2, 4), GRUCell(3 -> 12))
    """

    _mode = MODES["gru"]
    _spelling = spelling.GRU

    def __init__(
        self,
        hidden_size: int,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        initializers = (i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer)
        super().__init__(hidden_size, *initializers, input_size, prefix, params)

    def _alias(self) -> str:
        return "gru"

    def hybrid_forward(
        self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        return self._step(F, inputs, states, CellWeights(i2h_weight, i2h_bias, h2h_weight, h2h_bias))


def operator_of(F: Any, activation: Activation) -> Activation:
    """The operator that has the activation's name, where MXNet's graphs hold it; otherwise as it came."""
    own = ("relu", "sigmoid", "softsign", "tanh")
    return getattr(F, activation) if isinstance(activation, str) and activation in own else activation


def expect_activation(argument: str, activation: Any) -> Any:
    """The activation, if it is a name or can be called."""
    mend = "such as 'tanh' or 'relu', a Block, or a function of an array or symbol"
    return expect(argument, activation, (str, Callable), "a name or something that can be called", mend)
