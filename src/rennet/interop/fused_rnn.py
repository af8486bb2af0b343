"""The fused recurrence as a module of PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from .._kernels.interface import Weights
from .._kernels.stack import bounds_of, check_data, check_size, run_stack, stack_of
from .._recurrence.layout import Slot
from ..base import ArgumentError, ShapeError

_NAMES = {
    "i2h_weight": "weight_ih",
    "h2h_weight": "weight_hh",
    "i2h_bias": "bias_ih",
    "h2h_bias": "bias_hh",
    "h2r_weight": "weight_hr",
}
"""What PyTorch's modules call each field of `Weights`."""


class FusedRNN(nn.Module):
    """The ``RNN`` operator as a ``torch.nn.Module``.

    What ``torch.nn.LSTM``, ``GRU`` and ``RNN`` do, by the fastest kernel there is, and more: sequence lengths without
    packing, clipping of the cell state, projections as wide as one likes. Parameters have the names, shapes and gate
    order of those modules, so that their state dicts load here and the other way round.

    It can be compiled (``fullgraph=True``), exported with dynamic lengths and batches, and written to ONNX by
    `export_onnx`. Each layer's gradients are ready as soon as its own backward is done.

    Parameters
    ----------
    mode : str
        ``'lstm'``, ``'gru'``, ``'rnn_tanh'`` or ``'rnn_relu'``; their equations are in `rennet.nd.RNN`.
    input_size, hidden_size, num_layers : int
        Width of the input and of each layer's hidden state; number of layers.
    bidirectional : bool
        Run every layer both ways; outputs are twice as wide.
    batch_first : bool
        Data and outputs are ``(N, T, ...)`` instead of ``(T, N, ...)``. States never are.
    dropout : float
        Rate of dropout on the outputs of every layer but the last, in training.
    projection_size : int, optional
        Width that an LSTM's output is projected to.
    clip : tuple of float, optional
        Bounds on an LSTM's cell state at every step; with `clip_nan` NaN is put at the upper one.
    device, dtype : optional
        Of the parameters.

    Raises
    ------
    ArgumentError
        If the arguments make no sense together, such as a projection of a GRU.

    Examples
    --------
    >>> rnn = FusedRNN("lstm", 3, 4, num_layers=2, bidirectional=True)
    >>> output, (hidden, cell) = rnn(torch.zeros(5, 2, 3), lengths=torch.tensor([5, 2]))
    >>> output.shape, hidden.shape, cell.shape
    (torch.Size([5, 2, 8]), torch.Size([4, 2, 4]), torch.Size([4, 2, 4]))
    >>> rnn.load_state_dict(torch.nn.LSTM(3, 4, 2, bidirectional=True).state_dict())
    <All keys matched successfully>
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        batch_first: bool = False,
        dropout: float = 0.0,
        projection_size: int | None = None,
        clip: tuple[float, float] | None = None,
        clip_nan: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.stack = stack_of(
            mode,
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
            projection_size,
            **bounds_of(clip, clip_nan),
        )
        check_size("input_size", input_size)
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentError(f"FusedRNN: dtype: expected a floating-point type, got {dtype}")
        self.input_size, self.batch_first = input_size, batch_first
        for name, slot in self._named_slots():
            self.register_parameter(name, nn.Parameter(torch.empty(slot.shape, device=device, dtype=dtype)))
        self._names = [
            [
                [name for name, slot in self._named_slots() if (slot.layer, slot.direction) == (layer, direction)]
                for direction in range(self.stack.layout.directions)
            ]
            for layer in range(num_layers)
        ]
        self.reset_parameters()

    def _named_slots(self) -> list[tuple[str, Slot]]:
        """Every parameter's name and slot, layer by layer, in the order of `Weights`."""
        slots = sorted(
            self.stack.layout.slots(self.input_size),
            key=lambda slot: (slot.layer, slot.direction, Weights._fields.index(slot.field)),
        )
        return [(f"{_NAMES[slot.field]}_l{slot.layer}{'_reverse' * slot.direction}", slot) for slot in slots]

    def reset_parameters(self) -> None:
        """Draw every parameter evenly from ``±1/sqrt(hidden_size)``, as PyTorch's modules do."""
        bound = 1 / math.sqrt(self.stack.layout.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self, data: Tensor, states: Tensor | Sequence[Tensor] | None = None, lengths: Any = None
    ) -> tuple[Tensor, Any]:
        """The layers over a batch of sequences.

        Parameters
        ----------
        data : Tensor
            ``(T, N, input_size)``, or ``(N, T, input_size)`` with `batch_first`.
        states : Tensor or pair of Tensor, optional
            The hidden state ``(num_layers*directions, N, width)`` and, for an LSTM, with it the cell state, to begin
            with; zeros by default.
        lengths : Tensor, array or list of int, optional
            ``(N,)``, how many steps of each sequence count. Outputs past them are 0, final states are those of the last
            step that counts, and what stands in the padding reaches nothing.

        Returns
        -------
        output : Tensor
            ``(T, N, directions*width)``, or ``(N, T, directions*width)`` with `batch_first`.
        states : Tensor or pair of Tensor
            The final states, in the form of the given ones.
        """
        check_data(data)
        if self.batch_first:
            data = data.transpose(0, 1)
        if data.shape[2] != self.input_size:
            raise ShapeError(f"FusedRNN: data: expected {self.input_size} inputs, got shape {tuple(data.shape)}")
        if states is None:
            states = [data.new_zeros(shape) for shape in self.stack.state_shapes(data.shape[1])]
        begin: list[Any] = list(states) if isinstance(states, list | tuple) else [states]
        expected = self.stack.state_names
        if len(begin) != len(expected):
            raise ArgumentError(f"FusedRNN: states: expected {' and '.join(expected)}, got {len(begin)} tensors")
        if isinstance(lengths, list | tuple | np.ndarray):
            lengths = torch.as_tensor(lengths, device=data.device)
        weights = [[Weights(*[getattr(self, name) for name in names]) for names in layer] for layer in self._names]
        output, final = run_stack(self.stack, data, weights, begin, lengths, self.training)
        return output.transpose(0, 1) if self.batch_first else output, final[0] if len(final) == 1 else tuple(final)

    def flat_parameters(self) -> Tensor:
        """A copy of all parameters as the vector that the ``RNN`` operator takes and MXNet's checkpoints hold."""
        parts = {slot.name(): getattr(self, name).detach() for name, slot in self._named_slots()}
        return self.stack.layout.pack(parts, torch.cat)

    @torch.no_grad()
    def load_flat_parameters(self, vector: Tensor) -> None:
        """Take all parameters from such a vector."""
        if not isinstance(vector, Tensor):
            raise ArgumentError(f"FusedRNN: expected a tensor of parameters, got {type(vector).__name__}")
        total = self.stack.layout.size(self.input_size)
        if vector.shape != (total,):
            raise ShapeError(f"FusedRNN: expected a vector of {total} parameters, got shape {tuple(vector.shape)}")
        parts = self.stack.layout.unpack(vector)
        for name, slot in self._named_slots():
            if is_parametrized(self, name):
                setattr(self, name, parts[slot.name()])  # through the parametrisation, the other way round
            else:
                getattr(self, name).copy_(parts[slot.name()])

    def extra_repr(self) -> str:
        """What `repr` shows."""
        layout, clip = self.stack.layout, self.stack.clip
        said = [repr(layout.mode), str(self.input_size), str(layout.hidden_size)]
        more = {
            "num_layers": (layout.num_layers, 1),
            "bidirectional": (layout.bidirectional, False),
            "batch_first": (self.batch_first, False),
            "dropout": (self.stack.dropout, 0.0),
            "projection_size": (layout.projection_size, None),
            "clip": (clip and clip[:2], None),
            "clip_nan": (clip is not None and clip.nan, False),
        }
        return ", ".join(said + [f"{key}={value}" for key, (value, default) in more.items() if value != default])
