"""The flat vector of parameters: its size is MXNet's, its slots cover it, and it tells its input size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES

sizes = st.integers(1, 9)


@st.composite
def layouts(draw: Any) -> Layout:
    mode = draw(st.sampled_from(sorted(MODES)))
    hidden = draw(sizes)
    projection = draw(st.none() | st.integers(1, hidden)) if mode == "lstm" else None
    return Layout(mode, hidden, draw(st.integers(1, 3)), draw(st.booleans()), projection)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=layouts(), input_size=sizes)
def test_the_size_is_mxnets(oracle: Oracle, layout: Layout, input_size: int) -> None:
    rnn = mx.sym.RNN(
        mx.sym.Variable("data"),
        mode=layout.mode,
        state_size=layout.hidden_size,
        num_layers=layout.num_layers,
        bidirectional=layout.bidirectional,
        projection_size=layout.projection_size,
        name="rnn",
    )
    theirs = oracle.symbol_info(rnn.tojson(), {"data": (2, 3, input_size)})
    assert theirs.argument_shapes is not None
    shapes = dict(zip(theirs.arguments, theirs.argument_shapes, strict=True))
    assert shapes["rnn_parameters"] == (layout.size(input_size),)
    assert shapes["rnn_state"] == (layout.num_layers * layout.directions, 3, layout.output_size)
    assert theirs.output_shapes == [(2, 3, layout.directions * layout.output_size)]


@given(layout=layouts(), input_size=sizes)
def test_slots_cover_the_vector_in_order(layout: Layout, input_size: int) -> None:
    slots = list(layout.slots(input_size))
    parts = [part for slot in slots for part in slot.parts()]
    for pieces in (slots, parts):
        ends = [piece.offset + piece.size for piece in pieces]
        assert [piece.offset for piece in pieces] == [0, *ends[:-1]]
        assert ends[-1] == layout.size(input_size)
        assert [piece.size for piece in pieces] == [int(np.prod(piece.shape)) for piece in pieces]
    names = [part.name for part in parts]
    assert len(set(names)) == len(names)
    kinds = [slot.kind for slot in slots]
    assert kinds == sorted(kinds, reverse=True)  # weights, then biases


@given(layout=layouts(), input_size=sizes)
def test_the_vector_tells_the_input_size(layout: Layout, input_size: int) -> None:
    total = layout.size(input_size)
    assert layout.input_size(total) == input_size
    if layout.size(1) - layout.size(0) > 1:
        assert layout.input_size(total + 1) is None
    assert layout.input_size(layout.size(0)) is None


def test_names() -> None:
    slots = list(Layout("lstm", 2, 2, True, projection_size=1).slots(3))
    assert [slot.name() for slot in slots if slot.kind == "weight"] == [
        f"{cell}_{group}_weight" for cell in ("l0", "r0", "l1", "r1") for group in ("i2h", "h2h", "h2r")
    ]
    assert not any(slot.group == "h2r" for slot in slots if slot.kind == "bias")
    assert [part.name for part in slots[0].parts()] == [f"l0_i2h{gate}_weight" for gate in ("_i", "_f", "_c", "_o")]
    assert [slot.shape for slot in slots[:3]] == [(8, 3), (8, 1), (1, 2)]
    assert slots[6].shape == (8, 2)  # above: both directions' projections


@pytest.mark.parametrize(
    ("mode", "gates", "states"), [("rnn_tanh", 1, 1), ("rnn_relu", 1, 1), ("lstm", 4, 2), ("gru", 3, 1)]
)
def test_modes(mode: str, gates: int, states: int) -> None:
    assert (MODES[mode].num_gates, MODES[mode].states) == (gates, states)


@given(layout=layouts(), input_size=sizes)
def test_unpacked_is_packed_again(layout: Layout, input_size: int) -> None:
    """By views, in any kind of array."""
    vector = np.arange(layout.size(input_size), dtype=np.float64)
    parts = layout.unpack(vector)
    assert {name: part.shape for name, part in parts.items()} == {
        slot.name(): slot.shape for slot in layout.slots(input_size)
    }
    assert all(np.shares_memory(part, vector) for part in parts.values())
    shuffled = dict(reversed(parts.items()))
    assert (layout.pack(shuffled, np.concatenate) == vector).all()
    tensor = torch.from_numpy(vector)
    assert torch.equal(layout.pack(layout.unpack(tensor), torch.cat), tensor)
    array = mx.nd.array(vector, dtype="float64")
    assert (layout.pack(layout.unpack(array), mx.nd.concatenate).asnumpy() == vector).all()


def test_what_cannot_be_unpacked_or_packed() -> None:
    layout = Layout("gru", 2)
    with pytest.raises(ValueError, match="a vector of 41 fits no input size of Layout"):
        layout.unpack(np.zeros(41))
    parts = layout.unpack(np.zeros(layout.size(3)))
    with pytest.raises(ValueError, match="missing: l0_h2h_bias; superfluous: none"):
        layout.pack({name: part for name, part in parts.items() if name != "l0_h2h_bias"}, np.concatenate)
    with pytest.raises(ValueError, match="missing: none; superfluous: l1_h2h_bias"):
        layout.pack({**parts, "l1_h2h_bias": np.zeros(6)}, np.concatenate)
    with pytest.raises(ValueError, match=r"l0_h2h_bias: expected shape \(6,\), got \(5,\)"):
        layout.pack({**parts, "l0_h2h_bias": np.zeros(5)}, np.concatenate)
