"""Cells over arrays, unrolled in one call: what they did step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from rennet._state import flags

rnn = mx.gluon.rnn
Zoneout, Variational = rnn.ZoneoutCell, mx.gluon.contrib.rnn.VariationalDropoutCell


def stack(*cells: Any, made: Any = None) -> Any:
    made = rnn.SequentialRNNCell() if made is None else made
    for cell in cells:
        made.add(cell)
    return made


CELLS = {
    "rnn": lambda: rnn.RNNCell(3),
    "relu": lambda: rnn.RNNCell(3, activation="relu"),
    "lstm": lambda: rnn.LSTMCell(3),
    "gru": lambda: rnn.GRUCell(3),
    "residual": lambda: rnn.ResidualCell(rnn.GRUCell(4)),
    "both ways": lambda: rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.LSTMCell(3)),
    "two kinds": lambda: rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(2)),
    "stack": lambda: stack(rnn.LSTMCell(3), rnn.DropoutCell(0.0), rnn.GRUCell(2)),
    "zoneout": lambda: Zoneout(rnn.LSTMCell(3), 0.2, 0.3),
    "zoneout of states": lambda: Zoneout(rnn.GRUCell(3), 0.0, 0.3),
    "zoneout of outputs": lambda: Zoneout(rnn.LSTMCell(3), 0.3),
    "mean zoneout": lambda: Zoneout(rnn.LSTMCell(3), 0.2, 0.3, expectation=True),
    "variational": lambda: Variational(rnn.LSTMCell(3), 0.2, 0.3, 0.4),
    "variational states": lambda: Variational(rnn.GRUCell(3), 0, 0.3),
    "variational plain": lambda: Variational(rnn.RNNCell(3), 0, 0.3, 0.2),
    "zoneout both ways": lambda: rnn.BidirectionalCell(
        Zoneout(rnn.LSTMCell(3), 0.2, 0.3), Zoneout(rnn.LSTMCell(3), 0.1, 0.6)
    ),
    "variational both ways": lambda: rnn.BidirectionalCell(
        Variational(rnn.LSTMCell(3), 0.2, 0.3), Variational(rnn.LSTMCell(3), 0.1, 0.6)
    ),
    "zoneout one way": lambda: rnn.BidirectionalCell(Zoneout(rnn.LSTMCell(3), 0.2, 0.3), rnn.LSTMCell(3)),
    "regularised stack": lambda: stack(
        Zoneout(rnn.LSTMCell(3), 0.2, 0.3),
        Variational(rnn.GRUCell(2), 0.1, 0.2, 0.3),
        Zoneout(rnn.RNNCell(3), 0.5),
        made=rnn.HybridSequentialRNNCell(),
    ),
    "one around the other": lambda: Variational(Zoneout(rnn.LSTMCell(3), 0.2, 0.3), 0, 0.3),
    "pairs": lambda: stack(*(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)) for _ in range(2))),
}
STEPS, BATCH = 4, 3


def unrolled(cell: Any, data: np.ndarray, fusing: bool, listed: bool, **how: Any) -> tuple[list[Any], dict[str, Any]]:
    """Outputs and states, and the gradients of parameters and inputs; the same random numbers are drawn each time."""
    mx.random.seed(0)
    x = mx.nd.array(data)
    x.attach_grad()
    flags.fusing = fusing
    try:
        with mx.autograd.record():
            axis = how["layout"].index("T")
            steps = [mx.nd.squeeze(each, axis=axis) for each in mx.nd.split(x, STEPS, axis=axis)] if listed else x
            outputs, states = cell.unroll(STEPS, steps, **how)
            form = isinstance(outputs, list)
            found = [*(outputs if form else [outputs]), *states]
            losses = [(each * each * (place + 1)).sum() for place, each in enumerate(found)]
        mx.autograd.backward(losses)
    finally:
        flags.fusing = True
    gradients = {name: each.grad().asnumpy() for name, each in cell.collect_params().items()}
    assert x.grad is not None
    return [form, *(each.asnumpy() for each in found)], {"x": x.grad.asnumpy(), **gradients}


@pytest.mark.parametrize("lengths", [None, [4, 1, 2], [0, 3, 4]])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("merge", [None, True, False])
@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("kind", CELLS)
def test_as_step_by_step(kind: str, layout: str, merge: bool | None, listed: bool, lengths: Any) -> None:
    cell = CELLS[kind]()
    cell.initialize(mx.init.Uniform(0.7))
    data = np.random.randn(*((BATCH, STEPS, 4) if layout == "NTC" else (STEPS, BATCH, 4))).astype(np.float32)
    cell.unroll(STEPS, mx.nd.array(data), layout=layout)  # parameters are drawn, too
    how = {"layout": layout, "merge_outputs": merge, "valid_length": lengths}
    (form, *ours), our_gradients = unrolled(cell, data, True, listed, **how)
    (their_form, *theirs), their_gradients = unrolled(cell, data, False, listed, **how)
    assert form == their_form
    assert_all_close(ours, theirs, 1e-5, "outputs")
    assert_all_close(our_gradients, their_gradients, 2e-5, "gradients")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The fused calls that are made."""
    made: list[str] = []
    internal: Any = mx.nd._internal
    run = internal._rnn_of_parts

    def note(*args: Any, **kwargs: Any) -> Any:
        made.append(f"{kwargs['mode']}{' both ways' if kwargs['bidirectional'] else ''}")
        return run(*args, **kwargs)

    monkeypatch.setattr(internal, "_rnn_of_parts", note)
    return made


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rnn", ["rnn_tanh"]),
        ("relu", ["rnn_relu"]),
        ("residual", ["gru"]),
        ("both ways", ["lstm both ways"]),
        ("two kinds", ["lstm", "gru"]),
        ("stack", ["lstm", "gru"]),
        ("zoneout", ["lstm"]),
        ("mean zoneout", ["lstm"]),
        ("variational", ["lstm"]),
        ("zoneout both ways", ["lstm both ways"]),
        ("variational both ways", ["lstm", "lstm"]),
        ("zoneout one way", ["lstm", "lstm"]),
        ("regularised stack", ["lstm", "gru", "rnn_tanh"]),
        ("one around the other", []),
        ("pairs", ["gru both ways"] * 2),
    ],
)
def test_how_many_calls(calls: list[str], kind: str, expected: list[str]) -> None:
    cell = CELLS[kind]()
    cell.initialize()
    for lengths in (None, [2, 1]):
        cell.unroll(3, mx.nd.ones((2, 3, 4)), valid_length=lengths)
    assert calls == expected * 2


