"""Every operator against real MXNet: results, gradients for random head gradients, and graph files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet._dtypes import element_type
from rennet._ops.catalogue import OPERATORS
from rennet.ndarray import generated as nd
from rennet.symbol import generated as sym

from .cases import CASES, ELSEWHERE, Case
from .draw import Draw

every_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.op}-{i}" for i, case in enumerate(CASES)])


def _record(case: Case, inputs: Sequence[np.ndarray], attrs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Our arrays and our outputs."""
    arrays = [mx.nd.array(each, dtype=each.dtype) for each in inputs]
    for array, given in zip(arrays, inputs, strict=True):
        if given.dtype.kind == "f" and case.differentiable:
            array.attach_grad()
    with mx.autograd.record(train_mode=case.training):
        outputs = getattr(nd, case.op)(*arrays, **attrs)
    return arrays, outputs if isinstance(outputs, list) else [outputs]


def _place(op: str) -> tuple[str, str]:
    """The namespace under ``nd`` and ``sym`` in which real MXNet keeps an operator, and its name there."""
    for prefix in ("contrib", "linalg"):
        if op.startswith(f"_{prefix}_"):
            return f".{prefix}", op.removeprefix(f"_{prefix}_")
    return ("._internal" if op.startswith("_") else ""), op


def _compare(oracle: Oracle, case: Case, draw: Draw, tolerance: float) -> None:
    inputs, attrs = case.draw(draw)
    arrays, outputs = _record(case, inputs, attrs)
    heads = [draw.like(output.asnumpy()) for output in outputs]
    differentiable = case.differentiable and any(each.dtype.kind == "f" for each in inputs)
    namespace, name = _place(case.op)
    theirs = oracle.op(
        name,
        inputs,
        attrs,
        head_grads=heads if differentiable else None,
        is_train=case.training,
        grad=differentiable,
        namespace=f"nd{namespace}",
    )
    what = f"{case.op} of {[each.shape for each in inputs]} with {attrs}"
    assert_all_close(outputs, theirs.outputs, tolerance, f"{what}: output")
    assert [output.dtype for output in outputs] == [output.dtype.type for output in theirs.outputs], what
    if differentiable:
        mx.autograd.backward(outputs, [mx.nd.array(head, dtype=head.dtype) for head in heads])
        assert_all_close([array.grad for array in arrays], theirs.gradients, tolerance, f"{what}: gradient")
    assert_all_close(arrays, inputs, 0, f"{what}: input afterwards")


@every_case
def test_results_and_gradients(oracle: Oracle, case: Case) -> None:
    for seed in range(2):
        _compare(oracle, case, Draw(seed, "float32"), case.tolerance)
        if case.doubles:
            _compare(oracle, case, Draw(seed, "float64"), case.double)


@every_case
def test_shapes_and_types_are_inferred_as_they_turn_out(case: Case) -> None:
    operator = OPERATORS[case.op]
    for seed in range(3):
        inputs, attrs = case.draw(Draw(seed))
        _, outputs = _record(case, inputs, attrs)
        parsed = operator.parse({**attrs, **({"num_args": len(inputs)} if operator.variadic else {})})
        shapes = [each.shape for each in inputs]
        expected = shapes, [output.shape for output in outputs]
        ins, outs = operator.infer_shapes(parsed, list(shapes), [None] * len(outputs))
        assert (list(ins), [shape or (1,) for shape in outs]) == expected
        kinds = [element_type(each.dtype) for each in inputs]
        # one type stands for all outputs
        types = [kind.public for kind in operator.types(parsed, kinds)[1]]
        assert types * (len(outputs) // len(types)) == [output.dtype for output in outputs]


_DESCRIBE = """
def describe(op, place, count, attrs):
    namespace, name = place
    call = getattr(getattr(mx.sym, namespace[1:]) if namespace else mx.sym, name)
    node = call(*[mx.sym.Variable(f"in{i}") for i in range(count)], name="node", **attrs)
    alone = node if op in variadic else call(name="node", **attrs)
    return [node.tojson(), node.list_outputs(), alone.tojson(), alone.list_arguments()]
described = [describe(*call) for call in calls]
"""


def test_graph_files(oracle: Oracle) -> None:
    """The nodes that we write are, byte for byte, those that real MXNet writes, made variables included."""
    calls = []
    for case in CASES:
        inputs, attrs = case.draw(Draw(0))
        calls.append((case.op, _place(case.op), len(inputs), attrs))
    given = {"calls": calls, "variadic": [op for op, *_ in calls if OPERATORS[op].variadic]}
    theirs = oracle.build(_DESCRIBE, ["described"], given)["described"]
    for (op, _, count, attrs), (text, outputs, alone_text, arguments) in zip(calls, theirs, strict=True):
        what = f"{op} with {attrs}"
        ours = getattr(sym, op)(*[mx.sym.Variable(f"in{i}") for i in range(count)], name="node", **attrs)
        assert ours.tojson() == text, what
        assert ours.list_outputs() == outputs, what
        assert mx.sym.load_json(text).tojson() == text, what
        alone = ours if OPERATORS[op].variadic else getattr(sym, op)(name="node", **attrs)
        assert alone.tojson() == alone_text, what
        assert alone.list_arguments() == arguments, what


def test_every_operator_has_a_case() -> None:
    records = {id(operator): operator for operator in OPERATORS.values() if not operator.ours}.values()
    tried = {case.op for case in CASES}
    assert {operator.name for operator in records} == tried | ELSEWHERE.keys()
    assert not tried & ELSEWHERE.keys()
