"""What rennet computes with here: the backends of the recurrence, and which of them runs what."""

from __future__ import annotations

from typing import Any

import torch

from ._dtypes import element_type
from ._kernels.door import BACKENDS, candidates, objection, pinned
from ._kernels.interface import Problem
from ._kernels.stack import bounds_of, check_size, stack_of
from .base import ArgumentError
from .context import Context

__all__ = ["backends", "explain", "pinned"]


def backends() -> dict[str, str]:
    """The backends in the order in which they are asked: ``'available'``, or why one is missing on this machine.

    >>> backends()
    {'native': 'available', 'torch': 'available', 'reference': 'available'}
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
    device: str | torch.device | Context = "cpu",
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
        For each backend ``'runs'``, ``'could run'``, or its objection. Within `pinned` only the pinned one runs.

    Raises
    ------
    ArgumentError
        If there is no such layer, or no such device here.

    Examples
    --------
    >>> explain("lstm", clip=(-1.0, 1.0))
    {'native': 'runs', 'torch': "torch's layers do not clip the cell state", 'reference': 'could run'}
    """
    stack = stack_of(
        mode,
        hidden_size,
        bidirectional=bidirectional,
        projection_size=projection_size,
        **bounds_of(clip, clip_nan),
    )
    for name, size, least in (("input_size", input_size, 1), ("steps", steps, 0), ("batch", batch, 0)):
        check_size(name, size, least)
    kind = element_type(dtype).torch
    if not kind.is_floating_point:
        raise ArgumentError(f"explain: dtype: the recurrence computes with floating-point numbers; got {dtype!r}")
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
        kind,
        _available(device),
        needs_grad,
    )
    reasons = {backend.name: objection(backend, problem) for backend in BACKENDS}
    allowed = [backend.name for backend in candidates()]
    able = [name for name in allowed if reasons[name] is None]

    def verdict(name: str) -> str:
        if reasons[name] is not None:
            return str(reasons[name])
        if name not in allowed:
            return f"could run, but {allowed[0]!r} is pinned"
        return "runs" if name == able[0] else "could run"

    return {name: verdict(name) for name in reasons}


def _available(device: str | torch.device | Context) -> torch.device:
    """The torch device, if it is on this machine."""
    try:
        found = device.torch_device if isinstance(device, Context) else torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ArgumentError(f"explain: device: expected 'cpu', 'cuda', mx.gpu() or such; got {device!r}") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ArgumentError(f"explain: device: there is no {device!r} on this machine")
    return found
