"""Vocabulary: a number for each token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from ...base import ArgumentError, is_whole

UNKNOWN = 0
"""The number of the unknown token."""


class Vocabulary:
    """Numbers for tokens: 0 for the unknown token, then the reserved ones, then those counted, by falling frequency.

    Tokens that are equally frequent are in their own order.

    Parameters
    ----------
    counter : collections.Counter, optional
        How often each token occurs.
    most_freq_count : int, optional
        How many of the counted tokens get a number at most.
    min_freq : int
        How often a token must occur to get one.
    unknown_token : hashable
        Stands for every token without a number.
    reserved_tokens : list of hashable, optional
        Tokens that have a number in any case.

    Raises
    ------
    ArgumentError
        `counter` is not a Counter; a number makes no sense; or a token is reserved twice, or is the unknown token.

    Examples
    --------
    >>> words = Vocabulary(Counter(["b", "a", "b", "c"]), reserved_tokens=["<pad>"])
    >>> words.idx_to_token
    ['<unk>', '<pad>', 'b', 'a', 'c']
    >>> words.to_indices(["a", "z"]), words.to_tokens(2)
    ([3, 0], 'b')
    """

    def __init__(
        self,
        counter: Counter[Any] | None = None,
        most_freq_count: int | None = None,
        min_freq: int = 1,
        unknown_token: Hashable = "<unk>",
        reserved_tokens: Sequence[Any] | None = None,
    ) -> None:
        if not min_freq > 0:
            raise ArgumentError(f"Vocabulary: min_freq: expected a positive number, got {min_freq}")
        if most_freq_count is not None and not is_whole(most_freq_count, 0):
            raise ArgumentError(
                f"Vocabulary: most_freq_count: expected None or a whole number of at least 0, got {most_freq_count!r}"
            )
        if counter is not None and not isinstance(counter, Counter):
            raise ArgumentError(f"Vocabulary: counter: expected a collections.Counter, got {type(counter).__name__}")
        reserved = list(reserved_tokens or ())
        if unknown_token in reserved:
            raise ArgumentError(
                f"Vocabulary: reserved_tokens: expected none of them unknown, got {unknown_token!r} too"
            )
        twice = [token for token, count in Counter(reserved).items() if count > 1]
        if twice:
            raise ArgumentError(f"Vocabulary: reserved_tokens: expected each once, got more of {twice}")
        self._unknown_token = unknown_token
        self._reserved_tokens = None if reserved_tokens is None else reserved
        self._idx_to_token: list[Any] = [unknown_token, *reserved]
        known = set(self._idx_to_token)
        counted = [(token, count) for token, count in (counter or {}).items() if count >= min_freq]
        counted.sort(key=lambda each: (-each[1], each[0]))
        self._idx_to_token += [token for token, _ in counted if token not in known][:most_freq_count]
        self._token_to_idx: dict[Any, int] = {token: number for number, token in enumerate(self._idx_to_token)}

    def __len__(self) -> int:
        return len(self._idx_to_token)

    @property
    def token_to_idx(self) -> dict[Any, int]:
        """Each token's number."""
        return self._token_to_idx

    @property
    def idx_to_token(self) -> list[Any]:
        """The tokens in the order of their numbers."""
        return self._idx_to_token

    @property
    def unknown_token(self) -> Any:
        """What stands for every token without a number."""
        return self._unknown_token

    @property
    def reserved_tokens(self) -> list[Any] | None:
        """The tokens that have a number in any case; None if none were given."""
        return self._reserved_tokens

    def to_indices(self, tokens: Any) -> Any:
        """The number of a token, or the list of those of a list; 0 for unknown ones."""
        if isinstance(tokens, list):
            return [self._token_to_idx.get(token, UNKNOWN) for token in tokens]
        return self._token_to_idx.get(tokens, UNKNOWN)

    def to_tokens(self, indices: Any) -> Any:
        """The token of a number, or the list of those of a list.

        Raises
        ------
        ArgumentError
            A number has no token.
        """
        if isinstance(indices, list):
            return [self.to_tokens(index) for index in indices]
        if not is_whole(indices, 0) or indices >= len(self):
            raise ArgumentError(f"to_tokens: expected whole numbers from 0 to {len(self) - 1}, got {indices!r}")
        return self._idx_to_token[indices]
