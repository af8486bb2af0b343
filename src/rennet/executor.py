"""Executors: a symbol bound to its arrays, run forwards, and backwards by torch's autograd."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ._collector import paused_collector
from ._graph import Node, auxiliary
from ._ops.inference import complete, to_public
from ._passes import Recurrence
from ._state import flags
from .base import ArgumentError, MXNetError, ShapeError
from .context import Context
from .ndarray.array import GRAD_REQS, NDArray
from .program import Program, Watch
from .symbol.inference import Shapes, shapes_of, types_of
from .symbol.symbol import Symbol


class Executor:
    """A symbol with its arrays, ready to run.

    Attributes
    ----------
    arg_dict, grad_dict, aux_dict : dict of str to NDArray
        Arguments, their gradients (None where none is wanted), auxiliary states.
    arg_arrays, grad_arrays, aux_arrays : list
        The same in the symbol's order.
    """

    def __init__(
        self,
        symbol: Symbol,
        ctx: Context,
        args: dict[str, NDArray],
        grads: dict[str, NDArray | None],
        grad_req: dict[str, str],
        aux: dict[str, NDArray],
        shapes: Shapes,
    ) -> None:
        self._symbol, self._ctx, self._grad_req = symbol, ctx, grad_req
        self.arg_dict, self.grad_dict, self.aux_dict = args, grads, aux
        self._output_shapes = [shapes.of(*entry) for entry in symbol._outputs]
        self._outputs: list[NDArray] = []
        self._program = Program(symbol, shapes, ctx.torch_device, flags.fusing)
        states = auxiliary(shapes.nodes)
        self._places = [
            (self._program.registers[id(node), 0], aux if id(node) in states else args, node.name)
            for node in shapes.nodes
            if node.op is None
        ]
        self._heads: list[Tensor] | None = None
        self._leaves: dict[str, Tensor] = {}
        self._versions: list[tuple[str, Tensor, int]] = []
        """Arrays that `backward` may read, and how often each had been written to after `forward`."""
        self._ran: tuple[bool, Tensor] | None = None
        """Whether the last `forward` was training, and where the random numbers stood when it began."""
        self._watch: Watch | None = None

    @property
    def arg_arrays(self) -> list[NDArray]:
        """The arguments in order."""
        return [self.arg_dict[name] for name in self._symbol.list_arguments()]

    @property
    def grad_arrays(self) -> list[NDArray | None]:
        """The arguments' gradients in order."""
        return [self.grad_dict.get(name) for name in self._symbol.list_arguments()]

    @property
    def aux_arrays(self) -> list[NDArray]:
        """The auxiliary states in order."""
        return [self.aux_dict[name] for name in self._symbol.list_auxiliary_states()]

    @property
    def has_run(self) -> bool:
        """Whether there was a `forward`."""
        return self._ran is not None

    @property
    def outputs(self) -> list[NDArray]:
        """Results of the last `forward`, always in the same arrays; zeros before the first."""
        if not self._outputs:
            given = {name: array.dtype for name, array in {**self.arg_dict, **self.aux_dict}.items()}
            types = types_of(self._symbol, given)
            for (node, index), shape in zip(self._symbol._outputs, self._output_shapes, strict=True):
                kind = types[node][index].torch
                zeros = torch.zeros(to_public(shape), dtype=kind, device=self._ctx.torch_device)
                self._outputs.append(NDArray(zeros, self._ctx))
        return self._outputs

    @property
    def output_dict(self) -> dict[str, NDArray]:
        """Results of the last `forward` by name."""
        return dict(zip(self._symbol.list_outputs(), self.outputs, strict=False))

    def debug_str(self) -> str:
        """The graph as lines for people to read, and how much memory its arrays take."""
        arrays = [*self.arg_arrays, *self.grad_arrays, *self.aux_arrays]
        size = sum(array.tensor.nbytes for array in arrays if array is not None)
        return f"{self._symbol.debug_str()}Total {size >> 20} MB allocated\n"

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs.

        Parameters
        ----------
        is_train : bool
            Whether operators behave as in training. `backward` may follow either way; after training it need not
            compute anything again.
        **kwargs : NDArray
            New values for some arguments, copied into their arrays first.
        """
        for name, value in kwargs.items():
            if name not in self.arg_dict:
                raise ArgumentError(f"forward: no argument is called {name!r}; arguments: {', '.join(self.arg_dict)}")
            if tuple(value.shape) != self.arg_dict[name].shape:
                raise ShapeError(f"forward: {name}: expected {self.arg_dict[name].shape}, got {tuple(value.shape)}")
            self.arg_dict[name][:] = value
        self._ran = is_train, torch.get_rng_state()
        results = self._compute(is_train, differentiable=is_train)
        self._heads = results if is_train else None
        if not self._outputs:
            self._outputs = [NDArray(result.detach(), self._ctx) for result in results]
        else:
            for array, result in zip(self._outputs, results, strict=True):
                array._tensor = result.detach()
        self._versions = self._versions_now() if is_train else []
        return self._outputs

    def _versions_now(self) -> list[tuple[str, Tensor, int]]:
        arrays = {**self.arg_dict, **self.aux_dict, **self.output_dict}
        return [(name, array.tensor, array.tensor._version) for name, array in arrays.items()]

    def forget(self) -> None:
        """Let go of the results of the last `forward` and of what it recorded, as if there had been none."""
        self._outputs, self._heads, self._leaves, self._versions, self._ran = [], None, {}, [], None

    def _compute(self, is_train: bool, differentiable: bool) -> list[Tensor]:
        self._leaves = {}
        values: dict[int, Tensor] = {}
        for place, arrays, name in self._places:
            tensor = arrays[name].tensor.detach()
            wanted = arrays is self.arg_dict and self._grad_req.get(name, "null") != "null"
            if differentiable and wanted and tensor.is_floating_point():  # of whole numbers the gradient is zero
                # a name that stands twice in an old file is one parameter
                tensor = self._leaves.setdefault(name, tensor.requires_grad_())
            values[place] = tensor
        with torch.set_grad_enabled(differentiable and bool(self._leaves)):
            program = self._program if self._watch is None else self._watch.program
            return program.run(values, is_train, self._watch)

    def _computed_again(self) -> list[Tensor]:
        """What the last `forward` computed, to go backwards from: the same random numbers, the same states after it."""
        if self._ran is None:
            raise MXNetError("backward: expected a forward before it; there was none")
        is_train, random = self._ran
        states = [(array, array.tensor.clone()) for array in self.aux_dict.values()]
        now, watch = torch.get_rng_state(), self._watch
        try:
            torch.set_rng_state(random)
            self._watch = None
            return self._compute(is_train, differentiable=True)
        finally:
            torch.set_rng_state(now)
            self._watch = watch
            for array, before in states:
                array.tensor.copy_(before)

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients and write or add them to `grad_dict`, as asked at binding.

        Parameters
        ----------
        out_grads : NDArray or list of NDArray, optional
            Gradients of the outputs. Not needed where an output is a loss; ones by default.
        is_train : bool
            Accepted for MXNet's sake; operators go backwards in the mode in which they ran.

        Raises
        ------
        MXNetError
            If there was no `forward`, or an array was written to since, of which the gradients need the value that it
            had then. The labels of a loss may be written to: they are read here.
        """
        if self._heads is None:
            # after a forward that was no training, or a second time
            self._heads = self._computed_again()
        given = [out_grads] if isinstance(out_grads, NDArray) else out_grads
        if given is not None and len(given) != len(self._heads):
            raise ArgumentError(f"backward: expected {len(self._heads)} output gradients, got {len(given)}")
        for place, (head, weight) in enumerate(zip(self._heads, given or (), strict=False)):
            if weight is not None:
                _check_shape(f"backward: output gradient {place}", tuple(head.shape), weight.shape)
        pairs = [
            (head, head.new_ones(()).expand_as(head) if given is None or given[i] is None else given[i].tensor)
            for i, head in enumerate(self._heads)
            if head.requires_grad
        ]
        found: Sequence[Tensor | None] = [None] * len(self._leaves)
        if pairs:
            heads, weights = zip(*pairs, strict=True)
            found = self._gradients(heads, weights)
        self._heads = None
        gradients = dict(zip(self._leaves, found, strict=True))
        with torch.no_grad():
            for name, request in self._grad_req.items():
                if request != "null":
                    self._deliver(name, gradients.get(name))
        self._leaves = {}

    def _gradients(self, heads: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor | None]:
        try:
            return torch.autograd.grad(heads, list(self._leaves.values()), weights, allow_unused=True)
        except RuntimeError as error:
            written = [name for name, tensor, version in self._versions if tensor._version != version]
            if not written or "inplace operation" not in str(error):
                raise
            self._heads = None  # half of what was recorded is gone
            raise MXNetError(
                f"backward: expected the arrays as forward left them; written to since: {', '.join(written)}. "
                "Gradients need what was there: write to them after backward, or call forward once more before it"
            ) from error

    def _deliver(self, name: str, gradient: Tensor | None) -> None:
        target = self.grad_dict.get(name)
        if target is None:
            return
        if self._grad_req[name] == "add":
            if gradient is not None:
                target.tensor.add_(gradient)
        elif gradient is None:
            target.tensor.zero_()
        else:
            target.tensor.copy_(gradient)

    def copy_params_from(
        self,
        arg_params: Mapping[str, NDArray],
        aux_params: Mapping[str, NDArray] | None = None,
        allow_extra_params: bool = False,
    ) -> None:
        """Copy values into arguments and auxiliary states by name."""
        for given, own, kind in ((arg_params, self.arg_dict, "argument"), (aux_params or {}, self.aux_dict, "state")):
            for name, array in given.items():
                if name in own:
                    _check_shape(f"copy_params_from: {name}", own[name].shape, array.shape)
                    own[name][:] = array
                elif not allow_extra_params:
                    raise ArgumentError(f"copy_params_from: {name!r} is no {kind} of this graph; allow_extra_params?")

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Executor:
        """An executor for other input shapes; arrays whose shape stays are shared with this one."""
        shapes = shapes_of(self._symbol, kwargs)
        new_args: dict[str, NDArray] = {}
        new_grads: dict[str, NDArray | None] = {}
        variables = {node.name: node for node in shapes.nodes if node.op is None}
        for name, array in self.arg_dict.items():
            shape = _known(shapes, variables[name])
            grad = self.grad_dict.get(name)
            if shape == array.shape:
                new_args[name], new_grads[name] = array, grad
                continue
            if name not in kwargs and not partial_shaping:
                raise ShapeError(
                    f"reshape: {name} would change from {array.shape} to {shape}, though it was not asked for; "
                    "pass partial_shaping=True if that is meant"
                )
            new_args[name] = NDArray(
                torch.zeros(shape, dtype=array.tensor.dtype, device=array.tensor.device), self._ctx
            )
            new_grads[name] = None if grad is None else NDArray(torch.zeros_like(new_args[name].tensor), self._ctx)
        return Executor(self._symbol, self._ctx, new_args, new_grads, self._grad_req, self.aux_dict, shapes)

    def set_monitor_callback(self, callback: Callable[[str, NDArray], None] | None, monitor_all: bool = False) -> None:
        """Have a function called with the name and value of all that `forward` computes.

        Parameters
        ----------
        callback : callable or None
            Called with a name such as ``fc1_output`` and an NDArray; None ends it.
        monitor_all : bool
            Whether it is called for the inputs of each operator too, as ``fc1_data`` and, if it is a variable, by its
            own name.
        """
        if callback is None:
            self._watch = None
            return
        # what happens inside the steps of a recurrence can be seen only where they are taken one by one
        shapes = _shapes_from(self._symbol, self.arg_dict, self.aux_dict)
        program = Program(self._symbol, shapes, self._ctx.torch_device, fusing=False)
        self._watch = Watch(program, callback, monitor_all, self._ctx)

    @property
    def recurrences(self) -> list[Recurrence]:
        """The unrolled recurrences of the graph: which run as one fused operator, and why the others do not.

        >>> import rennet as mx
        >>> outputs, _ = mx.rnn.GRUCell(3, prefix="gru_").unroll(5, mx.sym.var("x"), merge_outputs=True)
        >>> outputs.simple_bind(x=(2, 5, 4)).recurrences
        [Recurrence(name='gru_t0_out ... gru_t4_out', mode='gru', steps=5, why_not=None)]
        """
        return self._program.recurrences


