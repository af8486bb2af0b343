"""A snippet of Python, run with real MXNet as `mx`. The test runs the same snippet with rennet as `mx`."""

from __future__ import annotations

import random
from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]
import numpy as np

from .arrays import to_plain


def build(source: str, variables: list[str], inputs: dict[str, Any], seed: int) -> dict[str, Any]:
    random.seed(seed)
    np.random.seed(seed)
    mx.random.seed(seed)
    namespace: dict[str, Any] = {"mx": mx, "np": np, **inputs}
    # Fresh scopes: automatic names must not depend on what was asked before.
    with mx.name.NameManager(), mx.AttrScope():
        exec(compile(source, "<snippet>", "exec"), namespace)
    return {name: to_plain(namespace[name]) for name in variables}
