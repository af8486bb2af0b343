"""One snippet of Gluon in both libraries; what it found out, named `report`, must be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from differential import assert_close
from oracle.client import Oracle
from same_script import run_here

_TOLERANCE = 2e-5

# What every snippet may use. `fails` says whether a call is refused: the two libraries' messages differ.
PRELUDE = """
import copy
import os
import pickle
import warnings
gluon, nn, nd, autograd = mx.gluon, mx.gluon.nn, mx.nd, mx.autograd
F32 = np.float32


def fails(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception:
        return True
    return False


def attempt(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception:
        return "refused"


def warned(function, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    return len(caught) > 0


def fill(block):
    # numbers that both libraries have
    for name, parameter in sorted(block.collect_params().items()):
        size = int(np.prod(parameter.shape))
        values = 0.4 * np.sin(np.arange(size) + len(name)).reshape(parameter.shape)
        parameter.set_data(nd.array(abs(values) + 0.5 if "var" in name else values))


def plain(value):
    # what it is now, whatever is written to the array later
    if isinstance(value, nd.NDArray):
        return value.asnumpy()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def note(key, value):
    report[key] = plain(value)


def ramp(*shape):
    return nd.array(np.cos(np.arange(int(np.prod(shape)))).reshape(shape))


class Net(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.first = nn.Dense(4, activation="tanh")
            self.second = nn.Dense(3)

    def forward(self, x):
        return self.second(self.first(x))


class HybridNet(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.first = nn.Dense(4, activation="tanh")
            self.second = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.second(self.first(x))


report = {}
"""


def assert_same(oracle: Oracle, source: str, **inputs: Any) -> Any:
    """Run a snippet in both libraries, and hold the `report` it leaves here to the one it leaves there.

    Parameters
    ----------
    oracle : Oracle
        Real MXNet.
    source : str
        Python that notes numbers, text, arrays, and lists and dicts of such: ``note(key, value)``.
    **inputs
        Given to the snippet by name.

    Returns
    -------
    dict
        The report.
    """
    ours = run_here(PRELUDE + source, ["report"], inputs)["report"]
    theirs = oracle.build(PRELUDE + source, ["report"], inputs)["report"]
    _compare(ours, theirs, "report")
    return ours


def here(source: str, **inputs: Any) -> Any:
    """The `report` of a snippet that only rennet runs."""
    return run_here(PRELUDE + source, ["report"], inputs)["report"]


def _compare(ours: Any, theirs: Any, what: str) -> None:
    if isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray), f"{what}: expected an array, got {ours!r}"
        assert_close(ours, theirs, _TOLERANCE, what)
    elif isinstance(theirs, Mapping):
        assert list(ours) == list(theirs), f"{what}: expected {list(theirs)}, got {list(ours)}"
        for key, value in theirs.items():
            _compare(ours[key], value, f"{what}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs), f"{what}: expected {theirs!r}, got {ours!r}"
        assert len(ours) == len(theirs), f"{what}: expected {theirs!r}, got {ours!r}"
        for place, value in enumerate(theirs):
            _compare(ours[place], value, f"{what}[{place}]")
    elif isinstance(theirs, float):
        assert_close(np.array(float(ours)), np.array(theirs), _TOLERANCE, what)
    else:
        assert (type(ours), ours) == (type(theirs), theirs), f"{what}: expected {theirs!r}, got {ours!r}"
