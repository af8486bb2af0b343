"""Shapes and element types of a whole graph, from those of a few variables."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._dtypes import BY_CODE, ElementType, element_type
from .._graph import Entry, Node, auxiliary
from .._ops.inference import Known, complete, from_public, to_public, unify
from ..base import ArgumentError, ShapeError, is_whole

if TYPE_CHECKING:
    from .symbol import Symbol


class Shapes:
    """What is known of the shape of every output of every node.

    `given` are shapes of variables by name, `entries` of outputs.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        given: Mapping[str, Known],
        entries: Mapping[Entry, Known] = MappingProxyType({}),
    ) -> None:
        self.nodes = nodes
        self._known: dict[Node, list[Known]] = {}
        self._rules: dict[Any, Any] = {}
        self._changes = 0
        counts: dict[Any, int] = {}
        for node in nodes:
            if node.op is None:
                declared = node.attrs.get("__shape__")
                own = from_public(ast.literal_eval(declared.replace("L", ""))) if declared else None
                self._known[node] = [unify(own, given.get(node.name))]
                continue
            count = counts.get((node.op, id(node.parsed)))
            if count is None:
                count = counts[node.op, id(node.parsed)] = node.num_outputs
            self._known[node] = [None] * count
        for (node, index), shape in entries.items():
            self._known[node][index] = unify(shape, self._known[node][index])
        self._settle()

    def of(self, node: Node, index: int = 0) -> Known:
        """The shape of one output."""
        known = self._known.get(node)
        return None if known is None else known[index]

    def _settle(self) -> None:
        """Apply the operators' rules forwards and backwards until nothing more becomes known."""
        unsettled = [node for node in self.nodes if node.op is not None]
        while unsettled:
            before = self._changes
            unsettled = [node for node in unsettled if not self._apply(node)]
            unsettled = [node for node in reversed(unsettled) if not self._apply(node)][::-1]
            if self._changes == before:
                return

    def _apply(self, node: Node) -> bool:
        """Apply the operator's rule; whether everything about the node is known now."""
        assert node.op is not None
        known = self._known
        inputs = [known[child][index] for child, index in node.inputs]
        # steps of an unrolled network repeat each other, attributes included: one look at a rule serves them all
        key = (node.op, id(node.parsed), tuple(inputs), tuple(known[node]))
        rule = self._rules.get(key)
        if rule is None:
            before = inputs, list(key[3])
            try:
                after = node.op.infer_shapes(node.parsed, list(before[0]), list(before[1]))
            except ShapeError as error:
                raise ShapeError(f"Error in operator {node.name} ({node.op.name}): {error}") from error
            changed = after[0] != before[0] or after[1] != before[1]
            is_settled = all(map(complete, after[0])) and all(map(complete, after[1]))
            rule = self._rules[key] = (after if changed else None, is_settled)
        after, is_settled = rule
        if after is not None:
            self._changes += 1
            for (child, index), shape in zip(node.inputs, after[0], strict=True):
                known[child][index] = shape
            known[node][:] = after[1]
        return is_settled


