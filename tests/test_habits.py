"""What `conftest.py` promises to every test."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

drawn: list[tuple[float, float, float]] = []


@pytest.mark.parametrize("allocate", [torch.empty, torch.zeros(1).new_empty], ids=["empty", "new_empty"])
def test_fresh_memory_holds_no_luck(allocate) -> None:
    assert allocate(3).isnan().all()
    assert torch.empty_like(torch.zeros(3)).isnan().all()
    assert (torch.empty(3, dtype=torch.int64) == torch.iinfo(torch.int64).max).all()


@pytest.mark.parametrize("_", [0, 1])
def test_each_test_draws_its_own_numbers(_: int) -> None:
    drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert len({numbers for draws in drawn for numbers in draws}) == 3 * len(drawn)


def test_the_numbers_are_the_same_in_every_run() -> None:
    seed = 2271437591  # of this test's name
    assert torch.initial_seed() == seed
    assert random.random() == random.Random(seed).random()
    assert np.random.rand() == np.random.RandomState(seed).rand()


@given(st.integers())
def test_hypothesis_has_no_objection(number: int) -> None:
    assert isinstance(number, int)
