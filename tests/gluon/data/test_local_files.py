"""Data sets of others, read from files that were put in their places."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from rennet.base import ArgumentError, FormatError, NotSupportedError
from rennet.contrib.text.vocab import Vocabulary
from rennet.gluon.contrib.data import text
from rennet.gluon.data import DataLoader, vision

WORDS = "\n = Title = \n a b a\n\n c <unk> a \n"


def test_wikitext(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    place = tmp_path / "datasets" / "wikitext-2"
    with pytest.raises(
        NotSupportedError, match=r"wikitext-2/wiki\.train\.tokens: expected a file of wikitext-2-v1\.zip"
    ):
        text.WikiText2()
    place.mkdir(parents=True)
    (place / "wiki.train.tokens").write_text(WORDS)
    found = text.WikiText2(seq_len=4)
    tokens = ["=", "Title", "=", "<eos>", "a", "b", "a", "<eos>", "c", "<unk>", "a", "<eos>"]
    assert len(found) == 2
    for number, (data, label) in enumerate(found[i] for i in range(2)):
        begin = 4 * number
        assert found.vocabulary.to_tokens(data.asnumpy().tolist()) == tokens[begin : begin + 4]
        assert found.vocabulary.to_tokens(label.asnumpy().tolist()) == tokens[begin + 1 : begin + 5]
        assert data.dtype == label.dtype == np.int32
    assert found.vocabulary.idx_to_token[:3] == ["<unk>", "<eos>", "a"]
    assert found.frequencies["a"] == 3


SAME = """
from mxnet.gluon.contrib.data import text
text.check_sha1 = lambda *_: True  # so that it does not download
train = text.WikiText2(root, "train", seq_len=length)
test = text.WikiText2(root, "test", train.vocabulary, length)
found = [[[each.asnumpy() for each in part[i]] for i in range(len(part))] for part in (train, test)]
words = [train.vocabulary.idx_to_token, dict(train.frequencies), dict(test.frequencies)]
"""


@pytest.mark.parametrize("length", [1, 3, 50])
def test_wikitext_is_cut_as_by_mxnet(oracle: Any, tmp_path: Path, length: int) -> None:
    (tmp_path / "wiki.train.tokens").write_text(WORDS * 3)
    (tmp_path / "wiki.test.tokens").write_text(" a z\n\n\nb = \n")
    root = str(tmp_path)
    theirs = oracle.build(SAME, ["found", "words"], inputs={"root": root, "length": min(length, 5)})
    train = text.WikiText2(root, "train", seq_len=min(length, 5))
    test = text.WikiText103(root, "test", train.vocabulary, min(length, 5))
    found = [[[each.asnumpy() for each in part[i]] for i in range(len(part))] for part in (train, test)]
    np.testing.assert_equal(found, theirs["found"])
    assert [train.vocabulary.idx_to_token, dict(train.frequencies), dict(test.frequencies)] == theirs["words"]
    empty = text.WikiText2(root, "test", Vocabulary(), seq_len=50)
    assert len(empty) == 0


def test_wikitext_arguments(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="segment: expected one of test, train, validation; got 'valid'"):
        text.WikiText2(str(tmp_path), "valid")
    with pytest.raises(ArgumentError, match="WikiText103: seq_len: expected a positive whole number, got 0"):
        text.WikiText103(str(tmp_path), seq_len=0)


def write_mnist(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))


@pytest.mark.parametrize("make", [vision.MNIST, vision.FashionMNIST])
@pytest.mark.parametrize(("train", "part"), [(True, "train"), (False, "t10k")])
def test_mnist(tmp_path: Path, make: Any, train: bool, part: str) -> None:
    with pytest.raises(
        NotSupportedError, match=rf"{part}-labels-idx1-ubyte.gz: expected a file of .*mnist, got no such"
    ):
        make(str(tmp_path), train)
    images = np.random.randint(0, 256, (5, 28, 28), dtype=np.uint8)
    write_mnist(tmp_path, part, images, np.arange(5, dtype=np.uint8))
    found = make(str(tmp_path), train)
    image, label = found[3]
    np.testing.assert_array_equal(image.asnumpy(), images[3][..., None])
    assert (label, label.dtype, image.dtype, len(found)) == (3, np.int32, np.uint8, 5)
    scaled = make(str(tmp_path), train, transform=lambda data, label: (data.astype("float32") / 255, label))
    ((batch, labels),) = DataLoader(scaled, 5, num_workers=1)
    np.testing.assert_allclose(batch.asnumpy(), images[..., None] / np.float32(255), rtol=1e-6)
    assert labels.asnumpy().tolist() == [0, 1, 2, 3, 4]
    write_mnist(tmp_path, part, images, np.arange(4, dtype=np.uint8))
    with pytest.raises(FormatError, match="labels: expected 5, one for each image, got 4"):
        make(str(tmp_path), train)
    (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"))
    with pytest.raises(FormatError, match=r"sizes: expected 3 bytes in all, got \(9,\)"):
        make(str(tmp_path), train)


def cifar10(folder: str, train: bool) -> Any:
    return vision.CIFAR10(folder, train)


def cifar100(folder: str, train: bool) -> Any:
    return vision.CIFAR100(folder, True, train)


@pytest.mark.parametrize(
    ("make", "train", "names", "label_bytes"),
    [
        (cifar10, True, [f"data_batch_{i}.bin" for i in range(1, 6)], 1),
        (cifar10, False, ["test_batch.bin"], 1),
        (cifar100, True, ["train.bin"], 2),
        (cifar100, False, ["test.bin"], 2),
    ],
)
def test_cifar(
    tmp_path: Path, make: Callable[[str, bool], Any], train: bool, names: list[str], label_bytes: int
) -> None:
    with pytest.raises(NotSupportedError, match=rf"{names[0]}: expected a file of cifar-100?-binary.tar.gz"):
        make(str(tmp_path), train)
    images = np.random.randint(0, 256, (len(names), 2, 3, 32, 32), dtype=np.uint8)
    labels = np.random.randint(0, 10, (len(names), 2, label_bytes), dtype=np.uint8)
    for name, image, label in zip(names, images, labels, strict=True):
        (tmp_path / name).write_bytes(np.concatenate([label, image.reshape(2, -1)], 1).tobytes())
    found = make(str(tmp_path), train)
    assert len(found) == 2 * len(names)
    for i in range(len(found)):
        image, label = found[i]
        np.testing.assert_array_equal(image.asnumpy(), images[i // 2, i % 2].transpose(1, 2, 0))
        assert label == labels[i // 2, i % 2, -1]
    (tmp_path / names[0]).write_bytes(b"abc")
    with pytest.raises(FormatError, match=r"images: expected a multiple of 307[34] bytes, got 3"):
        make(str(tmp_path), train)


@pytest.mark.parametrize("make", [vision.ImageFolderDataset, vision.ImageRecordDataset])
def test_refused(make: Any) -> None:
    with pytest.raises(NotSupportedError, match=rf"vision\.{make.__name__}: rennet decodes no image files"):
        make("somewhere", flag=1)


def test_the_arrays_are_ones_own(tmp_path: Path) -> None:
    (tmp_path / "wiki.test.tokens").write_text(WORDS)
    data, _ = text.WikiText2(str(tmp_path), "test", seq_len=2)[0]
    data[:] = 7
    assert isinstance(data, mx.nd.NDArray)
