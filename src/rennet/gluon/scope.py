"""Where a new Block stands: its prefix and parameters follow from the Block in whose `name_scope` it is made."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .. import name
from .parameter_dict import ParameterDict

if TYPE_CHECKING:
    from .block import Block


class _BlockScope:
    """Names for the Blocks made inside another Block."""

    _current = threading.local()

    def __init__(self, block: Block) -> None:
        self._block = block
        self._counter: dict[str, int] = {}
        self._outer: list[tuple[_BlockScope | None, name.Prefix]] = []

    @staticmethod
    def create(prefix: str | None, params: ParameterDict | None, hint: str) -> tuple[str, ParameterDict]:
        """The full prefix and the parameters of a new Block, which would call itself `hint`."""
        if params is not None and not isinstance(params, ParameterDict):
            raise TypeError(f"params: expected a ParameterDict, such as another Block's .params, got {params!r}")
        scope: _BlockScope | None = getattr(_BlockScope._current, "value", None)
        if scope is None:
            if prefix is None:
                prefix = name.current().get(None, hint) + "_"
            return prefix, ParameterDict(prefix) if params is None else ParameterDict(params.prefix, params)
        if prefix is None:
            number = scope._counter.get(hint, 0)
            scope._counter[hint] = number + 1
            prefix = f"{hint}{number}_"
        parent = scope._block
        if params is None:
            own = ParameterDict(parent.params.prefix + prefix, parent.params._shared)
        else:
            own = ParameterDict(params.prefix, params)
        return parent.prefix + prefix, own

    def __enter__(self) -> _BlockScope:
        if not self._block._empty_prefix:
            naming = name.Prefix(self._block.prefix)
            self._outer.append((getattr(_BlockScope._current, "value", None), naming))
            _BlockScope._current.value = self
            naming.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if not self._block._empty_prefix:
            _BlockScope._current.value, naming = self._outer.pop()
            naming.__exit__(*exc)

    def __deepcopy__(self, memo: Any) -> _BlockScope:
        from copy import deepcopy

        new = _BlockScope(deepcopy(self._block, memo))
        new._counter = dict(self._counter)
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_outer": []}
