"""torch's own fused layers: oneDNN or native on CPU, cuDNN on GPU."""

from __future__ import annotations

from typing import Any

from torch import _VF, Tensor

from .interface import Problem, Weights


class TorchFused:
    """``torch.nn.LSTM``, ``GRU`` and ``RNN`` without their modules: same gate order, same formulas."""

    name = "torch"

    def why_not(self, problem: Problem) -> str | None:
        """Objects to what torch's layers cannot do."""
        if problem.clip is not None:
            return "torch's layers do not clip the cell state"
        if problem.has_lengths:
            return "torch's layers know lengths only as packed sequences"
        if problem.projection_size and problem.mode != "lstm":
            return "torch's layers project LSTM states only"
        if problem.projection_size and problem.projection_size >= problem.hidden_size:
            # torch takes states of one width for a layer without projection
            return "torch's layers project to fewer units than they have"
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
        begin = tuple(states) if problem.mode == "lstm" else states[0]
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        output, *final = fused(data, begin, flat, True, 1, 0.0, problem.needs_grad, problem.directions == 2, False)
        return output, final


