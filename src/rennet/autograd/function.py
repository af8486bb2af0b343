"""`Function`: a computation whose gradient the user writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError, NotSupportedError, ShapeError
from ..ndarray.array import NDArray
from .scopes import is_recording, is_training, pause


class Function:
    """A computation on arrays with a gradient of its own, to be derived from.

    A subclass gives `forward` and `backward`. Both run outside of any record; what they compute is not differentiated.
    An instance is called once, with arrays only; what else it needs goes into its ``__init__``.

    Attributes
    ----------
    saved_tensors : tuple of NDArray
        What `save_for_backward` was given.

    Raises
    ------
    ArgumentError
        If an instance is called twice, an input or a result is no NDArray, or `backward` returns another number of
        gradients than there were inputs.
    ShapeError
        If a gradient has another shape than its input.
    NotSupportedError
        If the gradient is to be differentiated again (``autograd.grad(create_graph=True)``).

    Examples
    --------
    A rounding that lets gradients through:

    >>> import rennet as mx
    >>> class Round(mx.autograd.Function):
    ...     def forward(self, x):
    ...         return x.round()
    ...     def backward(self, dy):
    ...         return dy
    >>> x = mx.nd.array([0.4, 1.7])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = Round()(x) * 3
    >>> y.backward()
    >>> y.asnumpy().tolist(), x.grad.asnumpy().tolist()
    ([0.0, 6.0], [3.0, 3.0])
    """

    _used = False
    saved_tensors: tuple[NDArray, ...] = ()

    def save_for_backward(self, *args: NDArray) -> None:
        """Keep arrays for `backward`, which finds them in `saved_tensors`."""
        self.saved_tensors = args

    def forward(self, *inputs: Any) -> Any:
        """Compute one array, or a tuple or list of them, from the inputs."""
        raise NotImplementedError(f"{type(self).__name__}.forward is missing")

    def backward(self, *output_grads: Any) -> Any:
        """From the gradients of all outputs the gradients of all inputs: one array, or a tuple or list of them.

        An output that nothing was computed from has a gradient of zeros.
        """
        raise NotImplementedError(f"{type(self).__name__}.backward is missing")

    def __call__(self, *inputs: NDArray) -> Any:
        """What `forward` answers, recorded with `backward` as its gradient."""
        name = type(self).__name__
        if self._used:
            raise ArgumentError(f"{name}: an instance of autograd.Function can be called once; make another one")
        self._used = True
        for place, given in enumerate(inputs):
            if not isinstance(given, NDArray):
                raise ArgumentError(
                    f"{name}: input {place}: expected an NDArray, got {type(given).__name__}; "
                    f"what else is needed goes into __init__"
                )
        recording = is_recording()
        with pause(train_mode=is_training()):
            # detached, so that what is kept for backward does not hold on to the record
            answer = self.forward(*[given.detach() for given in inputs] if recording else inputs)
        outputs = _arrays(answer, f"{name}.forward")
        if not recording:
            return answer
        with torch.enable_grad():
            recorded = _Recorded.apply(_Call(self, outputs), *[given.tensor for given in inputs])
        made = [NDArray(tensor, output.context) for tensor, output in zip(recorded, outputs, strict=True)]
        for array in made:
            array._recorded = True
        return made[0] if isinstance(answer, NDArray) else type(answer)(made)


def _arrays(answer: Any, where: str) -> list[NDArray]:
    arrays = list(answer) if isinstance(answer, tuple | list) else [answer]
    for place, array in enumerate(arrays):
        if not isinstance(array, NDArray):
            raise ArgumentError(f"{where}: result {place}: expected an NDArray, got {type(array).__name__}")
    return arrays


class _Call:
    """What one call of a `Function` computed, on its way into torch's record."""

    def __init__(self, function: Function, outputs: Sequence[NDArray]) -> None:
        self.function, self.contexts = function, [output.context for output in outputs]
        self.outputs = [output.tensor.detach() for output in outputs]

    def backward(self, gradients: Sequence[Tensor], like: Sequence[tuple[torch.Size, torch.dtype]]) -> list[Tensor]:
        """The gradients of the inputs, which are `like` that."""
        where = f"{type(self.function).__name__}.backward"
        heads = [NDArray(tensor.detach(), ctx) for tensor, ctx in zip(gradients, self.contexts, strict=True)]
        with pause(train_mode=True):
            found = _arrays(self.function.backward(*heads), where)
        if len(found) != len(like):
            raise ArgumentError(f"{where}: expected {len(like)} gradients, one for each input, got {len(found)}")
        for place, (array, (shape, _)) in enumerate(zip(found, like, strict=True)):
            if array.shape != tuple(shape):
                raise ShapeError(f"{where}: gradient {place}: expected shape {tuple(shape)}, got {array.shape}")
        return [array.tensor.detach().to(kind) for array, (_, kind) in zip(found, like, strict=True)]


class _Recorded(torch.autograd.Function):
    """A call of a `Function` for torch's autograd."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.call, ctx.like = call, [(tensor.shape, tensor.dtype) for tensor in inputs]
        given = {tensor.untyped_storage().data_ptr() for tensor in inputs}
        outputs = [each.clone() if each.untyped_storage().data_ptr() in given else each for each in call.outputs]
        call.outputs = []
        ctx.mark_non_differentiable(*[tensor for tensor in outputs if not tensor.is_floating_point()])
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            found = ctx.call.backward(gradients, ctx.like)
        wanted = [each if want else None for each, want in zip(found, ctx.needs_input_grad[1:], strict=True)]
        return None, *differentiable_once(wanted, gradients, f"the gradient of {type(ctx.call.function).__name__}")


def differentiable_once(
    found: Sequence[Tensor | None], causes: Sequence[Tensor | None], what: str
) -> list[Tensor | None]:
    """Gradients that user code computed from `causes`, such that differentiating them again is refused by name.

    Without this torch would take them for constants, and second derivatives would silently be zero.
    """
    if not torch.is_grad_enabled():
        return list(found)
    moving = [tensor for tensor in causes if tensor is not None and tensor.requires_grad]
    return [_Once.apply(what, each, *moving) if each is not None and moving else each for each in found]


class _Once(torch.autograd.Function):
    """A gradient that was computed by user code, and is nothing that can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, what: str, gradient: Tensor, *causes: Tensor) -> Tensor:
        ctx.what = what
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotSupportedError(f"{ctx.what} cannot be differentiated: backward is not recorded")
