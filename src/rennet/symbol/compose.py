"""From a call such as ``sym.FullyConnected(x, num_hidden=3)`` to a node with inputs, attributes and a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import attribute, name
from .._graph import Entry, Node
from .._ops.registry import Operator
from ..base import ArgumentError, expect

HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
"""Free-form attributes that may be written, and asked for, with and without their underscores."""


def hidden(key: str) -> str:
    """The name under which a node keeps an attribute."""
    return f"__{key}__" if key in HIDDEN_KEYS else key


def compose(
    operator: Operator, alias: str, symbols: Sequence[Any], by_name: Mapping[str, Any], attributes: Mapping[str, Any]
) -> Node:
    """The node for one call.

    Parameters
    ----------
    operator : Operator
        What is applied.
    alias : str
        The name it was called by; the automatic name comes from it.
    symbols, by_name
        Inputs by position and by name. Those missing become new variables called after the node.
    attributes : dict
        The operator's attributes, and ``name`` and ``attr``.
    """
    attributes = dict(attributes)
    chosen, free = attributes.pop("name", None), attributes.pop("attr", None)
    if chosen is not None:
        expect(f"{operator.name}: name", chosen, str, "a string")
    if free is not None:
        expect(f"{operator.name}: attr", free, Mapping, "a dict of strings")
    given = {key: operator.text_of(key, value) for key, value in attributes.items()}
    if operator.variadic:
        if not symbols:
            raise ArgumentError(f"{operator.name}: expected at least one input, got none")
        given["num_args"] = str(len(symbols))
    texts = {hidden(key): value for key, value in {**attribute.current().get(free), **given}.items()}
    parsed = operator.parse(texts)
    full_name = name.current().get(chosen, alias.lower())
    if operator.variadic:
        names: Sequence[str] = [f"arg{i}" for i in range(len(symbols))]
    else:
        names = operator.input_names(parsed)
    slots: dict[str, Any] = dict(zip(names, symbols, strict=False))
    if len(symbols) > len(names):
        raise ArgumentError(f"{operator.name} takes {len(names)} inputs ({', '.join(names)}), got {len(symbols)}")
    for key, symbol in by_name.items():
        if key not in names:
            raise ArgumentError(f"{operator.name}: no input {key!r} with these attributes; it has: {', '.join(names)}")
        if key in slots:
            raise ArgumentError(f"{operator.name}: input {key} is given twice")
        slots[key] = symbol
    inputs = [_entry(operator, slots.get(key), key, full_name, texts) for key in names]
    for key, (child, _) in zip(names, inputs, strict=True) if operator.marks else ():
        if child.op is None and key in operator.marks:
            child.attrs = {**operator.marks[key], **child.attrs}
    node = Node(operator, full_name, texts, inputs, parsed)
    node.note_writing()
    return node


def _entry(operator: Operator, symbol: Any, key: str, node_name: str, texts: dict[str, str]) -> Entry:
    if symbol is None:
        # as in MXNet, a variable made for an operator carries that operator's attributes
        return Node(None, f"{node_name}_{key}", texts), 0
    heads: list[Entry] = symbol._outputs
    if len(heads) != 1:
        raise ArgumentError(
            f"{operator.name}: input {key}: expected one output, got a symbol with {len(heads)}; choose one by index"
        )
    return heads[0]
