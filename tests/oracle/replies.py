"""What the server's answers hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class OperatorAnswer(NamedTuple):
    outputs: list[np.ndarray]
    gradients: list[np.ndarray | None]
    """One for each input, None where the input is not floating point; empty unless gradients were asked for."""


class SymbolAnswer(NamedTuple):
    arguments: list[str]
    outputs: list[str]
    auxiliary_states: list[str]
    argument_shapes: list[tuple[int, ...]] | None
    """Shapes are None where no shapes were given to infer from."""
    output_shapes: list[tuple[int, ...]] | None
    auxiliary_shapes: list[tuple[int, ...]] | None
    internals: list[str]
    attributes: dict[str, dict[str, str]]
    json: str


class RunAnswer(NamedTuple):
    outputs: list[np.ndarray]
    gradients: dict[str, np.ndarray]
    """By argument; empty in prediction mode."""
    aux: dict[str, np.ndarray]


class TrainingAnswer(NamedTuple):
    params: dict[str, np.ndarray]
    """After the last update."""
    aux: dict[str, np.ndarray]
    outputs: list[list[np.ndarray]]
    """Of each step, computed before its update."""
    params_each_step: list[dict[str, np.ndarray]]
    """After each update; empty unless asked for."""


class CheckpointAnswer(NamedTuple):
    json: str
    arg_params: dict[str, np.ndarray]
    aux_params: dict[str, np.ndarray]


class MetricAnswer(NamedTuple):
    name: str | list[str]
    value: float | list[float]
