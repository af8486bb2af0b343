"""Recurrent layers, recognised by the names and shapes of their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._recurrence.modes import MODES

__all__ = ["find_layers"]

Shape = tuple[int, ...]

_PARAMETER = re.compile(r"(?P<stem>.*?)(?P<group>i2h|h2h|h2r)(?P<gate>_[ifcorz])?_(?P<kind>weight|bias)")
_DIRECTIONS = (
    (re.compile(r".*(?:^|[._])l_cell\.|.*(?:^|[._])l\d+_"), "left to right"),
    (re.compile(r".*(?:^|[._])r_cell\.|.*(?:^|[._])r\d+_"), "right to left"),
)
_CELLS = {1: "RNN", 3: "GRU", 4: "LSTM"}
_FLAT = "parameters"


def find_layers(shapes: Mapping[str, Shape]) -> list[dict[str, Any]]:
    """The recurrent layers among parameters, in the order of the names.

    Weights may be packed, one matrix for all gates, or one for each gate, as `unpack_weights` leaves them. The flat
    vector of a fused cell does not tell its layers.

    Parameters
    ----------
    shapes : dict of str to tuple
        Shapes by name; names without ``arg:`` or ``aux:``.

    Examples
    --------
    >>> (layer,) = find_layers({"lstm_l0_i2h_weight": (20, 3), "lstm_l0_h2h_weight": (20, 5)})
    >>> layer["cell"], layer["units"], layer["input"], layer["direction"]
    ('LSTM', 5, 3, 'left to right')
    """
    stems: dict[str, dict[tuple[str, str, str], Shape]] = {}
    flat: list[dict[str, Any]] = []
    for name, shape in shapes.items():
        found = _PARAMETER.fullmatch(name)
        if found is not None:
            key = (found["group"], found["gate"] or "", found["kind"])
            stems.setdefault(found["stem"], {})[key] = shape
        elif name.endswith(_FLAT) and len(shape) == 1:
            flat.append({"name": name, "cell": "fused, one vector", "elements": shape[0]})
    layers = [_layer(stem, parts) for stem, parts in stems.items()]
    return [layer for layer in layers if layer is not None] + flat


def _layer(stem: str, parts: Mapping[tuple[str, str, str], Shape]) -> dict[str, Any] | None:
    gates = tuple(gate for group, gate, kind in parts if (group, kind) == ("h2h", "weight"))
    if not gates:
        return None
    i2h, h2h = (parts.get((group, gates[0], "weight"), ()) for group in ("i2h", "h2h"))
    h2r = parts.get(("h2r", "", "weight"))
    if len(h2h) < 2:
        return None
    rows = h2h[0] * len(gates)
    units = h2r[1] if h2r is not None and len(h2r) == 2 else h2h[1]
    per_gate = gates != ("",)
    convolutional = len(h2h) > 2
    count, rest = divmod(rows, units) if units else (0, 1)
    cell = _CELLS.get(count) if not rest else None
    if per_gate:
        cell = next((_CELLS[mode.num_gates] for mode in MODES.values() if set(mode.gates) == set(gates)), None)
    return {
        "name": stem,
        "cell": f"{'Conv' if convolutional else ''}{cell or 'unknown'}",
        "units": units,
        "input": i2h[1] if len(i2h) > 1 else None,
        "projection": h2r[0] if h2r is not None and len(h2r) == 2 else None,
        "direction": next((name for pattern, name in _DIRECTIONS if pattern.match(stem)), None),
        "weights": "one for each gate" if per_gate else "packed",
        "parameters": sum(_size(shape) for shape in parts.values()),
    }


def _size(shape: Shape) -> int:
    size = 1
    for dim in shape:
        size *= dim
    return size
