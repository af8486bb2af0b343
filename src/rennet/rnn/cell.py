"""What every symbolic cell is: parameters, states, stepping, unrolling, and the two forms of its weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import symbol
from .._cells.gated import activate
from .._cells.sequences import as_steps, in_form
from .._collector import paused_collector
from ..base import ArgumentError, NotSupportedError, ShapeError, expect, expect_call
from ..ndarray import NDArray, concatenate
from ..symbol import Symbol
from .weights import FIELD, Weights, expect_rows, expect_weights, refuse_leftovers, take_weight, why_other_rows


class RNNParams:
    """Holds the variables of one or more cells, so that cells can share them.

    Parameters
    ----------
    prefix : str
        Put before the name of every variable made here.

    Examples
    --------
    >>> params = RNNParams("enc_")
    >>> params.get("i2h_weight").name, params.get("i2h_weight") is params.get("i2h_weight")
    ('enc_i2h_weight', True)
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = expect("RNNParams: prefix", prefix, str, "a string")
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """The variable `name`, made with `kwargs` (those of `symbol.Variable`) if there is none yet."""
        full = self._prefix + expect("RNNParams.get: name", name, str, "a string")
        if full not in self._params:
            self._params[full] = symbol.Variable(full, **kwargs)
        return self._params[full]


