"""Cells made of cells: stacked, and run both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ... import ndarray
from ..._cells.compositions import shares, step_in_turn, unroll_in_turn
from ..._cells.lengths import as_lengths, backwards, masked
from ..._cells.sequences import as_merged, as_steps, expect_steps, in_form, is_merged
from ..._state import flags
from ...base import NotSupportedError, expect
from ..block import _indented
from ..parameter_dict import ParameterDict
from .at_once import plain_cells, unroll_at_once
from .recurrent_cell import HybridRecurrentCell, RecurrentCell, begin_of, rows_of, world_of

__all__ = ["BidirectionalCell", "HybridSequentialRNNCell", "SequentialRNNCell"]


class _Container(RecurrentCell):
    """A cell that holds cells: their states one after another, in one flat list."""

    def _cells(self) -> list[Any]:
        return [cell for cell in self._children.values() if isinstance(cell, RecurrentCell)]

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of all cells, in order."""
        return [info for cell in self._cells() for info in cell.state_info(batch_size)]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:
        """The begin states of all cells, in order; see `RecurrentCell.begin_state`."""
        self._expect_bare()
        states = []
        for cell in self._cells():
            states.extend(cell.begin_state(batch_size=batch_size, func=func, **kwargs))
        return states


class _Stack(_Container):
    """What the two kinds of stacks have in common."""

    def __repr__(self) -> str:
        inside = "\n".join(f"({place}): {_indented(repr(cell))}" for place, cell in self._children.items())
        return f"{type(self).__name__}(\n{inside}\n)"

    def add(self, cell: RecurrentCell) -> None:
        """Put a cell on top."""
        self.register_child(expect(f"{type(self).__name__}.add: cell", cell, RecurrentCell, "a cell"))

    def __getitem__(self, place: int) -> Any:
        return list(self._children.values())[place]

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._children.values())

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """See `RecurrentCell.unroll`."""
        self.reset()
        F = world_of(inputs)
        inputs = in_form(F, length, inputs, layout, None)
        states = begin_of(self, F, begin_state, inputs, layout)
        how: dict[str, Any] = {} if valid_length is None else {"valid_length": valid_length}
        if F is ndarray and flags.fusing:
            how["between"] = True  # cells that are unrolled at once have it in one piece anyway
        return unroll_in_turn(self._cells(), length, inputs, states, layout, merge_outputs, **how)


class SequentialRNNCell(_Stack):
    """Cells stacked on each other: each works on the outputs of the one below.

    Parameters
    ----------
    prefix : str, optional
        Prefix of names.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> model = mx.gluon.rnn.SequentialRNNCell()
    >>> with model.name_scope():
    ...     model.add(mx.gluon.rnn.LSTMCell(20))
    ...     model.add(mx.gluon.rnn.LSTMCell(20))
    >>> model.initialize()
    >>> states = model.begin_state(batch_size=32)
    >>> inputs = mx.nd.random.uniform(shape=(5, 32, 10))
    >>> outputs = []
    >>> for i in range(5):
    ...     output, states = model(inputs[i], states)
    ...     outputs.append(output)
    >>> outputs[4].shape, len(states), len(model), model[0]
    ((32, 20), 4, 2, LSTMCell(10 -> 80))
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def forward(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step of every cell in turn."""
        self._counter += 1
        return step_in_turn(self._cells(), inputs, states)


class HybridSequentialRNNCell(_Stack, HybridRecurrentCell):
    """A `SequentialRNNCell` of hybrid cells, which can be part of a `HybridBlock`.

    Parameters
    ----------
    prefix : str, optional
        Prefix of names.
    params : ParameterDict, optional
        Parameters to share.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step of every cell in turn."""
        return step_in_turn(self._cells(), inputs, states)


class BidirectionalCell(_Container, HybridRecurrentCell):
    """One cell over the sequence forwards, another backwards, and their outputs concatenated.

    It can only be unrolled: the backward cell needs the whole sequence. With `valid_length` the backward cell begins at
    each sequence's last step that is no padding.

    Parameters
    ----------
    l_cell, r_cell : HybridRecurrentCell
        The cells that run forwards and backwards; of any kinds and sizes.
    output_prefix : str
        Prefix of the outputs' names.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.BidirectionalCell(mx.gluon.rnn.LSTMCell(3), mx.gluon.rnn.GRUCell(2))
    >>> cell.initialize()
    >>> outputs, states = cell.unroll(4, mx.nd.ones((2, 4, 6)), merge_outputs=True, valid_length=[4, 1])
    >>> outputs.shape, [state.shape for state in states]
    ((2, 4, 5), [(2, 3), (2, 3), (2, 2)])
    """

    def __init__(self, l_cell: HybridRecurrentCell, r_cell: HybridRecurrentCell, output_prefix: str = "bi_") -> None:
        super().__init__(prefix="", params=None)
        for name, cell in (("l_cell", l_cell), ("r_cell", r_cell)):
            self.register_child(expect(f"BidirectionalCell: {name}", cell, RecurrentCell, "a cell"), name)
        self._output_prefix = expect("BidirectionalCell: output_prefix", output_prefix, str, "a string")

    def __repr__(self) -> str:
        left, right = self._children.values()
        return f"{type(self).__name__}(forward={left}, backward={right})"

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """Refused; see the class."""
        raise NotSupportedError(
            f"{type(self).__name__} cannot be stepped: its backward cell needs the whole sequence; use unroll"
        )

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """See `RecurrentCell.unroll`."""
        self.reset()
        F = world_of(inputs)
        expect_steps(length, inputs, layout)
        first = inputs if is_merged(inputs) else inputs[0]
        lengths = as_lengths(length, valid_length, first, rows_of(inputs, layout))
        states = begin_of(self, F, begin_state, inputs, layout)
        plain = plain_cells(self._cells(), inputs, layout)
        if plain is not None:
            return unroll_at_once(plain, length, inputs, states, layout, merge_outputs, lengths)
        steps = as_steps(F, length, inputs, layout)
        turned = backwards(F, steps, lengths)
        how: dict[str, Any] = {"layout": layout} if lengths is None else {"layout": layout, "valid_length": lengths}
        (left, l_states), (right, r_states) = shares(self._cells(), states)
        l_out, l_after = left.unroll(length, inputs=steps, begin_state=l_states, merge_outputs=merge_outputs, **how)
        r_out, r_after = right.unroll(length, inputs=turned, begin_state=r_states, merge_outputs=False, **how)
        r_out = backwards(F, r_out, lengths)
        if is_merged(l_out) if merge_outputs is None else merge_outputs:
            both = [as_merged(F, length, out, layout, stacked=True) for out in (l_out, r_out)]
            outputs = F.concat(*both, dim=2, name=f"{self._output_prefix}out")
        else:
            pairs = zip(as_steps(F, length, l_out, layout), r_out, strict=True)
            outputs = [F.concat(*pair, dim=1, name=f"{self._output_prefix}t{t}") for t, pair in enumerate(pairs)]
        if lengths is not None:
            merge = is_merged(outputs)
            outputs = in_form(F, length, masked(F, length, outputs, layout, lengths), layout, merge)
        return outputs, [*l_after, *r_after]
