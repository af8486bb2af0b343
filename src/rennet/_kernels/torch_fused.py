"""torch's own fused layers: oneDNN or native on CPU, cuDNN on GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import _VF, Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .interface import Problem, Weights


class TorchFused:
    """``torch.nn.LSTM``, ``GRU`` and ``RNN`` without their modules: same gate order, same formulas."""

    name = "torch"

    def why_not(self, problem: Problem) -> str | None:
        """Objects to what torch's layers cannot do."""
        if problem.clip is not None:
            return "torch's layers do not clip the cell state"
        if problem.projection_size and problem.mode != "lstm":
            return "torch's layers project LSTM states only"
        if problem.projection_size and problem.projection_size >= problem.hidden_size:
            return "torch's layers project to fewer units than the hidden state has"
        if not problem.dtype.is_floating_point:
            return f"torch's layers do not compute in {problem.dtype}"
        if 0 in (problem.steps, problem.batch):
            return "torch's layers refuse an empty sequence or batch"
        return None

    def run(
        self, problem: Problem, data: Tensor, weights: list[Weights], states: list[Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """See `Backend.run`."""
        flat = [part for direction in weights for part in direction if part is not None]
        fused: Any = getattr(_VF, problem.mode)
        # has_biases, num_layers, dropout, train, bidirectional
        how = (True, 1, 0.0, problem.needs_grad, problem.directions == 2)
        if lengths is None:
            output, *final = fused(data, _together(states), flat, *how, False)
            return output, final
        return _packed(fused, how, data, flat, states, lengths)


def _together(states: list[Tensor]) -> Any:
    """The states as torch's layers take them."""
    return tuple(states) if len(states) > 1 else states[0]


def _packed(
    fused: Any, how: tuple[Any, ...], data: Tensor, flat: list[Tensor], states: list[Tensor], lengths: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Sequences of several lengths, packed: what stands in the padding is never read."""
    alive = lengths > 0
    # torch packs no empty sequence: give it one step of zeros, and put back what that changed
    data = torch.where(alive[:, None], data, torch.zeros((), dtype=data.dtype, device=data.device))
    packed = pack_padded_sequence(data, lengths.clamp(min=1).cpu(), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None
    assert back is not None
    begin = [state.index_select(1, order) for state in states]
    output, *final = fused(packed.data, packed.batch_sizes, _together(begin), flat, *how)
    whole = PackedSequence(output, packed.batch_sizes, order, back)
    padded, _ = pad_packed_sequence(whole, total_length=data.shape[0])
    padded = torch.where(alive[:, None], padded, torch.zeros((), dtype=data.dtype, device=data.device))
    after = [state.index_select(1, back) for state in final]
    return padded, [torch.where(alive[:, None], new, old) for new, old in zip(after, states, strict=True)]
