"""Random stacks of cells and wrappers: fused, step by step, and real MXNet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.client import Oracle
from same_script import run_here

from .fusion import assert_agrees

PRELUDE = """
def stack(*cells):
    made = mx.rnn.SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made

def flat(states):
    return sum((flat(each) for each in states), []) if isinstance(states, list) else [states]
"""
WIDTH = 3


@st.composite
def _cells(draw: Any, prefixes: Any, depth: int) -> str:
    """A cell that takes inputs 3 wide, and puts out as many unless it is a pair.

    Zoneout and variational dropout draw the same numbers however the graph is run.
    """
    kinds = ["rnn", "relu", "lstm", "gru", "unfused"] + ["residual", "stack", "both", "zoneout", "zoneout"] * (
        depth > 0
    )
    kind = draw(st.sampled_from(kinds))
    prefix = next(prefixes)
    if kind == "relu":
        return f"mx.rnn.RNNCell({WIDTH}, activation='relu', prefix='{prefix}')"
    if kind in ("rnn", "lstm", "gru"):
        return f"mx.rnn.{kind.upper()}Cell({WIDTH}, prefix='{prefix}')"
    if kind == "unfused":
        mode = draw(st.sampled_from(["lstm", "gru", "rnn_tanh"]))
        return f"mx.rnn.FusedRNNCell({WIDTH}, {draw(st.integers(1, 2))}, '{mode}', prefix='{prefix}').unfuse()"
    if kind == "zoneout":
        inside = draw(_cells(prefixes, 0))
        rates = draw(st.sampled_from(["0.0, 0.0", "0.3, 0.4", "0.0, 0.4", "0.3, 0.0", "0.3, 0.4, expectation=True"]))
        return f"mx.rnn.ZoneoutCell({inside}, {rates})"
    if kind == "residual":
        return f"mx.rnn.ResidualCell({draw(_cells(prefixes, 0))})"
    if kind == "both":
        left, right = (draw(_cells(prefixes, depth - 1)) for _ in range(2))
        return f"mx.rnn.BidirectionalCell({left}, {right}, output_prefix='{prefix}')"
    inside = draw(st.lists(_cells(prefixes, depth - 1) | st.just("mx.rnn.DropoutCell(0.0)"), min_size=1, max_size=3))
    return f"stack({', '.join(inside)})"


@st.composite
def snippets(draw: Any) -> tuple[str, dict[str, tuple[int, ...]]]:
    """A network over 1 to 5 steps, perhaps with some of its outputs left unused, and the shape of its input."""
    prefixes = (f"c{number}_" for number in range(100))
    cell = draw(_cells(prefixes, 2))
    steps, layout = draw(st.integers(1, 5)), draw(st.sampled_from(["NTC", "TNC"]))
    begin = draw(st.sampled_from(["None", "cell.begin_state(func=mx.sym.ones)"]))
    merge = draw(st.sampled_from([None, True, False]))
    kept = draw(st.sampled_from(["heads", "heads[:1]", "heads[-1:]", "heads[::2]"]))
    sizes = {"T": steps, "N": draw(st.integers(1, 3)), "C": WIDTH}
    source = f"""{PRELUDE}
cell = {cell}
outputs, states = cell.unroll({steps}, mx.sym.Variable("x"), begin_state={begin}, layout={layout!r},
                              merge_outputs={merge})
heads = (outputs if isinstance(outputs, list) else [outputs]) + flat(states)
heads = list({{head.list_outputs()[0]: head for head in heads}}.values())
net = mx.sym.Group({kept})
"""
    return source, {"x": tuple(sizes[axis] for axis in layout)}


def _check(oracle: Oracle, snippet: tuple[str, dict[str, tuple[int, ...]]]) -> None:
    source, shapes = snippet
    net = run_here(source, ["net"])["net"]
    is_random = any(
        node["op"] == "Dropout" and node["attrs"]["p"] != "0.0" for node in json.loads(net.tojson())["nodes"]
    )
    found = assert_agrees(net, shapes, None if is_random else oracle)
    assert [each.why_not for each in found if each.why_not] == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(snippet=snippets())
def test_any_stack(oracle: Oracle, snippet: Any) -> None:
    _check(oracle, snippet)


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(snippet=snippets())
def test_any_stack_at_length(oracle: Oracle, snippet: Any) -> None:
    _check(oracle, snippet)
