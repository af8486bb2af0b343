"""Attributes out of range are errors, in graphs as in calls: no shape is invented for them."""

from __future__ import annotations

from typing import Any

import pytest

import rennet as mx
from rennet._ops.catalogue import OPERATORS
from rennet.base import ArgumentError, MXNetError, ShapeError
from rennet.ndarray import generated as nd
from rennet.symbol import generated as sym

from .cases import CASES, Case
from .draw import Draw

Shapes = list[tuple[int, ...]]

_MATRIX, _CUBE, _IMAGE = (2, 3), (2, 3, 4), (1, 4, 8, 8)

OF_THEMSELVES: list[tuple[str, int, dict[str, Any], str]] = [
    ("FullyConnected", 3, {"num_hidden": -3}, "num_hidden: expected a number of at least 1; got -3"),
    ("FullyConnected", 3, {"num_hidden": 0}, "num_hidden: expected a number of at least 1; got 0"),
    ("Embedding", 2, {"input_dim": -1, "output_dim": 4}, "input_dim: expected a number of at least 1; got -1"),
    ("Embedding", 2, {"input_dim": 0, "output_dim": 4}, "input_dim: expected a number of at least 1; got 0"),
    ("Embedding", 2, {"input_dim": 5, "output_dim": 0}, "output_dim: expected a number of at least 1; got 0"),
    ("SliceChannel", 1, {"num_outputs": 0}, "num_outputs: expected a number of at least 1; got 0"),
    ("Dropout", 1, {"p": 1.5}, r"p: expected a rate in \[0, 1\); got 1.5"),
    ("Dropout", 1, {"p": 1}, r"p: expected a rate in \[0, 1\); got 1.0"),
    ("Dropout", 1, {"p": -1}, r"p: expected a rate in \[0, 1\); got -1.0"),
    ("LRN", 1, {"nsize": 2}, "nsize: expected an odd number; got 2"),
    ("_zeros", 0, {"shape": (2, -3)}, r"shape: expected sizes, 0 or -1 for an unknown one; got \(2, -3\)"),
    ("_ones", 0, {"shape": (2, -3)}, r"shape: expected sizes, .*; got \(2, -3\)"),
    ("_full", 0, {"shape": (-3,), "value": 1.0}, r"shape: expected sizes, .*; got \(-3,\)"),
    ("_random_uniform", 0, {"shape": (-3,)}, r"shape: expected sizes, .*; got \(-3,\)"),
    ("_random_normal", 0, {"shape": (-3,)}, r"shape: expected sizes, .*; got \(-3,\)"),
    ("_arange", 0, {"start": 1, "stop": 3, "repeat": -1}, "repeat: expected a number of at least 1; got -1"),
    ("SequenceMask", 1, {"axis": 2}, "axis: expected 0 or 1, that of time; got 2"),
    ("SequenceLast", 1, {"axis": -1}, "axis: expected 0 or 1, that of time; got -1"),
    ("SequenceReverse", 1, {"axis": 3}, "axis: expected 0 or 1, that of time; got 3"),
    ("Pooling", 1, {"kernel": (0, 3), "pool_type": "max"}, r"kernel: expected 1 to 3 positive sizes; got \(0, 3\)"),
    ("Convolution", 3, {"kernel": (0, 3), "num_filter": 2}, r"kernel: expected 1 to 3 positive sizes; got \(0, 3\)"),
    ("Convolution", 3, {"kernel": (3, 3), "num_filter": 0}, "num_filter: expected a positive number; got 0"),
]
"""Operator, how many inputs, attributes, and what the error says: wrong whatever the inputs are."""