def _check_shape(what: str, expected: tuple[int, ...], got: tuple[int, ...]) -> None:
    if tuple(expected) != tuple(got):
        raise ShapeError(f"{what}: expected shape {tuple(expected)}, got {tuple(got)}")


def _known(shapes: Shapes, node: Node) -> tuple[int, ...]:
    shape = shapes.of(node)
    if complete(shape):
        return shape
    raise ShapeError(f"the shape of {node.name} cannot be inferred; known is {to_public(shape)}; give it by name")


def _requests(grad_req: Any, names: Sequence[str]) -> dict[str, str]:
    """One request for each argument, from a word, a list or a dict."""
    if isinstance(grad_req, str):
        requests = dict.fromkeys(names, grad_req)
    elif isinstance(grad_req, Mapping):
        requests = {name: grad_req.get(name, "null") for name in names}
    else:
        requests = dict(zip(names, _exactly("grad_req", grad_req, names), strict=True))
    for name, request in requests.items():
        if request not in GRAD_REQS:
            raise ArgumentError(f"grad_req of {name}: expected one of {', '.join(GRAD_REQS)}; got {request!r}")
    return requests


def _exactly(what: str, values: Sequence[Any], names: Sequence[str]) -> Sequence[Any]:
    if len(values) != len(names):
        raise ArgumentError(f"{what}: expected {len(names)} entries ({', '.join(names)}), got {len(values)}")
    return values


