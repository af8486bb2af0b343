"""The table that `Block.summary` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray
from .block import Block, HookHandle
from .nn.containers import HybridSequential, Sequential
from .parameter import Parameter

_ROW = "{:>20}  {:>42} {:>15}"
_WIDTH = 80


class _Row(NamedTuple):
    layer: str
    shapes: str
    parameters: list[Parameter]


def print_summary(block: Block, inputs: Sequence[Any]) -> None:
    """Run `block` on the inputs, and print a row for every Block that ran but containers, innermost first."""
    _expect_imperative(block)
    block(*inputs)  # parameters get their shapes
    rows: list[_Row] = []
    handles: list[HookHandle] = []

    def watch(each: Block) -> None:
        if not isinstance(each, Sequential | HybridSequential):  # whose layers have rows
            handles.append(each.register_forward_hook(note))

    def note(each: Block, _: Any, outputs: Any) -> None:
        rows.append(_Row(f"{type(each).__name__}-{len(rows) + 1}", _shapes(outputs), list(each.params.values())))

    block.apply(watch)
    try:
        block(*inputs)
    finally:
        for handle in handles:
            handle.detach()
    _print(_shapes(inputs if len(inputs) > 1 else inputs[0]).removeprefix("[").removesuffix("]"), rows)


def _expect_imperative(block: Block) -> None:
    hybridized: list[str] = []
    block.apply(lambda each: hybridized.append(each.name) if getattr(each, "_active", False) else None)
    if hybridized:
        raise MXNetError(f'"{hybridized[-1]}" must not be hybridized to print summary.')


def _shapes(values: Any) -> str:
    if isinstance(values, NDArray):
        return str(values.shape)
    if isinstance(values, list | tuple):
        return f"[{', '.join(_shapes(each) for each in values)}]"
    return str(values)


def _count(parameters: Sequence[Parameter]) -> int:
    return sum(int(np.prod(each.shape or (0,))) for each in parameters)


def _print(inputs: str, rows: Sequence[_Row]) -> None:
    seen: dict[int, Parameter] = {}
    total = trainable = shared = 0
    print("-" * _WIDTH)
    print(_ROW.format("Layer (type)", "Output Shape", "Param #"))
    print("=" * _WIDTH)
    print(_ROW.format("Input", inputs, 0))
    for row in rows:
        shapes = row.shapes[1:-1] if row.shapes.startswith("[") else row.shapes
        print(_ROW.format(row.layer, shapes, _count(row.parameters)))
        total += _count(row.parameters)
        trainable += _count([each for each in row.parameters if each.grad_req != "null"])
        shared += _count([each for each in row.parameters if id(each) in seen])
        seen.update((id(each), each) for each in row.parameters)
    print("=" * _WIDTH)
    print("Parameters in forward computation graph, duplicate included")
    print(f"   Total params: {total}")
    print(f"   Trainable params: {trainable}")
    print(f"   Non-trainable params: {total - trainable}")
    print(f"Shared params in forward computation graph: {shared}")
    print(f"Unique parameters in model: {total - shared}")
    print("-" * _WIDTH)
