from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from differential import assert_all_close, assert_close

nan, inf = float("nan"), float("inf")


class Wrapped:
    def asnumpy(self) -> np.ndarray:
        return np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (np.array([1.0, 2.0 + 1e-7]), np.array([1.0, 2.0])),
        (torch.tensor([1.0, 2.0], requires_grad=True), np.array([1.0, 2.0])),
        (Wrapped(), np.array([1.0, 2.0], np.float32)),
        (np.array([1e6 + 0.5]), np.array([1e6])),
        (np.array([nan, inf, -inf]), np.array([nan, inf, -inf])),
        (np.zeros((0, 3)), np.zeros((0, 3), np.float16)),
        (np.array(1.0), np.array(1.0)),
        (np.array([True]), np.array([True])),
        (np.array([2**60 + 1]), np.array([2**60 + 1])),
    ],
)
def test_close(ours: Any, theirs: np.ndarray) -> None:
    assert_close(ours, theirs, 1e-6, "x")


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (np.zeros(3), np.zeros((3, 1)), r"^x: shape: expected \(3, 1\), got \(3,\)"),
        (np.zeros(3, int), np.zeros(3), r"^x: kind of dtype: expected that of float64, got int64"),
        (
            np.array([[1.0, 2.0], [4.0, 4.5]]),
            np.array([[1.0, 2.0], [2.0, 4.0]]),
            r"^x: 2 of 4 elements differ by more than 1e-06, the largest error 1: "
            r"at \(1, 0\) expected .*2\.0.*, got .*4\.0",
        ),
        (np.array([2**60 + 1]), np.array([2**60]), r"^x: 1 of 1 elements differ: at \(0,\)"),
        (np.array([1.0, nan]), np.array([1.0, 1.0]), r"not both finite, nor the same: at \(1,\)"),
        (np.array([inf]), np.array([-inf]), "not both finite, nor the same"),
    ],
)
def test_not_close(ours: Any, theirs: np.ndarray, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_close(ours, theirs, 1e-6, "x")


def test_all_close() -> None:
    assert_all_close([np.ones(2), None], (np.ones(2), None), 0, "gradients")
    assert_all_close({"a": torch.ones(2)}, {"a": np.ones(2)}, 0, "params")


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ({"a": 1.0, "c": 1.0}, {"a": np.array(1.0), "b": np.array(1.0)}, r"missing \['b'\], not in theirs \['c'\]"),
        ([], [np.array(1.0)], r"missing \[0\], not in theirs \[\]"),
        ([np.ones(1)], [None], r"gradients\[0\]: ours is not None, the other is"),
        ([None], [np.ones(1)], r"gradients\[0\]: theirs is not None, the other is"),
        ({"a": 1.0}, {"a": np.array(2.0)}, r"gradients\['a'\]: 1 of 1 elements differ"),
        ([1.0], {"a": np.array(2.0)}, "expected dict, got list"),
    ],
)
def test_not_all_close(ours: Any, theirs: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_all_close(ours, theirs, 1e-6, "gradients")
