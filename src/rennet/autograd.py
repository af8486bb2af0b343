"""Recording what is computed, and differentiating it: MXNet's scopes over torch's autograd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ._state import flags
from .base import ArgumentError, MXNetError, ShapeError
from .ndarray.array import NDArray, mark_variable

__all__ = [
    "backward",
    "grad",
    "is_recording",
    "is_training",
    "mark_variables",
    "pause",
    "predict_mode",
    "record",
    "set_recording",
    "set_training",
    "train_mode",
]


def set_recording(is_recording: bool) -> bool:
    """Switch recording on or off; returns what it was."""
    before, flags.recording = flags.recording, bool(is_recording)
    return before


def set_training(train_mode: bool) -> bool:
    """Switch training behaviour (dropout and the like) on or off; returns what it was."""
    before, flags.training = flags.training, bool(train_mode)
    return before


def is_recording() -> bool:
    """Is this thread recording."""
    return flags.recording


def is_training() -> bool:
    """Does this thread run operators in training mode."""
    return flags.training


class _RecordingStateScope:
    """Sets the thread's flags and puts them back; None leaves a flag as it is."""

    def __init__(self, recording: bool | None, training: bool | None) -> None:
        self._wanted = recording, training
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((flags.recording, flags.training))
        recording, training = self._wanted
        if recording is not None:
            flags.recording = recording
        if training is not None:
            flags.training = training

    def __exit__(self, *exc: Any) -> None:
        flags.recording, flags.training = self._before.pop()


def record(train_mode: bool = True) -> _RecordingStateScope:
    """A scope in which operators are recorded for differentiation, by default in training mode.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.nd.array([1.0, 2.0])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad.asnumpy().tolist()
    [2.0, 4.0]
    """
    return _RecordingStateScope(True, train_mode)


def pause(train_mode: bool = False) -> _RecordingStateScope:
    """A scope in which nothing is recorded."""
    return _RecordingStateScope(False, train_mode)


def train_mode() -> _RecordingStateScope:
    """A scope in which operators behave as in training."""
    return _RecordingStateScope(None, True)


def predict_mode() -> _RecordingStateScope:
    """A scope in which operators behave as in inference."""
    return _RecordingStateScope(None, False)


def mark_variables(
    variables: NDArray | Sequence[NDArray],
    gradients: NDArray | Sequence[NDArray],
    grad_reqs: str | Sequence[str] = "write",
) -> None:
    """Have the gradients of `variables` delivered into the arrays `gradients`."""
    variables = [variables] if isinstance(variables, NDArray) else list(variables)
    gradients = [gradients] if isinstance(gradients, NDArray) else list(gradients)
    requests = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else list(grad_reqs)
    if not len(variables) == len(gradients) == len(requests):
        raise ArgumentError(
            f"mark_variables: expected as many gradients and requests as variables; "
            f"got {len(variables)}, {len(gradients)} and {len(requests)}"
        )
    for variable, gradient, request in zip(variables, gradients, requests, strict=True):
        mark_variable(variable, gradient, request)


def _heads(heads: Any, head_grads: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    arrays = [heads] if isinstance(heads, NDArray) else list(heads)
    given = [head_grads] if isinstance(head_grads, NDArray) else head_grads
    grads = [None] * len(arrays) if given is None else list(given)
    if len(grads) != len(arrays):
        raise ArgumentError(f"expected {len(arrays)} head gradients, got {len(grads)}")
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
    for array, weight in zip(arrays, grads, strict=True):
        tensor = array.tensor
        if weight is not None and weight.shape != array.shape:
            raise ShapeError(f"head gradient: expected the head's shape {array.shape}, got {weight.shape}")
        if tensor.requires_grad:
            pairs.append((tensor, torch.ones_like(tensor) if weight is None else weight.tensor))
        elif not array._recorded:
            raise MXNetError("cannot differentiate an array that was not computed inside autograd.record()")
        # else it came from a marked variable, but through an operator without gradient, such as BlockGrad
    return [tensor for tensor, _ in pairs], [weight for _, weight in pairs]


def backward(
    heads: NDArray | Sequence[NDArray],
    head_grads: NDArray | Sequence[NDArray | None] | None = None,
    retain_graph: bool = False,
    train_mode: bool = True,
) -> None:
    """Differentiate `heads`, weighted by `head_grads` (ones by default), with respect to every marked variable.

    Parameters
    ----------
    heads, head_grads : NDArray or list
        What to differentiate, and the weights.
    retain_graph : bool
        Keep what was recorded, so that it can be differentiated again.
    train_mode : bool
        Behaviour of operators during the pass; the recorded operators keep the mode in which they ran.
    """
    tensors, grads = _heads(heads, head_grads)
    if not tensors:
        return
    with _RecordingStateScope(False, train_mode), _explained():
        torch.autograd.backward(tensors, grads, retain_graph=retain_graph)


def grad(
    heads: NDArray | Sequence[NDArray],
    variables: NDArray | Sequence[NDArray],
    head_grads: NDArray | Sequence[NDArray | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    train_mode: bool = True,
) -> list[NDArray]:
    """The gradients of `heads` with respect to `variables`, as a list of new arrays.

    With `create_graph` they can be differentiated again. What `backward` would write is left alone.
    """
    tensors, grads = _heads(heads, head_grads)
    wanted = [variables] if isinstance(variables, NDArray) else list(variables)
    found: Sequence[torch.Tensor | None] = [None] * len(wanted)
    if tensors:
        with _RecordingStateScope(create_graph, train_mode), _explained():
            leaves = [variable.tensor for variable in wanted]
            found = torch.autograd.grad(tensors, leaves, grads, retain_graph=retain_graph, create_graph=create_graph)
    return [
        NDArray(torch.zeros_like(variable.tensor) if gradient is None else gradient, variable.context)
        for variable, gradient in zip(wanted, found, strict=True)
    ]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (MXNetError, torch.OutOfMemoryError):
        raise
    except RuntimeError as error:
        raise MXNetError(f"cannot differentiate: {error}") from error
