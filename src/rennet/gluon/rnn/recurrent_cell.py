"""What every cell of Gluon is: stepped by a call, unrolled over a sequence, with states to begin with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ... import ndarray, symbol
from ..._cells.gated import activate
from ..._cells.lengths import as_lengths, last_states, masked
from ..._cells.sequences import as_steps, expect_steps, in_form, is_merged, time_axis
from ..._collector import paused_collector
from ..._dtypes import element_type
from ...base import ArgumentError, NotSupportedError, expect_call, expect_whole
from ...ndarray import NDArray
from ...symbol import Symbol
from ..block import Block
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict
from .at_once import plain_cells, unroll_at_once

__all__ = ["HybridRecurrentCell", "RecurrentCell"]


class RecurrentCell(Block):
    """A recurrent cell.

    A cell is called to make one step, or unrolled over a sequence. A subclass says what its states are (`state_info`)
    and makes a step (`forward`, or ``hybrid_forward`` in a `HybridRecurrentCell`).

    Parameters
    ----------
    prefix : str, optional
        Put before the names of parameters and steps; what the cell is called and a number by default.
    params : ParameterDict, optional
        Parameters to share: those of another cell's ``params``.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Forget what was kept from step to step, here and in every cell inside, before a new sequence begins."""
        self._init_counter = -1
        self._counter = -1
        _reset_inside(self)

    @property
    def _curr_prefix(self) -> str:
        """What the names of the current step begin with."""
        return f"{self._prefix}t{self._counter}_"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Shape and layout of each state.

        Parameters
        ----------
        batch_size : int
            First number of the shapes; 0 where it is to be inferred.
        """
        raise NotSupportedError(
            f"{type(self).__name__}: a cell must define state_info(batch_size=0): a list with a dict such as "
            "{'shape': (batch_size, hidden_size), '__layout__': 'NC'} for each state"
        )

    def _expect_bare(self) -> None:
        """Refuse to work while another cell stands around this one and is meant in its place."""
        if self._modified:
            raise ArgumentError(
                f"{type(self).__name__} has been modified by another cell (such as ZoneoutCell); "
                "call that one, not the cell inside"
            )

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:
        """States to begin a sequence with, in one flat list.

        Parameters
        ----------
        batch_size : int
            Sequences in the batch; arrays need it, for symbols 0 stands for what will be inferred.
        func : callable
            Makes each state: `nd.zeros`, `nd.ones`, or for a graph `sym.zeros`, or `sym.var` to feed it.
        **kwargs
            Passed on to `func`, with the state's name and shape: ``ctx``, ``dtype``, and so on.

        Raises
        ------
        ArgumentError
            If another cell has been put around this one, or `batch_size` is no number of sequences.
        """
        self._expect_bare()
        owner = f"{type(self).__name__}.begin_state"
        expect_call(f"{owner}: func", func, "such as mx.nd.zeros or mx.sym.zeros")
        states = []
        for info in self.state_info(batch_size):
            if func is ndarray.zeros and not batch_size:
                raise ArgumentError(
                    f"{owner}: batch_size: expected how many sequences there are, got {batch_size!r}; "
                    "func=mx.sym.zeros makes symbols, whose batch is inferred"
                )
            expect_whole(f"{owner}: batch_size", batch_size, 0)
            self._init_counter += 1
            name = f"{self._prefix}begin_state_{self._init_counter}"
            states.append(func(name=name, **{**(info or {}), **kwargs}))
        return states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """The cell over a sequence.

        Parameters
        ----------
        length : int
            Number of steps.
        inputs : NDArray, Symbol or list of them
            One with a time axis by `layout`, or a list of steps ``(N, I)``.
        begin_state : list of NDArray or Symbol, optional
            States to begin with, or a single one; zeros by default, on the inputs' device and of their type.
        layout : str
            ``'NTC'`` or ``'TNC'``.
        merge_outputs : bool, optional
            True for one output with a time axis, False for a list of steps, None for whichever comes naturally.
        valid_length : NDArray, Symbol, NumPy array or list, optional
            ``(N,)``, numbers of any type: how many steps of each sequence are no padding. Outputs past them are 0, and
            the states are those after the last step that counts.

        Returns
        -------
        outputs : NDArray, Symbol or list of them
            The outputs of all steps.
        states : list of NDArray or Symbol
            The states after the last step.

        Raises
        ------
        ArgumentError, ShapeError
            If `length`, `inputs` and `valid_length` contradict each other.
        """
        self.reset()
        F = world_of(inputs)
        expect_steps(length, inputs, layout)
        states = begin_of(self, F, begin_state, inputs, layout)
        first = inputs if is_merged(inputs) else inputs[0]
        lengths = as_lengths(length, valid_length, first, rows_of(inputs, layout))
        plain = plain_cells([self], inputs, layout)
        if plain is not None:
            return unroll_at_once(plain, length, inputs, states, layout, merge_outputs, lengths)
        steps = as_steps(F, length, inputs, layout)
        history = [states]
        outputs = []
        with paused_collector() if F is symbol else nullcontext():
            for step in steps:
                output, states = self(step, states)
                outputs.append(output)
                history.append(states)
        if lengths is None:
            return in_form(F, length, outputs, layout, merge_outputs, stacked=True), states
        states = last_states(F, history, lengths, f"{self._prefix}valid_states")
        outputs = masked(F, length, outputs, layout, lengths)
        return in_form(F, length, outputs, layout, merge_outputs), states

    def forward(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step.

        Parameters
        ----------
        inputs : NDArray or Symbol
            ``(N, I)``.
        states : list of NDArray or Symbol
            The states from the step before, or from `begin_state`; one that is alone needs no list.

        Returns
        -------
        output : NDArray or Symbol
            ``(N, H)``.
        states : list of NDArray or Symbol
            The states after the step.
        """
        self._counter += 1
        return super().forward(inputs, listed(states))

    def _get_activation(self, F: Any, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        """An activation by name, as a Block or as a function; for cells written by users."""
        return activation(inputs) if isinstance(activation, Block) else activate(F, inputs, activation, **kwargs)


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """A recurrent cell that can be turned into a graph.

    A subclass computes a step in ``hybrid_forward(F, inputs, states, ...)``, which returns the output and the list of
    new states.

    Examples
    --------
    >>> import rennet as mx
    >>> class Sum(mx.gluon.rnn.HybridRecurrentCell):
    ...     def state_info(self, batch_size=0):
    ...         return [{"shape": (batch_size, 2), "__layout__": "NC"}]
    ...     def hybrid_forward(self, F, inputs, states):
    ...         total = inputs + states[0]
    ...         return total, [total]
    >>> outputs, states = Sum().unroll(3, mx.nd.ones((1, 3, 2)), merge_outputs=True, valid_length=[2])
    >>> outputs.asnumpy().tolist(), states[0].asnumpy().tolist()
    ([[[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]], [[2.0, 2.0]])
    """

    _memory: tuple[str, ...] = ()
    """Attributes that are kept from one step to the next, so that a graph of one step must not hold the cell."""

    def forward(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        if not (self._active and isinstance(inputs, NDArray) and _remembers(self)):
            return super().forward(inputs, states)
        states = listed(states)
        if self._counter == -1 and not self._cached_graph:
            self._get_graph(inputs, states)  # to be exported, though it is not run
            self.reset()
        self._counter += 1
        with inputs.context:
            return self._imperatively(inputs.context, inputs, states)


def _remembers(block: Block) -> bool:
    """Does it, or anything inside, keep something from one step to the next."""
    return bool(getattr(block, "_memory", ())) or any(_remembers(child) for child in block._children.values())


def world_of(inputs: Any) -> Any:
    """``nd`` or ``sym``, by what the inputs are."""
    first = inputs if is_merged(inputs) or not isinstance(inputs, list | tuple) or not inputs else inputs[0]
    return symbol if isinstance(first, Symbol) else ndarray


def rows_of(inputs: Any, layout: str) -> int:
    """How many sequences there are in arrays, merged or step by step; 0 for symbols, where it is inferred."""
    first = inputs if is_merged(inputs) else inputs[0]
    if not isinstance(first, NDArray):
        return 0
    return first.shape[layout.index("N") if first is inputs else 0]


def begin_of(cell: RecurrentCell, F: Any, begin_state: Any, inputs: Any, layout: str) -> list[Any]:
    """The states that were given, or zeros where the inputs are and of their type."""
    if begin_state is not None:
        return listed(begin_state)
    time_axis(layout)
    first = inputs if is_merged(inputs) else inputs[0]
    if F is symbol:
        # the type is not known yet, except as that of the parameters
        kinds = [element_type(each.dtype) for each in cell.collect_params().values()]
        return cell.begin_state(func=F.zeros, batch_size=0, **_unless_float32(kinds[0] if kinds else None))
    rows = rows_of(inputs, layout)
    with first.context:
        kind = element_type(first.dtype)
        return cell.begin_state(func=F.zeros, batch_size=rows, **_unless_float32(kind))


def _unless_float32(kind: Any) -> dict[str, Any]:
    """Nothing where zeros are of that type anyway, for cells of users whose `begin_state` takes no ``dtype``."""
    return {} if kind is None or kind.name == "float32" or not kind.torch.is_floating_point else {"dtype": kind.name}


def listed(states: Any) -> list[Any]:
    """States as a list: a single one, or several in one symbol, come without."""
    return list(states) if isinstance(states, list | tuple | Symbol) else [states]


def _reset_inside(block: Block) -> None:
    for child in block._children.values():
        if isinstance(child, RecurrentCell):
            child.reset()
        else:
            _reset_inside(child)
