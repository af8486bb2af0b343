"""Tokens as a line that people read, and the other way round."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .corpus import Kind
from .python_lines import OPERATORS, one_line

__all__ = ["to_text", "to_tokens"]

_CLOSING = {")", "]", "}"}
_MAY_BE_UNARY = {"-", "+", "~", "*", "**"}
_WORDS = frozenset(keyword.kwlist) - {"None", "True", "False"}
_OPERATOR = re.compile("|".join(re.escape(operator) for operator in sorted(OPERATORS, key=len, reverse=True)))


def to_text(tokens: Sequence[str], kind: Kind) -> str:
    """One readable line.

    Parameters
    ----------
    tokens : sequence of str
        A sentence, sensible or not.
    kind : {'plain', 'python'}
        Plain text gets spaces between its tokens. Python is spaced much as PEP 8 would have it, and cut into tokens
        again gives what it was made of.

    Examples
    --------
    >>> to_text(["def", "f", "(", "self", ",", "x", "=", "-", "1", ")", ":"], "python")
    'def f(self, x=-1):'
    """
    return " ".join(tokens) if kind == "plain" else _PythonLine(tokens).text()


def to_tokens(text: str, kind: Kind) -> list[str]:
    """The tokens of one line, which need not be a whole sentence.

    Examples
    --------
    >>> to_tokens("for i in range(", "python")
    ['for', 'i', 'in', 'range', '(']
    """
    return text.split() if kind == "plain" else one_line(text)


@dataclass
class _Bracket:
    """A bracket that is open, or the line outside all of them, and what has been seen in it."""

    is_line: bool = False
    is_index: bool = False
    lambdas: int = 0  # those whose colon is still to come
    is_annotated: bool = False  # a colon since the last comma


class _Spacing(NamedTuple):
    """How a token stands among its neighbours."""

    tight_before: bool
    tight_after: bool
    ends_operand: bool  # whether a binary operator, a call or an index can follow


_NAME = _Spacing(False, False, True)
_SPACED = _Spacing(False, False, False)
_PREFIX = _Spacing(False, True, False)
_TIGHT = _Spacing(True, True, False)
_SEPARATOR = _Spacing(True, False, False)


class _PythonLine:
    """One pass over the tokens of a line, remembering the brackets it is in."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        # "match" and "case" are keywords only at the head of a block.
        is_case = bool(tokens) and tokens[0] in ("match", "case") and tokens[-1] == ":"
        self._words = _WORDS | {tokens[0]} if is_case else _WORDS
        self._brackets = [_Bracket(is_line=True)]
        self._is_from = False  # between "from" and "import", where dots stand before a name

    def text(self) -> str:
        text = ""
        operators: list[str] = []  # those at the end of the text, without a space between them
        last, last_spacing = "", _TIGHT
        for i, token in enumerate(self._tokens):
            spacing = self._spacing(i, token, last, last_spacing.ends_operand)
            is_tight = (spacing.tight_before or last_spacing.tight_after) and not _would_merge(operators, last, token)
            text += token if is_tight or not text else f" {token}"
            operators = [*(operators if is_tight else []), token] if token in OPERATORS else []
            last, last_spacing = token, spacing
        return text

    def _spacing(self, i: int, token: str, last: str, after_operand: bool) -> _Spacing:
        bracket = self._brackets[-1]
        if token in ("(", "[", "{"):
            is_type_parameters = i > 1 and self._tokens[i - 2] in ("def", "class", "type")
            self._brackets.append(_Bracket(is_index=token == "[" and after_operand and not is_type_parameters))
            return _Spacing(after_operand and token != "{", True, False)
        if token in _CLOSING:
            if not bracket.is_line:
                self._brackets.pop()
            return _Spacing(True, False, True)
        if token in (",", ";"):
            bracket.is_annotated = False
            return _SEPARATOR
        if token == ":":
            return self._colon(bracket, last)
        if token in (".", "...") and self._is_from:
            return _Spacing(last != "from", True, False)
        if token == ".":
            return _TIGHT
        if token == "=":
            is_default = bracket.lambdas > 0 or not (bracket.is_line or bracket.is_annotated)
            return _TIGHT if is_default else _SPACED
        if token == "*" and last == "except":
            return _SEPARATOR
        if (token in _MAY_BE_UNARY and not after_operand) or (token == "@" and i == 0):
            return _PREFIX
        if token in self._words:
            bracket.lambdas += token == "lambda"
            self._is_from = token == "from" and i == 0
            return _SPACED
        return _SPACED if token in OPERATORS and token != "..." else _NAME

    def _colon(self, bracket: _Bracket, last: str) -> _Spacing:
        if bracket.lambdas:
            bracket.lambdas -= 1
        elif bracket.is_index:
            return _Spacing(last != ",", True, False)
        else:
            bracket.is_annotated = True
        return _SEPARATOR


def _would_merge(operators: list[str], last: str, token: str) -> bool:
    """Whether `token` and what stands before it, without a space, would be read as something else."""
    if token in OPERATORS:
        is_decimal_point = token[:1] == "." and last.replace("_", "").isdigit()
        return is_decimal_point or _OPERATOR.findall("".join(operators) + token) != [*operators, token]
    return token == "import" or (last[-1:] == "." and token[:1].isdigit())
