"""The fused recurrence as plain loops over NumPy numbers, in float64: an oracle that owes nothing to torch.

One sequence and one step at a time, straight from the equations. It knows all that the operator knows, and is the only
oracle that knows clipping. Gradients are finite differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run(
    arrays: Sequence[np.ndarray],
    *,
    mode: str,
    state_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    projection_size: int | None = None,
    lstm_state_clip_min: float | None = None,
    lstm_state_clip_max: float | None = None,
    lstm_state_clip_nan: bool = False,
    lengths: Sequence[int] | None = None,
    **_: Any,
) -> list[np.ndarray]:
    """Outputs and final states; `arrays` are the data, the flat vector, the state and, for an LSTM, the cell state."""
    data, vector, *begin = (np.asarray(each, dtype=np.float64) for each in arrays)
    steps, batch, inputs = data.shape
    ways, width, rows = 1 + bidirectional, projection_size or state_size, GATES[mode] * state_size

    shapes: dict[tuple[str, int, int], tuple[int, ...]] = {}
    for layer in range(num_layers):
        for way in range(ways):
            shapes["W", layer, way] = (rows, inputs if layer == 0 else ways * width)
            shapes["U", layer, way] = (rows, width)
            if projection_size:
                shapes["P", layer, way] = (projection_size, state_size)
    for layer in range(num_layers):
        for way in range(ways):
            shapes["b", layer, way] = shapes["d", layer, way] = (rows,)
    weights, at = {}, 0
    for key, shape in shapes.items():
        size = math.prod(shape)
        weights[key] = vector[at : at + size].reshape(shape)
        at += size
    assert at == vector.size

    final = [np.array(state) for state in begin]
    for layer in range(num_layers):
        output = np.zeros((steps, batch, ways * width))
        for way in range(ways):
            W, U, b, d = (weights[name, layer, way] for name in "WUbd")
            place = layer * ways + way
            for row in range(batch):
                length = steps if lengths is None else lengths[row]
                h = begin[0][place, row]
                c = begin[1][place, row] if mode == "lstm" else np.zeros(0)
                order = range(length) if way == 0 else reversed(range(length))
                for t in order:
                    x, u = W @ data[t, row] + b, U @ h + d
                    if mode == "lstm":
                        i, f, g, o = np.split(x + u, 4)
                        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
                        if lstm_state_clip_max is not None:
                            c = np.array(
                                [
                                    lstm_state_clip_max
                                    if math.isnan(value) and lstm_state_clip_nan
                                    else min(max(value, lstm_state_clip_min), lstm_state_clip_max)
                                    if not math.isnan(value)
                                    else value
                                    for value in c
                                ]
                            )
                        h = _sigmoid(o) * np.tanh(c)
                        if projection_size:
                            h = weights["P", layer, way] @ h
                    elif mode == "gru":
                        (xr, xz, xn), (ur, uz, un) = np.split(x, 3), np.split(u, 3)
                        r, z = _sigmoid(xr + ur), _sigmoid(xz + uz)
                        n = np.tanh(xn + r * un)
                        h = (1 - z) * n + z * h
                    else:
                        h = np.tanh(x + u) if mode == "rnn_tanh" else np.maximum(x + u, 0)
                    output[t, row, way * width : (way + 1) * width] = h
                final[0][place, row] = h
                if mode == "lstm":
                    final[1][place, row] = c
        data = output
    return [data, *final]


def gradients(
    arrays: Sequence[np.ndarray], heads: Sequence[np.ndarray], step: float = 1e-6, **attrs: Any
) -> list[np.ndarray]:
    """Of every array, for these gradients of the outputs, by central differences."""

    def weighed() -> float:
        return sum(float((out * head).sum()) for out, head in zip(run(work, **attrs), heads, strict=True))

    work = [np.array(each, dtype=np.float64) for each in arrays]
    found = []
    for array in work:
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + step
            above = weighed()
            array[place] = before - step
            gradient[place] = (above - weighed()) / (2 * step)
            array[place] = before
        found.append(gradient)
    return found
