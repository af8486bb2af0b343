"""What Gluon kept apart as experimental. May import what gluon may."""

from . import data, nn, rnn

__all__ = ["data", "nn", "rnn"]
