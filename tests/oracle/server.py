"""The end of the pipe inside the environment with real MXNet: reads a request, writes an answer, until the pipe closes.

A request is `{"request": name, "arguments": {...}}`. An answer is `{"answer": ...}`, or, when MXNet objected,
`{"error": type, "message": ..., "traceback": ...}`; the server goes on after that.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, BinaryIO

from . import wire


def main() -> None:
    """Serve standard input and output."""
    requests, answers = _take_the_pipe()
    from .answers import ANSWERS  # imports mxnet: only now may it print

    def read_exactly(count: int) -> bytes:
        content = requests.read(count)
        if len(content) < count:
            raise EOFError
        return content

    while True:
        try:
            request = wire.read(read_exactly)
        except EOFError:
            return
        try:
            wire.write(answers, {"answer": ANSWERS[request["request"]](**request["arguments"])})
        except Exception as error:  # whatever it is, it belongs to the one who asked
            wire.write(answers, _describe(error))


def _take_the_pipe() -> tuple[BinaryIO, BinaryIO]:
    """Our own handles on the pipe. Whatever MXNet, or its C++ half, prints goes to standard error from here on."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return requests, answers


def _describe(error: Exception) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
