"""Counting tokens."""

from __future__ import annotations

import re
from collections import Counter


def count_tokens_from_str(
    source_str: str,
    token_delim: str = " ",
    seq_delim: str = "\n",
    to_lower: bool = False,
    counter_to_update: Counter[str] | None = None,
) -> Counter[str]:
    r"""How often each token occurs in a text.

    Parameters
    ----------
    source_str : str
        The text.
    token_delim, seq_delim : str
        Regular expressions of what stands between tokens, and between sequences of them.
    to_lower : bool
        Whether to count in lower case.
    counter_to_update : collections.Counter, optional
        Counts to which these are added; a new counter by default.

    Returns
    -------
    collections.Counter
        `counter_to_update`, or the new one.

    Examples
    --------
    >>> sorted(count_tokens_from_str(" Life is great ! \n life is good . \n", to_lower=True).items())
    [('!', 1), ('.', 1), ('good', 1), ('great', 1), ('is', 2), ('life', 2)]
    """
    counts = Counter() if counter_to_update is None else counter_to_update
    tokens = filter(None, re.split(f"{token_delim}|{seq_delim}", source_str))
    counts.update(token.lower() if to_lower else token for token in tokens)
    return counts
