"""Memory that is used again: only when nobody can see it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rennet import _reused as module
from rennet._reused import LEAST, MOST, reused

LIKE = torch.zeros(1)
SHAPE = (LEAST // 4 + 3, 1)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", [])


@pytest.mark.parametrize(
    "hold",
    [lambda t: t, lambda t: t[3:5], lambda t: t.numpy(), lambda t: t.detach(), lambda t: t.__dlpack__()],
    ids=["tensor", "view", "numpy", "detached", "dlpack"],
)
def test_what_is_held_is_not_used_again(hold: Callable[[Tensor], Any]) -> None:
    first = reused(SHAPE, LIKE).fill_(1.0)
    address, holder = first.data_ptr(), hold(first)
    del first
    second = reused(SHAPE, LIKE)
    assert second.data_ptr() != address
    del holder
    assert reused(SHAPE, LIKE).data_ptr() == address


def test_types_and_sizes_may_differ() -> None:
    first = reused((LEAST // 4, 2), LIKE)
    address = first.data_ptr()
    del first
    second = reused((LEAST // 8 + 1, 1), LIKE.double())
    assert (second.data_ptr(), second.dtype, second.shape) == (address, torch.float64, (LEAST // 8 + 1, 1))
    assert second.is_contiguous()


def test_small_and_huge_ones_are_torchs_own() -> None:
    reused((5, 3), LIKE)
    reused((0, 3), LIKE)
    reused((MOST // 4 + 1,), LIKE)
    assert module._kept == []


def test_little_is_kept() -> None:
    held = [reused((MOST // 16,), LIKE) for _ in range(6)]
    assert sum(each.nbytes() for each in module._kept) <= MOST
    assert len({each.data_ptr() for each in held}) == 6


def test_threads_get_memory_of_their_own() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            mine = reused(SHAPE, LIKE).fill_(float(number))
            if not bool((mine == number).all()):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