AGAINST_INPUTS: list[tuple[str, Shapes, dict[str, Any], str]] = [
    ("Concat", [_MATRIX, _MATRIX], {"dim": 7}, "Concat: attribute dim: expected an axis from -2 to 1, .*got 7"),
    ("Concat", [_MATRIX, _MATRIX], {"dim": -3}, "Concat: attribute dim: .*got -3"),
    ("SliceChannel", [_MATRIX], {"num_outputs": 1, "axis": 5}, "SliceChannel: attribute axis: .*got 5"),
    ("SliceChannel", [_MATRIX], {"num_outputs": 3, "axis": -3}, "SliceChannel: attribute axis: .*got -3"),
    ("expand_dims", [_MATRIX], {"axis": 7}, "expand_dims: attribute axis: expected an axis from -3 to 2, .*got 7"),
    ("expand_dims", [_MATRIX], {"axis": 3}, "expand_dims: attribute axis: .*got 3"),
    ("expand_dims", [_MATRIX], {"axis": -4}, "expand_dims: attribute axis: .*got -4"),
    ("stack", [_MATRIX, _MATRIX], {"axis": 5}, "stack: attribute axis: expected an axis from -3 to 2, .*got 5"),
    ("stack", [_MATRIX, _MATRIX], {"axis": -4}, "stack: attribute axis: .*got -4"),
    ("Dropout", [_MATRIX], {"axes": (7,)}, "Dropout: attribute axes: .*got 7"),
    ("SwapAxis", [_MATRIX], {"dim1": 0, "dim2": 5}, "SwapAxis: attribute dim2: .*got 5"),
    ("SwapAxis", [_MATRIX], {"dim1": -5, "dim2": 0}, "SwapAxis: attribute dim1: .*got -5"),
    ("transpose", [_MATRIX], {"axes": (0, 5)}, "transpose: attribute axes: .*got 5"),
    ("transpose", [_MATRIX], {"axes": (0,)}, r"transpose: attribute axes: expected each of 2 axes once; got \(0,\)"),
    ("transpose", [_MATRIX], {"axes": (0, 0)}, r"transpose: attribute axes: expected each of 2 axes once"),
    ("transpose", [_MATRIX], {"axes": (0, 1, 2)}, "transpose: attribute axes: .*got 2"),
    ("slice_axis", [_MATRIX], {"axis": 4, "begin": 0, "end": 1}, "slice_axis: attribute axis: .*got 4"),
    ("slice_axis", [_MATRIX], {"axis": 1, "begin": 0, "end": 9}, "slice_axis: begin 0 and end 9 do not fit"),
    ("reverse", [_MATRIX], {"axis": (3,)}, "reverse: attribute axis: .*got 3"),
    ("repeat", [_MATRIX], {"repeats": 2, "axis": 5}, "repeat: attribute axis: .*got 5"),
    ("squeeze", [_MATRIX], {"axis": (5,)}, "squeeze: attribute axis: .*got 5"),
    ("softmax", [_MATRIX], {"axis": 5}, "softmax: attribute axis: .*got 5"),
    ("log_softmax", [_MATRIX], {"axis": -3}, "log_softmax: attribute axis: .*got -3"),
    ("argmax", [_MATRIX], {"axis": 5}, "argmax: attribute axis: .*got 5"),
    ("sum", [_MATRIX], {"axis": 5}, "sum: attribute axis: .*got 5"),
    ("mean", [_MATRIX], {"axis": (0, -2)}, r"mean: attribute axis: expected each axis at most once; got \(0, -2\)"),
    ("norm", [_MATRIX], {"axis": -3}, "norm: attribute axis: .*got -3"),
    ("reshape_like", [_MATRIX, _MATRIX], {"lhs_end": 5}, "reshape_like: attribute lhs_end: .*got 5"),
    ("broadcast_like", [(2, 1), _MATRIX], {"lhs_axes": (5,), "rhs_axes": (0,)}, "attribute lhs_axes: .*got 5"),
    ("SequenceReverse", [(4,)], {}, r"SequenceReverse: data: expected at least 2 axes, .*got shape \(4,\)"),
    ("SequenceMask", [(4,)], {}, "SequenceMask: data: expected at least 2 axes"),
    ("SequenceLast", [(4,)], {}, "SequenceLast: data: expected at least 2 axes"),
    ("SoftmaxOutput", [_MATRIX, (5,)], {}, r"label: expected shape \(2,\) for data of shape \(2, 3\), got \(5,\)"),
    ("SoftmaxOutput", [_MATRIX, (2, 1)], {}, r"label: expected shape \(2,\) .*got \(2, 1\)"),
    ("SoftmaxOutput", [_CUBE, (6,)], {}, r"label: expected shape \(2, 3\) .*got \(6,\)"),
    ("SoftmaxOutput", [_CUBE, (2,)], {"preserve_shape": True}, r"label: expected shape \(2, 3\) .*got \(2,\)"),
    ("SoftmaxOutput", [_CUBE, (2, 3)], {"multi_output": True}, r"label: expected shape \(2, 4\) .*got \(2, 3\)"),
    ("LinearRegressionOutput", [_MATRIX, (5,)], {}, r"label: expected shape \(2, 3\), got \(5,\)"),
    ("L2Normalization", [_MATRIX], {"mode": "spatial"}, "mode 'spatial' needs at least 3 axes"),
    ("Pooling", [_IMAGE], {"kernel": (9, 3), "pool_type": "max"}, "kernel 9 does not fit an axis of size 8"),
]
"""Operator, shapes of its inputs, attributes, and what the error says."""


