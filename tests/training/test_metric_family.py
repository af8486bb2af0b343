"""The metrics of classes and of numbers: MXNet's values over several updates, odd shapes, local and global."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet import metric
from rennet.base import ArgumentError, ShapeError

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=4)
SEEDS = st.integers(0, 99)

SCRIPT = """
made = mx.metric.create(name, **arguments)
answers = []
for step, (labels, preds) in enumerate(updates):
    made.update([mx.nd.array(each) for each in labels], [mx.nd.array(each) for each in preds])
    answers += [made.get_name_value(), made.get_global(), float(made.num_inst)]
    if step == 1:
        made.reset_local()
        answers += [made.get(), made.get_global()]
    if step == 2:
        made.reset()
        answers += [made.get(), made.get_global()]
"""


def compare(oracle: Oracle, name: str, arguments: dict[str, Any], updates: list[tuple[list, list]]) -> None:
    inputs = {"name": name, "arguments": arguments, "updates": updates}
    ours: dict[str, Any] = {"mx": mx, **inputs}
    exec(SCRIPT, ours)
    assert_same(ours["answers"], oracle.build(SCRIPT, ["answers"], inputs)["answers"])


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs, strict=True):
            assert_same(*pair)
    else:
        assert ours == (theirs if isinstance(theirs, str) else pytest.approx(theirs, rel=1e-5, abs=1e-6, nan_ok=True))


@settings(max_examples=20)
@given(sizes=SIZES, classes=st.integers(3, 6), column=st.booleans(), seed=SEEDS)
@pytest.mark.parametrize("name", ["top_k_accuracy", "top_k_acc", "TopKAccuracy"])
def test_top_k_accuracy(oracle: Oracle, name: str, sizes: list[int], classes: int, column: bool, seed: int) -> None:
    draw = np.random.RandomState(seed)
    shapes = [(size, 1) if column else (size,) for size in sizes]
    updates = [
        ([draw.randint(0, classes, shape).astype(np.float32)], [draw.rand(shape[0], classes).astype(np.float32)])
        for shape in shapes
    ]
    compare(oracle, name, {"top_k": 3, "name": "hits"}, updates)


def binary(draw: np.random.RandomState, size: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    return draw.randint(0, 2, size).astype(np.float32), draw.rand(size, classes).astype(np.float32)


@settings(max_examples=20)
@given(sizes=SIZES, average=st.sampled_from(["macro", "micro"]), classes=st.integers(2, 3), seed=SEEDS)
@pytest.mark.parametrize("name", ["f1", "mcc"])
def test_two_classes(oracle: Oracle, name: str, sizes: list[int], average: str, classes: int, seed: int) -> None:
    draw = np.random.RandomState(seed)
    pairs = [(binary(draw, size, classes), binary(draw, 4, classes)) for size in sizes]
    updates = [([one[0], other[0]], [one[1], other[1]]) for one, other in pairs]
    compare(oracle, name, {"average": average}, updates)


def test_labels_of_two_classes_may_be_a_column_and_any_two_numbers() -> None:
    preds = [mx.nd.array([[0, 1], [0, 1], [1, 0]])]
    for name, value in (("f1", 0.5), ("mcc", -0.5)):
        for labels in ([0, 1, 1], [-1, 1, 1], [[0], [1], [1]]):
            made = metric.create(name)
            made.update([mx.nd.array(labels)], preds)
            assert made.get() == (name, value)


@settings(max_examples=20)
@given(sizes=SIZES, seed=SEEDS, classes=st.booleans())
def test_correlation_of_classes(oracle: Oracle, sizes: list[int], seed: int, classes: bool) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        label = draw.randint(0, draw.randint(1, 6), size).astype(np.float32)  # tables that grow
        pred = draw.randint(0, 4, size) if classes else draw.rand(size, 4)
        updates.append(([label], [pred.astype(np.float32)]))
    compare(oracle, "pcc", {}, updates)


@settings(max_examples=20)
@given(sizes=SIZES, seed=SEEDS, shapes=st.sampled_from(["n n", "n n1", "n nc", "n1 nc", "nc nc", "nc n", "nbc nbc"]))
@pytest.mark.parametrize("name", ["mae", "mse", "rmse"])
def test_distances(oracle: Oracle, name: str, sizes: list[int], seed: int, shapes: str) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        axes = {"n": size, "b": 3, "c": 5, "1": 1}
        label, pred = (draw.randn(*(axes[each] for each in shape)).astype(np.float32) for shape in shapes.split())
        updates.append(([label, label], [pred, pred * 2]))
    compare(oracle, name, {}, updates)


@settings(max_examples=20)
@given(sizes=SIZES, seed=SEEDS)
def test_correlation_of_numbers(oracle: Oracle, sizes: list[int], seed: int) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        label = draw.randn(size, 3).astype(np.float32)
        updates.append(([label, label], [label + draw.randn(size, 3).astype(np.float32), -label]))
    compare(oracle, "pearsonr", {"average": "macro"}, updates)
    ours = metric.create("pearsonr", average="micro")
    for labels, preds in updates:
        ours.update([mx.nd.array(each) for each in labels], [mx.nd.array(each) for each in preds])
    theirs = oracle.metric("pearsonr", {"average": "micro"}, updates)
    assert ours.get() == (theirs.name, pytest.approx(theirs.value, abs=1e-5))
    assert ours.get_global() == ours.get()  # MXNet says 0
    ours.reset_local()
    assert math.isnan(ours.get()[1])
    assert ours.get_global()[1] == pytest.approx(theirs.value, abs=1e-5)
    ours.update([mx.nd.array([1, 2])], [mx.nd.array([3, 4])])
    assert ours.get()[1] == pytest.approx(1)


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_what_does_not_vary_has_no_correlation(average: str) -> None:
    made = metric.create("pearsonr", average=average)
    made.update([mx.nd.ones((3,))], [mx.nd.array([1, 2, 3])])
    assert math.isnan(made.get()[1])


def test_correlation_far_from_zero() -> None:
    made = metric.create("pearsonr", average="micro")
    x, y = torch.randn(2, 50, dtype=torch.float64)
    for part in range(0, 50, 10):
        rows = slice(part, part + 10)
        made.update([mx.nd.array(1e7 + x[rows], dtype="float64")], [mx.nd.array(y[rows] - 1e7, dtype="float64")])
    assert made.get()[1] == pytest.approx(float(np.corrcoef(x, y)[0, 1]), rel=1e-6)


@settings(max_examples=20)
@given(sizes=SIZES, eps=st.sampled_from([1e-12, 1e-3]), column=st.booleans(), seed=SEEDS)
def test_negative_log_likelihood(oracle: Oracle, sizes: list[int], eps: float, column: bool, seed: int) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        label = draw.randint(0, 5, (size, 1) if column else (size,)).astype(np.float32)
        updates.append(([label], [draw.rand(size, 5).astype(np.float32)]))
    compare(oracle, "nll_loss", {"eps": eps, "name": "mine"}, updates)


NAMES = ["acc", "ce", "nll_loss", "negativeloglikelihood", "mae", "mse", "rmse", "f1", "mcc", "pcc", "pearsonr"]
NAMES += ["pearsoncorrelation", "loss", "accuracy", "crossentropy"]


def test_names_and_what_they_say_before_any_update(oracle: Oracle) -> None:
    source = "answers = [(str(made), made.get_global_name_value()[0][0]) for made in map(mx.metric.create, names)]"
    ours: dict[str, Any] = {"mx": mx, "names": NAMES}
    exec(source, ours)
    assert ours["answers"] == oracle.build(source, ["answers"], {"names": NAMES})["answers"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("top_k_acc", {"top_k": 4}),
        ("f1", {"average": "micro"}),
        ("pearsonr", {"average": "micro"}),
        ("pcc", {}),
        ("nll_loss", {"eps": 0.5}),
        ("rmse", {"name": "mine", "output_names": ["out"]}),
    ],
)
def test_configurations_say_it_all(name: str, arguments: dict[str, Any]) -> None:
    made = metric.create(name, **arguments)
    assert arguments.items() <= made.get_config().items()
    again = metric.create(**made.get_config())
    assert (type(again), again.name, again.get_config()) == (type(made), made.name, made.get_config())


def test_more_guesses_than_classes() -> None:
    made = metric.create("top_k_acc", top_k=5)
    made.update([mx.nd.array([0, 1, 7])], [mx.nd.ones((3, 2))])
    assert made.get()[1] == pytest.approx(2 / 3)


@pytest.mark.parametrize("dtype", ["int32", "float16", "float64"])
@pytest.mark.parametrize("name", ["top_k_acc", "f1", "mcc", "pcc", "mae", "mse", "rmse", "nll_loss", "pearsonr"])
def test_other_types(name: str, dtype: str) -> None:
    label, pred = [0, 1, 1], [[1, 0], [0, 1], [1, 0]]
    if name in ("mae", "mse", "rmse", "pearsonr"):
        pred = [1, 5, 4]
    values = []
    for each in (dtype, "float32"):
        made = metric.create(name, **({"top_k": 2} if name == "top_k_acc" else {}))
        made.update([mx.nd.array(label, dtype=each)], [mx.nd.array(pred, dtype=each)])
        values.append(made.get()[1])
    assert values[0] == pytest.approx(values[1])


def test_without_global_numbers() -> None:
    made = metric.create("pcc", has_global_stats=False)
    made.update([mx.nd.array([0, 1])], [mx.nd.array([0, 1])])
    made.reset_local()
    assert math.isnan(made.get_global()[1])


TWO = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("name", "labels", "preds", "error", "message"),
    [
        ("f1", [[0, 1, 2]], [[*TWO, [0, 1]]], ArgumentError, "f1: labels: expected two classes, got more"),
        ("mcc", [[0, 1, 1]], [TWO], ShapeError, r"mcc: expected one label .* got \(3,\) for \(2, 2\)"),
        ("f1", [[0, 1]], [[0, 1]], ShapeError, r"f1: expected one label .* along axis 1, got \(2,\) for \(2,\)"),
        ("mcc", [[0, 1]], [], ShapeError, "mcc: expected as many labels as predictions, got 1 and 0"),
        ("pcc", [[0, -1]], [TWO], ArgumentError, "pcc: labels and predictions: expected classes from 0, got -1"),
        ("pcc", [[0, 1, 1]], [TWO], ShapeError, r"pcc: expected one label .* got \(3,\) for \(2, 2\)"),
        ("top_k_acc", [[0, 1, 1]], [TWO], ShapeError, r"expected N labels for predictions \(N, C\), got \(3,\) for"),
        ("top_k_acc", [[0, 1]], [[0, 1]], ShapeError, r"for predictions \(N, C\), got \(2,\) for \(2,\)"),
        ("mae", [[0, 1, 1]], [[0, 1]], ShapeError, r"mae: expected .* of one shape, got \(3, 1\) and \(2, 1\)"),
        ("rmse", [[0, 1, 1]], [], ShapeError, "rmse: expected as many labels as predictions, got 1 and 0"),
        ("pearsonr", [[0, 1]], [[[0], [1]]], ShapeError, r"pearsonr: .* of one shape, got \(2,\) and \(2, 1\)"),
        ("nll_loss", [[0, 2]], [TWO], ArgumentError, "nll-loss: labels: expected 0 to 1, got 0 to 2"),
        ("nll_loss", [[0]], [TWO], ShapeError, r"nll-loss: expected one label .* got \(1,\) for \(2, 2\)"),
    ],
)
def test_bad_batches(name: str, labels: Any, preds: Any, error: type[Exception], message: str) -> None:
    made = metric.create(name, **({"top_k": 2} if name == "top_k_acc" else {}))
    with pytest.raises(error, match=message):
        made.update([mx.nd.array(each) for each in labels], [mx.nd.array(each) for each in preds])


@pytest.mark.parametrize("name", ["f1", "mcc", "pearsonr"])
def test_averages(name: str) -> None:
    with pytest.raises(ArgumentError, match=r"average: expected .*macro.*micro.*got 'mean'"):
        metric.create(name, average="mean")


def test_one_guess_is_accuracy() -> None:
    with pytest.raises(ArgumentError, match="top_k: expected at least 2, got 1; Accuracy"):
        metric.create("top_k_acc")
