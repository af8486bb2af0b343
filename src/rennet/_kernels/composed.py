"""Backends that are compositions of torch's differentiable operators: torch's autograd is their backward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from .interface import Inputs, Problem, Results

HALVES = (torch.float16, torch.bfloat16)


class Composed(ABC):
    """A backend of which only the forward direction is written."""

    name: str

    def missing(self) -> str | None:
        """Wherever torch runs, so does this."""
        return None

    @abstractmethod
    def why_not(self, problem: Problem) -> str | None:
        """See `Backend.why_not`."""

    @abstractmethod
    def compute(self, problem: Problem, inputs: Inputs) -> Results:
        """The results, by operators that autograd, and every transform of functions, can see."""

    def accumulates_in(self, problem: Problem) -> torch.dtype:
        """The element type to compute in; a half is too narrow to carry a state through a sequence."""
        return torch.float32 if problem.dtype in HALVES else problem.dtype

    def run(self, problem: Problem, inputs: Inputs) -> Results:
        """See `Backend.run`: `compute`, in the type that it accumulates in."""
        wide = self.accumulates_in(problem)
        if wide == problem.dtype:
            return self.compute(problem, inputs)
        widened = problem.inputs([tensor.to(wide) for tensor in inputs.tensors()], inputs.lengths, inputs.masks)
        return [result.to(problem.dtype) for result in self.compute(problem._replace(dtype=wide), widened)]

    def gradients(
        self, problem: Problem, inputs: Inputs, heads: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """See `Backend.gradients`: run once more, recorded."""
        leaves = [
            tensor.detach().requires_grad_(is_wanted)
            for tensor, is_wanted in zip(inputs.tensors(), wanted, strict=True)
        ]
        with torch.enable_grad():
            results = self.run(problem, problem.inputs(leaves, inputs.lengths, inputs.masks))
        pairs = [(result, head) for result, head in zip(results, heads, strict=True) if result.requires_grad]
        found = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                [leaf for leaf in leaves if leaf.requires_grad],
                [head for _, head in pairs],
                allow_unused=True,
            )
        )
        return [next(found) if is_wanted else None for is_wanted in wanted]
