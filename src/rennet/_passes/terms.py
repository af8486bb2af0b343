"""Terms: what a step computes, as a tree; made by running the math on them, and compared with graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._graph import Entry, Node
from .._recurrence.modes import MODES, Mode
from .._recurrence.pointwise import Ops

Key = tuple[int, int]
"""An entry as a key: its node's identity, and the output's index."""

_SUMS = frozenset({"elemwise_add", "broadcast_add", "_grad_add"})
_PRODUCTS = frozenset({"elemwise_mul", "broadcast_mul"})
_DIFFERENCES = frozenset({"elemwise_sub", "broadcast_sub"})
_ACTIVATIONS = frozenset({"sigmoid", "tanh", "relu"})
_COMMUTES = frozenset({"add", "mul"})


class Term:
    """A variable, or an operation on terms."""

    __slots__ = ("children", "kind", "place")

    def __init__(self, kind: str, children: Sequence[Term] = (), place: tuple[int, int] = (0, 1)) -> None:
        self.kind, self.children, self.place = kind, tuple(children), place

    def __add__(self, other: Term) -> Term:
        return Term("add", (self, other))

    def __mul__(self, other: Term) -> Term:
        return Term("mul", (self, other))

    def __rsub__(self, one: float) -> Term:
        assert one == 1
        return Term("one_minus", (self,))


def _parts(whole: Term, count: int) -> list[Term]:
    return [Term("part", (whole,), (place, count)) for place in range(count)]


class Pattern:
    """What the steps of one mode look like.

    Attributes
    ----------
    mode : Mode
        The row of the table of recurrences.
    outputs : list of Term
        The new states, of which the first is the step's output.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.i2h, self.h2h = Term("dense"), Term("dense")
        self.states = [Term("any") for _ in range(mode.states)]
        ops = Ops(_parts, lambda x: Term("sigmoid", (x,)), lambda x: Term(mode.squash, (x,)))
        self.outputs: list[Term] = mode.step(ops, self.i2h, self.h2h, self.states)

    @property
    def is_symmetric(self) -> bool:
        """Whether the two projections are only added, so that the pattern cannot tell them apart."""
        return self.mode.name != "gru"


PATTERNS = [Pattern(mode) for mode in MODES.values()]


def key_of(entry: Entry) -> Key:
    """The entry as a key."""
    return id(entry[0]), entry[1]


def kind_of(node: Node) -> str:
    """What the node does, in the words of terms, whichever of several operators does it."""
    if node.op is None:
        return ""
    name = node.op.name
    if name in _SUMS:
        return "add"
    if name in _PRODUCTS:
        return "mul"
    if name == "FullyConnected":
        return "dense"
    if name == "Activation":
        return node.parsed["act_type"]
    if name in _ACTIVATIONS:
        return name
    if name == "SliceChannel":
        return "part" if node.parsed["axis"] == 1 and not node.parsed["squeeze_axis"] else ""
    if name == "_rminus_scalar":
        return "one_minus" if node.parsed["scalar"] == 1 else ""
    if name in _DIFFERENCES:
        return "one_minus" if _is_ones_like(*node.inputs) else ""
    return ""


def _is_ones_like(one: Entry, other: Entry) -> bool:
    operator = one[0].op
    return operator is not None and operator.name == "ones_like" and key_of(one[0].inputs[0]) == key_of(other)


class Match:
    """How a pattern lies over a graph.

    Attributes
    ----------
    bound : dict of int to Entry
        The entry of each term, by the term's identity.
    gates : dict of int to int
        Which part of a projection stands for each gate: older cells stacked them in another order.
    nodes : dict of int to Node
        The nodes that the pattern covers.
    kinds : mapping of int to str
        `kind_of` every node, by its identity.
    """

    __slots__ = ("bound", "gates", "kinds", "nodes")

    def __init__(self, kinds: Mapping[int, str]) -> None:
        self.kinds = kinds
        self.bound: dict[int, Entry] = {}
        self.gates: dict[int, int] = {}
        self.nodes: dict[int, Node] = {}

    def copy(self) -> Match:
        """Another one, to try something with."""
        other = Match(self.kinds)
        other.bound, other.gates, other.nodes = dict(self.bound), dict(self.gates), dict(self.nodes)
        return other


def match(term: Term, entry: Entry, found: Match) -> Match | None:
    """`found`, extended by how `term` lies over the graph that ends in `entry`; None if it does not."""
    before = found.bound.get(id(term))
    if before is not None:
        return found if key_of(before) == key_of(entry) else None
    node, index = entry
    kind = term.kind
    if kind != "any":
        if found.kinds[id(node)] != kind:
            return None
        if kind == "part":
            gate, count = term.place
            if node.parsed["num_outputs"] != count or found.gates.setdefault(gate, index) != index:
                return None
        elif index != 0:
            return None
        found.nodes[id(node)] = node
    found.bound[id(term)] = entry
    if not term.children:
        return found
    inputs = _operands(kind, node, found.nodes)
    if kind not in _COMMUTES:
        return _match_all(term.children, inputs, found)
    first, second = term.children
    left, right = inputs
    kinds = found.kinds
    crossed = glance(first, right[0], kinds, 1) and glance(second, left[0], kinds, 1)
    if glance(first, left[0], kinds, 1) and glance(second, right[0], kinds, 1):
        straight = _match_all(term.children, inputs, found.copy() if crossed else found)
        if straight is not None or not crossed:
            return straight
    return _match_all(term.children, (right, left), found) if crossed else None


def glance(term: Term, node: Node, kinds: Mapping[int, str], depth: int) -> bool:
    """A cheap look at what is on top: can `term` lie over the graph at all, as far as `depth` operators down."""
    if term.kind == "any":
        return True
    if kinds[id(node)] != term.kind:
        return False
    children = term.children
    if not depth or not children:
        return True
    if len(children) == 1:
        return glance(children[0], node.inputs[-1][0], kinds, depth - 1)
    left, right = node.inputs[0][0], node.inputs[1][0]
    first, second = children
    straight = glance(first, left, kinds, depth - 1) and glance(second, right, kinds, depth - 1)
    return straight or (glance(first, right, kinds, depth - 1) and glance(second, left, kinds, depth - 1))


def _operands(kind: str, node: Node, covered: dict[int, Node]) -> Sequence[Entry]:
    """The inputs that the term speaks of; the ones in ``ones - z`` are part of what is done."""
    if kind == "one_minus" and len(node.inputs) == 2:
        ones = node.inputs[0][0]
        covered[id(ones)] = ones
        return node.inputs[1:]
    return node.inputs


def _match_all(terms: Sequence[Term], entries: Sequence[Entry], found: Match) -> Match | None:
    result: Match | None = found
    for term, entry in zip(terms, entries, strict=True):
        result = match(term, entry, result)
        if result is None:
            return None
    return result


def permutation(gates: Mapping[int, int], count: int) -> list[int] | None:
    """The part that holds each gate, if each gate has one of its own."""
    order = [gates.get(gate, -1) for gate in range(count)]
    return order if sorted(order) == list(range(count)) else None
