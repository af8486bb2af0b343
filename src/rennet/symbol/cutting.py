"""The graph of a Python function's results, cut off from the graph around it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .. import attribute
from .._graph import Entry, Node, in_order
from .._loops import Structure, flatten
from .._ops.catalogue import OPERATORS
from ..base import ArgumentError
from .creation import var
from .symbol import Symbol, call

MARK = "__subgraph_name__"
"""The attribute of all that is made inside a function: what lacks it, or has another's, is outside."""

_numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)


class Cut(NamedTuple):
    """A graph cut off, and what it needs from outside."""

    symbol: Symbol
    sources: list[int | Entry]
    """For each variable, in order: the number of the function's argument that it stands for, or what it stands for
    outside."""

    def place_of(self, argument: int) -> int | None:
        """Where the variable for an argument stands; None if the function does not use it."""
        return self.sources.index(argument) if argument in self.sources else None


def leaves_of(value: Any, what: str) -> tuple[list[Symbol], Structure]:
    """The symbols in nested lists, each of one output, and how they were nested."""
    return flatten(value, Symbol, what, expand=lambda symbol: symbol if len(symbol) == 1 else list(symbol))


def unique_mark(name: str) -> str:
    """A name for what is made inside a function; inside another it begins with that one's."""
    outer = attribute.current().get(None).get(MARK, "")
    name = f"{outer}${name}" if outer else name
    return f"{name}{next(_numbers[name])}"


def stand_ins(symbols: Sequence[Symbol]) -> list[Symbol]:
    """A new variable for each symbol, called after it."""
    heads = [symbol._outputs[0] for symbol in symbols]
    return [var(f"{node.name}-{index}") for node, index in heads]


def trace(
    what: str,
    name: str,
    arguments: Sequence[Symbol],
    function: Callable[[list[Symbol]], tuple[Sequence[Symbol], Sequence[Symbol]]],
) -> Cut:
    """Call a function with variables in place of its arguments, and cut off the graph of what it returns.

    Parameters
    ----------
    what, name : str
        What errors call the function, and what its mark begins with.
    arguments : sequence of Symbol
        What the variables stand for.
    function : callable
        Returns outputs and states; outputs of the graph are one after the other.
    """
    mark = unique_mark(name)
    with attribute.AttrScope(**{MARK: mark}):
        inner = stand_ins(arguments)
        outputs, states = function(inner)
        heads = _as_results(mark, outputs, states)
    numbers = {id(symbol._outputs[0][0]): number for number, symbol in enumerate(inner)}
    return _cut(what, mark, heads, numbers)


def _as_results(mark: str, outputs: Sequence[Symbol], states: Sequence[Symbol]) -> list[Entry]:
    """The heads of a graph none of which is an input, and whose states are not outputs as well: those are copied."""
    made = [symbol._outputs[0] for symbol in (*outputs, *states)]
    inputs = {node.name for node in in_order(made) if node.op is None}
    taken = {node.name for node, _ in made[: len(outputs)]}
    heads: list[Entry] = []
    for place, (node, index) in enumerate(made):
        outside = node.name in inputs or node.attrs.get(MARK, "") != mark
        if outside or (place >= len(outputs) and node.name in taken):
            (entry,) = call(OPERATORS["_copy"], "identity", [Symbol([(node, index)])], {})._outputs
            heads.append(entry)
        else:
            heads.append((node, index))
    return heads


def _cut(what: str, mark: str, heads: Sequence[Entry], numbers: dict[int, int]) -> Cut:
    inside: dict[int, Node] = {}
    outside: dict[tuple[int, int], Node] = {}
    sources: dict[int, int | Entry] = {}

    def entry(old: Entry) -> Entry:
        node, index = old
        if id(node) in inside:
            return inside[id(node)], index
        if (id(node), index) not in outside:
            stand_in = outside[id(node), index] = Node(None, node.output_names[index], {})
            sources[id(stand_in)] = old
        return outside[id(node), index], 0

    for node in in_order(heads):
        if node.attrs.get(MARK) == mark:
            copied = inside[id(node)] = node.copied([entry(each) for each in node.inputs])
            for place, (child, _) in enumerate(node.inputs):
                if id(child) not in inside:
                    copied.versions[place] = 0  # what stands in for it begins anew
            if node.op is None:
                sources[id(copied)] = numbers.get(id(node), (node, 0))
    symbol = Symbol([entry(head) for head in heads])
    variables = [node for node in symbol._nodes if node.op is None]
    names = [node.name for node in variables]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ArgumentError(
            f"{what}: expected inputs of different names; more than one is called {', '.join(twice)}. "
            "Pass one of them through sym.identity first"
        )
    return Cut(symbol, [sources[id(node)] for node in variables])
