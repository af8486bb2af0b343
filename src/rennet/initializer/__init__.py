"""Initializers: how parameters are filled before training (``mx.init``). May import rooms 1 to 7 and `registry`.

All random numbers come from torch's generator, which ``mx.random.seed`` seeds.
"""

from __future__ import annotations

from .choices import Load, Mixed
from .contract import InitDesc, Initializer, alias, create, register
from .fills import Bilinear, Constant, MSRAPrelu, Normal, One, Orthogonal, Uniform, Xavier, Zero
from .recurrent import FusedRNN, LSTMBias

__all__ = [
    "Bilinear",
    "Constant",
    "FusedRNN",
    "InitDesc",
    "Initializer",
    "LSTMBias",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Xavier",
    "Zero",
    "alias",
    "create",
    "register",
]
