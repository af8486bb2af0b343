"""Signature and docstring of the functions generated from an operator."""

from __future__ import annotations

import inspect
from typing import Any

from .attrs import Attribute
from .registry import Operator


def describe(function: Any, name: str, operator: Operator, module: str) -> Any:
    """Give a generated function the name, signature and docstring of its operator."""
    kinds = inspect.Parameter
    unnamed = operator.variadic or operator.open_inputs
    parameters = (
        [kinds("data", kinds.VAR_POSITIONAL)]
        if unnamed
        else [kinds(each, kinds.POSITIONAL_OR_KEYWORD, default=None) for each in operator.inputs]
    )
    lines = [operator.doc, "", "Parameters", "----------"]
    lines += [f"{each} : array" for each in (("*data",) if unnamed else operator.inputs)]
    for attribute in operator.attributes.values():
        required = attribute.default is Attribute.REQUIRED
        default = kinds.empty if required else attribute.default
        parameters.append(kinds(attribute.name, kinds.KEYWORD_ONLY, default=default))
        lines.append(f"{attribute.name} : {attribute.expected}" + ("" if required else f", default {default!r}"))
    function.__signature__ = inspect.Signature([*parameters, kinds("kwargs", kinds.VAR_KEYWORD)])
    function.__doc__ = "\n".join(lines)
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    return function
