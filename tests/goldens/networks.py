"""Every cell of ``mx.rnn`` as small networks, each built alike by real MXNet (`write_goldens.py`) and by rennet."""

from __future__ import annotations

from typing import Any, NamedTuple

LENGTH, BATCH, UNITS = 2, 2, 3
MERGES = {"natural": None, "merged": True, "steps": False}


class Network(NamedTuple):
    """A cell over a sequence of two steps."""

    cell: str
    """An expression that makes it, of `mx` and `stack`."""
    layout: str = "NTC"
    image: bool = False
    """Whether a step is an image, not a vector."""
    random: bool = False
    """Whether training draws random numbers, so that no gradients are kept."""
    own_masks: bool = False
    """Whether our graph is another one, with the same results in inference."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input ``x``."""
        if self.image:
            return BATCH, LENGTH, 1, 4, 3
        return (BATCH, LENGTH, UNITS) if self.layout == "NTC" else (LENGTH, BATCH, UNITS)

    def build(self, mx: Any, merge: bool | None) -> Any:
        """The symbol of all outputs and final states."""

        def stack(*cells: Any) -> Any:
            made = mx.rnn.SequentialRNNCell()
            for cell in cells:
                made.add(cell)
            return made

        with mx.name.NameManager():
            cell = eval(self.cell, {"mx": mx, "stack": stack})
            outputs, states = cell.unroll(LENGTH, mx.sym.Variable("x"), layout=self.layout, merge_outputs=merge)
            heads = [*_flat(outputs), *_flat(states)]
            # each once: the last output is often a state too
            return mx.sym.Group(list({head.list_outputs()[0]: head for head in heads}.values()))


def _flat(nested: Any) -> list[Any]:
    return [leaf for each in nested for leaf in _flat(each)] if isinstance(nested, list) else [nested]


def _convolutional(kind: str, more: str = "") -> Network:
    return Network(f"mx.rnn.{kind}(input_shape=(1, 1, 4, 3), num_hidden=1{more})", image=True)


NETWORKS = {
    "rnn": Network("mx.rnn.RNNCell(3)"),
    "rnn_relu": Network("mx.rnn.RNNCell(3, activation='relu', prefix='relu_')"),
    "lstm": Network("mx.rnn.LSTMCell(3)"),
    "gru": Network("mx.rnn.GRUCell(3)"),
    "lstm_tnc": Network("mx.rnn.LSTMCell(3)", layout="TNC"),
    "conv_rnn": _convolutional("ConvRNNCell"),
    "conv_lstm": _convolutional("ConvLSTMCell"),
    "conv_gru": _convolutional("ConvGRUCell", ", activation='tanh'"),
    "fused_rnn": Network("mx.rnn.FusedRNNCell(3, mode='rnn_relu')"),
    "fused_lstm": Network("mx.rnn.FusedRNNCell(3, 2, mode='lstm', bidirectional=True, get_next_state=True)"),
    "fused_gru": Network("mx.rnn.FusedRNNCell(3, mode='gru', get_next_state=True)", layout="TNC"),
    "unfused": Network("mx.rnn.FusedRNNCell(3, 2, mode='gru', bidirectional=True).unfuse()"),
    "stack": Network("stack(mx.rnn.LSTMCell(3), mx.rnn.DropoutCell(0.0), mx.rnn.GRUCell(2), mx.rnn.RNNCell(3))"),
    "dropout": Network("stack(mx.rnn.RNNCell(3), mx.rnn.DropoutCell(0.3), mx.rnn.GRUCell(3))", random=True),
    "bidirectional": Network("mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(3), mx.rnn.GRUCell(2))"),
    "bidirectional_tnc": Network("mx.rnn.BidirectionalCell(mx.rnn.RNNCell(2), mx.rnn.GRUCell(2))", layout="TNC"),
    "residual": Network("stack(mx.rnn.GRUCell(3), mx.rnn.ResidualCell(mx.rnn.LSTMCell(3)))"),
    "zoneout": Network("mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(3), 0.2, 0.3)", random=True, own_masks=True),
    "nested": Network(
        "mx.rnn.BidirectionalCell(stack(mx.rnn.LSTMCell(3), mx.rnn.ResidualCell(mx.rnn.RNNCell(3))), "
        "mx.rnn.GRUCell(2), output_prefix='both_')"
    ),
}
"""By the name of their files."""
