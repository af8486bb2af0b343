"""Running an operator on tensors: recorded or not, explained where it fails, results in memory of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

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
            results = on_their_own(results, tensors)
        return [_with_an_axis(tensor) if tensor.dim() == 0 else tensor for tensor in results]


def _with_an_axis(tensor: Tensor) -> Tensor:
    """A scalar in shape ``(1,)``; outside of records not a view, for torch refuses to record writing to those."""
    return tensor.reshape(1) if flags.recording else tensor.reshape(1).data


def on_their_own(results: Sequence[Tensor], given: Sequence[Tensor]) -> list[Tensor]:
    """The results, with copies of those that lie in the memory of an input, or share theirs with another result."""
    if torch.compiler.is_compiling():  # what is traced has no memory yet
        return [each.clone() if any(each is tensor for tensor in given) else each for each in results]
    memory = {_memory(tensor) for tensor in given}
    return [
        each.clone(memory_format=torch.contiguous_format) if each._base is not None or _memory(each) in memory else each
        for each in results
    ]


def _memory(tensor: Tensor) -> int:
    """What tensors that share memory have in common, inside torch.func's transforms too."""
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor.untyped_storage()._cdata
