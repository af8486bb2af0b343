"""Running one layer: the one entry to the backends, whoever differentiates, transforms or traces it.

Eagerly a layer is recorded for itself, so that all its gradients are ready when its own backward is done. Under torch's
transforms of functions and under forward differentiation, which fused kernels know nothing of, the reference computes.
What is being traced (compiled, exported) becomes the operator in `traced`.
"""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from . import traced
from .door import choose, for_transforms
from .interface import Clip, Inputs, Problem, Results


def run_layer(mode: str, clip: Clip | None, inputs: Inputs) -> Results:
    """What `Results` says, by whichever backend is chosen."""
    transformed = is_transformed()
    composed = transformed
    if torch.compiler.is_compiling():
        # the operator that tracers see knows no masks; what the reference does they can see
        composed = transformed or bool(inputs.masks.present())
        if not composed:
            return traced.rnn_layer(mode, clip, inputs)
        if inputs.lengths is not None:
            inputs = inputs._replace(lengths=inputs.lengths.to(torch.int64))
    needs_grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs.tensors())
    problem = Problem.of(mode, clip, inputs, needs_grad)
    return (for_transforms() if composed else choose(problem)).run(problem, inputs)


def is_transformed() -> bool:
    """Is this inside one of torch's transforms (grad, vmap, jvp and the like) or of forward differentiation."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
