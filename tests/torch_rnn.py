"""The fused recurrence by torch's own modules, in float64: the oracle where real MXNet is none."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from rennet._recurrence.layout import Layout

_MODULES: dict[str, tuple[Any, dict[str, str]]] = {
    "lstm": (torch.nn.LSTM, {}),
    "gru": (torch.nn.GRU, {}),
    "rnn_tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
}
_GROUPS = {"i2h": "ih", "h2h": "hh", "h2r": "hr"}


class Sample(NamedTuple):
    """Random inputs of a fused recurrence, and gradients to send into its outputs."""

    layout: Layout
    inputs: list[np.ndarray]
    """Data, parameters, state, and for an LSTM the cell state."""
    heads: list[np.ndarray]
    """For the output and each final state."""

    def attrs(self, **more: Any) -> dict[str, Any]:
        """The attributes of the RNN operator for this layout."""
        layout = self.layout
        attrs = {
            "mode": layout.mode,
            "state_size": layout.hidden_size,
            "num_layers": layout.num_layers,
            "bidirectional": layout.bidirectional,
            "state_outputs": True,
            **more,
        }
        return attrs if layout.projection_size is None else {**attrs, "projection_size": layout.projection_size}


def draw(layout: Layout, steps: int, batch: int, input_size: int, seed: int) -> Sample:
    """A sample, in float64."""
    rng = np.random.default_rng(seed)
    stacked = layout.num_layers * layout.directions
    widths = [layout.output_size, layout.hidden_size] if layout.mode == "lstm" else [layout.hidden_size]
    states = [rng.normal(size=(stacked, batch, width)) for width in widths]
    data = rng.normal(size=(steps, batch, input_size))
    output = rng.normal(size=(steps, batch, layout.directions * layout.output_size))
    inputs = [data, 0.5 * rng.normal(size=layout.size(input_size)), *states]
    return Sample(layout, inputs, [output, *[rng.normal(size=state.shape) for state in states]])


def module_of(layout: Layout, input_size: int) -> Any:
    """torch's own module of this layout, in float64."""
    make, more = _MODULES[layout.mode]
    return make(
        input_size,
        layout.hidden_size,
        layout.num_layers,
        bidirectional=layout.bidirectional,
        **more,
        **({"proj_size": layout.projection_size} if layout.projection_size else {}),
    ).double()


def run(sample: Sample) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Outputs, and gradients of the inputs."""
    layout = sample.layout
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in sample.inputs]
    data, vector, *states = leaves
    module = module_of(layout, data.shape[2])
    parameters = {
        f"{slot.kind}_{_GROUPS[slot.group]}_l{slot.layer}{'_reverse' * slot.direction}": vector[
            slot.offset : slot.offset + slot.size
        ].reshape(slot.shape)
        for slot in layout.slots(data.shape[2])
    }
    begin = tuple(states) if layout.mode == "lstm" else states[0]
    output, final = torch.func.functional_call(module, parameters, (data, begin))
    outputs = [output, *(final if layout.mode == "lstm" else (final,))]
    torch.autograd.backward(outputs, [torch.tensor(head) for head in sample.heads])
    return [each.detach().numpy() for each in outputs], [leaf.grad.numpy() for leaf in leaves]  # pyright: ignore
