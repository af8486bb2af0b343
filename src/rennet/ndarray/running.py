"""Running an operator on tensors: recorded or not, explained where it fails, results in memory of their own."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._ops.registry import Operator
from .._state import flags
from ..base import MXNetError


def run(
    operator: Operator, tensors: Sequence[Tensor], parsed: Mapping[str, Any], device: torch.device, views: bool
) -> list[Tensor]:
    """The operator's results, with at least one axis each.

    Parameters
    ----------
    operator : Operator
        What to run.
    tensors : sequence of Tensor
        Its inputs.
    parsed : mapping
        Its attributes, as `Operator.parse` answers them.
    device : torch.device
        Where a result without inputs is made.
    views : bool
        Whether results may share memory with the inputs.

    Raises
    ------
    MXNetError
        If the operator fails; names it and the shapes of its inputs.
    """
    compute = operator.bind(parsed, flags.training, device)
    with torch.set_grad_enabled(flags.recording):
        try:
            result = compute(*tensors)
        except (MXNetError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise MXNetError(f"{operator.name} failed on inputs of shapes {shapes}: {error}") from error
        results = list(result) if isinstance(result, tuple | list) else [result]
        if not views:
            given = {tensor.untyped_storage().data_ptr() for tensor in tensors}
            results = [on_its_own(tensor, given) for tensor in results]
        return [_with_an_axis(tensor) if tensor.dim() == 0 else tensor for tensor in results]


def _with_an_axis(tensor: Tensor) -> Tensor:
    """A scalar in shape ``(1,)``; outside of records not a view, for torch refuses to record writing to those."""
    return tensor.reshape(1) if flags.recording else tensor.reshape(1).data


def on_its_own(tensor: Tensor, given: Container[int]) -> Tensor:
    """A copy, if the tensor lies in one of the given pieces of memory or shares its own with another result."""
    if tensor._base is None and tensor.untyped_storage().data_ptr() not in given:
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)
