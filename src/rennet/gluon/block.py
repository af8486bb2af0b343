"""Block: what every network and layer of Gluon is; children, parameters, names, files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import ndarray
from .._mismatch import likely_cause, sentence
from .._passes import Recurrence
from ..base import ArgumentError, MXNetError, NotSupportedError
from ..context import Context
from ..ndarray import NDArray
from .parameter import Parameter
from .parameter_dict import ParameterDict, bare, brief, check_shapes, named_arrays, shapes
from .scope import _BlockScope

if TYPE_CHECKING:
    from ..cached_op import CachedOp
    from .torch_module import BlockModule

__all__ = ["Block"]

Hook = Callable[..., Any]


class Block:
    """Base of all layers and networks.

    A subclass makes its children and parameters in ``__init__``, under ``with self.name_scope():``, and computes in
    `forward`. Children and parameters that are assigned to attributes are found by all that follows: initialising,
    saving, training.

    Parameters
    ----------
    prefix : str, optional
        Put before the names of parameters and children; the class's name and a number by default.
    params : ParameterDict, optional
        Parameters to share: ``Dense(10, params=other.params)``.

    Examples
    --------
    >>> import rennet as mx
    >>> class Net(mx.gluon.Block):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         with self.name_scope():
    ...             self.dense = mx.gluon.nn.Dense(4)
    ...     def forward(self, x):
    ...         return mx.nd.relu(self.dense(x))
    >>> net = Net(prefix="net_")
    >>> net.initialize()
    >>> net(mx.nd.ones((2, 3))).shape, list(net.collect_params())
    ((2, 4), ['net_dense0_weight', 'net_dense0_bias'])
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        self._empty_prefix = prefix == ""
        self._prefix, self._params = _BlockScope.create(prefix, params, self._alias())
        self._name = self._prefix.removesuffix("_")
        self._scope = _BlockScope(self)
        self._children: dict[str, Block] = {}
        self._reg_params: dict[str, Parameter] = {}
        self._forward_hooks: dict[int, Hook] = {}
        self._forward_pre_hooks: dict[int, Hook] = {}

    def __repr__(self) -> str:
        inside = "\n".join(
            f"  ({key}): {_indented(repr(block))}" for key, block in self.__dict__.items() if isinstance(block, Block)
        )
        return f"{type(self).__name__}(\n{inside}\n)"

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter | Block) and not isinstance(value, type(before)):
            raise TypeError(
                f"Changing attribute type for {name} from {type(before).__name__} to {type(value).__name__} is not "
                "allowed."
            )
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            if name in self._reg_params and self._reg_params[name] is not value:
                raise ArgumentError(
                    f"Overriding Parameter attribute {name} is not allowed. If you want to share parameters between "
                    "blocks, please set 'params' at Block construction instead."
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    def _alias(self) -> str:
        return type(self).__name__.lower()

    # names

    @property
    def prefix(self) -> str:
        """What the names of its parameters and children begin with."""
        return self._prefix

    @property
    def name(self) -> str:
        """The prefix without the underscore at its end."""
        return self._name

    def name_scope(self) -> _BlockScope:
        """A scope in which new Blocks and parameters are named as parts of this one."""
        return self._scope

    # parameters

    @property
    def params(self) -> ParameterDict:
        """Its own parameters, without those of its children."""
        return self._params

    def collect_params(self, select: str | None = None) -> ParameterDict:
        """All parameters, those of all Blocks inside included.

        Parameters
        ----------
        select : str, optional
            A regular expression; only parameters whose name begins with a match of it.

        Examples
        --------
        >>> import rennet as mx
        >>> list(mx.gluon.nn.Dense(3, prefix="fc_").collect_params(".*weight"))
        ['fc_weight']
        """
        self._check_container_with_block()
        found = ParameterDict(self._params.prefix)
        pattern = re.compile(select) if select else None
        chosen = {name: each for name, each in self.params.items() if pattern is None or pattern.match(name)}
        found.update(chosen)
        for child in self._children.values():
            found.update(child.collect_params(select=select))
        return found

    def _check_container_with_block(self) -> None:
        """Blocks in a plain list or dict would be forgotten in silence."""
        children = {id(child) for child in self._children.values()}
        for key, value in self.__dict__.items():
            if key.startswith("__") or key == "_children" or not isinstance(value, list | tuple | dict):
                continue
            stack: list[Any] = [value]
            while stack:
                each = stack.pop()
                if isinstance(each, list | tuple):
                    stack.extend(each)
                elif isinstance(each, dict):
                    stack.extend(each.values())
                elif isinstance(each, Block) and id(each) not in children:
                    warnings.warn(
                        f'"{type(self).__name__}.{key}" is an unregistered container with Blocks. Note that Blocks '
                        "inside the list, tuple or dict will not be registered automatically. Make sure to register "
                        "them using register_child() or switching to nn.Sequential/nn.HybridSequential instead. ",
                        stacklevel=3,
                    )
                    return

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """All parameters by the attributes that lead to them: ``0.weight``, ``encoder.rnn.l0_i2h_weight``."""
        dotted = f"{prefix}." if prefix else ""
        found = {dotted + key: value for key, value in self._reg_params.items()}
        for name, child in self._children.items():
            found.update(child._collect_params_with_prefix(dotted + name))
        return found

    def initialize(
        self,
        init: Any = None,
        ctx: Context | Sequence[Context] | None = None,
        verbose: bool = False,
        force_reinit: bool = False,
    ) -> None:
        """Initialise all parameters; see `ParameterDict.initialize`."""
        self.collect_params().initialize(init, ctx, verbose, force_reinit)

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters."""
        for child in self._children.values():
            child.cast(dtype)
        for parameter in self.params.values():
            parameter.cast(dtype)

    # files

    def save_parameters(self, filename: str | os.PathLike[str], deduplicate: bool = False) -> None:
        """Write all parameters to a file that real MXNet reads, whole or not at all.

        Names are the attributes that lead to each parameter, so that prefixes do not matter.

        Parameters
        ----------
        filename : path
            The file.
        deduplicate : bool
            Whether a parameter that stands at several places is written once.
        """
        parameters = self._collect_params_with_prefix()
        if deduplicate:
            parameters = {names[-1]: parameters[names[-1]] for names in _by_parameter(parameters)}
        ndarray.save(filename, {name: parameter._reduce() for name, parameter in parameters.items()})

    def load_parameters(
        self,
        filename: str | os.PathLike[str],
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        cast_dtype: bool = False,
        dtype_source: str = "current",
        dense: bool = False,
    ) -> None:
        """Read all parameters from a file, written by `save_parameters`, `export`, a Module or real MXNet.

        Parameters
        ----------
        filename : path
            The file.
        ctx : Context or list of Context, optional
            Where parameters without values go; the CPU by default.
        allow_missing, ignore_extra : bool
            Whether the file may lack parameters of this Block, and hold others.
        cast_dtype : bool
            Whether values of another element type are cast.
        dtype_source : {'current', 'saved'}
            Which of the two types is kept then.
        dense : bool
            Whether sparse arrays in the file are made dense; otherwise they are an error.
        """
        loaded = named_arrays(filename, dense)
        self.load_dict(loaded, ctx, allow_missing, ignore_extra, cast_dtype, dtype_source, str(filename))

    def load_dict(
        self,
        param_dict: Mapping[str, NDArray],
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        cast_dtype: bool = False,
        dtype_source: str = "current",
        filename: str | None = None,
    ) -> None:
        """As `load_parameters`, from arrays by name."""
        where = f"file {filename!r}" if filename else "param_dict"
        loaded = {bare(name): value for name, value in param_dict.items()}
        parameters = self._collect_params_with_prefix()
        if not loaded and not parameters:
            return
        if not any("." in name or name in parameters for name in loaded):
            # full names, or those without this Block's prefix: an older file, an exported one, or a Module's
            full = self.collect_params()
            prefix = "" if any(name in full for name in loaded) else self.prefix
            full.load_dict(loaded, ctx, allow_missing, ignore_extra, prefix, filename, cast_dtype, dtype_source)
            return
        if not allow_missing:
            for names in _by_parameter(parameters):
                if not any(name in loaded for name in names):
                    cause = sentence(likely_cause(*shapes(parameters, loaded), block=True))
                    raise ArgumentError(
                        f"Parameter {names[0]!r} is missing in {where}, which contains parameters: {brief(loaded)}. "
                        f"Set allow_missing=True to ignore missing parameters{cause or '.'}"
                    )
        extra = [name for name in loaded if name not in parameters] if not ignore_extra else []
        if extra:
            cause = sentence(likely_cause(*shapes(parameters, loaded), block=True))
            raise ArgumentError(
                f"Parameter {extra[0]!r} loaded from {where} is not present in Block, which contains parameters "
                f"{brief(parameters)}. Set ignore_extra=True to ignore{cause or '.'}"
            )
        check_shapes(parameters, loaded, where)
        for name, value in loaded.items():
            if name in parameters:
                parameters[name]._load_init(value, ctx, cast_dtype, dtype_source)

    def save_params(self, filename: str | os.PathLike[str]) -> None:
        """Write all parameters by their full names without this Block's prefix; `save_parameters` is the newer way."""
        warnings.warn("save_params is deprecated. Please use save_parameters.", stacklevel=2)
        self.collect_params().save(filename, strip_prefix=self.prefix)

    def load_params(
        self,
        filename: str | os.PathLike[str],
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        dense: bool = False,
    ) -> None:
        """The older name of `load_parameters`."""
        warnings.warn("load_params is deprecated. Please use load_parameters.", stacklevel=2)
        self.load_parameters(filename, ctx, allow_missing, ignore_extra, dense=dense)

    def save(self, prefix: str) -> None:
        """Not supported: MXNet's files of a network's structure are of no use without its Python."""
        raise NotSupportedError(
            f"{self.name}.save({prefix!r}): save_parameters writes the parameters; HybridBlock.export the graph too"
        )

    def load(self, prefix: str) -> None:
        """Not supported; see `save`."""
        raise NotSupportedError(
            f"{self.name}.load({prefix!r}): load_parameters reads {prefix}-model.params; SymbolBlock.imports a graph"
        )

    # children and hooks

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make a Block a part of this one, as assigning it to an attribute does."""
        self._children[str(len(self._children)) if name is None else name] = block

    def register_forward_pre_hook(self, hook: Hook) -> HookHandle:
        """Have ``hook(block, inputs)`` called before each `forward`."""
        return HookHandle(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Hook) -> HookHandle:
        """Have ``hook(block, inputs, outputs)`` called after each `forward`."""
        return HookHandle(self._forward_hooks, hook)

    def register_op_hook(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Have ``callback(node_name, operator_name, array)`` called for what operators of hybridized Blocks compute."""
        for child in self._children.values():
            child.register_op_hook(callback, monitor_all)

    def apply(self, fn: Callable[[Block], Any]) -> Block:
        """Call a function with every Block inside, and then with this one."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize all HybridBlocks inside; see `HybridBlock.hybridize`."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    # running

    def __call__(self, *args: Any) -> Any:
        """Compute, by `forward`; hooks are called before and after."""
        for hook in list(self._forward_pre_hooks.values()):
            hook(self, args)
        result = self.forward(*args)
        for hook in list(self._forward_hooks.values()):
            hook(self, args, result)
        return result

    def forward(self, *args: Any) -> Any:
        """Compute; a subclass says what."""
        raise NotSupportedError(f"{type(self).__name__}: a Block defines forward")

    def list_recurrences(self) -> list[Recurrence]:
        """The unrolled recurrences of the graph made last: which ran as one fused operator, and why the others did not.

        A Block that does not run as a graph itself answers for those inside that do, one after another.

        Raises
        ------
        MXNetError
            If there is no such graph: the Block must be hybridized and must have run. Blocks inside a hybridized one
            have none of their own; what they do is in the graph of the outermost.

        Examples
        --------
        >>> import rennet as mx
        >>> class Net(mx.gluon.HybridBlock):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.cell = mx.gluon.rnn.GRUCell(3, prefix="gru_")
        ...     def hybrid_forward(self, F, x):
        ...         return self.cell.unroll(5, x, merge_outputs=True)[0]
        >>> net = Net()
        >>> net.initialize()
        >>> net.hybridize()
        >>> output = net(mx.nd.ones((2, 5, 4)))
        >>> net.list_recurrences()
        [Recurrence(name='gru_t0_out ... gru_t4_out', mode='gru', steps=5, why_not=None)]
        """
        graphs = {id(each): each for each in self._graphs()}
        if not graphs:
            raise MXNetError(
                f"{self.name}: list_recurrences: expected a Block that is hybridized and has run once. If it is part "
                "of a hybridized Block, it runs in that one's graph: ask the outermost one"
            )
        return [recurrence for each in graphs.values() for recurrence in each.recurrences]

    def _graphs(self) -> Iterator[CachedOp]:
        """The graphs as which this Block, or Blocks inside, ran last."""
        for child in self._children.values():
            yield from child._graphs()

    def as_torch(self) -> BlockModule:
        """This Block as a ``torch.nn.Module`` that shares its parameters; see `gluon.torch_module.BlockModule`."""
        from .torch_module import BlockModule  # it needs this class

        return BlockModule(self)

    def summary(self, *inputs: Any) -> None:
        """Print a table of all layers, with the shapes of their outputs and the numbers of their parameters.

        Parameters
        ----------
        *inputs : NDArray
            Something to run the network on; it must not be hybridized.
        """
        from .summary import print_summary

        print_summary(self, inputs)


class HookHandle:
    """What registering a hook returns: `detach` takes the hook away again, as does the end of a ``with``."""

    _next = 0

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        HookHandle._next += 1
        self._hooks, self._id = hooks, HookHandle._next
        hooks[self._id] = hook

    def detach(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._id, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.detach()


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _by_parameter(parameters: Mapping[str, Parameter]) -> list[list[str]]:
    """The names of each parameter; one that is shared has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in parameters.items():
        names.setdefault(id(parameter), []).append(name)
    return list(names.values())
