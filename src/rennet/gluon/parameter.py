"""Parameter: a weight that a Block holds, on one device or several, with its gradient, filled now or once it can be."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .. import autograd, initializer, symbol
from .._dtypes import element_type
from .._ops.inference import complete, from_public, to_public, unify
from ..base import ArgumentError, MXNetError, NotSupportedError, ShapeError, is_whole, one_of
from ..context import Context, context_of, cpu, current_context
from ..ndarray import NDArray, array
from ..ndarray.array import GRAD_REQS
from ..symbol import Symbol

__all__ = ["Constant", "DeferredInitializationError", "Parameter", "tensor_types"]

tensor_types = (Symbol, NDArray)


class DeferredInitializationError(MXNetError):
    """A parameter's values were asked for before its shape is known."""


class Parameter:
    """A weight of a Block.

    Parameters
    ----------
    name : str
        Full name, prefixes included.
    grad_req : {'write', 'add', 'null'}
        What `backward` does with its gradient: overwrite, add to, or not compute.
    shape : tuple of int or int, optional
        0 (or -1) stands for a dimension that the first batch will tell.
    dtype : str or type
        Element type.
    lr_mult, wd_mult : float
        Factors on the learning rate and weight decay that a Trainer uses.
    init : Initializer or str, optional
        Goes before the one that `initialize` is given.
    allow_deferred_init : bool
        Whether `initialize` may be called before the shape is known.
    differentiable : bool
        A parameter that is not has no gradient, whatever `grad_req` is set to.
    stype, grad_stype : str
        Only ``'default'``, dense arrays, is supported.

    Examples
    --------
    >>> import rennet as mx
    >>> weight = mx.gluon.Parameter("weight", shape=(2, 3))
    >>> weight.initialize(mx.init.One())
    >>> with mx.autograd.record():
    ...     loss = (weight.data() * 2).sum()
    >>> loss.backward()
    >>> weight.grad().asnumpy().tolist()
    [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    """

    def __init__(
        self,
        name: str,
        grad_req: str = "write",
        shape: Sequence[int] | int | None = None,
        dtype: Any = np.float32,
        lr_mult: float = 1.0,
        wd_mult: float = 1.0,
        init: Any = None,
        allow_deferred_init: bool = False,
        differentiable: bool = True,
        stype: str = "default",
        grad_stype: str = "default",
    ) -> None:
        for which, kind in (("stype", stype), ("grad_stype", grad_stype)):
            one_of(f"{which} of Parameter {name!r}", kind, ("default", "row_sparse", "csr"))
            if kind != "default":
                raise NotSupportedError(f"Parameter {name!r}: {which}={kind!r}: only dense arrays ('default') are")
        self.name = name
        self.lr_mult, self.wd_mult = lr_mult, wd_mult
        self.init = init
        self.dtype = dtype
        self._shape = _dimensions(name, shape)
        self._allow_deferred_init = allow_deferred_init
        self._differentiable = differentiable
        self._stype = self._grad_stype = "default"
        self._var: Symbol | None = None
        self._data: list[NDArray] | None = None
        self._grad: list[NDArray] | None = None
        self._deferred_init: tuple[Any, ...] = ()
        self._trainer: Any = None
        self._grad_req = "null"
        self.grad_req = grad_req

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name} (shape={self.shape}, dtype={self.dtype})"

    # what it is

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes of the axes, with 0 for what is not known yet; None if nothing is."""
        return None if self._shape is None else to_public(self._shape)

    @shape.setter
    def shape(self, shape: Sequence[int] | int | None) -> None:
        try:
            self._shape = unify(self._shape, _dimensions(self.name, shape))
        except ShapeError as error:
            raise ShapeError(
                f"Parameter {self.name!r}: its shape is {self.shape}, which {shape} does not fit"
            ) from error

    @property
    def _shape_is_known(self) -> bool:
        return complete(self._shape)

    @property
    def grad_req(self) -> str:
        """What `backward` does with its gradient."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, request: str) -> None:
        one_of(f"grad_req of Parameter {self.name!r}", request, GRAD_REQS)
        request = request if self._differentiable else "null"
        if request == self._grad_req:
            return
        self._grad_req = request
        self._grad = None
        if self._data is not None:
            self._init_grad()

    @property
    def stype(self) -> str:
        """Storage type; always dense."""
        return self._stype

    @property
    def grad_stype(self) -> str:
        """Storage type of the gradient; always dense."""
        return self._grad_stype

    # how it is filled

    def initialize(
        self,
        init: Any = None,
        ctx: Context | Sequence[Context] | None = None,
        default_init: Any = None,
        force_reinit: bool = False,
    ) -> None:
        """Make room for values and gradient, and fill them; later, if the shape is not known and that is allowed.

        Parameters
        ----------
        init : Initializer or str, optional
            Used in place of the parameter's own.
        ctx : Context or list of Context, optional
            Where; a copy on each. The current context by default.
        default_init : Initializer, optional
            Used if neither `init` nor the parameter's own is there; ``Uniform()`` by default.
        force_reinit : bool
            Whether a parameter that has values is filled anew.
        """
        if self._data is not None and not force_reinit:
            warnings.warn(
                f"Parameter {self.name!r} is already initialized, ignoring. Set force_reinit=True to re-initialize.",
                stacklevel=2,
            )
            return
        self._data = self._grad = None
        contexts = _contexts(ctx) or [current_context()]
        default_init = initializer.Uniform() if default_init is None else default_init
        if init is None:
            init = default_init if self.init is None else self.init
        self._expect_initializer(init)
        self._deferred_init = (init, contexts, default_init, None)
        if self._shape_is_known:
            self._finish_deferred_init()
        elif not self._allow_deferred_init:
            self._deferred_init = ()
            raise ShapeError(
                f"Cannot initialize Parameter {self.name!r} because it has invalid shape: {self.shape}. "
                "Give every dimension, or allow_deferred_init=True"
            )

    def _expect_initializer(self, init: Any) -> None:
        """Say now that there is no such initializer, not at the first batch."""
        if isinstance(init, str):
            try:
                initializer.create(init)
            except MXNetError as error:
                raise ArgumentError(f"Parameter {self.name!r}: init: {error}") from error

    def _finish_deferred_init(self) -> None:
        """Do what `initialize` or loading had to put off."""
        if not self._deferred_init:
            return
        init, contexts, default_init, data = self._deferred_init
        if not self._shape_is_known:
            raise ShapeError(
                f"Cannot initialize Parameter {self.name!r} because it has invalid shape: {self.shape}. "
                "Please specify in_units, in_channels, etc. for the Block that holds it"
            )
        self._deferred_init = ()
        with autograd.pause():
            if data is None:
                tensor = torch.zeros(self.shape or (), dtype=element_type(self.dtype).torch)
                data = NDArray(tensor, cpu())
                initializer.create(default_init)(initializer.InitDesc(self.name, {"__init__": init}), data)
            self._init_impl(data, contexts)

    def _init_impl(self, data: NDArray, contexts: Sequence[Context]) -> None:
        # each device gets memory of its own
        self._data = [data.copyto(context) for context in contexts]
        self._init_grad()

    def _init_grad(self) -> None:
        assert self._data is not None
        for each in self._data:
            each.attach_grad(self._grad_req)
        grads = [each.grad for each in self._data if each.grad is not None]
        self._grad = grads if self._grad_req != "null" else None

    def _load_init(self, data: NDArray, ctx: Any, cast_dtype: bool = False, dtype_source: str = "current") -> None:
        """Take over values that were loaded."""
        one_of("dtype_source", dtype_source, ("current", "saved"))
        if self._shape is not None:
            try:
                self._shape = unify(self._shape, from_public(data.shape))
            except ShapeError:
                raise ShapeError(
                    f"Failed loading Parameter {self.name!r} from saved params: shape incompatible: "
                    f"expected {self.shape}, got {data.shape}"
                ) from None
        else:
            self._shape = data.shape
        own, saved = element_type(self.dtype), element_type(data.dtype)
        if own.torch != saved.torch:
            if not cast_dtype:
                raise ArgumentError(
                    f"Failed loading Parameter {self.name!r} from saved params: dtype incompatible: "
                    f"expected {own.name}, got {saved.name}. Set cast_dtype=True to cast the dtype of saved params."
                )
            if dtype_source == "current":
                data = data.astype(self.dtype)
            else:
                self.dtype = data.dtype
        contexts = _contexts(ctx)
        if self._data is None:
            if self._deferred_init:
                _, planned, _, _ = self._deferred_init
                if contexts is not None and set(contexts) != set(planned):
                    raise ArgumentError(
                        f"Failed to load Parameter {self.name!r} on {contexts}: it was to be initialized on {planned}"
                    )
                contexts = planned
            self._init_impl(data, contexts or [cpu()])
        else:
            if contexts is not None and set(contexts) != set(self.list_ctx()):
                raise ArgumentError(
                    f"Failed to load Parameter {self.name!r} on {contexts}: it is on {self.list_ctx()}; "
                    "reset_ctx moves it"
                )
            if any(element_type(each.dtype).torch != element_type(data.dtype).torch for each in self._data):
                self._init_impl(data, self.list_ctx())
            self.set_data(data)
        self._deferred_init = ()

    # what it holds

    def _check_and_get(self, arrays: list[NDArray] | None, ctx: Any) -> Any:
        if arrays is not None:
            if ctx is list:
                return arrays
            if ctx is None:
                if len(arrays) == 1:
                    return arrays[0]
                ctx = current_context()
            for each in arrays:
                if each.context == ctx:
                    return each
            there = [each.context for each in arrays]
            raise MXNetError(
                f"Parameter {self.name!r} was not initialized on context {ctx}. It was only initialized on {there}."
            )
        if self._deferred_init:
            raise DeferredInitializationError(
                f"Parameter {self.name!r} has not been initialized yet because initialization was deferred. Actual "
                "initialization happens during the first forward pass. Pass one batch of data through the network "
                "before asking for its parameters, or give in_units, in_channels and the like"
            )
        raise MXNetError(
            f"Parameter {self.name!r} has not been initialized. Initialize parameters, and create the Trainer, with "
            "Block.collect_params(), not with Block.params, which lacks those of the Blocks inside"
        )

    def data(self, ctx: Context | None = None) -> NDArray:
        """The values on one device; which is needed only if there are several and the current one is not meant."""
        return self._check_and_get(self._data, ctx)

    def list_data(self) -> list[NDArray]:
        """The values on every device."""
        return self._check_and_get(self._data, list)

    def _with_grad(self) -> list[NDArray] | None:
        if self._data is not None and self._grad is None:
            raise MXNetError(
                f"Cannot get gradient array for Parameter {self.name!r} because grad_req={self._grad_req!r}"
            )
        return self._grad

    def grad(self, ctx: Context | None = None) -> NDArray:
        """The gradient on one device."""
        return self._check_and_get(self._with_grad(), ctx)

    def list_grad(self) -> list[NDArray]:
        """The gradient on every device."""
        return self._check_and_get(self._with_grad(), list)

    def list_ctx(self) -> list[Context]:
        """The devices it is, or will be, on."""
        if self._data is None:
            if self._deferred_init:
                return list(self._deferred_init[1])
            raise MXNetError(f"Parameter {self.name!r} has not been initialized")
        return [each.context for each in self._data]

    def row_sparse_data(self, row_id: NDArray) -> NDArray:
        """Not supported: parameters are dense."""
        raise NotSupportedError(
            f"Parameter {self.name!r}: row_sparse_data: parameters are dense here; use data() and take rows of it"
        )

    def list_row_sparse_data(self, row_id: NDArray) -> list[NDArray]:
        """Not supported: parameters are dense."""
        return [self.row_sparse_data(row_id)]

    def set_data(self, data: Any) -> None:
        """Overwrite the values on every device.

        Parameters
        ----------
        data : NDArray or array_like
            Of the parameter's shape.
        """
        values = data if isinstance(data, NDArray) else array(data, dtype=self.dtype)
        self.shape = values.shape
        if self._data is None:
            if not self._deferred_init:
                raise MXNetError(f"Parameter {self.name!r} has not been initialized")
            self._deferred_init = (*self._deferred_init[:3], values)
            return
        with autograd.pause():
            for each in self._data:
                each[:] = values

    def zero_grad(self) -> None:
        """Fill the gradients with zeros."""
        for each in self._grad or ():
            with torch.no_grad():
                each.tensor.zero_()

    def reset_ctx(self, ctx: Context | Sequence[Context]) -> None:
        """Move the values to other devices."""
        contexts = _contexts(ctx) or [current_context()]
        if self._data is not None:
            with autograd.pause():
                self._init_impl(self._reduce(), contexts)
        elif self._deferred_init:
            init, _, default_init, data = self._deferred_init
            self._deferred_init = (init, contexts, default_init, data)
        else:
            raise MXNetError(f"Cannot reset context for Parameter {self.name!r} because it has not been initialized.")

    def _reduce(self) -> NDArray:
        """The values on the CPU; of several devices the mean."""
        with torch.no_grad():
            parts = [each.tensor.detach().to("cpu") for each in self.list_data()]
            mean = parts[0].clone() if len(parts) == 1 else torch.stack(parts).mean(0).to(parts[0].dtype)
            return NDArray(mean, cpu())

    def cast(self, dtype: Any) -> None:
        """Change the element type of values and gradient."""
        element_type(dtype)  # an unknown one is told before anything changes
        self.dtype = dtype
        self._var = None
        if self._data is not None:
            before = self._grad
            with autograd.pause():
                self._data = [each.astype(dtype) for each in self._data]
                self._init_grad()
                for new, old in zip(self._grad or (), before or (), strict=True):
                    new[:] = old

    def var(self) -> Symbol:
        """The variable that stands for it in graphs."""
        if self._var is None:
            self._var = symbol.var(
                self.name,
                shape=self.shape,
                dtype=self.dtype,
                lr_mult=self.lr_mult,
                wd_mult=self.wd_mult,
                init=self.init,
                stype=self._stype,
            )
        return self._var

    def _set_trainer(self, trainer: Any) -> None:
        self._trainer = trainer

    @contextmanager
    def _standing_in(self, tensor: torch.Tensor) -> Iterator[None]:
        """A scope in which another tensor is this parameter's only array: torch differentiates that one."""
        (own,) = self.list_data()
        before = own._tensor, own._ctx
        own._tensor, own._ctx = tensor, own._ctx if tensor.device == own._tensor.device else context_of(tensor.device)
        try:
            yield
        finally:
            own._tensor, own._ctx = before

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_var": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._data is not None:
            self._init_grad()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        from copy import copy

        new = copy(self)
        memo[id(self)] = new
        if self._data is not None:
            new._data = [each.__deepcopy__(memo) for each in self._data]
            new._init_grad()
        return new


