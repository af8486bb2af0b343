"""Networks to look at: `print_summary` as a table, `plot_network` as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._dtypes import element_type
from ._graph import Entry, Node
from ._passes import fused
from .base import ArgumentError, MXNetError, ShapeError
from .symbol import Symbol
from .symbol.inference import shapes_of

__all__ = ["plot_network", "print_summary"]


def _known_shapes(symbol: Symbol, shape: Mapping[str, Sequence[int]] | None) -> dict[str, tuple[int, ...]]:
    """The shape of every variable and result by its full name; nothing if none are given."""
    if shape is None:
        return {}
    if not isinstance(shape, Mapping):
        raise ArgumentError(f"shape: expected a dict from names of arguments to shapes, got {type(shape).__name__}")
    arguments = symbol.list_inputs()
    strange = [name for name in shape if name not in arguments]
    if strange:
        raise ArgumentError(f"shape: {strange[0]!r} is no argument of this symbol; it has: {', '.join(arguments[:20])}")
    inner = symbol.get_internals()
    found = inner.infer_shape_partial(**shape)[1]
    names = inner.list_outputs()
    for name, known in zip(names, found, strict=True):
        if not known or 0 in known:
            raise ShapeError(f"shape: that of {name} cannot be inferred; known is {known}; give more shapes")
    return dict(zip(names, found, strict=True))


class _Table:
    """Lines of fields, each field cut off where the next begins."""

    def __init__(self, line_length: int, positions: Sequence[float]) -> None:
        if len(positions) != len(_HEADER):
            raise ArgumentError(f"positions: expected {len(_HEADER)}, where each column ends, got {len(positions)}")
        relative = positions[-1] <= 1
        self._ends = [int(line_length * end) if relative else int(end) for end in positions]
        self._length = line_length

    def row(self, *fields: object) -> None:
        line = ""
        for field, end in zip(fields, self._ends, strict=True):
            line = (line + str(field))[:end].ljust(end)
        print(line)

    def rule(self, letter: str) -> None:
        print(letter * self._length)


_HEADER = ("Layer (type)", "Output Shape", "Param #", "Previous Layer")


def _shown(node: Node, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of a node's output without the batch, if it has one output and its shape is known."""
    return shapes.get(node.name if node.op is None else f"{node.name}_output", ())[1:]


