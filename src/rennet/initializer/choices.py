"""Initializers that choose by name: among others, or among arrays already at hand."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence

from ..base import ArgumentError, ShapeError
from ..ndarray import NDArray, load

Initialize = Callable[[str, NDArray], None]


class Mixed:
    """The first initializer whose pattern matches the beginning of the parameter's name.

    Parameters
    ----------
    patterns : list of str
        Regular expressions.
    initializers : list of Initializer
        As many initializers.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.initializer import InitDesc, Mixed, One, Zero
    >>> array = mx.nd.zeros((2,))
    >>> Mixed(["fc", ".*"], [One(), Zero()])(InitDesc("fc_weight"), array)
    >>> array.asnumpy().tolist()
    [1.0, 1.0]
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Initialize]) -> None:
        if len(patterns) != len(initializers):
            counts = f"{len(patterns)} and {len(initializers)}"
            raise ArgumentError(f"Mixed: expected as many initializers as patterns, got {counts}")
        self.map = [(re.compile(pattern), each) for pattern, each in zip(patterns, initializers, strict=True)]

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fill an array; see `Initializer.__call__`."""
        for pattern, initialize in self.map:
            if pattern.match(name):
                initialize(name, arr)
                return
        patterns = ", ".join(repr(pattern.pattern) for pattern, _ in self.map)
        raise ArgumentError(f"Mixed: {name!r} matches none of {patterns}; a last pattern '.*' matches all names")


class Load:
    """Values by name, from a file or a dict.

    Parameters
    ----------
    param : path or dict of str to NDArray
        The values, or a ``.params`` file with them. ``arg:`` and ``aux:`` before a name are left out.
    default_init : Initializer, optional
        For parameters that have no value.
    verbose : bool
        Whether to log where each parameter's value came from.
    """

    def __init__(
        self,
        param: str | os.PathLike[str] | Mapping[str, NDArray],
        default_init: Initialize | None = None,
        verbose: bool = False,
    ) -> None:
        content = param if isinstance(param, Mapping) else load(param)
        if not isinstance(content, Mapping):
            raise ArgumentError(f"Load: expected arrays with names, got a {type(content).__name__}")
        self.param = {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in content.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fill an array; see `Initializer.__call__`."""
        value = self.param.get(name)
        if value is not None:
            if value.shape != arr.shape:
                raise ShapeError(f"Load: {name}: expected shape {arr.shape}, the value has {value.shape}")
            arr[:] = value
        elif self.default_init is not None:
            self.default_init(name, arr)
        else:
            raise ArgumentError(f"Load: there is no value for {name!r}, and no default_init")
        if self.verbose:
            logging.info("Initialized %s by %s", name, "loading" if value is not None else "default")
