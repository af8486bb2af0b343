"""Attaching gradients: an array becomes a leaf of torch's record, and what torch accumulates is delivered to it."""

from __future__ import annotations

import functools
import weakref
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError

GRAD_REQS = ("write", "add", "null")


def check_grad_req(grad_req: str) -> None:
    """Objects to anything but ``'write'``, ``'add'`` and ``'null'``."""
    if grad_req not in GRAD_REQS:
        raise ArgumentError(f"grad_req: expected one of {', '.join(GRAD_REQS)}; got {grad_req!r}")


def mark_variable(array: Any, gradient: Any, grad_req: str) -> None:
    """Make the NDArray `array` a leaf whose gradient goes to the NDArray `gradient` when torch has accumulated it.

    If it was computed from others, it is cut off from them.
    """
    check_grad_req(grad_req)
    leaf = array._tensor.detach()
    array._tensor, array._grad, array._grad_req = leaf, None if grad_req == "null" else gradient, grad_req
    array._fresh_grad = array._recorded = False
    if grad_req != "null" and leaf.is_floating_point():  # of whole numbers the gradient is zero, and stays it
        leaf.requires_grad_()
        leaf.register_post_accumulate_grad_hook(functools.partial(_deliver, weakref.ref(array)))


def _deliver(owner: weakref.ref[Any], leaf: Tensor) -> None:
    array = owner()
    gradient, leaf.grad = leaf.grad, None
    if array is None or array._grad is None or gradient is None or array._tensor is not leaf:
        return
    array._fresh_grad = True
    with torch.no_grad():
        if array._grad_req == "add":
            array._grad._tensor.add_(gradient)
        else:
            array._grad._tensor.copy_(gradient)
