"""The optimizer of a module: made or taken over, and told of parameters that come later."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import optimizer as opt
from ..base import ArgumentError, expect
from ..symbol import Symbol


def chosen(
    optimizer: Any, optimizer_params: Any, symbol: Symbol, names: Mapping[Any, str], rescale: float
) -> opt.Optimizer:
    """The optimizer that is meant.

    Parameters
    ----------
    optimizer : str or Optimizer
        By name or ready made.
    optimizer_params : dict or pairs
        Arguments for an optimizer given by name.
    symbol : Symbol
        The network, whose variables may have multipliers.
    names : dict
        The parameters' names, by what the optimizer calls them.
    rescale : float
        What gradients are multiplied by unless `optimizer_params` say otherwise: one over the batch size.
    """
    if isinstance(optimizer, str):
        given = optimizer_params.items() if isinstance(optimizer_params, Mapping) else optimizer_params or ()
        mend = "such as {'learning_rate': 0.1}"
        for pair in expect("optimizer_params", given, Iterable, "a dict of arguments", mend):
            expect("optimizer_params", pair, list | tuple, "a dict of arguments, or pairs", mend)
        return opt.create(optimizer, sym=symbol, param_idx2name=names, **{"rescale_grad": rescale, **dict(given)})
    if not isinstance(optimizer, opt.Optimizer):
        raise ArgumentError(f"optimizer: expected a name or an Optimizer, got {type(optimizer).__name__}")
    if optimizer.rescale_grad != rescale:
        warnings.warn(
            f"the optimizer's rescale_grad is {optimizer.rescale_grad}, not 1/batch_size ({rescale}). "
            "Is this intended?",
            stacklevel=3,
        )
    if not optimizer.idx2name:
        optimizer.idx2name = dict(names)
    return optimizer


def introduce(optimizer: opt.Optimizer, symbol: Symbol, names: Sequence[str]) -> None:
    """Tell an optimizer of parameters that it does not know, which it calls by their names."""
    by_itself = {name: name for name in names}
    rules = opt.Optimizer(param_idx2name=by_itself, sym=symbol)
    optimizer.idx2name.update(by_itself)
    for own, new in ((optimizer.lr_mult, rules.lr_mult), (optimizer.wd_mult, rules.wd_mult)):
        own.update({name: new[name] for name in names if name in new})
