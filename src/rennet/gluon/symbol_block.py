"""SymbolBlock: a graph, often from a file, as a Block."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

from .. import symbol
from ..base import ArgumentError
from ..context import Context
from ..ndarray import NDArray
from ..symbol import Symbol
from .block import _indented
from .hybrid_block import HybridBlock, _Trace
from .nested import flatten
from .parameter_dict import ParameterDict

__all__ = ["SymbolBlock"]


class SymbolBlock(HybridBlock):
    """A Block that runs a graph; the graph's variables that are not inputs are its parameters.

    Parameters
    ----------
    outputs : Symbol or list of Symbol
        What it computes.
    inputs : Symbol or list of Symbol
        Variables of the graph that are given at each call, in order.
    params : ParameterDict, optional
        Parameters to share; those of the graph that it lacks are made.

    Examples
    --------
    >>> import rennet as mx
    >>> data = mx.sym.var("data")
    >>> net = mx.gluon.SymbolBlock(mx.sym.FullyConnected(data, num_hidden=2, name="fc"), data)
    >>> net.initialize(mx.init.One())
    >>> net(mx.nd.array([[1, 2]])).asnumpy().tolist(), list(net.collect_params())
    ([[4.0, 4.0]], ['fc_weight', 'fc_bias'])
    """

    @staticmethod
    def imports(
        symbol_file: str | os.PathLike[str],
        input_names: str | Sequence[str],
        param_file: str | os.PathLike[str] | None = None,
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        dense: bool = False,
    ) -> SymbolBlock:
        """A Block from files that `HybridBlock.export`, a Module or real MXNet wrote.

        Parameters
        ----------
        symbol_file : path
            The graph, ``…-symbol.json``.
        input_names : str or list of str
            Names of the inputs, such as ``['data']``.
        param_file : path, optional
            The parameters, ``….params``.
        ctx : Context or list of Context, optional
            Where the parameters go; the CPU by default.
        allow_missing, ignore_extra : bool
            Whether the file of parameters may lack some of the graph's, and hold others.
        dense : bool
            Whether sparse arrays in it are made dense; otherwise they are an error.
        """
        graph = symbol.load(os.fspath(symbol_file))
        names = [input_names] if isinstance(input_names, str) else list(input_names)
        known = graph.list_inputs()
        missing = [name for name in names if name not in known]
        if missing:
            raise ArgumentError(f"{symbol_file}: input_names: {missing[0]!r} is no variable of the graph")
        block = SymbolBlock(graph, [symbol.var(name) for name in names])
        if param_file is not None:
            arguments = {"cast_dtype": True, "dtype_source": "saved", "dense": dense}
            block.collect_params().load(param_file, ctx, allow_missing, ignore_extra, **arguments)
        return block

    def __init__(
        self, outputs: Symbol | Sequence[Symbol], inputs: Symbol | Sequence[Symbol], params: ParameterDict | None = None
    ) -> None:
        super().__init__(prefix=None, params=None)
        self._prefix = ""
        self._params = ParameterDict("", params)
        inputs_given = flatten(inputs, "input")[0]
        if isinstance(outputs, list | tuple) and len(outputs) == 1:
            (outputs,) = outputs
        outputs_given, out_form = flatten(outputs, "output")
        graph = outputs_given[0] if len(outputs_given) == 1 else symbol.Group(outputs_given)
        names = []
        for each in inputs_given:
            if not isinstance(each, Symbol) or each.list_arguments() != each.list_outputs():
                raise ArgumentError(f"SymbolBlock: inputs: expected variables, such as sym.var('data'), got {each!r}")
            names.append(each.name)
        states = graph.list_auxiliary_states()
        for name in (*graph.list_arguments(), *states):
            if name not in names:
                self._params.get(name, grad_req="null" if name in states else "write", allow_deferred_init=True)
        self._given = _Trace(list(inputs_given), graph, out_form)
        common = _common_prefix(list(self._params.keys()))
        self._reg_params = {name[len(common) :]: each for name, each in self._params.items()}

    def __repr__(self) -> str:
        inputs, graph = self._given.inputs, self._given.output
        return f"{type(self).__name__}(\n{_indented(repr(graph))} : {len(inputs)} -> {len(graph)}\n)"

    def _graph_made_last(self) -> _Trace:
        return self._given

    def _trace(self, args: Sequence[Any]) -> _Trace:
        flat = flatten(list(args), "input")[0]
        if len(flat) != len(self._given.inputs) or any(each is None for each in flat):
            names = ", ".join(str(each.name) for each in self._given.inputs)
            got = sum(each is not None for each in flat)
            raise ArgumentError(f"SymbolBlock: expected {len(self._given.inputs)} inputs ({names}), got {got}")
        return self._given

    def forward(self, x: Any, *args: Any) -> Any:
        """The graph's outputs, for arrays; or, for symbols, the graph with its inputs replaced by them."""
        trace = self._trace([x, *args])
        flat = flatten([x, *args], "input")[0]
        if isinstance(flat[0], NDArray):
            with flat[0].context:
                return self._call_cached_op(x, *args)
        return trace.output(**{str(each.name): given for each, given in zip(trace.inputs, flat, strict=True)})

    def _clear_cached_op(self) -> None:
        super()._clear_cached_op()
        if "_given" in self.__dict__:  # the graph was given, and stays
            self.__dict__["_given"] = _Trace(self._given.inputs, self._given.output, self._given.out_form)

    def __getstate__(self) -> dict[str, Any]:
        trace = self._given
        return {**super().__getstate__(), "_given": _Trace(trace.inputs, trace.output, trace.out_form)}

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters."""
        self._clear_cached_op()
        super().cast(dtype)

    def reset_ctx(self, ctx: Context | Sequence[Context]) -> None:
        """Move all parameters to other devices."""
        self._params.reset_ctx(ctx)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Not used: the graph is what runs."""
        return self.forward(x, *args)


def _common_prefix(names: Sequence[str]) -> str:
    """What all names begin with, as MXNet's files leave it out; it must leave something of each name."""
    if not names:
        return ""
    first, last = min(names), max(names)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    prefix = "".join(letter for letter, _ in same)
    if prefix in names:
        head, underscore, _ = prefix.rpartition("_")
        return head + underscore
    return prefix
