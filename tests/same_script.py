"""One script for both libraries: a snippet in which `mx` is rennet here, and real MXNet at the end of the pipe."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.attribute import AttrScope
from rennet.context import cpu
from rennet.ndarray import NDArray
from rennet.symbol import Symbol

Arrays = dict[str, np.ndarray]


def run_here(source: str, variables: Sequence[str], inputs: Mapping[str, Any] | None = None, seed: int = 0) -> Any:
    """What `Oracle.build` does, with rennet as `mx`; symbols come back as they are, NDArrays as arrays."""
    random.seed(seed)
    np.random.seed(seed)
    mx.random.seed(seed)
    namespace: dict[str, Any] = {"mx": mx, "np": np, **(inputs or {})}
    with mx.name.NameManager(), AttrScope():
        exec(compile(source, "<snippet>", "exec"), namespace)
    return {name: _plain(namespace[name]) for name in variables}


def _plain(value: Any) -> Any:
    if isinstance(value, NDArray):
        return value.asnumpy()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    return value


def random_arrays(shapes: Mapping[str, Sequence[int]], seed: int = 0, scale: float = 0.7) -> Arrays:
    """Normally distributed numbers for each name."""
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.normal(size=tuple(shape))).astype(np.float32) for name, shape in shapes.items()}


def to_nd(arrays: Mapping[str, np.ndarray]) -> dict[str, NDArray]:
    """The arrays as NDArrays."""
    return {name: mx.nd.array(array, dtype=array.dtype) for name, array in arrays.items()}


def to_numpy(arrays: Mapping[str, NDArray]) -> Arrays:
    """The NDArrays as arrays."""
    return {name: array.asnumpy() for name, array in arrays.items()}


def random_arguments(symbol: Symbol, **shapes: Sequence[int]) -> Arrays:
    """Random values for every argument, whose shapes follow from those given."""
    return random_arrays(dict(zip(symbol.list_arguments(), symbol.infer_shape(**shapes)[0], strict=True)))


def results(symbol: Symbol, args: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs; `args` may hold more than the arguments."""
    own = {name: args[name] for name in symbol.list_arguments()}
    return [output.asnumpy() for output in run_symbol(symbol, own)[0]]


def run_symbol(
    symbol: Symbol, args: Mapping[str, np.ndarray], heads: Sequence[np.ndarray] | None = None
) -> tuple[list[NDArray], dict[str, NDArray]]:
    """Outputs and, if head gradients are given, the gradient of every argument."""
    grads = {name: mx.nd.array(np.full_like(array, np.nan)) for name, array in args.items()} if heads else None
    executor = symbol.bind(cpu(), to_nd(args), args_grad=grads)
    outputs = executor.forward(is_train=heads is not None)
    if heads is None:
        return outputs, {}
    executor.backward([mx.nd.array(head) for head in heads])
    return outputs, dict(executor.grad_dict)


def assert_same_graph(
    oracle: Oracle,
    source: str,
    shapes: Mapping[str, Sequence[int]],
    variable: str = "net",
    training: bool = True,
    tolerance: float = 2e-5,
) -> Symbol:
    """Build a graph with both libraries and hold ours to theirs: names, shapes, results and gradients of all arguments.

    Ours is run by both, and theirs by us: what one writes, the other reads.
    """
    ours: Symbol = run_here(source, [variable])[variable]
    theirs = oracle.build(source, [variable])[variable]
    _assert_equal("outputs", ours.list_outputs(), theirs.outputs)
    _assert_equal("arguments", ours.list_arguments(), theirs.arguments)
    _assert_equal("auxiliary states", ours.list_auxiliary_states(), theirs.auxiliary_states)
    _assert_equal("internals", ours.get_internals().list_outputs(), internals_of(theirs.json))
    argument_shapes, output_shapes, _ = ours.infer_shape(**shapes)
    read = oracle.symbol_info(ours.tojson(), shapes)
    _assert_equal("shapes of arguments", argument_shapes, read.argument_shapes)
    _assert_equal("shapes of outputs", output_shapes, read.output_shapes)
    args = random_arguments(ours, **shapes)
    heads = None
    if training:
        heads = list(random_arrays({str(place): shape for place, shape in enumerate(output_shapes)}, 1).values())
    reference = oracle.run_symbol(ours.tojson(), args, is_train=training, head_grads=heads)
    for graph, what in ((ours, "our graph"), (mx.sym.load_json(theirs.json), "their graph")):
        outputs, gradients = run_symbol(graph, args, heads)
        assert_all_close(outputs, reference.outputs, tolerance, f"{what}: outputs")
        assert_all_close(gradients, reference.gradients, tolerance, f"{what}: gradients")
    return ours


def internals_of(json: str) -> list[str]:
    """Names of every output of every node of a graph that MXNet wrote."""
    return mx.sym.load_json(json).get_internals().list_outputs()


def _assert_equal(what: str, ours: Any, theirs: Any) -> None:
    if ours != theirs:
        raise AssertionError(f"{what}: expected {theirs}, got {ours}")
