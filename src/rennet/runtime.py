"""What rennet computes with here: the backends of the recurrence, and which of them runs what."""

from __future__ import annotations

from typing import Any

import torch

from ._dtypes import element_type
from ._kernels.door import BACKENDS, candidates, objection, pinned
from ._kernels.interface import Problem
from ._kernels.stack import stack_of

__all__ = ["backends", "explain", "pinned"]


def backends() -> dict[str, str]:
    """The backends in the order in which they are asked: ``'available'``, or why one is missing on this machine.

    >>> backends()
    {'torch': 'available', 'reference': 'available'}
    """
    return {backend.name: backend.missing() or "available" for backend in BACKENDS}


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
    clip_nan: bool = False,
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
    projection_size : int, optional
        Width that an LSTM's output is projected to.
    clip : tuple of float, optional
        Bounds on an LSTM's cell state.
    clip_nan : bool
        Whether NaN is put within them too.
    dtype, device : optional
        Element type and device.

    Returns
    -------
    dict of str to str
        For each backend ``'runs'``, ``'could run'``, or its objection. Within `pinned` only the pinned one may run.

    Examples
    --------
    >>> explain("lstm", clip=(-1.0, 1.0))
    {'torch': "torch's layers do not clip the cell state", 'reference': 'runs'}
    """
    stack = stack_of(mode, hidden_size, 1, bidirectional, 0.0, projection_size, *(clip or (None, None)), clip_nan)
    problem = Problem(
        mode,
        stack.layout.directions,
        steps,
        batch,
        input_size,
        hidden_size,
        projection_size,
        stack.clip,
        lengths,
        element_type(dtype).torch,
        torch.device(device),
        needs_grad,
    )
    reasons = {backend.name: objection(backend, problem) for backend in BACKENDS}
    able = [backend.name for backend in candidates() if reasons[backend.name] is None]
    return {name: reason or ("runs" if name in able[:1] else "could run") for name, reason in reasons.items()}
