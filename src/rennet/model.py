"""Checkpoints: a graph and its parameters as the files ``PREFIX-symbol.json`` and ``PREFIX-0001.params``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import ndarray, symbol
from .base import FormatError
from .ndarray import NDArray
from .symbol import Symbol

__all__ = ["BatchEndParam", "load_checkpoint", "load_params", "save_checkpoint"]

Prefix = str | os.PathLike[str]


class BatchEndParam(NamedTuple):
    """What a callback is told at the end of a batch."""

    epoch: int
    nbatch: int
    """Number of the batch in this epoch, from 0."""
    eval_metric: Any
    """The metric that was updated with the batch, or None."""
    locals: Any
    """Local variables of the loop that calls."""


def _symbol_file(prefix: Prefix) -> str:
    return f"{os.fspath(prefix)}-symbol.json"


def _params_file(prefix: Prefix, epoch: int) -> str:
    return f"{os.fspath(prefix)}-{epoch:04d}.params"


def save_checkpoint(
    prefix: Prefix,
    epoch: int,
    symbol: Symbol | None,
    arg_params: Mapping[str, NDArray],
    aux_params: Mapping[str, NDArray],
    remove_amp_cast: bool = True,
) -> None:
    """Write ``PREFIX-symbol.json`` and ``PREFIX-<epoch, four digits>.params``; real MXNet reads both.

    Parameters
    ----------
    prefix : path
        What the files' names begin with.
    epoch : int
        Goes into the name of the parameters' file.
    symbol : Symbol or None
        The graph; without it only the parameters are written.
    arg_params, aux_params : dict of str to NDArray
        Parameters and auxiliary states by name.
    remove_amp_cast : bool
        Whether casts that mixed precision put into the graph are left out.
    """
    if symbol is not None:
        symbol.save(_symbol_file(prefix), remove_amp_cast=remove_amp_cast)
    path = _params_file(prefix, epoch)
    write_params(path, arg_params, aux_params)
    logging.info('Saved checkpoint to "%s"', path)


def write_params(path: Prefix, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray]) -> None:
    """Write parameters and auxiliary states to one file, their names after ``arg:`` and ``aux:``."""
    arrays = {f"arg:{name}": each for name, each in arg_params.items()}
    arrays.update({f"aux:{name}": each for name, each in aux_params.items()})
    ndarray.save(path, arrays)


def load_params(
    prefix: Prefix, epoch: int, dense: bool = False, strict: bool = True
) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Parameters and auxiliary states of a checkpoint.

    Parameters
    ----------
    prefix : path
        As given to `save_checkpoint`.
    epoch : int
        Likewise.
    dense : bool
        Whether sparse arrays in the file are made dense; otherwise they are an error.
    strict : bool
        Whether bytes after the end and names that occur twice are errors (default) or warnings.

    Returns
    -------
    arg_params, aux_params : dict of str to NDArray

    Raises
    ------
    FileNotFoundError
        There is no such checkpoint.
    FormatError
        The file is no ``.params`` file, or its names do not begin with ``arg:`` or ``aux:``.
    """
    return read_params(_params_file(prefix, epoch), dense, strict)


def read_params(
    path: Prefix, dense: bool = False, strict: bool = True
) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """The reverse of `write_params`; `dense`, `strict` and errors as for `load_params`."""
    path = os.fspath(path)
    content = ndarray.load(path, dense, strict)
    if not content:
        logging.warning("%s holds no arrays", path)
        return {}, {}
    if not isinstance(content, dict):
        raise FormatError(path, "names", "names of the arrays", "one for each", "none: a list was saved")
    found: dict[str, dict[str, NDArray]] = {"arg": {}, "aux": {}}
    strange = [key for key in content if key.partition(":")[0] not in found or ":" not in key]
    if strange:
        shown = ", ".join(map(repr, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        mend = "nd.load reads files that are no checkpoint."
        raise FormatError(path, "names", "names of the arrays", "all to begin with arg: or aux:", shown, mend)
    for key, array in content.items():
        if array is None:
            raise FormatError(path, f"array {key!r}", "the array", "values", "a record that holds none")
        kind, _, name = key.partition(":")
        found[kind][name] = array
    return found["arg"], found["aux"]


def load_checkpoint(
    prefix: Prefix, epoch: int, dense: bool = False, strict: bool = True
) -> tuple[Symbol, dict[str, NDArray], dict[str, NDArray]]:
    """Graph, parameters and auxiliary states of a checkpoint, whether rennet or MXNet wrote it.

    Parameters
    ----------
    prefix : path
        As given to `save_checkpoint`.
    epoch : int
        Likewise.
    dense : bool
        Whether sparse arrays in the file are made dense; otherwise they are an error.
    strict : bool
        Whether what is wrong with a file but does no harm, such as bytes after the end, is an error (default) or a
        warning.

    Returns
    -------
    symbol : Symbol
    arg_params, aux_params : dict of str to NDArray

    Raises
    ------
    FileNotFoundError
        There is no such checkpoint.
    FormatError
        A file's content is not what its name says.

    Examples
    --------
    >>> import tempfile
    >>> import rennet as mx
    >>> from rennet.model import load_checkpoint, save_checkpoint
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/net", 3, net, {"fc_weight": mx.nd.ones((2, 4))}, {})
    ...     again, arg_params, aux_params = load_checkpoint(f"{folder}/net", 3)
    >>> again.list_arguments(), arg_params["fc_weight"].shape
    (['data', 'fc_weight', 'fc_bias'], (2, 4))
    """
    return symbol.load(_symbol_file(prefix), strict), *load_params(prefix, epoch, dense, strict)
