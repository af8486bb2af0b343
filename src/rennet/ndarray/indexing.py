"""Reading and writing elements of a tensor by NumPy's index expressions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import ArgumentError, MXNetError, ShapeError, shown

_PARTS = "whole numbers, slices, ..., None, and arrays or lists of numbers"


class IndexingError(MXNetError, IndexError):
    """An index expression picks what the array does not have."""


def take(tensor: Tensor, key: tuple[Any, ...]) -> Tensor:
    """The elements that `key` picks: the same memory if they lie there in one piece, otherwise a copy, as in MXNet."""
    _expect_axes(tensor, key)
    whole = tuple(tensor.shape)
    if any(_goes_back(part) for part in key):
        tensor, key = _forwards(tensor, key)
    try:
        return tensor[key].contiguous()
    except IndexError as error:
        raise IndexingError(f"index: {error}; the array has shape {whole}") from error


def put(tensor: Tensor, key: tuple[Any, ...], value: Tensor) -> None:
    """Write `value`, broadcast to their shape, to the elements that `key` picks."""
    _expect_axes(tensor, key)
    if any(_goes_back(part) for part in key):
        numbers = take(torch.arange(tensor.numel(), device=tensor.device).reshape(tensor.shape), key)
        key = torch.unravel_index(numbers, tensor.shape)
    try:
        tensor[key] = value
    except IndexError as error:
        raise IndexingError(f"index: {error}; the array has shape {tuple(tensor.shape)}") from error
    except RuntimeError as error:
        expected, got = tuple(tensor.detach()[key].shape), tuple(value.shape)
        if not _broadcasts(got, expected):
            raise ShapeError(f"assignment: expected a value that broadcasts to {expected}, got shape {got}") from error
        raise MXNetError(f"assignment: {error}") from error  # torch will not record it


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    leading, rest = shape[: -len(target) or len(shape)], shape[-len(target) or len(shape) :]
    pairs = zip(reversed(rest), reversed(target), strict=False)
    return all(size == 1 for size in leading) and all(size in (1, wanted) for size, wanted in pairs)


def torch_key(key: Any, device: torch.device) -> tuple[Any, ...]:
    """An index expression in what torch understands: arrays of any kind, and lists, become index tensors."""
    parts = [_torch_part(part, device) for part in (key if isinstance(key, tuple) else (key,))]
    if any(isinstance(part, Tensor) for part in parts):
        # beside an index array NumPy takes a number for one too, which decides where the picked axis goes
        parts = [torch.tensor([part], device=device) if type(part) is int else part for part in parts]
    return tuple(parts)


def _torch_part(part: Any, device: torch.device) -> Any:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return part
    if isinstance(part, np.ndarray | np.bool_ | list | tuple | range):
        part = torch.as_tensor(in_order(_numbers(part)))
    if isinstance(part, Tensor):
        part = part.to(device)
        return part if part.dtype == torch.bool else part.long()
    if isinstance(part, slice):
        return slice(*(end if end is None else _whole(end) for end in (part.start, part.stop, part.step)))
    return _whole(part)


def _numbers(part: Any) -> np.ndarray[Any, Any]:
    try:
        values = np.asarray(part)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"index: expected {_PARTS}; got a {type(part).__name__}: {error}") from error
    if values.dtype.kind not in "biuf":
        raise ArgumentError(f"index: expected {_PARTS}; got a {type(part).__name__} of elements {values.dtype}")
    return values


def _whole(part: Any) -> int:
    """A place as an ``int``; whatever NumPy takes for one is one."""
    try:
        return operator.index(part)
    except TypeError:
        raise ArgumentError(f"index: expected {_PARTS}; got {shown(part)}") from None


def _expect_axes(tensor: Tensor, key: tuple[Any, ...]) -> None:
    """Does the key pick from no more axes than there are."""
    used = sum(_axes(part) for part in key)
    if used > tensor.dim():
        raise IndexingError(f"index: {used} places for an array of {tensor.dim()} axes, of shape {tuple(tensor.shape)}")


def _goes_back(part: Any) -> bool:
    return isinstance(part, slice) and part.step is not None and part.step < 0


def _axes(part: Any) -> int:
    """How many axes of the array a part of an index expression uses up."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.dim() if isinstance(part, Tensor) and part.dtype == torch.bool else 1


def _forwards(tensor: Tensor, key: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
    """Torch has no negative steps: the same elements in the wanted order, and a key without such steps for them."""
    axis, new = 0, []
    for part in key:
        if part is Ellipsis:
            axis += tensor.dim() - sum(map(_axes, key))
        if _goes_back(part):
            places = range(tensor.shape[axis])[part]
            tensor = tensor.index_select(axis, torch.tensor(places, dtype=torch.long, device=tensor.device))
            new.append(slice(None))
        else:
            new.append(part)
        axis += _axes(part)
    return tensor, tuple(new)


def in_order(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values as torch takes them: no axis goes backwards, and bytes have the machine's order."""
    if values.dtype.isnative and all(stride >= 0 for stride in values.strides):
        return values
    return values.astype(values.dtype.newbyteorder("="), order="C")
