"""Comparing what rennet computes with what real MXNet computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

__all__ = ["assert_all_close", "assert_close"]


def assert_close(ours: Any, theirs: np.ndarray, tolerance: float, what: str) -> None:
    """Hold one array of ours to one of theirs.

    Shape and kind of dtype must be equal; so must integers and booleans, exactly. Floating-point numbers may differ by
    `tolerance`, relative to theirs where it is larger than one. NaN and infinities must stand in the same places.

    Parameters
    ----------
    ours : array, tensor or NDArray
        Ours.
    theirs : array
        The oracle's.
    tolerance : float
        Largest allowed |ours - theirs| / max(1, |theirs|).
    what : str
        Names the array in the message, e.g. ``"gradient of state"``.
    """
    mine, reference = _numpy(ours), np.asarray(theirs)
    if mine.shape != reference.shape:
        raise AssertionError(f"{what}: shape: expected {reference.shape}, got {mine.shape}")
    if mine.dtype.kind != reference.dtype.kind:
        raise AssertionError(f"{what}: kind of dtype: expected that of {reference.dtype}, got {mine.dtype}")
    if reference.dtype.kind != "f":
        _refuse(mine != reference, mine, reference, what, "differ")
        return
    mine, reference = mine.astype(np.float64), reference.astype(np.float64)
    finite = np.isfinite(reference) & np.isfinite(mine)
    same = (mine == reference) | (np.isnan(mine) & np.isnan(reference))
    _refuse(~finite & ~same, mine, reference, what, "are not both finite, nor the same")
    error = np.subtract(mine, reference, out=np.zeros_like(mine), where=finite)
    error = np.abs(error) / np.maximum(1, np.abs(reference), out=np.ones_like(mine), where=finite)
    _refuse(error > tolerance, mine, reference, what, f"differ by more than {tolerance:g}", error)


def assert_all_close(
    ours: Mapping[str, Any] | Sequence[Any],
    theirs: Mapping[str, np.ndarray] | Sequence[np.ndarray | None],
    tolerance: float,
    what: str,
) -> None:
    """Hold several arrays to theirs, by name or by position: none missing, none too many.

    Where theirs is None (no gradient for an integer input, say), ours must be None too.
    """
    if isinstance(ours, Mapping) != isinstance(theirs, Mapping):
        raise AssertionError(f"{what}: expected {type(theirs).__name__}, got {type(ours).__name__}")
    mine: dict[Any, Any] = dict(ours) if isinstance(ours, Mapping) else dict(enumerate(ours))
    reference: dict[Any, Any] = dict(theirs) if isinstance(theirs, Mapping) else dict(enumerate(theirs))
    if mine.keys() != reference.keys():
        missing, extra = reference.keys() - mine.keys(), mine.keys() - reference.keys()
        raise AssertionError(f"{what}: missing {sorted(missing)}, not in theirs {sorted(extra)}")
    for key, value in reference.items():
        each = f"{what}[{key!r}]"
        if value is None or mine[key] is None:
            if value is not mine[key]:
                raise AssertionError(f"{each}: {'ours' if value is None else 'theirs'} is not None, the other is")
            continue
        assert_close(mine[key], value, tolerance, each)


def _numpy(value: Any) -> np.ndarray:
    if hasattr(value, "asnumpy"):
        return value.asnumpy()
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return np.asarray(value)


def _refuse(
    wrong: np.ndarray,
    mine: np.ndarray,
    reference: np.ndarray,
    what: str,
    how: str,
    error: np.ndarray | None = None,
) -> None:
    """Raise about the worst of the elements marked wrong, if any is."""
    if not wrong.any():
        return
    first = int(np.argmax(wrong if error is None else error))
    place = tuple(int(i) for i in np.unravel_index(first, wrong.shape))
    largest = "" if error is None else f", the largest error {error[place]:.3g}"
    raise AssertionError(
        f"{what}: {int(wrong.sum())} of {wrong.size} elements {how}{largest}: "
        f"at {place} expected {reference[place]!r}, got {mine[place]!r}"
    )
