"""Python source as sentences: one logical line, as short and as repeatable tokens as still read like Python."""

from __future__ import annotations

import contextlib
import io
import re
import token
import tokenize
from collections.abc import Callable, Iterator

from ..base import ArgumentError

__all__ = ["OPERATORS", "logical_lines", "one_line"]

# In characters, those between the quotes for a string. What is longer is only told to be a string or a number: it
# would hardly ever come twice, and <unk> would not even say that much.
LONGEST_STRING = 10
LONGEST_NUMBER = 6

# "!" is a token of its own from Python 3.12 on, but only between the braces of an f-string.
OPERATORS = frozenset(token.EXACT_TOKEN_TYPES) - {"!"}

_STRING = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)

_ELIDED = {kind: f"{kind}'...'" for kind in ("", "b", "f", "t")}
_CLOSING = {"(": ")", "[": "]", "{": "}"}

# From Python 3.12 on an f-string is cut into pieces; before, it was one STRING.
_PIECES_START = {
    getattr(token, name): _ELIDED[kind]
    for name, kind in (("FSTRING_START", "f"), ("TSTRING_START", "t"))
    if hasattr(token, name)
}
_PIECES_END = {getattr(token, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(token, name)}
_SILENT = {token.ENDMARKER, token.INDENT, token.DEDENT, tokenize.NL, tokenize.COMMENT}


def logical_lines(readline: Callable[[], str], *, docstrings: bool = False) -> Iterator[list[str]]:
    r"""The logical lines of a source file, without comments, indentation and (unless asked for) docstrings.

    Strings next to each other become one, as they do when Python compiles them; long strings and all f-strings
    become ``'...'`` (with their prefix ``b`` or ``f``), and long numbers nines of their kind. What is left does
    not depend on the Python version that reads it.

    Raises
    ------
    tokenize.TokenError, SyntaxError
        Where the source cannot be cut into tokens.

    Examples
    --------
    >>> import io
    >>> list(logical_lines(io.StringIO('x = [1,\n  "a"]  # two\n').readline))
    [['x', '=', '[', '1', ',', "'a'", ']']]
    """
    line: list[str] = []
    strings = 0  # how many of the line's tokens are strings
    in_pieces = 0  # f-strings may stand inside f-strings
    after_string = False
    for kind, text, start, _, _ in tokenize.generate_tokens(readline):
        if in_pieces:
            in_pieces += (kind in _PIECES_START) - (kind in _PIECES_END)
            continue
        if kind in _SILENT:
            continue
        if kind == token.NEWLINE:
            if len(line) > (0 if docstrings else strings):  # of strings alone: a docstring
                yield line
            line, strings, after_string = [], 0, False
            continue
        if kind == token.STRING or kind in _PIECES_START:
            in_pieces = int(kind in _PIECES_START)
            string = _PIECES_START.get(kind) or _short_string(text)
            if after_string:
                line[-1] = _joined(line[-1], string)
            else:
                line.append(string)
                strings += 1
            after_string = True
            continue
        if kind == token.ERRORTOKEN and text.isspace():
            continue  # before Python 3.12, the space in front of the character that is the error
        if kind == token.ERRORTOKEN or (kind == token.OP and text not in OPERATORS):
            raise tokenize.TokenError(f"{text!r} is no Python token", start)
        line.append(_short_number(text) if kind == token.NUMBER else text)
        after_string = False


def one_line(text: str) -> list[str]:
    """The tokens of one line of Python that need not be finished.

    Raises
    ------
    ArgumentError
        If `text` is not made of Python tokens, or is more than one line.

    Examples
    --------
    >>> one_line("for i in range(")
    ['for', 'i', 'in', 'range', '(']
    """
    closing = _closing_brackets(text)
    closed = io.StringIO(f"{text.strip()}\n{closing}")
    try:
        lines = list(logical_lines(closed.readline, docstrings=True))
    except (tokenize.TokenError, SyntaxError) as error:
        raise ArgumentError(f"expected a line of Python, finished or not; got {text!r}: {error.args[0]}") from None
    if len(lines) > 1:
        raise ArgumentError(f"expected one line of Python; got {len(lines)} in {text!r}")
    return lines[0][: len(lines[0]) - len(closing)] if lines else []


def _closing_brackets(text: str) -> str:
    """What closes the brackets that `text` leaves open."""
    closing: list[str] = []
    # An error here is no news: it is the open bracket itself, or the closed text will meet it again.
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for _, bracket, *_ in tokenize.generate_tokens(io.StringIO(text.strip()).readline):
            if bracket in _CLOSING:
                closing.append(_CLOSING[bracket])
            elif closing and bracket == closing[-1]:
                closing.pop()
    return "".join(reversed(closing))


def _short_string(string: str) -> str:
    """A string token in its plainest spelling, or only its kind if it is long."""
    match = _STRING.fullmatch(string)
    if match is None:
        raise tokenize.TokenError(f"{string!r} is no Python string", (0, 0))
    prefix, quote, body = match[1].lower().replace("u", ""), match[2], match[3]
    if "f" in prefix or "t" in prefix:
        return _ELIDED["f" if "f" in prefix else "t"]
    kind = "b" if "b" in prefix else ""
    if len(body) > LONGEST_STRING or not body.isprintable():
        return _ELIDED[kind]
    raw = "r" if "r" in prefix and "\\" in body else ""
    return f"{kind}{raw}'{body}'" if "'" not in body else f"{kind}{raw}{quote}{body}{quote}"


def _joined(left: str, right: str) -> str:
    """The string that stands for two that follow each other."""
    kinds = {string[0] for string in (left, right)}
    return next((_ELIDED[kind] for kind in "tfb" if kind in kinds), _ELIDED[""])


def _short_number(number: str) -> str:
    """A number token, or one of its kind if it is long."""
    if len(number) <= LONGEST_NUMBER:
        return number
    number = number.lower()
    if number[:2] in ("0x", "0o", "0b"):
        return {"0x": "0xffff", "0o": "0o7777", "0b": "0b1111"}[number[:2]]
    imaginary = "j" if number.endswith("j") else ""
    return ("9.9999" if "." in number or "e" in number else "999999") + imaginary
