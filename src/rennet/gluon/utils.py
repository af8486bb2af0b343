"""Helpers of training loops: splitting batches over devices, clipping gradients, fetching files."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from .._formats.atomic import write_atomic
from ..base import ArgumentError, MXNetError, ShapeError, is_whole
from ..context import Context
from ..ndarray import NDArray, array
from .block import HookHandle

__all__ = ["HookHandle", "check_sha1", "clip_global_norm", "download", "split_and_load", "split_data"]


def split_data(data: NDArray, num_slice: int, batch_axis: int = 0, even_split: bool = True) -> list[NDArray]:
    """A batch in slices.

    Parameters
    ----------
    data : NDArray
        The batch.
    num_slice : int
        How many.
    batch_axis : int
        The axis along which it is cut.
    even_split : bool
        Whether slices must be equal; otherwise the first ones are larger by one.

    Examples
    --------
    >>> import rennet as mx
    >>> [part.shape for part in split_data(mx.nd.zeros((5, 2)), 2, even_split=False)]
    [(3, 2), (2, 2)]
    """
    if not is_whole(num_slice, 1):
        raise ArgumentError(f"split_data: num_slice: expected a whole number of at least 1, got {num_slice!r}")
    size = data.shape[batch_axis]
    if size < num_slice and not even_split:
        raise ShapeError(
            f"Too many slices for data with shape {data.shape}. Arguments are num_slice={num_slice} and "
            f"batch_axis={batch_axis}."
        )
    if even_split and size % num_slice:
        raise ShapeError(
            f"data with shape {data.shape} cannot be evenly split into {num_slice} slices along axis {batch_axis}. "
            f"Use a batch size that's multiple of {num_slice} or set even_split=False to allow uneven partitioning of "
            "data."
        )
    if num_slice == 1:
        return [data]
    least, larger = divmod(size, num_slice)
    ends = [least * place + min(place, larger) for place in range(num_slice + 1)]
    return [data.slice_axis(axis=batch_axis, begin=start, end=end) for start, end in itertools.pairwise(ends)]


def split_and_load(
    data: Any, ctx_list: Sequence[Context], batch_axis: int = 0, even_split: bool = True
) -> list[NDArray]:
    """A batch in slices, one on each device.

    Parameters
    ----------
    data : NDArray or array_like
        The batch.
    ctx_list : list of Context
        The devices.
    batch_axis : int
        The axis along which it is cut.
    even_split : bool
        Whether slices must be equal.
    """
    contexts = list(ctx_list)
    if not isinstance(data, NDArray):
        data = array(data, ctx=contexts[0])
    if len(contexts) == 1:
        return [data.as_in_context(contexts[0])]
    slices = split_data(data, len(contexts), batch_axis, even_split)
    return [part.as_in_context(ctx) for part, ctx in zip(slices, contexts, strict=True)]


def clip_global_norm(arrays: Sequence[NDArray], max_norm: float, check_isfinite: bool = True) -> float | NDArray:
    """Scale arrays down, in place, so that the 2-norm of all their elements together is at most `max_norm`.

    Parameters
    ----------
    arrays : list of NDArray
        Gradients, usually.
    max_norm : float
        The bound.
    check_isfinite : bool
        Whether to warn of a norm that is not finite. Without it nothing waits for a GPU.

    Returns
    -------
    float, or without `check_isfinite` NDArray
        The norm before.

    Examples
    --------
    >>> import rennet as mx
    >>> grads = [mx.nd.array([3.0]), mx.nd.array([4.0])]
    >>> round(clip_global_norm(grads, 1.0), 3), [round(float(grad.asscalar()), 2) for grad in grads]
    (5.0, [0.6, 0.8])
    """
    if not arrays:
        raise ArgumentError("clip_global_norm: expected at least one array, got none")
    tensors = [each.tensor for each in arrays]
    home = arrays[0].tensor.device
    with torch.no_grad():
        norms = [torch.linalg.vector_norm(tensor).to(home, torch.float32) for tensor in tensors]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        if check_isfinite and not math.isfinite(norm.item()):
            warnings.warn("nan or inf is detected. Clipping results will be undefined.", stacklevel=2)
        scale = (max_norm / (norm + 1e-8)).clamp(max=1.0)
        for tensor in tensors:
            tensor.mul_(scale.to(tensor.device, tensor.dtype))
    return norm.item() if check_isfinite else NDArray(norm.reshape(1), arrays[0].context)


def check_sha1(filename: str | os.PathLike[str], sha1_hash: str) -> bool:
    """Is the SHA-1 of a file's content the given one."""
    digest = hashlib.sha1(usedforsecurity=False)
    with Path(filename).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == sha1_hash


def download(
    url: str,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    sha1_hash: str | None = None,
    retries: int = 5,
    verify_ssl: bool = True,
) -> str:
    """Fetch a file.

    Parameters
    ----------
    url : str
        ``http``, ``https`` or ``file``.
    path : path, optional
        Where it goes: a file or a folder; the current folder by default.
    overwrite : bool
        Whether a file that is there is fetched anew even if it is the right one.
    sha1_hash : str, optional
        What its SHA-1 must be.
    retries : int
        How often to try again.
    verify_ssl : bool
        Whether the server must prove who it is; switching that off is refused.

    Returns
    -------
    str
        The file.

    Raises
    ------
    MXNetError
        If it could not be fetched, or is not the right one. What was there before is kept.
    """
    if not verify_ssl:
        raise ArgumentError("download: verify_ssl=False: a file from a server that proves nothing is not fetched")
    if not is_whole(retries, 0):
        raise ArgumentError(f"download: retries: expected a whole number of at least 0, got {retries!r}")
    scheme = urllib.parse.urlparse(url).scheme
    if scheme not in ("http", "https", "file"):
        raise ArgumentError(f"download: url: expected http, https or file, got {url!r}")
    name = Path(urllib.parse.urlparse(url).path).name
    target = Path(path) if path is not None else Path(name)
    target = target / name if target.is_dir() else target
    if target.exists() and not overwrite and (sha1_hash is None or check_sha1(target, sha1_hash)):
        return str(target)
    problem: Exception | None = None
    for _ in range(retries + 1):
        try:
            with urllib.request.urlopen(url) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError) as error:
            problem = error
            continue
        found = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if sha1_hash is None or found == sha1_hash:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, content)
            return str(target)
        problem = MXNetError(f"expected a SHA-1 of {sha1_hash}, got {found}")
    raise MXNetError(f"download: {url}: {problem}") from problem
