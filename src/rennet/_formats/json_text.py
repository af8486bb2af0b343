"""JSON text from anywhere to Python values: bounded, finite, without double keys."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import accumulate
from typing import Any

from ..base import FormatError
from .graph_record import MAX_DEPTH
from .objections import object_to

__all__ = ["brief", "load_json"]

MAX_TEXT = 1 << 26
"""Bytes of JSON that are read; 100 000 nodes take about 20 MB."""

MAX_BRACKETS = 1 << 21
"""Lists and objects in a text; a node of a graph has about six. They take far more memory than text."""

MAX_COMMAS = 1 << 23

MAX_NESTING = 4 * MAX_DEPTH + 8
_MAX_DIGITS = 20
_MAX_BITS = 128
_BLANKS = " \t\n\r"
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))
_PIECE = 1 << 16


def load_json(text: str | bytes, source: str, strict: bool, most: int = MAX_BRACKETS) -> Any:
    """The value that `text` spells.

    Control characters may stand in strings as they are: MXNet writes them so. At most `most` lists and objects are
    read.

    Raises
    ------
    FormatError
        If `text` is too long, too deeply nested, of too many parts, not UTF-8 or not JSON, or holds NaN or Infinity;
        when `strict`, also if a key occurs twice in an object, or if something follows the value. Otherwise these two
        only warn.
    """
    raw = _encoded(text, source)
    if len(raw) > MAX_TEXT:
        raise FormatError(source, "byte 0", "JSON text", f"at most {MAX_TEXT} bytes", str(len(raw)))
    depth, brackets, commas = _nesting(raw)
    for expected, limit, got in (
        (f"brackets at most {MAX_NESTING} deep", MAX_NESTING, depth),
        (f"at most {most} lists and objects", most, brackets),
        (f"at most {MAX_COMMAS} commas", MAX_COMMAS, commas),
    ):
        if got > limit:
            raise FormatError(source, "byte 0", "JSON text", expected, str(got))
    decoded = _decoded(raw, source)
    decoder = json.JSONDecoder(
        strict=False,
        object_pairs_hook=lambda pairs: _object(pairs, source, strict),
        parse_int=lambda digits: _integer(digits, source),
        parse_float=lambda digits: _float(digits, source),
        parse_constant=lambda name: _refuse(name, source),
    )
    try:
        value, end = decoder.raw_decode(decoded, len(decoded) - len(decoded.lstrip(_BLANKS)))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FormatError(
            source, where, "JSON text", "JSON", f"{error.msg}: {decoded[error.pos : error.pos + 20]!r}"
        ) from None
    rest = decoded[end:].strip(_BLANKS)
    if rest:
        object_to(FormatError(source, f"character {end}", "end", "nothing more", repr(rest[:20])), strict)
    return value


def brief(value: Any) -> str:
    """What `value` is, in a few words however large it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:60]}...")
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"a number of {value.bit_length()} bits"  # Python refuses to spell the largest
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _encoded(text: str | bytes, source: str) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(source, f"character {error.start}", "JSON text", "Unicode", "half a surrogate pair") from None


def _decoded(raw: bytes, source: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"{raw[error.start : error.end]!r}"
        raise FormatError(source, f"byte {error.start}", "JSON text", "UTF-8", got) from None


def _nesting(raw: bytes) -> tuple[int, int, int]:
    """How deep the brackets outside strings go, how many are opened, and how many commas there are.

    Nothing is nested for it, and no more than a piece of the text is taken apart at a time.
    """
    unescaped = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = deepest = brackets = commas = inside = 0
    for start in range(0, len(unescaped), _PIECE):
        parts = unescaped[start : start + _PIECE].split(b'"')
        outside = b"".join(parts[inside::2])
        inside ^= (len(parts) - 1) & 1
        steps = list(accumulate(map(_STEPS.__getitem__, outside.translate(None, _NO_BRACKETS)), initial=depth))
        depth, deepest = steps[-1], max(deepest, *steps)
        brackets += outside.count(b"[") + outside.count(b"{")
        commas += outside.count(b",")
    return deepest, brackets, commas


def _object(pairs: list[tuple[str, Any]], source: str, strict: bool) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        name = fields.get("name")
        where = f"node {brief(name)}" if isinstance(name, str) else "an object"
        object_to(FormatError(source, where, "keys", "every key once", f"{brief(key)} twice"), strict)
    return fields


def _integer(digits: str, source: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise FormatError(source, "number", "JSON text", f"at most {_MAX_DIGITS} digits", str(len(digits)))
    return int(digits)


def _float(digits: str, source: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _refuse(digits[:40], source)
    return value


def _refuse(name: str, source: str) -> None:
    raise FormatError(source, "number", "JSON text", "a finite number", name)
