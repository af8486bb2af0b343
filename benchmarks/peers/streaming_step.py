"""Steps of one sequence, each a call of its own that is given the state of the one before.

Arguments: ``torch``, ``FusedRNN`` or ``nd.RNN``, the mode, and the folder with the settings.
"""

import json
import sys
from pathlib import Path

import torch
from turns import serve

import rennet as mx

peer, mode, folder = sys.argv[1:]
settings = json.loads((Path(folder) / "settings.json").read_text())
hidden, steps = settings["hidden"], settings["steps"]
fused = mx.interop.FusedRNN(mode, hidden, hidden)
theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[mode](hidden, hidden)
data = torch.randn(1, 1, hidden)
begin = [torch.zeros(1, 1, hidden) for _ in range(2 if mode == "lstm" else 1)]


def of_a_module(module):
    def turn():
        states = tuple(begin) if mode == "lstm" else begin[0]
        with torch.no_grad():
            for _ in range(steps):
                _, states = module(data, states)
        return steps

    return turn


def of_the_operator():
    vector, x = mx.nd.from_torch(fused.flat_parameters()), mx.nd.from_torch(data)
    attrs = {"state_size": hidden, "num_layers": 1, "mode": mode, "state_outputs": True}

    def turn():
        states = [mx.nd.from_torch(state) for state in begin]
        for _ in range(steps):
            _, *states = mx.nd.RNN(x, vector, *states, **attrs)
        return steps

    return turn


serve({"torch": of_a_module(theirs), "FusedRNN": of_a_module(fused), "nd.RNN": of_the_operator()}[peer])
