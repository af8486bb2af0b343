"""Cells made of cells: stacked, and run both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import symbol
from .._cells.compositions import shares, step_in_turn, unroll_both_ways, unroll_in_turn
from ..base import ArgumentError, NotSupportedError, expect
from ..ndarray import NDArray
from ..symbol import Symbol
from .cell import BaseRNNCell, RNNParams
from .weights import Weights


class _Container(BaseRNNCell):
    """A cell that holds cells: their states one after another, their weights all together."""

    _cells: list[BaseRNNCell]

    def _hold(self, cell: BaseRNNCell, own_params: bool) -> None:
        if not isinstance(cell, BaseRNNCell):
            raise ArgumentError(f"{type(self).__name__}: expected a cell, got {type(cell).__name__}")
        if own_params:
            if not cell._own_params:
                raise ArgumentError(
                    f"{type(self).__name__}: give params to the container or to the cells in it, not to both"
                )
            cell._adopt(self._params)
        self._cells.append(cell)
        self._params._params.update(cell.params._params)

    def _adopt(self, params: RNNParams) -> None:
        super()._adopt(params)
        for cell in self._cells:
            cell._adopt(params)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The states of all cells, in order."""
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, func: Any = symbol.zeros, **kwargs: Any) -> list[Any]:
        """The begin states of all cells, in order."""
        if self._modified:
            return super().begin_state(func, **kwargs)
        return [state for cell in self._cells for state in cell.begin_state(func=func, **kwargs)]

    def unpack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """See `BaseRNNCell.unpack_weights`; every cell inside takes its own."""
        for cell in self._cells:
            args = cell.unpack_weights(args)
        return dict(args)

    def pack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """See `BaseRNNCell.pack_weights`; every cell inside takes its own."""
        for cell in self._cells:
            args = cell.pack_weights(args)
        return dict(args)


class SequentialRNNCell(_Container):
    """Cells stacked on each other: each works on the outputs of the one below.

    Parameters
    ----------
    params : RNNParams, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> stack = mx.rnn.SequentialRNNCell()
    >>> stack.add(mx.rnn.LSTMCell(num_hidden=5, prefix="l0_"))
    >>> stack.add(mx.rnn.GRUCell(num_hidden=4, prefix="l1_"))
    >>> outputs, states = stack.unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    >>> outputs.infer_shape(x=(2, 3, 6))[1]
    [(2, 3, 4)]
    """

    def __init__(self, params: RNNParams | None = None) -> None:
        self._override_cell_params = params is not None
        self._cells = []
        super().__init__(prefix="", params=params)

    def add(self, cell: BaseRNNCell) -> None:
        """Put a cell on top."""
        self._hold(cell, self._override_cell_params)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step of every cell in turn."""
        self._expect_bare()
        self._counter += 1
        return step_in_turn(self._cells, inputs, states)

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """See `BaseRNNCell.unroll`."""
        self._expect_bare()
        self.reset()
        states = self.begin_state() if begin_state is None else begin_state
        return unroll_in_turn(self._cells, length, inputs, states, layout, merge_outputs)


class BidirectionalCell(_Container):
    """One cell over the sequence forwards, another backwards, and their outputs concatenated.

    It can only be unrolled: the backward cell needs the whole sequence.

    Parameters
    ----------
    l_cell, r_cell : BaseRNNCell
        The cells that run forwards and backwards; of any kinds and sizes.
    params : RNNParams, optional
        Parameters to share.
    output_prefix : str
        Prefix of the outputs' names.

    Returns
    -------
    From `unroll`, the states are ``[states of l_cell, states of r_cell]``, and can be given back as `begin_state`.
    """

    def __init__(
        self,
        l_cell: BaseRNNCell,
        r_cell: BaseRNNCell,
        params: RNNParams | None = None,
        output_prefix: str = "bi_",
    ) -> None:
        self._cells = []
        super().__init__("", params=params)
        self._override_cell_params = params is not None
        self._output_prefix = expect("BidirectionalCell: output_prefix", output_prefix, str, "a string")
        for cell in (l_cell, r_cell):
            self._hold(cell, self._override_cell_params)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """Refused; see the class."""
        raise NotSupportedError(
            "BidirectionalCell cannot be stepped: its backward cell needs the whole sequence; use unroll"
        )

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """See `BaseRNNCell.unroll`."""
        self._expect_bare()
        self.reset()
        states = self.begin_state() if begin_state is None else begin_state
        return unroll_both_ways(symbol, self._cells, length, inputs, states, layout, merge_outputs, self._output_prefix)

    def merge_states(self, states: Any) -> list[Symbol]:
        """The final states of both directions side by side, to begin a cell of their joint width with.

        Parameters
        ----------
        states : list of two lists of Symbol
            As `unroll` returns them; the two cells must have as many states as each other.

        Returns
        -------
        list of Symbol
            Each state of `l_cell` ``(N, H)`` and the same one of `r_cell` ``(N, H')`` as one ``(N, H+H')``.

        Examples
        --------
        >>> import rennet as mx
        >>> encoder = mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(3, prefix="l_"), mx.rnn.LSTMCell(3, prefix="r_"))
        >>> _, states = encoder.unroll(4, mx.sym.Variable("x"))
        >>> decoder = mx.rnn.LSTMCell(6, prefix="d_")
        >>> outputs, _ = decoder.unroll(2, mx.sym.Variable("y"), begin_state=encoder.merge_states(states))
        >>> outputs[0].infer_shape(x=(2, 4, 5), y=(2, 2, 5))[1]
        [(2, 6)]
        """
        (_, left), (_, right) = shares(self._cells, states)
        if len(left) != len(right):
            raise ArgumentError(
                f"BidirectionalCell.merge_states: expected two cells with as many states as each other, "
                f"got {len(left)} and {len(right)}"
            )
        return [symbol.Concat(*pair, dim=1) for pair in zip(left, right, strict=True)]
