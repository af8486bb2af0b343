"""Where MXNet's users look for the layers; names only."""

from .layers import GRU, LSTM, RNN, _RNNLayer

__all__ = ["GRU", "LSTM", "RNN", "_RNNLayer"]
