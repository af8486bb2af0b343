"""Names of results: symbols have them, arrays do not."""

from __future__ import annotations

from typing import Any

from .. import name
from ..symbol import Symbol


def call_it(result: Any, wanted: str) -> Any:
    """Name the operator that has just made `result`. The math stays free of names; the cell labels what users see."""
    if isinstance(result, Symbol):
        result._outputs[0][0].name = name.current().get(wanted, "")
    return result
