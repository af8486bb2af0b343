"""Symbols that start a graph: variables, groups, constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import attribute
from .._dtypes import element_type
from .._graph import Node
from .._ops.attrs import to_text
from .._ops.catalogue import OPERATORS
from ..base import ArgumentError, expect, expect_number, shown
from .symbol import Symbol, call


def var(
    name: str,
    attr: dict[str, str] | None = None,
    shape: int | Sequence[int] | None = None,
    lr_mult: float | None = None,
    wd_mult: float | None = None,
    dtype: Any = None,
    init: Any = None,
    stype: str | None = None,
    **kwargs: Any,
) -> Symbol:
    """A variable: something that is given when the graph runs.

    Parameters
    ----------
    name : str
        Its name.
    attr : dict of str to str, optional
        Free-form attributes.
    shape, dtype : optional
        What is known of the array beforehand.
    lr_mult, wd_mult : float, optional
        Factors on the learning rate and the weight decay of this parameter.
    init : Initializer or str, optional
        Overrides the initialiser that the module is given.
    stype : str, optional
        Storage type; only ``'default'`` exists here.
    **kwargs
        Further attributes, whose names begin and end with two underscores.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"Variable: name: expected a string, got {type(name).__name__}")
    _expect_attributes(f"Variable {name}: attr", attr)
    attrs = attribute.current().get(attr)
    if shape is not None:
        attrs["__shape__"] = to_text(shape)
    if lr_mult is not None:
        attrs["__lr_mult__"] = str(expect_number(f"Variable {name}: lr_mult", lr_mult))
    if wd_mult is not None:
        attrs["__wd_mult__"] = str(expect_number(f"Variable {name}: wd_mult", wd_mult))
    if dtype is not None:
        attrs["__dtype__"] = str(element_type(dtype).code)
    if init is not None:
        if not isinstance(init, str) and not hasattr(init, "dumps"):
            raise ArgumentError(f"Variable {name}: init: expected an initializer or its name, got {shown(init)}")
        attrs["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        if stype != "default":
            raise ArgumentError(f"Variable {name}: stype: only 'default' is supported, got {stype!r}")
        attrs["__storage_type__"] = "0"
    for key, value in kwargs.items():
        if not (key.startswith("__") and key.endswith("__")):
            raise ArgumentError(f"Variable {name}: attribute {key!r}: its name must begin and end with '__'")
        attrs[key] = to_text(value)
    return Symbol([(Node(None, name, attrs), 0)])


Variable = var


def _expect_attributes(argument: str, given: Any) -> None:
    for key, value in expect(argument, given or {}, Mapping, "a dict of strings").items():
        expect(f"{argument}: {key}", value, str, "a string")


def Group(symbols: Sequence[Symbol]) -> Symbol:
    """One symbol with the outputs of all."""
    symbols = list(expect("Group: symbols", symbols, Iterable, "a non-empty sequence of Symbols"))
    if not symbols or not all(isinstance(symbol, Symbol) for symbol in symbols):
        raise ArgumentError("Group: expected a non-empty sequence of Symbols")
    versions = [version for symbol in symbols for version in symbol._versions]
    return Symbol([entry for symbol in symbols for entry in symbol._outputs], versions)


def _filled(operator: str, shape: Any, dtype: Any, kwargs: dict[str, Any]) -> Symbol:
    dtype = "float32" if dtype is None else dtype
    # begin_state passes the layout of the state: in a graph it is a free-form attribute
    return call(OPERATORS[operator], operator, [], {"shape": shape, "dtype": dtype, **kwargs})


def zeros(shape: int | Sequence[int], dtype: Any = None, **kwargs: Any) -> Symbol:
    """Zeros. A dimension of 0 is unknown and inferred from how the symbol is used."""
    return _filled("_zeros", shape, dtype, kwargs)


def ones(shape: int | Sequence[int], dtype: Any = None, **kwargs: Any) -> Symbol:
    """Ones. A dimension of 0 is unknown and inferred from how the symbol is used."""
    return _filled("_ones", shape, dtype, kwargs)


def full(shape: int | Sequence[int], val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """`val` everywhere."""
    return _filled("_full", shape, dtype, {"value": float(val), **kwargs})


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    name: str | None = None,
    dtype: Any = None,
) -> Symbol:
    """Numbers from `start` to before `stop`, each `repeat` times; ``arange(n)`` counts from 0."""
    attributes = {"start": start, "stop": stop, "step": step, "repeat": repeat, "infer_range": infer_range}
    return call(OPERATORS["_arange"], "_arange", [], {**attributes, "name": name, "dtype": dtype or "float32"})


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Ones on the `k`-th diagonal of an array of shape ``(N, M)``, or ``(N, N)`` if `M` is 0; zeros elsewhere."""
    return call(OPERATORS["_eye"], "_eye", [], {"N": N, "M": M, "k": k, "dtype": dtype or "float32", **kwargs})
