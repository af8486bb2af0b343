"""Initializers: MXNet's rules for names, its numbers where nothing is drawn, its distributions where something is."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rennet as mx
from differential import assert_close
from oracle.client import Oracle
from rennet import initializer as init
from rennet._recurrence.layout import Layout
from rennet.base import ArgumentError, MXNetError, ShapeError
from rennet.initializer import FusedRNN, InitDesc, LSTMBias


def filled(
    initialize: Any, shape: tuple[int, ...], name: str = "x_weight", attrs: Any = None, **kwargs: Any
) -> np.ndarray:
    array = mx.nd.array(np.full(shape, np.nan), **kwargs)
    tensor = array.tensor
    initialize(InitDesc(name, attrs), array)
    assert array.tensor is tensor
    return array.asnumpy()


CASES = [
    ("zero", {}, (2, 3)),
    ("zeros", {}, (2,)),
    ("ones", {}, (2, 3)),
    ("constant", {"value": 2.5}, (2, 3)),
    ("constant", {"value": [[1, 2, 3], [4, 5, 6]]}, (2, 3)),
    ("lstmbias", {"forget_bias": 3.0}, (8,)),
    ("bilinear", {}, (2, 3, 4, 4)),
    ("bilinear", {}, (1, 1, 3, 5)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_values(oracle: Oracle, name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert_close(filled(init.create(name, **arguments), shape), oracle.initializer(name, arguments, shape), 1e-6, name)


@pytest.mark.parametrize(
    "name", ["a_weight", "a_bias", "bn_gamma", "bn_beta", "q_min", "q_max", "a_moving_mean", "a_moving_var", "state"]
)
@pytest.mark.parametrize("attrs", [{}, {"__init__": "zeros"}, {"__init__": '["lstmbias", {"forget_bias": 2.0}]'}])
def test_rules_for_names(oracle: Oracle, name: str, attrs: dict[str, str]) -> None:
    known = bool(attrs) or not name.endswith(("moving_mean", "moving_var", "state"))
    if known:
        expected = oracle.initializer("constant", {"value": 7.0}, (4,), name, attrs)
        assert_close(filled(init.Constant(7.0), (4,), name, attrs), expected, 0, name)
    elif name == "state":
        with pytest.raises(ArgumentError, match=r"Unknown initialization pattern for 'state'.*the attribute __init__"):
            filled(init.Constant(7.0), (4,), name, attrs)
    else:  # in MXNet, the old form of the call knows these
        assert filled(init.Constant(7.0), (2,), name).tolist() == [float(name.endswith("var"))] * 2


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a_weight", (2, 3)),
        ("a_bias", (2,)),
        ("bn_moving_mean", (2,)),
        ("bn_moving_var", (2,)),
        ("bn_moving_inv_var", (2,)),
        ("bn_moving_avg", (2,)),
        ("upsampling_weight", (1, 1, 4, 4)),
        ("stn_loc_weight", (2, 3)),
        ("stn_loc_bias", (6,)),
    ],
)
def test_the_old_form(oracle: Oracle, name: str, shape: tuple[int, ...]) -> None:
    source = "a = mx.nd.full(shape, np.nan); mx.init.Constant(7.0)(name, a)"
    expected = oracle.build(source, ["a"], {"name": name, "shape": shape})["a"]
    array = mx.nd.array(np.full(shape, np.nan))
    with pytest.warns(DeprecationWarning, match="is the old form"):
        init.Constant(7.0)(name, array)
    assert_close(array, expected, 1e-6, name)


DRAWN = [
    ("uniform", {"scale": 0.3}, (200, 300)),
    ("normal", {"sigma": 0.2}, (200, 300)),
    ("xavier", {}, (200, 300)),
    ("xavier", {"factor_type": "in", "magnitude": 2.34}, (200, 300)),
    ("xavier", {"factor_type": "out"}, (200, 300)),
    ("xavier", {"rnd_type": "gaussian", "magnitude": 2}, (50, 40, 5, 6)),
    ("msraprelu", {}, (200, 300)),
    ("msraprelu", {"factor_type": "in", "slope": 0.1}, (200, 300)),
    ("orthogonal", {}, (20, 300)),
    ("orthogonal", {"scale": 2.0, "rand_type": "normal"}, (300, 4, 5)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), DRAWN)
def test_distributions(oracle: Oracle, name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = filled(init.create(name, **arguments), shape), oracle.initializer(name, arguments, shape)
    scale = float(theirs.std())
    assert ours.dtype == theirs.dtype
    assert abs(ours.mean() - theirs.mean()) < 0.05 * scale
    assert ours.std() == pytest.approx(scale, rel=0.03)
    assert np.quantile(ours, [0.1, 0.3, 0.5, 0.7, 0.9]) == pytest.approx(
        np.quantile(theirs, [0.1, 0.3, 0.5, 0.7, 0.9]), abs=0.06 * scale
    )


def test_orthogonal_rows() -> None:
    for shape in ((3, 8), (8, 3)):
        values = filled(init.Orthogonal(scale=2.0), shape)
        product = values @ values.T if shape == (3, 8) else values.T @ values
        np.testing.assert_allclose(product, 4 * np.eye(3), atol=1e-5)


@pytest.mark.parametrize(("name", "arguments", "shape"), DRAWN)
def test_the_seed_governs(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    made, found = init.create(name, **arguments), []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        found.append(filled(made, shape))
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


def test_16_bits() -> None:
    assert filled(init.Xavier(), (3, 4), dtype="float16").dtype == np.float16


DUMPS = """
made = [mx.init.Zero(), mx.init.One(), mx.init.Constant(2.0), mx.init.Constant(mx.nd.array([1, 2])), mx.init.Uniform(),
        mx.init.Normal(0.5), mx.init.Xavier(), mx.init.Xavier("gaussian", "in", 2.34), mx.init.MSRAPrelu(),
        mx.init.Orthogonal(), mx.init.Bilinear(), mx.init.LSTMBias(forget_bias=1.0),
        mx.init.FusedRNN(None, 5, 2, "lstm"), mx.init.FusedRNN(mx.init.Xavier(), 5, 2, "gru", True, 2.0)]
