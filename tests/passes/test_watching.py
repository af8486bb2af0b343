"""What can be seen of a graph whose recurrences are fused: monitored values, dropout, seeds."""

from __future__ import annotations

import numpy as np
import pytest

import rennet as mx
from rennet.ndarray import NDArray
from rennet.symbol import Symbol
from same_script import random_arguments

from .fusion import bound, heads_of, step_by_step
from .test_cells import CELLS, X, stack


@pytest.mark.parametrize("inputs", [False, True])
@pytest.mark.parametrize("kind", CELLS)
def test_monitors_see_every_step(kind: str, inputs: bool) -> None:
    net = heads_of(*CELLS[kind]().unroll(3, X))
    args = random_arguments(net, x=(2, 3, 4))
    seen: list[list[tuple[str, np.ndarray]]] = []
    for make in (lambda: bound(net, args), lambda: step_by_step(lambda: bound(net, args))):
        values: list[tuple[str, np.ndarray]] = []

        def note(name: str, array: NDArray, values: list[tuple[str, np.ndarray]] = values) -> None:
            values.append((name, array.asnumpy()))

        executor = make()
        executor.set_monitor_callback(note, inputs)
        executor.forward(is_train=True)
        seen.append(values)
    assert [name for name, _ in seen[0]] == [name for name, _ in seen[1]]
    assert any(name.endswith("i2h_output") for name, _ in seen[0])
    for (_, ours), (_, theirs) in zip(*seen, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_watching_changes_no_result() -> None:
    net = heads_of(*CELLS["lstm"]().unroll(3, X))
    executor = bound(net, random_arguments(net, x=(2, 3, 4)))
    before = [output.asnumpy() for output in executor.forward()]
    executor.set_monitor_callback(lambda name, array: None)
    watched = [output.asnumpy() for output in executor.forward()]
    executor.set_monitor_callback(None)
    after = [output.asnumpy() for output in executor.forward()]
    for one, two, three in zip(before, watched, after, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
        np.testing.assert_array_equal(one, three)


def dropping(rate: float) -> Symbol:
    """The outputs of a layer after dropout, and of a second layer that was given the same."""
    below, _ = CELLS["rnn"]("a_").unroll(20, X, merge_outputs=False)
    dropped = [mx.sym.Dropout(each, p=rate) for each in below]
    above, _ = CELLS["gru"]("b_").unroll(20, dropped, merge_outputs=True)
    return mx.sym.Group([mx.sym.stack(*below, axis=1), mx.sym.stack(*dropped, axis=1), above])


def test_dropout_between_layers_drops_what_it_should() -> None:
    executor = dropping(0.25).simple_bind(mx.cpu(), x=(50, 20, 4))
    assert [each.why_not for each in executor.recurrences] == [None, None]
    for array in executor.arg_arrays:
        array[:] = np.random.randn(*array.shape)
    below, dropped, _ = (each.asnumpy() for each in executor.forward(is_train=True))
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], below[kept] / 0.75, rtol=1e-5)
    assert abs(kept.mean() - 0.75) < 0.03
    # each step and each sequence has a mask of its own
    assert len({row.tobytes() for row in kept.transpose(1, 0, 2).reshape(20, -1)}) == 20
    assert kept.mean(axis=(0, 2)).std() < 0.1
    executor.backward([mx.nd.zeros(below.shape), mx.nd.ones(dropped.shape), mx.nd.zeros(executor.outputs[2].shape)])


def test_one_mask_for_all_who_look() -> None:
    """The layer above is given what the graph puts out, not another draw of it."""
    net = dropping(0.5)
    executor = net.simple_bind(mx.cpu(), x=(3, 20, 4))
    for array in executor.arg_arrays:
        array[:] = np.random.randn(*array.shape)
    _, dropped, above = (each.asnumpy() for each in executor.forward(is_train=True))
    again, _ = CELLS["gru"]("b_").unroll(20, X, merge_outputs=True)
    args = {name: executor.arg_dict[name].asnumpy() for name in again.list_arguments() if name != "x"}
    expected = bound(again, {"x": dropped, **args}).forward()[0].asnumpy()
    np.testing.assert_allclose(above, expected, atol=1e-5)


def test_one_mask_for_a_part_of_the_steps() -> None:
    """Two layers that read different steps of the same dropout are given the same numbers."""
    below, _ = CELLS["rnn"]("a_").unroll(6, X, merge_outputs=False)
    dropped = [mx.sym.Dropout(each, p=0.5) for each in below]
    part, _ = CELLS["rnn"]("p_").unroll(3, dropped[:3], merge_outputs=True)
    whole, _ = CELLS["rnn"]("w_").unroll(6, dropped, merge_outputs=True)
    net = mx.sym.Group([mx.sym.stack(*dropped, axis=1), part, whole])
    executor = net.simple_bind(mx.cpu(), x=(3, 6, 4))
    assert [each.why_not for each in executor.recurrences] == [None] * 3
    for array in executor.arg_arrays:
        array[:] = np.random.randn(*array.shape)
    values, *ends = (each.asnumpy() for each in executor.forward(is_train=True))
    for prefix, steps, end in (("p_", 3, ends[0]), ("w_", 6, ends[1])):
        again, _ = CELLS["rnn"](prefix).unroll(steps, X, merge_outputs=True)
        args = {name: executor.arg_dict[name].asnumpy() for name in again.list_arguments() if name != "x"}
        expected = bound(again, {"x": values[:, :steps], **args}).forward()[0].asnumpy()
        np.testing.assert_allclose(end, expected, atol=1e-5)


def test_a_seed_decides() -> None:
    executor = dropping(0.5).simple_bind(mx.cpu(), x=(3, 20, 4))
    for array in executor.arg_arrays:
        array[:] = np.random.randn(*array.shape)
    found = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        found.append(executor.forward(is_train=True)[2].asnumpy())
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_no_dropout_in_inference() -> None:
    net, _ = stack(CELLS["lstm"]("a_"), mx.rnn.DropoutCell(0.9), CELLS["gru"]("b_")).unroll(4, X, merge_outputs=True)
    args = random_arguments(net, x=(2, 4, 4))
    ours = bound(net, args).forward()[0].asnumpy()
    theirs = step_by_step(lambda: bound(net, args)).forward()[0].asnumpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_variational_dropout_of_the_input() -> None:
    """One mask for all steps is one variable of the graph, multiplied into each."""
    mask = mx.sym.Dropout(mx.sym.ones((2, 4)), p=0.5)
    steps = [each * mask for each in mx.sym.split(X, num_outputs=3, axis=1, squeeze_axis=True)]
    net, _ = CELLS["lstm"]().unroll(3, steps, merge_outputs=True)
    executor = mx.sym.Group([net, mask]).simple_bind(mx.cpu(), x=(2, 3, 4))
    assert [each.why_not for each in executor.recurrences] == [None]
    for array in executor.arg_arrays:
        array[:] = np.random.randn(*array.shape)
    output, drawn = (each.asnumpy() for each in executor.forward(is_train=True))
    plain, _ = CELLS["lstm"]().unroll(3, X, merge_outputs=True)
    args = {name: executor.arg_dict[name].asnumpy() for name in plain.list_arguments()}
    args["x"] = args["x"] * drawn[:, None]
    np.testing.assert_allclose(output, bound(plain, args).forward()[0].asnumpy(), atol=1e-5)
