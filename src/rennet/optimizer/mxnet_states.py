"""MXNet's ``.states`` files: pickles, of which only arrays, plain values and known optimizers are taken.

MXNet pickles the states by index, or with ``dump_optimizer`` (as Gluon's Trainer does) the pair of these and the
optimizer. The pickle is followed, not run (`_formats.pickled`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._formats.array_record import DENSE_LIMIT, read_record
from .._formats.pickled import Made, Named, read_pickle
from ..base import FormatError, NotSupportedError
from ..ndarray import NDArray
from ..ndarray.files import from_record

__all__ = ["ForeignOptimizer", "ForeignStates", "looks_like_pickle", "read_mxnet_states"]

_PICKLES = (b"\x80", b"(", b"}")  # protocol 2 and later; a tuple or dict in protocol 0; a dict in protocol 1
_ARRAYS = frozenset(
    {
        *(("mxnet.ndarray.ndarray", "NDArray"), ("mxnet.ndarray", "NDArray"), ("mxnet.numpy.multiarray", "ndarray")),
        *(("mxnet.ndarray.sparse", "RowSparseNDArray"), ("mxnet.ndarray.sparse", "CSRNDArray")),
    }
)
_OPTIMIZERS, _SCHEDULERS = "mxnet.optimizer", "mxnet.lr_scheduler"
_BYTES = frozenset({("builtins", "bytearray"), ("__builtin__", "bytearray")})
_TEXT_OF_BYTES = ("_codecs", "encode")
_SCALARS = frozenset({("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")})
_RECONSTRUCTORS = frozenset({("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")})
_MOST_VALUES = 1_000_000
_DEEPEST = 16
_OWN_WAY = frozenset({"aggregate_num", "allow_np_array", "param_dict", "sym_info"})
"""What either library sets by itself: how many parameters at a time, NumPy's arrays, and what a graph says."""


class ForeignOptimizer(NamedTuple):
    """An optimizer or a scheduler as a pickle tells it."""

    kind: str
    numbers: dict[str, Any]
    scheduler: ForeignOptimizer | None


class ForeignStates(NamedTuple):
    """What a file of MXNet's holds."""

    states: dict[Any, Any]
    optimizer: ForeignOptimizer | None


def looks_like_pickle(raw: bytes) -> bool:
    """Whether the bytes begin as a pickle of states does."""
    return raw.startswith(_PICKLES)


def read_mxnet_states(raw: bytes, source: str = "optimizer states") -> ForeignStates:
    """The states and, if it was saved with them, the optimizer, as MXNet arranged them.

    Raises
    ------
    FormatError
        The bytes are no whole pickle, or not of states.
    NotSupportedError
        It holds something else than arrays, plain values, and MXNet's optimizers and schedulers. Names it.
    """
    reader = _Reader(source, len(raw))
    content = read_pickle(raw, source)
    optimizer = None
    if type(content) is tuple and len(content) == 2:
        content, dumped = content
        optimizer = reader.owner(dumped, _OPTIMIZERS, "optimizer")
    if type(content) is not dict:
        raise reader.error("content", "a dict of states by index", type(content).__name__)
    states: dict[Any, Any] = {}
    for index, state in content.items():
        if type(index) not in (int, str):
            raise reader.error("states", "an int or a str as index", type(index).__name__)
        states[index] = reader.value(state, f"state {index!r}")
    return ForeignStates(states, optimizer)


