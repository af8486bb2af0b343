"""The optimizers where MXNet keeps them. Names only."""

from __future__ import annotations

from .adam import Adam, Adamax, Nadam
from .adaptive import AdaDelta, AdaGrad, RMSProp
from .contract import Optimizer
from .delayed import DCASGD
from .descent import NAG, SGD, SGLD, Signum, Test, ccSGD
from .lamb import LAMB
from .layerwise import LARS, LBSGD
from .leaders import FTML, Ftrl
from .updater import Updater, get_updater

__all__ = [
    "DCASGD",
    "FTML",
    "LAMB",
    "LARS",
    "LBSGD",
    "NAG",
    "SGD",
    "SGLD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "Adamax",
    "Ftrl",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Signum",
    "Test",
    "Updater",
    "ccSGD",
    "create",
    "get_updater",
    "register",
]

create = Optimizer.create_optimizer
register = Optimizer.register
