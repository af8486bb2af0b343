"""Operators written in Python: `CustomOp` computes, `CustomOpProp` describes, `register` names, ``Custom`` runs."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from . import autograd
from ._dtypes import element_type
from ._ops.catalogue import OPERATORS
from ._ops.custom import DEFINITIONS, Names
from ._ops.inference import Known, from_public, to_public, unify
from .autograd.function import differentiable_once
from .base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from .context import Context, context_of
from .ndarray import NDArray

__all__ = ["CustomOp", "CustomOpProp", "get_all_registered_operators", "register"]


class CustomOp:
    """What a custom operator computes. One instance serves one node of an executor, or one call of ``nd.Custom``."""

    def forward(
        self,
        is_train: bool,
        req: list[str],
        in_data: list[NDArray],
        out_data: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute the outputs; called by keyword.

        Parameters
        ----------
        is_train : bool
            Whether this is a training step.
        req : list of str
            For each output what to do with the result; see `assign`.
        in_data, out_data, aux : list of NDArray
            The arguments, the outputs to be filled, and the auxiliary states, which may be changed in place.
        """

    def backward(
        self,
        req: list[str],
        out_grad: list[Any],
        in_data: list[Any],
        out_data: list[Any],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute the gradients of the arguments; called by keyword.

        Parameters
        ----------
        req : list of str
            For each argument what to do with its gradient: ``'null'`` where none is wanted, otherwise ``'write'``.
            (What an executor is to add is added by the executor.)
        out_grad, in_data, out_data : list of NDArray
            Gradients of the outputs, arguments and outputs; None in place of those that
            `CustomOpProp.declare_backward_dependency` leaves out.
        in_grad : list of NDArray
            The gradients to be filled; zeros at first.
        aux : list of NDArray
            The auxiliary states.
        """

    def assign(self, dst: NDArray, req: str, src: Any) -> None:
        """Put `src` into `dst` as `req` says.

        ``'write'`` and ``'inplace'`` replace what is there, ``'add'`` adds to it, ``'null'`` leaves it.
        """
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src
        elif req != "null":
            raise ArgumentError(f"assign: req: expected one of write, inplace, add, null; got {req!r}")


class CustomOpProp:
    """What a custom operator is: names, shapes, types, and which `CustomOp` computes it.

    Parameters
    ----------
    need_top_grad : bool
        Whether `CustomOp.backward` uses gradients of the outputs; False for a loss.

    Examples
    --------
    >>> import rennet as mx
    >>> class Scale(mx.operator.CustomOp):
    ...     def __init__(self, factor):
    ...         self.factor = factor
    ...     def forward(self, is_train, req, in_data, out_data, aux):
    ...         self.assign(out_data[0], req[0], in_data[0] * self.factor)
    ...     def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
    ...         self.assign(in_grad[0], req[0], out_grad[0] * self.factor)
    >>> @mx.operator.register("doctest_scale")
    ... class ScaleProp(mx.operator.CustomOpProp):
    ...     def __init__(self, factor="1"):
    ...         super().__init__(need_top_grad=True)
    ...         self.factor = float(factor)
    ...     def create_operator(self, ctx, shapes, dtypes):
    ...         return Scale(self.factor)
    >>> mx.nd.Custom(mx.nd.array([1, 2]), op_type="doctest_scale", factor=3).asnumpy().tolist()
    [3.0, 6.0]
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def list_arguments(self) -> list[str]:
        """Names of the arguments."""
        return ["data"]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the auxiliary states."""
        return []

    def infer_shape(self, in_shape: list[list[int]]) -> Any:
        """Shapes of arguments and outputs and, if there are any, of auxiliary states: two lists of shapes, or three.

        `in_shape` are those of the arguments as far as they are known: 0 for an unknown dimension, ``[]`` for an
        unknown shape. By default the outputs have the first argument's shape. Not asked before anything is known.
        """
        return in_shape, [in_shape[0]] * len(self.list_outputs()), [in_shape[0]] * len(self.list_auxiliary_states())

    def infer_type(self, in_type: list[Any]) -> Any:
        """Element types of arguments and outputs and, if there are any, of auxiliary states: two lists, or three.

        `in_type` are those of the arguments; one that is not known stands as the first that is, or as float32.
        By default all have the first argument's type.
        """
        return in_type, [in_type[0]] * len(self.list_outputs()), [in_type[0]] * len(self.list_auxiliary_states())

    def declare_backward_dependency(
        self, out_grad: list[int], in_data: list[int], out_data: list[int]
    ) -> Iterable[int]:
        """The numbers of those gradients of outputs, arguments and outputs that `CustomOp.backward` uses."""
        return [*(out_grad if self.need_top_grad_ else ()), *in_data, *out_data]

    def create_operator(self, ctx: Context, in_shapes: list[list[int]], in_dtypes: list[int]) -> CustomOp:
        """The `CustomOp`.

        Parameters
        ----------
        ctx : Context
            Where it will run.
        in_shapes : list of list of int
            Shapes of arguments and auxiliary states.
        in_dtypes : list of int
            Their element types, by MXNet's codes: 0 for float32, 1 for float64, 2 for float16, 3 for uint8,
            4 for int32, 5 for int8, 6 for int64.
        """
        return CustomOp()


Prop = TypeVar("Prop", bound=type)


def register(reg_name: str) -> Callable[[Prop], Prop]:
    """A decorator that makes a subclass of `CustomOpProp` known as the ``op_type`` `reg_name`."""

    def enter(prop_cls: Prop) -> Prop:
        if CustomOpProp not in getattr(prop_cls, "__mro__", ()):
            raise ArgumentError(f"register: expected a subclass of CustomOpProp for {reg_name!r}, got {prop_cls!r}")
        sparse = [name for name in ("infer_storage_type", "infer_storage_type_backward") if hasattr(prop_cls, name)]
        if sparse:
            raise NotSupportedError(f"register: {prop_cls.__name__}.{sparse[0]}: there are no sparse arrays")
        if reg_name in DEFINITIONS:
            warnings.warn(f"custom operator {reg_name!r}: {prop_cls.__qualname__} takes its place", stacklevel=2)

        def make(parameters: Mapping[str, str]) -> _Described:
            return _Described(reg_name, prop_cls, parameters)

        DEFINITIONS[reg_name] = make
        return prop_cls

    return enter


def get_all_registered_operators() -> list[str]:
    """Names of all operators, aliases included. Custom ones are not among them: they are all called ``Custom``."""
    return sorted(name for name, operator in OPERATORS.items() if not operator.ours)


@contextmanager
def _in_user_code(what: str) -> Iterator[None]:
    """Whatever goes wrong is told with the traceback of the user's code, and remains an `MXNetError`."""
    try:
        yield
    except Exception as error:
        raise MXNetError(f"Error in {what}: {traceback.format_exc()}") from error


class _Described:
    """A custom operator with its parameters, as `_ops.custom.Definition` wants it."""

    def __init__(self, op_type: str, prop_cls: Callable[..., CustomOpProp], parameters: Mapping[str, str]) -> None:
        self._op_type = op_type
        with self._user_code("__init__"):
            self._prop = prop_cls(**parameters)
        with self._user_code("list_arguments, list_outputs or list_auxiliary_states"):
            listed = [self._prop.list_arguments(), self._prop.list_outputs(), self._prop.list_auxiliary_states()]
            self.names = Names(*(tuple(names) for names in listed))

    def _user_code(self, method: str) -> Any:
        return _in_user_code(f"{method} of the custom operator {self._op_type!r}")

    def _three_lists(self, method: str, given: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """What ``infer_shape`` or ``infer_type`` says of arguments, outputs and states."""
        where = f"{method} of the custom operator {self._op_type!r}"
        with _in_user_code(where):
            answer = getattr(self._prop, method)(given)
        if not (isinstance(answer, list | tuple) and len(answer) in (2, 3)):
            raise ArgumentError(f"{where}: expected two or three lists (arguments, outputs, states), got {answer!r}")
        parts = [list(part) for part in answer]
        parts += [[]] * (3 - len(parts))
        for kind, names, part in zip(Names._fields, self.names, parts, strict=True):
            if len(part) != len(names):
                raise ArgumentError(
                    f"{where}: {kind}: expected {len(names)} entries ({', '.join(names) or 'there are none'}), "
                    f"got {len(part)}"
                )
        return parts[0], parts[1], parts[2]

    def infer_shapes(self, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
        """See `Definition`."""
        count = len(self.names.arguments)
        if count and all(shape is None for shape in ins[:count]):
            return ins, outs
        said = self._three_lists("infer_shape", [list(to_public(shape)) for shape in ins[:count]])
        # an empty shape is an unknown one here, as in MXNet: arrays have at least one axis
        arguments, outputs, states = [[from_public(tuple(shape)) or None for shape in part] for part in said]
        try:
            return (
                [unify(known, shape) for known, shape in zip(ins, [*arguments, *states], strict=True)],
                [unify(known, shape) for known, shape in zip(outs, outputs, strict=True)],
            )
        except ShapeError as error:
            raise ShapeError(f"infer_shape of the custom operator {self._op_type!r}: {error}") from error

    def infer_types(self, ins: list[Any]) -> tuple[list[Any], list[Any]]:
        """See `Definition`."""
        arguments = ins[: len(self.names.arguments)]
        assumed = next((kind for kind in arguments if kind is not None), element_type(None))
        said = self._three_lists("infer_type", [(kind or assumed).public for kind in arguments])
        arguments, outputs, states = [[element_type(kind) for kind in part] for part in said]
        return [known or kind for known, kind in zip(ins, [*arguments, *states], strict=True)], outputs

    def run(
        self, tensors: Sequence[Tensor], training: bool, device: torch.device, kept: dict[str, Any]
    ) -> list[Tensor]:
        """See `Definition`."""
        shapes = [tuple(tensor.shape) for tensor in tensors]
        kinds = [element_type(tensor.dtype) for tensor in tensors]
        if "run" not in kept:
            _, out_shapes = self.infer_shapes(list(shapes), [None] * len(self.names.outputs))
            _, out_kinds = self.infer_types(list(kinds))
            unknown = [name for name, shape in zip(self.names.outputs, out_shapes, strict=True) if shape is None]
            if unknown:
                raise ShapeError(
                    f"infer_shape of the custom operator {self._op_type!r}: {unknown[0]}: expected a shape, got none"
                )
            with self._user_code("create_operator"):
                ctx, codes = context_of(device), [kind.code for kind in kinds]
                made = self._prop.create_operator(ctx, [list(shape) for shape in shapes], codes)
            outputs = [(to_public(shape), kind.torch) for shape, kind in zip(out_shapes, out_kinds, strict=True)]
            kept["run"] = _Run(self._op_type, made, outputs, self._wanted_backwards(), device)
        count = len(self.names.arguments)
        states = [NDArray(tensor.detach()) for tensor in tensors[count:]]
        return list(_Function.apply(kept["run"], training, states, *tensors[:count]))

    def _wanted_backwards(self) -> set[int]:
        """Which of the gradients of outputs, the arguments and the outputs, numbered through, go into ``backward``."""
        outputs, arguments = len(self.names.outputs), len(self.names.arguments)
        numbers = iter(range(2 * outputs + arguments))
        groups = [[next(numbers) for _ in range(count)] for count in (outputs, arguments, outputs)]
        with self._user_code("declare_backward_dependency"):
            return {int(number) for number in self._prop.declare_backward_dependency(*groups)}


class _Run:
    """A `CustomOp` at work on tensors."""

    def __init__(
        self,
        op_type: str,
        op: CustomOp,
        outputs: list[tuple[tuple[int, ...], torch.dtype]],
        wanted: set[int],
        device: torch.device,
    ) -> None:
        self._op_type, self._op, self._outputs, self._wanted, self._device = op_type, op, outputs, wanted, device

    def forward(self, training: bool, arguments: Sequence[Tensor], states: list[NDArray]) -> tuple[Tensor, ...]:
        made = [torch.zeros(shape, dtype=kind, device=self._device) for shape, kind in self._outputs]
        with autograd.pause(train_mode=training), _in_user_code(f"forward of the custom operator {self._op_type!r}"):
            self._op.forward(
                is_train=training,
                req=["write"] * len(made),
                in_data=[NDArray(tensor.detach()) for tensor in arguments],
                out_data=[NDArray(tensor) for tensor in made],
                aux=states,
            )
        return tuple(made)

    def needed(self, arguments: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Tensor | None]:
        """The arguments and outputs, without those that going backwards does not need."""
        numbered = enumerate([*arguments, *outputs], start=len(outputs))
        return [tensor if number in self._wanted else None for number, tensor in numbered]

    def backward(
        self,
        gradients: Sequence[Tensor],
        saved: Sequence[Tensor | None],
        like: Sequence[tuple[torch.Size, torch.dtype]],
        wanted: Sequence[bool],
        states: list[NDArray],
    ) -> list[Tensor | None]:
        """The gradients of the arguments: of those that are `wanted`."""
        made = [torch.zeros(shape, dtype=kind, device=self._device) for shape, kind in like]
        heads = [tensor if number in self._wanted else None for number, tensor in enumerate(gradients)]
        arrays = [None if tensor is None else NDArray(tensor.detach()) for tensor in (*heads, *saved)]
        inner, last = len(heads), len(heads) + len(made)
        with autograd.pause(train_mode=True), _in_user_code(f"backward of the custom operator {self._op_type!r}"):
            self._op.backward(
                req=["write" if want else "null" for want in wanted],
                out_grad=arrays[:inner],
                in_data=arrays[inner:last],
                out_data=arrays[last:],
                in_grad=[NDArray(tensor) for tensor in made],
                aux=states,
            )
        return [tensor if want else None for tensor, want in zip(made, wanted, strict=True)]


class _Function(torch.autograd.Function):
    """A custom operator for torch's autograd."""

    @staticmethod
    def forward(ctx: Any, run: _Run, training: bool, states: list[NDArray], *arguments: Tensor) -> tuple[Tensor, ...]:
        outputs = run.forward(training, arguments, states)
        ctx.run, ctx.states = run, states
        ctx.like = [(tensor.shape, tensor.dtype) for tensor in arguments]
        ctx.save_for_backward(*run.needed(arguments, outputs))
        ctx.mark_non_differentiable(*[tensor for tensor in outputs if not tensor.is_floating_point()])
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved, wanted = ctx.saved_tensors, ctx.needs_input_grad[3:]
        with torch.no_grad():
            found = ctx.run.backward(gradients, saved, ctx.like, wanted, ctx.states)
        return None, None, None, *differentiable_once(found, (*gradients, *saved), "a custom operator's gradient")
