"""HybridBlock: a Block that computes on arrays and on symbols alike, so that it can become a graph."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import ndarray, symbol
from .._formats.atomic import write_atomic
from ..base import ArgumentError, MXNetError, NotSupportedError, ShapeError, shown
from ..cached_op import CachedOp
from ..context import Context
from ..ndarray import NDArray
from ..symbol import Symbol
from .block import Block
from .nested import Form, flatten, regroup
from .parameter import DeferredInitializationError, Parameter
from .parameter_dict import ParameterDict

__all__ = ["HybridBlock"]


class HybridBlock(Block):
    """Base of all layers and networks that can be turned into a graph.

    A subclass computes in ``hybrid_forward(F, x, ..., weight, bias)``, where `F` is ``mx.nd`` or ``mx.sym``, inputs
    come in order, and the parameters that were assigned to attributes come by the attributes' names. After `hybridize`
    the first call makes a graph of it, which then runs in its place: without Python between the operators, and to be
    exported. Calls with arguments of another form, nested otherwise or None elsewhere, make a graph of their own.

    Parameters
    ----------
    prefix : str, optional
        Put before the names of parameters and children; the class's name and a number by default.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> class Scaled(mx.gluon.HybridBlock):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.scale = self.params.get("scale", shape=(3,), init="ones")
    ...     def hybrid_forward(self, F, x, scale):
    ...         return F.broadcast_mul(x, scale * 2)
    >>> block = Scaled()
    >>> block.initialize()
    >>> block.hybridize()
    >>> block(mx.nd.array([[1, 2, 3]])).asnumpy().tolist()
    [[2.0, 4.0, 6.0]]
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._traces: dict[str, _Trace] = {}
        self._active = False
        self._flags: dict[str, Any] = {}
        self._op_hook: tuple[Callable[..., Any], bool] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, HybridBlock):
            self._clear_cached_op()

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make a HybridBlock a part of this one."""
        if not isinstance(block, HybridBlock):
            raise ArgumentError(
                f"Children of HybridBlock must also be HybridBlock, but {block!r} has type {type(block).__name__}. "
                "If you are using Sequential, please try HybridSequential instead."
            )
        super().register_child(block, name)
        self._clear_cached_op()

    # becoming a graph

    def hybridize(
        self,
        active: bool = True,
        backend: str | None = None,
        clear: bool = True,
        static_alloc: bool = False,
        static_shape: bool = False,
        inline_limit: int = 2,
        forward_bulk_size: int | None = None,
        backward_bulk_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Run as a graph from now on, or, with ``active=False``, as Python again.

        Parameters
        ----------
        active : bool
            Whether.
        backend : None
            MXNet's partitioning backends (MKLDNN, TensorRT) do not exist here; any name is refused.
        clear : bool
            Whether graphs made before are forgotten.
        static_alloc, static_shape, inline_limit, forward_bulk_size, backward_bulk_size
            How MXNet lays out memory and groups operators. torch does both by itself, so they change nothing.
        **kwargs
            Refused by name: options of partitioning backends.
        """
        if backend is not None:
            raise NotSupportedError(
                f"hybridize: backend={backend!r}: there are no partitioning backends here; leave it out"
            )
        if kwargs:
            raise ArgumentError(f"hybridize: unknown option {next(iter(kwargs))!r}")
        flags = {
            "static_alloc": static_alloc,
            "static_shape": static_shape,
            "inline_limit": inline_limit,
            "forward_bulk_size": forward_bulk_size,
            "backward_bulk_size": backward_bulk_size,
        }
        if static_shape and not static_alloc:
            raise ArgumentError("hybridize: static_shape=True needs static_alloc=True")
        self._active, self._flags = active, flags
        if clear:
            self._clear_cached_op()
        if active and (self._forward_hooks or self._forward_pre_hooks):
            warnings.warn(
                f'"{self}" is being hybridized while still having forward hook/pre-hook. If "{self}" is a child of '
                "HybridBlock, the hooks will not take effect.",
                stacklevel=2,
            )
        super().hybridize(active, clear=clear, **flags)

    def _clear_cached_op(self) -> None:
        # __setattr__ of a subclass may come here before __init__ has
        self.__dict__["_traces"] = {}

    def __getstate__(self) -> dict[str, Any]:
        # a compiled graph belongs to the Block that made it, whose parameters it reads
        return {**self.__dict__, "_traces": {}}

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters."""
        self._clear_cached_op()
        super().cast(dtype)

    @property
    def _cached_graph(self) -> tuple[list[Symbol], Symbol] | tuple[()]:
        """The graph that was made last, and its inputs; empty if there is none."""
        last = self._graph_made_last()
        return () if last is None else (last.inputs, last.output)

    def _trace(self, args: Sequence[Any]) -> _Trace:
        """The graph for arguments of this form."""
        flat, form = flatten(list(args), "input")
        key = repr(form)
        if key not in self._traces:
            names = ["data"] if len(flat) == 1 else [f"data{place}" for place in range(len(flat))]
            leaves = [None if each is None else symbol.var(name) for name, each in zip(names, flat, strict=True)]
            inputs = [each for each in leaves if each is not None]
            with self.name_scope():
                output = self._traced(*regroup(leaves, form))
            outputs, out_form = flatten(output, "output")
            graph = symbol.Group(outputs) if len(outputs) > 1 else outputs[0]
            self._traces[key] = _Trace(inputs, graph, out_form)
        return self._traces[key]

    def _get_graph(self, *args: Any) -> tuple[list[Symbol], Symbol]:
        trace = self._trace(args)
        return trace.inputs, trace.output

    def _traced(self, x: Any, *args: Any) -> Any:
        """`hybrid_forward` on symbols."""
        return self.hybrid_forward(symbol, x, *args, **{key: each.var() for key, each in self._reg_params.items()})

    def _infer_attrs(self, kind: str, args: Sequence[Any]) -> None:
        trace = self._trace(args)
        given = {str(each.name): getattr(x, kind) for each, x in zip(trace.inputs, _present(args), strict=True)}
        infer = {"shape": trace.output.infer_shape, "dtype": trace.output.infer_type}[kind]
        arguments, _, states = infer(**given)
        if arguments is None:
            open_ones = [name for name, each in self.collect_params().items() if not each._shape_is_known]
            raise ShapeError(f"the shapes of {', '.join(open_ones)} do not follow from those of the inputs, {given}")
        found = dict(zip(trace.output.list_arguments(), arguments, strict=True))
        found.update(zip(trace.output.list_auxiliary_states(), states, strict=True))
        for name, parameter in self.collect_params().items():
            if name in found:
                setattr(parameter, kind, found[name])

    def infer_shape(self, *args: Any) -> None:
        """Work out the shapes of all parameters from arrays or anything that has a shape."""
        self._infer_attrs("shape", args)

    def infer_type(self, *args: Any) -> None:
        """Work out the element types of all parameters from arrays or anything that has a dtype."""
        self._infer_attrs("dtype", args)

    def _deferred_infer_shape(self, *args: Any) -> None:
        try:
            self.infer_shape(*args)
        except MXNetError as error:
            raise ShapeError(
                f"{self.name}: deferred initialization failed because shape cannot be inferred: {error}"
            ) from error

    # running

    def _build_cache(self, *args: Any) -> _Trace:
        """The trace for these arguments, ready to run."""
        trace = self._trace(args)
        if trace.op is None:
            trace.connect(self.name, self.collect_params())
        return trace

    def _call_cached_op(self, *args: Any) -> Any:
        trace = self._build_cache(*args)
        assert trace.op is not None
        arrays = _present(args)
        try:
            fed = trace.feed(arrays)
        except DeferredInitializationError:
            self._finish_deferred(*args)
            fed = trace.feed(arrays)
        results = trace.op(*fed) if self._op_hook is None else trace.op.watched(fed, *self._op_hook)
        return regroup(results, trace.out_form)

    def _finish_deferred(self, *args: Any) -> None:
        self._deferred_infer_shape(*args)
        for parameter in self.collect_params().values():
            parameter._finish_deferred_init()

    def forward(self, x: Any, *args: Any) -> Any:
        """Compute, on arrays or on symbols."""
        first = _first_of([x, *args])
        if isinstance(first, NDArray):
            with first.context:
                if self._active:
                    return self._call_cached_op(x, *args)
                return self._imperatively(first.context, x, *args)
        if first is None:
            got = ", ".join(map(shown, [x, *args]))
            raise ArgumentError(f"{self.name}: expected an NDArray or a Symbol among the inputs, got {got}")
        with self.name_scope():
            return self._traced(x, *args)

    def _imperatively(self, ctx: Context, x: Any, *args: Any) -> Any:
        return self.hybrid_forward(ndarray, x, *args, **self._parameters_for(ctx, x, *args))

    def _parameters_for(self, ctx: Context, *args: Any) -> dict[str, Any]:
        """The values of its own parameters; those that had no shape yet get it from the arguments of a call."""
        try:
            return {key: each.data(ctx) for key, each in self._reg_params.items()}
        except DeferredInitializationError:
            self._deferred_infer_shape(*args)
            for each in self._reg_params.values():
                each._finish_deferred_init()
            return {key: each.data(ctx) for key, each in self._reg_params.items()}

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute with the functions of `F`, which is ``mx.nd`` or ``mx.sym``; a subclass says what."""
        raise NotSupportedError(f"{type(self).__name__}: a HybridBlock defines hybrid_forward (or forward)")

    def register_op_hook(self, callback: Callable[[str, str, NDArray], None], monitor_all: bool = False) -> None:
        """Have ``callback(node_name, operator_name, array)`` called for what the graph's operators compute.

        Parameters
        ----------
        callback : callable
            Called while the hybridized Block runs.
        monitor_all : bool
            Whether inputs are shown too.
        """
        self._op_hook = callback, monitor_all
        super().register_op_hook(callback, monitor_all)

    def _graph_made_last(self) -> _Trace | None:
        return next(reversed(self._traces.values()), None)

    def _graphs(self) -> Iterator[CachedOp]:
        last = self._graph_made_last()
        if last is not None and last.op is not None:
            yield last.op
        else:
            yield from super()._graphs()

    # leaving

    def export(self, path: str | os.PathLike[str], epoch: int = 0, remove_amp_cast: bool = True) -> tuple[str, str]:
        """Write graph and parameters, for `SymbolBlock.imports`, Module, or real MXNet.

        The Block must be hybridized and must have run once.

        Parameters
        ----------
        path : str
            Beginning of the two files' names.
        epoch : int
            Number in the name of the file of parameters.
        remove_amp_cast : bool
            Accepted for MXNet's sake; graphs here hold no such casts.

        Returns
        -------
        tuple of str
            ``path-symbol.json`` and ``path-0000.params``.
        """
        if not self._cached_graph:
            raise MXNetError(
                f"{self.name}: please first call block.hybridize() and then run forward with this block at least once "
                "before calling export."
            )
        graph = self._cached_graph[1]
        arguments, states = set(graph.list_arguments()), set(graph.list_auxiliary_states())
        content = {}
        for name, parameter in self.collect_params().items():
            if name in arguments:
                content[f"arg:{name}"] = parameter._reduce()
            elif name in states:
                content[f"aux:{name}"] = parameter._reduce()
            else:
                warnings.warn(f"Parameter {name} is not found in the graph and is not exported", stacklevel=2)
        graph_file, parameter_file = f"{os.fspath(path)}-symbol.json", f"{os.fspath(path)}-{epoch:04d}.params"
        write_atomic(graph_file, graph.tojson(remove_amp_cast=remove_amp_cast).encode())
        ndarray.save(parameter_file, content)
        return graph_file, parameter_file

    def optimize_for(self, x: Any, *args: Any, backend: str | None = None, **kwargs: Any) -> None:
        """Hybridize, and make the graph for the given input at once.

        Parameters
        ----------
        x, *args : NDArray
            Inputs to make the graph for.
        backend : None
            MXNet's partitioning backends do not exist here; any name is refused.
        **kwargs
            Those of `hybridize`.
        """
        kwargs.setdefault("clear", False)
        self.hybridize(True, backend=backend, **kwargs)
        self._finish_deferred(x, *args)
        self._build_cache(x, *args)


