"""Long sequences and many buckets: no recursion, nothing that grows faster than the graph, little that stays."""

from __future__ import annotations

import gc

import pytest

import rennet as mx
from rennet.executor import Executor

from .fusion import operators, step_by_step
from .test_cells import CELLS, X, stack


def unrolled(steps: int) -> mx.sym.Symbol:
    net, _ = stack(CELLS["lstm"]("a_"), CELLS["gru"]("b_")).unroll(steps, X, merge_outputs=True)
    return net


@pytest.mark.parametrize("steps", [2, 300])
def test_a_fused_graph_is_as_small_for_long_sequences_as_for_short_ones(steps: int) -> None:
    assert len(operators(unrolled(steps), {"x": (2, steps, 4)})) == 10


@pytest.mark.parametrize("merge", [True, False])
def test_thousands_of_steps(merge: bool) -> None:
    outputs, _ = CELLS["gru"]().unroll(3000, X, merge_outputs=merge)
    net = mx.sym.Group([outputs] if merge else outputs)
    executor = net.simple_bind(mx.cpu(), x=(1, 3000, 2))
    assert [each.why_not for each in executor.recurrences] == [None]
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones(output.shape) for output in executor.outputs])


@pytest.mark.slow
@pytest.mark.parametrize("fusing", [True, False])
def test_ten_thousand_steps(fusing: bool) -> None:
    net = unrolled(10_000)

    def bind() -> Executor:
        return net.simple_bind(mx.cpu(), x=(1, 10_000, 2))

    executor = bind() if fusing else step_by_step(bind)
    assert len(executor.recurrences) == (2 if fusing else 0)
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((1, 10_000, 3)))


def test_a_decoder_of_thousands_of_steps_is_left_alone_without_recursion() -> None:
    cell = CELLS["rnn"]()
    step, states, outputs = mx.sym.Variable("x"), cell.begin_state(), []
    for _ in range(3000):
        step, states = cell(step, states)
        outputs.append(step)
    executor = mx.sym.Group(outputs).simple_bind(mx.cpu(), x=(1, 3))
    (found,) = executor.recurrences
    assert found.why_not == "an input of a step is computed from the output of an earlier one"
    executor.forward()


def test_a_program_keeps_the_fused_graph_alone() -> None:
    """The steps belong to the symbol."""
    net = unrolled(20)
    executor = net.simple_bind(mx.cpu(), x=(2, 20, 4))
    inner = net.get_internals()["a_t3_out_output"]._outputs[0][0]
    found, waiting = set(), list(executor._program.nodes)
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found.add(id(node))
            waiting += [child for child, _ in node.inputs]
    assert id(inner) not in found
    assert len(found) < 30


def test_binding_leaves_the_collector_as_it_was() -> None:
    assert gc.isenabled()
    unrolled(2).simple_bind(mx.cpu(), x=(2, 2, 4))
    assert gc.isenabled()
    gc.disable()
    try:
        unrolled(2).simple_bind(mx.cpu(), x=(2, 2, 4))
        assert not gc.isenabled()
    finally:
        gc.enable()