def _arrays(what: str, given: Any, names: Sequence[str], required: bool) -> dict[str, Any]:
    """Arrays by name, from a list in order or a dict."""
    if given is None:
        given = {}
    found = dict(given) if isinstance(given, Mapping) else dict(zip(names, _exactly(what, given, names), strict=True))
    missing = [name for name in names if name not in found]
    if required and missing:
        raise ArgumentError(f"{what}: expected an array for each of {', '.join(names)}; missing: {', '.join(missing)}")
    return {name: found.get(name) for name in names}


def bind(symbol: Symbol, ctx: Context, args: Any, args_grad: Any, grad_req: Any, aux_states: Any) -> Executor:
    """See `Symbol.bind`."""
    names, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    arguments = _arrays("args", args, names, required=True)
    auxiliaries = _arrays("aux_states", aux_states, states, required=True)
    grads = _arrays("args_grad", args_grad, names, required=False)
    requests = _requests(grad_req, names)
    requests = {name: request if grads[name] is not None else "null" for name, request in requests.items()}
    with paused_collector():
        shapes = _shapes_from(symbol, arguments, auxiliaries)
        return Executor(symbol, ctx, arguments, grads, requests, auxiliaries, shapes)


def _shapes_from(symbol: Symbol, *arrays: Mapping[str, NDArray]) -> Shapes:
    """Everything that follows from the shapes of arrays."""
    return shapes_of(symbol, {name: array.shape for each in arrays for name, array in each.items()})


