"""What a pickle says, without doing it: nothing is imported and nothing is called.

A pickle is a program for a small stack machine. Here its steps are followed over values that cannot do anything: what
it would import becomes a `Named`, what it would call becomes a `Made`. Whoever reads then builds what he knows from
these, and refuses the rest by name.
"""

from __future__ import annotations

import pickletools
import struct
import warnings
from dataclasses import dataclass, field
from typing import Any

from ..base import FormatError
from .json_text import brief

__all__ = ["Made", "Named", "read_pickle"]

_MARK = object()
_MOST_STEPS = 1 << 21
"""Operations that are followed; an array takes about fifteen. Each may take far more memory than it has bytes."""
_MAX_BITS = 128
_LITERALS = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_NO_MATTER = frozenset({"PROTO", "FRAME"})


@dataclass(frozen=True)
class Named:
    """Something that the pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Made:
    """What the pickle would get by calling `kind` with `args`, and the state that it would then give it."""

    kind: Named
    args: tuple[Any, ...]
    state: Any = None
    items: list[tuple[Any, Any]] = field(default_factory=list)
    """What it would put into it as into a dict."""


def read_pickle(raw: bytes, source: str) -> Any:
    """The value that a pickle describes: plain values as they are, everything else as `Named` and `Made`.

    Values may stand in it more than once, and even within themselves; whoever walks over them keeps count.

    Parameters
    ----------
    raw : bytes
        The pickle, of any protocol.
    source : str
        What errors call it.

    Raises
    ------
    FormatError
        The bytes are no pickle, or it does what no file of data does: such as calling what it has built.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps({0: (1, "a")}), "a file")
    {0: (1, 'a')}
    >>> read_pickle(pickle.dumps(print), "a file")
    Named(module='builtins', name='print')
    """
    machine = _Machine(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of escapes in text that are none
            return _follow(machine, raw)
    except (ValueError, struct.error, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise machine.error("pickle", "a whole pickle", str(error)) from None


def _follow(machine: _Machine, raw: bytes) -> Any:
    for step, (operation, argument, place) in enumerate(pickletools.genops(raw)):
        machine.place = place or 0
        if step >= _MOST_STEPS:
            raise machine.error("pickle", f"at most {_MOST_STEPS} operations", "more")
        if isinstance(argument, int) and argument.bit_length() > _MAX_BITS:
            raise machine.error(operation.name, f"a number of at most {_MAX_BITS} bits", brief(argument))
        if operation.name == "STOP":
            if len(machine.stack) != 1:
                raise machine.error("STOP", "one value", f"{len(machine.stack)}")
            if machine.place + 1 != len(raw):
                raise machine.error("end", "no more bytes", f"{len(raw) - machine.place - 1}")
            return machine.pop(operation.name)
        machine.step(operation.name, argument)
    raise machine.error("pickle", "a whole pickle", "one that does not end")


class _Machine:
    """The stack and the memo."""

    def __init__(self, source: str) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.place = 0
        self._source = source

    def error(self, what: str, expected: str, got: str) -> FormatError:
        """What to raise about the operation at hand."""
        return FormatError(self._source, f"byte {self.place}", what, expected, got)

    def pop(self, what: str) -> Any:
        """The topmost value, which no mark may be."""
        if not self.stack or self.stack[-1] is _MARK:
            raise self.error(what, "a value on the stack", "none")
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """Follow one operation."""
        stack = self.stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "MEMOIZE":
            self._keep(len(self.memo))
        elif name in _PUTS:
            self._keep(argument)
        elif name in _GETS:
            if argument not in self.memo:
                raise self.error(name, "something that was kept before", str(argument))
            stack.append(self.memo[argument])
        elif name not in _NO_MATTER:
            handle = getattr(self, f"_{name.lower()}", None)
            if handle is None:
                raise self.error("operation", "one that files of optimizer states need", name)
            handle(argument)

    def _keep(self, place: int) -> None:
        value = self.pop("memo")
        self.memo[place] = value
        self.stack.append(value)

    def _since_mark(self, what: str) -> list[Any]:
        place = len(self.stack) - 1
        while place >= 0 and self.stack[place] is not _MARK:
            place -= 1
        if place < 0:
            raise self.error(what, "a mark on the stack", "none")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _top(self, what: str, *kinds: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kinds):
            got = brief(type(self.stack[-1]).__name__) if self.stack else "nothing"
            raise self.error(what, " or ".join(kind.__name__ for kind in kinds), got)
        return self.stack[-1]

    # tuples, lists, dicts

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark("TUPLE")))

    def _tuple1(self, _: Any) -> None:
        self._join(1)

    def _tuple2(self, _: Any) -> None:
        self._join(2)

    def _tuple3(self, _: Any) -> None:
        self._join(3)

    def _join(self, count: int) -> None:
        self.stack.append(tuple([self.pop("TUPLE") for _ in range(count)][::-1]))

    def _list(self, _: Any) -> None:
        self.stack.append(self._since_mark("LIST"))

    def _dict(self, _: Any) -> None:
        values = self._since_mark("DICT")
        self.stack.append({})
        self._put(values)

    def _append(self, _: Any) -> None:
        value = self.pop("APPEND")
        self._top("APPEND", list).append(value)

    def _appends(self, _: Any) -> None:
        values = self._since_mark("APPENDS")
        self._top("APPENDS", list).extend(values)

    def _setitem(self, _: Any) -> None:
        value, key = self.pop("SETITEM"), self.pop("SETITEM")
        self._put([key, value])

    def _setitems(self, _: Any) -> None:
        self._put(self._since_mark("SETITEMS"))

    def _put(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise self.error("SETITEMS", "a value for each key", f"{len(values)} of both")
        target = self._top("SETITEMS", dict, Made)
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | bytes | int | float | type(None)):
                raise self.error("SETITEMS", "a number or text as key", type(key).__name__)
            if isinstance(target, Made):
                target.items.append((key, value))
            else:
                target[key] = value

    def _pop(self, _: Any) -> None:
        if not self.stack:
            raise self.error("POP", "something on the stack", "nothing")
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark("POP_MARK")

    def _dup(self, _: Any) -> None:
        self.stack.append(self._top("DUP", object))

    # what would be imported and called

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Named(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self.pop("STACK_GLOBAL"), self.pop("STACK_GLOBAL")
        if not isinstance(name, str) or not isinstance(module, str):
            raise self.error("STACK_GLOBAL", "two texts", f"{brief(module)} and {brief(name)}")
        self.stack.append(Named(module, name))

    def _reduce(self, _: Any) -> None:
        args, kind = self.pop("REDUCE"), self.pop("REDUCE")
        self._make(kind, args)

    _newobj = _reduce

    def _make(self, kind: Any, args: Any) -> None:
        if not isinstance(kind, Named) or not isinstance(args, tuple):
            what = f"{type(kind).__name__} and {type(args).__name__}"
            raise self.error("REDUCE", "something imported, and a tuple of arguments", what)
        self.stack.append(Made(kind, args))

    def _build(self, _: Any) -> None:
        state = self.pop("BUILD")
        made = self._top("BUILD", Made)
        if made.state is not None:
            raise self.error("BUILD", "the state of an object once", "twice")
        made.state = state
