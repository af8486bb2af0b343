"""BucketingModule: one set of parameters, and a graph for each length of input."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..base import ArgumentError, MXNetError, NotSupportedError, expect_call
from ..context import Context
from ..io import DataBatch, DataDesc
from ..model import load_params, save_checkpoint
from ..name import NameManager
from ..ndarray import NDArray, array, save
from ..symbol import Symbol
from .base_module import INITIALIZER, BaseModule
from .descriptions import expect_batch, seen
from .module import Module
from .parameters import Parameters, Params, refuse_extra

SymGen = Callable[[Any], tuple[Symbol, Sequence[str], Sequence[str] | None]]


class BucketingModule(BaseModule):
    """A module whose graph depends on the batch, by its `bucket_key`.

    Every bucket's graph uses the same parameter and gradient arrays, and the same arrays for states of the same shape.
    Outputs are those of the current bucket; they are let go of when another one runs.
    A bucket may have parameters of its own: they get their values when it is first bound. Bound graphs are kept for the
    next batch of their length; beyond `max_bound_nodes` the one not used for longest is dropped, and made again when it
    is needed.

    Parameters
    ----------
    sym_gen : callable
        From a bucket key to ``(symbol, data_names, label_names)``. Each call runs in a naming scope of its own.
    default_bucket_key
        The key that the shapes given to `bind` belong to, usually the largest.
    logger, context, work_load_list, fixed_param_names, state_names
        As for `Module`.
    max_bound_nodes : int
        How many graph nodes may stay bound, over all buckets.
    """

    def __init__(
        self,
        sym_gen: SymGen,
        default_bucket_key: Any = None,
        logger: Any = logging,
        context: Context | Sequence[Context] | None = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
        compression_params: Any = None,
        *,
        max_bound_nodes: int = 100_000,
    ) -> None:
        super().__init__(logger)
        if default_bucket_key is None:
            raise ArgumentError("BucketingModule: default_bucket_key is required")
        if group2ctxs is not None or compression_params is not None:
            raise NotSupportedError("BucketingModule: group2ctxs and compression_params are not supported")
        expect_call("BucketingModule: sym_gen", sym_gen, "it makes (symbol, data_names, label_names) for a bucket key")
        self._sym_gen, self._default_bucket_key = sym_gen, default_bucket_key
        self._how = {
            "logger": logger,
            "context": context,
            "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names,
            "state_names": state_names,
        }
        self._max_bound_nodes = max_bound_nodes
        self._buckets: OrderedDict[Any, Module] = OrderedDict()
        self._nodes: dict[Any, int] = {}
        """How large the graph of each bucket is that has been bound, even if it has been dropped since."""
        self._curr_module: Module | None = None
        self._curr_bucket_key: Any = None
        self._ran: Module | None = None
        """The module of the bucket that ran last, and that has results."""
        self._grad_req: Any = "write"
        self._initializer: Any = INITIALIZER
        self._waiting: tuple[Params, Params] = {}, {}
        """Values for parameters of buckets that have not been bound yet."""
        self._preload_opt_states: str | None = None
        self._monitor: Any = None

    def _generate(self, key: Any) -> tuple[Symbol, Sequence[str], Sequence[str] | None]:
        with NameManager():
            made = self._sym_gen(key)
        if not (isinstance(made, tuple) and len(made) == 3):
            raise ArgumentError(
                f"sym_gen({key!r}): expected (symbol, data_names, label_names), got {type(made).__name__}"
            )
        return made

    @property
    def _current(self) -> Module:
        if self._curr_module is None:
            raise MXNetError("the module is not bound yet; call bind(data_shapes=..., label_shapes=...) first")
        return self._curr_module

    @property
    def _default(self) -> Module:
        return self._buckets[self._default_bucket_key]

    @property
    def _parameters(self) -> Parameters:
        return self._default._parameters

    # description

    @property
    def symbol(self) -> Symbol:
        """The network of the current bucket."""
        return self._current.symbol

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._current.data_names if self.binded else list(self._generate(self._default_bucket_key)[1])

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        if self.binded:
            return self._current.output_names
        return self._generate(self._default_bucket_key)[0].list_outputs()

    @property
    def data_shapes(self) -> list[DataDesc]:
        """What data the current bucket is bound for."""
        return self._current.data_shapes

    @property
    def label_shapes(self) -> list[DataDesc]:
        """What labels the current bucket is bound for."""
        return self._current.label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the current bucket's outputs."""
        return self._current.output_shapes

    # binding

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: Any = None,
        grad_req: Any = "write",
    ) -> None:
        """Bind the default bucket; the others follow when their first batch comes. Arguments as for `Module.bind`."""
        if shared_module is not None:
            raise NotSupportedError("BucketingModule.bind: shared_module is not supported")
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        # parameters and optimizer live on in the module that is bound anew
        before = self._buckets.get(self._default_bucket_key)
        if before is not None:
            before._parameters.forget_gradients()
        self.for_training, self.inputs_need_grad, self._grad_req = for_training, inputs_need_grad, grad_req
        module = self._bound_module(self._default_bucket_key, data_shapes, label_shapes, before)
        self._buckets = OrderedDict({self._default_bucket_key: module})
        self._curr_module, self._curr_bucket_key = module, self._default_bucket_key
        self._ran = None
        self.binded = True

    def switch_bucket(
        self, bucket_key: Any, data_shapes: Sequence[Any] | None, label_shapes: Sequence[Any] | None = None
    ) -> None:
        """Make `bucket_key`'s graph the current one, binding it if it is not."""
        self._switch(bucket_key, data_shapes, label_shapes)
        self._drop_unused()

    def _switch(
        self, bucket_key: Any, data_shapes: Sequence[Any] | None, label_shapes: Sequence[Any] | None = None
    ) -> None:
        if not self.binded:
            raise MXNetError("switch_bucket: bind the module first")
        if bucket_key not in self._buckets:
            self._buckets[bucket_key] = self._bound_module(bucket_key, data_shapes or (), label_shapes, self._default)
        self._buckets.move_to_end(bucket_key)
        module = self._buckets[bucket_key]
        if self._curr_module is not None and module is not self._curr_module:
            module.share_states(self._curr_module)
        self._curr_module, self._curr_bucket_key = module, bucket_key

    def _bound_module(
        self, key: Any, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None, shared: Module | None
    ) -> Module:
        symbol, data_names, label_names = self._generate(key)
        module = Module(symbol, data_names, label_names, **self._how)
        module.bind(
            data_shapes,
            label_shapes,
            self.for_training,
            self.inputs_need_grad,
            shared_module=shared,
            grad_req=self._grad_req,
        )
        if self.params_initialized:
            own = module._parameters
            new = [name for name in (*module._param_names, *module._aux_names) if name not in own.filled]
            own.fill(new, *self._waiting, self._initializer, allow_missing=shared is not None)
            self._waiting = _unplaced(own, *self._waiting)
            module.params_initialized = True
        if self._monitor is not None:
            module.install_monitor(self._monitor)
        self._nodes[key] = len(symbol._nodes)
        return module

    def _drop_unused(self, *kept: Any) -> None:
        kept = (self._default_bucket_key, self._curr_bucket_key, *kept)
        for key, module in list(self._buckets.items()):
            if sum(self._nodes[each] for each in self._buckets) <= self._max_bound_nodes:
                return
            if key not in kept and module is not self._ran:
                del self._buckets[key]

    # parameters and optimizer

    def init_params(
        self,
        initializer: Any = INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters of every bucket values; see `Module.init_params`.

        With `allow_extra`, values of other names are kept for buckets that have not been bound yet.
        """
        if self.params_initialized and not force_init:
            return
        own = self._current._parameters
        if not allow_extra:
            mend = "pass allow_extra=True to keep them for buckets that have not been bound yet"
            refuse_extra(arg_params, {*own.args, *self._waiting[0]}, "arg_params", mend)
            refuse_extra(aux_params, {*own.aux, *self._waiting[1]}, "aux_params", mend)
        own.fill((*own.args, *own.aux), arg_params, aux_params, initializer, allow_missing)
        self._waiting = _unplaced(
            own, {**self._waiting[0], **(arg_params or {})}, {**self._waiting[1], **(aux_params or {})}
        )
        self._initializer = initializer or self._initializer
        for module in self._buckets.values():
            module.params_initialized = True
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Copies of the parameters and auxiliary states of all buckets, on the CPU."""
        if not self.params_initialized:
            raise MXNetError("get_params: the module has no parameters yet; call bind and init_params first")
        arg_params, aux_params = dict(self._waiting[0]), dict(self._waiting[1])
        if self.binded:
            own = self._parameters
            args, aux = own.copies(own.args, own.aux)
            arg_params.update(args)
            aux_params.update(aux)
        return arg_params, aux_params

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """See `Module.get_states`."""
        return self._current.get_states(merge_multi_context)

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """See `Module.set_states`."""
        self._current.set_states(states, value)

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:
        """See `Module.init_optimizer`; every bucket uses the same optimizer."""
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._current.init_optimizer(kvstore, optimizer, optimizer_params, force_init)
        for module in self._buckets.values():
            if module is not self._current:
                module.borrow_optimizer(self._current)
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    # running

    def prepare(self, data_batch: DataBatch, sparse_row_id_fn: Any = None) -> None:
        """Bind the batch's bucket if it is not; the current bucket stays the current one."""
        key, data, label = self._bucket_of(data_batch)
        if key not in self._buckets:
            self._buckets[key] = self._bound_module(key, data, label, self._default)
            self._drop_unused(key)

    def _bucket_of(self, batch: DataBatch) -> tuple[Any, list[Any], list[Any]]:
        """A batch's key, and what it holds."""
        expect_batch(batch)
        key, current = getattr(batch, "bucket_key", None), self._current
        if key is None:
            raise ArgumentError("BucketingModule: the batch has no bucket_key")
        data = seen(getattr(batch, "provide_data", None), batch.data, current.data_shapes)
        return (
            key,
            data,
            seen(getattr(batch, "provide_label", None), getattr(batch, "label", None), current._label_descs),
        )

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Run the graph of the batch's bucket."""
        self._switch(*self._bucket_of(data_batch))
        if self._ran is not None and self._ran is not self._current:
            # results and what was recorded are as large as the bucket: one bucket's at a time
            self._ran.forget_results()
        self._ran = self._current
        self._drop_unused()
        self._current.forward(data_batch, self.for_training if is_train is None else is_train)

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """See `Module.backward`."""
        self._current.backward(out_grads)

    def update(self) -> None:
        """See `Module.update`."""
        self._current.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """See `Module.get_outputs`."""
        return self._current.get_outputs(merge_multi_context)

    def _outputs_without_padding(self, pad: int) -> list[NDArray]:
        return self._current._outputs_without_padding(pad)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """See `Module.get_input_grads`."""
        return self._current.get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: bool = False) -> None:
        """See `Module.update_metric`."""
        self._current.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Have a monitor watch every bucket, those still to come included."""
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # files

    def get_optimizer_states(self) -> bytes:
        """See `Module.get_optimizer_states`."""
        return self._current.get_optimizer_states()

    def set_optimizer_states(self, states: bytes) -> None:
        """See `Module.set_optimizer_states`."""
        self._current.set_optimizer_states(states)

    def save_optimizer_states(self, fname: str) -> None:
        """See `Module.save_optimizer_states`."""
        self._current.save_optimizer_states(fname)

    def load_optimizer_states(self, fname: str) -> None:
        """See `Module.load_optimizer_states`."""
        self._current.load_optimizer_states(fname)

    def save_checkpoint(
        self, prefix: str, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: bool = True
    ) -> None:
        """Write the parameters, a ``prefix-KEY-symbol.json`` for each bucket that has been bound, and their keys.

        The keys, which must be integers, go to ``prefix.buckets``; the optimizer's states, if asked for, to
        ``prefix-%04d.states``.
        """
        keys = list(self._nodes)
        if not all(isinstance(key, int) for key in keys):
            raise ArgumentError(f"save_checkpoint: expected integers as bucket keys, got {keys}")
        for key in sorted(keys):
            symbol = self._buckets[key].symbol if key in self._buckets else self._generate(key)[0]
            symbol.save(f"{prefix}-{key}-symbol.json")
        save_checkpoint(prefix, epoch, self._default.symbol, *self.get_params())
        save(f"{prefix}.buckets", array(sorted(keys), dtype="int32"))
        if save_optimizer_states:
            path = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(path)
            self.logger.info('Saved optimizer state to "%s"', path)

    @staticmethod
    def load(
        prefix: str,
        epoch: int,
        sym_gen: SymGen | None = None,
        default_bucket_key: Any = None,
        load_optimizer_states: bool = False,
        *,
        dense: bool = False,
        **kwargs: Any,
    ) -> BucketingModule:
        """A module with the parameters that `save_checkpoint` wrote; `sym_gen` and `kwargs` as for the constructor.

        Optimizer states, if asked for, are taken up by `init_optimizer`; `dense` as for `rennet.model.load_params`.
        """
        if sym_gen is None or default_bucket_key is None:
            raise ArgumentError("BucketingModule.load: sym_gen and default_bucket_key are required")
        module = BucketingModule(sym_gen, default_bucket_key, **kwargs)
        module._waiting = load_params(prefix, epoch, dense)
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    @staticmethod
    def load_dict(
        sym_dict: Mapping[Any, Symbol] | None = None,
        sym_gen: SymGen | None = None,
        default_bucket_key: Any = None,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        **kwargs: Any,
    ) -> BucketingModule:
        """A module with parameters that are at hand; `sym_gen` and `kwargs` as for the constructor.

        `sym_dict` names the graphs of known buckets; `sym_gen` makes them all, so it is only compared with it.
        """
        if sym_gen is None or default_bucket_key is None or arg_params is None:
            raise ArgumentError("BucketingModule.load_dict: sym_gen, default_bucket_key and arg_params are required")
        module = BucketingModule(sym_gen, default_bucket_key, **kwargs)
        for key, symbol in (sym_dict or {}).items():
            made = module._generate(key)[0]
            if made.list_arguments() != symbol.list_arguments():
                raise ArgumentError(
                    f"BucketingModule.load_dict: sym_dict[{key!r}] has the arguments {symbol.list_arguments()}, "
                    f"but sym_gen({key!r}) those of another network: {made.list_arguments()}"
                )
        module._waiting = arg_params, aux_params or {}
        module.params_initialized = True
        return module


def _unplaced(own: Parameters, arg_params: Params, aux_params: Params) -> tuple[Params, Params]:
    """The values for which `own` has no arrays."""
    return (
        {name: value for name, value in arg_params.items() if name not in own.args},
        {name: value for name, value in aux_params.items() if name not in own.aux},
    )
