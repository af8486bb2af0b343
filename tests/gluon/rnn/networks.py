"""Cells unrolled in a HybridBlock, as snippets that both libraries run."""

from __future__ import annotations

from collections.abc import Sequence

PRELUDE = """
rnn, contrib = mx.gluon.rnn, mx.gluon.contrib.rnn


def stack(*cells):
    made = rnn.HybridSequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made


class Halving(rnn.HybridRecurrentCell):
    # a user's cell, whose output is no state
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self._size = size
        with self.name_scope():
            self.scale = self.params.get("scale", shape=(1, size), init="ones")

    def state_info(self, batch_size=0):
        return [{"shape": (batch_size, self._size), "__layout__": "NC"}]

    def hybrid_forward(self, F, inputs, states, scale):
        state = F.broadcast_mul(states[0] / 2 + inputs, scale)
        return F.tanh(state), [state]


class Unrolled(mx.gluon.HybridBlock):
    def __init__(self, cell, length, **how):
        super().__init__()
        self.cell, self._length, self._how = cell, length, how

    def hybrid_forward(self, F, inputs, lengths=None):
        # states are doubled because the executors of real MXNet
        # forget gradients of heads that are there twice
        how = {} if lengths is None else {"valid_length": lengths}
        outputs, states = self.cell.unroll(self._length, inputs, **self._how, **how)
        return outputs, [state * 2 for state in states]
"""

PLAIN = {
    "rnn": "rnn.RNNCell(3)",
    "rnn relu": "rnn.RNNCell(3, 'relu')",
    "rnn softrelu": "rnn.RNNCell(3, activation='softrelu')",
    "lstm": "rnn.LSTMCell(3)",
    "lstm other": "rnn.LSTMCell(3, activation='relu', recurrent_activation='softsign')",
    "gru": "rnn.GRUCell(3)",
    "user's": "Halving(4)",
}
"""Cells of every kind over inputs 4 wide."""

COMPOSED = {
    "stack": "stack(rnn.LSTMCell(3), rnn.GRUCell(2), rnn.RNNCell(3))",
    "residual": "rnn.ResidualCell(rnn.GRUCell(4))",
    "residual of user's": "rnn.ResidualCell(Halving(4))",
    "stack of residuals": "stack(rnn.LSTMCell(3), rnn.ResidualCell(rnn.LSTMCell(3)), rnn.ResidualCell(rnn.RNNCell(3)))",
    "residual of stack": "rnn.ResidualCell(stack(rnn.RNNCell(2), rnn.GRUCell(4)))",
    "zoneout": "rnn.ZoneoutCell(rnn.LSTMCell(3))",
    "zoneout of stack": "rnn.ZoneoutCell(stack(rnn.LSTMCell(3), rnn.DropoutCell(0.0), Halving(3)))",
}

BOTH_WAYS = {
    "bidirectional": "rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(2))",
    "of stacks": "rnn.BidirectionalCell(stack(rnn.LSTMCell(3), rnn.RNNCell(2)), rnn.RNNCell(1), output_prefix='b_')",
    "stack of them": (
        "stack(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)), "
        "rnn.BidirectionalCell(rnn.LSTMCell(2), rnn.RNNCell(2)))"
    ),
    "residual": "rnn.ResidualCell(rnn.BidirectionalCell(rnn.GRUCell(2), rnn.GRUCell(2)))",
    "user's": "stack(rnn.BidirectionalCell(Halving(4), rnn.ZoneoutCell(Halving(4))), Halving(8), rnn.LSTMCell(2))",
}

CONTRIB = {
    "lstmp": "contrib.LSTMPCell(5, 2)",
    "variational dropout": "contrib.VariationalDropoutCell(rnn.LSTMCell(3))",
}


def source_of(cell: str, length: int, **how: object) -> str:
    """A snippet that makes `block`: the cell, unrolled."""
    arguments = "".join(f", {name}={value!r}" for name, value in how.items())
    return f"{PRELUDE}\nblock = Unrolled({cell}, {length}{arguments})"


def shape_of(length: int, layout: str, width: int = 4, batch: int = 2) -> tuple[int, ...]:
    """The shape of a merged input."""
    return tuple({"T": length, "N": batch, "C": width}[axis] for axis in layout)


def steps_of(length: int, shape: Sequence[int] = (2, 4)) -> list[tuple[int, ...]]:
    """The shapes of the steps of an input that comes as a list."""
    return [tuple(shape)] * length
