"""LSTM with a projection of the hidden state."""

from __future__ import annotations

from typing import Any

from ...._cells.dense import dense_step
from ...._cells.gated import CellWeights
from ...._cells.states import expect_states
from ...._recurrence.modes import MODES
from ....base import expect_whole
from ...parameter import Parameter
from ...parameter_dict import ParameterDict
from ...rnn.recurrent_cell import HybridRecurrentCell
from .spelling import LSTMP

__all__ = ["LSTMPCell"]


class LSTMPCell(HybridRecurrentCell):
    r"""Long short-term memory whose output and hidden state are a narrower projection.

    .. math::
        i, f, g, o &= \text{the four parts of } W x_t + b + U r_{t-1} + b' \\
        c_t &= \sigma(f)\, c_{t-1} + \sigma(i) \tanh(g) \\
        h_t &= \sigma(o) \tanh(c_t) \\
        r_t &= V h_t

    Parameters
    ----------
    hidden_size : int
        Units of the cell state.
    projection_size : int
        Width P of output and hidden state.
    i2h_weight_initializer, h2h_weight_initializer, h2r_weight_initializer : optional
        How the matrices are drawn; where it is None, what `initialize` is given decides.
    i2h_bias_initializer, h2h_bias_initializer : optional
        The same for the biases.
    input_size : int
        Width of the inputs; 0 for what the first batch has.
    prefix : str, optional
        Prefix of names; ``lstmp0_`` and so on by default.
    params : ParameterDict, optional
        Parameters to share: ``i2h_weight`` ``(4H, I)``, ``h2h_weight`` ``(4H, P)``, ``h2r_weight`` ``(P, H)``,
        ``i2h_bias`` and ``h2h_bias`` ``(4H,)``, gates in the order i, f, g, o.

    Notes
    -----
    Sak et al., Long Short-Term Memory Based Recurrent Neural Network Architectures, 2014. The states are r and c.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.contrib.rnn.LSTMPCell(5, 2)
    >>> cell.initialize()
    >>> output, states = cell(mx.nd.ones((3, 4)), cell.begin_state(batch_size=3))
    >>> output.shape, [state.shape for state in states], cell
    ((3, 2), [(3, 2), (3, 5)], LSTMPCell(4 -> 20 -> 2))
    """

    i2h_weight: Parameter
    h2h_weight: Parameter
    h2r_weight: Parameter
    i2h_bias: Parameter
    h2h_bias: Parameter

    def __init__(
        self,
        hidden_size: int,
        projection_size: int,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        h2r_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("LSTMPCell: hidden_size", hidden_size, 1)
        expect_whole("LSTMPCell: projection_size", projection_size, 1)
        expect_whole("LSTMPCell: input_size", input_size, 0)
        super().__init__(prefix=prefix, params=params)
        self._hidden_size, self._input_size, self._projection_size = hidden_size, input_size, projection_size
        rows = 4 * hidden_size
        shapes = {
            "i2h_weight": ((rows, input_size), i2h_weight_initializer),
            "h2h_weight": ((rows, projection_size), h2h_weight_initializer),
            "h2r_weight": ((projection_size, hidden_size), h2r_weight_initializer),
            "i2h_bias": ((rows,), i2h_bias_initializer),
            "h2h_bias": ((rows,), h2h_bias_initializer),
        }
        for name, (shape, init) in shapes.items():
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def __repr__(self) -> str:
        rows, inside = self._reg_params["i2h_weight"].shape or (0, 0)
        return f"{type(self).__name__}({inside or None} -> {rows} -> {self._projection_size})"

    def _alias(self) -> str:
        return "lstmp"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """First r, ``(N, projection_size)``, then c, ``(N, hidden_size)``."""
        widths = self._projection_size, self._hidden_size
        return [{"shape": (batch_size, width), "__layout__": "NC"} for width in widths]

    def hybrid_forward(
        self,
        F: Any,
        inputs: Any,
        states: Any,
        i2h_weight: Any,
        h2h_weight: Any,
        h2r_weight: Any,
        i2h_bias: Any,
        h2h_bias: Any,
    ) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        states = expect_states("LSTMPCell", states, 2)
        weights = CellWeights(i2h_weight, i2h_bias, h2h_weight, h2h_bias)
        name = f"t{self._counter}_"
        hidden, cell = dense_step(F, MODES["lstm"], self._hidden_size, weights, inputs, states, name, LSTMP)
        narrow = F.FullyConnected(
            data=hidden, num_hidden=self._projection_size, weight=h2r_weight, no_bias=True, name=f"{name}out"
        )
        return narrow, [narrow, cell]
