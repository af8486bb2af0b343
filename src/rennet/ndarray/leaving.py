"""How an array leaves for NumPy, plain Python and other libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


class Leaving:
    """What gives `NDArray` its ways out; none of them hands out a place in the recorded graph."""

    __slots__ = ()
    _tensor: Tensor

    def asnumpy(self) -> np.ndarray[Any, Any]:
        """A copy as a NumPy array (bfloat16 as float32)."""
        tensor = self._tensor.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        return tensor.cpu().numpy().copy()

    def asscalar(self) -> Any:
        """The only element, as a NumPy scalar."""
        if self._tensor.numel() != 1:
            raise ValueError(f"asscalar: expected one element, got shape {tuple(self._tensor.shape)}")
        return self.asnumpy().reshape(-1)[0]

    item = asscalar

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        values = self.asnumpy()
        return values if dtype is None else values.astype(dtype)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._tensor.detach().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._tensor.__dlpack_device__()

    def to_dlpack_for_read(self) -> Any:
        """A DLPack capsule over the same memory, for another library to read; to be used once."""
        return self._tensor.detach().__dlpack__()

    def to_dlpack_for_write(self) -> Any:
        """A DLPack capsule over the same memory, for another library to write into; to be used once."""
        return self._tensor.detach().__dlpack__()

    def __bool__(self) -> bool:
        count = self._tensor.numel()
        if count > 1:
            shape = tuple(self._tensor.shape)
            raise ValueError(f"the truth of an array of shape {shape} is ambiguous; it has {count} elements")
        return count == 1 and bool(self.asscalar())

    def __float__(self) -> float:
        return float(self.asscalar())

    def __int__(self) -> int:
        return int(self.asscalar())

    def __index__(self) -> int:
        if self._tensor.numel() == 1 and not self._tensor.is_floating_point():
            return int(self.asscalar())
        raise TypeError("only an integer array of one element can be an index")
