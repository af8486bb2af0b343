"""rennet: MXNet's recurrent-network API on PyTorch tensors. Names only; may import every room."""

from . import (
    attribute,
    autograd,
    base,
    callback,
    context,
    contrib,
    executor,
    gluon,
    initializer,
    interop,
    io,
    kvstore,
    lr_scheduler,
    metric,
    model,
    module,
    monitor,
    name,
    ndarray,
    operator,
    optimizer,
    random,
    rnn,
    runtime,
    symbol,
    test_utils,
    visualization,
)
from . import initializer as init
from . import kvstore as kv
from . import module as mod
from . import monitor as mon
from . import ndarray as nd
from . import optimizer as opt
from . import symbol as sym
from . import visualization as viz
from .attribute import AttrScope
from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, gpu_memory_info, num_gpus

# MXNet's users look for it in model, which may not import modules
model.__dict__["FeedForward"] = module.FeedForward

__version__ = "0.1.0"

__all__ = [
    "AttrScope",
    "Context",
    "MXNetError",
    "__version__",
    "attribute",
    "autograd",
    "base",
    "callback",
    "context",
    "contrib",
    "cpu",
    "cpu_pinned",
    "current_context",
    "executor",
    "gluon",
    "gpu",
    "gpu_memory_info",
    "init",
    "initializer",
    "interop",
    "io",
    "kv",
    "kvstore",
    "lr_scheduler",
    "metric",
    "mod",
    "model",
    "module",
    "mon",
    "monitor",
    "name",
    "nd",
    "ndarray",
    "num_gpus",
    "operator",
    "opt",
    "optimizer",
    "random",
    "rnn",
    "runtime",
    "sym",
    "symbol",
    "test_utils",
    "visualization",
    "viz",
]
