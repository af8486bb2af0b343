"""Words to numbers."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from itertools import islice
from numbers import Integral
from typing import Any

from .._collector import paused_collector
from ..base import ArgumentError, expect, expect_number, one_of, shown

RUN = 1 << 15
"""Sentences after which the collector of cyclic garbage, which they may come with, has its turn."""


class _Numbers(dict[str, int]):
    """A vocabulary that says itself what becomes of a word it lacks."""

    def __init__(self, known: dict[str, int], missing: Callable[[str], int]) -> None:
        super().__init__(known)
        self._missing = missing

    def __missing__(self, word: str) -> int:
        return self._missing(word)


def encode_sentences(
    sentences: Iterable[Iterable[str]],
    vocab: dict[str, int] | None = None,
    invalid_label: int = -1,
    invalid_key: str = "\n",
    start_label: int = 0,
    unknown_token: str | None = None,
    *,
    unknown: str | None = None,
) -> tuple[list[list[int]], dict[str, int]]:
    r"""Replace words by numbers, building the vocabulary on the way if none is given.

    Parameters
    ----------
    sentences : iterable of iterables of str
        The words of each sentence.
    vocab : dict of str to int, optional
        A vocabulary; what becomes of words that are not in it, `unknown` says.
    invalid_label : int
        The number that no word gets, for padding.
    invalid_key : str
        The word that stands for it in a new vocabulary.
    start_label : int
        The lowest number given to a new word.
    unknown_token : str, optional
        The word that stands for every word that `vocab` lacks; it is added, with a number of its own, if missing.
    unknown : str, optional
        What to do with a word that `vocab` lacks: ``'map'`` it to `unknown_token`, ``'raise'`` an error, ``'skip'`` it,
        or ``'add'`` it to `vocab` under the next free number. By default ``'map'`` with an `unknown_token`, ``'raise'``
        without one. With no `vocab` all words are new ones, and are added.

    Returns
    -------
    result : list of list of int
        The encoded sentences.
    vocab : dict of str to int
        The vocabulary: the given one, or a new one.

    Raises
    ------
    ArgumentError
        If a word is unknown and was not to be; if the arguments contradict each other; if something is no sentence,
        no word (which anything hashable may be) or no vocabulary.

    Examples
    --------
    >>> encode_sentences([["a", "b"], ["b", "c"]], invalid_label=0, start_label=1)
    ([[1, 2], [2, 3]], {'\n': 0, 'a': 1, 'b': 2, 'c': 3})
    >>> encode_sentences([["a", "d"]], {"a": 5}, unknown="skip")
    ([[5]], {'a': 5})
    """
    what = _what_to_do(vocab, unknown_token, unknown)
    _check(sentences, vocab, {"invalid_label": invalid_label, "start_label": start_label})
    _check_words({"invalid_key": invalid_key, "unknown_token": unknown_token})
    given = {invalid_key: invalid_label} if vocab is None else vocab
    free = start_label if vocab is None else max([start_label - 1, invalid_label, *given.values()]) + 1
    if what == "map" and unknown_token is not None and unknown_token not in given:
        given[unknown_token] = free

    def add(word: str) -> int:
        nonlocal free
        free += free == invalid_label
        number = numbers[word] = free
        free += 1
        return number

    def refuse(word: str) -> int:
        raise ArgumentError(
            f"encode_sentences: {word!r} is not in the vocabulary; give unknown_token, or unknown='skip' or 'add'"
        )

    if what == "skip":
        return _in_runs(sentences, lambda sentence: map(given.__getitem__, filter(given.__contains__, sentence))), given
    of_unknown = given[unknown_token] if what == "map" and unknown_token is not None else invalid_label
    missing = {"map": lambda word: of_unknown, "raise": refuse, "add": add}[what]
    numbers = _Numbers(given, missing)
    result = _in_runs(sentences, partial(map, numbers.__getitem__))
    given.update(numbers)
    return result, given


def _in_runs(sentences: Iterable[Any], encode: Callable[[Any], Iterable[int]]) -> list[list[int]]:
    """Every sentence encoded, each before the next one is asked for."""
    result: list[list[int]] = []
    rest = iter(sentences)
    sentence, reached = None, -1
    while reached < len(result):
        reached = len(result)
        try:
            with paused_collector():
                for sentence in islice(rest, RUN):
                    result.append(list(encode(sentence)))
        except TypeError as error:
            wrong = _what_is_wrong(sentence, error)
            if not wrong:  # the error is that of the caller's own iterator
                raise
            raise ArgumentError(f"encode_sentences: sentences[{len(result)}]: expected {wrong}") from error
    return result


def _what_is_wrong(sentence: Any, error: TypeError) -> str:
    """What was expected of a sentence and what came, or nothing."""
    if not _is_iterable(sentence):
        return f"the words of a sentence, got {reprlib.repr(sentence)}"
    if isinstance(sentence, Iterator):  # what it gave is gone; Python's text is left
        return f"words; {error}" if "unhashable" in str(error) else ""
    bad = next((word for word in sentence if not _is_hashable(word)), None)
    return "" if bad is None else f"words, got {reprlib.repr(bad)} among them"


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _check(sentences: Any, vocab: Any, labels: dict[str, Any]) -> None:
    if not _is_iterable(sentences):
        raise ArgumentError(f"encode_sentences: sentences: expected a list of lists of words, got {shown(sentences)}")
    for argument, label in labels.items():
        expect(f"encode_sentences: {argument}", label, Integral, "a whole number")
    known = {} if vocab is None else vocab
    expect("encode_sentences: vocab", known, MutableMapping, "a dict of words to numbers")
    for word, number in known.items():
        expect_number(f"encode_sentences: vocab[{word!r}]", number)


def _check_words(words: dict[str, Any]) -> None:
    for argument, word in words.items():
        if not _is_hashable(word):
            raise ArgumentError(f"encode_sentences: {argument}: expected a word, got {shown(word)}")


def _what_to_do(vocab: dict[str, int] | None, unknown_token: str | None, unknown: str | None) -> str:
    if unknown is not None:
        one_of("encode_sentences: unknown", unknown, ("add", "map", "raise", "skip"))
        if vocab is None and unknown != "add":
            raise ArgumentError(f"encode_sentences: unknown={unknown!r} needs a vocab; without one every word is new")
        if (unknown == "map") != (unknown_token is not None):
            raise ArgumentError("encode_sentences: unknown_token goes with unknown='map', and unknown='map' with it")
        return unknown
    if vocab is None:
        return "add"
    return "raise" if unknown_token is None else "map"