class BaseRNNCell:
    """A recurrent cell in symbolic form.

    A cell is called to make one step, or unrolled over a sequence. A subclass says what its states are
    (`state_info`) and makes a step (`__call__`).

    Parameters
    ----------
    prefix : str
        Put before the names of parameters, steps and begin states.
    params : RNNParams, optional
        Where the parameters come from; made afresh, with `prefix`, if None.
    """

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        owner = type(self).__name__
        self._own_params = params is None
        self._prefix = expect(f"{owner}: prefix", prefix, str, "a string", "'' stands for none")
        expect(f"{owner}: params", params, RNNParams | None, "RNNParams", "make them with RNNParams(prefix)")
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Start counting steps anew, here and in every cell inside, before the cell is used in another graph."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step.

        Parameters
        ----------
        inputs : Symbol
            ``(N, I)``.
        states : list of Symbol
            The states from the step before, or from `begin_state`.

        Returns
        -------
        output : Symbol
            ``(N, H)``.
        states : list of Symbol
            The states after the step.
        """
        raise NotSupportedError(f"{type(self).__name__} cannot be stepped; unroll it")

    @property
    def params(self) -> RNNParams:
        """The parameters, to be shared with another cell."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape (0 for the batch) and layout of each state."""
        raise NotSupportedError(
            f"{type(self).__name__}: a cell must define the property state_info: a list with a dict such as "
            "{'shape': (0, num_hidden), '__layout__': 'NC'} for each state"
        )

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """Shape of each state."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> tuple[str, ...]:
        """Suffixes of the gates whose matrices are stacked; empty if nothing is."""
        return ()

    @property
    def _gate_rows(self) -> int | None:
        """Rows of each gate's matrix; None if the cell does not say."""
        return None

    @property
    def _weights_prefix(self) -> str:
        """What the parameters' names begin with: another cell's prefix where the parameters are shared."""
        return self._params._prefix

    def _adopt(self, params: RNNParams) -> None:
        """Use the variables of `params` in place of own ones of the same name."""
        self.params._params.update(params._params)

    def _expect_bare(self) -> None:
        """Refuse to work while another cell stands around this one and is meant in its place."""
        if self._modified:
            raise ArgumentError(
                f"{type(self).__name__} has been modified by another cell (such as ZoneoutCell); "
                "call that one, not the cell inside"
            )

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Any]:
        """States to begin a sequence with.

        Parameters
        ----------
        func : callable
            Makes each state: `symbol.zeros`, `symbol.ones`, `symbol.random.uniform`, or `symbol.Variable` to feed it.
        **kwargs
            Passed on to `func`, with the state's name and shape.
        """
        self._expect_bare()
        expect_call(f"{type(self).__name__}.begin_state: func", func, "mx.sym.zeros and mx.sym.Variable are such")
        states = []
        for info in self.state_info:
            self._init_counter += 1
            name = f"{self._prefix}begin_state_{self._init_counter}"
            states.append(func(name=name, **{**kwargs, **(info or {})}))
        return states

    def unpack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """The weights with each gate's matrix under a name of its own: ``lstm_i2h_f_weight`` and so on.

        Parameters
        ----------
        args : dict of str to NDArray
            Parameters, usually from ``Module.get_params()[0]``; those of other cells are kept as they are.
        """
        args = expect_weights("unpack_weights", args)
        given = dict(args)
        for packed, unpacked in self._weight_names():
            if packed not in args and all(name in args for name in unpacked):
                continue  # done already, by a cell that shares these parameters
            whole = take_weight(args, packed, "unpack_weights")
            self._expect_gates(whole, len(unpacked), packed, "unpack_weights", given)
            rows, rest = divmod(whole.shape[0], len(unpacked))
            if rest:
                raise ShapeError(
                    f"unpack_weights: {packed}: expected a multiple of {len(unpacked)} rows, one share for each of "
                    f"{', '.join(unpacked)}; got shape {whole.shape}"
                )
            for place, name in enumerate(unpacked):
                args[name] = whole[place * rows : (place + 1) * rows].copy()
        return args

    def pack_weights(self, args: Mapping[str, NDArray]) -> Weights:
        """The reverse of `unpack_weights`."""
        args = expect_weights("pack_weights", args)
        self._expect_no_leftovers(args)
        for packed, unpacked in self._weight_names():
            if packed in args and not all(name in args for name in unpacked):
                continue  # done already, by a cell that shares these parameters
            parts = [take_weight(args, name, "pack_weights") for name in unpacked]
            for name, part in zip(unpacked, parts, strict=True):
                self._expect_gates(part, 1, name, "pack_weights", {})
                if part.shape != parts[0].shape:
                    raise ShapeError(
                        f"pack_weights: {name}: expected shape {parts[0].shape} as {unpacked[0]} has, got {part.shape}"
                    )
            args[packed] = concatenate(parts)
        return args

    def _expect_gates(self, weight: NDArray, gates: int, name: str, what: str, given: Weights) -> None:
        if self._gate_rows is not None:
            stem, units = self._weights_prefix, self._gate_rows
            cause = why_other_rows(given, stem, len(self._gate_names), units)
            expect_rows(weight, gates, units, name, what, cause)

    def _expect_no_leftovers(self, args: Weights) -> None:
        if not self._gate_names:
            return
        places = {name for packed, unpacked in self._weight_names() for name in (packed, *unpacked)}
        places.update(self._params._params)  # a user's cell may have others
        own = re.compile(re.escape(self._weights_prefix) + FIELD)
        left = [name for name in args if own.fullmatch(name) and name not in places]
        owner = f"{type(self).__name__} of prefix {self._weights_prefix!r}"
        refuse_leftovers(owner, left, "were they trained with another kind of cell?")

    def _weight_names(self) -> Iterator[tuple[str, list[str]]]:
        """Each stacked parameter, and the gates' parameters that it is made of."""
        for group in ("i2h", "h2h") if self._gate_names else ():
            for kind in ("weight", "bias"):
                stem = self._weights_prefix + group
                yield f"{stem}_{kind}", [f"{stem}{gate}_{kind}" for gate in self._gate_names]

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """The cell over a sequence.

        Parameters
        ----------
        length : int
            Number of steps.
        inputs : Symbol or list of Symbol
            One symbol with a time axis by `layout`, or a list of steps ``(N, I)``.
        begin_state : list of Symbol, optional
            States to begin with; `begin_state()` by default.
        layout : str
            ``'NTC'`` or ``'TNC'``.
        merge_outputs : bool, optional
            True for one output symbol, False for a list of steps, None for whichever comes naturally.

        Returns
        -------
        outputs : Symbol or list of Symbol
            The outputs of all steps.
        states : list of Symbol
            The states after the last step.
        """
        self.reset()
        steps = as_steps(symbol, length, inputs, layout)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        with paused_collector():
            for step in steps:
                output, states = self(step, states)
                outputs.append(output)
        return in_form(symbol, length, outputs, layout, merge_outputs), states

    def _get_activation(self, inputs: Symbol, activation: str | Callable[..., Symbol], **kwargs: Any) -> Symbol:
        """An activation by name or as a function; for cells written by users."""
        return activate(symbol, inputs, activation, **kwargs)
