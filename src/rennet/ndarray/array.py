"""NDArray: MXNet's array, as a thin shell around a torch tensor."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._dtypes import element_type
from .._ops.arithmetic import Arithmetic, Spelling
from .._ops.catalogue import OPERATORS
from .._ops.registry import Operator
from .._state import flags
from ..base import ArgumentError, MXNetError, NotSupportedError, ShapeError, numeric_types
from ..context import Context, context_of, current_context
from .indexing import in_order, put, take, torch_key
from .inplace import InPlace
from .leaving import Leaving
from .marking import GRAD_REQS, check_grad_req, mark_variable
from .running import run

__all__ = ["GRAD_REQS", "NDArray", "invoke", "mark_variable", "waitall"]

_SPELLINGS = {
    operation: Spelling(f"broadcast_{operation}", f"_{word}_scalar", f"_r{word}_scalar")
    for operation, word in {
        "add": "plus",
        "sub": "minus",
        **{same: same for same in ("mul", "div", "mod", "power")},
        **{same: same for same in ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")},
    }.items()
}


class NDArray(Arithmetic, InPlace, Leaving):
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

    __slots__ = ("__weakref__", "_ctx", "_fresh_grad", "_grad", "_grad_req", "_recorded", "_tensor")
    _spellings = _SPELLINGS
    __array_priority__ = 1000.0

    def __init__(self, tensor: Tensor, ctx: Context | None = None) -> None:
        if not isinstance(tensor, Tensor):
            raise ArgumentError(f"NDArray: expected a torch tensor, got {type(tensor).__name__}; nd.array converts")
        self._tensor = tensor
        self._ctx = ctx or context_of(tensor.device)
        self._grad: NDArray | None = None
        self._grad_req = "null"
        # whether a gradient has arrived since somebody, such as a trainer, set this to False
        self._fresh_grad = False
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

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._tensor.detach(), self._ctx)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Become the array that MXNet's pickles describe: ``{'handle': record}``, the bytes of a file without names.

        A sparse one becomes dense.
        """
        from .files import from_handle  # files needs this class

        made = from_handle(state)
        self.__init__(made._tensor, made._ctx)

    # copies and moves

    def copy(self) -> NDArray:
        """A new array with the same values."""
        with torch.set_grad_enabled(flags.recording):
            return self._like(self._tensor.clone())

    def __deepcopy__(self, memo: Any) -> NDArray:
        return NDArray(self._tensor.detach().clone(), self._ctx)

    def copyto(self, other: NDArray | Context) -> NDArray:
        """The values written into another array, or into a new one on another device."""
        if isinstance(other, Context):
            with torch.set_grad_enabled(flags.recording):
                return self._like(self._tensor.to(other.torch_device, copy=True), other)
        if not isinstance(other, NDArray):
            raise ArgumentError(f"copyto: expected an NDArray or a Context, got {type(other).__name__}")
        if other.shape != self.shape:
            raise ShapeError(f"copyto: expected a target of shape {self.shape}, got {other.shape}")
        other[:] = self
        return other

    def as_in_context(self, context: Context) -> NDArray:
        """This array if it is there already, otherwise a copy on that device."""
        if not isinstance(context, Context):
            raise ArgumentError(f"as_in_context: expected a Context such as mx.cpu(0), got {context!r}")
        return self if context == self._ctx else self.copyto(context)

    as_in_ctx = as_in_context

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """The values in another element type; without `copy` this array if it has that type already."""
        kind = element_type(dtype).torch
        if not copy and kind == self._tensor.dtype:
            return self
        with torch.set_grad_enabled(flags.recording):
            return self._like(self._tensor.to(kind, copy=True))

    def tostype(self, stype: str) -> NDArray:
        """A copy with the storage type `stype`, of which there is one: ``'default'``, which is dense.

        Raises
        ------
        NotSupportedError
            For ``'csr'`` and ``'row_sparse'``.
        """
        if stype in ("csr", "row_sparse"):
            raise NotSupportedError(
                f"tostype: there are no sparse arrays, so none of type {stype!r}; stay with 'default'"
            )
        if stype != "default":
            raise ArgumentError(f"tostype: expected 'default', got {stype!r}")
        return self.copy()

    def as_nd_ndarray(self) -> NDArray:
        """This array, which is one of ``mx.nd`` already."""
        return self

    def as_np_ndarray(self) -> NDArray:
        """As an array of ``mx.np``, which rennet does not have.

        Raises
        ------
        NotSupportedError
            Always.
        """
        raise NotSupportedError("as_np_ndarray: there is no mx.np; stay with mx.nd, or take asnumpy() or .tensor")

    def wait_to_read(self) -> None:
        """Wait until the values are there."""
        if self._tensor.device.type == "cuda":
            torch.cuda.synchronize(self._tensor.device)

    def _like(self, tensor: Tensor, ctx: Context | None = None) -> NDArray:
        """A tensor that was computed from this array."""
        made = NDArray(tensor, ctx or self._ctx)
        made._recorded = flags.recording and self._in_record()
        return made

    # gradients

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make room for a gradient; `autograd.backward` writes or adds it there, by `grad_req`.

        An array that was computed from others while recording is cut off from them: gradients arrive here, and go no
        further.

        Parameters
        ----------
        grad_req : str
            ``'write'``, ``'add'``, or ``'null'`` for no gradient.
        stype : str, optional
            Storage type of the gradient; only ``'default'``, which is dense.
        """
        check_grad_req(grad_req)
        if stype not in (None, "default"):
            raise NotSupportedError(f"attach_grad: attribute stype: only dense gradients, 'default'; got {stype!r}")
        mark_variable(self, NDArray(torch.zeros_like(self._tensor), self._ctx), grad_req)

    @property
    def grad(self) -> NDArray | None:
        """The gradient's array, if one was attached and wanted."""
        return self._grad

    def detach(self) -> NDArray:
        """The same memory, outside the recorded graph."""
        return NDArray(self._tensor.detach(), self._ctx)

    def backward(self, out_grad: NDArray | None = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Gradients of this array with respect to everything that was marked and recorded."""
        from ..autograd import backward  # the module above this class; it needs NDArray itself

        backward([self], None if out_grad is None else [out_grad], retain_graph, train_mode)

    def _in_record(self) -> bool:
        return self._recorded or self._tensor.requires_grad

    # elements

    def __getitem__(self, key: Any) -> NDArray:
        with torch.set_grad_enabled(flags.recording):
            result = take(self._tensor, self._key(key))
            return self._like(result.reshape(1) if result.dim() == 0 else result)

    def __setitem__(self, key: Any, value: Any) -> None:
        target = self._tensor
        recorded = flags.recording and (self._in_record() or (isinstance(value, NDArray) and value._in_record()))
        if recorded and target.requires_grad and target.is_leaf:
            raise MXNetError(
                "assigning, while recording, to an array that has a gradient attached is not supported: "
                "its gradient would be of values that are gone; write to a copy, or under autograd.pause()"
            )
        if isinstance(value, NDArray):
            value = value._tensor
        elif not isinstance(value, Tensor):
            values = np.asarray(value)
            if values.dtype.kind not in "biuf":
                raise ArgumentError(f"assignment: expected numbers or an array of numbers, got {value!r}")
            value = torch.as_tensor(in_order(values), dtype=target.dtype)
        with torch.set_grad_enabled(recorded):
            put(target, self._key(key), value.to(target.device, target.dtype))
        self._recorded |= recorded

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

    def split_v2(self, indices_or_sections: int | tuple[int, ...], axis: int = 0, squeeze_axis: bool = False) -> Any:
        """As `nd.split_v2`."""
        from .rearranging import split_v2  # the module above this class; it needs NDArray itself

        return split_v2(self, indices_or_sections, axis, squeeze_axis)

    # arithmetic; see also Arithmetic and InPlace

    def _with(self, pair: str, scalar: str, other: Any, reflected: bool) -> Any:
        if isinstance(other, (*numeric_types, np.number, np.bool_)):
            return invoke(OPERATORS[scalar], [self], {"scalar": other})[0]
        if isinstance(other, np.ndarray):
            values = torch.as_tensor(in_order(other), dtype=self._tensor.dtype, device=self._tensor.device)
            other = NDArray(values, self._ctx)
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
    from .calling import call  # the module above this class; it needs NDArray itself

    return call(operator, (array, *args), kwargs)


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
    results = run(operator, [array._tensor for array in arrays], parsed, where.torch_device, views)
    wrapped = [NDArray(tensor, where) for tensor in results]
    if flags.recording and any(array._in_record() for array in arrays):
        for array in wrapped:
            array._recorded = True
    return wrapped


def _context_named(text: str | None) -> Context:
    """The context that an attribute such as ``"cpu(1)"`` names, or the current one."""
    if not text:
        return current_context()
    kind, _, number = text.rstrip(")").partition("(")
    return Context(kind, int(number or 0))


def waitall() -> None:
    """Wait for everything that was started on any device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
