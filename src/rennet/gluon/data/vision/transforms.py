"""Transforms of images, as Blocks: what prepares a sample for a network."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ....base import ArgumentError, NotSupportedError, ShapeError
from ....ndarray import NDArray
from ...block import Block
from . import resizing

__all__ = [
    "Cast",
    "CenterCrop",
    "Compose",
    "CropResize",
    "Normalize",
    "RandomApply",
    "RandomBrightness",
    "RandomColorJitter",
    "RandomContrast",
    "RandomFlipLeftRight",
    "RandomFlipTopBottom",
    "RandomHue",
    "RandomLighting",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "Resize",
    "Rotate",
    "ToTensor",
]


class Compose(Block):
    """Transforms, one after the other.

    Parameters
    ----------
    transforms : list of Block
        In the order in which they are applied.

    Examples
    --------
    >>> import rennet as mx
    >>> prepare = Compose([ToTensor(), Normalize(0.5, 0.25)])
    >>> prepare(mx.nd.zeros((4, 6, 3), dtype="uint8")).shape
    (3, 4, 6)
    """

    def __init__(self, transforms: Sequence[Block]) -> None:
        super().__init__()
        for place, each in enumerate(transforms):
            if not isinstance(each, Block):
                raise ArgumentError(f"Compose: transforms[{place}]: expected a Block, got {type(each).__name__}")
            self.register_child(each)

    def __len__(self) -> int:
        return len(self._children)

    def __getitem__(self, key: int) -> Block:
        return list(self._children.values())[key]

    def forward(self, x: Any) -> Any:
        """What the last one gives."""
        for each in self._children.values():
            x = each(x)
        return x


class Cast(Block):
    """The values in another element type, float32 by default."""

    def __init__(self, dtype: Any = "float32") -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, x: NDArray) -> NDArray:
        """The values in that type."""
        return x.astype(self._dtype)


class _OfImages(Block):
    """What is done to a tensor of `axes` axes, the number of an image's alone or also of a batch of them."""

    _axes: tuple[int, ...] = (3, 4)
    _layout = "(height, width, channels), or a batch of such"

    def forward(self, x: NDArray) -> NDArray:
        """The image, or the images, transformed."""
        if x.ndim not in self._axes:
            raise ShapeError(f"{type(self).__name__}: expected an image, {self._layout}; got shape {x.shape}")
        return NDArray(self._transformed(x.tensor.detach()).contiguous(), x.context)

    def _transformed(self, image: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: expected what to do to an image")


class ToTensor(_OfImages):
    """Numbers from 0 to 255 to float32 from 0 to 1, ``(height, width, channels)`` to ``(channels, height, width)``.

    Takes a batch too.
    """

    def _transformed(self, image: Tensor) -> Tensor:
        return image.movedim(-1, -3).to(torch.float32) / 255


class Normalize(_OfImages):
    """Each channel, less its mean, in units of its deviation. Channels come first, or second in a batch.

    Parameters
    ----------
    mean, std : float or tuple of float
        For all channels, or for each.

    Raises
    ------
    ShapeError
        When called: there are neither one nor as many as channels.
    """

    _layout = "(channels, height, width), or a batch of such"

    def __init__(self, mean: float | Sequence[float] = 0.0, std: float | Sequence[float] = 1.0) -> None:
        super().__init__()
        self._mean, self._std = mean, std

    def _transformed(self, image: Tensor) -> Tensor:
        if not image.is_floating_point():
            raise ArgumentError(f"Normalize: expected floating-point numbers, got {image.dtype}; apply ToTensor before")
        return (image - self._each("mean", self._mean, image)) / self._each("std", self._std, image)

    def _each(self, name: str, values: float | Sequence[float], image: Tensor) -> Tensor:
        tensor = torch.tensor(values, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
        if len(tensor) not in (1, image.shape[-3]):
            raise ShapeError(f"Normalize: {name}: expected a number or {image.shape[-3]} of them, got {values}")
        return tensor


class Resize(_OfImages):
    """Images of another size.

    Parameters
    ----------
    size : int or tuple of (width, height)
        An int for both, or, with `keep_ratio`, for the shorter edge.
    keep_ratio : bool
        Whether the longer edge follows the shorter one; with an int only.
    interpolation : {0, 1}
        Nearest or bilinear. OpenCV's other kinds are not supported.
    """

    def __init__(self, size: int | tuple[int, int], keep_ratio: bool = False, interpolation: int = 1) -> None:
        super().__init__()
        self._size = resizing.checked_size("Resize", size)
        self._shorter = size if keep_ratio and isinstance(size, int) else None
        self._interpolation = resizing.checked_interpolation("Resize", interpolation)

    def _transformed(self, image: Tensor) -> Tensor:
        height, width = image.shape[-3:-1]
        size = self._size
        if self._shorter is not None:
            size = (
                (self._shorter, self._shorter * height // width)
                if height > width
                else (self._shorter * width // height, self._shorter)
            )
        return resizing.resized(image, size, self._interpolation)


class CropResize(_OfImages):
    """A part of each image, and that in another size if one is given.

    Parameters
    ----------
    x, y : int
        Its left and upper edge.
    width, height : int
        Its size.
    size, interpolation
        As for `Resize`.

    Raises
    ------
    ShapeError
        When called: the part does not lie within the image.
    """

    def __init__(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        size: int | tuple[int, int] | None = None,
        interpolation: int | None = None,
    ) -> None:
        super().__init__()
        self._x, self._y, self._width, self._height = x, y, width, height
        self._size = None if size is None else resizing.checked_size("CropResize", size)
        self._interpolation = resizing.checked_interpolation(
            "CropResize", 1 if interpolation is None else interpolation
        )

    def _transformed(self, image: Tensor) -> Tensor:
        left, upper, right, lower = self._x, self._y, self._x + self._width, self._y + self._height
        height, width = image.shape[-3:-1]
        if not (0 <= left < right <= width and 0 <= upper < lower <= height):
            raise ShapeError(
                f"CropResize: expected a part of {width} x {height} pixels, got columns {left} to {right}, "
                f"rows {upper} to {lower}"
            )
        part = image[..., upper:lower, left:right, :]
        return part if self._size is None else resizing.resized(part, self._size, self._interpolation)


class CenterCrop(_OfImages):
    """The middle of an image; of one that is too small, the largest part of these proportions, made larger.

    Parameters
    ----------
    size : int or tuple of (width, height)
        An int for both.
    interpolation : {0, 1}
        As for `Resize`.
    """

    _axes = (3,)
    _layout = "(height, width, channels)"

    def __init__(self, size: int | tuple[int, int], interpolation: int = 1) -> None:
        super().__init__()
        self._size = resizing.checked_size("CenterCrop", size)
        self._interpolation = resizing.checked_interpolation("CenterCrop", interpolation)

    def _transformed(self, image: Tensor) -> Tensor:
        width, height = resizing.fitting(self._size, image.shape[1], image.shape[0])
        left, upper = (image.shape[1] - width) // 2, (image.shape[0] - height) // 2
        part = image[upper : upper + height, left : left + width]
        return part if (width, height) == self._size else resizing.resized(part, self._size, self._interpolation)


class RandomFlipLeftRight(_OfImages):
    """An image, or half of the time its mirror image. A batch is flipped as a whole."""

    def _transformed(self, image: Tensor) -> Tensor:
        return image.flip(-2) if torch.rand(()) < 0.5 else image.clone()


class RandomFlipTopBottom(_OfImages):
    """An image, or half of the time the same upside down. A batch is flipped as a whole."""

    def _transformed(self, image: Tensor) -> Tensor:
        return image.flip(-3) if torch.rand(()) < 0.5 else image.clone()


class RandomApply(Block):
    """What a transform gives, with probability `p`; otherwise the image as it is.

    Parameters
    ----------
    transforms : Block
        The transform; a `Compose` of several.
    p : float
        How likely it is applied, drawn from Python's generator as in MXNet.
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, x: Any) -> Any:
        """The image, transformed or not."""
        return x if self.p < random.random() else self.transforms(x)


class _Refused(Block):
    """Refused: a transform of images that rennet does not have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError(
            f"gluon.data.vision.transforms.{type(self).__name__}: rennet has the plain transforms of images only; "
            "write a Block of your own, or use torchvision.transforms in Dataset.transform"
        )


class RandomResizedCrop(_Refused):
    """Refused."""


class Rotate(_Refused):
    """Refused."""


class RandomRotation(_Refused):
    """Refused."""


class RandomBrightness(_Refused):
    """Refused."""


class RandomContrast(_Refused):
    """Refused."""


class RandomSaturation(_Refused):
    """Refused."""


class RandomHue(_Refused):
    """Refused."""


class RandomColorJitter(_Refused):
    """Refused."""


class RandomLighting(_Refused):
    """Refused."""
