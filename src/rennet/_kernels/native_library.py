"""The shared library of the CPU kernels: finding it, and its functions. `csrc/rennet.h` says what they do."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

INTERFACE = 3
NAME = "_native"
PLACE = "RENNET_NATIVE_LIBRARY"
"""The variable of the environment that names another build of the library, one with sanitizers, say."""


class Sizes(NamedTuple):
    """Bytes of a call's buffers."""

    forward: int
    backward: int
    record: int


_WORDS = struct.Struct("=11qdd41q")
"""A call: `struct rennet_call`, whose fields have eight bytes each."""


class Library:
    """The library's functions on a call, which is `bytes` made by `words`."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.rennet_instruction_set_name.restype = ctypes.c_char_p
        self._forward, self._backward = self._library.rennet_forward, self._library.rennet_backward
        for function in (self._forward, self._backward):
            function.argtypes, function.restype = [ctypes.c_char_p], ctypes.c_int64
        self._measure = self._library.rennet_measure
        self._measure.argtypes, self._measure.restype = [ctypes.c_char_p, ctypes.c_void_p], ctypes.c_int64
        self.instruction_sets = [
            self._library.rennet_instruction_set_name(index).decode()
            for index in range(self._library.rennet_instruction_sets())
        ]
        """The names of those compiled in, best first."""
        self.share_threads(_openmp())

    def share_threads(self, openmp: Sequence[int] | None) -> None:
        """Compute on the threads of the OpenMP runtime with these entry points, or with None on threads of its own.

        To be called while it computes nothing.
        """
        self._library.rennet_share_threads(None if openmp is None else struct.pack("=3q", *openmp))

    def usable(self, index: int) -> bool:
        """Has this processor the instruction set."""
        return bool(self._library.rennet_instruction_set_usable(index))

    @staticmethod
    def words(*values: float) -> bytes:
        """The fields of a call, in order; a pointer is its address or 0."""
        return _WORDS.pack(*values)

    def measure(self, call: bytes) -> Sizes:
        """How large its buffers must be."""
        found = (ctypes.c_int64 * 3)()
        self._check(self._measure(call, found))
        return Sizes(*found)

    def forward(self, call: bytes) -> None:
        """Compute; other Python threads run meanwhile."""
        self._check(self._forward(call))

    def backward(self, call: bytes) -> None:
        """Compute the gradients."""
        self._check(self._backward(call))

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise RuntimeError("the native kernels were called with fields that make no sense; this is a bug in rennet")


def _openmp() -> list[int] | None:
    """Entry points of the OpenMP runtime on whose threads torch computes; None if GNU programs could use none."""
    try:
        library = ctypes.CDLL(torch._C.__file__)  # loaded already; names are looked up in all that it needs
        found = [getattr(library, name) for name in ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")]
    except (OSError, AttributeError):
        return None
    return [ctypes.cast(each, ctypes.c_void_p).value or 0 for each in found]


@functools.cache
def load() -> Library | str:
    """The library, or why there is none."""
    path = _find()
    if path is None:
        return (
            "its extension was not built: installing rennet found no working C++ compiler; "
            "install one (g++ or clang++), then install rennet again"
        )
    try:
        library = ctypes.CDLL(str(path))
        version = library.rennet_interface()
    except (OSError, AttributeError) as error:
        return f"its extension cannot be loaded: {error}"
    if version != INTERFACE:
        return f"its extension is of another version of rennet (interface {version}, not {INTERFACE}): install again"
    return Library(path)


def _find() -> Path | None:
    """The file: the one asked for, or the one beside this module, or where an editable installation put it."""
    if PLACE in os.environ:
        return Path(os.environ[PLACE])
    from . import __path__ as folders

    for folder in folders:
        for path in sorted(Path(folder).glob(f"{NAME}.*")):
            if path.suffix in (".so", ".dylib", ".dll"):
                return path
    return None
