"""``nd.sparse``: there are no sparse arrays, and whoever asks for one is told so; its operators are the dense ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ..base import NotSupportedError
from . import generated

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


_OPERATORS = """
ElementWiseSum Embedding FullyConnected LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput abs add
add_n arccos arccosh arcsin arcsinh arctan arctanh broadcast_add broadcast_div broadcast_minus broadcast_mul
broadcast_plus broadcast_sub cbrt ceil clip concat cos cosh degrees divide dot elemwise_add elemwise_div elemwise_mul
elemwise_sub exp expm1 fix floor gamma gammaln log log10 log1p log2 make_loss mean multiply negative norm radians relu
rint round rsqrt sigmoid sign sin sinh slice sqrt square stop_gradient subtract sum tan tanh trunc where zeros_like
"""
_DENSE = {name: getattr(generated, name) for name in _OPERATORS.split() if hasattr(generated, name)}
globals().update(_DENSE)

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "BaseSparseNDArray",
    "CSRNDArray",
    "RowSparseNDArray",
    "array",
    "csr_matrix",
    "empty",
    "retain",
    "row_sparse_array",
    "zeros",
    *_DENSE,
]


def _refuse(what: str, instead: str) -> NoReturn:
    raise NotSupportedError(f"nd.sparse.{what}: there are no sparse arrays; {instead}")


class BaseSparseNDArray:
    """What MXNet's sparse arrays are; none can be made, so no array is one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(type(self).__name__, "make a dense one with nd.array")


class CSRNDArray(BaseSparseNDArray):
    """A matrix of compressed rows; cannot be made."""


class RowSparseNDArray(BaseSparseNDArray):
    """An array most of whose rows are zero; cannot be made."""


def csr_matrix(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Refused; `nd.array` of a SciPy matrix's ``toarray()`` is the dense one."""
    _refuse("csr_matrix", "make a dense one with nd.array, from a SciPy matrix by nd.array(matrix.toarray())")


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Refused; the dense one is `nd.zeros`, and the rows assigned to it."""
    _refuse("row_sparse_array", "make a dense one: x = nd.zeros(shape); x[indices] = data")


def array(source_array: Any, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Refused; `nd.array` makes the dense one."""
    _refuse("array", "make a dense one with nd.array")


def zeros(stype: str, shape: Any, ctx: Any = None, dtype: Any = None, **kwargs: Any) -> NoReturn:
    """Refused; `nd.zeros` makes the dense one."""
    _refuse("zeros", "make a dense one with nd.zeros")


def empty(stype: str, shape: Any, ctx: Any = None, dtype: Any = None) -> NoReturn:
    """Refused; `nd.empty` makes the dense one."""
    _refuse("empty", "make a dense one with nd.empty")


def retain(data: Any, indices: Any) -> NoReturn:
    """Refused; the dense way is to take the rows."""
    _refuse("retain", "take the rows with nd.take")
