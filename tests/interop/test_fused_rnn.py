"""The fused recurrence as a PyTorch module: as torch's own, and at home wherever modules go."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import numpy_rnn
import rennet as mx
import torch_rnn
from differential import assert_all_close
from rennet._recurrence.layout import Layout
from rennet._recurrence.modes import MODES
from rennet.base import ArgumentError, ShapeError
from rennet.interop import FusedRNN

every_mode = pytest.mark.parametrize("mode", sorted(MODES))
both_ways = pytest.mark.parametrize("bidirectional", [False, True])


def flat(results: Any) -> list[Tensor]:
    output, states = results
    return [output, *(states if isinstance(states, tuple) else [states])]


def assert_same(ours: Any, theirs: Any) -> None:
    for mine, other in zip(flat(ours), flat(theirs), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("batch_first", [False, True])
@both_ways
@pytest.mark.parametrize(("mode", "projection"), [*((mode, None) for mode in sorted(MODES)), ("lstm", 2)])
def test_state_dicts_go_both_ways(mode: str, projection: int | None, bidirectional: bool, batch_first: bool) -> None:
    theirs = torch_rnn.module_of(Layout(mode, 4, 2, bidirectional, projection), 3)
    theirs.batch_first = batch_first
    ours = FusedRNN(
        mode,
        3,
        4,
        2,
        bidirectional=bidirectional,
        batch_first=batch_first,
        projection_size=projection,
        dtype=torch.float64,
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    data = torch.randn(5, 6, 3, dtype=torch.float64)
    assert_same(ours(data), theirs(data))
    _, states = theirs(data)
    assert_same(ours(data, states), theirs(data, states))
    fresh = torch_rnn.module_of(Layout(mode, 4, 2, bidirectional, projection), 3)
    fresh.batch_first = batch_first
    fresh.load_state_dict(ours.state_dict())
    assert_same(fresh(data), theirs(data))


@both_ways
@pytest.mark.parametrize(("mode", "projection"), [*((mode, None) for mode in sorted(MODES)), ("lstm", 3)])
def test_the_flat_vector_of_mxnets_checkpoints(mode: str, projection: int | None, bidirectional: bool) -> None:
    sample = torch_rnn.draw(Layout(mode, 3, 2, bidirectional, projection), 4, 2, 5, seed=0)
    module = FusedRNN(mode, 5, 3, 2, bidirectional=bidirectional, projection_size=projection, dtype=torch.float64)
    module.load_flat_parameters(torch.tensor(sample.inputs[1]))
    assert torch.equal(module.flat_parameters(), torch.tensor(sample.inputs[1]))
    data, _, *states = [torch.tensor(each) for each in sample.inputs]
    results = flat(module(data, states[0] if len(states) == 1 else states))
    assert_all_close(results, numpy_rnn.run(sample.inputs, **sample.attrs()), 1e-12, "output")
    with pytest.raises(ShapeError, match=r"expected a vector of \d+ parameters, got shape \(7,\)"):
        module.load_flat_parameters(torch.zeros(7))


def test_lengths_clipping_and_batch_first_together() -> None:
    module = FusedRNN("lstm", 3, 4, 2, batch_first=True, clip=(-0.2, 0.3), clip_nan=True, dtype=torch.float64)
    data = torch.randn(3, 6, 3, dtype=torch.float64)
    output, (hidden, cell) = module(data, lengths=torch.tensor([6, 0, 2]))
    states = [np.zeros((2, 3, 4))] * 2
    expected = numpy_rnn.run(
        [data.numpy().swapaxes(0, 1), module.flat_parameters().numpy(), *states],
        lengths=[6, 0, 2],
        mode="lstm",
        state_size=4,
        num_layers=2,
        lstm_state_clip_min=-0.2,
        lstm_state_clip_max=0.3,
    )
    assert_all_close([output.transpose(0, 1), hidden, cell], expected, 1e-12, "output")


@every_mode
def test_each_layers_gradients_are_ready_when_its_backward_is_done(mode: str) -> None:
    """So that they can be sent to other devices while the layers below are still computing.

    MXNet's documents advise to stack fused cells of one layer each for that; one of several layers is as good here.
    """
    module = FusedRNN(mode, 3, 4, 3, bidirectional=True)
    ready: list[int] = []

    def watch(layer: int, parameter: torch.nn.Parameter) -> None:
        def arrived(_: Tensor) -> None:
            ready.append(layer)
            below = [p for name, p in module.named_parameters() if int(name.split("_l")[1][0]) < layer]
            assert all(p.grad is None for p in below), "nothing below has been computed yet"

        parameter.register_post_accumulate_grad_hook(arrived)

    for name, parameter in module.named_parameters():
        watch(int(name.split("_l")[1][0]), parameter)
    module(torch.randn(5, 2, 3))[0].sum().backward()
    assert ready == [2] * 8 + [1] * 8 + [0] * 8


@every_mode
def test_copies_and_pickles(mode: str, tmp_path: Path) -> None:
    clip = (-0.5, 0.5) if mode == "lstm" else None
    module = FusedRNN(mode, 3, 4, 2, bidirectional=True, dropout=0.25, clip=clip).eval()
    data, lengths = torch.randn(5, 2, 3), torch.tensor([5, 3])
    expected = module(data, lengths=lengths)
    copied, pickled = copy.deepcopy(module), pickle.loads(pickle.dumps(module))
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    loaded = FusedRNN(mode, 3, 4, 2, bidirectional=True, dropout=0.25, clip=clip).eval()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (copied, pickled, loaded):
        assert_same(other(data, lengths=lengths), expected)
        assert repr(other) == repr(module)
    with torch.no_grad():
        next(copied.parameters()).zero_()
    assert_same(module(data, lengths=lengths), expected)


@every_mode
def test_distributed_data_parallel(mode: str, tmp_path: Path) -> None:
    module = FusedRNN(mode, 3, 4, 2)
    data = torch.randn(5, 2, 3)
    module(data)[0].square().sum().backward()
    expected = [parameter.grad for parameter in module.parameters()]
    module.zero_grad(set_to_none=True)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        parallel = torch.nn.parallel.DistributedDataParallel(module)
        for _ in range(2):
            module.zero_grad()
            parallel(data)[0].square().sum().backward()
            for parameter, gradient in zip(module.parameters(), expected, strict=True):
                torch.testing.assert_close(parameter.grad, gradient)
    finally:
        torch.distributed.destroy_process_group()


def test_parameters_may_be_parametrised() -> None:
    """As weight normalisation and weight dropout do."""
    module = FusedRNN("gru", 3, 4)
    plain, _ = module(torch.ones(2, 1, 3))
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    normed, _ = module(torch.ones(2, 1, 3))
    torch.testing.assert_close(normed, plain)
    with torch.no_grad():
        module.get_parameter("parametrizations.weight_hh_l0.original0").mul_(3)
    assert not torch.allclose(module(torch.ones(2, 1, 3))[0], plain)
    vector = torch.randn_like(module.flat_parameters())
    module.load_flat_parameters(vector)
    torch.testing.assert_close(module.flat_parameters(), vector)


def test_what_it_says_of_itself() -> None:
    assert repr(FusedRNN("gru", 3, 4)) == "FusedRNN('gru', 3, 4)"
    full = FusedRNN("lstm", 3, 4, 2, bidirectional=True, batch_first=True, dropout=0.5, projection_size=2, clip=(-1, 1))
    assert repr(full) == (
        "FusedRNN('lstm', 3, 4, num_layers=2, bidirectional=True, batch_first=True, dropout=0.5, "
        "projection_size=2, clip=(-1, 1))"
    )


@pytest.mark.parametrize(
    ("data", "states", "message"),
    [
        ((2, 3), None, r"data: expected \(T, N, input\), got shape \(2, 3\)"),
        ((2, 2, 4), None, r"data: expected 3 inputs, got shape \(2, 2, 4\)"),
        ((2, 2, 3), [(1, 2, 4)], "states: expected state and state_cell, got 1 tensors"),
        ((2, 2, 3), [(1, 2, 4), (1, 3, 4)], r"state_cell: expected shape \(1, 2, 4\), got \(1, 3, 4\)"),
    ],
)
def test_what_does_not_fit(data: tuple[int, ...], states: list[tuple[int, ...]] | None, message: str) -> None:
    given = None if states is None else [torch.zeros(shape) for shape in states]
    with pytest.raises((ArgumentError, ShapeError), match=message):
        FusedRNN("lstm", 3, 4)(torch.zeros(data), given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "gru", "projection_size": 2}, "projection_size applies to mode 'lstm', not 'gru'"),
        ({"mode": "elman"}, "mode: expected one of gru, lstm, rnn_relu, rnn_tanh; got 'elman'"),
        ({"mode": ["lstm"]}, r"mode: expected one of .*; got \['lstm'\]"),
        ({"hidden_size": 4.0}, "state_size: expected a whole number of at least 1; got 4.0"),
        ({"num_layers": True}, "num_layers: expected a whole number of at least 1; got True"),
        ({"input_size": -1}, "input_size: expected a whole number of at least 1; got -1"),
        ({"input_size": None}, "input_size: expected a whole number of at least 1; got None"),
        ({"dropout": "0.5"}, r"p: expected a rate in \[0, 1\); got '0.5'"),
        ({"dtype": torch.int32}, "dtype: expected a floating-point type, got torch.int32"),
        ({"clip": (-1.0,)}, r"clip: expected two bounds \(low, high\), or None; got \(-1.0,\)"),
        ({"clip": (-1.0, 1.0, 2.0)}, "clip: expected two bounds"),
        ({"clip": 1.0}, "clip: expected two bounds"),
        ({"clip": (-1.0, None)}, "go together; only one was given"),
        ({"clip": ("low", "high")}, "expected numbers; got 'low', 'high'"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    """Nor does a mistake live on in what the right arguments make afterwards."""
    right: dict[str, Any] = {"mode": "lstm", "input_size": 3, "hidden_size": 4, "num_layers": 1}
    with pytest.raises(ArgumentError, match=message):
        FusedRNN(**{**right, **arguments})
    assert repr(FusedRNN(**right)) == "FusedRNN('lstm', 3, 4)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": np.zeros((5, 2, 3))}, "data: expected a tensor, got ndarray"),
        ({"data": mx.nd.zeros((5, 2, 3))}, "data: expected a tensor, got NDArray"),
        ({"data": torch.zeros(5, 2, 3, dtype=torch.int64)}, "data: expected floating-point numbers, got torch.int64"),
        ({"states": 5}, "states: expected state and state_cell, got 1 tensors"),
        ({"states": (None, None)}, "state: expected a tensor, got NoneType"),
        ({"lengths": mx.nd.array([5, 2])}, "sequence_length: expected a tensor, got NDArray"),
        ({"lengths": torch.tensor([1 + 0j, 2])}, "sequence_length: expected whole numbers, got torch.complex64"),
        ({"lengths": [5, 6]}, r"expected whole numbers in \[0, 5\], got 6 in row 1"),
    ],
)
def test_what_is_not_a_tensor(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        FusedRNN("lstm", 3, 4)(**{"data": torch.zeros(5, 2, 3), **arguments})


def test_lengths_in_a_list_or_an_array() -> None:
    module, data = FusedRNN("gru", 3, 4), torch.randn(5, 2, 3)
    expected = module(data, lengths=torch.tensor([5, 2]))
    for lengths in ([5, 2], np.array([5, 2])):
        assert_same(module(data, lengths=lengths), expected)


@pytest.mark.parametrize("name", ["weight_ih_l1", "bias_hh_l0", "weight_hh_l1_reverse"])
def test_parameters_of_another_type_anywhere(name: str) -> None:
    module = FusedRNN("lstm", 3, 4, 2, bidirectional=True)
    module.get_parameter(name).data = module.get_parameter(name).data.double()
    with pytest.raises(ArgumentError, match=r"parameters: expected torch\.float32 as the data has, got torch\.float64"):
        module(torch.zeros(2, 2, 3))


@both_ways
@every_mode
def test_a_sequence_without_steps_can_be_trained_on(mode: str, bidirectional: bool) -> None:
    """An empty bucket in a training loop: zeros for every parameter."""
    module = FusedRNN(mode, 3, 4, 2, bidirectional=bidirectional)
    output, _ = module(torch.zeros(0, 2, 3, requires_grad=True))
    assert output.shape == (0, 2, 4 * (1 + bidirectional))
    output.sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()