class Doubled(rnn.GRUCell):
    """A user's variant of a plain cell."""

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, **weights: Any) -> Any:
        return super().hybrid_forward(F, inputs * 2, states, **weights)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Doubled(3),
        lambda: rnn.RNNCell(3, activation="sigmoid"),
        lambda: rnn.LSTMCell(3, recurrent_activation="tanh"),
        lambda: rnn.LSTMCell(3, activation=lambda data, **_: data / 2),
        lambda: rnn.ZoneoutCell(rnn.RNNCell(3, activation="sigmoid"), 0.1, 0.1),
    ],
)
def test_other_cells_are_stepped(calls: list[str], make: Any) -> None:
    cell = make()
    cell.initialize()
    cell.unroll(3, mx.nd.ones((2, 3, 4)))
    assert calls == []


def test_hooks_see_every_step(calls: list[str]) -> None:
    cell = rnn.LSTMCell(3)
    cell.initialize()
    seen: list[int] = []
    handle = cell.register_forward_hook(lambda *_: seen.append(1))
    cell.unroll(3, mx.nd.ones((2, 3, 4)))
    assert (len(seen), calls) == (3, [])
    handle.detach()
    cell.unroll(3, mx.nd.ones((2, 3, 4)))
    assert (len(seen), calls) == (3, ["lstm"])


