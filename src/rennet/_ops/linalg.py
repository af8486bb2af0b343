"""Products of matrices as BLAS has them. The last two axes are the matrices, the others a batch."""

from __future__ import annotations

from torch import Tensor

from ..base import ArgumentError, ShapeError
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
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(f"linalg_trmm: A: expected square matrices, got shape {tuple(A.shape)}")
    triangle = A.tril() if lower else A.triu()
    if transpose:
        triangle = triangle.mT
    return alpha * (_product("linalg_trmm", *((B, triangle) if rightside else (triangle, B))))
