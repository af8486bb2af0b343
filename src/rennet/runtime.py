"""What rennet computes with here: the backends of the recurrence, and which of them runs what."""

from __future__ import annotations

from typing import Any

import torch

from ._dtypes import element_type
from ._kernels.door import BACKENDS, choose, objections, pinned
from ._kernels.interface import Clip, Problem
from ._recurrence.modes import MODES
from .base import one_of

__all__ = ["backends", "explain", "pinned"]


def backends() -> list[str]:
    """Names of the backends, in the order in which they are asked.

    >>> backends()[-1]
    'reference'
    """
    return [backend.name for backend in BACKENDS]


def explain(
    mode: str = "lstm",
    hidden_size: int = 128,
    input_size: int = 128,
    steps: int = 35,
    batch: int = 32,
    *,
    bidirectional: bool = False,
    projection_size: int | None = None,
    clip: tuple[float, float] | None = None,
    lengths: bool = False,
    dtype: Any = "float32",
    device: str | torch.device = "cpu",
    needs_grad: bool = True,
) -> dict[str, str]:
    """Which backend runs a layer of this kind, and why the others do not.

    Parameters
    ----------
    mode : str
        ``'lstm'``, ``'gru'``, ``'rnn_tanh'`` or ``'rnn_relu'``.
    hidden_size, input_size, steps, batch : int
        Sizes.
    bidirectional, lengths, needs_grad : bool
        Both directions; sequences of several lengths; training.
    projection_size, clip, dtype, device : optional
        Projection, bounds on the cell state, element type, device.

    Returns
    -------
    dict of str to str
        For each backend ``'runs'``, ``'could run'``, or its objection.

    Examples
    --------
    >>> explain("lstm", clip=(-1.0, 1.0))
    {'torch': "torch's layers do not clip the cell state", 'reference': 'runs'}
    """
    one_of("mode", mode, MODES)
    problem = Problem(
        mode,
        2 if bidirectional else 1,
        steps,
        batch,
        input_size,
        hidden_size,
        projection_size,
        None if clip is None else Clip(*clip, False),
        lengths,
        element_type(dtype).torch,
        torch.device(device),
        needs_grad,
    )
    chosen = choose(problem).name
    reasons = objections(problem)
    return {name: reason or ("runs" if name == chosen else "could run") for name, reason in reasons.items()}
