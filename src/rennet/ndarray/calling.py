"""Calling an operator as users do: ``nd.name(*args, **kwargs)``, inputs and attributes in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._ops.registry import Operator
from ..base import ArgumentError
from .array import NDArray, invoke


def call(operator: Operator, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run an operator as ``nd.name(*args, **kwargs)`` does: arrays are inputs, everything else attributes, in order."""
    out, ctx = kwargs.pop("out", None), kwargs.pop("ctx", None)
    kwargs.pop("name", None)  # graphs have names, arrays do not; begin_state passes one to either
    arrays: list[NDArray] = []
    attributes = {key: value for key, value in kwargs.items() if key not in operator.inputs}
    if operator.variadic:
        args = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
        arrays = list(args)
        attributes["num_args"] = len(arrays)
    elif operator.open_inputs:
        named = {key: value for key, value in kwargs.items() if isinstance(value, NDArray)}
        attributes = {key: value for key, value in kwargs.items() if key not in named}
        arrays = _inputs_in_use(operator, operator.input_names(operator.parse(attributes)), list(args), named)
    else:
        if len(args) > len(operator.inputs) + len(operator.attributes):
            raise ArgumentError(f"{operator.name}: too many arguments: {len(args)}")
        attributes.update(zip(operator.attributes, args[len(operator.inputs) :], strict=False))
        named = {key: kwargs[key] for key in operator.inputs if kwargs.get(key) is not None}
        given = [arg for arg in args[: len(operator.inputs)] if arg is not None]
        arrays = _inputs_in_use(operator, operator.input_names(operator.parse(attributes)), given, named)
    results = invoke(operator, arrays, attributes, ctx=ctx)
    if out is not None:
        for target, result in zip([out] if isinstance(out, NDArray) else out, results, strict=True):
            target[:] = result
        return out
    return results[0] if len(results) == 1 else results


def _inputs_in_use(operator: Operator, names: Sequence[str], given: list[Any], named: Mapping[str, Any]) -> list[Any]:
    """The inputs in order: those without a name take the places that the named ones leave."""
    unused = [key for key in named if key not in names]
    if unused:
        raise ArgumentError(
            f"{operator.name}: input {unused[0]} is not used with these attributes; it has: {', '.join(names)}"
        )
    free = [key for key in names if key not in named]
    if len(given) < len(free):
        raise ArgumentError(f"{operator.name}: input {free[len(given)]} is missing")
    if len(given) > len(free):
        total = len(given) + len(named)
        raise ArgumentError(f"{operator.name} takes {len(names)} inputs ({', '.join(names)}), got {total}")
    by_name = {**dict(zip(free, given, strict=True)), **named}
    return [by_name[key] for key in names]
