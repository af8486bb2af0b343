"""Writing text with a trained model, one token after another, the states carried along."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import ArgumentError, MXNetError
from ..context import Context, cpu
from ..ndarray import NDArray, array, zeros
from ..rnn import load_rnn_checkpoint
from .files import Card, Files
from .network import cells_of, one_step
from .surface import to_text, to_tokens
from .vocabulary import BEGIN, END, PADDING, UNKNOWN

# neither begins nor pads a line, and "unknown" is no word to write
_NEVER_WRITTEN = (PADDING, BEGIN, UNKNOWN)


class Writer:
    """A trained model, stepping.

    Parameters
    ----------
    prefix : str
        Of the model's files.
    epoch : int, optional
        Which checkpoint; the last by default.
    lines : int
        How many lines are written side by side.
    context : Context, optional
        Where it runs.
    """

    def __init__(self, prefix: str, epoch: int | None = None, lines: int = 1, context: Context | None = None) -> None:
        files = Files(prefix)
        self._card = Card.read(files.card)
        self._lines = lines
        epochs = files.epochs()
        if not epochs:
            raise ArgumentError(f"{files.params(1)}: no such file; no epoch of this model has been completed")
        chosen = epochs[-1] if epoch is None else epoch
        if chosen not in epochs:
            raise ArgumentError(f"--epoch: expected one of {', '.join(map(str, epochs))}, got {chosen}")
        where = context or cpu()
        # plain cells can be stepped, and take the weights of fused ones
        cells = cells_of(self._card.model, fused=False)
        step, self._state_names = one_step(self._card.model, len(self._card.vocabulary), cells)
        try:
            _, params, _ = load_rnn_checkpoint(cells, prefix, chosen)
            shapes: dict[str, Any] = dict.fromkeys(self._state_names, (lines, self._card.model.hidden))
            self._executor = step.simple_bind(where, grad_req="null", data=(lines,), **shapes)
            self._executor.copy_params_from(params)
        except OSError:
            raise
        except MXNetError as error:
            raise ArgumentError(f"{files.params(chosen)} is not of the model in {files.card}: {error}") from error
        missing = set(self._executor.arg_dict) - set(params) - set(self._state_names) - {"data"}
        if missing:
            raise ArgumentError(f"{files.params(chosen)} lacks {', '.join(sorted(missing))}")
        self._fresh = [zeros(shape, ctx=where) for shape in shapes.values()]

    def _advance(self, ids: Any, states: list[NDArray]) -> tuple[Any, list[NDArray]]:
        given = dict(zip(self._state_names, states, strict=True))
        scores, *after = self._executor.forward(data=array(ids), **given)
        return scores.asnumpy().astype(np.float64), after

    def write(self, prime: str = "", temperature: float = 1.0, longest: int = 60, seed: int | None = None) -> list[str]:
        """Lines of text.

        Parameters
        ----------
        prime : str
            How every line begins.
        temperature : float
            Below 1 the likely becomes likelier; 0 always takes the likeliest.
        longest : int
            Tokens of a line at most, the beginning not counted.
        seed : int, optional
            Of the choice.
        """
        if not temperature >= 0 or temperature == float("inf"):
            raise ArgumentError(f"--temperature: expected a number of at least 0, got {temperature}")
        vocabulary = self._card.vocabulary
        kind: Any = self._card.kind
        beginning = to_tokens(prime, kind) if prime else []
        generator = np.random.default_rng(seed)
        written = [list(beginning) for _ in range(self._lines)]
        open_lines = np.ones(self._lines, dtype=bool)
        states = self._fresh
        scores: Any = None
        for token in [BEGIN, *vocabulary.replace_rare(beginning)]:
            scores, states = self._advance([vocabulary.token_to_id[token]] * self._lines, states)
        for _ in range(longest):
            ids = _choose(scores, [vocabulary.token_to_id[token] for token in _NEVER_WRITTEN], temperature, generator)
            for line, number in enumerate(ids):
                token = vocabulary.id_to_token[number]
                open_lines[line] &= token != END
                if open_lines[line]:
                    written[line].append(token)
            if not open_lines.any():
                break
            scores, states = self._advance(ids, states)
        return [to_text(tokens, kind) for tokens in written]


def _choose(scores: Any, never: list[int], temperature: float, generator: np.random.Generator) -> list[int]:
    """One id for each row, drawn by its scores."""
    scores = scores.copy()
    scores[:, never] = -np.inf
    if temperature == 0:
        return [int(number) for number in scores.argmax(axis=1)]
    # adding Gumbel noise and taking the largest draws from the softmax
    noise = generator.gumbel(size=scores.shape)
    return [int(number) for number in (scores / temperature + noise).argmax(axis=1)]
