"""Differentiating what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import torch

from ..base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from ..ndarray.array import NDArray, mark_variable
from .scopes import RecordingStateScope


def mark_variables(
    variables: NDArray | Sequence[NDArray],
    gradients: NDArray | Sequence[NDArray],
    grad_reqs: str | Sequence[str] = "write",
) -> None:
    """Have the gradients of `variables` delivered into the arrays `gradients`.

    Parameters
    ----------
    variables, gradients : NDArray or list
        Arrays, and for each one of its shape. Variables that were computed from others are cut off from them.
    grad_reqs : str or list of str
        ``'write'``, ``'add'`` or ``'null'``, for all or for each.
    """
    variables = [variables] if isinstance(variables, NDArray) else list(variables)
    gradients = [gradients] if isinstance(gradients, NDArray) else list(gradients)
    requests = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else list(grad_reqs)
    if not len(variables) == len(gradients) == len(requests):
        raise ArgumentError(
            f"mark_variables: expected as many gradients and requests as variables; "
            f"got {len(variables)}, {len(gradients)} and {len(requests)}"
        )
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient.shape != variable.shape:
            raise ShapeError(
                f"mark_variables: expected a gradient of the variable's shape {variable.shape}, got {gradient.shape}"
            )
    for variable, gradient, request in zip(variables, gradients, requests, strict=True):
        mark_variable(variable, gradient, request)


def get_symbol(x: NDArray) -> NoReturn:
    """The record of `x` as a symbol: not supported, for torch keeps the record.

    Raises
    ------
    NotSupportedError
        Always.
    """
    raise NotSupportedError(
        "autograd.get_symbol: what is recorded cannot be turned into a symbol; build it with mx.sym, or a HybridBlock"
    )


def _heads(heads: Any, head_grads: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    arrays = list(heads) if isinstance(heads, list | tuple) else [heads]
    given = [head_grads] if isinstance(head_grads, NDArray) else head_grads
    grads = [None] * len(arrays) if given is None else list(given)
    if len(grads) != len(arrays):
        raise ArgumentError(f"expected {len(arrays)} head gradients, got {len(grads)}")
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
    for array, weight in zip(arrays, grads, strict=True):
        for given in (array, weight):
            if not (given is None or isinstance(given, NDArray)):
                raise ArgumentError(f"heads and head gradients: expected NDArrays, got {type(given).__name__}")
        tensor = array.tensor
        if weight is not None and weight.shape != array.shape:
            raise ShapeError(f"head gradient: expected the head's shape {array.shape}, got {weight.shape}")
        if tensor.requires_grad:
            pairs.append((tensor, torch.ones_like(tensor) if weight is None else weight.tensor.to(tensor.dtype)))
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
    with RecordingStateScope(False, train_mode), _explained():
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
    if not wanted:
        raise ArgumentError("grad: variables: expected at least one NDArray, got none")
    found: Sequence[torch.Tensor | None] = [None] * len(wanted)
    if tensors:
        with RecordingStateScope(create_graph, train_mode), _explained():
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
