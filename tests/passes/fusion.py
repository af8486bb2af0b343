"""A graph run as it is fused, run step by step, and run by real MXNet: the three must agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet._cells.states import flatten
from rennet._passes import Recurrence
from rennet._state import flags
from rennet.executor import Executor
from rennet.symbol import Symbol
from same_script import random_arrays

Shapes = Mapping[str, Sequence[int]]
Result = TypeVar("Result")


def step_by_step(function: Callable[[], Result]) -> Result:
    """What the function does where nothing is fused."""
    flags.fusing = False
    try:
        return function()
    finally:
        flags.fusing = True


def heads_of(outputs: Any, states: Any = ()) -> Symbol:
    """Outputs in any form, and states, each once: of a head that is there twice MXNet forgets the first gradient."""
    heads = [*flatten(outputs), *flatten(list(states))]
    return mx.sym.Group(list({head.list_outputs()[0]: head for head in heads}.values()))


def bound(net: Symbol, args: Mapping[str, np.ndarray]) -> Executor:
    """An executor that wants the gradients of all arguments."""
    arrays = {name: mx.nd.array(array, dtype=array.dtype) for name, array in args.items()}
    grads = {name: mx.nd.zeros(array.shape, dtype=array.dtype) for name, array in args.items()}
    return net.bind(mx.cpu(), arrays, args_grad=grads)


def trained(executor: Executor, heads: Sequence[np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Outputs and gradients in training, with the same random numbers each time."""
    mx.random.seed(0)
    outputs = [output.asnumpy() for output in executor.forward(is_train=True)]
    executor.backward([mx.nd.array(head, dtype=head.dtype) for head in heads])
    return outputs, {name: grad.asnumpy() for name, grad in executor.grad_dict.items() if grad is not None}


def assert_agrees(
    net: Symbol,
    shapes: Shapes,
    oracle: Oracle | None = None,
    given: Mapping[str, np.ndarray] | None = None,
    tolerance: float = 2e-5,
) -> list[Recurrence]:
    """Outputs and the gradients of all arguments are the same however the graph is run; returns what was recognised.

    Parameters
    ----------
    net, shapes
        The graph and the shapes of its inputs.
    oracle : Oracle, optional
        Where it is run as well.
    given : mapping, optional
        Values of some arguments; the others are random.
    tolerance : float
        See `assert_close`.

    Gradients of lengths and labels are not compared: MXNet leaves them unwritten.
    """
    found, out, _ = net.infer_shape(**{name: tuple(shape) for name, shape in shapes.items()})
    args = {**random_arrays(dict(zip(net.list_arguments(), found, strict=True))), **(given or {})}
    heads = list(random_arrays({str(place): shape for place, shape in enumerate(out)}, 1).values())
    executor = bound(net, args)
    fused = trained(executor, heads)
    assert list(executor.output_dict) == net.list_outputs()
    plain_executor = step_by_step(lambda: bound(net, args))
    assert plain_executor.recurrences == []
    references = {"step by step": trained(plain_executor, heads)}
    if oracle is not None:
        reply = oracle.run_symbol(net.tojson(), args, is_train=True, head_grads=heads)
        references["by MXNet"] = (reply.outputs, dict(reply.gradients))
    for how, (outputs, gradients) in references.items():
        assert_all_close(fused[0], outputs, tolerance, f"outputs, {how}")
        for each in (fused[1], gradients):
            for name in ("lengths", "label"):
                each.pop(name, None)
        assert_all_close(fused[1], gradients, tolerance, f"gradients, {how}")
    return executor.recurrences


def assert_fuses(net: Symbol, shapes: Shapes, oracle: Oracle | None = None, count: int = 1, **how: Any) -> None:
    """It agrees, and all of its `count` recurrences are fused."""
    found = assert_agrees(net, shapes, oracle, **how)
    assert [each.why_not for each in found] == [None] * count


def reasons(net: Symbol, shapes: Shapes, **how: Any) -> list[str | None]:
    """It agrees; why its recurrences are not fused."""
    return [each.why_not for each in assert_agrees(net, shapes, **how)]


def _tuples(shapes: Shapes) -> dict[str, Any]:
    return {name: tuple(shape) for name, shape in shapes.items()}


def operators(net: Symbol, shapes: Shapes) -> list[str]:
    """What runs, in order."""
    executor = net.simple_bind(mx.cpu(), **_tuples(shapes))
    return [node.op.name for node in executor._program.nodes if node.op is not None]
