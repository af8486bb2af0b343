"""The fused layers, held to real MXNet, to themselves on single sequences, and to torch where MXNet is no oracle."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_all_close, assert_close
from gluon.both import assert_same_block, random_input
from oracle.client import Oracle
from rennet import gluon
from same_script import run_here

LAYERS = ("RNN", "LSTM", "GRU")


def arguments(**kwargs: object) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in kwargs.items())


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layout", ["TNC", "NTC"])
@pytest.mark.parametrize("layer", LAYERS)
def test_as_mxnet_without_states(oracle: Oracle, tmp_path: Path, layer: str, layout: str, bidirectional: bool) -> None:
    # real MXNet does not infer the input size of two directions from a hybridized call
    size = 3 if bidirectional else 0
    source = f"block = mx.gluon.rnn.{layer}(4, 2, layout={layout!r}, bidirectional={bidirectional}, input_size={size})"
    # exported alone, real MXNet's layer asks for the states that a call without any has made; ours does not
    assert_same_block(oracle, tmp_path, source, (5, 2, 3), exported=False)


@pytest.mark.parametrize(("layer", "states"), [("RNN", 1), ("LSTM", 2), ("GRU", 1)])
def test_as_mxnet_with_states(oracle: Oracle, tmp_path: Path, layer: str, states: int) -> None:
    source = f"block = mx.gluon.rnn.{layer}(4, 2, bidirectional=True, input_size=3)"
    assert_same_block(oracle, tmp_path, source, (5, 2, 3), [(4, 2, 4)] * states)


def test_tanh(oracle: Oracle, tmp_path: Path) -> None:
    assert_same_block(oracle, tmp_path, "block = mx.gluon.rnn.RNN(4, activation='tanh')", (3, 2, 5), exported=False)


def test_in_a_network(oracle: Oracle, tmp_path: Path) -> None:
    source = """
block = mx.gluon.nn.HybridSequential()
with block.name_scope():
    block.add(mx.gluon.rnn.LSTM(4), mx.gluon.rnn.GRU(3, layout="TNC"), mx.gluon.nn.Dense(2, flatten=False))
"""
    assert_same_block(oracle, tmp_path, source, (3, 2, 5))


def test_projection_predicts_as_mxnet(oracle: Oracle) -> None:
    """In prediction, imperatively: real MXNet can do nothing else with projections on CPU."""
    source = """
block = mx.gluon.rnn.LSTM(6, 2, bidirectional=True, projection_size=4, input_size=3)
block.initialize()
for parameter in block.collect_params().values():
    size = int(np.prod(parameter.shape))
    parameter.set_data(mx.nd.array(np.sin(np.arange(size)).reshape(parameter.shape)))
