"""A Block as a PyTorch module, which shares its parameters' memory."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from ..autograd.scopes import RecordingStateScope
from ..base import ArgumentError, MXNetError, NotSupportedError
from ..ndarray import NDArray
from .block import Block, _indented
from .parameter import Constant, Parameter
from .symbol_block import SymbolBlock

__all__ = ["BlockModule"]


class BlockModule(nn.Module):
    """A Block as an ``nn.Module``; `Block.as_torch` makes it.

    Its ``state_dict`` has the names that `Block.save_parameters` writes. Parameters share memory with the Block's
    until either of them is cast or moved to another device, or the Block is initialised anew, so that either side
    trains both. Tensors go in and come out,
    nested in lists as the Block takes and gives them; gradients flow through. ``train()`` and ``eval()`` decide how
    dropout and normalisation behave.

    Parameters
    ----------
    block : Block
        Whose parameters have values, on one device.

    Examples
    --------
    >>> import rennet as mx, torch
    >>> block = mx.gluon.rnn.GRU(4, input_size=3)
    >>> block.initialize()
    >>> module = block.as_torch()
    >>> sorted(module.state_dict())[0], module(torch.zeros(5, 2, 3)).shape
    ('_unfused.0.h2h_bias', torch.Size([5, 2, 4]))
    """

    block: Block
    """The Block."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        self._lock = threading.RLock()
        held: dict[int, Tensor] = {}
        self._pairs: list[tuple[Parameter, nn.Module, str]] = []
        """Each parameter once, and the module and name under which its tensor is found: casts replace it."""
        for name, parameter in block._collect_params_with_prefix().items():
            tensor = held.get(id(parameter))
            if tensor is None:
                tensor = held[id(parameter)] = _shared(parameter)
            *path, last = name.split(".")
            owner: nn.Module = self
            for part in path:
                if part not in owner._modules:
                    owner.add_module(part, nn.Module())
                owner = owner.get_submodule(part)
            if isinstance(tensor, nn.Parameter):
                owner.register_parameter(last, tensor)
            else:
                owner.register_buffer(last, tensor)
            if all(parameter is not known for known, _, _ in self._pairs):
                self._pairs.append((parameter, owner, last))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  {_indented(repr(self.block))}\n)"

    @torch.compiler.disable  # a compiler would follow the bookkeeping below, and stop at each turn of it
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the Block computes, on tensors; ``torch.compile`` compiles around it."""
        self._expect_a_graph()
        # the Block's own arrays are replaced meanwhile, so one thread at a time
        with self._lock, ExitStack() as scopes:
            for parameter, owner, name in self._pairs:
                scopes.enter_context(parameter._standing_in(getattr(owner, name)))
            recording = torch.is_grad_enabled()
            scopes.enter_context(RecordingStateScope(recording, self.training))
            named = {name: _wrapped(value) for name, value in kwargs.items()}
            result = self.block(*(_wrapped(arg) for arg in args), **named)
        return _unwrapped(result)

    def _expect_a_graph(self) -> None:
        """What looks at tensors in a way of its own needs a Block that runs as a graph."""
        compiling = torch.compiler.is_compiling()
        seen = torch.compiler.is_exporting() if compiling else torch._C._are_functorch_transforms_active()
        if seen and not getattr(self.block, "_active", False) and not isinstance(self.block, SymbolBlock):
            raise NotSupportedError(
                f"as_torch: {self.block.name}: inside torch.func's transforms and torch.export a Block must be "
                "hybridized: call hybridize() on it first"
            )

    def _shares(self, parameter: Parameter, owner: nn.Module, name: str) -> bool:
        (own,) = parameter.list_data()
        return own.tensor.data_ptr() == getattr(owner, name).data_ptr()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_sharing": [self._shares(*pair) for pair in self._pairs]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        sharing = state.pop("_sharing")
        super().__setstate__({**state, "_lock": threading.RLock()})
        for shares, (parameter, owner, name) in zip(sharing, self._pairs, strict=True):
            if shares:  # a copy of the module and of its Block is one parameter in one piece of memory, as before
                getattr(owner, name).data = parameter.data().tensor.detach()


def _shared(parameter: Parameter) -> Tensor:
    """The parameter's memory as a tensor of torch's; what training never changes by a gradient is a buffer."""
    try:
        arrays = parameter.list_data()
    except MXNetError as error:
        raise MXNetError(f"as_torch: {error}") from error
    if len(arrays) != 1:
        raise ArgumentError(
            f"as_torch: Parameter {parameter.name!r} is on {len(arrays)} devices; reset_ctx(mx.cpu()) leaves one"
        )
    tensor = arrays[0].tensor.detach()
    if isinstance(parameter, Constant) or not parameter._differentiable or not tensor.is_floating_point():
        return tensor
    return nn.Parameter(tensor, requires_grad=parameter.grad_req != "null")


def _wrapped(value: Any) -> Any:
    if isinstance(value, Tensor):
        return NDArray(value)
    if isinstance(value, list | tuple):
        return [_wrapped(each) for each in value]
    return value


def _unwrapped(value: Any) -> Any:
    if isinstance(value, NDArray):
        return value.tensor
    if isinstance(value, list | tuple):
        return type(value)(_unwrapped(each) for each in value)
    return value
