"""Random shapes and arrays, drawn from NumPy's global generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import NotSupportedError
from ..context import Context
from ..ndarray import NDArray, array
from .surroundings import default_context, default_dtype


def random_arrays(*shapes: tuple[int, ...]) -> Any:
    """An array of the default type with normally distributed numbers, or a list of them if there are several shapes."""
    arrays = [np.asarray(np.random.randn(*shape), default_dtype()) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def random_sample(population: Sequence[Any], k: int) -> list[Any]:
    """`k` different members, in the order in which they stand."""
    return [population[place] for place in sorted(np.random.permutation(len(population))[:k])]


def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of `num_dim` axes, each of 1 to `dim` elements, or of 0 to `dim`."""
    return tuple(int(size) for size in np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim))


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of two axes, of 1 to `dim0` and 1 to `dim1` elements, or from 0."""
    return _up_to((dim0, dim1), allow_zero_size)


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of three axes, of 1 to `dim0`, `dim1` and `dim2` elements, or from 0."""
    return _up_to((dim0, dim1, dim2), allow_zero_size)


def _up_to(dims: Sequence[int], allow_zero_size: bool) -> tuple[int, ...]:
    return tuple(int(np.random.randint(0 if allow_zero_size else 1, dim + 1)) for dim in dims)


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[int, int]:
    """A whole number from `x_low` to before `x_high`, and one from `y_low` to before `y_high`."""
    return int(np.random.randint(x_low, x_high)), int(np.random.randint(y_low, y_high))


def rand_ndarray(
    shape: tuple[int, ...],
    stype: str = "default",
    density: float | None = None,
    dtype: Any = None,
    modifier_func: Callable[[Any], Any] | None = None,
    shuffle_csr_indices: bool = False,
    distribution: str | None = None,
    ctx: Context | None = None,
) -> NDArray:
    """An array of normally distributed numbers.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    stype : str
        Only ``'default'``: there are no sparse arrays.
    density, modifier_func, shuffle_csr_indices, distribution : optional
        Would shape sparse arrays; to be left alone.
    dtype : optional
        Its element type, by default float32.
    ctx : Context, optional
        Its device, by default the current one.

    Raises
    ------
    NotSupportedError
        If something sparse is asked for.
    """
    if stype != "default":
        raise NotSupportedError(f"rand_ndarray: stype: there are no sparse arrays, only 'default'; got {stype!r}")
    sparse = {
        "density": density is not None,
        "modifier_func": modifier_func is not None,
        "shuffle_csr_indices": shuffle_csr_indices,
        "distribution": distribution is not None,
    }
    for name, given in sparse.items():
        if given:
            raise NotSupportedError(f"rand_ndarray: {name}: only for sparse arrays, which there are none of")
    return array(random_arrays(shape), ctx or default_context(), dtype)


def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> NDArray:
    """A matrix whose rows are filled with their numbers."""
    return array(np.arange(rows).reshape(rows, 1).repeat(columns, axis=1), dtype=dtype)


def np_reduce(
    dat: np.ndarray[Any, Any],
    axis: int | Sequence[int] | None,
    keepdims: bool,
    numpy_reduce_func: Callable[..., Any],
) -> np.ndarray[Any, Any]:
    """A reduction of NumPy's over one axis, several or all."""
    axes = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return np.asarray(numpy_reduce_func(dat, axis=axes, keepdims=keepdims))
