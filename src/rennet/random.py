"""``mx.random``: the seed, and arrays of random numbers."""

from __future__ import annotations

import torch

from .context import Context
from .ndarray.random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)

__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "multinomial",
    "negative_binomial",
    "normal",
    "poisson",
    "randint",
    "randn",
    "seed",
    "shuffle",
    "uniform",
]


def seed(seed_state: int, ctx: Context | str = "all") -> None:
    """Seed the generators behind initialisers, dropout and random arrays: torch's own, on every device or on one.

    Examples
    --------
    >>> seed(7)
    >>> a = uniform(shape=3).asnumpy()
    >>> seed(7)
    >>> bool((uniform(shape=3).asnumpy() == a).all())
    True
    """
    if isinstance(ctx, Context) and ctx.device_type == "gpu":
        torch.cuda.default_generators[ctx.device_id].manual_seed(int(seed_state))
    elif isinstance(ctx, Context):
        torch.default_generator.manual_seed(int(seed_state))
    else:
        torch.manual_seed(int(seed_state))
