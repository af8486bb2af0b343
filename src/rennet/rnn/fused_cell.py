"""The fused cell: several layers in one operator, with all parameters in one vector."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from .. import initializer, symbol
from .._cells.sequences import as_merged, in_form, time_axis
from .._cells.states import expect_states
from .._recurrence.layout import Layout, Part
from .._recurrence.modes import MODES
from ..base import (
    ArgumentError,
    NotSupportedError,
    ShapeError,
    expect,
    expect_number,
    expect_rate,
    expect_whole,
    one_of,
)
from ..ndarray import NDArray, concatenate
from ..symbol import Symbol
from .basic_cells import GRUCell, LSTMCell, RNNCell
from .cell import BaseRNNCell, RNNParams
from .containers import BidirectionalCell, SequentialRNNCell
from .dropout_cell import DropoutCell
from .weights import FIELD, Weights, expect_weights, refuse_leftovers, take_weight


class FusedRNNCell(BaseRNNCell):
    """Layers of RNN, LSTM or GRU over a whole sequence in one operator.

    Parameters
    ----------
    num_hidden : int
        Units of each layer and direction.
    num_layers : int
        Layers.
    mode : str
        ``'rnn_relu'``, ``'rnn_tanh'``, ``'lstm'`` or ``'gru'``.
    bidirectional : bool
        Run every layer both ways; outputs are twice as wide.
    dropout : float
        Dropout on the outputs of every layer but the last, in training.
    get_next_state : bool
        Whether `unroll` returns the final states; an empty list otherwise.
    forget_bias : float
        What an LSTM's forget gates' biases are initialised to.
    prefix : str, optional
        Prefix of names; ``lstm_`` and so on by default.
    params : RNNParams, optional
        Parameters to share: ``parameters``, one vector (see `rennet._recurrence.layout`).

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.rnn.FusedRNNCell(num_hidden=5, num_layers=2, mode="lstm", dropout=0.2)
    >>> outputs, _ = cell.unroll(3, mx.sym.Variable("x"), merge_outputs=True, layout="TNC")
    >>> outputs.list_outputs(), outputs.infer_shape(x=(3, 2, 4))[0][1]
    (['lstm_rnn_output'], (460,))
    """

    def __init__(
        self,
        num_hidden: int,
        num_layers: int = 1,
        mode: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        get_next_state: bool = False,
        forget_bias: float = 1.0,
        prefix: str | None = None,
        params: RNNParams | None = None,
    ) -> None:
        one_of("FusedRNNCell: mode", mode, MODES)
        expect_whole("FusedRNNCell: num_hidden", num_hidden, 1)
        expect_whole("FusedRNNCell: num_layers", num_layers, 1)
        expect_rate("FusedRNNCell: dropout", dropout)
        expect_number("FusedRNNCell: forget_bias", forget_bias)
        for flag, value in (("bidirectional", bidirectional), ("get_next_state", get_next_state)):
            expect(f"FusedRNNCell: {flag}", value, (bool, np.bool_, Integral), "True or False")
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden, self._num_layers, self._mode = num_hidden, num_layers, mode
        self._bidirectional, self._dropout, self._get_next_state = bidirectional, dropout, get_next_state
        self._forget_bias = forget_bias
        self._layout = Layout(mode, num_hidden, num_layers, bidirectional)
        init = initializer.FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._params.get("parameters", init=init)

    @property
    def _parameter(self) -> Symbol:
        return self._params.get("parameters")

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Each state is ``(num_layers*directions, N, num_hidden)``."""
        shape = (self._num_layers * self._layout.directions, 0, self._num_hidden)
        return [{"shape": shape, "__layout__": "LNC"} for _ in range(MODES[self._mode].states)]

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return MODES[self._mode].gates

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    def unpack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """The vector cut into the matrices and biases of each layer, direction and gate, as `unfuse`'s cells unpack."""
        args = expect_weights("unpack_weights", args)
        prefix = self._weights_prefix
        if f"{prefix}parameters" not in args and prefix + self._first_weight in args:
            return args  # done already, by a cell that shares these parameters
        vector = take_weight(args, f"{prefix}parameters", "unpack_weights")
        input_size = self._layout.input_size(vector.size)
        if input_size is None:
            raise ShapeError(f"{prefix}parameters: {vector.size} elements fit no input size of {self._layout}")
        for part in self._parts(input_size):
            args[prefix + part.name] = vector[part.offset : part.offset + part.size].copy().reshape(part.shape)
        return args

    def pack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """The reverse of `unpack_weights`."""
        args = expect_weights("pack_weights", args)
        prefix = self._weights_prefix
        if f"{prefix}parameters" in args and prefix + self._first_weight not in args:
            return args  # done already, by a cell that shares these parameters
        names = [prefix + part.name for part in self._parts(0)]
        own = re.compile(re.escape(prefix) + rf"(?P<cell>[lr]\d+)_{FIELD}")
        found = [match for match in map(own.fullmatch, args) if match is not None] if prefix else []
        sides = self._both_sides({match["cell"] for match in found})
        extra = {match[0]: match["gate"] for match in found} if prefix else {}
        for name in names:
            extra.pop(name, None)
        if names[0] in args or any(extra.values()):  # else they are whole matrices, of which the next line tells
            refuse_leftovers(
                str(self._layout), extra, f"were they trained with another mode, layers or directions?{sides}"
            )
        input_size = take_weight(dict(args), names[0], "pack_weights").shape[1]
        missing = [name for name in names if name not in args]
        if missing and sides:
            raise ArgumentError(f"pack_weights: expected a parameter {missing[0]!r}, found none.{sides}")
        flat = []
        for part in self._parts(input_size):
            weight = take_weight(args, prefix + part.name, "pack_weights")
            if weight.shape != part.shape:
                raise ShapeError(f"pack_weights: {prefix}{part.name}: expected shape {part.shape}, got {weight.shape}")
            flat.append(weight.reshape((-1,)))
        args[f"{prefix}parameters"] = concatenate(flat)
        return args

    def _both_sides(self, given: set[str]) -> str:
        """How many layers and directions the cell and the weights have, if they are of different ones."""
        own = {slot.cell for slot in self._layout.slots(0)}
        if not given or given == own:
            return ""
        ours, theirs = (
            f"{_counted(len({cell[1:] for cell in cells}), 'layer')} in "
            f"{_counted(len({cell[0] for cell in cells}), 'direction')}"
            for cells in (own, given)
        )
        return f" The cell has {ours}, the weights {theirs}"

    @property
    def _first_weight(self) -> str:
        """The parameter that tells the input size."""
        return f"l0_i2h{self._gate_names[0]}_weight"

    def _parts(self, input_size: int) -> Iterator[Part]:
        return (part for slot in self._layout.slots(input_size) for part in slot.parts())

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step: a sequence of length 1.

        The final states are returned whatever `get_next_state` says; without them a step would be of no use.

        Raises
        ------
        NotSupportedError
            If the cell is bidirectional: its backward direction needs the whole sequence.
        """
        if self._bidirectional:
            raise NotSupportedError(
                "FusedRNNCell with bidirectional=True cannot be stepped: its backward direction needs the whole "
                "sequence; use unroll"
            )
        self._counter += 1
        data = symbol.expand_dims(inputs, axis=0)
        output, states = self._apply(data, states, True, f"{self._prefix}t{self._counter}_rnn")
        return symbol.Reshape(output, shape=(-3, 0)), states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """See `BaseRNNCell.unroll`."""
        self.reset()
        one_of("FusedRNNCell.unroll: layout", layout, ("NTC", "TNC"))
        data = as_merged(symbol, length, inputs, layout)
        batch_first = time_axis(layout) == 1
        if batch_first:
            data = symbol.swapaxes(data, dim1=0, dim2=1)
        states = self.begin_state() if begin_state is None else begin_state
        output, states = self._apply(data, states, self._get_next_state, f"{self._prefix}rnn")
        if batch_first:
            output = symbol.swapaxes(output, dim1=0, dim2=1)
        return in_form(symbol, length, output, layout, merge_outputs), states

    def _apply(self, data: Symbol, states: Any, state_outputs: bool, name: str) -> tuple[Symbol, list[Any]]:
        self._expect_bare()
        names = ("state", "state_cell")[: MODES[self._mode].states]
        states = expect_states("FusedRNNCell", states, len(names))
        rnn = symbol.RNN(
            data=data,
            parameters=self._parameter,
            state_size=self._num_hidden,
            num_layers=self._num_layers,
            bidirectional=self._bidirectional,
            p=self._dropout,
            state_outputs=state_outputs,
            mode=self._mode,
            name=name,
            attr={"__layout__": "LNC"},  # the batch is axis 1 of every output: several devices join theirs along it
            **dict(zip(names, states, strict=True)),
        )
        return (rnn[0], list(rnn)[1:]) if state_outputs else (rnn, [])

    def unfuse(self) -> SequentialRNNCell:
        """The same network as a stack of plain cells, whose parameters have the names that unpacking gives."""

        def cell(name: str) -> BaseRNNCell:
            prefix = f"{self._prefix}{name}_"
            # parameters of another cell keep its prefix
            params = None if self._weights_prefix == self._prefix else RNNParams(f"{self._weights_prefix}{name}_")
            if self._mode == "lstm":
                return LSTMCell(self._num_hidden, prefix, params, self._forget_bias)
            if self._mode == "gru":
                return GRUCell(self._num_hidden, prefix, params)
            return RNNCell(self._num_hidden, MODES[self._mode].squash, prefix, params)

        stack = SequentialRNNCell()
        for layer in range(self._num_layers):
            if self._bidirectional:
                pair = cell(f"l{layer}"), cell(f"r{layer}")
                stack.add(BidirectionalCell(*pair, output_prefix=f"{self._prefix}bi_l{layer}_"))
            else:
                stack.add(cell(f"l{layer}"))
            if self._dropout > 0 and layer != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}dropout{layer}_"))
        return stack


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
