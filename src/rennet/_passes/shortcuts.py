"""Shortcuts: where a rewritten graph turns something around and back, or takes it apart and joins it again."""

from __future__ import annotations

from collections.abc import Sequence

from .._graph import Entry, Node
from .sequences import apply
from .terms import key_of


def shortcut(node: Node) -> Entry | None:
    """What a node's only output is equal to, more directly; None if it is as direct as it can be."""
    name = name_of(node)
    if name == "SwapAxis":
        return _undone(node) if _swapped(node) else None
    if name == "reverse":
        return _undone(node) or _before_swapping(node)
    if name == "SequenceReverse":
        return _undone(node)
    if name == "SequenceMask" and len(node.inputs) == 2:
        return _masked_already(node)
    if name == "Concat":
        return _joined_again(node) or _before_swapping(node)
    return None


def name_of(node: Node) -> str:
    """The operator's name; empty for a variable."""
    return "" if node.op is None else node.op.name


def _swapped(node: Node) -> frozenset[int] | None:
    """The two axes that a node exchanges."""
    if name_of(node) != "SwapAxis":
        return None
    axes = frozenset((node.parsed["dim1"], node.parsed["dim2"]))
    return axes if min(axes) >= 0 else None


def _undone(node: Node) -> Entry | None:
    """What is given to a node that does what its own inverse, the node before it, has done."""
    before = node.inputs[0][0]
    if before.op is not node.op or list(map(key_of, before.inputs[1:])) != list(map(key_of, node.inputs[1:])):
        return None
    same = _swapped(before) == _swapped(node) if name_of(node) == "SwapAxis" else before.parsed == node.parsed
    return before.inputs[0] if same else None


def _before_swapping(node: Node) -> Entry | None:
    """The same done along the axis where it was before axes 0 and 1 were exchanged, and these exchanged afterwards."""
    assert node.op is not None
    count = len(node.inputs) if name_of(node) == "Concat" else 1
    if any(_swapped(child) != {0, 1} for child, _ in node.inputs[:count]):
        return None
    key = "dim" if name_of(node) == "Concat" else "axis"
    axis = node.parsed[key]
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if not isinstance(axis, int) or axis < 0:
        return None
    inputs = [child.inputs[0] for child, _ in node.inputs[:count]] + node.inputs[count:]
    plain = {name: value for name, value in node.attrs.items() if not name.startswith("__")}
    moved = Node(node.op, node.name, {**plain, key: str(1 - axis if axis < 2 else axis)}, inputs)
    shorter = shortcut(moved) or (moved, 0)
    return apply("SwapAxis", [shorter], f"{node.name}_swapped", dim1="0", dim2="1")


def _joined_again(node: Node) -> Entry | None:
    """What was cut in parts that a node joins, all of them and in order."""
    parts = [child for child, _ in node.inputs]
    first = parts[0]
    if name_of(first) != "slice_axis" or any(name_of(part) != "slice_axis" for part in parts):
        return None
    whole, axis = first.inputs[0], node.parsed["dim"]
    if any(key_of(part.inputs[0]) != key_of(whole) or part.parsed["axis"] != axis for part in parts):
        return None
    return whole if _covers(parts, whole) else None


def _covers(parts: Sequence[Node], whole: Entry) -> bool:
    """Do the parts make up the two directions of a fused recurrence."""
    if name_of(whole[0]) != "_rnn_of_parts" or not whole[0].parsed["bidirectional"]:
        return False
    hidden = whole[0].parsed["state_size"]
    ends = [(part.parsed["axis"], part.parsed["begin"], part.parsed["end"]) for part in parts]
    return whole[1] in _sequences_of(whole[0]) and ends == [(2, 0, hidden), (2, hidden, 2 * hidden)]


def _sequences_of(fused: Node) -> tuple[int, ...]:
    """Which outputs of a fused recurrence have a time axis: the first, and the hidden states that zoneout makes."""
    return (0, fused.num_outputs - 1) if fused.parsed["keep_hidden"] else (0,)


def _masked_already(node: Node) -> Entry | None:
    """The outputs of a recurrence of these lengths, which are zeros past them."""
    data, lengths = node.inputs
    axis = node.parsed["axis"]
    source = data
    if _swapped(data[0]) == {0, 1} and axis == 1:
        source, axis = data[0].inputs[0], 0
    if name_of(source[0]) == "slice_axis":
        source = source[0].inputs[0]
    fused, index = source
    if (
        name_of(fused) != "_rnn_of_parts"
        or index not in _sequences_of(fused)
        or not fused.parsed["use_sequence_length"]
    ):
        return None
    own = fused.inputs[1 + (fused.parsed["mode"] == "lstm") + 1]
    return data if axis == 0 and node.parsed["value"] == 0 and key_of(own) == key_of(lengths) else None
