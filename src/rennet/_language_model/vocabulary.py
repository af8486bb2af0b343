"""Tokens as numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..base import ArgumentError, FormatError

__all__ = ["BEGIN", "END", "PADDING", "SPECIAL", "UNKNOWN", "Vocabulary", "unigram_perplexity"]

PADDING = "\n"
UNKNOWN = "<unk>"
BEGIN = "<bos>"
END = "<eos>"
SPECIAL = (PADDING, UNKNOWN, BEGIN, END)


@dataclass(frozen=True)
class Vocabulary:
    r"""The tokens a model knows, and their ids.

    Id 0 is padding, which is no part of a sentence and is not counted in a loss (``invalid_key='\n'`` and
    ``invalid_label=0`` of `mx.rnn.encode_sentences`). Then come ``<unk>`` for every token the model does not know,
    ``<bos>`` and ``<eos>``, between which a sentence stands, and the known tokens, the most frequent first. With the
    two marks a model predicts the first token of a sentence like the others, and that the sentence ends.

    Parameters
    ----------
    id_to_token : tuple of str
        The tokens, the four special ones first.

    Examples
    --------
    >>> vocabulary = Vocabulary.build([["a", "b", "a"], ["a", "c"]], min_count=2)
    >>> vocabulary.token_to_id
    {'\n': 0, '<unk>': 1, '<bos>': 2, '<eos>': 3, 'a': 4}
    >>> vocabulary.marked(["a", "c"])
    ['<bos>', 'a', '<unk>', '<eos>']
    """

    id_to_token: tuple[str, ...]
    token_to_id: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token_to_id", {token: i for i, token in enumerate(self.id_to_token)})

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]], min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """The tokens of `sentences`, by falling count and then by the alphabet.

        Parameters
        ----------
        sentences : iterable of sequences of str
            What a model will be trained on.
        min_count : int
            Tokens that occur less often stay unknown.
        max_size : int, optional
            Ids at most, the four special ones included; the rarest tokens beyond stay unknown.
        """
        if min_count < 1:
            raise ArgumentError(f"min_count: expected at least 1, got {min_count}")
        if max_size is not None and max_size <= len(SPECIAL):
            raise ArgumentError(f"max_size: expected more than the {len(SPECIAL)} special tokens take, got {max_size}")
        counts = Counter(chain.from_iterable(sentences))
        for special in SPECIAL:
            del counts[special]
        known = sorted((token for token in counts if counts[token] >= min_count), key=lambda t: (-counts[t], t))
        return cls((*SPECIAL, *known)[:max_size])

    def __len__(self) -> int:
        return len(self.id_to_token)

    def replace_rare(self, sentence: Iterable[str]) -> list[str]:
        """`sentence` with ``<unk>`` for what is unknown, and for words that only look like one of the marks.

        Sentences need this before `mx.rnn.encode_sentences`: that function, at an unknown word, gives
        ``unknown_token`` a new id, which is some other token's.
        """
        known = self.token_to_id
        return [token if token in known and token not in (PADDING, BEGIN, END) else UNKNOWN for token in sentence]

    def marked(self, sentence: Iterable[str]) -> list[str]:
        """`sentence` as a model sees it: unknown tokens replaced, between ``<bos>`` and ``<eos>``."""
        return [BEGIN, *self.replace_rare(sentence), END]

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, made of what JSON knows."""
        return {"tokens": list(self.id_to_token)}

    @classmethod
    def from_dict(cls, content: Any, source: str = "<dict>") -> Vocabulary:
        """The vocabulary that `to_dict` wrote.

        Parameters
        ----------
        content : object
            As it came from JSON.
        source : str
            The file it came from, for the error.

        Raises
        ------
        FormatError
            If `content` is anything else than what `to_dict` writes.
        """
        where = "vocabulary"
        if not isinstance(content, dict) or set(content) != {"tokens"}:
            got = sorted(map(str, content)) if isinstance(content, dict) else type(content).__name__
            raise FormatError(source, where, "fields", "an object with the one field 'tokens'", str(got))
        tokens = content["tokens"]
        if not isinstance(tokens, list):
            raise FormatError(source, where, "tokens", "a list", type(tokens).__name__)
        for i, token in enumerate(tokens):
            if not isinstance(token, str) or not token:
                raise FormatError(source, where, f"token {i}", "text", repr(token))
        if tuple(tokens[: len(SPECIAL)]) != SPECIAL:
            raise FormatError(source, where, "first tokens", repr(SPECIAL), repr(tuple(tokens[: len(SPECIAL)])))
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise FormatError(source, where, "tokens", "each token once", f"{twice[0]!r} more than once")
        return cls(tuple(tokens))


def unigram_perplexity(
    train: Iterable[Sequence[str]], heldout: Iterable[Sequence[str]], vocabulary: Vocabulary
) -> float:
    """The perplexity of `heldout` for who knows nothing but how often each token occurs in `train`.

    It counts what a model is asked for, every token of a sentence and the ``<eos>`` after it. Every token that can be
    asked for gets one occurrence more than it has, so that none is impossible.

    Examples
    --------
    >>> vocabulary = Vocabulary.build([["a"]])
    >>> round(unigram_perplexity([["a"], ["a"]], [["a"]], vocabulary), 6)  # 'a' and '<eos>': 3 of 7, each
    2.333333
    """
    counts = _predicted(train, vocabulary)
    total = counts.total() + len(vocabulary) - 2  # nobody is asked for padding or <bos>
    asked = _predicted(heldout, vocabulary)
    if not asked:
        raise ArgumentError("heldout: expected at least one sentence, got none")
    log_likelihood = sum(count * math.log((counts[token] + 1) / total) for token, count in asked.items())
    return math.exp(-log_likelihood / asked.total())


def _predicted(sentences: Iterable[Sequence[str]], vocabulary: Vocabulary) -> Counter[str]:
    return Counter(chain.from_iterable(vocabulary.marked(sentence)[1:] for sentence in sentences))
