"""Cells around a cell, which change what it puts out or hands on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .. import symbol
from .._cells.compositions import add_residual, unroll_with_residual
from .._cells.states import expect_states
from .._cells.zoneout import zoned_step
from ..base import NotSupportedError, expect, expect_rate
from ..ndarray import NDArray
from ..symbol import Symbol
from .cell import BaseRNNCell, RNNParams
from .containers import BidirectionalCell, SequentialRNNCell
from .dropout_cell import DropoutCell
from .fused_cell import FusedRNNCell
from .weights import Weights


def _with_the_cell_bare(method: Callable[..., Any]) -> Callable[..., Any]:
    """A modifier's method, during which the cell inside can be used."""

    @functools.wraps(method)
    def run(self: ModifierCell, *args: Any, **kwargs: Any) -> Any:
        self._expect_bare()
        with self._laid_bare():
            return method(self, *args, **kwargs)

    return run


class ModifierCell(BaseRNNCell):
    """Base of the cells that wrap another one and use its parameters.

    Once wrapped, the cell inside neither steps nor makes begin states by itself: those of the cell around it are meant.
    A subclass may use `base_cell` freely in its `__call__`, `unroll` and `begin_state`.

    Parameters
    ----------
    base_cell : BaseRNNCell
        The cell inside.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # so that subclasses, those of users among them, need not know that the cell inside refuses to be used
        super().__init_subclass__(**kwargs)
        for name in ("__call__", "unroll", "begin_state"):
            if name in vars(cls):
                setattr(cls, name, _with_the_cell_bare(vars(cls)[name]))

    def __init__(self, base_cell: BaseRNNCell) -> None:
        self.base_cell = expect(f"{type(self).__name__}: base_cell", base_cell, BaseRNNCell, "a cell")
        super().__init__(prefix=base_cell._prefix, params=base_cell.params)
        base_cell._modified = True

    def reset(self) -> None:
        """See `BaseRNNCell.reset`; the cell inside is reset too."""
        super().reset()
        self.base_cell.reset()

    @property
    def params(self) -> RNNParams:
        """The parameters of the cell inside."""
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """That of the cell inside."""
        return self.base_cell.state_info

    @contextmanager
    def _laid_bare(self) -> Iterator[BaseRNNCell]:
        """The cell inside as if it were not wrapped."""
        before, self.base_cell._modified = self.base_cell._modified, False
        try:
            yield self.base_cell
        finally:
            self.base_cell._modified = before

    def begin_state(
        self, func: Callable[..., Symbol] = symbol.zeros, init_sym: Callable[..., Symbol] | None = None, **kwargs: Any
    ) -> list[Any]:
        """Those of the cell inside; `init_sym` is MXNet's other name of `func`."""
        if self._modified:
            return super().begin_state(func, **kwargs)
        with self._laid_bare() as cell:
            return cell.begin_state(func=func if init_sym is None else init_sym, **kwargs)

    def _adopt(self, params: RNNParams) -> None:
        self.base_cell._adopt(params)

    def unpack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """See `BaseRNNCell.unpack_weights`."""
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """See `BaseRNNCell.pack_weights`."""
        return self.base_cell.pack_weights(args)


class ResidualCell(ModifierCell):
    """Adds a cell's inputs to its outputs; the two must be of one width.

    Parameters
    ----------
    base_cell : BaseRNNCell
        The cell inside.

    Notes
    -----
    Wu et al., Google's Neural Machine Translation System, 2016.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.rnn.ResidualCell(mx.rnn.GRUCell(50, prefix="rnn_"))
    >>> outputs, _ = cell.unroll(2, mx.sym.Variable("x"))
    >>> [output.name for output in outputs]
    ['rnn_t0_out_plus_residual', 'rnn_t1_out_plus_residual']
    """

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        output, states = self.base_cell(inputs, states)
        return add_residual(symbol, output, inputs), states

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
        states = self.begin_state() if begin_state is None else begin_state
        return unroll_with_residual(symbol, self.base_cell, length, inputs, states, layout, merge_outputs)


