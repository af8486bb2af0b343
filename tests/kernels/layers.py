"""One layer's inputs and results, for tests of the kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import torch_rnn
from rennet._kernels.interface import Backend, Clip, Inputs, Problem, Weights
from rennet._kernels.layer import run_layer
from rennet._recurrence.layout import Layout

DOUBLE = torch.float64


def leaves_of(sample: torch_rnn.Sample, dtype: torch.dtype = DOUBLE) -> list[Tensor]:
    """The sample's data, flat vector and states as leaves."""
    return [torch.tensor(each, dtype=dtype, requires_grad=True) for each in sample.inputs]


def inputs_of(layout: Layout, tensors: Any, lengths: Tensor | None = None) -> Inputs:
    """The inputs of a layer of this layout, from its data, flat vector and states."""
    data, vector, *states = tensors
    parts: list[dict[str, Tensor]] = [{}, {}]
    for slot in layout.slots(data.shape[2]):
        part = vector[slot.offset : slot.offset + slot.size].reshape(slot.shape)
        parts[slot.direction][slot.field] = part
    return Inputs(data, [Weights(**each) for each in parts[: layout.directions]], states, lengths)


def problem_of(layout: Layout, inputs: Inputs, clip: Clip | None = None) -> Problem:
    return Problem.of(layout.mode, clip, inputs, needs_grad=True)


def layer(
    backend: Backend | None, layout: Layout, tensors: Any, clip: Clip | None = None, lengths: Tensor | None = None
) -> list[Tensor]:
    """A layer's results, by this backend, or by whichever is chosen."""
    inputs = inputs_of(layout, tensors, lengths)
    if backend is None:
        return run_layer(layout.mode, clip, inputs)
    return backend.run(problem_of(layout, inputs, clip), inputs)