@pytest.mark.parametrize("lengths", [None, [2, 1]])
@pytest.mark.parametrize("kind", CELLS)
def test_hybridized_networks(kind: str, lengths: Any) -> None:
    """A network that unrolls a cell runs alike as a graph."""

    class Unrolled(mx.gluon.HybridBlock):
        def __init__(self, cell: Any) -> None:
            super().__init__()
            self.cell = cell

        def hybrid_forward(self, F: Any, x: Any, valid_length: Any = None) -> Any:
            return self.cell.unroll(3, x, merge_outputs=True, valid_length=valid_length)

    if kind in ("stack", "pairs"):
        pytest.skip("a stack that is no HybridBlock cannot be part of one")
    net = Unrolled(CELLS[kind]())
    net.initialize(mx.init.Uniform(0.7))
    args = [mx.nd.array(np.random.randn(2, 3, 4)), *([] if lengths is None else [mx.nd.array(lengths)])]
    plain = net(*args)
    net.hybridize()
    graph = net(*args)
    assert_all_close([graph[0], *graph[1]], [plain[0].asnumpy(), *(each.asnumpy() for each in plain[1])], 1e-5, kind)


class _Louder(mx.gluon.rnn.GRUCell):
    def __call__(self, inputs: Any, states: Any) -> Any:
        output, states = super().__call__(inputs, states)
        return output * 10, states


class _Bent(mx.gluon.rnn.RNNCell):
    def _get_activation(self, F: Any, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        return F.relu(inputs)


@pytest.mark.parametrize("layout", ["NTC", "NCT"])
@pytest.mark.parametrize("kind", [_Louder, _Bent, mx.gluon.rnn.LSTMCell, "patched"])
def test_what_users_change_is_stepped(kind: Any, layout: str) -> None:
    """Unrolled is as stepped by hand, whatever of a step is a user's, and wherever time is."""
    cell = mx.gluon.rnn.RNNCell(3, input_size=2) if kind == "patched" else kind(3, input_size=2)
    cell.initialize(mx.init.Uniform(0.5))
    if kind == "patched":
        before = cell.hybrid_forward
        louder: Any = lambda F, x, states, **kw: (before(F, x, states, **kw)[0] * 10, states)  # noqa: E731
        cell.hybrid_forward = louder
    x = mx.nd.random.uniform(shape=(4, 5, 2) if layout == "NTC" else (4, 2, 5))
    axis = layout.index("T")
    steps = [x.slice_axis(axis=axis, begin=t, end=t + 1).reshape((4, 2)) for t in range(5)]
    states, outputs = cell.begin_state(batch_size=4), []
    for step in steps:
        output, states = cell(step, states)
        outputs.append(output)
    expected = mx.nd.stack(*outputs, axis=axis)
    result, after = cell.unroll(5, x, layout=layout, merge_outputs=True)
    assert_close(result, expected.asnumpy(), 1e-6, "outputs")
    assert_close(after[0], states[0].asnumpy(), 1e-6, "states")


@pytest.mark.parametrize("kind", ["zoneout", "mean zoneout", "variational", "zoneout both ways", "regularised stack"])
@pytest.mark.parametrize("training", [True, False])
def test_hybridized_and_without_recording(kind: str, training: bool) -> None:
    class Around(mx.gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.cell = CELLS[kind]()

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            return self.cell.unroll(STEPS, x, merge_outputs=True)[0]

    net = Around()
    net.initialize(mx.init.Uniform(0.7))
    x = mx.nd.random.uniform(shape=(BATCH, STEPS, 4))
    net(x)
    for hybridized in (False, True):
        found = []
        for flags.fusing in (False, True):
            net.hybridize(hybridized)
            net(x)
            mx.random.seed(0)
            with mx.autograd.train_mode() if training else mx.autograd.predict_mode():
                found.append(net(x).asnumpy())
        assert_close(found[1], found[0], 1e-6, f"hybridized: {hybridized}")


def test_a_subclass_that_steps_otherwise_is_stepped(calls: list[str]) -> None:
    class Louder(Zoneout):
        def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
            output, states = super().hybrid_forward(F, inputs, states)
            return output * 2, states

    for cell in (Louder(rnn.LSTMCell(3), 0.2), Zoneout(rnn.LSTMCell(3), 0.2)):
        cell.initialize()
        cell.base_cell.register_forward_hook(lambda *_: None)
        cell.unroll(3, mx.nd.ones((2, 3, 4)))
    assert calls == []
