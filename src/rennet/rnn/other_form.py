"""Weights that another form of the same cells left in a file: a vector where there are matrices, or the reverse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._recurrence.layout import Layout
from .._recurrence.modes import MODES
from ..ndarray import NDArray
from .basic_cells import GRUCell, LSTMCell, RNNCell
from .cell import BaseRNNCell
from .fused_cell import FusedRNNCell
from .modifier_cells import ModifierCell
from .weights import Weights

__all__ = ["gates_apart"]

_PLACE = re.compile(r"(?P<stem>.*?)(?P<side>[lr])(?P<layer>\d+)_")


def gates_apart(cell: BaseRNNCell, args: Mapping[str, NDArray]) -> Weights:
    """The weights of `cell` unpacked, in whichever form they came; what is unpacked already stays as it is.

    Parameters
    ----------
    cell : BaseRNNCell
        The cell, fused or not, whose weights they are to become.
    args : dict of str to NDArray
        Parameters; those of other cells are kept as they are.
    """
    found = dict(args)
    parts = list(_innermost(cell))
    for vector, layout in _vectors([part for part in parts if not isinstance(part, FusedRNNCell)], found):
        whole = FusedRNNCell(layout.hidden_size, layout.num_layers, layout.mode, layout.bidirectional, prefix=vector)
        found = whole.unpack_weights(found)
    for part in parts:
        if isinstance(part, FusedRNNCell) and f"{part._weights_prefix}parameters" not in found:
            for inner in _innermost(part.unfuse()):
                found = _unpacked(inner, found)
        else:
            found = _unpacked(part, found)
    return found


def _innermost(cell: BaseRNNCell) -> Iterator[BaseRNNCell]:
    """The cells with weights of their own, in whatever they are wrapped or stacked."""
    waiting = [cell]
    while waiting:
        each = waiting.pop()
        inner = [*getattr(each, "_cells", ())]
        if isinstance(each, ModifierCell):
            inner.append(each.base_cell)
        waiting.extend(reversed(inner))
        if not inner:
            yield each


def _unpacked(cell: BaseRNNCell, args: Weights) -> Weights:
    """Unpacked if all of its weights are there, as they came otherwise: packing will say what is missing."""
    if isinstance(cell, FusedRNNCell):
        whole = f"{cell._weights_prefix}parameters" in args
    else:
        names = [packed for packed, _ in cell._weight_names()]
        whole = bool(names) and all(name in args for name in names)
    return cell.unpack_weights(args) if whole else args


def _vectors(cells: list[BaseRNNCell], args: Weights) -> Iterator[tuple[str, Layout]]:
    """Vectors of fused cells that would have the weights of `cells`: the prefix of each, and its layout."""
    places: dict[str, dict[str, BaseRNNCell]] = {}
    for cell in cells:
        match = _PLACE.fullmatch(cell._weights_prefix)
        if match is not None and f"{match['stem']}parameters" in args:
            places.setdefault(match["stem"], {})[match["side"] + match["layer"]] = cell
    for stem, held in places.items():
        modes = {_mode(cell) for cell in held.values()}
        sizes = {cell._gate_rows for cell in held.values()}
        both_ways = any(place.startswith("r") for place in held)
        layers = len(held) // (2 if both_ways else 1)
        wanted = {f"{side}{layer}" for side in ("lr" if both_ways else "l") for layer in range(layers)}
        mode, size = modes.pop(), sizes.pop()
        if modes or sizes or mode is None or size is None or held.keys() != wanted:
            continue
        layout = Layout(mode, size, layers, both_ways)
        if layout.input_size(args[f"{stem}parameters"].size) is not None:
            yield stem, layout


def _mode(cell: BaseRNNCell) -> str | None:
    """The mode of the fused cell that computes the same."""
    if isinstance(cell, LSTMCell):
        return "lstm"
    if isinstance(cell, GRUCell):
        return "gru"
    if isinstance(cell, RNNCell):
        return next((mode for mode, each in MODES.items() if each.squash == cell._activation), None)
    return None
