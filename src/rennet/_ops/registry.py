"""The table of operators, from which ``nd.*``, ``sym.*`` and Gluon's ``F`` are generated.

An operator is a function on torch tensors. Its signature is its record: positional parameters are inputs (``*args`` for
any number of them), keyword-only parameters are attributes, typed by their annotations (see `attrs`). Three annotations
are not attributes but are filled in by whoever runs the operator: `IsTraining`, `Device` and `Bodies`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

import torch
from torch import Tensor

from ..base import ArgumentError, MXNetError
from .attrs import Attribute, to_text
from .inference import Rule, forward_only

IsTraining = Annotated[bool, "is this a training step"]
Device = Annotated[torch.device, "where a result without inputs is made"]
Bodies = Annotated[tuple[Any, ...], "the graphs that a control-flow operator runs, as functions"]

_RUNTIME = {IsTraining: "training", Device: "device", Bodies: "bodies"}

Names = Callable[[Mapping[str, Any]], Sequence[str]]
Types = Callable[[Mapping[str, Any], list[Any]], tuple[list[Any], list[Any]]]
Check = Callable[[Mapping[str, Any]], Any]
Idle = Callable[[Mapping[str, Any]], Sequence[int]]


class Operator:
    """One operator.

    Parameters
    ----------
    fn : callable
        The computation on torch tensors; differentiable by torch's autograd.
    name : str
        Canonical name, the one written to graph files.
    active : callable, optional
        From the attributes to the names of the inputs in use, where that depends on them.
    aux : tuple of str
        Inputs that hold auxiliary state: updated in place, never differentiated.
    outputs : callable, optional
        From the attributes to the names of the outputs; ``('output',)`` by default.
    hidden_outputs : int or callable
        Further outputs that MXNet's operator has inside, or a function from the attributes to how many; they count in
        graph files only.
    infer : Rule
        Shape inference in both directions (see `inference`).
    types : callable
        Element-type inference: from attributes and input types (None where unknown) to those of inputs and outputs.
    marks : mapping
        For some inputs, attributes that a variable gets when it becomes this input: how to initialise it, say.
    check : callable, optional
        Raises if the attributes, each of which has the right type, make no sense together.
    ours : bool
        Whether it is an operator that MXNet does not have, which what runs graphs may use but no file may hold.
    idle : callable, optional
        From the attributes to the places of inputs at which it does not look in inference, and which may be None then.
    """

    open_inputs = False
    """Whether it takes any number of inputs, whose names follow from attributes that are not known beforehand."""

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str,
        *,
        active: Names | None,
        aux: tuple[str, ...],
        outputs: Names | None,
        hidden_outputs: int | Callable[[Mapping[str, Any]], int],
        infer: Rule | None,
        types: Types,
        marks: Mapping[str, Mapping[str, str]],
        check: Check | None,
        ours: bool = False,
        idle: Idle | None = None,
    ) -> None:
        self.marks, self._check, self.ours, self.idle = marks, check, ours, idle
        self.fn, self.name, self.aux, self.hidden_outputs = fn, name, aux, hidden_outputs
        self.aliases: list[str] = [name]
        self.doc = inspect.getdoc(fn) or ""
        self._active, self._outputs, self.types = active, outputs, types
        self._infer = infer or forward_only
        hints = get_type_hints(fn, include_extras=True)
        parameters = inspect.signature(fn).parameters.values()
        self.inputs = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.runtime = {p.name: _RUNTIME[hints[p.name]] for p in keywords if hints[p.name] in _RUNTIME}
        self.attributes = {
            p.name: Attribute(
                p.name, hints[p.name], Attribute.REQUIRED if p.default is inspect.Parameter.empty else p.default
            )
            for p in keywords
            if p.name not in self.runtime
        }
        if self.variadic:
            self.attributes["num_args"] = Attribute("num_args", int, None)

    def parse(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Typed attributes with defaults filled in; free-form ``__key__`` attributes are passed over."""
        try:
            return _parsed_before(self, *itertools.chain.from_iterable(given.items()))
        except TypeError:  # a list or an array cannot be looked up
            return self._parse(given)

    def _parse(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        parsed: dict[str, Any] = {}
        for key, value in given.items():
            attribute = self.attributes.get(key)
            if attribute is not None:
                parsed[key] = attribute.parse(self.name, value)
            elif not (key.startswith("__") and key.endswith("__")):
                known = ", ".join(self.attributes) or "none"
                raise ArgumentError(f"{self.name}: unknown attribute {key!r}; it has: {known}")
        for key, attribute in self.attributes.items():
            if key not in parsed:
                if attribute.default is Attribute.REQUIRED:
                    raise ArgumentError(f"{self.name}: attribute {key} is required: {attribute.expected}")
                parsed[key] = attribute.default
        if self._check is not None:
            self._check(parsed)
        return MappingProxyType(parsed)

    def text_of(self, key: str, value: Any) -> str:
        """An attribute's value as graphs keep it."""
        return to_text(value)

    def input_names(self, attrs: Mapping[str, Any]) -> Sequence[str]:
        """Names of the inputs in use."""
        if self.variadic:
            return [f"arg{i}" for i in range(attrs["num_args"] or 0)]
        return self._active(attrs) if self._active else self.inputs

    def aux_names(self, attrs: Mapping[str, Any]) -> Sequence[str]:
        """Names of the inputs that hold auxiliary state."""
        return self.aux

    def output_names(self, attrs: Mapping[str, Any]) -> Sequence[str]:
        """Names of the outputs."""
        return self._outputs(attrs) if self._outputs else ("output",)

    def anew(self) -> Operator:
        """This operator for one node of one executor: a copy, if it remembers something from run to run."""
        return self

    def count_hidden(self, attrs: Mapping[str, Any]) -> int:
        """How many outputs MXNet's operator has inside."""
        return self.hidden_outputs(attrs) if callable(self.hidden_outputs) else self.hidden_outputs

    def bind(self, attrs: Mapping[str, Any], training: bool, device: torch.device) -> Callable[..., Any]:
        """The operator as a function of its input tensors alone."""
        keywords = {key: value for key, value in attrs.items() if key != "num_args"}
        for name, what in self.runtime.items():
            keywords[name] = training if what == "training" else device
        run = functools.partial(self.fn, **keywords) if keywords else self.fn
        names = () if self.variadic else tuple(self.input_names(attrs))
        if names == self.inputs[: len(names)]:
            return run
        # one in the middle is left out: an RNN's lengths without a cell state
        return lambda *tensors: run(**dict(zip(names, tensors, strict=True)))

    def infer_shapes(self, attrs: Mapping[str, Any], ins: list[Any], outs: list[Any]) -> tuple[list[Any], list[Any]]:
        """What is known of all shapes after this operator's rule has been applied to what was known before."""
        return self._infer(self, attrs, ins, outs)

    def run_on_meta(self, attrs: Mapping[str, Any], ins: Sequence[Tensor]) -> list[Tensor]:
        """The outputs' shapes and types, found by running the operator on tensors without data."""
        with torch.no_grad():
            result = self.bind(attrs, False, torch.device("meta"))(*ins)
        return list(result) if isinstance(result, tuple | list) else [result]

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


def same_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    """All inputs and outputs have one element type: the first that is known."""
    known = next((kind for kind in ins if kind is not None), None)
    return [known if kind is None else kind for kind in ins], [known]


def first_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    """The inputs may differ in type; the output has that of the first."""
    return ins, [ins[0]]


@functools.lru_cache(maxsize=4096, typed=True)
def _parsed_before(operator: Operator, *flat: Any) -> Mapping[str, Any]:
    """Parsing takes longer than many an operator, and a program asks for the same few things again and again."""
    return operator._parse(dict(zip(flat[::2], flat[1::2], strict=True)))


OPERATORS: dict[str, Operator] = {}
"""Every operator under its canonical name and under each alias."""


def operator(
    name: str,
    *aliases: str,
    active: Names | None = None,
    aux: tuple[str, ...] = (),
    outputs: Names | None = None,
    hidden_outputs: int | Callable[[Mapping[str, Any]], int] = 0,
    infer: Rule | None = None,
    types: Types = same_type,
    marks: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    check: Check | None = None,
    ours: bool = False,
    idle: Idle | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function into the table under `name` and `aliases`; see `Operator`."""

    def enter(fn: Callable[..., Any]) -> Callable[..., Any]:
        record = Operator(
            fn,
            name,
            active=active,
            aux=aux,
            outputs=outputs,
            hidden_outputs=hidden_outputs,
            infer=infer,
            types=types,
            marks=marks,
            check=check,
            ours=ours,
            idle=idle,
        )
        for alias in (name, *aliases):
            add_alias(alias, record)
        return fn

    return enter


def add_alias(alias: str, record: Operator) -> None:
    """Make `record` known under one more name."""
    if OPERATORS.setdefault(alias, record) is not record:
        raise MXNetError(f"two operators are called {alias}")
    if alias not in record.aliases:
        record.aliases.append(alias)


def find(name: str, where: str = "") -> Operator:
    """The operator called `name`; an unknown one is an error that names the nearest."""
    record = OPERATORS.get(name)
    if record is None:
        near = difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f"; the nearest known one is {near[0]}" if near else ""
        raise MXNetError(f"{where}unknown operator {name!r}{hint}")
    return record