class Pool:
    """Arrays by name that several executors use: the parameters of a model whose graphs differ by bucket.

    Attributes
    ----------
    args, grads, aux : dict of str to NDArray
        Arguments, their gradients, auxiliary states.
    """

    def __init__(self) -> None:
        self.args: dict[str, NDArray] = {}
        self.grads: dict[str, NDArray] = {}
        self.aux: dict[str, NDArray] = {}


def _from_pool(pool: dict[str, NDArray], name: str, shape: tuple[int, ...], kind: torch.dtype, ctx: Context) -> NDArray:
    array = pool.get(name)
    if array is None:
        array = pool[name] = NDArray(torch.zeros(shape, dtype=kind, device=ctx.torch_device), ctx)
    _check_shape(f"{name}, which is shared with another graph", array.shape, shape)
    return array


def _look_at_names(shapes: Shapes) -> None:
    """Variables of one name become one array in a graph from a file, as old ones mean that; elsewhere cells clash."""
    seen: dict[str, tuple[tuple[int, ...], bool]] = {}
    clashing: set[str] = set()
    for node in shapes.nodes:
        if node.op is None:
            shape = _known(shapes, node)
            if node.name in seen:
                other, from_file = seen[node.name]
                if other != shape:
                    raise ShapeError(f"simple_bind: {node.name} would be of shapes {other} and {shape}. {_CLASH}")
                if not (node.from_file and from_file):
                    clashing.add(node.name)
            seen[node.name] = shape, node.from_file
    if clashing:
        raise ArgumentError(f"simple_bind: several variables are called {', '.join(sorted(clashing))}. {_CLASH}")


_CLASH = "Cells of one kind need prefixes of their own; cells that are to share parameters take them by params="


def simple_bind(
    symbol: Symbol,
    ctx: Context,
    grad_req: Any,
    type_dict: Mapping[str, Any],
    given: Mapping[str, Any],
    pool: Pool | None = None,
    shared: Container[str] = (),
) -> Executor:
    """See `Symbol.simple_bind`. Arrays whose name is in `shared` are taken from, or put into, `pool`."""
    with paused_collector():
        return _simple_bind(symbol, ctx, grad_req, type_dict, given, Pool() if pool is None else pool, shared)


def _simple_bind(
    symbol: Symbol,
    ctx: Context,
    grad_req: Any,
    type_dict: Mapping[str, Any],
    given: Mapping[str, Any],
    pool: Pool,
    shared: Container[str],
) -> Executor:
    shapes = shapes_of(symbol, given)
    _look_at_names(shapes)
    types = types_of(symbol, type_dict)
    states = auxiliary(shapes.nodes)
    variables = [node for node in shapes.nodes if node.op is None]
    requests = _requests(grad_req, [node.name for node in variables if id(node) not in states])
    args: dict[str, NDArray] = {}
    grads: dict[str, NDArray | None] = {}
    aux: dict[str, NDArray] = {}
    for node in shapes.nodes:
        if node.op is not None:
            continue
        shape, kind = _known(shapes, node), types[node][0].torch
        # a pool of its own for what is not shared: one way of making arrays
        where = pool if node.name in shared else Pool()
        if id(node) in states:
            aux[node.name] = _from_pool(where.aux, node.name, shape, kind, ctx)
            continue
        args[node.name] = _from_pool(where.args, node.name, shape, kind, ctx)
        wanted = requests[node.name] != "null"
        grads[node.name] = _from_pool(where.grads, node.name, shape, kind, ctx) if wanted else None
    return Executor(symbol, ctx, args, grads, requests, aux, shapes)
