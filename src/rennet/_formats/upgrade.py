"""The graph of an old file as MXNet 1.9.1 would have written it.

Four things changed while the format stayed:

- before 1.9.1 counts as every older file: ``lr_mult`` and its like, now written ``__lr_mult__``, may stand bare, and
  ``weight_lr_mult`` on an operator means the variable that is its input ``weight``;
- before 0.9.0, inputs that the user did not give (the moving mean of a BatchNorm) had no node;
- before 0.9.4, their initialisers were not written down;
- before 0.9.5, the axis -1 of argmax and argmin meant all axes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

from ..base import FormatError, MXNetError
from .graph_record import CURRENT_VERSION, VARIABLE, Entry, GraphRecord, NodeRecord

__all__ = ["InputNames", "upgrade_graph"]

InputNames = Callable[[str, Mapping[str, str]], Sequence[str]]

_HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
_BATCH_NORM_INIT = {3: '["zero", {}]', 4: '["one", {}]'}
_DEFAULT_INIT = {
    "BatchNorm": _BATCH_NORM_INIT,
    "BatchNorm_v1": _BATCH_NORM_INIT,
    "LeakyReLU": {1: '["Constant", {"value": 0.25}]'},
}


def upgrade_graph(graph: GraphRecord, input_names: InputNames | None = None, source: str = "<graph>") -> GraphRecord:
    """Bring `graph` to version 1.9.1, without changing it; one of that version is returned as it is.

    Warns, and does nothing more, if a newer MXNet wrote it. Graphs within nodes came later than all that changed.

    Parameters
    ----------
    graph : GraphRecord
        As `parse_graph` read it.
    input_names : callable, optional
        Names all inputs of an operator, given its name in the file and its attributes. Without it, attributes that
        mean an input stay where they are, and inputs that have no node stay missing.
    source : str
        What errors call the graph.

    Raises
    ------
    FormatError
        `input_names` does not know an operator, or what its attributes mean.

    Examples
    --------
    >>> old = GraphRecord([NodeRecord("null", "w", {"lr_mult": "2"})], [Entry(0)])
    >>> upgrade_graph(old).nodes[0].attrs
    {'__lr_mult__': '2'}
    """
    version = graph.version
    if version >= CURRENT_VERSION:
        if version > CURRENT_VERSION:
            warnings.warn(
                f"the graph was written by MXNet {_dotted(version)}; what is newer than 1.9.1 may not be understood",
                stacklevel=2,
            )
        return graph
    nodes: list[NodeRecord] = []
    places: list[int] = []  # where each node of the file went
    for old in graph.nodes:
        inputs = [entry._replace(node=places[entry.node]) for entry in old.inputs]
        control_deps = [places[number] for number in old.control_deps]
        attrs = _own_keys(old.attrs)
        node = NodeRecord(old.op, old.name, attrs, inputs, old.subgraphs, old.num_outputs, control_deps)
        if not node.is_variable:
            if input_names is not None:
                _mend_inputs(node, nodes, version, input_names, source)
            if version < 904:
                _set_default_init(node, nodes)
            if version < 905 and node.op in ("argmax", "argmin") and node.attrs.get("axis") == "-1":
                del node.attrs["axis"]
        places.append(len(nodes))
        nodes.append(node)
    heads = [head._replace(node=places[head.node]) for head in graph.heads]
    return GraphRecord(nodes, heads, {**graph.attrs, "mxnet_version": ("int", CURRENT_VERSION)})


def _own_keys(attrs: Mapping[str, str]) -> dict[str, str]:
    """Attributes with the bare hidden keys in underscores; these win over keys that were so already."""
    kept = {key: value for key, value in attrs.items() if key not in _HIDDEN_KEYS}
    return kept | {f"__{key}__": attrs[key] for key in _HIDDEN_KEYS if key in attrs}


def _mend_inputs(node: NodeRecord, nodes: list[NodeRecord], version: int, input_names: InputNames, source: str) -> None:
    """Add the inputs that `node` lacks to it and to `nodes`, and give its inputs the attributes that mean them."""
    meant = {key: hidden for key in node.attrs for hidden in _HIDDEN_KEYS if key.endswith(f"_{hidden}")}
    if version >= 900 and not meant:
        return
    own = {key: value for key, value in node.attrs.items() if key not in meant}
    try:
        names = list(input_names(node.op, own))
    except MXNetError as error:
        where = f"node {node.name!r}"
        raise FormatError(source, where, "attributes", f"those of {node.op}", str(error)) from error
    if version < 900:
        for name in names[len(node.inputs) :]:
            node.inputs.append(Entry(len(nodes)))
            full_name = f"{node.name}_{name}" if node.name else name
            nodes.append(NodeRecord(VARIABLE, full_name, dict(own), num_outputs=1))
    variables = {
        name: nodes[entry.node]
        for name, entry in zip(names, node.inputs, strict=False)
        if nodes[entry.node].is_variable
    }
    for key, hidden in meant.items():
        variable = variables.get(key.removesuffix(f"_{hidden}"))
        if variable is not None:  # otherwise it stays, and the operator will say that it does not know it
            variable.attrs[f"__{hidden}__"] = node.attrs.pop(key)


def _set_default_init(node: NodeRecord, nodes: list[NodeRecord]) -> None:
    for position, text in _DEFAULT_INIT.get(node.op, {}).items():
        if position < len(node.inputs) and nodes[node.inputs[position].node].is_variable:
            nodes[node.inputs[position].node].attrs.setdefault("__init__", text)


def _dotted(version: int) -> str:
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"
