"""Transforms of images: real MXNet's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, NotSupportedError, ShapeError
from rennet.gluon.data import ArrayDataset, DataLoader
from rennet.gluon.data.vision import transforms
from same_script import run_here

SCRIPT = """
transforms = mx.gluon.data.vision.transforms
transform = eval("transforms." + made)
found = transform(mx.nd.array(image, dtype=image.dtype))
"""
EXACT = [
    ("Cast('int32')", (4, 5, 3), "uint8"),
    ("ToTensor()", (4, 5, 3), "uint8"),
    ("ToTensor()", (2, 4, 5, 1), "uint8"),
    ("ToTensor()", (4, 5, 3), "float32"),
    ("Normalize(0.3, 0.5)", (3, 4, 5), "float32"),
    ("Normalize((0.1, 0.2, 0.3), (1, 2, 3))", (2, 3, 4, 5), "float32"),
    ("CenterCrop(3)", (4, 6, 3), "uint8"),
    ("CenterCrop((5, 4))", (8, 8, 3), "uint8"),
    ("CropResize(1, 2, 3, 2)", (5, 6, 3), "uint8"),
    ("CropResize(0, 0, 2, 3)", (2, 5, 6, 3), "uint8"),
    ("Resize((3, 7), interpolation=0)", (5, 6, 3), "uint8"),
    ("Compose([transforms.Resize(4), transforms.ToTensor(), transforms.Normalize(0.5, 0.2)])", (4, 4, 3), "uint8"),
]
WITHIN_ONE = [
    ("Resize(7)", (5, 6, 3), "uint8"),
    ("Resize((3, 9))", (2, 5, 6, 1), "uint8"),
    ("Resize(4, keep_ratio=True)", (5, 9, 3), "uint8"),
    ("Resize(7, True)", (11, 5, 3), "uint8"),
    ("CenterCrop((7, 3))", (5, 4, 3), "uint8"),
    ("CenterCrop(9)", (5, 7, 3), "uint8"),
    ("CropResize(1, 1, 3, 3, 5, 1)", (5, 6, 3), "uint8"),
]


@pytest.mark.parametrize(("made", "shape", "dtype"), EXACT + WITHIN_ONE)
def test_equal_to_mxnet(oracle: Oracle, made: str, shape: tuple[int, ...], dtype: str) -> None:
    image = np.random.randint(0, 256, shape).astype(dtype)
    if dtype == "float32":
        image /= 255
    inputs = {"made": made, "image": image}
    ours, theirs = (run(SCRIPT, ["found"], inputs)["found"] for run in (run_here, oracle.build))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if dtype == "uint8" and ours.dtype == np.uint8:
        allowed = int((made, shape, dtype) in WITHIN_ONE)
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= allowed
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("flip", "axis"), [("RandomFlipLeftRight", 1), ("RandomFlipTopBottom", 0)])
def test_flips(flip: str, axis: int) -> None:
    image = np.random.randint(0, 256, (3, 4, 2), dtype=np.uint8)
    transform, seen = getattr(transforms, flip)(), set()
    for _ in range(40):
        result = transform(mx.nd.from_numpy(image)).asnumpy()
        flipped = np.array_equal(result, np.flip(image, axis))
        assert flipped or np.array_equal(result, image)
        seen.add(flipped)
    assert seen == {True, False}


def test_sometimes() -> None:
    image = mx.nd.ones((2, 2, 1))
    for p, dtype in ((1, np.float16), (0, np.float32)):
        assert transforms.RandomApply(transforms.Cast("float16"), p)(image).dtype == dtype


def test_a_part_is_resized_bilinearly_by_default() -> None:  # MXNet's default fails
    image = mx.nd.array(np.random.rand(4, 5, 2))
    ours, told = (transforms.CropResize(1, 0, 3, 3, 5, *kind)(image).asnumpy() for kind in ((), (1,)))
    np.testing.assert_array_equal(ours, told)


def test_in_a_loader() -> None:
    images, labels = mx.nd.ones((4, 5, 6, 3), dtype="uint8"), [0, 1, 2, 3]
    prepare = transforms.Compose([transforms.RandomFlipLeftRight(), transforms.ToTensor()])
    assert (len(prepare), type(prepare[1])) == (2, transforms.ToTensor)
    loader = DataLoader(ArrayDataset(images, labels).transform_first(prepare), 4, num_workers=1)
    ((batch, numbers),) = loader
    np.testing.assert_allclose(batch.asnumpy(), np.full((4, 3, 5, 6), 1 / 255), rtol=1e-6)
    assert numbers.asnumpy().tolist() == labels


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda image: transforms.CenterCrop(2)(image[0]),
            ShapeError,
            r"expected an image, \(height, width, channels\); g",
        ),
        (
            lambda image: transforms.CropResize(0, 0, 9, 1)(image),
            ShapeError,
            "part of 4 x 3 pixels, got columns 0 to 9",
        ),
        (lambda image: transforms.Normalize()(image.astype("uint8")), ArgumentError, "apply ToTensor before"),
        (lambda image: transforms.Normalize((1, 2))(image), ShapeError, "mean: expected a number or 3 of them"),
        (
            lambda _: transforms.Resize(0),
            ArgumentError,
            r"size: expected a positive whole number, or \(width, height\)",
        ),
        (lambda _: transforms.Resize(3, interpolation=2), NotSupportedError, r"expected 0 \(nearest\) or 1"),
        (lambda _: transforms.Compose(["a"]), ArgumentError, r"transforms\[0\]: expected a Block"),  # pyright: ignore
        (
            lambda _: transforms.RandomLighting(0.1),
            NotSupportedError,
            "transforms.RandomLighting: rennet has the plain",
        ),
    ],
)
def test_what_does_not_fit(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(mx.nd.ones((3, 4, 3)))
