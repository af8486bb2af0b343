"""MNIST and CIFAR, read from local files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ...._local_files import data_dir, expected_file
from ....base import FormatError, NotSupportedError
from ....ndarray import NDArray, from_numpy
from ..dataset import Dataset

Array = np.ndarray[Any, Any]


class _Images(Dataset):
    """Pairs of an image and its class; see `MNIST`."""

    _name: str

    def __init__(
        self, root: str | None = None, train: bool = True, transform: Callable[[NDArray, Any], Any] | None = None
    ) -> None:
        self._root = data_dir() / "datasets" / self._name if root is None else Path(root).expanduser()
        self._train = train
        self._transform = transform
        images, self._label = self._load()
        self._data = from_numpy(images)

    def _load(self) -> tuple[Array, Array]:
        raise NotImplementedError(f"{type(self).__name__}: expected the images and their classes")

    def __getitem__(self, idx: Any) -> Any:
        sample = self._data[idx], self._label[idx]
        return sample if self._transform is None else self._transform(*sample)

    def __len__(self) -> int:
        return len(self._label)


class MNIST(_Images):
    """Handwritten digits: pairs of an image, ``(28, 28, 1)`` of uint8, and its class as int32.

    Parameters
    ----------
    root : str, optional
        The folder of the four files ``*-ubyte.gz``; by default ``datasets/mnist`` in ``$MXNET_HOME`` or ``~/.mxnet``.
        Nothing is downloaded.
    train : bool
        Whether these are the images for training or those for testing.
    transform : callable, optional
        Called with image and class; what it returns is the sample.

    Raises
    ------
    NotSupportedError
        A file is not there. Names the place.
    FormatError
        A file is not what it should be.
    """

    _name = "mnist"

    def _load(self) -> tuple[Array, Array]:
        part = "train" if self._train else "t10k"
        labels = _idx(self._file(f"{part}-labels-idx1-ubyte.gz"), 1)
        images = _idx(self._file(f"{part}-images-idx3-ubyte.gz"), 3)
        if len(labels) != len(images):
            raise FormatError(str(self._root), part, "labels", f"{len(images)}, one for each image", str(len(labels)))
        return images[..., None], labels.astype(np.int32)

    def _file(self, name: str) -> Path:
        return expected_file(self._root / name, f"a file of {self._name}")


class FashionMNIST(MNIST):
    """Articles of clothing: the same as `MNIST`, by default in ``datasets/fashion-mnist``."""

    _name = "fashion-mnist"


def _idx(path: Path, axes: int) -> Array:
    """The bytes of an IDX file: a magic number that says their type and axes, the sizes of these, the bytes."""
    with gzip.open(path, "rb") as file:
        content = file.read()
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise FormatError(str(path), "byte 0", "magic number", repr(magic), repr(content[:4]))
    begin = 4 + 4 * axes
    shape = tuple(int(size) for size in np.frombuffer(content[4:begin], ">u4"))
    count = int(np.prod(shape))
    if len(shape) != axes or len(content) != begin + count:
        raise FormatError(str(path), "byte 4", "sizes", f"{len(content) - begin} bytes in all", str(shape))
    return np.frombuffer(content, np.uint8, count, begin).reshape(shape).copy()


class CIFAR10(_Images):
    """Small photographs, ``(32, 32, 3)``, from the files ``*.bin`` of ``cifar-10-binary.tar.gz``.

    Parameters and errors are those of `MNIST`; the folder is by default ``datasets/cifar10``.
    """

    _name = "cifar10"
    _archive = "cifar-10-binary.tar.gz"
    _train_files: tuple[str, ...] = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    _test_files: tuple[str, ...] = ("test_batch.bin",)
    _label_bytes = 1
    _label_byte = 0

    def _load(self) -> tuple[Array, Array]:
        names = self._train_files if self._train else self._test_files
        rows = np.concatenate(
            [self._rows(expected_file(self._root / name, f"a file of {self._archive}")) for name in names]
        )
        images = rows[:, self._label_bytes :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), rows[:, self._label_byte].astype(np.int32)

    def _rows(self, path: Path) -> Array:
        """One image in each row, after its classes."""
        content = np.fromfile(path, np.uint8)
        size = self._label_bytes + 3 * 32 * 32
        if len(content) % size:
            raise FormatError(str(path), "end", "images", f"a multiple of {size} bytes", str(len(content)))
        return content.reshape(-1, size)


class CIFAR100(CIFAR10):
    """Small photographs, ``(32, 32, 3)``, from the files ``*.bin`` of ``cifar-100-binary.tar.gz``.

    Parameters and errors are those of `MNIST`, the folder by default ``datasets/cifar100``; and `fine_label`, the
    second parameter, says whether the classes are the 100 fine ones or the 20 coarse ones.
    """

    _name = "cifar100"
    _archive = "cifar-100-binary.tar.gz"
    _train_files = ("train.bin",)
    _test_files = ("test.bin",)
    _label_bytes = 2

    def __init__(
        self,
        root: str | None = None,
        fine_label: bool = False,
        train: bool = True,
        transform: Callable[[NDArray, Any], Any] | None = None,
    ) -> None:
        self._label_byte = int(fine_label)
        super().__init__(root, train, transform)


class _NoDecoder:
    """Refused: rennet decodes no image files."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotSupportedError(
            f"gluon.data.vision.{type(self).__name__}: rennet decodes no image files; write a Dataset of your own "
            "whose __getitem__ returns mx.nd.array of what Pillow or OpenCV reads"
        )


class ImageRecordDataset(_NoDecoder):
    """Refused: rennet decodes no image files. `RecordFileDataset` gives the records' bytes."""


class ImageFolderDataset(_NoDecoder):
    """Refused: rennet decodes no image files."""
