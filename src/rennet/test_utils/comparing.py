"""Holding arrays to each other, within tolerances that follow from their element types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..ndarray import NDArray

Tolerance = float | Mapping[Any, float] | None
"""A number, one for each element type, or None for the defaults."""

_WHOLE = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")


def default_rtols() -> dict[np.dtype[Any], float]:
    """The relative tolerance for each element type."""
    return _by_type(float16=1e-2, float32=1e-4, float64=1e-5)


def default_atols() -> dict[np.dtype[Any], float]:
    """The absolute tolerance for each element type."""
    return _by_type(float16=1e-1, float32=1e-3, float64=1e-20)


def _by_type(**tolerances: float) -> dict[np.dtype[Any], float]:
    return {np.dtype(name): tolerance for name, tolerance in {**tolerances, **dict.fromkeys(_WHOLE, 0)}.items()}


def effective_dtype(dat: Any) -> np.dtype[Any]:
    """The element type whose precision can be expected of `dat`.

    That is its own, but float16 for float32 on a GPU whose products are computed in TF32.

    >>> effective_dtype(np.ones(2, "float32"))
    dtype('float32')
    """
    if isinstance(dat, NDArray):
        kind = np.dtype("float32") if dat.dtype == "bfloat16" else np.dtype(dat.dtype)
        rounded = dat.tensor.is_cuda and torch.backends.cuda.matmul.allow_tf32
        return np.dtype("float16") if rounded and kind == np.float32 else kind
    return np.asarray(dat).dtype


def get_tolerance(dat: Any, tol: Tolerance, default_tol: Mapping[Any, float]) -> float:
    """`tol`, or what it or else `default_tol` has for the effective element type of `dat`."""
    if tol is not None and not isinstance(tol, Mapping):
        return tol
    kind = effective_dtype(dat)
    known = {np.dtype(key): value for key, value in (default_tol if tol is None else tol).items()}
    return known.get(kind, 0 if kind.kind in "biu" else known.get(np.dtype("float64"), 0))


def get_rtol(rtol: float | None = None, dtype: Any = np.float64) -> float:
    """`rtol`, or the default for an element type."""
    return default_rtols()[np.dtype(dtype)] if rtol is None else rtol


def get_atol(atol: float | None = None, dtype: Any = np.float64) -> float:
    """`atol`, or the default for an element type."""
    return default_atols()[np.dtype(dtype)] if atol is None else atol


def get_etol(etol: float | None = None) -> float:
    """`etol`, the part of all elements that may be wrong, or 0."""
    return 0 if etol is None else etol


def _tolerances(a: Any, b: Any, rtol: Tolerance, atol: Tolerance) -> tuple[float, float]:
    return (
        max(get_tolerance(each, rtol, default_rtols()) for each in (a, b)),
        max(get_tolerance(each, atol, default_atols()) for each in (a, b)),
    )


def _numpy(array: Any) -> np.ndarray[Any, Any]:
    return array.asnumpy() if isinstance(array, NDArray) else np.asarray(array)


def same(a: Any, b: Any) -> bool:
    """Are two arrays equal in shape and in every element.

    >>> same(np.arange(2), np.arange(2)), same(np.arange(2), np.arange(2).reshape(1, 2))
    (True, False)
    """
    return np.array_equal(_numpy(a), _numpy(b))


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Do two arrays share their memory, element by element."""
    first, second = array1.tensor, array2.tensor
    return first.data_ptr() == second.data_ptr() and first.shape == second.shape and first.numel() > 0


def _pair(a: Any, b: Any, use_broadcast: bool) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    first, second = _numpy(a), _numpy(b)
    if not use_broadcast and first.shape != second.shape:
        raise AssertionError(f"expected equal shapes, got {first.shape} and {second.shape}")
    try:
        first, second = np.broadcast_arrays(first, second)
    except ValueError as error:
        raise AssertionError(f"expected shapes that broadcast, got {first.shape} and {second.shape}") from error
    return first, second


def almost_equal(
    a: Any,
    b: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    use_broadcast: bool = True,
) -> bool:
    """Is ``|a - b| <= atol + rtol * |b|`` for every element, by default within float64's tolerances.

    >>> almost_equal(np.ones(2), np.ones(2) + 1e-6), almost_equal(np.ones(2), np.ones(2) + 1e-3)
    (True, False)
    """
    pair = _pair(a, b, use_broadcast)
    return bool(np.isclose(*pair, get_rtol(rtol), get_atol(atol), equal_nan).all())


