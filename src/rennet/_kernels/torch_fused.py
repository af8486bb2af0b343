"""torch's own fused layers: oneDNN or native on CPU, cuDNN on GPU."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch
from torch import _VF, Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .composed import Composed
from .interface import Inputs, Problem, Results


class TorchFused(Composed):
    """``torch.nn.LSTM``, ``GRU`` and ``RNN`` without their modules: same gate order, same formulas."""

    name = "torch"

    def why_not(self, problem: Problem) -> str | None:
        """Objects to what torch's layers cannot do, or not exactly."""
        if problem.device.type not in ("cpu", "cuda"):
            return f"torch's layers are held to the reference on CPU and CUDA devices, not on {problem.device.type!r}"
        if problem.clip is not None:
            return "torch's layers do not clip the cell state"
        if problem.masks:
            return "torch's layers hand on the states that they computed: they take no masks for zoneout or dropout"
        if problem.projection_size and problem.projection_size >= problem.hidden_size:
            return "torch's layers project to fewer units than the hidden state has"
        if not problem.dtype.is_floating_point:
            return f"torch's layers do not compute in {problem.dtype}"
        if 0 in (problem.steps, problem.batch):
            return "torch's layers refuse an empty sequence or batch"
        return None

    def accumulates_in(self, problem: Problem) -> torch.dtype:
        """A half too on a GPU: cuDNN accumulates in float32 itself. Torch's CPU layers would round at every step."""
        return problem.dtype if problem.device.type == "cuda" else super().accumulates_in(problem)

    def compute(self, problem: Problem, inputs: Inputs) -> Results:
        """See `Composed.compute`."""
        flat = [part for each in inputs.weights for part in each.present()]
        if problem.device.type == "cuda":
            flat = _in_one_piece(flat)
        elif problem.projection_size:
            _hear_about_projection()
        fused: Any = getattr(_VF, problem.mode)
        # has_biases, num_layers, dropout, train, bidirectional
        how = (True, 1, 0.0, problem.needs_grad, problem.directions == 2)
        lengths = None if inputs.lengths is None else inputs.lengths.cpu()
        if lengths is None or bool((lengths == problem.steps).all()):
            return list(fused(inputs.data, _together(inputs.states), flat, *how, False))
        return _packed(fused, how, inputs, flat, lengths)


def _together(states: list[Tensor]) -> Any:
    """The states as torch's layers take them."""
    return tuple(states) if len(states) > 1 else states[0]


def _packed(fused: Any, how: tuple[Any, ...], inputs: Inputs, flat: list[Tensor], lengths: Tensor) -> Results:
    """Sequences of several lengths, packed: what stands in the padding is never read."""
    zero = inputs.data.new_zeros(())
    alive = (lengths > 0).to(inputs.data.device)[:, None]
    # torch packs no empty sequence: give it one step on zeros, and put back what that changed
    data = torch.where(alive, inputs.data, zero)
    states = [torch.where(alive, state, zero) for state in inputs.states]
    packed = pack_padded_sequence(data, lengths.clamp(min=1), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None
    assert back is not None
    begin = [state.index_select(1, order) for state in states]
    output, *final = fused(packed.data, packed.batch_sizes, _together(begin), flat, *how)
    whole = PackedSequence(output, packed.batch_sizes, order, back)
    padded, _ = pad_packed_sequence(whole, total_length=data.shape[0])
    after = [state.index_select(1, back) for state in final]
    kept = [torch.where(alive, new, old) for new, old in zip(after, inputs.states, strict=True)]
    return [torch.where(alive, padded, zero), *kept]


def _in_one_piece(weights: list[Tensor]) -> list[Tensor]:
    """The weights as views of one piece of memory, matrices first, as cuDNN wants them; torch warns otherwise."""
    ordered = sorted(range(len(weights)), key=lambda place: weights[place].dim() == 1)
    whole = torch.cat([weights[place].reshape(-1) for place in ordered])
    parts = whole.split([weights[place].numel() for place in ordered])
    views = {place: part.view(weights[place].shape) for place, part in zip(ordered, parts, strict=True)}
    return [views[place] for place in range(len(weights))]


@functools.cache
def _hear_about_projection() -> None:
    """Torch says once in a process that oneDNN does not project. Its user did not choose oneDNN: hear it for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = [torch.zeros(8, 1), torch.zeros(8, 1), torch.zeros(8), torch.zeros(8), torch.zeros(1, 2)]
        states = (torch.zeros(1, 1, 1), torch.zeros(1, 1, 2))
        _VF.lstm(torch.zeros(1, 1, 1), states, weights, True, 1, 0.0, False, False, False)
