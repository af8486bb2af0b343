"""Optimizer: the contract between training and an update rule, and the bookkeeping all rules share."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, TypeVar

import torch

from ..base import ArgumentError, expect, expect_call, expect_number, expect_whole
from ..ndarray import NDArray
from ..symbol import Symbol

Class = TypeVar("Class", bound="type[Optimizer]")

_LOW_PRECISION = (torch.float16, torch.bfloat16)


class Optimizer:
    """Base of all optimizers.

    A rule of one's own overrides `create_state` and `update`, and begins `update` with ``self._update_count(index)``;
    `_get_lr` and `_get_wd` then give the learning rate and weight decay of that parameter.

    Parameters
    ----------
    rescale_grad : float
        Gradients are multiplied by it first; often 1 / batch size.
    param_idx2name : dict of int to str, optional
        Names of the parameters, which `update` knows by their index only.
    wd : float
        Weight decay, as an addition of ``wd * weight`` to the gradient.
    clip_gradient : float, optional
        Gradients are clipped to ``[-clip_gradient, clip_gradient]``; None or a number that is not positive for none.
    learning_rate : float, optional
        0.01 by default, or the scheduler's; given both, this one overwrites the scheduler's `base_lr`.
    lr_scheduler : LRScheduler, optional
        Gives the learning rate by the number of updates.
    sym : Symbol, optional
        The graph; its variables' ``lr_mult`` and ``wd_mult`` are honoured.
    begin_num_update : int
        Number of updates that count as done.
    multi_precision : bool
        Whether weights of 16 bits are updated through a float32 copy.
    param_dict : dict of int to Parameter, optional
        Gluon's parameters, whose `lr_mult` and `wd_mult` go before all others.

    Attributes
    ----------
    num_update : int
        The largest number of updates that any parameter has had.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet import optimizer
    >>> @optimizer.register
    ... class SignDescent(optimizer.Optimizer):
    ...     def update(self, index, weight, grad, state):
    ...         self._update_count(index)
    ...         weight -= self._get_lr(index) * mx.nd.sign(grad)
    >>> update = optimizer.get_updater(optimizer.create("signdescent", learning_rate=0.5))
    >>> weight = mx.nd.array([1, 2])
    >>> update(0, mx.nd.array([-7, 7]), weight)
    >>> weight.asnumpy().tolist()
    [1.5, 1.5]
    """

    opt_registry: ClassVar[dict[str, type[Optimizer]]] = {}

    def __init__(
        self,
        rescale_grad: float = 1.0,
        param_idx2name: Mapping[Any, str] | None = None,
        wd: float = 0.0,
        clip_gradient: float | None = None,
        learning_rate: float | None = None,
        lr_scheduler: Callable[[int], float] | None = None,
        sym: Symbol | None = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        param_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        owner = type(self).__name__
        kinds = Mapping | None
        expect(f"{owner}: param_idx2name", param_idx2name, kinds, "a dict of parameter indices to names")
        expect(f"{owner}: param_dict", param_dict, kinds, "a dict of parameter indices to Parameters")
        expect(f"{owner}: sym", sym, Symbol | None, "a Symbol")
        expect_whole(f"{owner}: begin_num_update", begin_num_update, 0)
        for what, number in (("rescale_grad", rescale_grad), ("wd", wd)):
            expect_number(f"{owner}: {what}", number)
        for what, number in (("learning_rate", learning_rate), ("clip_gradient", clip_gradient)):
            expect(f"{owner}: {what}", number, Real | None, "a number")
        if lr_scheduler is not None:
            expect_call(f"{owner}: lr_scheduler", lr_scheduler, "mx.lr_scheduler has schedulers")
        self.rescale_grad = rescale_grad
        self.wd = wd
        self.clip_gradient = clip_gradient
        self.lr_scheduler: Any = lr_scheduler
        self.lr: Any = 0.01 if learning_rate is None and lr_scheduler is None else learning_rate
        self._overwrite_scheduler(learning_rate)
        self.multi_precision = multi_precision
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._all_index_update_counts: dict[int, dict[Any, int]] = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.aggregate_num = 0
        """How many parameters `update` takes in one call; 0 if it takes no lists."""
        self.idx2name = dict(param_idx2name or {})
        self.sym_info = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict: Mapping[Any, Any] = param_dict or {}
        self.lr_mult: dict[Any, float] = {}
        self.wd_mult: dict[Any, float] = {}
        self.set_lr_mult({})
        self.set_wd_mult({})

    def _overwrite_scheduler(self, learning_rate: float | None) -> None:
        scheduler = self.lr_scheduler
        if scheduler is None or learning_rate is None or scheduler.base_lr == learning_rate:
            return
        text = "the scheduler's base_lr of %g is overwritten by the optimizer's learning_rate of %g"
        logging.warning(text, scheduler.base_lr, learning_rate)
        scheduler.base_lr = learning_rate

    def __getstate__(self) -> dict[str, Any]:
        # Parameters belong to Gluon's Trainer, which hands them to a copied optimizer itself.
        return {**self.__dict__, "param_dict": {}}

    # the registry

    @staticmethod
    def register(klass: Class) -> Class:
        """Make a class known to `create_optimizer` by its name in lower case. Usable as a decorator."""
        expect("register", klass, type, "a class")
        name = klass.__name__.lower()
        before = Optimizer.opt_registry.get(name)
        if before is not None:
            old, new = (f"{each.__module__}.{each.__qualname__}" for each in (before, klass))
            warnings.warn(f"optimizer {name!r}: {new} takes the place of {old}", stacklevel=2)
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer:
        """A new optimizer of a registered class.

        Parameters
        ----------
        name : str
            The class's name, in upper or lower case.
        **kwargs
            Its arguments.
        """
        klass = Optimizer.opt_registry.get(name.lower()) if isinstance(name, str) else None
        if klass is None:
            known = ", ".join(sorted(Optimizer.opt_registry))
            raise ArgumentError(f"optimizer: expected the name of a registered one ({known}), got {name!r}")
        known = _arguments_of(klass)
        unknown = sorted(set(kwargs) - set(known)) if known is not None else []
        if unknown:
            takes = ", ".join(known or ())
            raise ArgumentError(f"optimizer {name!r}: takes no {', '.join(unknown)}; it takes: {takes}")
        return klass(**kwargs)

    # the rule

    def create_state(self, index: Any, weight: NDArray) -> Any:
        """What must be remembered of one parameter from update to update.

        Parameters
        ----------
        index : int or str
            The parameter's index.
        weight : NDArray
            The parameter.

        Returns
        -------
        None, NDArray, or a tuple or list of such, nested as may be
        """
        return None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Change `weight`, and `state`, in place.

        Parameters
        ----------
        index : int or str
            The parameter's index. Optimizers with an `aggregate_num` take a list of indices, and lists of the rest.
        weight, grad : NDArray
            The parameter and its gradient.
        state
            As `create_state` made it.
        """
        raise NotImplementedError(f"{type(self).__name__}: an optimizer must define update(index, weight, grad, state)")

    def _keeps_master(self, weight: NDArray) -> bool:
        return self.multi_precision and weight.tensor.dtype in _LOW_PRECISION

    def create_state_multi_precision(self, index: Any, weight: NDArray) -> Any:
        """As `create_state`; for a weight of 16 bits with `multi_precision` the pair (float32 copy, its state)."""
        if self._keeps_master(weight):
            master = weight.astype("float32")
            return master, self.create_state(index, master)
        if weight.tensor.dtype in _LOW_PRECISION:
            kind = weight.tensor.dtype
            warnings.warn(f"parameter {index!r}: updates add up badly in {kind}; multi_precision?", stacklevel=3)
        return self.create_state(index, weight)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """As `update`, for states that `create_state_multi_precision` made."""
        if isinstance(index, list | tuple):
            weights, masters, grads, states = weight, list(weight), list(grad), list(state)
            for place, each in enumerate(weights):
                if self._keeps_master(each):
                    masters[place], states[place] = state[place]
                    grads[place] = grad[place].astype("float32")
            self.update(index, masters, grads, states)
        elif self._keeps_master(weight):
            weights, masters = [weight], [state[0]]
            self.update(index, state[0], grad.astype("float32"), state[1])
        else:
            self.update(index, weight, grad, state)
            return
        for each, master in zip(weights, masters, strict=True):
            if each is not master:
                each[:] = master

    # learning rates, weight decays and counts

    @property
    def learning_rate(self) -> float:
        """The current learning rate, before any multiplier."""
        return self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)

    def set_learning_rate(self, lr: float) -> None:
        """Change the learning rate; not possible beside a scheduler, which would go on to decide it."""
        if self.lr_scheduler is not None:
            raise UserWarning("set_learning_rate: the scheduler decides the learning rate; set lr_scheduler.base_lr")
        self.lr = lr

    def _multipliers(self, attribute: str) -> dict[str, float]:
        """A multiplier's values in the graph, by argument."""
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        given = {name: attributes.get(name, {}).get(attribute) for name in arguments}
        return {name: float(value) for name, value in given.items() if value is not None}

    def set_lr_mult(self, args_lr_mult: Mapping[Any, float]) -> None:
        """Set factors on the learning rate of single parameters, over those of the graph's variables.

        Parameters
        ----------
        args_lr_mult : dict of str or int to float
            Factors by name or index.
        """
        expect("set_lr_mult: args_lr_mult", args_lr_mult, Mapping, "a dict of factors by name or index")
        self.lr_mult = {**self._multipliers("__lr_mult__"), **args_lr_mult}

    def set_wd_mult(self, args_wd_mult: Mapping[Any, float]) -> None:
        """Set factors on the weight decay of single parameters, over those of the graph's variables.

        Unless said otherwise, parameters with a name that ends neither in ``_weight`` nor in ``_gamma`` have no weight
        decay.

        Parameters
        ----------
        args_wd_mult : dict of str or int to float
            Factors by name or index.
        """
        expect("set_wd_mult: args_wd_mult", args_wd_mult, Mapping, "a dict of factors by name or index")
        exempt = {name: 0.0 for name in self.idx2name.values() if not name.endswith(("_weight", "_gamma"))}
        self.wd_mult = {**exempt, **self._multipliers("__wd_mult__"), **args_wd_mult}

    def _multiplied(self, value: float, indices: Sequence[Any], attribute: str) -> list[float]:
        by_key = getattr(self, attribute)

        def factor(index: Any) -> float:
            if index in self.param_dict:
                return getattr(self.param_dict[index], attribute)
            return by_key[index] if index in by_key else by_key.get(self.idx2name.get(index), 1.0)

        return [value * factor(index) for index in indices]

    def _get_lrs(self, indices: Sequence[Any]) -> list[float]:
        """The learning rates of parameters."""
        return self._multiplied(self.learning_rate, indices, "lr_mult")

    def _get_lr(self, index: Any) -> float:
        """The learning rate of one parameter."""
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Any]) -> list[float]:
        """The weight decays of parameters."""
        return self._multiplied(self.wd, indices, "wd_mult")

    def _get_wd(self, index: Any) -> float:
        """The weight decay of one parameter."""
        return self._get_wds([index])[0]

    def _set_current_context(self, device_id: int) -> None:
        """Count updates for this device from here on: each holds a copy of every parameter."""
        self._index_update_count = self._all_index_update_counts.setdefault(device_id, {})

    def _update_count(self, index: Any) -> None:
        """Count one more update of a parameter, or of each of a list."""
        counts = self._index_update_count
        for each in index if isinstance(index, list | tuple) else [index]:
            counts[each] = counts.get(each, self.begin_num_update) + 1
            self.num_update = max(self.num_update, counts[each])


def _arguments_of(klass: type[Optimizer]) -> list[str] | None:
    """The names of all arguments that an optimizer takes; None if a class of a user may take others.

    A class that takes ``**kwargs`` hands them on to the next; only the built-in ones are known to hand on all.
    """
    names: dict[str, None] = {}
    for each in klass.__mro__:
        if "__init__" not in vars(each):
            continue
        parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
        named = [one for one in parameters if one.name != "self"]
        names.update({one.name: None for one in named if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)})
        if not any(one.kind is one.VAR_KEYWORD for one in named):
            return list(names)
        if each.__module__.partition(".")[0] != __name__.partition(".")[0]:
            return None
    return list(names)