def _violations(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], rtol: float, atol: float) -> np.ndarray[Any, Any]:
    """How many times the tolerance the elements differ; infinitely often where only one is finite or NaN."""
    wide, other = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(wide - other) / (atol + rtol * np.abs(other))
    equal = (wide == other) | (np.isnan(wide) & np.isnan(other))
    return np.where(equal, 0, np.where(np.isnan(error), np.inf, error))


def assert_almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    names: Sequence[str] = ("a", "b"),
    equal_nan: bool = False,
    use_broadcast: bool = True,
    mismatches: Sequence[int] = (10, 10),
) -> None:
    """Raise an AssertionError unless ``|a - b| <= atol + rtol * |b|`` for every element.

    Parameters
    ----------
    a, b : array-like
        What is compared: NDArrays, NumPy arrays or anything that NumPy makes arrays of.
    rtol, atol : float or dict of dtype to float, optional
        Tolerances; by default those of the less precise of the two element types (see `default_rtols`).
    names : two strings
        What to call the arrays in the message.
    equal_nan : bool
        Whether NaN equals NaN.
    use_broadcast : bool
        Whether shapes may differ, if they broadcast.
    mismatches : two integers
        How many elements the message names, and how many wrong elements it counts at most before it says "at least".

    Examples
    --------
    >>> assert_almost_equal(np.ones(2), np.array([1.0, 2.0]), names=("ours", "theirs"))
    Traceback (most recent call last):
    ...
    AssertionError: ours and theirs: 1 of 2 elements differ by more than rtol 1e-05, atol 1e-20:
    at (1,) ours is 1.0, theirs 2.0
    """
    relative, absolute = _tolerances(a, b, rtol, atol)
    first, second = _pair(a, b, use_broadcast)
    wrong = ~np.isclose(first, second, relative, absolute, equal_nan)
    _refuse(first, second, wrong, relative, absolute, names, mismatches)


def _refuse(
    a: np.ndarray[Any, Any],
    b: np.ndarray[Any, Any],
    wrong: np.ndarray[Any, Any],
    rtol: float,
    atol: float,
    names: Sequence[str],
    mismatches: Sequence[int],
) -> None:
    """Raise about the worst of the elements that are wrong, if any is."""
    if not wrong.any():
        return
    shown, counted = mismatches
    total = int(wrong.sum())
    error = np.where(wrong, np.maximum(_violations(a, b, rtol, atol), 1), 0).reshape(-1)
    places = np.argsort(-error, kind="stable")[: max(1, min(shown, total))]
    lines = []
    for number in places:
        place = tuple(int(axis) for axis in np.unravel_index(number, wrong.shape))
        lines.append(f"at {place} {names[0]} is {a[place]}, {names[1]} {b[place]}")
    count = f"{total} of {wrong.size}" if total <= max(1, counted) else f"more than {counted} of {wrong.size}"
    raise AssertionError(
        f"{names[0]} and {names[1]}: {count} elements differ by more than rtol {rtol:g}, atol {atol:g}:\n"
        + "\n".join(lines)
    )


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """As `assert_almost_equal`, with the tolerances of NumPy's function of this name."""
    assert_almost_equal(a, b, rtol, atol, equal_nan=equal_nan)


def _without_nan(a: Any, b: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    first, second = (each.copy() for each in _pair(a, b, True))
    nan = np.isnan(first) | np.isnan(second)
    first[nan] = second[nan] = 0
    return first, second


def assert_almost_equal_ignore_nan(
    a: Any, b: Any, rtol: Tolerance = None, atol: Tolerance = None, names: Sequence[str] = ("a", "b")
) -> None:
    """As `assert_almost_equal`, leaving out elements of which either is NaN."""
    assert_almost_equal(*_without_nan(a, b), rtol, atol, names)


def assert_almost_equal_with_err(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    etol: float | None = None,
    names: Sequence[str] = ("a", "b"),
    equal_nan: bool = False,
    mismatches: Sequence[int] = (10, 10),
) -> None:
    """As `assert_almost_equal`, but the part `etol` of all elements may be wrong."""
    relative, absolute = _tolerances(a, b, rtol, atol)
    first, second = _pair(a, b, True)
    wrong = ~np.isclose(first, second, relative, absolute, equal_nan)
    if wrong.sum() > get_etol(etol) * wrong.size:
        _refuse(first, second, wrong, relative, absolute, names, mismatches)


def assert_exception(f: Callable[..., Any], exception_type: type[BaseException], *args: Any, **kwargs: Any) -> None:
    """Raise an AssertionError unless ``f(*args, **kwargs)`` raises an `exception_type`."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"expected {getattr(f, '__name__', f)} to raise {exception_type.__name__}, it did not")
