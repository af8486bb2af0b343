"""Dropout with one mask for a whole sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from rennet.gluon import rnn
from rennet.gluon.contrib.rnn import VariationalDropoutCell


class Wire(rnn.HybridRecurrentCell):
    """Puts out the input and, apart, the sum of state and input."""

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        return [{"shape": (batch_size, 30), "__layout__": "NC"}]

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        return inputs * 1, [states[0] + inputs]


class Unrolled(mx.gluon.HybridBlock):
    def __init__(self, cell: Any, layout: str) -> None:
        super().__init__()
        self.cell, self._layout = cell, layout

    def hybrid_forward(self, F: Any, inputs: Any) -> Any:
        return self.cell.unroll(4, inputs, layout=self._layout, merge_outputs=True)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("states", [0.0, 0.3])
def test_one_mask_for_all_steps(hybrid: bool, layout: str, states: float) -> None:
    for rates in ({"drop_inputs": 0.4}, {"drop_outputs": 0.4}):
        net = Unrolled(VariationalDropoutCell(Wire(), drop_states=states, **rates), layout)
        net.hybridize(hybrid)
        data = mx.nd.ones((4, 4, 30))
        with mx.autograd.train_mode():
            first, second = (net(data)[0].asnumpy() for _ in range(2))
        assert 0.5 < (first != 0).mean() < 0.7
        assert set(np.unique(first.round(4))) == {0, np.float32(1.6667)}
        steps = np.moveaxis(first, layout.index("T"), 0)
        assert (steps == steps[0]).all()
        assert (first != second).any()
        assert (net(data)[0].asnumpy() == 1).all()


@pytest.mark.parametrize("hybrid", [False, True])
def test_stepped_masks_stay_until_reset(hybrid: bool) -> None:
    """Hybridized too, where real MXNet draws new ones at each step."""
    cell = VariationalDropoutCell(Wire(), 0.5, 0.5, 0.5)
    cell.hybridize(hybrid)
    data, states = mx.nd.ones((2, 30)), [mx.nd.ones((2, 30))]
    with mx.autograd.train_mode():
        outputs = [cell(data, states) for _ in range(3)]
        for output, (state,) in outputs[1:]:
            assert (output == outputs[0][0]).asnumpy().all()
            assert (state == outputs[0][1][0]).asnumpy().all()
        masks = [cell.drop_inputs_mask, cell.drop_states_mask, cell.drop_outputs_mask]
        assert all(isinstance(mask, mx.nd.NDArray) for mask in masks)
        assert len({mask.asnumpy().tobytes() for mask in masks}) == 3
        cell.reset()
        assert cell.drop_inputs_mask is None
        again, _ = cell(data, states)
        assert (again != outputs[0][0]).asnumpy().any()


def test_arrays_after_symbols() -> None:
    """A mask of a graph is none for arrays."""
    cell = VariationalDropoutCell(Wire(), 0.5, 0.5, 0.5)
    cell(mx.sym.var("x"), [mx.sym.var("s")])
    output, _ = cell(mx.nd.ones((2, 30)), [mx.nd.ones((2, 30))])
    assert (output == 1).asnumpy().all()


@pytest.mark.parametrize("states", [0.0, 0.3])
def test_lengths(states: float) -> None:
    cell = VariationalDropoutCell(Wire(), 0.2, states, 0.2)
    outputs, (last,) = cell.unroll(3, mx.nd.ones((2, 3, 30)), merge_outputs=False, valid_length=[1, 3])
    assert [output.asnumpy()[:, 0].tolist() for output in outputs] == [[1, 1], [0, 1], [0, 1]]
    assert last.asnumpy()[:, 0].tolist() == [1, 3]


def test_names() -> None:
    cell = VariationalDropoutCell(rnn.LSTMCell(3, prefix="a_"), 0.1, 0.2, 0.3)
    assert (cell.prefix, repr(cell)) == ("a_vardrop", "VariationalDropoutCell(p_out = 0.3, p_state = 0.2)")
    with pytest.raises(mx.MXNetError, match="VariationalDropoutCell: drop_states: expected a rate"):
        VariationalDropoutCell(rnn.LSTMCell(3), drop_states=1)
