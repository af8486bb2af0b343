"""Modules in a chain: each works on the outputs of the one before."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

from ..base import ArgumentError, MXNetError, NotSupportedError, expect, one_of
from ..io import DataBatch, DataDesc
from ..ndarray import NDArray
from .base_module import INITIALIZER, BaseModule
from .parameters import Params, refuse_extra


class SequentialModule(BaseModule):
    """Modules of any kind in a chain.

    Parameters
    ----------
    logger : Logger
        Where `fit` reports.

    Examples
    --------
    >>> import rennet as mx
    >>> scores = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1, no_bias=True, name="fc")
    >>> chain = mx.mod.SequentialModule()
    >>> chain = chain.add(mx.mod.Module(scores, label_names=None))
    >>> loss = mx.mod.PythonLossModule(grad_func=lambda scores, labels: scores - labels)
    >>> chain = chain.add(loss, take_labels=True, auto_wiring=True)
    >>> chain.bind([("data", (4, 3))], [("softmax_label", (4, 1))])
    >>> chain.output_shapes
    [('pyloss_output', (4, 1))]
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging) -> None:
        super().__init__(logger)
        self._modules: list[BaseModule] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Any = None

    def add(self, module: BaseModule, **kwargs: Any) -> SequentialModule:
        """Put a module at the end; the chain has to be bound anew.

        Parameters
        ----------
        module : BaseModule
            The module.
        **kwargs
            ``take_labels=True`` if it gets the labels; any number of modules may. ``auto_wiring=True`` if what comes
            in is called by this module's `data_names`, in order; otherwise the outputs before must have these names.

        Returns
        -------
        The chain itself.
        """
        expect("SequentialModule.add: module", module, BaseModule, "a module")
        known = (self.META_TAKE_LABELS, self.META_AUTO_WIRING)
        for name in kwargs:
            one_of("SequentialModule.add: argument", name, known)
        self._modules.append(module)
        self._metas.append(kwargs)
        self.binded = self.params_initialized = self.optimizer_initialized = False
        return self

    def _takes_labels(self, place: int) -> bool:
        return bool(self._metas[place].get(self.META_TAKE_LABELS))

    # description

    @property
    def data_names(self) -> list[str]:
        """Names of the first module's data."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self) -> list[str]:
        """Names of the last module's outputs."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self) -> Any:
        """What data the first module is bound for."""
        return self._bound("data_shapes")[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """The labels' shapes as given to `bind`; None if no module takes labels."""
        self._bound("label_shapes")
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the last module's outputs."""
        return self._bound("output_shapes")[-1].output_shapes

    def _bound(self, what: str) -> list[BaseModule]:
        if not self.binded:
            raise MXNetError(f"SequentialModule.{what}: bind the chain first, after the last module has been added")
        return self._modules

    def _ready(self, what: str) -> list[BaseModule]:
        if not self.params_initialized:
            raise MXNetError(f"SequentialModule.{what}: the parameters have no values yet; call bind and init_params")
        return self._bound(what)

    # binding, parameters, optimizer

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
        """Bind each module for the outputs of the one before; arguments as for `Module.bind`."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if shared_module is not None:
            raise NotSupportedError("SequentialModule.bind: shared_module is not supported")
        if inputs_need_grad and not for_training:
            raise ArgumentError("SequentialModule.bind: inputs_need_grad=True needs for_training=True")
        if not self._modules:
            raise MXNetError("SequentialModule.bind: there are no modules; add some first")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        takers = [place for place in range(len(self._modules)) if self._takes_labels(place)]
        self._label_shapes = label_shapes if takers else None
        incoming = data_shapes
        for place, module in enumerate(self._modules):
            if self._metas[place].get(self.META_AUTO_WIRING):
                incoming = _renamed(incoming, module.data_names)
            module.bind(
                incoming,
                label_shapes if place in takers else None,
                for_training=for_training,
                inputs_need_grad=inputs_need_grad or (for_training and place > 0),
                force_rebind=force_rebind,
                grad_req=grad_req,
            )
            incoming = module.output_shapes
        self.binded = True

    def init_params(
        self,
        initializer: Any = INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters of every module values; see `Module.init_params`.

        Each module takes its own out of those given.
        """
        if self.params_initialized and not force_init:
            return
        self._bound("init_params")
        for module in self._modules:
            module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra=True)
        owners: dict[str, int] = {}
        for place, module in enumerate(self._modules):
            for name in (name for params in module.get_params() for name in params):
                if name in owners:
                    raise ArgumentError(
                        f"SequentialModule: modules {owners[name]} and {place} both have a parameter {name!r}; "
                        "in one chain parameters need different names"
                    )
                owners[name] = place
        if not allow_extra:
            mend = "pass allow_extra=True to ignore them"
            refuse_extra(arg_params, owners, "arg_params", mend)
            refuse_extra(aux_params, owners, "aux_params", mend)
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Copies of the parameters and auxiliary states of all modules, on the CPU."""
        arg_params: dict[str, NDArray] = {}
        aux_params: dict[str, NDArray] = {}
        for module in self._ready("get_params"):
            args, states = module.get_params()
            arg_params.update(args)
            aux_params.update(states)
        return arg_params, aux_params

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:
        """See `Module.init_optimizer`; each module has an optimizer of its own, unless one is given ready made."""
        self._ready("init_optimizer")
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore, optimizer, optimizer_params, force_init)
        self.optimizer_initialized = True

    # running

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Run the modules one after another."""
        batch = copy.copy(data_batch)
        *before, last = self._ready("forward")
        for module in before:
            module.forward(batch, is_train)
            batch.data = module.get_outputs()
            if getattr(batch, "provide_data", None):
                pairs = zip(module.output_names, batch.data, strict=True)
                batch.provide_data = [DataDesc(name, array.shape) for name, array in pairs]
        last.forward(batch, is_train)

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """Compute gradients from the last module to the first."""
        first, *after = self._ready("backward")
        for module in reversed(after):
            module.backward(out_grads)
            out_grads = module.get_input_grads()
        first.backward(out_grads)

    def update(self) -> None:
        """Update the parameters of every module."""
        if not self.optimizer_initialized:
            raise MXNetError("SequentialModule.update: there is no optimizer; call init_optimizer first")
        for module in self._ready("update"):
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The last module's outputs."""
        return self._ready("get_outputs")[-1].get_outputs(merge_multi_context)

    def _outputs_without_padding(self, pad: int) -> list[NDArray]:
        return self._modules[-1]._outputs_without_padding(pad)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Gradients of the data, if bound with ``inputs_need_grad=True``."""
        if not self.inputs_need_grad:
            raise MXNetError("SequentialModule.get_input_grads: bind the chain with inputs_need_grad=True")
        return self._ready("get_input_grads")[0].get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: bool = False) -> None:
        """Tell the metric of the last outputs of every module that takes labels."""
        for place, module in enumerate(self._ready("update_metric")):
            if self._takes_labels(place):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Have a monitor watch every module."""
        for module in self._bound("install_monitor"):
            module.install_monitor(mon)


def _renamed(described: Sequence[Any], names: Sequence[str]) -> list[DataDesc]:
    """Descriptions with other names, in order."""
    if len(described) != len(names):
        raise ArgumentError(
            f"SequentialModule.bind: auto_wiring: expected {len(names)} data ({names}), got {described}"
        )
    found = [desc if isinstance(desc, DataDesc) else DataDesc(*desc) for desc in described]
    return [DataDesc(name, desc.shape, desc.dtype, desc.layout) for name, desc in zip(names, found, strict=True)]
