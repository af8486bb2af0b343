"""A cell of torch in a loop over the steps. Argument: the folder with the settings."""

import json
import sys
from pathlib import Path

import torch
from turns import serve

settings = json.loads((Path(sys.argv[1]) / "settings.json").read_text())
steps, batch, hidden = (settings[name] for name in ("steps", "batch", "hidden"))
kind, training, repeats = settings["kind"], settings["training"], 5
cell = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell, "rnn": torch.nn.RNNCell}[kind](hidden, hidden)
data = torch.randn(steps, batch, hidden, requires_grad=training)


def unroll():
    zeros = torch.zeros(batch, hidden)
    states, outputs = (zeros, zeros) if kind == "lstm" else zeros, []
    for step in data:
        states = cell(step, states)
        outputs.append(states[0] if kind == "lstm" else states)
    return torch.stack(outputs)


def turn():
    for _ in range(repeats):
        with torch.set_grad_enabled(training):
            outputs = unroll()
        if training:
            outputs.backward(torch.ones_like(outputs))
    return repeats * steps * batch


serve(turn)
