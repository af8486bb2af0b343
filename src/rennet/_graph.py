"""Graphs: nodes, the entries that connect them, and walking over them without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._ops.registry import Operator


class Node:
    """A variable (no operator) or one application of an operator.

    Attributes
    ----------
    op : Operator or None
        None for a variable.
    name : str
        Unique by convention, not by force: old files have duplicates.
    attrs : dict of str to str
        As files hold them: the operator's attributes and free-form ``__key__`` ones.
    inputs : list of (Node, int)
        Which output of which node each input is.
    subgraphs : tuple
        Graph records of a control-flow operator, carried along.
    versions : list of int
        For each input, how often operators had written into it when it was used; files tell it, nothing else does.
    written : int
        How often operators have written into this variable so far.
    control_deps : tuple of Node
        Nodes that were to run before this one; files tell it. They belong to the graph, and change no number.
    from_file : bool
        Whether a file brought it: old ones give one parameter's name to several variables.
    """

    __slots__ = (
        *("attrs", "control_deps", "from_file", "inputs", "name", "op", "parsed", "subgraphs", "versions"),
        "written",
    )

    def __init__(
        self,
        op: Operator | None,
        name: str,
        attrs: Mapping[str, str],
        inputs: Iterable[Entry] = (),
        parsed: Mapping[str, Any] | None = None,
    ) -> None:
        self.op, self.name, self.attrs, self.inputs = op, name, dict(attrs), list(inputs)
        self.parsed: Mapping[str, Any] = parsed if parsed is not None else op.parse(attrs) if op else {}
        self.subgraphs: tuple[Any, ...] = ()
        self.versions = [0] * len(self.inputs)
        self.control_deps: tuple[Node, ...] = ()
        self.written = 0
        self.from_file = False

    @property
    def output_names(self) -> list[str]:
        """Full names of the outputs: the variable's own, or ``name_output`` and the like."""
        if self.op is None:
            return [self.name]
        return [f"{self.name}_{output}" for output in self.op.output_names(self.parsed)]

    @property
    def num_outputs(self) -> int:
        """How many outputs can be used."""
        return 1 if self.op is None else len(self.op.output_names(self.parsed))

    @property
    def input_names(self) -> list[str]:
        """What the operator calls the inputs in use."""
        return [] if self.op is None else list(self.op.input_names(self.parsed))

    @property
    def states(self) -> list[Entry]:
        """The inputs that the operator updates in place."""
        names = self.op.aux_names(self.parsed) if self.op is not None else ()
        if not names:
            return []
        return [entry for name, entry in zip(self.input_names, self.inputs, strict=False) if name in names]

    @property
    def needs(self) -> list[Entry]:
        """What comes before this node in a graph: its inputs, and the nodes that were to run first."""
        return [*self.inputs, *((node, 0) for node in self.control_deps)] if self.control_deps else self.inputs

    def note_writing(self) -> None:
        """See at which versions the inputs are used, and count that this operator writes into its states."""
        for child, _ in self.states:
            child.written += child.op is None
        self.versions = [child.written if child.op is None else 0 for child, _ in self.inputs]

    def copied(self, inputs: Iterable[Entry]) -> Node:
        """The same with other inputs, as many as there were, and without `control_deps`, which may be others too."""
        copy = Node(self.op, self.name, self.attrs, inputs, self.parsed)
        copy.subgraphs, copy.versions, copy.written = self.subgraphs, list(self.versions), self.written
        copy.from_file = self.from_file
        return copy

    def __repr__(self) -> str:
        return f"<{self.op.name if self.op else 'variable'} {self.name}>"


Entry = tuple[Node, int]
"""One output of one node."""


def in_order(heads: Iterable[Entry]) -> list[Node]:
    """Every node that the heads need, each after its inputs, in the depth-first order that files are written in."""
    seen: set[Node] = set()
    order: list[Node] = []
    for head, _ in heads:
        if head in seen:
            continue
        seen.add(head)
        stack = [(head, iter(head.needs))]
        while stack:
            node, rest = stack[-1]
            for child, _ in rest:
                if child in seen:
                    continue
                seen.add(child)
                if child.inputs or child.control_deps:
                    stack.append((child, iter(child.needs)))
                    break
                order.append(child)
            else:
                stack.pop()
                order.append(node)
    return order


def auxiliary(nodes: Iterable[Node]) -> set[int]:
    """Identities of the variables that hold auxiliary state, such as a moving mean."""
    found: set[int] = set()
    # steps of an unrolled network repeat each other: each operator with its attributes is asked once
    have_states: dict[tuple[Operator, int], bool] = {}
    for node in nodes:
        if node.op is None:
            continue
        key = node.op, id(node.parsed)
        has_states = have_states.get(key)
        if has_states is None:
            has_states = have_states[key] = bool(node.op.aux_names(node.parsed))
        if has_states:
            found.update(id(child) for child, _ in node.states if child.op is None)
    return found