def _count_of(node: Node, previous: Sequence[Node], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many parameters a layer has, by MXNet's rule: of a few operators, and from the second axis of its inputs."""
    if node.op is None:
        return 0
    attrs = node.parsed
    width = sum(_shown(each, shapes)[0] for each in previous if _shown(each, shapes))
    if node.op.name == "Convolution":
        count = width * attrs["num_filter"] // attrs["num_group"]
        for size in attrs["kernel"]:
            count *= size
        return count + (0 if attrs["no_bias"] else attrs["num_filter"])
    if node.op.name == "FullyConnected":
        return (width + (0 if attrs["no_bias"] else 1)) * attrs["num_hidden"]
    if node.op.name == "BatchNorm":
        return 2 * _shown(node, shapes)[0] if _shown(node, shapes) else 0
    if node.op.name == "Embedding":
        return attrs["input_dim"] * attrs["output_dim"]
    return 0


def print_summary(
    symbol: Symbol,
    shape: Mapping[str, Sequence[int]] | None = None,
    line_length: int = 120,
    positions: Sequence[float] = (0.44, 0.64, 0.74, 1.0),
) -> None:
    """Print a table of the layers: name, operator, shape, number of parameters, and what comes before.

    The text is MXNet's. Variables are left out, but for the first one, which is the data in most networks. The numbers
    of parameters are MXNet's too: those of FullyConnected, Convolution, BatchNorm and Embedding, from the second axis
    of the layer's inputs, so they need `shape`; other operators count as none.

    What MXNet does not say: if `shape` is given and there are recurrences that were unrolled, which of them are fused
    when the network is bound, and why the others are not, stands below the table.

    Parameters
    ----------
    symbol : Symbol
        The network.
    shape : dict of str to tuple, optional
        Shapes of the arguments that are not parameters.
    line_length : int
        Characters in a line.
    positions : sequence of float
        Where the four columns end: fractions of the line, or characters.

    Raises
    ------
    ArgumentError
        An argument of the wrong type, or a shape for something that is no argument.
    ShapeError
        From `shape` those of all layers do not follow.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc")
    >>> mx.viz.print_summary(net, {"data": (2, 3)}, line_length=72, positions=[22, 38, 48, 72])
    ________________________________________________________________________
    Layer (type)          Output Shape    Param #   Previous Layer...
    ========================================================================
    data(null)            3               0...
    ________________________________________________________________________
    fc(FullyConnected)    4               16        data...
    ========================================================================
    Total params: 16
    ________________________________________________________________________
    """
    _check_symbol(symbol, "print_summary")
    shapes = _known_shapes(symbol, shape)
    nodes = symbol._nodes
    table = _Table(line_length, positions)
    table.rule("_")
    table.row(*_HEADER)
    table.rule("=")
    total = 0
    for place, node in enumerate(nodes):
        if node.op is None and place > 0:
            continue
        previous = [child for child, _ in node.inputs if child.op is not None or child is nodes[0]]
        count = _count_of(node, previous, shapes)
        total += count
        size = "x".join(map(str, _shown(node, shapes)))
        kind = node.op.name if node.op else "null"
        names = [child.name for child in previous] or [""]
        table.row(f"{node.name}({kind})", size, count, names[0])
        for name in names[1:]:
            table.row("", "", "", name)
        table.rule("=" if place == len(nodes) - 1 else "_")
    print(f"Total params: {total}")
    table.rule("_")
    found = fused(nodes, symbol._outputs, shapes_of(symbol, shape).of)[1] if shape is not None else ()
    if found:
        print("Unrolled recurrences, once bound:")
        for each in found:
            became = "fused" if each.why_not is None else f"step by step, for {each.why_not}"
            print(f"{each.name} ({each.mode}, {each.steps} steps): {became}")
        table.rule("_")


_DATA, _WEIGHTED, _BENDING, _NORMALISING, _POOLING, _MOVING, _OTHER = (
    *("#8dd3c7", "#fb8072", "#ffffb3", "#bebada", "#80b1d3", "#fdb462"),
    "#fccde5",
)
_COLOURS = {
    **dict.fromkeys(("FullyConnected", "Convolution"), _WEIGHTED),
    **dict.fromkeys(("Activation", "LeakyReLU"), _BENDING),
    "BatchNorm": _NORMALISING,
    "Pooling": _POOLING,
    **dict.fromkeys(("Concat", "Flatten", "Reshape"), _MOVING),
}
_WEIGHTS = (
    *("_weight", "_bias", "_beta", "_gamma"),
    *("_moving_var", "_moving_mean", "_running_var", "_running_mean"),
)
"""What the names of weights end in."""


def _window(node: Node) -> str:
    """Kernel and stride, such as ``3x3/2x2``, or ``3x3/1`` where the stride is not given."""
    kernel = "x".join(map(str, node.parsed["kernel"]))
    return f"{kernel}/{'x'.join(map(str, node.parsed['stride'])) if 'stride' in node.attrs else '1'}"


def _label(node: Node) -> str:
    kind = node.op.name if node.op else ""
    if kind == "FullyConnected":
        return f"{kind}\n{node.parsed['num_hidden']}"
    if kind == "Convolution":
        return f"{kind}\n{_window(node)}, {node.parsed['num_filter']}"
    if kind in ("Activation", "LeakyReLU"):
        return f"{kind}\n{node.parsed['act_type']}"
    if kind == "Pooling":
        return f"{kind}\n{node.parsed['pool_type']}, {_window(node)}"
    return node.name


def _known_types(symbol: Symbol, dtype: Mapping[str, Any] | None) -> dict[str, str]:
    """The element type of every variable and result by its full name; nothing if none are given."""
    if dtype is None:
        return {}
    if not isinstance(dtype, Mapping):
        raise ArgumentError(f"dtype: expected a dict from names of arguments to types, got {type(dtype).__name__}")
    arguments = symbol.list_inputs()
    strange = [name for name in dtype if name not in arguments]
    if strange:
        raise ArgumentError(f"dtype: {strange[0]!r} is no argument of this symbol; it has: {', '.join(arguments[:20])}")
    inner = symbol.get_internals()
    found = inner.infer_type(**dtype)[1]
    return {name: element_type(kind).name for name, kind in zip(inner.list_outputs(), found, strict=True)}


def plot_network(
    symbol: Symbol,
    title: str = "plot",
    save_format: str = "pdf",
    shape: Mapping[str, Sequence[int]] | None = None,
    dtype: Mapping[str, Any] | None = None,
    node_attrs: Mapping[str, str] | None = None,
    hide_weights: bool = True,
) -> Any:
    """The network as a drawing, by the package graphviz: boxes for operators, ovals for variables.

    Nothing is written until the drawing's `render` is called, which needs Graphviz's program ``dot``; the drawing's
    `source` needs nothing.

    Parameters
    ----------
    symbol : Symbol
        The network.
    title : str
        The drawing's name, and that of the file that `render` writes.
    save_format : str
        The kind of that file: ``'pdf'``, ``'svg'``, ``'png'``, ...
    shape, dtype : dict, optional
        Shapes and element types of the arguments that are not parameters; those of all values are then written on the
        arrows.
    node_attrs : dict of str to str, optional
        Graphviz's attributes for every box, such as ``{'shape': 'oval', 'fixedsize': 'false'}``.
    hide_weights : bool
        Whether arrows from variables that are called like weights (``_weight``, ``_bias``, ...) are left out.

    Returns
    -------
    graphviz.Digraph

    Raises
    ------
    ArgumentError
        An argument of the wrong type, or a shape or type for something that is no argument.
    ShapeError
        From `shape` those of all values do not follow.
    MXNetError
        The package graphviz is not installed.

    Examples
    --------
    >>> import rennet as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc")
    >>> drawing = mx.viz.plot_network(net, shape={"data": (2, 3)}, save_format="svg")
    >>> print(drawing.source)
    digraph plot {
        data [label=data fillcolor="#8dd3c7" fixedsize=true height=0.8034 shape=oval style=filled width=1.3]
        fc [label="FullyConnected
        4" fillcolor="#fb8072" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
        fc -> data [label=3 arrowtail=open dir=back]
    }
    """
    _check_symbol(symbol, "plot_network")
    if node_attrs is not None and not isinstance(node_attrs, Mapping):
        raise ArgumentError(f"node_attrs: expected a dict of Graphviz's attributes, got {type(node_attrs).__name__}")
    try:
        from graphviz import Digraph  # only who draws needs it
    except ImportError as error:
        raise MXNetError("plot_network needs the package graphviz: pip install 'rennet[plot]'") from error
    shapes, types = _known_shapes(symbol, shape), _known_types(symbol, dtype)
    style = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled"}
    style.update(node_attrs or {})
    drawing = Digraph(name=title, format=save_format)
    nodes = symbol._nodes
    for node in nodes:
        if node.op is not None:
            drawing.node(node.name, _label(node), **{**style, "fillcolor": _COLOURS.get(node.op.name, _OTHER)})
        elif not node.name.endswith(_WEIGHTS):
            drawing.node(node.name, node.name, **{**style, "shape": "oval", "fillcolor": _DATA})

    def written(entry: Entry) -> str:
        name = entry[0].output_names[entry[1]]
        return "x".join(map(str, shapes.get(name, ())[1:])) + (f"({types[name]})" if types else "")

    for node in nodes:
        for entry in node.inputs:
            child = entry[0]
            if not (hide_weights and child.op is None and child.name.endswith(_WEIGHTS)):
                drawing.edge(node.name, child.name, label=written(entry), dir="back", arrowtail="open")
    return drawing


def _check_symbol(symbol: Any, caller: str) -> None:
    if not isinstance(symbol, Symbol):
        raise ArgumentError(f"{caller}: symbol: expected a Symbol, got {type(symbol).__name__}")
