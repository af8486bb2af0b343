"""Trainer: updates a network's parameters by an optimizer, ours or one of torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .. import kvstore as kv
from .. import optimizer as opt
from .._formats.atomic import write_atomic
from ..base import ArgumentError, MXNetError, NotSupportedError, expect
from ..context import Context
from ..kvstore import KVStore
from ..ndarray import NDArray
from ..optimizer.updater import set_states_from_file
from .parameter import Parameter
from .parameter_dict import ParameterDict
from .torch_updates import TorchUpdater, makes_torch_optimizer

__all__ = ["Trainer"]


class Trainer:
    """Applies an optimizer to parameters.

    Parameters
    ----------
    params : ParameterDict, dict or list of Parameter
        What is trained: ``net.collect_params()``.
    optimizer : str, Optimizer, or torch optimizer
        A name such as ``'adam'``, an instance, or a class of torch's such as ``torch.optim.AdamW`` (or any function
        from a list of tensors to a torch optimizer).
    optimizer_params : dict, optional
        Arguments of the optimizer, if it is not an instance; for torch's their names are torch's: ``{'lr': 0.1}``.
    kvstore : str, KVStore or None
        What adds up the gradients of several devices: ``'device'`` or ``'local'``. With one device nothing has to be.
    compression_params : None
        Gradient compression is not supported.
    update_on_kvstore : bool, optional
        Whether, with several devices, the store runs the optimizer, once for all; so it is by default if there is a
        store and the optimizer is not torch's. With False it only adds up the gradients, in place, and each device
        updates its own copy; then they can be looked at and changed between `allreduce_grads` and `update`.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.gluon.nn.Dense(1, in_units=2)
    >>> net.initialize(mx.init.One())
    >>> trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    >>> with mx.autograd.record():
    ...     loss = net(mx.nd.array([[1, 2], [3, 4]])).sum()
    >>> loss.backward()
    >>> trainer.step(batch_size=2)
    >>> net.weight.data().asnumpy().tolist(), net.bias.data().asnumpy().tolist()
    ([[0.0, -0.5]], [-0.5])
    """

    def __init__(
        self,
        params: ParameterDict | Mapping[str, Parameter] | Sequence[Parameter],
        optimizer: Any,
        optimizer_params: Mapping[str, Any] | None = None,
        kvstore: str | KVStore | None = "device",
        compression_params: Any = None,
        update_on_kvstore: bool | None = None,
    ) -> None:
        if compression_params is not None:
            raise NotSupportedError("Trainer: compression_params: gradients are added up as they are; leave it out")
        self._params = _listed(params)
        self._param2idx = {parameter.name: place for place, parameter in enumerate(self._params)}
        for parameter in self._params:
            parameter._set_trainer(self)
        arguments = dict(optimizer_params or {})
        self._scale = float(arguments.get("rescale_grad", 1.0))
        self._make = None
        if makes_torch_optimizer(optimizer):
            arguments.pop("rescale_grad", None)
            self._make = optimizer, arguments
        else:
            self._optimizer = self._our_optimizer(optimizer, optimizer_params, arguments)
        self._kvstore = kv.create(kvstore) if isinstance(kvstore, str) else kvstore
        if self._kvstore is not None and not isinstance(self._kvstore, KVStore):
            raise ArgumentError(f"Trainer: kvstore: expected a name, a KVStore or None, got {kvstore!r}")
        if update_on_kvstore and (self._kvstore is None or self._make is not None):
            raise ArgumentError("Trainer: update_on_kvstore=True needs a kvstore, and an optimizer that is not torch's")
        by_default = self._kvstore is not None and self._make is None
        self._update_on_kvstore = by_default if update_on_kvstore is None else bool(update_on_kvstore)
        self._contexts: list[Context] = []
        self._updaters: list[Any] = []
        self._kv_initialized = False

    def _our_optimizer(self, optimizer: Any, given: Any, arguments: dict[str, Any]) -> opt.Optimizer:
        by_index = dict(enumerate(self._params))
        if isinstance(optimizer, opt.Optimizer):
            if given:
                raise ArgumentError(
                    "Trainer: optimizer_params: expected None, as the optimizer is an instance, which has its own"
                )
            optimizer.param_dict = by_index
            self._scale = optimizer.rescale_grad
            return optimizer
        return opt.create(optimizer, param_dict=by_index, **arguments)

    # what it uses

    @property
    def optimizer(self) -> Any:
        """The optimizer; torch's once the first step has made it."""
        if self._make is None:
            return self._optimizer
        self._prepare()
        return self._updaters[0].optimizer

    @property
    def learning_rate(self) -> float:
        """The current learning rate."""
        if self._make is None:
            return self._optimizer.learning_rate
        if self.optimizer is not None:
            return self.optimizer.param_groups[0]["lr"]
        if "lr" not in self._make[1]:
            raise MXNetError("Trainer: the learning rate is not known before the first step makes torch's optimizer")
        return self._make[1]["lr"]

    def set_learning_rate(self, lr: float) -> None:
        """Change the learning rate; not possible beside a scheduler."""
        if self._make is None:
            self._optimizer.set_learning_rate(lr)
            return
        self._make[1]["lr"] = lr
        self._prepare()
        for updater in self._updaters:
            for group in updater.optimizer.param_groups if updater.optimizer is not None else ():
                group["lr"] = lr

    # a step

    def step(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """One update of all parameters, after `backward`.

        Parameters
        ----------
        batch_size : int
            Gradients are divided by it.
        ignore_stale_grad : bool
            Whether parameters that the last `backward` did not reach are passed over; an error otherwise.
        """
        self._rescale(batch_size)
        self._prepare()
        self._allreduce_grads()
        self._update(ignore_stale_grad)

    def allreduce_grads(self) -> None:
        """Add up the gradients of several devices, in place; `update` can then follow."""
        self._prepare()
        self._expect_own_update("allreduce_grads")
        self._allreduce_grads()

    def update(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """As `step`, for gradients that `allreduce_grads` has added up already."""
        self._prepare()
        self._expect_own_update("update")
        self._rescale(batch_size)
        self._update(ignore_stale_grad)

    def _expect_own_update(self, call: str) -> None:
        if self._update_on_kvstore and len(self._contexts) > 1:
            raise MXNetError(f"{call}() has no meaning where the kvstore updates; set update_on_kvstore=False")

    def _rescale(self, batch_size: float) -> None:
        if not batch_size > 0:
            raise ArgumentError(f"Trainer: batch_size: expected a positive number, got {batch_size!r}")
        self._rescale_grad = self._scale / batch_size
        if self._make is None:
            self._optimizer.rescale_grad = self._rescale_grad

    def _prepare(self) -> None:
        """Updaters for each device, once parameters have devices; states go along when these change."""
        contexts = self._common_contexts()
        if contexts == self._contexts:
            return
        used = [each for each in self._updaters if not isinstance(each, TorchUpdater) or each.optimizer is not None]
        states = used[0].get_states(dump_optimizer=True) if used else None
        if states is not None and self._kv_initialized and self._update_on_kvstore:
            raise MXNetError(
                f"Trainer: the kvstore updates parameters on {self._contexts}, but they are on {contexts} now; make a "
                "new Trainer after reset_ctx"
            )
        self._contexts = contexts
        if self._make is not None:
            self._updaters = [TorchUpdater(*self._make) for _ in contexts]
        else:
            self._updaters = [opt.get_updater(self._optimizer) for _ in contexts]
        for updater in self._updaters if states is not None else ():
            updater.set_states(states)
        store = self._kvstore
        if self._kv_initialized or store is None or len(contexts) < 2:
            return
        self._kv_initialized = True
        for place, parameter in enumerate(self._params):
            store.init(place, parameter.list_data()[0])
        if self._update_on_kvstore:
            store.set_optimizer(self._optimizer)

    def _common_contexts(self) -> list[Context]:
        contexts: list[Context] | None = None
        for parameter in self._params:
            found = parameter.list_ctx()
            if contexts is not None and found != contexts:
                raise MXNetError(
                    f"All Parameters must be initialized on the same set of contexts, but Parameter "
                    f"{parameter.name!r} is initialized on {found} while previous Parameters are initialized on "
                    f"{contexts}."
                )
            contexts = found
        return contexts or []

    def _trained(self) -> list[tuple[int, Parameter]]:
        return [(place, each) for place, each in enumerate(self._params) if each.grad_req != "null"]

    def _allreduce_grads(self) -> None:
        if len(self._contexts) < 2:
            return
        if self._kvstore is None:
            raise MXNetError("Trainer: parameters are on several devices, whose gradients a kvstore has to add up")
        if self._update_on_kvstore:
            return
        for place, parameter in self._trained():
            self._kvstore.pushpull(place, parameter.list_grad())

    def _update(self, ignore_stale_grad: bool) -> None:
        fresh = [(place, each) for place, each in self._trained() if self._is_fresh(each, ignore_stale_grad)]
        if self._update_on_kvstore and self._kv_initialized:
            assert self._kvstore is not None
            for place, parameter in fresh:
                self._kvstore.push(place, parameter.list_grad())
                self._kvstore.pull(place, parameter.list_data())
        else:
            for device, updater in enumerate(self._updaters):
                grads = [each.list_grad()[device] for _, each in fresh]
                weights = [each.list_data()[device] for _, each in fresh]
                self._apply(updater, [place for place, _ in fresh], grads, weights)
        for _, parameter in fresh:
            for array in parameter.list_data():
                array._fresh_grad = False

    def _apply(self, updater: Any, places: list[int], grads: list[NDArray], weights: list[NDArray]) -> None:
        if isinstance(updater, TorchUpdater):
            updater.step(self._params, self._rescale_grad, places, grads, weights)
        elif places:
            updater(places, grads, weights)

    def _is_fresh(self, parameter: Parameter, ignore_stale_grad: bool) -> bool:
        stale = [array.context for array in parameter.list_data() if not array._fresh_grad]
        if stale and not ignore_stale_grad:
            raise UserWarning(
                f"Gradient of Parameter `{parameter.name}` on context {stale[0]} has not been updated by backward "
                "since last `step`. This could mean a bug in your model that made it only use a subset of the "
                "Parameters (Blocks) for this iteration. If you are intentionally only using a subset, call step with "
                "ignore_stale_grad=True to suppress this warning and skip updating of Parameters with stale gradient"
            )
        return not stale

    # states

    def save_states(self, fname: str | os.PathLike[str]) -> None:
        """Write the optimizer's states (momentum and the like) to a file; see `rennet.optimizer` for its format."""
        self._prepare()
        if self._update_on_kvstore and self._kv_initialized:
            assert self._kvstore is not None
            self._kvstore.save_optimizer_states(fname, dump_optimizer=True)
        else:
            write_atomic(fname, self._updaters[0].get_states(dump_optimizer=True))

    def load_states(self, fname: str | os.PathLike[str]) -> None:
        """Put back what `save_states` wrote, or real MXNet's; a checksum beside the file is verified.

        Raises
        ------
        FormatError
            The file is damaged, or of another kind of optimizer.
        NotSupportedError
            It is MXNet's, and holds something else than arrays, plain values and optimizers of MXNet's.
        """
        self._prepare()
        if self._update_on_kvstore and self._kv_initialized:
            assert self._kvstore is not None
            self._kvstore.load_optimizer_states(fname)
            return
        set_states_from_file(self._updaters, fname)


def _listed(params: Any) -> list[Parameter]:
    if isinstance(params, ParameterDict | Mapping):
        params = [params[key] for key in sorted(params.keys())]
    if not isinstance(params, list | tuple):
        raise ArgumentError(
            f"Trainer: params: expected a dict or list of Parameters, such as net.collect_params(), got "
            f"{type(params).__name__}"
        )
    if not params:
        raise ArgumentError("Trainer: params: expected at least one Parameter, got none")
    mend = "net.collect_params() gives a network's"
    return [
        expect(f"Trainer: params, entry {place}", each, Parameter, "a Parameter", mend)
        for place, each in enumerate(params)
    ]