class Constant(Parameter):
    """A parameter that training does not change.

    Parameters
    ----------
    name : str
        Full name.
    value : NDArray or array_like
        Its value.

    Examples
    --------
    >>> import rennet as mx
    >>> constant = mx.gluon.Constant("scale", [[1, 2], [3, 4]])
    >>> constant.initialize()
    >>> constant.data().asnumpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, name: str, value: Any) -> None:
        self.value = value if isinstance(value, NDArray) else array(value)
        super().__init__(name, grad_req="null", shape=self.value.shape, dtype=self.value.dtype, init=_Given(self.value))

    @property
    def grad_req(self) -> str:
        """Always ``'null'``."""
        return "null"

    @grad_req.setter
    def grad_req(self, request: str) -> None:
        if request != "null":
            warnings.warn(
                f'Constant parameter "{self.name}" does not support grad_req other than "null", and new value '
                f'"{request}" is ignored.',
                stacklevel=2,
            )


class _Given(initializer.Initializer):
    """Fills an array with given values."""

    def __init__(self, value: NDArray) -> None:
        super().__init__(value=value.asnumpy().tolist())
        self._value = value

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = self._value


def _dimensions(name: str, shape: Any) -> tuple[int | None, ...] | None:
    """A shape as it is kept: None for what is not known, which users write as 0 or -1."""
    sizes = shape if isinstance(shape, list | tuple) else () if shape is None else (shape,)
    if not all(is_whole(size, -1) for size in sizes):
        raise ShapeError(f"Parameter {name!r}: shape: expected whole numbers, with 0 for unknown ones, got {shape!r}")
    return None if shape is None else from_public([int(size) for size in sizes])


def _contexts(ctx: Any) -> list[Context] | None:
    if ctx is None:
        return None
    contexts: list[Any] = list(ctx) if isinstance(ctx, Iterable) and not isinstance(ctx, str) else [ctx]
    for each in contexts:
        if not isinstance(each, Context):
            raise ArgumentError(f"ctx: expected a Context such as mx.cpu(), or a list of such; got {each!r}")
    if len(set(contexts)) != len(contexts):
        raise ArgumentError(f"ctx: expected each device once, got {contexts}")
    return contexts
