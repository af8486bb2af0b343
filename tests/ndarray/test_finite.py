"""``nd.contrib.isnan``, ``isinf`` and ``isfinite``, as real MXNet has them."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.client import Oracle
from same_script import run_here

SOURCE = """
found = []
for name in ("isnan", "isinf", "isfinite"):
    answer = getattr(mx.nd.contrib, name)(mx.nd.array(values, dtype=dtype))
    found.append((answer.asnumpy(), str(np.dtype(answer.dtype))))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_against_mxnet(oracle: Oracle, dtype: str) -> None:
    values = np.array([[0.0, -1.5, np.nan], [np.inf, -np.inf, 3.0]])
    if dtype == "int32":
        values = np.array([[0.0, -1.0, 7.0]])
    given = {"values": values, "dtype": dtype}
    ours, theirs = run_here(SOURCE, ["found"], given)["found"], oracle.build(SOURCE, ["found"], given)["found"]
    for (mine, kind), (reference, expected) in zip(ours, theirs, strict=True):
        assert kind == expected
        assert mine.tolist() == reference.tolist()
