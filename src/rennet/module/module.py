"""Module: a symbol with its parameters, its optimizer and its devices."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .. import optimizer as opt
from .._formats.atomic import write_atomic
from ..base import ArgumentError, MXNetError, NotSupportedError, expect, expect_call, expect_names, expect_number
from ..context import Context, cpu
from ..io import DataBatch, DataDesc
from ..kvstore import KVStore
from ..model import load_checkpoint, save_checkpoint
from ..ndarray import NDArray
from ..optimizer.updater import set_states_from_file
from ..symbol import Symbol
from .base_module import INITIALIZER, BaseModule
from .descriptions import descriptions, expect_batch, expect_variables, seen, shapes
from .executor_group import DataParallelExecutorGroup
from .optimizing import chosen, introduce
from .parameters import Parameters, Params, refuse_extra


class Module(BaseModule):
    """A symbol that can be trained.

    Parameters
    ----------
    symbol : Symbol
        The network, usually ending in a loss such as ``SoftmaxOutput``.
    data_names, label_names : sequence of str
        Which variables are fed; all others are parameters.
    logger : Logger
        Where `fit` reports.
    context : Context or list of Context
        Where to run; with several, each batch is split over them.
    work_load_list : list of float, optional
        The contexts' shares of a batch.
    fixed_param_names : list of str, optional
        Parameters that are not trained.
    state_names : list of str, optional
        Variables that hold states, set by `set_states`; they are neither fed nor trained.
    """

    def __init__(
        self,
        symbol: Symbol,
        data_names: Sequence[str] = ("data",),
        label_names: Sequence[str] | None = ("softmax_label",),
        logger: Any = logging,
        context: Context | Sequence[Context] | None = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
        compression_params: Any = None,
    ) -> None:
        super().__init__(logger)
        if group2ctxs is not None or compression_params is not None:
            raise NotSupportedError("Module: group2ctxs and compression_params are not supported")
        expect("Module: symbol", symbol, Symbol, "a Symbol")
        contexts = [context] if isinstance(context, Context) else context or [cpu()]
        mend = "such as mx.cpu() or mx.gpu(0)"
        for each in expect("Module: context", contexts, list | tuple, "a Context or a list of them", mend):
            expect("Module: context", each, Context, "a Context or a list of them", mend)
        self._context = list(contexts)
        shares = expect(
            "Module: work_load_list", work_load_list or [1] * len(contexts), list | tuple, "a list of numbers"
        )
        self._workload = [expect_number("Module: work_load_list", share) for share in shares]
        if len(self._workload) != len(self._context):
            raise ArgumentError(f"work_load_list: expected {len(self._context)} shares, got {len(self._workload)}")
        self._symbol = self._network = symbol
        self._data_names = expect_names("Module: data_names", data_names)
        self._label_names = expect_names("Module: label_names", label_names)
        self._fixed_param_names = expect_names("Module: fixed_param_names", fixed_param_names)
        self._state_names = expect_names("Module: state_names", state_names)
        arguments = symbol.list_arguments()
        for kind, names in (
            ("data", self._data_names),
            ("fixed_param", self._fixed_param_names),
            ("state", self._state_names),
        ):
            expect_variables(f"Module: {kind}_names", names, arguments)
        absent = [name for name in self._label_names if name not in arguments]
        if absent:
            warnings.warn(
                f"label_names: {absent} are no variables of the symbol; those not fed are: "
                f"{[name for name in arguments if name.endswith('_label')] or 'none that end in _label'}",
                stacklevel=2,
            )
        inputs = {*self._data_names, *self._label_names, *self._state_names}
        self._param_names = [name for name in dict.fromkeys(arguments) if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()
        self._parameters = Parameters(self._context)
        self._exec_group: DataParallelExecutorGroup | None = None
        self._requests: dict[str, str] = {}
        self._given: tuple[dict[str, NDArray], dict[str, NDArray]] | None = None
        """Values that were loaded and wait for the module to be bound."""
        # the layout of labels is remembered over batches without any
        self._label_descs = [DataDesc(name, ()) for name in self._label_names]
        self._monitor: Any = None
        self._optimizer: opt.Optimizer | None = None
        self._updater: opt.Updater | None = None
        self._preload_opt_states: str | None = None
        # what the optimizer calls each parameter
        self._param_index: dict[str, int | str] = {name: place for place, name in enumerate(self._param_names)}

    # description

    @property
    def symbol(self) -> Symbol:
        """The network."""
        return self._network

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._data_names

    @property
    def label_names(self) -> list[str]:
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> list[DataDesc]:
        """What data the module is bound for."""
        return self._bound().data_shapes

    @property
    def label_shapes(self) -> list[DataDesc]:
        """What labels the module is bound for."""
        return self._bound().label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs."""
        given = {desc.name: desc.shape for desc in (*self.data_shapes, *self.label_shapes)}
        known = {name: shape for name, shape in given.items() if name in self.symbol.list_arguments()}
        return list(zip(self._output_names, self.symbol.infer_shape(**known)[1], strict=True))

    def _bound(self) -> DataParallelExecutorGroup:
        if self._exec_group is None:
            raise MXNetError("the module is not bound yet; call bind(data_shapes=..., label_shapes=...) first")
        return self._exec_group

    # binding

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: Module | None = None,
        grad_req: Any = "write",
    ) -> None:
        """Make executors for the shapes of the data.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (name, shape)
            What will come in.
        for_training : bool
            Whether gradients are needed.
        inputs_need_grad : bool
            Whether gradients of the data are needed too.
        force_rebind : bool
            Bind again although it is bound; parameters stay.
        shared_module : Module, optional
            A bound module whose parameters and optimizer this one uses.
        grad_req : str, list or dict
            ``'write'``, ``'add'`` or ``'null'``, for all parameters (and data, with `inputs_need_grad`), or for each
            argument in order, or by name: those not named are written.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._requests = self._requests_of(grad_req)
        if shared_module is not None:
            expect("bind: shared_module", shared_module, Module, "a bound Module")
            shared_module._bound()
            if len(shared_module._context) != len(self._context):
                raise ArgumentError(
                    f"shared_module: expected {len(self._context)} contexts as here, got {len(shared_module._context)}"
                )
            self._parameters = shared_module._parameters
            self.params_initialized = shared_module.params_initialized
        else:
            self._parameters.forget_gradients()
        self._parameters.note(self.symbol, (*self._param_names, *self._aux_names))
        self._exec_group = self._executors(data_shapes, label_shapes)
        self.binded = True
        if self._given is not None:
            given, self._given = self._given, None
            self.init_params(None, *given, force_init=True)
        if shared_module is not None and shared_module.optimizer_initialized:
            self.borrow_optimizer(shared_module)

    def _executors(self, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None) -> DataParallelExecutorGroup:
        labels = descriptions(label_shapes, self._label_names, "label_shapes")
        self._label_descs = labels or self._label_descs
        group = DataParallelExecutorGroup(
            self.symbol,
            self._context,
            self._workload,
            descriptions(data_shapes, self._data_names, "data_shapes"),
            labels,
            self._param_names,
            self._state_names,
            self._requests,
            self._parameters.pools,
        )
        if self._monitor is not None:
            for executor in group.execs:
                self._monitor.install(executor)
        return group

    def _requests_of(self, grad_req: Any) -> dict[str, str]:
        """What to do with each argument's gradient."""
        arguments = list(dict.fromkeys(self.symbol.list_arguments()))
        if not self.for_training:
            return dict.fromkeys(arguments, "null")
        expect("bind: grad_req", grad_req, (str, list, tuple, Mapping), "a word, a list or a dict of words")
        if isinstance(grad_req, list | tuple):
            if len(grad_req) != len(arguments):
                raise ArgumentError(f"grad_req: expected {len(arguments)} entries, got {len(grad_req)}")
            return dict(zip(arguments, grad_req, strict=True))
        trained = {*self._param_names, *(self._data_names if self.inputs_need_grad else ())}
        trained -= set(self._fixed_param_names)
        everywhere = grad_req if isinstance(grad_req, str) else "write"
        named = grad_req if isinstance(grad_req, Mapping) else {}
        return {name: named.get(name, everywhere if name in trained else "null") for name in arguments}

    def reshape(self, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None = None) -> None:
        """Bind for other shapes; parameters, gradients, states of the same shape and the optimizer stay."""
        before = self._bound()
        self._exec_group = self._executors(data_shapes, label_shapes)
        self._exec_group.share_states(before)

    # parameters

    def init_params(
        self,
        initializer: Any = INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give every parameter a value: from `arg_params` and `aux_params`, otherwise from the initializer.

        Parameters
        ----------
        initializer : Initializer
            For parameters that are not given.
        arg_params, aux_params : dict of str to NDArray, optional
            Values.
        allow_missing : bool
            Whether parameters may be absent from given values, and are then initialised.
        force_init : bool
            Initialise although it has been done.
        allow_extra : bool
            Whether given values may have names that the symbol has not.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "Parameters already initialized and force_init=False; init_params call ignored.", stacklevel=2
            )
            return
        self._bound()
        if not allow_extra:
            mend = "pass allow_extra=True to ignore them"
            refuse_extra(arg_params, self._param_names, "arg_params", mend)
            refuse_extra(aux_params, self._aux_names, "aux_params", mend)
        names = (*self._param_names, *self._aux_names)
        self._parameters.fill(names, arg_params, aux_params, initializer, allow_missing)
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Copies of the parameters and auxiliary states, on the CPU."""
        if self._given is not None and not self.binded:
            return self._given
        if not (self.binded and self.params_initialized):
            raise MXNetError("get_params: the module has no parameters yet; call bind and init_params first")
        return self._parameters.copies(self._param_names, self._aux_names)

    def set_params(
        self,
        arg_params: Params,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters other values; those missing stay as they are if `allow_missing`."""
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False; set_params call ignored.", stacklevel=2)
            return
        self.init_params(None, arg_params, aux_params, allow_missing, True, allow_extra)

    # states

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The arrays of the variables named by `state_names`."""
        return self._bound().states(merge_multi_context)

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """Set the states, such as to outputs of the last run.

        Parameters
        ----------
        states : list, optional
            For each state an array, or a list with the piece of each device.
        value : float, optional
            One number for all states, in place of `states`.
        """
        if (states is None) == (value is None):
            raise ArgumentError("set_states: give either states or value")
        group = self._bound()
        if states is not None:
            group.set_states(states)
            return
        for device in (array for pieces in group.states(merge=False) for array in pieces):
            device[:] = value

    def share_states(self, other: Module) -> None:
        """Use another module's arrays for the states that have the same shape there."""
        self._bound().share_states(other._bound())

    def forget_results(self) -> None:
        """Let go of the outputs of the last `forward`; whoever holds them keeps them."""
        self._bound().forget()

    # optimizer

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:
        """Choose how parameters are updated.

        Parameters
        ----------
        kvstore : str or None
            Gradients of several contexts are always summed here; distributed stores are refused.
        optimizer : str or Optimizer
            By name or ready made.
        optimizer_params : dict or pairs
            Arguments for an optimizer given by name. ``rescale_grad`` is one over the batch size unless given.
        force_init : bool
            Do it although it has been done.
        """
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        expect("init_optimizer: kvstore", kvstore, str | KVStore | None, "a name, a KVStore or None")
        if isinstance(kvstore, str) and kvstore.startswith("dist"):
            raise NotSupportedError(f"init_optimizer: kvstore {kvstore!r}: distributed training is not supported")
        names = {place: name for name, place in self._param_index.items()}
        optimizer = chosen(optimizer, optimizer_params, self.symbol, names, 1.0 / self._bound().batch_size)
        self._optimizer, self._updater = optimizer, opt.get_updater(optimizer)
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    def borrow_optimizer(self, shared_module: Module) -> None:
        """Use another module's optimizer; parameters are told apart by name."""
        if not shared_module.optimizer_initialized:
            raise MXNetError("borrow_optimizer: the other module has no optimizer")
        self._optimizer, self._updater = shared_module._optimizer, shared_module._updater
        self._param_index = shared_module._param_index
        self.optimizer_initialized = True
        self._introduce([name for name in self._param_names if name not in self._param_index])

    def _introduce(self, names: Sequence[str]) -> None:
        """Tell the borrowed optimizer of parameters that it does not know.

        They are called by their names in its states, so that these are the same in whatever order buckets come.
        """
        if self._optimizer is None or not names:
            return
        self._param_index.update({name: name for name in names})
        introduce(self._optimizer, self.symbol, names)

    def update(self) -> None:
        """Update every parameter by its gradient."""
        updater = self._own_updater()
        execs = self._bound().execs
        weights, grads, places = [], [], []
        for name in self._param_names:
            grad = execs[0].grad_dict.get(name)
            if grad is not None:
                for executor in execs[1:]:
                    other = executor.grad_dict[name]
                    if other is not None and other is not grad:
                        grad = grad + other.as_in_context(grad.context)
                weights.append(execs[0].arg_dict[name])
                grads.append(grad)
                places.append(self._param_index[name])
        updater(places, grads, weights)
        self._parameters.spread()

    # running

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Run the network on a batch; a batch of another shape binds the module anew."""
        if not self.params_initialized:
            raise MXNetError("forward: the parameters have no values yet; call init_params or set_params first")
        expect_batch(data_batch)
        group = self._bound()
        labels = getattr(data_batch, "label", None)
        labels_are_new = bool(labels and self._label_names and not group.label_shapes)
        if labels_are_new or shapes(data_batch.data) != shapes(group.data_shapes):
            self.reshape(
                seen(getattr(data_batch, "provide_data", None), data_batch.data, group.data_shapes),
                seen(getattr(data_batch, "provide_label", None), labels, self._label_descs),
            )
        self._bound().forward(data_batch, self.for_training if is_train is None else is_train)

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """Compute gradients; `out_grads` are those of the outputs, not needed where these are losses."""
        group = self._bound()
        if not self.for_training:
            raise MXNetError("backward: the module was bound with for_training=False; bind it again for training")
        group.backward(out_grads)

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last run; with `merge_multi_context` off, a list of each device's pieces."""
        return self._bound().outputs(merge_multi_context)

    def _outputs_without_padding(self, pad: int) -> list[NDArray]:
        group = self._bound()
        return group.outputs_of_first(group.batch_size - pad)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Gradients of the data, if bound with ``inputs_need_grad=True``."""
        if not self.inputs_need_grad:
            raise MXNetError("get_input_grads: bind the module with inputs_need_grad=True")
        return self._bound().gradients(merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: bool = False) -> None:
        """Tell the metric of the last outputs and their labels."""
        self._bound().update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Have a monitor watch every executor."""
        expect_call("install_monitor: mon.install", getattr(mon, "install", None), "mx.mon.Monitor makes a monitor")
        self._monitor = mon
        for executor in self._bound().execs:
            mon.install(executor)

    # files

    def save_checkpoint(
        self, prefix: str, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: bool = True
    ) -> None:
        """Write ``prefix-symbol.json``, ``prefix-%04d.params`` and, if asked, ``prefix-%04d.states``."""
        save_checkpoint(prefix, epoch, self.symbol, *self.get_params())
        if save_optimizer_states:
            path = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(path)
            logging.info('Saved optimizer state to "%s"', path)

    @staticmethod
    def load(
        prefix: str, epoch: int, load_optimizer_states: bool = False, *, dense: bool = False, **kwargs: Any
    ) -> Module:
        """A module from what `save_checkpoint` wrote; `kwargs` as for the constructor.

        `dense` as for `rennet.model.load_checkpoint`.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch, dense)
        module = Module(symbol, **kwargs)
        module._given = arg_params, aux_params
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    def _own_updater(self) -> opt.Updater:
        if self._updater is None:
            raise MXNetError("the module has no optimizer; call init_optimizer first")
        return self._updater

    def get_optimizer_states(self) -> bytes:
        """The optimizer's states, as `save_optimizer_states` writes them."""
        return self._own_updater().get_states()

    def set_optimizer_states(self, states: bytes) -> None:
        """Take up states that `get_optimizer_states` gave."""
        self._own_updater().set_states(states)

    def save_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Write the optimizer's states to a file."""
        write_atomic(fname, self.get_optimizer_states())

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Read the optimizer's states from a file."""
        set_states_from_file([self._own_updater()], fname)