class _Trace:
    """A Block's graph for arguments of one form, and what is needed to run it.

    Parameters
    ----------
    inputs : list of Symbol
        Variables that stand for the arguments that are not None.
    output : Symbol
        The graph.
    out_form
        How the results are nested.
    """

    def __init__(self, inputs: list[Symbol], output: Symbol, out_form: Form) -> None:
        self.inputs, self.output, self.out_form = inputs, output, out_form
        self.op: CachedOp | None = None
        self._feeds: list[Parameter | int] = []

    def connect(self, owner: str, parameters: ParameterDict) -> None:
        """Compile the graph, and note where each of its arrays comes from."""
        op = CachedOp(self.output)
        places = {str(each.name): place for place, each in enumerate(self.inputs)}
        for name in op.inputs:
            if name not in places and name not in parameters:
                raise ArgumentError(
                    f"{owner}: hybrid_forward uses a variable {name!r} that is neither an input nor a parameter"
                )
            self._feeds.append(places[name] if name in places else parameters[name])
        unused = [name for name in (*places, *parameters) if name not in op.inputs]
        if unused:
            warnings.warn(f"{owner}: its output does not depend on {', '.join(unused)}", stacklevel=6)
        self.op = op

    def feed(self, arrays: Sequence[NDArray]) -> list[NDArray]:
        """The graph's arrays in order: arguments, and parameters on the arguments' device."""
        ctx = arrays[0].context
        return [arrays[each] if isinstance(each, int) else each.data(ctx) for each in self._feeds]


def _present(args: Sequence[Any]) -> list[NDArray]:
    """The arguments that are not None, in one flat list."""
    return [each for each in flatten(list(args), "input")[0] if each is not None]


def _first_of(values: Any) -> NDArray | Symbol | None:
    """The first array or symbol in nested lists."""
    if isinstance(values, NDArray | Symbol):
        return values
    inside = (_first_of(each) for each in values) if isinstance(values, list | tuple) else ()
    return next((each for each in inside if each is not None), None)
