"""A fused layer as a stack of cells that share its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..._cells.states import expect_states
from ..._recurrence.layout import Layout
from .basic_cells import GRUCell, LSTMCell, RNNCell
from .containers import BidirectionalCell, HybridSequentialRNNCell
from .dropout_cell import DropoutCell
from .recurrent_cell import HybridRecurrentCell

if TYPE_CHECKING:
    from .layers import _RNNLayer


def unfused(layer: _RNNLayer) -> HybridSequentialRNNCell:
    """See `_RNNLayer.unfuse`."""
    make = _maker(layer)
    initializers = {
        f"{name}_initializer": getattr(layer, f"_{name}_initializer")
        for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
    }
    if layer._projection_size:
        initializers["h2r_weight_initializer"] = layer._h2r_weight_initializer
    stack = HybridSequentialRNNCell(prefix=layer.prefix, params=layer.params)
    with stack.name_scope():
        width = layer._input_size
        for number in range(layer._num_layers):
            ways = [
                make(input_size=width, prefix=f"{way}{number}_", **initializers) for way in ("l", "r")[: layer._dir]
            ]
            stack.add(BidirectionalCell(ways[0], ways[1]) if len(ways) == 2 else ways[0])
            if layer._dropout and number != layer._num_layers - 1:
                stack.add(DropoutCell(layer._dropout))
            width = layer._slots.output_size * layer._dir
    return stack


def _maker(layer: _RNNLayer) -> Callable[..., HybridRecurrentCell]:
    """What makes one of the cells."""
    hidden, mode = layer._hidden_size, layer._mode
    if mode == "gru":
        return lambda **kwargs: GRUCell(hidden, **kwargs)
    if mode != "lstm":
        return lambda **kwargs: RNNCell(hidden, activation=mode.removeprefix("rnn_"), **kwargs)
    if layer._lstm_state_clip_min is not None:
        return lambda **kwargs: ClippedLSTMCell(layer, **kwargs)
    projected = layer._projection_size
    if projected:
        from ..contrib.rnn import LSTMPCell  # built on this package

        return lambda **kwargs: LSTMPCell(hidden, projected, **kwargs)
    return lambda **kwargs: LSTMCell(hidden, **kwargs)


class ClippedLSTMCell(HybridRecurrentCell):
    """An LSTM whose cell state is clipped at every step, with or without projection.

    A step is the fused operator over a sequence of one: it alone knows how to clip.

    Parameters
    ----------
    layer : LSTM
        Whose sizes and bounds it has.
    input_size : int
        Width of the inputs; 0 for what the first batch has.
    prefix : str
        Prefix of names.
    **initializers
        How the parameters are drawn.
    """

    def __init__(self, layer: _RNNLayer, input_size: int, prefix: str, **initializers: Any) -> None:
        super().__init__(prefix=prefix, params=None)
        self._layout = Layout("lstm", layer._hidden_size, 1, False, layer._projection_size)
        self._how = {**layer._attributes(), "num_layers": 1, "bidirectional": False, "p": 0.0}
        self._how["use_sequence_length"] = False
        for slot in self._layout.slots(input_size):
            rows, *inside = slot.shape
            shape = (rows, 0) if slot.field == "i2h_weight" and not input_size else (rows, *inside)
            init = initializers[f"{slot.field}_initializer"]
            setattr(self, slot.field, self.params.get(slot.field, shape=shape, init=init, allow_deferred_init=True))

    def _alias(self) -> str:
        return "lstm"

    def __repr__(self) -> str:
        rows, inside = self._reg_params["i2h_weight"].shape or (0, 0)
        bounds = self._how["lstm_state_clip_min"], self._how["lstm_state_clip_max"]
        return f"{type(self).__name__}({inside or None} -> {rows}, cell state in [{bounds[0]}, {bounds[1]}])"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The hidden state, projected if there is a projection, and the cell state."""
        widths = self._layout.output_size, self._layout.hidden_size
        return [{"shape": (batch_size, width), "__layout__": "NC"} for width in widths]

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, **parameters: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        states = expect_states(type(self).__name__, states, 2)
        parts = [F.reshape(parameters[slot.field], shape=-1) for slot in self._layout.slots(0)]
        flat = F._internal._rnn_param_concat(*parts, dim=0)
        begin = [F.expand_dims(state, axis=0) for state in states]
        results = F.RNN(F.expand_dims(inputs, axis=0), flat, *begin, **self._how)
        output, *after = (F.reshape(result, shape=(-3, 0)) for result in results)
        return output, after
