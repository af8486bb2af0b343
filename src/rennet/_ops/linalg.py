"""Products and factors of matrices as in BLAS and LAPACK: the last two axes are a matrix, the others a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ..base import ArgumentError, MXNetError, ShapeError
from .registry import operator


def _matrices(name: str, array: Tensor, axis: int, transpose: bool) -> Tensor:
    """The matrices with their rows in the axis before the last."""
    if not (array.dim() >= 2 and -array.dim() <= axis < array.dim() - 1 and axis != -1):
        raise ArgumentError(f"{name}: attribute axis: {axis} holds no rows in an array of shape {tuple(array.shape)}")
    rows = array.movedim(axis, -2)
    return rows.mT if transpose else rows


def _product(name: str, left: Tensor, right: Tensor) -> Tensor:
    if left.shape[:-2] != right.shape[:-2] or left.shape[-1] != right.shape[-2]:
        raise ShapeError(
            f"{name}: expected equal batches of matrices that can be multiplied, got {tuple(left.shape)} and "
            f"{tuple(right.shape)} after transposing"
        )
    return left @ right


@operator("_linalg_gemm2", "linalg_gemm2")
def gemm2(
    A: Tensor, B: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0, axis: int = -2
) -> Tensor:
    """``alpha * A @ B``, either of them transposed on request; `axis` is the axis of the rows."""
    left, right = (_matrices("linalg_gemm2", each, axis, flip) for each, flip in ((A, transpose_a), (B, transpose_b)))
    return (alpha * _product("linalg_gemm2", left, right)).movedim(-2, axis)


@operator("_linalg_gemm", "linalg_gemm")
def gemm(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    alpha: float = 1.0,
    beta: float = 1.0,
    axis: int = -2,
) -> Tensor:
    """``alpha * A @ B + beta * C``, A and B transposed on request; `axis` is the axis of the rows."""
    left, right = (_matrices("linalg_gemm", each, axis, flip) for each, flip in ((A, transpose_a), (B, transpose_b)))
    product = alpha * _product("linalg_gemm", left, right)
    added = _matrices("linalg_gemm", C, axis, False)
    if added.shape != product.shape:
        raise ShapeError(f"linalg_gemm: C: expected shape {tuple(product.shape)}, got {tuple(added.shape)}")
    return (product + beta * added).movedim(-2, axis)


@operator("_linalg_trmm", "linalg_trmm")
def trmm(
    A: Tensor, B: Tensor, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0
) -> Tensor:
    """``alpha * A @ B`` with a triangle of A, whose other elements are not looked at; ``B @ A`` with `rightside`."""
    triangle = _triangle("linalg_trmm", A, lower, transpose)
    return alpha * (_product("linalg_trmm", *((B, triangle) if rightside else (triangle, B))))


@operator("_linalg_trsm", "linalg_trsm")
def trsm(
    A: Tensor, B: Tensor, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0
) -> Tensor:
    """What a triangle of A must be multiplied with to give ``alpha * B``: ``A @ X``, or ``X @ A`` with `rightside`."""
    triangle = _triangle("linalg_trsm", A, lower, transpose)
    if B.dim() < 2 or A.shape[:-2] != B.shape[:-2] or A.shape[-1] != B.shape[-1 if rightside else -2]:
        raise ShapeError(
            f"linalg_trsm: expected equal batches of matrices that fit, got {tuple(A.shape)} and {tuple(B.shape)}"
        )
    return torch.linalg.solve_triangular(triangle, alpha * B, upper=lower == transpose, left=not rightside)


@operator("_linalg_syrk", "linalg_syrk")
def syrk(A: Tensor, *, transpose: bool = False, alpha: float = 1.0) -> Tensor:
    """``alpha * A @ A.T``, or ``alpha * A.T @ A`` with `transpose`."""
    rows = _matrices("linalg_syrk", A, -2, transpose)
    return alpha * (rows @ rows.mT)


@operator("_linalg_potrf", "linalg_potrf")
def potrf(A: Tensor) -> Tensor:
    """The lower triangle L with ``L @ L.T == A`` (Cholesky), for symmetric, positive definite A."""
    _square("linalg_potrf", A)
    with _explained("linalg_potrf: A: expected symmetric, positive definite matrices"):
        return torch.linalg.cholesky(A)


@operator("_linalg_potri", "linalg_potri")
def potri(A: Tensor) -> Tensor:
    """The inverse of ``A @ A.T``, of whose A only the lower triangle is looked at: that of what `potrf` was given."""
    triangle = _triangle("linalg_potri", A, True, False)
    one = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape)
    inverse = torch.linalg.solve_triangular(triangle, one, upper=False)
    return inverse.mT @ inverse


@operator("_linalg_inverse", "linalg_inverse")
def inverse(A: Tensor) -> Tensor:
    """The inverse."""
    _square("linalg_inverse", A)
    with _explained("linalg_inverse: A: expected matrices that have an inverse"):
        return torch.linalg.inv(A)


@operator("_linalg_det", "linalg_det", outputs=lambda attrs: ("output0",), hidden_outputs=2)
def det(A: Tensor) -> Tensor:
    """The determinant, one number for each matrix."""
    _square("linalg_det", A)
    return _at_least_1d(torch.linalg.det(A))


@operator("_linalg_slogdet", "linalg_slogdet", outputs=lambda attrs: ("output0", "output1"), hidden_outputs=2)
def slogdet(A: Tensor) -> tuple[Tensor, Tensor]:
    """The determinant's sign, and the logarithm of its magnitude."""
    _square("linalg_slogdet", A)
    sign, magnitude = torch.linalg.slogdet(A)
    return _at_least_1d(sign), _at_least_1d(magnitude)


