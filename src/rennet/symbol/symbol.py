"""Symbol: a view of some outputs of a graph."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from .._graph import Entry, Node, auxiliary, in_order
from .._ops.arithmetic import Arithmetic, Spelling
from .._ops.catalogue import OPERATORS
from .._ops.registry import Operator
from ..base import ArgumentError, NotSupportedError, expect, numeric_types
from ..context import Context, current_context
from ..ndarray import NDArray
from . import inference
from .compose import HIDDEN_KEYS, compose, hidden
from .listing import listing

# The alias that is called, not the operator's own name, is what an automatic name is made of.
_SPELLINGS = {
    "add": Spelling("_plus", "_PlusScalar"),
    "sub": Spelling("_minus", "_MinusScalar", "_RMinusScalar"),
    "mul": Spelling("_mul", "_MulScalar"),
    "div": Spelling("_div", "_DivScalar", "_RDivScalar"),
    "mod": Spelling("_mod", "_ModScalar", "_RModScalar"),
    "power": Spelling("_power", "_PowerScalar", "_rpower_scalar"),
    **{
        operation: Spelling(f"_{operation}", f"_{operation}_scalar")
        for operation in ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")
    },
}


class Symbol(Arithmetic):
    """One or more outputs of a graph of operators.

    Symbols are made by `Variable`, by the functions of ``sym``, by arithmetic, and by loading a file. They hold no
    data: `bind` or `simple_bind` gives an executor that does.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.sym.Variable("x")
    >>> y = mx.sym.FullyConnected(x, num_hidden=4, name="fc")
    >>> y.list_arguments()
    ['x', 'fc_weight', 'fc_bias']
    >>> y.infer_shape(x=(2, 3))
    ([(2, 3), (4, 3), (4,)], [(2, 4)], [])
    """

    __slots__ = ("__weakref__", "_order", "_outputs", "_versions")
    _spellings = _SPELLINGS
    # so that NumPy's numbers leave arithmetic to us
    __array_ufunc__ = None

    def __init__(self, outputs: Sequence[Entry], versions: Sequence[int] | None = None) -> None:
        self._outputs = list(outputs)
        self._versions = [0] * len(self._outputs) if versions is None else list(versions)
        """For each output, how often operators had written into it when it was asked for; files tell it."""
        self._order: list[Node] | None = None

    # names and structure

    @property
    def name(self) -> str | None:
        """The node's name; None for a group."""
        nodes = {id(node): node for node, _ in self._outputs}
        return next(iter(nodes.values())).name if len(nodes) == 1 else None

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return [node.output_names[index] for node, index in self._outputs]

    @property
    def _nodes(self) -> list[Node]:
        """Every node, each after its inputs; walked over once, for what a node reads never changes."""
        if self._order is None:
            self._order = in_order(self._outputs)
        return self._order

    def _variables(self) -> tuple[list[Node], set[int]]:
        nodes = self._nodes
        return [node for node in nodes if node.op is None], auxiliary(nodes)

    def list_arguments(self) -> list[str]:
        """Names of the variables that must be given, in the order of `bind`'s arguments."""
        variables, states = self._variables()
        return [node.name for node in variables if id(node) not in states]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the auxiliary states."""
        variables, states = self._variables()
        return [node.name for node in variables if id(node) in states]

    def list_inputs(self) -> list[str]:
        """Names of arguments and auxiliary states together."""
        return [node.name for node in self._variables()[0]]

    def get_internals(self) -> Symbol:
        """A group of every output of every node."""
        entries = [(node, i) for node in self._nodes for i in range(node.num_outputs)]
        return Symbol(entries, [node.written for node, _ in entries])

    def get_children(self) -> Symbol | None:
        """A group of the direct inputs; None for a variable."""
        nodes = dict.fromkeys(node for node, _ in self._outputs)
        entries = [entry for node in nodes for entry in node.inputs]
        return Symbol(entries, [version for node in nodes for version in node.versions]) if entries else None

    @property
    def num_outputs(self) -> int:
        """How many outputs this symbol has."""
        return len(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __iter__(self) -> Iterator[Symbol]:
        return (self[place] for place in range(len(self._outputs)))

    def __getitem__(self, index: int | str | slice) -> Symbol:
        if isinstance(index, slice):
            return Symbol(self._outputs[index], self._versions[index])
        if isinstance(index, str):
            places = [place for place, name in enumerate(self.list_outputs()) if name == index]
            if len(places) != 1:
                found = "no output is" if not places else f"{len(places)} outputs are"
                raise ArgumentError(f"{found} called {index!r}; outputs: {_shortened(self.list_outputs())}")
            index = places[0]
        expect("index", index, Integral, "the number of an output, its name, or a slice")
        if not -len(self._outputs) <= index < len(self._outputs):
            raise IndexError(f"output {index} of a symbol with {len(self._outputs)}")
        return Symbol([self._outputs[index]], [self._versions[index]])

    def __repr__(self) -> str:
        if self.name is not None:
            return f"<Symbol {self.name}>"
        return f"<Symbol group [{', '.join(node.name for node, _ in self._outputs)}]>"

    def __bool__(self) -> bool:
        raise NotImplementedError("a Symbol has no truth value; it has no data yet")

    def __copy__(self) -> Symbol:
        return Symbol(self._outputs, self._versions)

    def __deepcopy__(self, memo: Any) -> Symbol:
        return self._rebuilt({})

    def __reduce__(self) -> tuple[Any, ...]:
        from .files import load_json  # files needs this class

        return load_json, (self.tojson(remove_amp_cast=False),)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Become the graph that MXNet's pickles describe: ``{'handle': JSON text}``."""
        from .files import load_json  # files needs this class

        expect("Symbol.__setstate__: state", state, Mapping, "a dict with the graph's JSON text as 'handle'")
        text: Any = state.get("handle")
        made = load_json(expect("Symbol.__setstate__: handle", text, str | bytes, "JSON text"))
        self.__init__(made._outputs, made._versions)

    def __call__(self, *args: Symbol, name: str | None = None, **kwargs: Symbol) -> Symbol:
        """A copy of this graph with some of its variables replaced by other symbols, given in order or by name."""
        variables = [node for node in self._nodes if node.op is None]
        by_name = {**dict(zip((node.name for node in variables), args, strict=False)), **kwargs}
        unknown = sorted(set(by_name) - {node.name for node in variables})
        if unknown or len(args) > len(variables):
            raise ArgumentError(f"this symbol has no variables {unknown}; it has {_shortened(self.list_inputs())}")
        for key, symbol in by_name.items():
            if not isinstance(symbol, Symbol) or len(symbol._outputs) != 1:
                raise ArgumentError(f"{key}: expected a Symbol with one output to take its place, got {symbol!r}")
        result = self._rebuilt({node: by_name[node.name]._outputs[0] for node in variables if node.name in by_name})
        if name is not None and len(result._outputs) == 1:
            result._outputs[0][0].name = name
        return result

    def _rebuilt(self, replaced: Mapping[Node, Entry]) -> Symbol:
        new: dict[int, Node] = {}

        def entry(old: Entry) -> Entry:
            return replaced[old[0]] if old[0] in replaced else (new[id(old[0])], old[1])

        for node in self._nodes:
            if node not in replaced:
                copied = new[id(node)] = node.copied([entry(e) for e in node.inputs])
                copied.control_deps = tuple(entry((each, 0))[0] for each in node.control_deps)
        result = Symbol([entry(e) for e in self._outputs], self._versions)
        if replaced:
            for node in new.values():
                node.note_writing()
        return result

    # attributes

    def attr(self, key: str) -> str | None:
        """One attribute of this symbol's node."""
        return self.list_attr().get(key) if len(self._outputs) == 1 else None

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """All attributes of this symbol's node."""
        if recursive:
            raise ArgumentError("list_attr(recursive=True) has been replaced by attr_dict()")
        return _visible(self._outputs[0][0].attrs)

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """The attributes of every node that has any, by the node's name."""
        return {node.name: _visible(node.attrs) for node in self._nodes if node.attrs}

    def _set_attr(self, **attributes: str) -> None:
        for key, value in attributes.items():
            if not isinstance(value, str):
                raise ArgumentError(f"attribute {key}: expected a string, got {type(value).__name__}")
            for node, _ in self._outputs:
                attrs = {**node.attrs, hidden(key): value}
                if node.op is not None:
                    node.parsed = node.op.parse(attrs)  # objects to what the operator does not know
                node.attrs = attrs

    # inference

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Shapes of arguments, outputs and auxiliary states, from the shapes of some arguments.

        Parameters
        ----------
        *args, **kwargs : tuple of int
            Shapes in the order of `list_arguments`, or by name. 0 stands for an unknown dimension.

        Returns
        -------
        tuple of three lists, or (None, None, None) with a warning if too little is known.
        """
        return inference.infer_shape(self, args, kwargs, partial=False)

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """As `infer_shape`, but returns what is known, with 0 for what is not."""
        return inference.infer_shape(self, args, kwargs, partial=True)

    def infer_type(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Element types of arguments, outputs and auxiliary states, from those of some arguments."""
        return inference.infer_type(self, args, kwargs)

    # leaving

    def debug_str(self) -> str:
        """The graph as lines for people to read.

        Examples
        --------
        >>> import rennet as mx
        >>> print(mx.sym.relu(mx.sym.Variable("x"), name="y").debug_str())
        Symbol Outputs:
            output[0]=y(0)
        Variable:x
        --------------------
        Op:relu, Name=y
        Inputs:
            arg[0]=x(0) version=0
        <BLANKLINE>
        """
        return listing(self._outputs)

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """The graph as MXNet's JSON."""
        from .files import to_json  # files needs this class

        return to_json(self)

    def save(self, fname: str | os.PathLike[str], remove_amp_cast: bool = True) -> None:
        """Write the graph to a file that real MXNet reads, whole or not at all."""
        from .files import save

        save(fname, self)

    # running

    def bind(
        self,
        ctx: Context | None = None,
        args: Any = None,
        args_grad: Any = None,
        grad_req: Any = "write",
        aux_states: Any = None,
        group2ctx: Any = None,
        shared_exec: Any = None,
    ) -> Any:
        """An executor over given arrays; see `rennet.executor.Executor`.

        `shared_exec` is accepted for MXNet's sake: memory is not shared between executors.
        """
        from ..executor import bind  # the executor runs symbols, so it stands above them

        _refuse_groups("bind", group2ctx)
        _expect_context("bind", ctx)
        for what, given in (("args", args), ("args_grad", args_grad), ("aux_states", aux_states)):
            _expect_arrays(f"bind: {what}", given)
        return bind(self, ctx or current_context(), args, args_grad, grad_req, aux_states)

    def simple_bind(
        self,
        ctx: Context | None = None,
        grad_req: Any = "write",
        type_dict: Mapping[str, Any] | None = None,
        stype_dict: Any = None,
        group2ctx: Any = None,
        shared_arg_names: Any = None,
        shared_exec: Any = None,
        shared_buffer: Any = None,
        **kwargs: Any,
    ) -> Any:
        """An executor whose arrays are made here, from the shapes of the inputs given by name.

        As in MXNet, shapes of names that the graph does not have are left aside.
        """
        _refuse_groups("simple_bind", group2ctx)
        _expect_context("simple_bind", ctx)
        expect("simple_bind: type_dict", type_dict, Mapping | None, "a dict of element types by name")
        from ..executor import simple_bind

        return simple_bind(self, ctx or current_context(), grad_req, type_dict or {}, kwargs)

    def eval(self, ctx: Context | None = None, **kwargs: Any) -> list[Any]:
        """The outputs for arguments given by name, without gradients."""
        return self.bind(ctx, kwargs, grad_req="null").forward()

    def gradient(self, wrt: Any) -> Any:
        """Refused, as MXNet has it by name only.

        Raises
        ------
        NotSupportedError
            Always.
        """
        raise NotSupportedError(
            "Symbol.gradient: there are no graphs of gradients; bind the symbol with args_grad and call backward"
        )

    # arithmetic

    def _with(self, pair: str, scalar: str, other: Any, reflected: bool) -> Any:
        if isinstance(other, Symbol):
            return call(OPERATORS[pair], pair, [other, self] if reflected else [self, other], {})
        if isinstance(other, (*numeric_types, np.number)):
            return call(OPERATORS[scalar], scalar, [self], {"scalar": other})
        return NotImplemented

    def __neg__(self) -> Symbol:
        return self * -1.0

    def __abs__(self) -> Symbol:
        return Symbol([(compose(OPERATORS["abs"], "abs", [self], {}, {}), 0)])

    def __getattr__(self, name: str) -> Any:
        # operators whose first input is the symbol itself are methods too
        operator = OPERATORS.get(name)
        if operator is None or name.startswith("_") or not (operator.inputs or operator.variadic):
            raise AttributeError(f"'Symbol' object has no attribute {name!r}")
        return functools.partial(_call_method, self, name, operator)

    def astype(self, dtype: Any) -> Symbol:
        """The same values in another element type."""
        return _call_method(self, "cast", OPERATORS["Cast"], dtype=dtype)

    def reshape(self, *shape: Any, **kwargs: Any) -> Symbol:
        """The same elements in another shape, by the codes of the ``Reshape`` operator."""
        if shape:
            kwargs["shape"] = shape[0] if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape
        return _call_method(self, "reshape", OPERATORS["Reshape"], **kwargs)


