"""To and from other libraries: torch with its gradients, NumPy and DLPack without; memory is shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack as torch_from_dlpack

from .._dtypes import BY_NAME, element_type
from ..base import ArgumentError
from .array import NDArray


def from_torch(tensor: torch.Tensor) -> NDArray:
    """The tensor as an NDArray, sharing its memory and its place in torch's autograd graph; `NDArray.tensor` goes back.

    Gradients flow both ways through the border. A torch module may stand inside a recorded program:

    >>> import rennet as mx
    >>> layer = torch.nn.Linear(2, 1)
    >>> x = mx.nd.ones((3, 2))
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = mx.nd.from_torch(layer(x.tensor * 2)).sum()
    >>> y.backward()
    >>> x.grad.shape, layer.weight.grad.shape
    ((3, 2), torch.Size([1, 2]))

    And a recorded program may stand inside a torch one:

    >>> leaf = torch.ones(2, requires_grad=True)
    >>> with mx.autograd.record():
    ...     z = mx.nd.from_torch(leaf) ** 2
    >>> z.tensor.sum().backward()
    >>> leaf.grad
    tensor([2., 2.])
    """
    if not isinstance(tensor, torch.Tensor):
        raise ArgumentError(f"from_torch: expected a torch tensor, got {type(tensor).__name__}")
    element_type(tensor.dtype)  # objects to the types that MXNet has not
    return NDArray(tensor.reshape(1) if tensor.dim() == 0 else tensor)


def from_numpy(ndarray: np.ndarray[Any, Any], zero_copy: bool = True) -> NDArray:
    """A NumPy array as an NDArray of the same type, sharing its memory unless `zero_copy` is off.

    Raises
    ------
    ArgumentError
        If it is no NumPy array, or of a type that MXNet has not; with `zero_copy` also if its memory may not be
        written, or does not lie in C order.
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}")
    if ndarray.dtype.name not in BY_NAME or not ndarray.dtype.isnative:
        raise ArgumentError(f"from_numpy: expected one of {', '.join(BY_NAME)}, got {ndarray.dtype}")
    if not zero_copy:
        ndarray = ndarray.copy(order="C")
    elif not ndarray.flags.c_contiguous:
        raise ArgumentError("from_numpy: expected an array in C order; zero_copy=False copies any array")
    elif not ndarray.flags.writeable:
        raise ArgumentError("from_numpy: expected an array that may be written to; zero_copy=False copies any array")
    return NDArray(torch.from_numpy(ndarray.reshape(1) if ndarray.ndim == 0 else ndarray))


def from_dlpack(dlpack: Any) -> NDArray:
    """An NDArray over the memory of another library's array, or of a DLPack capsule, which is used up by it.

    >>> import rennet as mx
    >>> mx.nd.from_dlpack(np.arange(3.0)).asnumpy().tolist()
    [0.0, 1.0, 2.0]
    """
    return from_torch(torch_from_dlpack(dlpack))


def to_dlpack_for_read(data: NDArray) -> Any:
    """A DLPack capsule over the memory of `data`, outside of the recorded graph, for another library to read."""
    return data.to_dlpack_for_read()


def to_dlpack_for_write(data: NDArray) -> Any:
    """A DLPack capsule over the memory of `data`, outside of the recorded graph, for another library to write into."""
    return data.to_dlpack_for_write()
