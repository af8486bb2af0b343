"""The cells against networks that real MXNet wrote down: names, shapes, and numbers, without MXNet at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from goldens.networks import MERGES, NETWORKS
from rennet.rnn.cell import BaseRNNCell
from rennet.symbol import Symbol
from same_script import run_symbol

FOLDER = Path(__file__).parents[1] / "goldens" / "cells"
EVERY = [(name, how) for name in NETWORKS for how in MERGES]
every_network = pytest.mark.parametrize(("name", "how"), EVERY, ids=["-".join(each) for each in EVERY])


class Golden(NamedTuple):
    """What was written down of one network."""

    described: dict[str, Any]
    arguments: dict[str, np.ndarray]
    outputs: list[np.ndarray]
    gradients: dict[str, np.ndarray] | None


def read(name: str, how: str) -> Golden:
    described = json.loads((FOLDER / f"{name}_{how}.json").read_text())
    with np.load(FOLDER / f"{name}_{how}.npz") as numbers:
        arguments = cut(numbers["arguments"], described["arguments"])
        outputs = cut(numbers["outputs"], {str(place): shape for place, (_, shape) in enumerate(described["outputs"])})
        gradients = cut(numbers["gradients"], described["arguments"]) if "gradients" in numbers else None
    return Golden(described, arguments, list(outputs.values()), gradients)


def cut(flat: np.ndarray, shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays that stand in `flat` one after another."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    assert ends[-1] == flat.size
    return {
        name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), np.split(flat, ends[:-1]), strict=True)
    }


def agree(symbol: Symbol, golden: Golden, what: str) -> None:
    outputs, _ = run_symbol(symbol, golden.arguments)
    assert_all_close(outputs, golden.outputs, 1e-5, f"{what}: outputs")
    if golden.gradients is not None:
        heads = [np.ones_like(output) for output in golden.outputs]
        _, gradients = run_symbol(symbol, golden.arguments, heads)
        assert_all_close(gradients, golden.gradients, 1e-5, f"{what}: gradients")


@every_network
def test_the_stored_graph_gives_the_stored_numbers(name: str, how: str) -> None:
    golden = read(name, how)
    agree(mx.sym.load_json(json.dumps(golden.described["graph"])), golden, "their graph")


@every_network
def test_our_graph_is_the_stored_one(name: str, how: str) -> None:
    network, golden = NETWORKS[name], read(name, how)
    ours = network.build(mx, MERGES[how])
    argument_shapes, output_shapes, _ = ours.infer_shape(x=network.shape)
    if network.own_masks:
        assert set(ours.list_arguments()) == set(golden.arguments)
        return
    arguments = dict(zip(ours.list_arguments(), map(list, argument_shapes), strict=True))
    assert list(arguments.items()) == list(golden.described["arguments"].items())
    outputs = [[name, list(shape)] for name, shape in zip(ours.list_outputs(), output_shapes, strict=True)]
    assert outputs == golden.described["outputs"]
    assert ours.get_internals().list_outputs() == golden.described["internals"]
    agree(ours, golden, "our graph")


def test_every_cell_is_among_them() -> None:
    bases = {"BaseRNNCell", "ModifierCell", "BaseConvRNNCell"}
    cells = {name for name in mx.rnn.__all__ if isinstance(getattr(mx.rnn, name), type)}
    cells = {name for name in cells if issubclass(getattr(mx.rnn, name), BaseRNNCell)} - bases
    text = " ".join(network.cell for network in NETWORKS.values()).replace("stack(", "mx.rnn.SequentialRNNCell(")
    assert cells == {name for name in cells if f"mx.rnn.{name}(" in text}


def test_each_file_belongs_to_a_network() -> None:
    expected = {f"{name}_{how}.{kind}" for name, how in EVERY for kind in ("json", "npz")}
    assert {path.name for path in FOLDER.iterdir()} == expected