output, states = block(mx.nd.array(x), block.begin_state(2))
"""
    variables, given = ["output", "states"], {"x": random_input(5, 2, 3)}
    ours, theirs = run_here(source, variables, given), oracle.build(source, variables, given)
    assert_close(ours["output"], theirs["output"], 2e-5, "output")
    for state, expected in zip(ours["states"], theirs["states"], strict=True):
        assert_close(state, expected, 2e-5, "states")


def initialized(layer: str, *args: Any, **kwargs: Any) -> Any:
    mx.random.seed(0)
    block = getattr(gluon.rnn, layer)(*args, **kwargs)
    block.initialize(mx.init.Uniform(0.6))
    return block


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layer", LAYERS)
def test_lengths_are_as_single_sequences(layer: str, bidirectional: bool, hybrid: bool) -> None:
    """T30, T32, T33, T34: padding changes nothing, in any layer, with any layout, and gets no gradient."""
    block = initialized(layer, 4, 2, layout="NTC", bidirectional=bidirectional, use_sequence_length=True)
    if hybrid:
        block.hybridize()
    lengths = [5, 1, 3]
    x = mx.nd.array(random_input(3, 5, 6))
    x.attach_grad()
    assert x.grad is not None
    with mx.autograd.record():
        output, states = block(x, block.begin_state(3), mx.nd.array(lengths))
    mx.autograd.backward([output, *states])
    for row, length in enumerate(lengths):
        alone = x[row : row + 1, :length].copy()
        alone.attach_grad()
        assert alone.grad is not None
        with mx.autograd.record():
            expected, final = block(alone, block.begin_state(1), mx.nd.array([length]))
        mx.autograd.backward([expected, *final])
        assert_close(output[row : row + 1, :length].asnumpy(), expected.asnumpy(), 1e-6, "outputs")
        assert not output[row, length:].asnumpy().any()
        for ours, theirs in zip(states, final, strict=True):
            assert_close(ours[:, row : row + 1].asnumpy(), theirs.asnumpy(), 1e-6, "final states")
        assert_close(x.grad[row : row + 1, :length].asnumpy(), alone.grad.asnumpy(), 1e-6, "gradients")
        assert not x.grad[row, length:].asnumpy().any()


@pytest.mark.parametrize("lengths", [[5, 2], (5, 2), np.array([5, 2]), np.array([5, 2], np.float64)])
def test_lengths_of_any_kind(lengths: object) -> None:
    block = initialized("GRU", 4, use_sequence_length=True)
    x = mx.nd.array(random_input(5, 2, 3))
    expected = block(x, sequence_length=mx.nd.array([5, 2], dtype="int32"))
    assert_close(block(x, sequence_length=lengths).asnumpy(), expected.asnumpy(), 0, "outputs")


def test_lengths_without_the_flag_and_the_reverse() -> None:
    x = mx.nd.zeros((5, 2, 3))
    with pytest.raises(mx.MXNetError, match="without use_sequence_length=True"):
        initialized("LSTM", 4)(x, sequence_length=[5, 2])
    with pytest.raises(mx.MXNetError, match="asks for a sequence_length"):
        initialized("LSTM", 4, use_sequence_length=True)(x)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_projection_trains_as_torch(bidirectional: bool) -> None:
    """T50: real MXNet trains no projection on CPU."""
    block = initialized("LSTM", 6, 2, projection_size=4, bidirectional=bidirectional, input_size=3, dtype="float64")
    reference = torch.nn.LSTM(3, 6, 2, bidirectional=bidirectional, proj_size=4).double()
    pairs = []
    for layer, direction in itertools.product(range(2), range(1 + bidirectional)):
        for ours, theirs in (("i2h", "ih"), ("h2h", "hh"), ("h2r", "hr")):
            for kind in ("weight", "bias") if ours != "h2r" else ("weight",):
                tail = "_reverse" if direction else ""
                parameter = getattr(block, f"{'lr'[direction]}{layer}_{ours}_{kind}")
                pairs.append((parameter, getattr(reference, f"{kind}_{theirs}_l{layer}{tail}")))
    with torch.no_grad():
        for parameter, tensor in pairs:
            tensor.copy_(parameter.data().tensor)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    with mx.autograd.record():
        output = block(mx.nd.NDArray(x))
    expected = reference(x)[0]
    weight = torch.randn_like(expected)
    output.backward(mx.nd.NDArray(weight))
    expected.backward(weight)
    assert_close(output.asnumpy(), expected.detach().numpy(), 1e-12, "outputs")
    for parameter, tensor in pairs:
        assert tensor.grad is not None
        assert_close(parameter.grad().asnumpy(), tensor.grad.numpy(), 1e-12, parameter.name)


def test_clipping() -> None:
    """The bounds hold under either spelling, at every step: the final cell state shows it."""
    x = mx.nd.array(random_input(9, 2, 3, scale=5))
    free = initialized("LSTM", 4)
    assert abs(free(x, free.begin_state(2))[1][1].asnumpy()).max() > 0.25
    for names in (("state_clip_min", "state_clip_max"), ("lstm_state_clip_min", "lstm_state_clip_max")):
        block = initialized("LSTM", 4, **dict(zip(names, (-0.25, 0.25), strict=True)))
        assert abs(block(x, block.begin_state(2))[1][1].asnumpy()).max() <= 0.25


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_states_follow_the_input(dtype: str) -> None:
    """T28, T29: states that are made inside lie where the input lies and have its element type."""
    block = initialized("LSTM", 4)
    block.cast(dtype)
    x = mx.nd.array(random_input(5, 2, 3), ctx=mx.cpu(0), dtype=dtype)
    for _ in range(2):
        with mx.autograd.record():
            output = block(x)
        output.backward()
    assert output.dtype == block.begin_state(2)[0].dtype == np.dtype(dtype)


def test_a_state_alone_or_in_any_list() -> None:
    """T59: a tensor, a tuple or a list."""
    block = initialized("GRU", 4)
    x, state = mx.nd.ones((5, 2, 3)), mx.nd.ones((1, 2, 4))
    results = [block(x, given)[0].asnumpy() for given in (state, [state], (state,))]
    assert_all_close(results[1:], results[:1] * 2, 0, "outputs")


def test_with_and_without_states_in_turn() -> None:
    block = initialized("LSTM", 4)
    block.hybridize()
    x = mx.nd.ones((5, 2, 3))
    for _ in range(2):
        output, states = block(x, block.begin_state(2))
        assert_close(block(x).asnumpy(), output.asnumpy(), 0, "outputs")
        assert len(states) == 2


def test_a_layer_used_twice_adds_its_gradients() -> None:
    """T49: the same layer at two places, and ``grad_req='add'``."""
    block = initialized("GRU", 3, input_size=3)
    x = mx.nd.array(random_input(5, 2, 3))

    def gradient(request: str, times: int) -> np.ndarray:
        block.collect_params().setattr("grad_req", request)
        for _ in range(times):
            with mx.autograd.record():
                loss = block(block(x)).sum()
            loss.backward()
        return block.l0_h2h_weight.grad().asnumpy()

    assert_close(gradient("add", 2), 2 * gradient("write", 1), 1e-6, "gradients")


def test_seed_decides_dropout() -> None:
    """T45."""
    block = initialized("LSTM", 4, 2, dropout=0.5, input_size=3)
    x = mx.nd.array(random_input(5, 2, 3))
    results = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        with mx.autograd.record():
            results.append(block(x).asnumpy())
    assert (results[0] == results[1]).all()
    assert (results[0] != results[2]).any()


def test_one_layer_warns_of_dropout() -> None:
    """T15."""
    from rennet._kernels import stack

    stack._warn_of_idle_dropout.cache_clear()
    with pytest.warns(UserWarning, match="no effect"):
        gluon.rnn.LSTM(4, dropout=0.5)


def test_files_with_full_names(tmp_path: Path) -> None:
    """T51: older files have the parameters' own names, with the layer's prefix or without."""
    block = initialized("LSTM", 4, projection_size=2, input_size=3, prefix="enc_")
    x = mx.nd.array(random_input(5, 2, 3))
    for prefix in ("", "enc_"):
        block.collect_params().save(tmp_path / "old.params", strip_prefix=prefix)
        other = gluon.rnn.LSTM(4, projection_size=2, prefix="enc_")
        other.load_parameters(tmp_path / "old.params")
        assert_close(other(x).asnumpy(), block(x).asnumpy(), 0, "outputs")


BAD = [
    (lambda: gluon.rnn.LSTM(4, layout="NCT"), "layout: expected one of NTC, TNC; got 'NCT'"),
    (lambda: gluon.rnn.RNN(4, activation="sine"), "activation: expected one of relu, tanh"),
    (lambda: gluon.rnn.GRU(4, projection_size=2), "projection_size applies to mode 'lstm'"),
    (lambda: gluon.rnn.LSTM(0), "state_size"),
    (lambda: gluon.rnn.LSTM(4, state_clip_min=-1), "go together"),
    (lambda: gluon.rnn.LSTM(4, input_size=-1), "LSTM: input_size: expected a whole number of at least 0, got -1"),
    (lambda: gluon.rnn.LSTM(4, h2r_weight_initializer="zeros"), "h2r_weight_initializer: there is no projection"),
    (lambda: gluon.rnn.LSTM(4).begin_state(None), "LSTM.begin_state: batch_size: .* got None"),  # pyright: ignore
    (lambda: gluon.rnn.LSTM(4).begin_state(-2), "LSTM.begin_state: batch_size: .* got -2"),
    (lambda: gluon.rnn.LSTM(4).cast("foo"), "dtype: expected one of .* got 'foo'"),
    (
        lambda: gluon.rnn.LSTM(4, i2h_weight_initializer="foo", prefix="a_").initialize(),
        "Parameter 'a_l0_i2h_weight': init: initializer: expected one of .* got 'foo'",
    ),
    (lambda: initialized("GRU", 4, input_size=5)(mx.nd.ones((3, 5))), "expected inputs of 3 axes"),
    (
        lambda: initialized("GRU", 4, input_size=5)(mx.nd.ones((3, 2, 5)), mx.nd.ones((1, 2, 3))),
        r"Expecting \(1, 2, 4\), got",
    ),
    (lambda: initialized("LSTM", 4)(mx.nd.ones((3, 2, 5)), mx.nd.ones((1, 2, 4))), "states: expected 2, got 1"),
    (lambda: initialized("LSTM", 4, input_size=7)(mx.nd.ones((3, 2, 5))), "expected parameters l0_i2h"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call: Callable[[], object], message: str) -> None:
    with pytest.raises(mx.MXNetError, match=message):
        call()


UNFUSED = [
    ("RNN", {}),
    ("RNN", {"activation": "tanh", "num_layers": 2}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"projection_size": 3, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"state_clip_min": -0.2, "state_clip_max": 0.1}),
    ("LSTM", {"state_clip_min": -0.2, "state_clip_max": 0.1, "projection_size": 3, "bidirectional": True}),
]


@pytest.mark.parametrize("input_size", [0, 5])
@pytest.mark.parametrize(("layer", "arguments"), UNFUSED)
def test_unfused(layer: str, arguments: dict[str, Any], input_size: int) -> None:
    block = initialized(layer, 4, input_size=input_size, **arguments)
    x = mx.nd.array(random_input(6, 2, 5))
    block(x)
    stack = block.unfuse()
    assert set(stack.collect_params()) == set(block.collect_params())
    with mx.autograd.record():
        outputs, _ = stack.unroll(6, x, layout="TNC", merge_outputs=True)
        loss = (outputs * outputs).sum()
    loss.backward()
    unfused = {name: each.grad().asnumpy() for name, each in block.collect_params().items()}
    with mx.autograd.record():
        expected = block(x)
        loss = (expected * expected).sum()
    loss.backward()
    fused = {name: each.grad().asnumpy() for name, each in block.collect_params().items()}
    assert_close(outputs, expected.asnumpy(), 1e-6, "outputs")
    assert_all_close(unfused, fused, 1e-5, "gradients")


def test_unfused_as_mxnet(oracle: Oracle) -> None:
    source = """
stacks = [
    mx.gluon.rnn.LSTM(4, 2, bidirectional=True, dropout=0.5, prefix="a_")._unfuse(),
    mx.gluon.rnn.GRU(4, 3, input_size=2, prefix="b_")._unfuse(),
    mx.gluon.rnn.RNN(4, 1, "relu", prefix="c_")._unfuse(),
]
found = [[repr(each), each.prefix, list(each.collect_params().keys())] for each in stacks]
"""
    assert run_here(source, ["found"])["found"] == oracle.build(source, ["found"])["found"]