class ZoneoutCell(ModifierCell):
    """Lets elements of a cell's states stay what they were, at random, in training.

    Where a state is also the cell's output (the hidden state of the plain cells), the two stay one: the output is the
    new hidden state, and one decision applies to both. Every other state has decisions of its own. Around a stack, a
    bidirectional cell or a residual cell it acts on each cell inside, as if each had been wrapped.

    Parameters
    ----------
    base_cell : BaseRNNCell
        The cell inside.
    zoneout_outputs : float
        Probability with which an element of the output stays as it was.
    zoneout_states : float
        The same for the states; for the one that is the output where `zoneout_outputs` is 0.
    expectation : bool
        In inference use the mean over all decisions, ``p*old + (1-p)*new``, as the paper does, instead of the new
        states alone, as MXNet does and as models trained with it expect.

    Notes
    -----
    Krueger et al., Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations, 2016.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(50), zoneout_states=0.5)
    >>> outputs, states = cell.unroll(3, mx.sym.Variable("x"), merge_outputs=True)
    >>> outputs.infer_shape(x=(2, 3, 10))[1]
    [(2, 3, 50)]
    """

    def __init__(
        self,
        base_cell: BaseRNNCell,
        zoneout_outputs: float = 0.0,
        zoneout_states: float = 0.0,
        expectation: bool = False,
    ) -> None:
        expect_rate("ZoneoutCell: zoneout_outputs", zoneout_outputs)
        expect_rate("ZoneoutCell: zoneout_states", zoneout_states)
        if isinstance(base_cell, FusedRNNCell):
            raise NotSupportedError(
                "ZoneoutCell: base_cell: a FusedRNNCell hides its steps; wrap cell.unfuse(), which takes its weights"
            )
        super().__init__(base_cell)
        self.zoneout_outputs, self.zoneout_states, self.expectation = zoneout_outputs, zoneout_states, expectation

    def reset(self) -> None:
        """See `BaseRNNCell.reset`; the last output is forgotten too."""
        super().reset()
        self._prev_output: Symbol | None = None
        self._spread: BaseRNNCell | None = None

    def _container(self) -> BaseRNNCell | None:
        """A container of zoned cells in place of a zoned container; None around a single cell."""
        if self._spread is None:
            inside = self.base_cell
            if isinstance(inside, SequentialRNNCell):
                self._spread = SequentialRNNCell()
                for cell in inside._cells:
                    self._spread.add(cell if isinstance(cell, DropoutCell) else self._around(cell))
            elif isinstance(inside, BidirectionalCell):
                left, right = (self._around(cell) for cell in inside._cells)
                self._spread = BidirectionalCell(left, right, output_prefix=inside._output_prefix)
            elif isinstance(inside, ResidualCell):
                self._spread = ResidualCell(self._around(inside.base_cell))
        return self._spread

    def _around(self, cell: BaseRNNCell) -> ZoneoutCell:
        return ZoneoutCell(cell, self.zoneout_outputs, self.zoneout_states, self.expectation)

    def begin_state(
        self, func: Callable[..., Symbol] = symbol.zeros, init_sym: Callable[..., Symbol] | None = None, **kwargs: Any
    ) -> list[Any]:
        """See `ModifierCell.begin_state`."""
        container = None if self._modified else self._container()
        if container is None:
            return super().begin_state(func, init_sym, **kwargs)
        return container.begin_state(func=func if init_sym is None else init_sym, **kwargs)

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step; see `BaseRNNCell.__call__`."""
        container = self._container()
        if container is not None:
            return container(inputs, states)
        old = expect_states("ZoneoutCell", states, len(self.state_info))
        output, after = self.base_cell(inputs, old)
        new = expect_states(type(self.base_cell).__name__, after, len(old))
        rates = self.zoneout_outputs, self.zoneout_states
        output, states = zoned_step(symbol, output, new, old, self._prev_output, *rates, self.expectation)
        self._prev_output = output
        return output, states

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
        container = self._container()
        if container is None or (isinstance(container, ResidualCell) and _can_be_stepped(container)):
            # a residual cell is unrolled step by step too, so that its merged outputs have MXNet's name
            return super().unroll(length, inputs, begin_state, layout, merge_outputs)
        return container.unroll(length, inputs, begin_state, layout, merge_outputs)


def _can_be_stepped(cell: BaseRNNCell) -> bool:
    """Whether no cell inside needs the whole sequence."""
    inside = [cell.base_cell] if isinstance(cell, ModifierCell) else getattr(cell, "_cells", [])
    return not isinstance(cell, BidirectionalCell) and all(_can_be_stepped(each) for each in inside)
