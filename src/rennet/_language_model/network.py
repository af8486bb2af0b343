"""The network: embedding, recurrent cells, softmax over the vocabulary; unrolled to train, one step to write text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import symbol as sym
from ..rnn import BaseRNNCell, FusedRNNCell
from ..symbol import Symbol
from .settings import ModelSettings

PADDING_ID = 0
"""The label that is not counted, and the padding of the data."""


def cells_of(model: ModelSettings, fused: bool | None = None) -> BaseRNNCell:
    """The recurrent part: a fused cell, or the stack of plain cells that has the same parameters."""
    # between one layer and nothing there is nothing to drop
    dropout = model.dropout if model.layers > 1 else 0.0
    cell = FusedRNNCell(model.hidden, model.layers, model.cells, dropout=dropout)
    return cell if (model.fused if fused is None else fused) else cell.unfuse()


def _embedded(model: ModelSettings, vocabulary: int) -> Symbol:
    return sym.Embedding(sym.Variable("data"), input_dim=vocabulary, output_dim=model.embed, name="embed")


def _scores(outputs: Symbol, model: ModelSettings, vocabulary: int) -> Symbol:
    return sym.FullyConnected(sym.Reshape(outputs, shape=(-1, model.hidden)), num_hidden=vocabulary, name="pred")


def unrolled(
    model: ModelSettings, vocabulary: int, cells: BaseRNNCell
) -> Callable[[int], tuple[Symbol, Sequence[str], Sequence[str]]]:
    """A `sym_gen` for `BucketingModule`: from a length to the network over that many steps, time first."""

    def sym_gen(length: int) -> tuple[Symbol, Sequence[str], Sequence[str]]:
        cells.reset()
        outputs, _ = cells.unroll(length, _embedded(model, vocabulary), layout="TNC", merge_outputs=True)
        label = sym.Reshape(sym.Variable("softmax_label"), shape=(-1,))
        scores = _scores(outputs, model, vocabulary)
        loss = sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=PADDING_ID, name="softmax")
        return loss, ("data",), ("softmax_label",)

    return sym_gen


def one_step(model: ModelSettings, vocabulary: int, cells: BaseRNNCell) -> tuple[Symbol, list[str]]:
    """The network for one token: scores and the new states; and the names of the states it begins with."""
    cells.reset()
    begin: list[Any] = cells.begin_state(func=sym.Variable)
    output, states = cells(_embedded(model, vocabulary), begin)
    return sym.Group([_scores(output, model, vocabulary), *states]), [state.name for state in begin]
