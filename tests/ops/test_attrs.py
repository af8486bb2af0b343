"""Attributes in every spelling that files and calls use, and the errors of those that make no sense."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch

import rennet as mx
from rennet._ops.attrs import Attribute, DType, parser_of, to_text
from rennet._ops.catalogue import OPERATORS
from rennet._ops.registry import find
from rennet.base import ArgumentError, MXNetError


@pytest.mark.parametrize(
    ("hint", "given", "expected"),
    [
        (int, 3, 3),
        (int, "3", 3),
        (int, "-3", -3),
        (int, "3L", 3),
        (int, " 3 ", 3),
        (int, 3.0, 3),
        (int, np.int64(3), 3),
        (int, np.float32(3), 3),
        (int, True, 1),
        (float, 0.5, 0.5),
        (float, "0.5", 0.5),
        (float, "1e-3", 1e-3),
        (float, "2", 2.0),
        (float, 2, 2.0),
        (float, np.float32(0.5), 0.5),
        (float, "inf", float("inf")),
        *[(bool, given, True) for given in (True, "True", "true", "1", 1, np.bool_(True))],
        *[(bool, given, False) for given in (False, "False", "false", "0", 0, np.bool_(False))],
        (str, "cpu(0)", "cpu(0)"),
        (tuple[int, ...], (2, 3), (2, 3)),
        (tuple[int, ...], [2, 3], (2, 3)),
        (tuple[int, ...], "(2, 3)", (2, 3)),
        (tuple[int, ...], "[2,3]", (2, 3)),
        (tuple[int, ...], "(2L, 3L)", (2, 3)),
        (tuple[int, ...], " ( -1 ,0, ) ", (-1, 0)),
        (tuple[int, ...], "(2,)", (2,)),
        (tuple[int, ...], "2", (2,)),
        (tuple[int, ...], 2, (2,)),
        (tuple[int, ...], "()", ()),
        (tuple[int, ...], "[]", ()),
        (tuple[int, ...], np.array([2, 3]), (2, 3)),
        (tuple[int, ...], torch.Size([2, 3]), (2, 3)),
        (DType, "float16", "float16"),
        (DType, np.float64, "float64"),
        (DType, np.dtype("int8"), "int8"),
        (DType, torch.bfloat16, "bfloat16"),
        (DType, bool, "bool"),
        (Literal["write", "add"], "add", "add"),
        *[
            (hint, given, None)
            for hint in (int | None, float | None, tuple[int, ...] | None)
            for given in (None, "None")
        ],
        (int | None, "4", 4),
        (bool | None, "0", False),
        (tuple[int, ...] | None, "(1,)", (1,)),
        (Literal["csr"] | None, "csr", "csr"),
    ],
)
def test_spellings(hint: Any, given: Any, expected: Any) -> None:
    parsed = Attribute("a", hint).parse("Op", given)
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    ("hint", "given", "expected"),
    [
        (int, "3.5", "an integer"),
        (int, 3.5, "an integer"),
        (int, float("nan"), "an integer"),
        (int, float("inf"), "an integer"),
        (int, None, "an integer"),
        (int, "None", "an integer"),
        (int, "three", "an integer"),
        (float, "much", "a number"),
        (float, None, "a number"),
        (bool, "yes", "True or False"),
        (bool, 2, "True or False"),
        (bool, None, "True or False"),
        (bool, [], "True or False"),
        (str, 3, "a string"),
        (tuple[int, ...], "(2, 3", "a tuple of integers"),
        (tuple[int, ...], "(2, 3]", "a tuple of integers"),
        (tuple[int, ...], "2 3", "a tuple of integers"),
        (tuple[int, ...], "(2, , 3)", "a tuple of integers"),
        (tuple[int, ...], "(2, 3.5)", "a tuple of integers"),
        (tuple[int, ...], "(2, x)", "a tuple of integers"),
        (tuple[int, ...], "", "a tuple of integers"),
        (tuple[int, ...], 2.5, "a tuple of integers"),
        (tuple[int, ...], (2, 3.5), "a tuple of integers"),
        (tuple[int, ...], None, "a tuple of integers"),
        (DType, "float8", "an element type such as 'float32'"),
        (DType, "complex64", "an element type such as 'float32'"),
        (Literal["write", "add"], "wrote", "one of write, add"),
        (int | None, "x", "an integer, or None"),
    ],
)
def test_nonsense(hint: Any, given: Any, expected: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Attribute("size", hint).parse("Op", given)
    assert str(caught.value) == f"Op: attribute size: expected {expected}; got {given!r}"


def test_a_type_that_has_no_spelling() -> None:
    with pytest.raises(TypeError, match="no attribute type for"):
        parser_of(bytes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((2, 3), "(2, 3)"),
        ([2, 3], "(2, 3)"),
        ((2,), "(2,)"),
        ((), "()"),
        (np.array([2, 3]), "(2, 3)"),
        ((np.int64(2), 3), "(2, 3)"),
        (torch.Size([2, 3]), "(2, 3)"),
        (True, "True"),
        (np.bool_(False), "False"),
        (3, "3"),
        (np.int64(3), "3"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (2.0, "2.0"),
        (None, "None"),
        (np.float16, "float16"),
        (np.dtype("int8"), "int8"),
        ("relu", "relu"),
    ],
)
def test_spelling_back(value: Any, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("op", "attrs", "message"),
    [
        ("FullyConnected", {}, "FullyConnected: attribute num_hidden is required: an integer"),
        ("Activation", {}, "Activation: attribute act_type is required: one of relu, sigmoid"),
        (
            "FullyConnected",
            {"num_hidden": 3, "units": 4},
            "FullyConnected: unknown attribute 'units'; it has: num_hidden, no_bias, flatten",
        ),
        ("relu", {"slope": 1}, "relu: unknown attribute 'slope'; it has: none"),
        ("Activation", {"act_type": "gelu"}, "expected one of relu, sigmoid, tanh, softrelu, softsign; got 'gelu'"),
        (
            "RNN",
            {"state_size": 3, "num_layers": 1, "mode": "LSTM"},
            "RNN: attribute mode: expected one of .*lstm.*got 'LSTM'",
        ),
    ],
)
def test_operators_say_what_they_take(op: str, attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        OPERATORS[op].parse(attrs)
    with pytest.raises(ArgumentError, match=message):
        getattr(mx.nd, op)(mx.nd.ones((2, 2)), **attrs)
    with pytest.raises(ArgumentError, match=message):
        getattr(mx.sym, op)(mx.sym.Variable("x"), **attrs)


def test_free_attributes_are_passed_over() -> None:
    parsed = OPERATORS["Dropout"].parse({"p": "0.25", "__layout__": "NT", "__anything__": "()"})
    assert parsed == {"p": 0.25, "mode": "training", "axes": (), "cudnn_off": False}


def test_an_unknown_operator() -> None:
    with pytest.raises(
        MXNetError, match="here: unknown operator 'FullyConected'; the nearest known one is FullyConnected"
    ):
        find("FullyConected", "here: ")
    with pytest.raises(MXNetError, match=r"^unknown operator 'qqqqqqqq'$"):
        find("qqqqqqqq")
