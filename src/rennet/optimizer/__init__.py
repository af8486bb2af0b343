"""Optimizers: the contract, the rules, and the updater that keeps their states. May import rooms 1 to 7.

The file of an updater's states
-------------------------------
`Updater.get_states` gives a plain ``.params`` container, which ``nd.load`` reads too. Its first array, ``header``, is
UTF-8 JSON as uint8::

    {"format": "rennet optimizer states 1",
     "optimizer": "Adam",                            name of the class
     "num_update": 20,
     "update_counts": [[0, 3, 20], ...],             device, parameter's index, number of updates
     "states": [[3, {"tuple": [{"array": "state:3:0"}, {"array": "state:3:1"}]}], ...],
     "numbers": {"lr": {"value": 0.1}, "lr_mult": {"pairs": []}, ...} or null,
     "scheduler": ["FactorScheduler", {"base_lr": {"value": 0.05}, ...}] or null}

A state is ``{"array": name}``, ``{"tuple": [...]}``, ``{"list": [...]}`` or ``{"value": ...}`` for None, numbers and
text. The arrays follow, named ``state:<index>:<path through tuples and lists, dotted>``. ``numbers`` and ``scheduler``
hold the plain attributes of the optimizer and its scheduler if ``dump_optimizer`` was asked for; attributes of other
kinds (graphs, functions) stay as they are in the optimizer that reads the file.

`Updater.set_states` takes MXNet's files too, which are pickles: `mxnet_states` follows one without running it, and
`taking_up` arranges what is in it.
"""

from __future__ import annotations

from . import optimizer
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
    "optimizer",
    "register",
]

create = Optimizer.create_optimizer
register = Optimizer.register
