"""Unrolling a cell by a loop of the graph, over as many steps as the inputs turn out to have."""

from __future__ import annotations

from typing import Any

from ...._cells.lengths import as_lengths
from ...._cells.sequences import as_merged, time_axis
from ....base import expect_rate
from ...rnn.recurrent_cell import RecurrentCell, listed, rows_of, world_of

__all__ = ["dynamic_unroll"]


def dynamic_unroll(
    cell: RecurrentCell,
    inputs: Any,
    begin_state: Any,
    drop_inputs: float = 0,
    drop_outputs: float = 0,
    layout: str = "TNC",
    valid_length: Any = None,
) -> tuple[Any, list[Any]]:
    """A cell over a sequence, as one operator `contrib.foreach`, whose length need not be known.

    Parameters
    ----------
    cell : RecurrentCell
        The cell. In a graph it must not be one that remembers something from step to step (`VariationalDropoutCell`):
        the loop's body is the same for each step.
    inputs : NDArray or Symbol
        With a time axis by `layout`.
    begin_state : list of NDArray or Symbol
        States to begin with.
    drop_inputs, drop_outputs : float
        Dropout on inputs and outputs in training, with one mask for all steps.
    layout : str
        ``'TNC'`` or ``'NTC'``; the first needs no transposing.
    valid_length : NDArray, Symbol, NumPy array or list, optional
        ``(N,)``, numbers of any type: how many steps of each sequence are no padding. Outputs past them are 0, and the
        states are those after the last step that counts.

    Returns
    -------
    outputs : NDArray or Symbol
        As the inputs, with the outputs' width.
    states : list of NDArray or Symbol
        The states after the last step.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.LSTMCell(5)
    >>> cell.initialize()
    >>> states = [mx.nd.zeros((2, 5)) for _ in range(2)]
    >>> outputs, states = dynamic_unroll(cell, mx.nd.ones((3, 2, 4)), states, valid_length=mx.nd.array([2, 3]))
    >>> outputs.shape, outputs[2, 0].asnumpy().tolist()
    ((3, 2, 5), [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    expect_rate("dynamic_unroll: drop_inputs", drop_inputs)
    expect_rate("dynamic_unroll: drop_outputs", drop_outputs)
    F, axis = world_of(inputs), time_axis(layout)
    inputs = as_merged(F, None, inputs, layout, stacked=True)
    states = listed(begin_state)
    lengths = as_lengths(None, valid_length, inputs, rows_of(inputs, layout))

    def turned(data: Any) -> Any:
        return data if axis == 0 else F.swapaxes(data, dim1=0, dim2=axis)

    inputs = turned(inputs)
    if drop_inputs:
        inputs = F.Dropout(inputs, p=drop_inputs, axes=(0,))
    if lengths is None:
        outputs, states = F.contrib.foreach(cell, inputs, states)
    else:
        counts = F.Cast(lengths, dtype="float32")

        def step(data: Any, before: Any) -> tuple[Any, list[Any]]:
            *old, t = before
            output, after = cell(data, old)
            goes_on = F.broadcast_greater(counts, t)
            kept = [F.where(goes_on, *pair) for pair in zip(listed(after), old, strict=True)]
            return output, [*kept, t + 1]

        outputs, (*states, _) = F.contrib.foreach(step, inputs, [*states, F.zeros((1,))])
    if drop_outputs:
        outputs = F.Dropout(outputs, p=drop_outputs, axes=(0,))
    outputs = turned(outputs)
    if lengths is not None:
        outputs = F.SequenceMask(outputs, sequence_length=lengths, use_sequence_length=True, axis=axis)
    return outputs, states
