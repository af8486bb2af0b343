"""The same language model as a plain PyTorch script: nn.Embedding, nn.LSTM, nn.Linear, cross entropy, Adam."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from turns import serve

(folder,) = sys.argv[1:]
settings = json.loads((Path(folder) / "settings.json").read_text())
inputs = np.load(Path(folder) / "batches.npz")
vocabulary, hidden, layers = settings["vocabulary"], settings["hidden"], settings["layers"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers)
        self.pred = nn.Linear(hidden, vocabulary)

    def forward(self, data):
        return self.pred(self.lstm(self.embed(data))[0]).flatten(0, 1)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
loss_of = nn.CrossEntropyLoss(ignore_index=0, reduction="sum")
batches = [
    (torch.from_numpy(inputs[f"data{number}"]).long(), torch.from_numpy(inputs[f"label{number}"]).long())
    for number in range(settings["batches"])
]


def turn():
    total = 0.0
    for data, label in batches:
        optimizer.zero_grad()
        loss = loss_of(model(data), label.flatten())
        (loss / data.shape[1]).backward()
        optimizer.step()
        total += loss.item()
    return settings["tokens"]


serve(turn)