@operator("_linalg_sumlogdiag", "linalg_sumlogdiag")
def sumlogdiag(A: Tensor) -> Tensor:
    """The sum of the logarithms of the diagonal, one number for each matrix."""
    _square("linalg_sumlogdiag", A)
    return _at_least_1d(A.diagonal(dim1=-2, dim2=-1).log().sum(-1))


@operator("_linalg_extractdiag", "linalg_extractdiag")
def extractdiag(A: Tensor, *, offset: int = 0) -> Tensor:
    """A diagonal of each matrix: the main one, or `offset` above it (below it if negative)."""
    _square("linalg_extractdiag", A)
    _within("linalg_extractdiag", A, offset)
    return A.diagonal(offset, -2, -1).clone()


@operator("_linalg_makediag", "linalg_makediag")
def makediag(A: Tensor, *, offset: int = 0) -> Tensor:
    """Square matrices of zeros with the last axis of A as a diagonal, `offset` above the main one."""
    return torch.diag_embed(A, offset)


@operator("_linalg_extracttrian", "linalg_extracttrian")
def extracttrian(A: Tensor, *, offset: int = 0, lower: bool = True) -> Tensor:
    """A triangle of each matrix as one row of numbers, line by line (an upper one column by column).

    It is the upper one if `offset` is positive, the lower one if it is negative, and ends `abs(offset)` before the main
    diagonal; `lower` decides where `offset` is 0.
    """
    _square("linalg_extracttrian", A)
    _within("linalg_extracttrian", A, offset)
    rows, columns = torch.tril_indices(A.shape[-1], A.shape[-1], -abs(offset), device=A.device)
    return (A.mT if _is_upper(offset, lower) else A)[..., rows, columns]


@operator("_linalg_maketrian", "linalg_maketrian")
def maketrian(A: Tensor, *, offset: int = 0, lower: bool = True) -> Tensor:
    """The reverse of `extracttrian`: square matrices with the last axis of A as a triangle, and zeros elsewhere."""
    count = A.shape[-1] if A.dim() else 0
    side = (math.isqrt(8 * count + 1) - 1) // 2
    if side * (side + 1) // 2 != count:
        raise ShapeError(f"linalg_maketrian: A: no triangle has {count} elements; got shape {tuple(A.shape)}")
    size = side + abs(offset)
    rows, columns = torch.tril_indices(size, size, -abs(offset), device=A.device)
    flat = A.new_zeros(*A.shape[:-1], size * size).index_copy(-1, rows * size + columns, A)
    made = flat.reshape(*A.shape[:-1], size, size)
    return made.mT if _is_upper(offset, lower) else made


@operator("_linalg_gelqf", "linalg_gelqf", outputs=lambda attrs: ("output0", "output1"))
def gelqf(A: Tensor) -> tuple[Tensor, Tensor]:
    """Q with orthonormal rows and a lower triangle L such that ``A == L @ Q``; A is not higher than wide."""
    if A.dim() < 2 or A.shape[-2] > A.shape[-1]:
        raise ShapeError(f"linalg_gelqf: A: expected matrices not higher than wide, got shape {tuple(A.shape)}")
    columns, triangle = torch.linalg.qr(A.mT)
    return columns.mT, triangle.mT


@operator("_linalg_syevd", outputs=lambda attrs: ("output0", "output1"))
def syevd(A: Tensor) -> tuple[Tensor, Tensor]:
    """U and L with ``A == U.T @ diag(L) @ U`` for symmetric A: eigenvectors as rows, eigenvalues in ascending order.

    The largest element of each eigenvector is positive.
    """
    _square("linalg_syevd", A)
    values, vectors = torch.linalg.eigh(A)
    signs = vectors.gather(-2, vectors.abs().argmax(-2, keepdim=True)).detach().sign()
    return (vectors * signs).mT, values


def _square(name: str, array: Tensor) -> None:
    if array.dim() < 2 or array.shape[-1] != array.shape[-2]:
        raise ShapeError(f"{name}: A: expected square matrices, got shape {tuple(array.shape)}")


def _triangle(name: str, array: Tensor, lower: bool, transpose: bool) -> Tensor:
    _square(name, array)
    triangle = array.tril() if lower else array.triu()
    return triangle.mT if transpose else triangle


def _within(name: str, array: Tensor, offset: int) -> None:
    if abs(offset) >= array.shape[-1]:
        raise ArgumentError(f"{name}: attribute offset: {offset} is outside of matrices of shape {tuple(array.shape)}")


def _is_upper(offset: int, lower: bool) -> bool:
    return offset > 0 or (offset == 0 and not lower)


def _at_least_1d(result: Tensor) -> Tensor:
    return result.reshape(1) if result.dim() == 0 else result


@contextmanager
def _explained(expected: str) -> Iterator[None]:
    try:
        yield
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise MXNetError(f"{expected}; {error}") from error
