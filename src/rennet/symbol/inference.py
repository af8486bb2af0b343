"""Shapes and element types of a whole graph, from those of a few variables."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._dtypes import BY_CODE, ElementType, element_type
from .._graph import Node, auxiliary, in_order
from .._ops.inference import Known, complete, from_public, to_public, unify
from ..base import ArgumentError, ShapeError, is_whole

if TYPE_CHECKING:
    from .symbol import Symbol


class Shapes:
    """What is known of the shape of every output of every node.

    `given` are shapes of variables by name, `entries` of outputs by their node's identity and index.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        given: Mapping[str, Known],
        entries: Mapping[tuple[int, int], Known] = MappingProxyType({}),
    ) -> None:
        self.nodes = nodes
        self._known: dict[tuple[int, int], Known] = dict(entries)
        self._rules: dict[Any, Any] = {}
        self._counts: dict[Any, int] = {}
        self._changes = 0
        for node in nodes:
            if node.op is None:
                declared = node.attrs.get("__shape__")
                own = from_public(ast.literal_eval(declared.replace("L", ""))) if declared else None
                self._known[id(node), 0] = unify(self.of(node), unify(own, given.get(node.name)))
        self._settle()

    def of(self, node: Node, index: int = 0) -> Known:
        """The shape of one output."""
        return self._known.get((id(node), index))

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
        known, number = self._known.get, id(node)
        inputs = [(id(child), index) for child, index in node.inputs]
        count = self._counts.get((node.op, id(node.parsed)))
        if count is None:
            count = self._counts[node.op, id(node.parsed)] = node.num_outputs
        outputs = [(number, 0)] if count == 1 else [(number, index) for index in range(count)]
        # steps of an unrolled network repeat each other, attributes included: one look at a rule serves them all
        key = (node.op, id(node.parsed), tuple(map(known, inputs)), tuple(map(known, outputs)))
        rule = self._rules.get(key)
        if rule is None:
            before = list(key[2]), list(key[3])
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
            for entry, shape in zip(inputs, after[0], strict=True):
                self._known[entry] = shape
            for index, shape in enumerate(after[1]):
                self._known[number, index] = shape
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
        return Shapes(in_order(symbol._outputs), shapes)
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


def types_of(
    symbol: Symbol, given: Mapping[str, Any], nodes: Sequence[Node] | None = None
) -> dict[tuple[int, int], ElementType]:
    """The element type of every output of every node; variables that nothing decides are float32."""
    nodes = in_order(symbol._outputs) if nodes is None else nodes
    asked = [(node, given.get(node.name)) for node in nodes if node.op is None]
    known = known_types(nodes, {(id(node), 0): element_type(kind) for node, kind in asked if kind is not None})
    default = element_type(None)
    return {key: kind or default for key, kind in known.items()}


def known_types(
    nodes: Sequence[Node], given: Mapping[tuple[int, int], ElementType | None]
) -> dict[tuple[int, int], ElementType | None]:
    """What follows for the element type of every output of every node from those of some variables."""
    known = dict(given)
    rules: dict[Any, Any] = {}
    for node in nodes:
        if node.op is None:
            declared = node.attrs.get("__dtype__")
            own = BY_CODE.get(int(declared)) if declared and declared != "-1" else None
            known[id(node), 0] = known.get((id(node), 0)) or own
            continue
        entries = [(id(child), index) for child, index in node.inputs]
        # as with shapes: one look at a rule serves all steps
        key = (node.op, id(node.parsed), *map(known.get, entries))
        rule = rules.get(key)
        if rule is None:
            ins, outs = node.op.types(node.parsed, list(key[2:]))
            # those that no type is told of have the first one's
            rule = rules[key] = ins, [*outs, *[outs[0]] * node.num_outputs][: node.num_outputs]
        inputs, outputs = rule
        for entry, kind in zip(entries, inputs, strict=True):
            if known.get(entry) is None:
                known[entry] = kind
        for index, kind in enumerate(outputs):
            known[id(node), index] = kind
    return known


def infer_type(symbol: Symbol, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """See `Symbol.infer_type`."""
    types = types_of(symbol, _given(symbol, args, kwargs))
    nodes = in_order(symbol._outputs)
    states = auxiliary(nodes)
    variables = [node for node in nodes if node.op is None]
    return (
        [types[id(node), 0].public for node in variables if id(node) not in states],
        [types[id(node), index].public for node, index in symbol._outputs],
        [types[id(node), 0].public for node in variables if id(node) in states],
    )