def _call_method(symbol: Symbol, alias: str, operator: Operator, *args: Any, **kwargs: Any) -> Symbol:
    return call(operator, alias, (symbol, *args), kwargs)


def call(operator: Operator, alias: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Symbol:
    """``sym.alias(*args, **kwargs)``: symbols are inputs, everything else attributes, in order."""
    if operator.variadic and len(args) == 1 and isinstance(args[0], list | tuple):
        args = args[0]
    if not operator.variadic and not operator.open_inputs:
        # an input that is left out, as in F.FullyConnected(x, weight, None, no_bias=True)
        args = [arg for place, arg in enumerate(args) if arg is not None or place >= len(operator.inputs)]
    symbols = [arg for arg in args if isinstance(arg, Symbol)]
    if len(symbols) != len(args):
        rest = args[len(symbols) :]
        misplaced = next((arg for arg in args[: len(symbols)] if not isinstance(arg, Symbol)), None)
        misplaced = next((arg for arg in rest if isinstance(arg, NDArray)), misplaced)
        if misplaced is not None or operator.variadic or len(rest) > len(operator.attributes):
            culprit = misplaced if misplaced is not None else rest[0]
            raise ArgumentError(f"{operator.name}: expected Symbols as inputs, got {type(culprit).__name__}")
        by_place = dict(zip(operator.attributes, rest, strict=False))
        twice = sorted(by_place.keys() & kwargs.keys())
        if twice:
            raise ArgumentError(
                f"{operator.name}: attribute {twice[0]} is given twice, by name and as {by_place[twice[0]]!r}"
            )
        kwargs = {**by_place, **kwargs}
    by_name: dict[str, Symbol] = {}
    attributes: dict[str, Any] = {}
    for key, value in kwargs.items():
        if isinstance(value, Symbol):
            by_name[key] = value
        elif key not in operator.inputs:
            attributes[key] = value
        elif value is not None:
            raise ArgumentError(f"{operator.name}: input {key}: expected a Symbol, got {type(value).__name__}")
    node = compose(operator, alias, symbols, by_name, attributes)
    return Symbol([(node, index) for index in range(node.num_outputs)])


def _expect_context(what: str, ctx: Any) -> None:
    expect(f"{what}: ctx", ctx, Context | None, "a Context", "such as mx.cpu() or mx.gpu(0)")


def _refuse_groups(what: str, group2ctx: Any) -> None:
    if group2ctx:
        raise NotSupportedError(f"{what}: group2ctx: a graph runs on one device; bind it without")


def _expect_arrays(argument: str, given: Any) -> None:
    """Refuse what is no list or dict of NDArrays; some may be None."""
    expect(argument, given, (Mapping, list, tuple, type(None)), "a list or a dict of NDArrays")
    named = given.items() if isinstance(given, Mapping) else enumerate(given or ())
    for name, array in named:
        expect(f"{argument}: {name}", array, NDArray | None, "an NDArray")


def _visible(attrs: Mapping[str, str]) -> dict[str, str]:
    return {**attrs, **{key: attrs[name] for key, name in _HIDDEN if name in attrs}}


_HIDDEN = [(key, hidden(key)) for key in HIDDEN_KEYS]


def _shortened(names: Sequence[str], limit: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
