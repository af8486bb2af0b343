"""Devices: where an array lives and where an operator runs."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import torch

from .base import ArgumentError

__all__ = ["Context", "cpu", "cpu_pinned", "current_context", "gpu", "gpu_memory_info", "num_gpus"]


class _Default:
    def __get__(self, instance: Any, owner: Any) -> Context:
        return current_context()


class Context:
    """A device, usable as a scope in which it is the default.

    Parameters
    ----------
    device_type : str or Context
        ``'cpu'``, ``'gpu'``, ``'cpu_pinned'`` or ``'cpu_shared'``.
    device_id : int
        Which of them. Several ``cpu(i)`` are one memory, kept apart by name only, as in MXNet.

    Examples
    --------
    >>> with Context("cpu", 1):
    ...     print(current_context(), Context.default_ctx)
    cpu(1) cpu(1)
    """

    devtype2str: ClassVar[dict[int, str]] = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type: ClassVar[dict[str, int]] = {name: code for code, name in devtype2str.items()}
    _current = threading.local()
    default_ctx = _Default()
    """The context of the innermost scope; MXNet's older spelling of `current_context`."""

    def __init__(self, device_type: str | Context, device_id: int = 0) -> None:
        if isinstance(device_type, Context):
            self.device_type, self.device_id = device_type.device_type, device_type.device_id
        elif device_type in self.devstr2type:
            self.device_type, self.device_id = device_type, int(device_id)
        else:
            raise ArgumentError(f"device_type: expected one of {', '.join(self.devstr2type)}; got {device_type!r}")
        self._outer: list[Context] = []

    @property
    def device_typeid(self) -> int:
        """MXNet's number for the device type, as stored in files."""
        return self.devstr2type[self.device_type]

    @property
    def torch_device(self) -> torch.device:
        """The torch device that holds this context's arrays."""
        return torch.device("cuda", self.device_id) if self.device_type == "gpu" else _CPU

    def empty_cache(self) -> None:
        """Give unused cached GPU memory back to the driver."""
        if self.device_type == "gpu":
            torch.cuda.empty_cache()

    def __hash__(self) -> int:
        return hash((self.device_typeid, self.device_id))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Context) and self.device_type == other.device_type and self.device_id == other.device_id
        )

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    def __enter__(self) -> Context:
        self._outer.append(current_context())
        Context._current.value = self
        return self

    def __exit__(self, *exc: Any) -> None:
        Context._current.value = self._outer.pop()

    def __deepcopy__(self, memo: dict[int, Any]) -> Context:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Context, (self.device_type, self.device_id)


_CPU = torch.device("cpu")
_DEFAULT = Context("cpu", 0)


def cpu(device_id: int = 0) -> Context:
    """The CPU."""
    return Context("cpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """Page-locked CPU memory."""
    return Context("cpu_pinned", device_id)


def gpu(device_id: int = 0) -> Context:
    """The GPU number `device_id`."""
    return Context("gpu", device_id)


def num_gpus() -> int:
    """How many GPUs torch sees."""
    return torch.cuda.device_count()


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Free and total memory of a GPU, in bytes."""
    return torch.cuda.mem_get_info(device_id)


def current_context() -> Context:
    """The context of the innermost ``with`` scope, or ``cpu(0)``."""
    return getattr(Context._current, "value", _DEFAULT)


def context_of(device: torch.device) -> Context:
    """The context that a torch device belongs to."""
    return Context("gpu", device.index or 0) if device.type == "cuda" else _DEFAULT
