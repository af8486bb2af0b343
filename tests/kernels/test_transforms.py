"""Derivatives beyond the first, and torch's transforms of functions: right, never silently zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

import torch_rnn
from rennet._kernels.door import pinned
from rennet._kernels.interface import Clip
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES

from .layers import layer, leaves_of

# torch's own, when it is first asked to differentiate forwards
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
every_mode = pytest.mark.parametrize("mode", sorted(MODES))
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
LENGTHS = torch.tensor([2, 0, 3])

Function = Callable[..., tuple[Tensor, ...]]


def _case(mode: str, bidirectional: bool, lengths: Tensor | None = None) -> tuple[Function, list[Tensor]]:
    """A layer as a function of its tensors, and some of these."""
    projection, clip = (2, Clip(-0.4, 0.3, False)) if mode == "lstm" and lengths is not None else (None, None)
    layout = Layout(mode, 3, 1, bidirectional, projection)
    return lambda *tensors: tuple(layer(None, layout, tensors, clip, lengths)), leaves_of(
        torch_rnn.draw(layout, 3, 3, 2, seed=0)
    )


@both_ways
@every_mode
def test_second_derivatives(mode: str, bidirectional: bool) -> None:
    compute, leaves = _case(mode, bidirectional)
    assert torch.autograd.gradgradcheck(compute, leaves, atol=1e-4)


@every_mode
def test_second_derivatives_with_lengths(mode: str) -> None:
    compute, leaves = _case(mode, True, LENGTHS)
    assert torch.autograd.gradgradcheck(compute, leaves, atol=1e-4)


def _squares(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


@every_mode
def test_second_derivatives_in_float32(mode: str) -> None:
    """Where oneDNN computes."""
    layout = Layout(mode, 5)
    sample = torch_rnn.draw(layout, 4, 3, 2, seed=0)

    def penalty(dtype: torch.dtype) -> list[Tensor]:
        leaves = leaves_of(sample, dtype)
        first = torch.autograd.grad(_squares(layer(None, layout, leaves)), leaves, create_graph=True)
        return list(torch.autograd.grad(_squares(first), leaves))

    with pinned("reference"):
        expected = penalty(torch.float64)
    for ours, theirs in zip(penalty(torch.float32), expected, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@both_ways
@every_mode
class TestTransforms:
    """Each against torch.autograd's own Jacobians, which no transform has touched."""

    @staticmethod
    def loss(compute: Function) -> Callable[..., Tensor]:
        return lambda *tensors: sum(part.sin().sum() for part in compute(*tensors))  # pyright: ignore

    def test_grad(self, mode: str, bidirectional: bool, lengths: Tensor | None) -> None:
        compute, leaves = _case(mode, bidirectional, lengths)
        loss = self.loss(compute)
        expected = torch.autograd.grad(loss(*leaves), leaves)
        plain = [leaf.detach() for leaf in leaves]
        found = torch.func.grad(loss, argnums=tuple(range(len(leaves))))(*plain)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs)

    def test_jacrev_and_jacfwd(self, mode: str, bidirectional: bool, lengths: Tensor | None) -> None:
        compute, leaves = _case(mode, bidirectional, lengths)
        vector = leaves[1].detach()
        of_vector = lambda v: compute(leaves[0].detach(), v, *[leaf.detach() for leaf in leaves[2:]])[0]  # noqa: E731
        expected = torch.autograd.functional.jacobian(of_vector, vector)
        assert isinstance(expected, Tensor)
        assert expected.any()
        torch.testing.assert_close(torch.func.jacrev(of_vector)(vector), expected)
        torch.testing.assert_close(torch.func.jacfwd(of_vector)(vector), expected)

    def test_vmap(self, mode: str, bidirectional: bool, lengths: Tensor | None) -> None:
        """Over an ensemble of parameters, each with data of its own."""
        compute, leaves = _case(mode, bidirectional, lengths)
        many = [torch.stack([leaf.detach(), leaf.detach().roll(1, -1)]) for leaf in leaves]
        together = torch.func.vmap(compute)(*many)
        for member in range(2):
            alone = compute(*[each[member] for each in many])
            for ours, theirs in zip(together, alone, strict=True):
                torch.testing.assert_close(ours[member], theirs)

    def test_forward_differentiation(self, mode: str, bidirectional: bool, lengths: Tensor | None) -> None:
        compute, leaves = _case(mode, bidirectional, lengths)
        plain = [leaf.detach() for leaf in leaves]
        tangents = [torch.randn_like(leaf) for leaf in plain]
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(leaf, tangent) for leaf, tangent in zip(plain, tangents, strict=True)]
            found = [forward_ad.unpack_dual(part).tangent for part in compute(*duals)]
        _, expected = torch.autograd.functional.jvp(compute, tuple(plain), tuple(tangents))
        for ours, theirs in zip(found, expected, strict=True):
            assert ours is not None
            torch.testing.assert_close(ours, theirs)
