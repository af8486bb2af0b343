"""``Custom``: the operator whose inputs, outputs and computation its attribute ``op_type`` and the user's code decide.

The code is written on NDArrays, which are not known here: what it needs to be, for tensors, is a `Definition`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ..base import ArgumentError
from .inference import Attrs, Known
from .registry import Operator, add_alias


class Names(NamedTuple):
    """What a user's operator calls its inputs, its outputs, and the inputs that are auxiliary states."""

    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]


class Definition(Protocol):
    """A user's operator with its parameters. Lists of inputs are of the arguments and after them of the states."""

    names: Names

    def infer_shapes(self, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
        """What is known of all shapes, from what was known before."""
        ...

    def infer_types(self, ins: list[Any]) -> tuple[list[Any], list[Any]]:
        """Element types of inputs and outputs, from those of the inputs, None where unknown."""
        ...

    def run(
        self, tensors: Sequence[Tensor], training: bool, device: torch.device, kept: dict[str, Any]
    ) -> list[Tensor]:
        """The outputs; `kept` is there to remember things from one run to the next."""
        ...


Maker = Callable[[Mapping[str, str]], Definition]

DEFINITIONS: dict[str, Maker] = {}
"""The users' operators by their ``op_type``: from parameters to a definition."""


def _maker(op_type: str) -> Maker:
    if op_type not in DEFINITIONS:
        known = ", ".join(sorted(DEFINITIONS)) or "none"
        raise ArgumentError(
            f"Custom: op_type: expected a name that mx.operator.register was given, got {op_type!r}; known: {known}"
        )
    return DEFINITIONS[op_type]


def _definition(attrs: Attrs) -> Definition:
    return _maker(attrs["op_type"])({key: text for key, text in attrs.items() if key != "op_type"})


@functools.lru_cache(maxsize=1024)
def _names_before(maker: Maker, *parameters: tuple[str, str]) -> Names:
    """Names are asked for again and again, and depend on nothing but the parameters."""
    return maker(dict(parameters)).names


def _names(attrs: Attrs) -> Names:
    return _names_before(_maker(attrs["op_type"]), *((key, text) for key, text in attrs.items() if key != "op_type"))


def _infer(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    return _definition(attrs).infer_shapes(ins, outs)


def _types(attrs: Attrs, ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return _definition(attrs).infer_types(ins)


def _custom(*, op_type: str) -> None:
    """An operator written in Python and registered by ``mx.operator.register``.

    Its arguments and then its auxiliary states are the inputs, by position or by name. Further keyword arguments reach
    the constructor of its `CustomOpProp` as text.
    """


class CustomOperator(Operator):
    """The operator ``Custom``; a copy for each node of an executor keeps what the user's code remembers."""

    open_inputs = True

    def __init__(self) -> None:
        super().__init__(
            _custom,
            "Custom",
            active=None,
            aux=(),
            outputs=None,
            hidden_outputs=0,
            infer=_infer,
            types=_types,
            marks={},
            check=None,
        )
        self._kept: dict[str, Any] | None = None

    def anew(self) -> CustomOperator:
        """A copy with a memory of its own."""
        made = copy.copy(self)
        made._kept = {}
        return made

    def parse(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The attributes as text; free-form ``__key__`` ones are passed over."""
        declared = {key: value for key, value in given.items() if key in self.attributes}
        parameters = {
            key: self.text_of(key, value)
            for key, value in given.items()
            if key not in declared and not (key.startswith("__") and key.endswith("__"))
        }
        return MappingProxyType({**super().parse(declared), **parameters})

    def text_of(self, key: str, value: Any) -> str:
        """What the user's code is given for `value`: Python's own text, a list not made a tuple."""
        return str(value)

    def input_names(self, attrs: Attrs) -> Sequence[str]:
        """Names of the arguments and after them of the auxiliary states."""
        names = _names(attrs)
        return (*names.arguments, *names.states)

    def aux_names(self, attrs: Attrs) -> Sequence[str]:
        """Names of the auxiliary states."""
        return _names(attrs).states

    def output_names(self, attrs: Attrs) -> Sequence[str]:
        """Names of the outputs."""
        return _names(attrs).outputs

    def bind(self, attrs: Attrs, training: bool, device: torch.device) -> Callable[..., list[Tensor]]:
        """The operator as a function of its input tensors alone."""
        kept = self._kept if self._kept is not None else {}
        if "definition" not in kept:
            kept["definition"] = _definition(attrs)
        definition: Definition = kept["definition"]
        return lambda *tensors: definition.run(tensors, training, device, kept)


add_alias("Custom", CustomOperator())