def _given(symbol: Symbol, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if args and kwargs:
        raise ArgumentError("give shapes or types in order or by name, not both")
    names = symbol.list_arguments()
    known = {*names, *symbol.list_auxiliary_states()}
    unknown = sorted(set(kwargs) - known)
    if unknown:
        raise ArgumentError(f"the symbol has no argument called {', '.join(unknown)}; it has: {', '.join(names[:20])}")
    if len(args) > len(names):
        raise ArgumentError(f"expected at most {len(names)}, one for each argument, got {len(args)}")
    return dict(zip(names, args, strict=False)) if args else dict(kwargs)


def _expect_shape(name: str, shape: Any) -> Any:
    if isinstance(shape, list | tuple) and all(size is None or is_whole(size, -1) for size in shape):
        return shape
    raise ArgumentError(f"shape of {name}: expected a tuple of sizes, 0 for an unknown one; got {shape!r}")


def shapes_of(symbol: Symbol, given: Mapping[str, Any]) -> Shapes:
    """Everything that follows from the given shapes of arguments."""
    shapes = {name: from_public(_expect_shape(name, shape)) for name, shape in given.items() if shape is not None}
    try:
        return Shapes(symbol._nodes, shapes)
    except ShapeError as error:
        arguments = "".join(f"\n  {name}: {to_public(shape)}" for name, shape in shapes.items())
        raise ShapeError(f"{error}\ninfer_shape was given:{arguments}") from error


def infer_shape(symbol: Symbol, args: Sequence[Any], kwargs: Mapping[str, Any], partial: bool) -> tuple[Any, Any, Any]:
    """See `Symbol.infer_shape`."""
    shapes = shapes_of(symbol, _given(symbol, args, kwargs))
    states = auxiliary(shapes.nodes)
    variables = [node for node in shapes.nodes if node.op is None]
    arguments = [node for node in variables if id(node) not in states]
    auxiliaries = [node for node in variables if id(node) in states]
    found = (
        [shapes.of(node) for node in arguments],
        [shapes.of(*entry) for entry in symbol._outputs],
        [shapes.of(node) for node in auxiliaries],
    )
    if not partial and not all(complete(shape) for part in found for shape in part):
        lacking = "".join(
            f"\n\t{node.name}: {to_public(shapes.of(node))}" for node in variables if not complete(shapes.of(node))
        )
        warnings.warn(
            "Cannot decide shape for the following arguments (0s in shape means unknown dimensions). "
            f"Consider providing them as input:{lacking}",
            stacklevel=3,
        )
        return None, None, None
    return tuple([to_public(shape) for shape in part] for part in found)  # pyright: ignore[reportReturnType]


def types_of(symbol: Symbol, given: Mapping[str, Any]) -> dict[Node, list[ElementType]]:
    """The element types of every node's outputs; variables that nothing decides are float32."""
    asked = [(node, given.get(node.name)) for node in symbol._nodes if node.op is None]
    known = known_types(symbol._nodes, {node: element_type(kind) for node, kind in asked if kind is not None})
    default = element_type(None)
    decided: dict[Node, list[ElementType]] = {}
    for node, kinds in known.items():
        decided[node] = [kind or default for kind in kinds] if None in kinds else kinds  # pyright: ignore[reportArgumentType]
    return decided


def known_types(
    nodes: Sequence[Node], given: Mapping[Node, ElementType | None]
) -> dict[Node, list[ElementType | None]]:
    """What follows for the element types of every node's outputs from those of some variables."""
    known: dict[Node, list[ElementType | None]] = {}
    rules: dict[Any, Any] = {}
    for node in nodes:
        if node.op is None:
            declared = node.attrs.get("__dtype__")
            own = BY_CODE.get(int(declared)) if declared and declared != "-1" else None
            known[node] = [given.get(node) or own]
            continue
        # as with shapes: one look at a rule serves all steps
        key = (node.op, id(node.parsed), *[known[child][index] for child, index in node.inputs])
        rule = rules.get(key)
        if rule is None:
            ins, outs = node.op.types(node.parsed, list(key[2:]))
            # those that no type is told of have the first one's
            outs = [*outs, *[outs[0]] * node.num_outputs][: node.num_outputs]
            rule = rules[key] = (ins if None in key[2:] else None), outs
        inputs, outputs = rule
        if inputs is not None:
            for (child, index), kind in zip(node.inputs, inputs, strict=True):
                known[child][index] = known[child][index] or kind
        known[node] = list(outputs)
    return known


def infer_type(symbol: Symbol, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """See `Symbol.infer_type`."""
    types = types_of(symbol, _given(symbol, args, kwargs))
    nodes = symbol._nodes
    states = auxiliary(nodes)
    variables = [node for node in nodes if node.op is None]
    return (
        [types[node][0].public for node in variables if id(node) not in states],
        [types[node][index].public for node, index in symbol._outputs],
        [types[node][0].public for node in variables if id(node) in states],
    )