dumped = [each.dumps() for each in made]
"""


def test_as_json(oracle: Oracle) -> None:
    ours: dict[str, Any] = {"mx": type("mx", (), {"init": init, "nd": mx.nd})}
    exec(DUMPS, ours)
    assert ours["dumped"] == oracle.build(DUMPS, ["dumped"])["dumped"]
    for made, text in zip(ours["made"], ours["dumped"], strict=True):
        again = init.create(text)
        assert again == made
        assert hash(again) == hash(made)
        assert copy.deepcopy(made) == made
    assert init.Xavier(magnitude=2) != init.Xavier()
    assert init.Zero() != init.One()
    assert init.Zero() != "zero"


def test_as_json_exactly() -> None:
    assert LSTMBias(forget_bias=1.0).dumps() == '["lstmbias", {"forget_bias": 1.0}]'
    assert FusedRNN(None, 5, 2, "lstm").dumps() == (
        '["fusedrnn", {"init": null, "num_hidden": 5, "num_layers": 2, "mode": "lstm", "bidirectional": false, '
        '"forget_bias": 1.0}]'
    )


# the fused layers' vector


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_fused_as_its_unpacked_parameters(oracle: Oracle, mode: str, bidirectional: bool) -> None:
    # each gate's matrix is given the sum of its name's characters and its shape, by MXNet through its fused cell
    source = """
class Named(mx.init.Initializer):
    def _init_weight(self, name, arr):
        arr[:] = sum(map(ord, str(name)[-16:])) + 1000.0 * arr.shape[0] + 0.5 * arr.shape[1]
    def _init_bias(self, name, arr):
        arr[:] = sum(map(ord, str(name)[-16:]))