class _Reader:
    """Builds what it knows from what a pickle says."""

    def __init__(self, source: str, size: int) -> None:
        self._source = source
        self._room = size + DENSE_LIMIT
        self._left = _MOST_VALUES
        self._arrays: dict[int, Any] = {}

    def error(self, where: str, expected: str, got: str) -> FormatError:
        """What to raise about the content."""
        return FormatError(self._source, where, "pickle", expected, got)

    def _refusal(self, kind: object, where: str) -> NotSupportedError:
        return NotSupportedError(
            f"{self._source}, {where}: the pickle holds a {kind}; expected arrays, numbers, text, tuples, lists and "
            "dicts of these, and MXNet's own optimizers and schedulers. Nothing else is built, as it could run any code"
        )

    def value(self, given: Any, where: str, depth: int = 0) -> Any:
        """A plain value, or arrays in tuples, lists and dicts."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise self.error(where, f"at most {_MOST_VALUES} values, {_DEEPEST} deep in each other", "more")
        if given is None or isinstance(given, bool | int | float | str):
            return given
        if isinstance(given, tuple | list):
            return type(given)(self.value(each, where, depth + 1) for each in given)
        if isinstance(given, dict):
            return {key: self.value(each, where, depth + 1) for key, each in given.items()}
        if isinstance(given, Made):
            return self._made(given, where)
        raise self._refusal(given if isinstance(given, Named) else type(given).__name__, where)

    def _made(self, made: Made, where: str) -> Any:
        key = (made.kind.module, made.kind.name)
        if key in _ARRAYS:
            if id(made) not in self._arrays:
                self._arrays[id(made)] = self._array(made, where)
            return self._arrays[id(made)]
        if key in _SCALARS:
            return self._scalar(made, where)
        raise self._refusal(made.kind, where)

    def _array(self, made: Made, where: str) -> NDArray | None:
        state = made.state
        if made.args != (None,) or type(state) is not dict or "handle" not in state:
            raise self.error(where, "an array by its handle", f"{made.kind} of something else")
        if state["handle"] is None:
            return None
        raw = self._bytes(state["handle"], where)
        record = read_record(raw, dense_limit=max(self._room - len(raw), 0))
        # the same bytes may be said to be many arrays
        self._room -= 0 if record.array is None else record.array.nbytes
        if self._room < 0:
            raise self.error(where, f"arrays of at most {DENSE_LIMIT} bytes beyond those in the file", "more")
        return from_record(record)

    def _bytes(self, given: Any, where: str) -> bytes:
        while self._wraps(given):
            given = given.args[0]
        if isinstance(given, bytes | bytearray):
            return bytes(given)
        if isinstance(given, Made) and given.state is None:
            key = (given.kind.module, given.kind.name)
            if key in _BYTES and not given.args:
                return b""
            if (key in _BYTES or key == _TEXT_OF_BYTES) and len(given.args) == 2:
                text, encoding = given.args
                if isinstance(text, str) and encoding in ("latin-1", "latin1"):
                    try:
                        return text.encode("latin-1")
                    except UnicodeEncodeError:
                        raise self.error(where, "bytes spelled as text", "other letters") from None
        if isinstance(given, str):  # a Python 2 of long ago
            return given.encode("latin-1", "replace")
        raise self.error(where, "bytes", str(given.kind) if isinstance(given, Made) else type(given).__name__)

    def _wraps(self, given: Any) -> bool:
        """Whether it is a bytearray of what stands within it; there may be any number, each in the next."""
        return (
            isinstance(given, Made)
            and given.state is None
            and (given.kind.module, given.kind.name) in _BYTES
            and len(given.args) == 1
        )

    def _scalar(self, made: Made, where: str) -> Any:
        """A number of NumPy's: ``scalar(dtype('f8', ...), bytes)``."""
        kind = made.args[0] if made.args else None
        spelled = kind.args[0] if isinstance(kind, Made) and str(kind.kind) == "numpy.dtype" and kind.args else None
        if len(made.args) != 2 or spelled not in ("f4", "f8", "i4", "i8", "u1", "i1", "b1"):
            raise self.error(where, "a number of NumPy's", "something else")
        raw, dtype = self._bytes(made.args[1], where), np.dtype("<" + spelled)
        if len(raw) != dtype.itemsize:
            raise self.error(where, f"{dtype.itemsize} bytes", str(len(raw)))
        return np.frombuffer(raw, dtype)[0].item()

    def owner(self, made: Any, module: str, where: str) -> ForeignOptimizer:
        """An optimizer or scheduler, of which only the class's name and the plain attributes are taken."""
        kind, args = (made.kind, made.args) if isinstance(made, Made) else (made, ())
        if isinstance(made, Made) and (kind.module, kind.name) in _RECONSTRUCTORS and args:
            kind = args[0]
        if not isinstance(made, Made) or not isinstance(kind, Named):
            raise self._refusal(type(made).__name__ if not isinstance(made, Named) else made, where)
        if kind.module != module and not kind.module.startswith(f"{module}."):
            raise self._refusal(kind, where)
        if type(made.state) is not dict:
            raise self.error(where, f"the attributes of {kind}", type(made.state).__name__)
        state = dict(made.state)
        scheduler = state.pop("lr_scheduler", None)
        if scheduler is not None and module == _SCHEDULERS:
            raise self.error(where, "a scheduler without another one", f"{kind} with one")
        for name in _OWN_WAY & state.keys():
            del state[name]
        numbers = {str(name): self.value(value, f"{where}, {name}") for name, value in state.items()}
        below = None if scheduler is None else self.owner(scheduler, _SCHEDULERS, "learning-rate scheduler")
        return ForeignOptimizer(kind.name, numbers, below)