@pytest.mark.parametrize(
    ("op", "count", "attrs", "message"), OF_THEMSELVES, ids=[f"{row[0]}-{row[2]}" for row in OF_THEMSELVES]
)
def test_values_that_make_no_sense(op: str, count: int, attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{op}: attribute {message}"):
        getattr(sym, op)(*[mx.sym.Variable(f"x{i}") for i in range(count)], **attrs)
    with pytest.raises(ArgumentError, match=f"^{op}: attribute {message}"):
        getattr(nd, op)(*[mx.nd.ones((2, 3))] * count, **attrs)


def _infer(op: str, shapes: Shapes, attrs: dict[str, Any]) -> Any:
    names = [f"x{i}" for i in range(len(shapes))]
    symbol = getattr(sym, op)(*map(mx.sym.Variable, names), name="node", **attrs)
    return symbol.infer_shape(**dict(zip(names, shapes, strict=True)))


@pytest.mark.parametrize(
    ("op", "shapes", "attrs", "message"),
    AGAINST_INPUTS,
    ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in AGAINST_INPUTS],
)
def test_values_that_do_not_fit_the_inputs(op: str, shapes: Shapes, attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=rf"(?s)^Error in operator node \({op}\): .*{message}"):
        _infer(op, shapes, attrs)
    with pytest.raises((ArgumentError, ShapeError), match=message):
        getattr(nd, op)(*[mx.nd.ones(shape) for shape in shapes], **attrs)


def _axis_cases() -> list[tuple[Case, str]]:
    """One case of each operator for each attribute that is an axis, or several."""
    found: dict[tuple[str, str], Case] = {}
    for case in CASES:
        for name in ("axis", "axes", "dim", "dim1", "dim2", "lhs_axes", "rhs_axes"):
            if name in OPERATORS[case.op].attributes:
                found.setdefault((OPERATORS[case.op].name, name), case)
    return [(case, name) for (_, name), case in found.items()]


@pytest.mark.parametrize("axis", [17, -17])
@pytest.mark.parametrize(("case", "name"), _axis_cases(), ids=[f"{case.op}-{name}" for case, name in _axis_cases()])
def test_every_axis_is_looked_at(case: Case, name: str, axis: int) -> None:
    inputs, attrs = case.draw(Draw(0))
    attrs = {**attrs, name: axis}
    with pytest.raises(MXNetError):
        _infer(case.op, [each.shape for each in inputs], attrs)
    with pytest.raises(MXNetError):
        getattr(nd, case.op)(*[mx.nd.array(each, dtype=each.dtype) for each in inputs], **attrs)


def test_labels_in_every_form_that_fits() -> None:
    for shapes, attrs in (
        ([_MATRIX, (2,)], {}),
        ([_MATRIX, _MATRIX], {}),
        ([_CUBE, (2, 3)], {}),
        ([_CUBE, (2,)], {}),  # MXNet trains with it, but cannot infer it
        ([(2, 3, 4, 5), (2, 20)], {"multi_output": True}),
        ([(2, 3, 4, 5), (2, 4, 5)], {"multi_output": True}),
        ([(2, 3, 4, 5), (2, 1, 4, 5)], {"multi_output": True}),
    ):
        assert _infer("SoftmaxOutput", shapes, attrs)[1] == [shapes[0]]


def test_a_wrong_label_is_found_when_a_graph_is_bound() -> None:
    graph = mx.sym.SoftmaxOutput(mx.sym.Variable("x"), mx.sym.Variable("l"), name="so")
    with pytest.raises(ShapeError, match=r"so \(SoftmaxOutput\): .*label: expected shape \(2,\)"):
        graph.simple_bind(mx.cpu(), x=(2, 3), l=(5,))
