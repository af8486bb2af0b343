"""Names, aliases, inputs, attributes and defaults of every operator are those of real MXNet."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet._ops.attrs import Attribute
from rennet._ops.catalogue import OPERATORS

_ASK = """
import ctypes
from mxnet.base import _LIB, OpHandle, c_str, check_call, mx_uint, py_str
described = {}
for name in names:
    handle, real, text, kind, returns = OpHandle(), *[ctypes.c_char_p() for _ in range(4)]
    if _LIB.NNGetOpHandle(c_str(name), ctypes.byref(handle)):
        described[name] = None
        continue
    count, columns = mx_uint(), [ctypes.POINTER(ctypes.c_char_p)() for _ in range(3)]
    filled = [ctypes.byref(each) for each in (real, text, count, *columns, kind, returns)]
    check_call(_LIB.MXSymbolGetAtomicSymbolInfo(handle, *filled))
    arguments = [[py_str(columns[0][i]), py_str(columns[1][i])] for i in range(count.value)]
    described[name] = [py_str(real.value), arguments]
"""

NOT_OFFERED = {
    ("LeakyReLU", "lower_bound"): "randomised slopes (rrelu) are not offered",
    ("LeakyReLU", "upper_bound"): "randomised slopes (rrelu) are not offered",
}
CHOICES_NOT_OFFERED = {("LeakyReLU", "act_type"): {"rrelu"}}
DEFAULTS_OF_OUR_OWN = {
    ("Custom", "op_type"): "MXNet does not tell that it is required",
    ("_full", "shape"): "MXNet's None is an empty shape",
    ("_random_uniform", "shape"): "MXNet's None is an empty shape",
    ("_random_normal", "shape"): "MXNet's None is an empty shape",
    ("smooth_l1", "scalar"): "MXNet does not tell; it is 1",
    **{
        (f"_random_{name}", key): f"MXNet's None is {'an empty shape' if key == 'shape' else kind}"
        for name, kind in (
            ("gamma", "float32"),
            ("exponential", "float32"),
            ("poisson", "float32"),
            ("randint", "int32"),
        )
        for key in ("shape", "dtype")
    },
    ("_sample_unique_zipfian", "shape"): "MXNet's None is an empty shape",
    ("_unravel_index", "shape"): "MXNet's None is an empty shape",
    ("_ravel_multi_index", "shape"): "MXNet's None is an empty shape",
    ("_random_uniform", "dtype"): "MXNet's None is float32",
    ("_random_normal", "dtype"): "MXNet's None is float32",
}


@pytest.fixture(scope="module")
def described(oracle: Oracle) -> dict[str, Any]:
    return oracle.build(_ASK, ["described"], {"names": list(OPERATORS)})["described"]


@pytest.mark.parametrize("name", mx.operator.get_all_registered_operators())
def test_signature(described: dict[str, Any], name: str) -> None:
    ours = OPERATORS[name]
    assert described[name] is not None, "real MXNet has no such operator"
    real, arguments = described[name]
    assert ours.name == real
    is_input = [bool(re.match("NDArray|Symbol", kind)) for _, kind in arguments]
    inputs = [argument for (argument, _), given in zip(arguments, is_input, strict=True) if given]
    attributes = {argument: kind for (argument, kind), given in zip(arguments, is_input, strict=True) if not given}
    if ours.variadic:
        attributes.setdefault("num_args", "int, required")
    elif not ours.open_inputs:
        assert list(ours.inputs) == inputs
    assert set(ours.attributes) == {key for key in attributes if (real, key) not in NOT_OFFERED}
    for key, kind in attributes.items():
        if key == "num_args" or {(real, key)} & (NOT_OFFERED.keys() | DEFAULTS_OF_OUR_OWN.keys()):
            continue
        attribute = ours.attributes[key]
        if attribute.expected.startswith("one of "):
            choices = attribute.expected.removeprefix("one of ").removesuffix(", or None").split(", ")
            theirs = set(re.findall(r"'(\w+)'", kind.partition("}")[0]))
            assert set(choices) == theirs - CHOICES_NOT_OFFERED.get((real, key), set())
        if kind.endswith("required"):
            assert attribute.default is Attribute.REQUIRED
        else:
            default = kind.rpartition("default=")[2].strip("'")
            theirs = attribute.parse(real, default)
            # its numbers come printed from float32
            close = isinstance(theirs, float) and np.float32(theirs) == np.float32(attribute.default)
            assert attribute.default == theirs or close, f"{key}: {kind}"


def test_the_lists_are_needed(described: dict[str, Any]) -> None:
    for op, key in (*NOT_OFFERED, *DEFAULTS_OF_OUR_OWN):
        assert key in dict(described[op][1]), f"real MXNet's {op} has no attribute {key}"
        assert (key in OPERATORS[op].attributes) == ((op, key) in DEFAULTS_OF_OUR_OWN)