made = mx.init.FusedRNN(None, 3, 2, mode, bidirectional, 5.0)
array = mx.nd.full((size,), np.nan)
Named()(mx.init.InitDesc("parameters", {"__init__": made.dumps()}), array)
"""
    layout = Layout(mode, 3, 2, bidirectional)
    inputs = {"mode": mode, "bidirectional": bidirectional, "size": layout.size(4)}
    ours: dict[str, Any] = {"mx": type("mx", (), {"init": init, "nd": mx.nd}), "np": np, **inputs}
    exec(source, ours)
    expected = oracle.build(source, ["array"], inputs)["array"]
    for slot in layout.slots(4):  # T17: MXNet puts the forget bias into both biases, where it counts twice
        if mode == "lstm" and (slot.group, slot.kind) == ("h2h", "bias"):
            place = slot.offset + 3
            expected[place : place + 3] = sum(map(ord, slot.name("_f")[-16:]))
    assert_close(ours["array"], expected, 0, mode)


def test_t17_the_forget_bias_counts_once() -> None:
    vector = filled(FusedRNN("zeros", 2, 1, "lstm", forget_bias=1.5), (8 * 3 + 8 * 2 + 16,))
    assert vector[-16:].tolist() == [0, 0, 1.5, 1.5] + [0] * 12
    assert not vector[:-16].any()


def test_t18_a_matrix_is_a_parameter_of_its_own() -> None:
    # Xavier refuses vectors, and orthogonal rows need a matrix
    vector = filled(FusedRNN(init.Orthogonal(scale=1.0), 4, 1, "gru"), (12 * 4 * 2 + 24,))
    for gate in vector[: 12 * 4 * 2].reshape(6, 4, 4):
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-5)
    seen: list[str] = []

    class Watching(init.Zero):
        def __call__(self, desc: str, arr: mx.nd.NDArray) -> None:
            seen.append(f"{desc} {arr.shape}")
            super().__call__(desc, arr)

    filled(Watching(), (1 * 2 + 1 * 1 + 2,), "enc_parameters", {"__init__": FusedRNN(None, 1, 1, "rnn_tanh").dumps()})
    assert seen[0] == "enc_parameters (5,)"
    assert seen[1:] == [
        "enc_l0_i2h_weight (1, 2)",
        "enc_l0_h2h_weight (1, 1)",
        "enc_l0_i2h_bias (1,)",
        "enc_l0_h2h_bias (1,)",
    ]


def test_t18_a_vector_of_impossible_size() -> None:
    message = (
        r"FusedRNN: lstm_parameters: a vector of 461 elements fits no input size.*expected 380 \+ 20 \* input_size"
    )
    with pytest.raises(ShapeError, match=message):
        filled(init.Xavier(), (461,), "lstm_parameters", {"__init__": FusedRNN(None, 5, 2, "lstm").dumps()})


def test_t18_called_for_what_it_is_for() -> None:
    assert filled(FusedRNN("ones", 1, 1, "gru"), (12,), "gru_parameters").tolist() == [1] * 6 + [0] * 6
    with pytest.raises(ArgumentError, match="Unknown initialization pattern for 'state'"):
        filled(FusedRNN("ones", 1, 1, "gru"), (12,), "state")


def test_fused_without_an_initializer_for_its_parameters() -> None:
    with pytest.raises(ArgumentError, match="pass init or a global one"):
        filled(FusedRNN(None, 5, 2, "lstm"), (460,))


# choices


def test_mixed() -> None:
    mixed = init.Mixed(["a_", ".*bias"], [init.One(), init.Zero()])
    assert filled(mixed, (1,), "a_weight").tolist() == [1]
    assert filled(mixed, (1,), "b_bias").tolist() == [0]
    with pytest.raises(ArgumentError, match=r"'b_weight' matches none of 'a_', '\.\*bias'"):
        filled(mixed, (1,), "b_weight")
    with pytest.raises(ArgumentError, match="as many initializers as patterns, got 1 and 0"):
        init.Mixed(["a"], [])


def test_load(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "net-0001.params"
    mx.nd.save(path, {"arg:a": mx.nd.array([1, 2]), "aux:b": mx.nd.array([3]), "arg": mx.nd.array([4])})
    load = init.Load(path, default_init=init.One(), verbose=True)
    assert [filled(load, (2,), "a").tolist(), filled(load, (1,), "b").tolist(), filled(load, (1,), "arg").tolist()] == [
        [1, 2],
        [3],
        [4],
    ]
    assert filled(load, (1,), "x_weight").tolist() == [1]
    assert caplog.messages[-2:] == ["Initialized arg by loading", "Initialized x_weight by default"]
    with pytest.raises(ShapeError, match=r"a: expected shape \(3,\), the value has \(2,\)"):
        filled(load, (3,), "a")
    with pytest.raises(ArgumentError, match="no value for 'x', and no default_init"):
        filled(init.Load({"a": mx.nd.ones((1,))}), (1,), "x")
    mx.nd.save(path, [mx.nd.ones((1,))])
    with pytest.raises(ArgumentError, match="expected arrays with names, got a list"):
        init.Load(path)


# the contract


def test_an_initializer_of_ones_own() -> None:
    @init.register
    @init.alias("ramp")
    class OwnRamp(init.Initializer):
        def __init__(self, step: float = 1.0) -> None:
            super().__init__(step=step)
            self.step = step

        def _init_weight(self, name: str, arr: mx.nd.NDArray) -> None:
            arr[:] = mx.nd.arange(arr.size) * self.step

        def _init_bias(self, name: str, arr: mx.nd.NDArray) -> None:
            arr[:] = 9

    assert filled(init.create("ownramp", step=2), (3,)).tolist() == [0, 2, 4]
    assert filled(init.create("ramp"), (2,), "x_bias").tolist() == [9, 9]
    assert filled(init.Zero(), (2,), "x_bias", {"__init__": OwnRamp(3).dumps()}).tolist() == [0, 3]
    with pytest.raises(NotImplementedError, match="must define _init_weight"):
        filled(init.Initializer(), (1,))


def test_the_global_initializer_is_remembered() -> None:
    desc, made = InitDesc("x_weight"), init.Zero()
    made(desc, mx.nd.ones((1,)))
    assert desc.global_init is made


def test_parameters_that_want_gradients() -> None:
    array = mx.nd.zeros((460,))
    array.attach_grad()
    init.Xavier()(InitDesc("lstm_parameters", {"__init__": FusedRNN(None, 5, 2, "lstm").dumps()}), array)
    assert array.tensor.is_leaf
    assert array.tensor.requires_grad
    assert array.tensor.detach().abs().sum() > 1


def test_verbosity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = init.Constant(2.0).set_verbosity(True)
    filled(made, (3,))
    filled(made.set_verbosity(True, lambda array: f"{array.size} elements"), (3,), "x_bias")
    filled(made, (3,), "x", {"__init__": "ones"})
    filled(made.set_verbosity(False), (3,))
    assert caplog.messages == [
        "Initialized x_weight as weight: 2.0",
        "Initialized x_bias as bias: 3 elements",
        "Initialized x as ones: 3 elements",
    ]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: init.Xavier(rnd_type="x"), ArgumentError, "rnd_type: expected one of gaussian, uniform; got 'x'"),
        (lambda: init.Xavier(factor_type="x"), ArgumentError, "factor_type: expected one of avg, in, out"),
        (lambda: init.Orthogonal(rand_type="x"), ArgumentError, "rand_type: expected one of normal, uniform"),
        (lambda: FusedRNN(None, 1, 1, "x"), ArgumentError, "mode: expected one of gru, lstm, rnn_relu, rnn_tanh"),
        (lambda: init.create("xaver"), ArgumentError, "initializer: expected one of .*xavier.*got 'xaver'"),
        (lambda: filled(init.Xavier(), (3,)), ShapeError, r"Xavier: x_weight: expected a weight of two axes.*\(3,\)"),
        (
            lambda: filled(LSTMBias(), (6,)),
            ShapeError,
            r"LSTMBias: x_weight: expected the biases of four gates.*\(6,\)",
        ),
        (lambda: filled(init.Bilinear(), (6,)), ShapeError, r"expected shape \(channels, channels, height, width\)"),
    ],
)
def test_errors(make: Any, error: type[MXNetError], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.filterwarnings("ignore:init.str:DeprecationWarning")
def test_errors_of_the_old_form() -> None:
    with pytest.raises(ArgumentError, match=r"expected \(InitDesc, NDArray\), got \(int, NDArray\)"):
        init.Zero()(3, mx.nd.ones((1,)))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match=r"got \(str, Tensor\)"):
        init.Zero()("x_weight", torch.ones(1))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match=r"expected shape \(6,\) for the bias of an affine transformation, got \(5,\)"):
        init.Zero()("stn_loc_bias", mx.nd.ones((5,)))
