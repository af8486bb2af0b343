"""Gluon: networks as Python objects. May import the rooms below, not `rnn` and `module`."""

from . import block, contrib, data, loss, nn, parameter, rnn, utils
from .block import Block
from .hybrid_block import HybridBlock
from .nested import flatten, regroup
from .parameter import Constant, DeferredInitializationError, Parameter
from .parameter_dict import ParameterDict
from .symbol_block import SymbolBlock
from .trainer import Trainer

# MXNet's users look for them in block and parameter
block.__dict__.update(HybridBlock=HybridBlock, SymbolBlock=SymbolBlock, _flatten=flatten, _regroup=regroup)
parameter.__dict__["ParameterDict"] = ParameterDict

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
    "Trainer",
    "block",
    "contrib",
    "data",
    "loss",
    "nn",
    "parameter",
    "rnn",
    "utils",
]
