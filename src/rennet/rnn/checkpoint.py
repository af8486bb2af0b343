"""Checkpoints of models with recurrent cells, saved unpacked, so that fused and unfused cells can load them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..base import expect, expect_number
from ..model import load_checkpoint, save_checkpoint
from ..ndarray import NDArray
from ..symbol import Symbol, Variable
from .cell import BaseRNNCell
from .other_form import gates_apart

Cells = BaseRNNCell | Sequence[BaseRNNCell]


def _all(cells: Cells) -> Sequence[BaseRNNCell]:
    listed = (
        [cells] if isinstance(cells, BaseRNNCell) else expect("cells", cells, list | tuple, "a cell or a list of them")
    )
    return [expect("cells", cell, BaseRNNCell, "a cell or a list of them") for cell in listed]


def save_rnn_checkpoint(
    cells: Cells,
    prefix: str,
    epoch: int,
    symbol: Symbol,
    arg_params: Mapping[str, NDArray],
    aux_params: Mapping[str, NDArray],
) -> None:
    """Save ``prefix-symbol.json`` and ``prefix-%04d.params``, the cells' weights unpacked.

    Parameters
    ----------
    cells : BaseRNNCell or list
        Every cell used in the symbol.
    prefix : str
        Path and beginning of the files' names.
    epoch : int
        Number of the checkpoint.
    symbol : Symbol
        The network.
    arg_params, aux_params : dict of str to NDArray
        Its parameters and auxiliary states.
    """
    for cell in _all(cells):
        arg_params = cell.unpack_weights(arg_params)
    save_checkpoint(prefix, epoch, symbol, arg_params, aux_params)


def load_rnn_checkpoint(
    cells: Cells, prefix: str, epoch: int, dense: bool = False
) -> tuple[Symbol, dict[str, NDArray], dict[str, NDArray]]:
    """Load a checkpoint and bring its weights to the form that `cells` need, fused or not.

    The file may hold the gates apart, as `save_rnn_checkpoint` writes them, or be of `Module.save_checkpoint`: with a
    matrix for all gates, or the vector of a fused cell of the same prefix and size.

    Parameters
    ----------
    cells : BaseRNNCell or list
        Every cell of the network whose weights are to be brought to its form.
    prefix, epoch, dense
        As for `rennet.model.load_checkpoint`.

    Returns
    -------
    symbol, arg_params, aux_params
    """
    symbol, arg_params, aux_params = load_checkpoint(prefix, epoch, dense)
    for cell in _all(cells):
        arg_params = cell.pack_weights(gates_apart(cell, arg_params))
    return symbol, arg_params, aux_params


def do_rnn_checkpoint(cells: Cells, prefix: str, period: int = 1) -> Callable[..., None]:
    """An epoch-end callback for ``fit`` that saves a checkpoint every `period` epochs."""
    cells, period = _all(cells), int(max(1, expect_number("do_rnn_checkpoint: period", period)))

    def save(
        iter_no: int,
        sym: Symbol,
        arg: Mapping[str, NDArray],
        aux: Mapping[str, NDArray],
    ) -> None:
        if (iter_no + 1) % period == 0:
            save_rnn_checkpoint(cells, prefix, iter_no + 1, sym, arg, aux)

    return save


def rnn_unroll(
    cell: BaseRNNCell,
    length: int,
    inputs: Any = None,
    begin_state: Any = None,
    input_prefix: str = "",
    layout: str = "NTC",
) -> tuple[Any, list[Any]]:
    """Deprecated name of ``cell.unroll``; without `inputs` it makes variables ``input_prefix + t%d_data``."""
    warnings.warn("rnn_unroll is deprecated; call cell.unroll", DeprecationWarning, stacklevel=2)
    if inputs is None:
        inputs = [Variable(f"{input_prefix}t{t}_data") for t in range(length)]
    return cell.unroll(length, inputs, begin_state=begin_state, layout=layout)
