"""Fixtures and habits of all tests: real MXNet on request, seeds from the test's name, no luck with fresh memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import settings

if TYPE_CHECKING:
    from oracle.client import Oracle


# They import mxnet, which only the oracle's own environment has.
collect_ignore = ["oracle/answers"]

# A first answer of the oracle, or a first call of an operator, takes what it takes.
settings.register_profile("rennet", deadline=None)
settings.load_profile("rennet")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-oracle",
        action="store_true",
        help="fail, instead of skipping, the tests that compare with real MXNet where it is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    # torch.empty hands out NaN (or the largest integer) instead of whatever was there, so that a value nobody wrote
    # shows. Torch ties this to its deterministic mode, whose own complaints about other operators say nothing of us.
    torch.use_deterministic_algorithms(True, warn_only=True)
    config.addinivalue_line("filterwarnings", "ignore:.*does not have a deterministic implementation:UserWarning")
    config.addinivalue_line("filterwarnings", "ignore:Deterministic behavior was enabled:UserWarning")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "oracle" in getattr(item, "fixturenames", ()):
            item.add_marker("oracle")


def pytest_runtest_setup(item: pytest.Item) -> None:
    # A hook, not a fixture: it comes before every fixture of the test, those of a wider scope included.
    seed = int.from_bytes(hashlib.sha256(item.nodeid.encode()).digest()[:4], "little")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.fixture(scope="session")
def oracle(request: pytest.FixtureRequest) -> Iterator[Oracle]:
    """Real MXNet 1.9.1."""
    from oracle.client import Oracle  # here, so that tests that never ask it do not depend on its import
    from oracle.make import MISSING, is_complete, location

    if not is_complete(location()):
        if request.config.getoption("--require-oracle"):
            pytest.fail(f"--require-oracle: {MISSING}", pytrace=False)
        pytest.skip(MISSING)
    with Oracle() as asked:
        yield asked
