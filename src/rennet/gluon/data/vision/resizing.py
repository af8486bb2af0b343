"""Images of another size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ....base import ArgumentError, NotSupportedError, is_whole

NEAREST, BILINEAR = 0, 1


def checked_size(owner: str, size: Any) -> tuple[int, int]:
    """``(width, height)`` from a pair, or from a number for both."""
    sizes = size if isinstance(size, Sequence) else (size, size)
    if len(sizes) != 2 or not all(is_whole(each, 1) for each in sizes):
        raise ArgumentError(f"{owner}: size: expected a positive whole number, or (width, height); got {size!r}")
    return int(sizes[0]), int(sizes[1])


def checked_interpolation(owner: str, interpolation: int) -> int:
    """`interpolation` if it is one of the two kinds that there are."""
    if interpolation not in (NEAREST, BILINEAR):
        raise NotSupportedError(f"{owner}: interpolation: expected 0 (nearest) or 1 (bilinear), got {interpolation!r}")
    return interpolation


def fitting(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest ``(width, height)``, of the proportions of `size` and no larger, that fits into the given ones."""
    wanted: tuple[float, float] = size
    if height < wanted[1]:
        wanted = wanted[0] * height / wanted[1], height
    if width < wanted[0]:
        wanted = width, wanted[1] * width / wanted[0]
    return int(wanted[0]), int(wanted[1])


def resized(image: Tensor, size: tuple[int, int], interpolation: int) -> Tensor:
    """``(..., height, width, channels)`` in another size; as OpenCV does it, whose bytes may differ by one.

    Parameters
    ----------
    image : Tensor
        One image, or a batch of them.
    size : tuple of (width, height)
        The new size.
    interpolation : int
        `NEAREST` or `BILINEAR`.
    """
    batch = image if image.dim() == 4 else image[None]
    planes = batch.movedim(-1, 1).to(torch.float64)
    mode = "bilinear" if interpolation == BILINEAR else "nearest"
    planes = torch.nn.functional.interpolate(planes, (size[1], size[0]), mode=mode)
    if not image.is_floating_point():
        planes = planes.round()
    return planes.to(image.dtype).movedim(1, -1).reshape(*image.shape[:-3], size[1], size[0], image.shape[-1])
