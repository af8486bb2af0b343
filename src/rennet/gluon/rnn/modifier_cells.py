"""Cells around a cell, which change what it puts out or hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ... import ndarray, symbol
from ..._cells.compositions import count_of_states
from ..._cells.lengths import as_lengths, masked
from ..._cells.sequences import in_form, is_merged
from ..._cells.states import expect_states
from ..._cells.zoneout import zoned_step
from ...base import ArgumentError, NotSupportedError, expect, expect_rate
from ..parameter_dict import ParameterDict
from .containers import BidirectionalCell
from .recurrent_cell import HybridRecurrentCell, rows_of, world_of

__all__ = ["ModifierCell", "ResidualCell", "ZoneoutCell"]


class ModifierCell(HybridRecurrentCell):
    """Base of the cells that wrap another one and use its parameters.

    Once wrapped, the cell inside makes no begin states by itself: those of the cell around it are meant.

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The cell inside; one that has been wrapped before is refused.
    """

    def __init__(self, base_cell: HybridRecurrentCell) -> None:
        owner = type(self).__name__
        expect(f"{owner}: base_cell", base_cell, HybridRecurrentCell, "a hybrid cell")
        if base_cell._modified:
            raise ArgumentError(
                f"{owner}: base_cell: {base_cell.name} has been modified by another cell; wrap that one instead"
            )
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        base_cell._modified = True
        self.base_cell = base_cell

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_cell})"

    @property
    def params(self) -> ParameterDict:
        """The parameters of the cell inside."""
        return self.base_cell.params

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """That of the cell inside."""
        return self.base_cell.state_info(batch_size)

    @contextmanager
    def _laid_bare(self) -> Iterator[HybridRecurrentCell]:
        """The cell inside as if it were not wrapped."""
        self.base_cell._modified = False
        try:
            yield self.base_cell
        finally:
            self.base_cell._modified = True

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] | None = None, **kwargs: Any) -> list[Any]:
        """Those of the cell inside; see `RecurrentCell.begin_state`.

        By default they are arrays if there is a `batch_size`, and symbols if there is none.
        """
        self._expect_bare()
        if func is None:
            func = ndarray.zeros if batch_size else symbol.zeros
        with self._laid_bare() as cell:
            return cell.begin_state(batch_size=batch_size, func=func, **kwargs)


class Remembering(ModifierCell):
    """A modifier that keeps something from step to step, in the attributes that `_memory` lists, None before the first.

    Hybridized, the cell inside becomes a graph, and what stands around it stays Python; a network that unrolls the cell
    becomes one graph, memory included.
    """

    def reset(self) -> None:
        """See `RecurrentCell.reset`; what was kept is forgotten too."""
        super().reset()
        for name in self._memory:
            setattr(self, name, None)

    def _remembered(self, name: str, like: Any) -> Any:
        """What was kept, unless it comes from a graph and we compute with arrays, or the other way round."""
        value = getattr(self, name)
        return value if isinstance(value, type(like)) else None


class ZoneoutCell(Remembering):
    """Lets elements of a cell's states stay what they were, at random, in training.

    Where a state is also the cell's output (the hidden state of the plain cells, and that of the topmost cell of a
    stack), the two stay one: the output is the new hidden state, and one decision applies to both. Every other state
    has decisions of its own.

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The cell inside. A bidirectional one is refused: wrap the cells in it.
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
    >>> cell = mx.gluon.rnn.ZoneoutCell(mx.gluon.rnn.LSTMCell(50), zoneout_states=0.5)
    >>> cell.initialize()
    >>> outputs, states = cell.unroll(3, mx.nd.ones((2, 3, 10)), merge_outputs=True)
    >>> outputs.shape, cell
    ((2, 3, 50), ZoneoutCell(p_out=0.0, p_state=0.5, LSTMCell(10 -> 200)))
    """

    _memory = ("_prev_output",)
    _prev_output: Any

    def __init__(
        self,
        base_cell: HybridRecurrentCell,
        zoneout_outputs: float = 0.0,
        zoneout_states: float = 0.0,
        expectation: bool = False,
    ) -> None:
        expect_rate("ZoneoutCell: zoneout_outputs", zoneout_outputs)
        expect_rate("ZoneoutCell: zoneout_states", zoneout_states)
        if isinstance(base_cell, BidirectionalCell):
            raise NotSupportedError(
                "ZoneoutCell: base_cell: a BidirectionalCell cannot be stepped; wrap the cells inside it instead"
            )
        super().__init__(base_cell)
        self.zoneout_outputs, self.zoneout_states, self.expectation = zoneout_outputs, zoneout_states, expectation

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, {self.base_cell})"

    def _alias(self) -> str:
        return "zoneout"

    def state_rates(self) -> list[float]:
        """Around a plain cell, whose output is its hidden state: the probability for each of its states."""
        hidden = self.zoneout_outputs or self.zoneout_states
        return [hidden, *[self.zoneout_states] * (count_of_states(self) - 1)]

    def _is_itself(self) -> bool:
        """Does it do what this class does, and no subclass or attribute something else."""
        names = ("__call__", "forward", "hybrid_forward", "unroll")
        ours = all(getattr(type(self), name) is getattr(ZoneoutCell, name) for name in names)
        return ours and not self.__dict__.keys() & set(names)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        old = expect_states("ZoneoutCell", states, count_of_states(self))
        output, after = self.base_cell(inputs, old)
        new = expect_states(type(self.base_cell).__name__, after, len(old))
        before = self._remembered("_prev_output", output)
        rates = self.zoneout_outputs, self.zoneout_states
        self._prev_output, states = zoned_step(F, output, new, old, before, *rates, self.expectation)
        return self._prev_output, states


class ResidualCell(ModifierCell):
    """Adds a cell's inputs to its outputs; the two must be of one width.

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The cell inside.

    Notes
    -----
    Wu et al., Google's Neural Machine Translation System, 2016.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.rnn.ResidualCell(mx.gluon.rnn.GRUCell(4))
    >>> cell.initialize(mx.init.Zero())
    >>> outputs, _ = cell.unroll(2, mx.nd.ones((1, 2, 4)), merge_outputs=True)
    >>> outputs.asnumpy().tolist()
    [[[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]]
    """

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        output, states = self.base_cell(inputs, states)
        return F.elemwise_add(output, inputs, name=f"t{self._counter}_fwd"), states

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
        lengths = as_lengths(length, valid_length, inputs if is_merged(inputs) else inputs[0], rows_of(inputs, layout))
        how: dict[str, Any] = {"layout": layout, "merge_outputs": merge_outputs}
        if lengths is not None:
            how["valid_length"] = lengths
        with self._laid_bare() as cell:
            outputs, states = cell.unroll(length, inputs=inputs, begin_state=begin_state, **how)
        merge = is_merged(outputs)
        inputs = in_form(F, length, inputs, layout, merge, stacked=True)
        if lengths is not None:
            inputs = in_form(F, length, masked(F, length, inputs, layout, lengths), layout, merge)
        if merge:
            return F.elemwise_add(outputs, inputs), states
        return [F.elemwise_add(*pair) for pair in zip(outputs, inputs, strict=True)], states
