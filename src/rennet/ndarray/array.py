"""NDArray: MXNet's array, as a thin shell around a torch tensor."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._dtypes import element_type
from .._ops.arithmetic import Arithmetic, Spelling
from .._ops.catalogue import OPERATORS
from .._ops.registry import Operator
from .._state import flags
from ..base import ArgumentError, MXNetError, ShapeError, numeric_types
from ..context import Context, context_of, current_context
from .indexing import put, take, torch_key

GRAD_REQS = ("write", "add", "null")


_SPELLINGS = {
    operation: Spelling(f"broadcast_{operation}", f"_{word}_scalar", f"_r{word}_scalar")
    for operation, word in {
        "add": "plus",
        "sub": "minus",
        **{same: same for same in ("mul", "div", "mod", "power")},
        **{same: same for same in ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")},
    }.items()
}


class NDArray(Arithmetic):
    """An array on one device.

    Wraps a torch tensor without copying (`tensor` gives it back), so that MXNet code and torch code can share memory
    and gradients. Arrays have at least one axis: what would be a scalar has shape ``(1,)``, as in MXNet.

    Parameters
    ----------
    tensor : torch.Tensor
        The data; not copied.
    ctx : Context, optional
        The name of the device. Several ``cpu(i)`` share one memory and are told apart by this alone.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.nd.array([[1, 2], [3, 4]])
    >>> (x * 2 + 1).asnumpy().tolist()
    [[3.0, 5.0], [7.0, 9.0]]
    """

    __slots__ = ("__weakref__", "_ctx", "_grad", "_grad_req", "_recorded", "_tensor")
    _spellings = _SPELLINGS
    __array_priority__ = 1000.0

    def __init__(self, tensor: Tensor, ctx: Context | None = None) -> None:
        if not isinstance(tensor, Tensor):
            raise ArgumentError(f"NDArray: expected a torch tensor, got {type(tensor).__name__}; nd.array converts")
        self._tensor = tensor
        self._ctx = ctx or context_of(tensor.device)
        self._grad: NDArray | None = None
        self._grad_req = "null"
        # whether it came out of recorded operators, even ones that let no gradient through
        self._recorded = False

    # what it is

    @property
    def tensor(self) -> Tensor:
        """The torch tensor inside; shared, not copied."""
        return self._tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(self._tensor.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._tensor.dim()

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._tensor.numel()

    @property
    def dtype(self) -> Any:
        """The element type, as NumPy's scalar type."""
        return element_type(self._tensor.dtype).public

    @property
    def stype(self) -> str:
        """Storage type; always dense here."""
        return "default"

    @property
    def context(self) -> Context:
        """The device."""
        return self._ctx

    ctx = context

    @property
    def T(self) -> NDArray:
        """All axes reversed."""
        return self.transpose()

    def __len__(self) -> int:
        return self._tensor.shape[0]

    def __repr__(self) -> str:
        shape = "x".join(str(size) for size in self.shape)
        return f"\n{self.asnumpy()!s}\n<NDArray {shape} @{self._ctx}>"

    def __bool__(self) -> bool:
        if self.size == 1:
            return bool(self.asscalar())
        if self.size == 0:
            return False
        raise ValueError(f"the truth of an array of shape {self.shape} is ambiguous; it has {self.size} elements")

    def __float__(self) -> float:
        return float(self.asscalar())

    def __int__(self) -> int:
        return int(self.asscalar())

    def __index__(self) -> int:
        if self.size == 1 and not self._tensor.is_floating_point():
            return int(self.asscalar())
        raise TypeError("only an integer array of one element can be an index")

    # leaving

    def asnumpy(self) -> np.ndarray[Any, Any]:
        """A copy as a NumPy array (bfloat16 as float32)."""
        tensor = self._tensor.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        return tensor.cpu().numpy().copy()

    def asscalar(self) -> Any:
        """The only element, as a NumPy scalar."""
        if self.size != 1:
            raise ValueError(f"asscalar: expected one element, got shape {self.shape}")
        return self.asnumpy().reshape(-1)[0]

    item = asscalar

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        values = self.asnumpy()
        return values if dtype is None else values.astype(dtype)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._tensor.detach().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._tensor.__dlpack_device__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._tensor.detach(), self._ctx)

    # copies and moves

    def copy(self) -> NDArray:
        """A new array with the same values."""
        with torch.set_grad_enabled(flags.recording):
            return NDArray(self._tensor.clone(), self._ctx)

    def __deepcopy__(self, memo: Any) -> NDArray:
        return NDArray(self._tensor.detach().clone(), self._ctx)

    def copyto(self, other: NDArray | Context) -> NDArray:
        """The values written into another array, or into a new one on another device."""
        if isinstance(other, Context):
            with torch.set_grad_enabled(flags.recording):
                return NDArray(self._tensor.to(other.torch_device, copy=True), other)
        if other.shape != self.shape:
            raise ShapeError(f"copyto: expected a target of shape {self.shape}, got {other.shape}")
        other[:] = self
        return other

    def as_in_context(self, context: Context) -> NDArray:
        """This array if it is there already, otherwise a copy on that device."""
        return self if context == self._ctx else self.copyto(context)

    as_in_ctx = as_in_context

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """The values in another element type; without `copy` this array if it has that type already."""
        kind = element_type(dtype).torch
        if not copy and kind == self._tensor.dtype:
            return self
        with torch.set_grad_enabled(flags.recording):
            return NDArray(self._tensor.to(kind, copy=True), self._ctx)

    def detach(self) -> NDArray:
        """The same memory, outside the recorded graph."""
        return NDArray(self._tensor.detach(), self._ctx)

    def wait_to_read(self) -> None:
        """Wait until the values are there."""
        _synchronize(self._tensor.device)

    # gradients

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make room for a gradient; `autograd.backward` writes or adds it there, by `grad_req`."""
        _check_grad_req(grad_req)
        mark_variable(self, NDArray(torch.zeros_like(self._tensor), self._ctx), grad_req)

    @property
    def grad(self) -> NDArray | None:
        """The gradient's array, if one was attached and wanted."""
        return self._grad

    def backward(self, out_grad: NDArray | None = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Gradients of this array with respect to everything that was marked and recorded."""
        from ..autograd import backward  # the module above this class; it needs NDArray itself

        backward([self], None if out_grad is None else [out_grad], retain_graph, train_mode)

    # elements

    def __getitem__(self, key: Any) -> NDArray:
        with torch.set_grad_enabled(flags.recording):
            result = take(self._tensor, self._key(key))
        return NDArray(result.reshape(1) if result.dim() == 0 else result, self._ctx)

    def __setitem__(self, key: Any, value: Any) -> None:
        target = self._tensor
        if isinstance(value, NDArray):
            value = value._tensor
        if flags.recording and (target.requires_grad or (isinstance(value, Tensor) and value.requires_grad)):
            # it would not be recorded, and its gradient silently be lost
            raise MXNetError("assigning to an array, or from one, that is being recorded for autograd is not supported")
        if not isinstance(value, Tensor):
            values = np.asarray(value)
            if values.dtype.kind not in "biuf":
                raise ArgumentError(f"assignment: expected numbers or an array of numbers, got {value!r}")
            value = torch.as_tensor(values, dtype=target.dtype)
        with torch.no_grad():
            put(target, self._key(key), value.to(target.device, target.dtype))

    def _key(self, key: Any) -> tuple[Any, ...]:
        parts = key if isinstance(key, tuple) else (key,)
        plain = tuple(part._tensor if isinstance(part, NDArray) else part for part in parts)
        return torch_key(plain, self._tensor.device)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    # shapes

    def reshape(self, *shape: Any, **kwargs: Any) -> NDArray:
        """The same memory in another shape, by the codes of the ``Reshape`` operator."""
        if "shape" in kwargs:
            shape = kwargs.pop("shape")
        elif len(shape) == 1 and isinstance(shape[0], list | tuple):
            (shape,) = shape
        (result,) = invoke(OPERATORS["Reshape"], [self], {"shape": tuple(shape), **kwargs}, views=True)
        return result

    def reshape_like(self, other: NDArray) -> NDArray:
        """A copy in the shape of `other`."""
        return self.reshape(other.shape).copy()

    def transpose(self, *axes: Any, **kwargs: Any) -> NDArray:
        """The axes in another order, or all reversed."""
        if "axes" in kwargs:
            axes = kwargs["axes"]
        elif len(axes) == 1 and isinstance(axes[0], list | tuple):
            (axes,) = axes
        (result,) = invoke(OPERATORS["transpose"], [self], {"axes": tuple(axes or ())})
        return result

    # arithmetic

    def _with(self, pair: str, scalar: str, other: Any, reflected: bool) -> Any:
        if isinstance(other, (*numeric_types, np.number, np.bool_)):
            return invoke(OPERATORS[scalar], [self], {"scalar": other})[0]
        if isinstance(other, np.ndarray):
            other = NDArray(torch.as_tensor(other, dtype=self._tensor.dtype), self._ctx)
        if not isinstance(other, NDArray):
            return NotImplemented
        return invoke(OPERATORS[pair], [other, self] if reflected else [self, other], {})[0]

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return False if other is None else self._apply("equal", other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else self._apply("not_equal", other)

    def __neg__(self) -> NDArray:
        return invoke(OPERATORS["negative"], [self], {})[0]

    def __abs__(self) -> NDArray:
        return invoke(OPERATORS["abs"], [self], {})[0]

    def __iadd__(self, other: Any) -> NDArray:
        self[:] = self + other
        return self

    def __isub__(self, other: Any) -> NDArray:
        self[:] = self - other
        return self

    def __imul__(self, other: Any) -> NDArray:
        self[:] = self * other
        return self

    def __itruediv__(self, other: Any) -> NDArray:
        self[:] = self / other
        return self

    def __imod__(self, other: Any) -> NDArray:
        self[:] = self % other
        return self

    def __getattr__(self, name: str) -> Any:
        # operators whose first input is the array itself are methods too
        operator = OPERATORS.get(name)
        if operator is None or name.startswith("_") or name in _NOT_METHODS:
            raise AttributeError(f"'NDArray' object has no attribute {name!r}")
        return functools.partial(_call_method, self, operator)


_DISTRIBUTIONS = ("exponential", "gamma", "multinomial", "normal", "poisson", "randint", "uniform")
_NOT_METHODS = frozenset(
    {"normal", "uniform", *(f"{prefix}_{word}" for prefix in ("random", "sample") for word in _DISTRIBUTIONS)}
)


def _rebuild(tensor: Tensor, ctx: Context) -> NDArray:
    return NDArray(tensor, ctx)


def _call_method(array: NDArray, operator: Operator, *args: Any, **kwargs: Any) -> Any:
    return call(operator, (array, *args), kwargs)


def call(operator: Operator, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run an operator as ``nd.name(*args, **kwargs)`` does: arrays are inputs, everything else attributes, in order."""
    out, ctx = kwargs.pop("out", None), kwargs.pop("ctx", None)
    kwargs.pop("name", None)  # graphs have names, arrays do not; begin_state passes one to either
    arrays: list[NDArray] = []
    attributes = {key: value for key, value in kwargs.items() if key not in operator.inputs}
    if operator.variadic:
        args = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
        arrays = list(args)
        attributes["num_args"] = len(arrays)
    elif operator.open_inputs:
        named = {key: value for key, value in kwargs.items() if isinstance(value, NDArray)}
        attributes = {key: value for key, value in kwargs.items() if key not in named}
        arrays = _inputs_in_use(operator, operator.input_names(operator.parse(attributes)), list(args), named)
    else:
        if len(args) > len(operator.inputs) + len(operator.attributes):
            raise ArgumentError(f"{operator.name}: too many arguments: {len(args)}")
        attributes.update(zip(operator.attributes, args[len(operator.inputs) :], strict=False))
        named = {key: kwargs[key] for key in operator.inputs if kwargs.get(key) is not None}
        given = [arg for arg in args[: len(operator.inputs)] if arg is not None]
        arrays = _inputs_in_use(operator, operator.input_names(operator.parse(attributes)), given, named)
    results = invoke(operator, arrays, attributes, ctx=ctx)
    if out is not None:
        for target, result in zip([out] if isinstance(out, NDArray) else out, results, strict=True):
            target[:] = result
        return out
    return results[0] if len(results) == 1 else results


def _inputs_in_use(operator: Operator, names: Sequence[str], given: list[Any], named: Mapping[str, Any]) -> list[Any]:
    """The inputs in order: those without a name take the places that the named ones leave."""
    unused = [key for key in named if key not in names]
    if unused:
        raise ArgumentError(
            f"{operator.name}: input {unused[0]} is not used with these attributes; it has: {', '.join(names)}"
        )
    free = [key for key in names if key not in named]
    if len(given) < len(free):
        raise ArgumentError(f"{operator.name}: input {free[len(given)]} is missing")
    if len(given) > len(free):
        total = len(given) + len(named)
        raise ArgumentError(f"{operator.name} takes {len(names)} inputs ({', '.join(names)}), got {total}")
    by_name = {**dict(zip(free, given, strict=True)), **named}
    return [by_name[key] for key in names]


def invoke(
    operator: Operator,
    arrays: Sequence[NDArray],
    attributes: Mapping[str, Any],
    *,
    ctx: Context | None = None,
    views: bool = False,
) -> list[NDArray]:
    """Run an operator on arrays. Results never share memory with the inputs unless `views` allows it."""
    for place, array in enumerate(arrays):
        if not isinstance(array, NDArray):
            raise ArgumentError(f"{operator.name}: input {place}: expected an NDArray, got {type(array).__name__}")
    parsed = operator.parse(attributes)
    where = arrays[0]._ctx if arrays else Context(ctx) if ctx else _context_named(parsed.get("ctx"))
    run = operator.bind(parsed, flags.training, where.torch_device)
    with torch.set_grad_enabled(flags.recording):
        try:
            result = run(*[array._tensor for array in arrays])
        except (MXNetError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise MXNetError(f"{operator.name} failed on inputs of shapes {shapes}: {error}") from error
        results = list(result) if isinstance(result, tuple | list) else [result]
        if not views:
            given = {array._tensor.untyped_storage().data_ptr() for array in arrays}
            results = [_on_its_own(tensor, given) for tensor in results]
    wrapped = [NDArray(t.reshape(1) if t.dim() == 0 else t, where) for t in results]
    if flags.recording and any(array._recorded or array._tensor.requires_grad for array in arrays):
        for array in wrapped:
            array._recorded = True
    return wrapped


def _on_its_own(tensor: Tensor, given: Container[int]) -> Tensor:
    """A copy, if the tensor lies in one of the given pieces of memory or shares its own with another result."""
    if tensor._base is None and tensor.untyped_storage().data_ptr() not in given:
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)


def _context_named(text: str | None) -> Context:
    """The context that an attribute such as ``"cpu(1)"`` names, or the current one."""
    if not text:
        return current_context()
    kind, _, number = text.rstrip(")").partition("(")
    return Context(kind, int(number or 0))


def _check_grad_req(grad_req: str) -> None:
    if grad_req not in GRAD_REQS:
        raise ArgumentError(f"grad_req: expected one of {', '.join(GRAD_REQS)}; got {grad_req!r}")


def mark_variable(array: NDArray, gradient: NDArray | None, grad_req: str) -> None:
    """Make `array` a leaf whose gradient is delivered to `gradient` whenever torch has accumulated it."""
    _check_grad_req(grad_req)
    leaf = array._tensor.detach()
    array._tensor, array._grad, array._grad_req = leaf, None if grad_req == "null" else gradient, grad_req
    if grad_req != "null" and leaf.is_floating_point():  # of whole numbers the gradient is zero, and stays it
        leaf.requires_grad_()
        leaf.register_post_accumulate_grad_hook(functools.partial(_deliver, weakref.ref(array)))


def _deliver(owner: weakref.ref[NDArray], leaf: Tensor) -> None:
    array = owner()
    gradient, leaf.grad = leaf.grad, None
    if array is None or array._grad is None or gradient is None or array._tensor is not leaf:
        return
    with torch.no_grad():
        if array._grad_req == "add":
            array._grad._tensor.add_(gradient)
        else:
            array._grad._tensor.copy_(gradient)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def waitall() -> None:
    """Wait for everything that was started on any device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
