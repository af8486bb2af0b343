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
from ..base import ArgumentError, ShapeError

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
        self._texts: dict[int, Any] = {}
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
        while True:
            changed = [self._apply(node) for node in unsettled]
            unsettled = [node for node in unsettled if not self._settled(node)]
            changed += [self._apply(node) for node in reversed(unsettled)]
            unsettled = [node for node in unsettled if not self._settled(node)]
            if not unsettled or not any(changed):
                return

    def _settled(self, node: Node) -> bool:
        outputs = all(complete(self.of(node, i)) for i in range(node.num_outputs))
        return outputs and all(complete(self.of(*entry)) for entry in node.inputs)

    def _apply(self, node: Node) -> bool:
        assert node.op is not None
        before = [self.of(*entry) for entry in node.inputs], [self.of(node, i) for i in range(node.num_outputs)]
        # steps of an unrolled network repeat each other: one look at a rule serves them all
        if id(node) not in self._texts:
            self._texts[id(node)] = (node.op, tuple(sorted(node.attrs.items())))
        key = (self._texts[id(node)], tuple(before[0]), tuple(before[1]))
        after = self._rules.get(key)
        if after is None:
            try:
                after = node.op.infer_shapes(node.parsed, *before)
            except ShapeError as error:
                raise ShapeError(f"Error in operator {node.name} ({node.op.name}): {error}") from error
            self._rules[key] = after
        if after[0] == before[0] and after[1] == before[1]:
            return False
        for entry, shape in zip(node.inputs, after[0], strict=True):
            self._known[id(entry[0]), entry[1]] = shape
        for index, shape in enumerate(after[1]):
            self._known[id(node), index] = shape
        return True


def _given(symbol: Symbol, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if args and kwargs:
        raise ArgumentError("give shapes or types in order or by name, not both")
    names = symbol.list_arguments()
    if len(args) > len(names):
        raise ArgumentError(f"expected at most {len(names)}, one for each argument, got {len(args)}")
    return dict(zip(names, args, strict=False)) if args else dict(kwargs)


def shapes_of(symbol: Symbol, given: Mapping[str, Any]) -> Shapes:
    """Everything that follows from the given shapes of arguments."""
    shapes = {name: from_public(shape) for name, shape in given.items() if shape is not None}
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


def types_of(symbol: Symbol, given: Mapping[str, Any]) -> dict[tuple[int, int], ElementType]:
    """The element type of every output of every node; variables that nothing decides are float32."""
    nodes = in_order(symbol._outputs)
    asked = [(node, given.get(node.name)) for node in nodes if node.op is None]
    known = known_types(nodes, {(id(node), 0): element_type(kind) for node, kind in asked if kind is not None})
    default = element_type(None)
    return {key: kind or default for key, kind in known.items()}


def known_types(
    nodes: Sequence[Node], given: Mapping[tuple[int, int], ElementType | None]
) -> dict[tuple[int, int], ElementType | None]:
    """What follows for the element type of every output of every node from those of some variables."""
    known = dict(given)
    for node in nodes:
        if node.op is None:
            declared = node.attrs.get("__dtype__")
            own = BY_CODE.get(int(declared)) if declared and declared != "-1" else None
            known[id(node), 0] = known.get((id(node), 0)) or own
            continue
        types = [known.get((id(child), index)) for child, index in node.inputs]
        inputs, outputs = node.op.types(node.parsed, types)
        for (child, index), kind in zip(node.inputs, inputs, strict=True):
            if known.get((id(child), index)) is None:
                known[id(child), index] = kind
        for index in range(node.num_outputs):
            known[id(node), index] = outputs[0] if index >= len(outputs) else outputs[index]
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
