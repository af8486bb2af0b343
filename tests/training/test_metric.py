"""Metrics: MXNet's numbers, and one trip to the host for each update."""

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
from rennet.base import ArgumentError, NotSupportedError, ShapeError

SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=3)


def probabilities(draw: np.random.RandomState, *shape: int) -> np.ndarray:
    weights = draw.rand(*shape).astype(np.float32)
    weights[weights < 0.1] = 0  # the floor of the logarithm
    return weights


def classes(draw: np.random.RandomState, *shape: int) -> np.ndarray:
    return draw.randint(0, 5, shape).astype(np.float32)


def compare(oracle: Oracle, name: str, arguments: dict[str, Any], updates: list[tuple[list, list]]) -> None:
    ours = metric.create(name, **arguments)
    for labels, preds in updates:
        ours.update([mx.nd.array(each) for each in labels], [mx.nd.array(each) for each in preds])
    theirs = oracle.metric(name, arguments, updates)
    found, value = ours.get()
    assert found == theirs.name
    assert value == pytest.approx(theirs.value, rel=1e-6, nan_ok=True)
    assert ours.get_global() == ours.get() or math.isnan(value)
    for number in (ours.sum_metric, ours.num_inst):
        assert type(number) in (int, float)


@settings(max_examples=30)
@given(
    sizes=SIZES, ignore=st.sampled_from([None, 0, -1, 3]), steps=st.sampled_from([None, 1, 4]), seed=st.integers(0, 99)
)
def test_perplexity(oracle: Oracle, sizes: list[int], ignore: int | None, steps: int | None, seed: int) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        shape = (size,) if steps is None else (size, steps)
        label = classes(draw, *shape)
        label.flat[0] = -1  # padding, which pick moves to class 0
        updates.append(([label], [probabilities(draw, label.size, 5)]))
    compare(oracle, "perplexity", {"ignore_label": ignore}, updates)


def test_perplexity_of_several_outputs(oracle: Oracle) -> None:
    draw = np.random.RandomState(0)
    labels = [classes(draw, 3), classes(draw, 4)]
    preds = [probabilities(draw, 3, 5), probabilities(draw, 4, 5)]
    compare(oracle, "Perplexity", {"ignore_label": 2, "axis": 1}, [(labels, preds)])


def test_perplexity_where_nothing_counts() -> None:
    perplexity = metric.Perplexity(ignore_label=0)
    perplexity.update([mx.nd.zeros((2,))], [mx.nd.array([[math.nan, 1], [0, 1]])])
    assert (perplexity.num_inst, perplexity.sum_metric) == (0, 0.0)
    assert math.isnan(perplexity.get()[1])


@pytest.mark.parametrize("dtype", ["int32", "int64", "float16", "float64"])
def test_perplexity_of_other_types(dtype: str) -> None:
    label, pred = mx.nd.array([0, 1], dtype=dtype), mx.nd.array([[0.5, 0.5], [0.75, 0.25]], dtype="float16")
    perplexity = metric.Perplexity(None)
    perplexity.update([label], [pred])
    assert perplexity.get()[1] == pytest.approx(math.sqrt(8))


@settings(max_examples=30)
@given(sizes=SIZES, kind=st.sampled_from(["classes", "distributions", "channels", "column"]), seed=st.integers(0, 99))
def test_accuracy(oracle: Oracle, sizes: list[int], kind: str, seed: int) -> None:
    draw = np.random.RandomState(seed)
    updates = []
    for size in sizes:
        label, pred = classes(draw, size), probabilities(draw, size, 5)
        if kind == "classes":
            pred = label + draw.randint(0, 2, size) * 1.5
        elif kind == "channels":
            label, pred = classes(draw, size, 3), probabilities(draw, size, 5, 3)
        elif kind == "column":
            label = label.reshape(-1, 1)
        updates.append(([label], [pred]))
    compare(oracle, "acc", {"axis": 1}, updates)


@settings(max_examples=20)
@given(sizes=SIZES, eps=st.sampled_from([1e-12, 1e-3]), seed=st.integers(0, 99))
def test_cross_entropy_and_loss(oracle: Oracle, sizes: list[int], eps: float, seed: int) -> None:
    draw = np.random.RandomState(seed)
    updates = [([classes(draw, size)], [probabilities(draw, size, 5)]) for size in sizes]
    compare(oracle, "ce", {"eps": eps}, updates)
    compare(oracle, "loss", {"name": "mine"}, updates)


GENERIC = """
def distance(label, pred):
    return abs(label - pred).sum()
def counted(label, pred):
    return abs(label - pred).sum(), label.size
class Own(mx.metric.EvalMetric):
    def update(self, labels, preds):
        self.sum_metric += 3.0
        self.num_inst += 2
made = [mx.metric.create(distance), mx.metric.np(counted, name="c", allow_extra_outputs=True), Own("own"),
        mx.metric.create(["acc", mx.metric.create("composite", metrics=["ce", "loss"])])]
label, pred = mx.nd.array([0, 1, 1]), mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])
answers = [str(each) for each in made]
for _ in range(2):
    made[0].update([label], [label * 3])
    made[1].update([label], [label * 3, pred])
    made[2].update([label], [pred])
    made[3].update([label], [pred])
    answers += [each.get_name_value() for each in made]
    made[_].reset_local()
    made[3].reset_local()
    answers += [(each.get(), each.get_global(), each.get_global_name_value()) for each in made]
answers += [each.get_config() for each in made[2:]]
made[3].reset()
answers.append(made[3].get_global())
named = mx.metric.create("acc", output_names=["out"], label_names=["l"])
named.update_dict({"l": label, "other": pred}, {"first": label, "out": pred})
answers.append(named.get())
both = mx.metric.CompositeEvalMetric(["acc"], output_names=["out"], label_names=["l"])
both.update_dict({"l": label, "other": pred}, {"first": label, "out": pred})
answers.append(both.get())
again = mx.metric.create(**both.get_config())
answers.append((type(again).__name__, again.get_config()))
answers.append(mx.metric.create('["acc", {"axis": 2}]').get_config())
"""


def rounded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(rounded(each) for each in value)
    return str(round(float(value), 6)) if isinstance(value, float) else value  # a text, for NaN equals nothing


def test_the_contract(oracle: Oracle) -> None:
    ours: dict[str, Any] = {"mx": type("mx", (), {"metric": metric, "nd": mx.nd})}
    exec(GENERIC, ours)
    assert rounded(ours["answers"]) == rounded(oracle.build(GENERIC, ["answers"])["answers"])


def test_one_trip_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    trips: list[str] = []

    def counting(name: str) -> Any:
        original = getattr(torch.Tensor, name)

        def counted(self: torch.Tensor, *arguments: Any) -> Any:
            trips.append(name)
            return original(self, *arguments)

        return counted

    for name in ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, name, counting(name))
    label, pred = mx.nd.array([0, 1]), mx.nd.array([[0.5, 0.5], [0.5, 0.5]])
    for made in (
        metric.Perplexity(0),
        metric.Perplexity(None),
        metric.Accuracy(),
        metric.CrossEntropy(),
        metric.Loss(),
    ):
        trips.clear()
        made.update([label], [pred])
        assert len(trips) <= 2, made  # a sum and a count of one tensor, which is on the host by then
        assert "numpy" not in trips


def test_metrics_in_a_composite_keep_their_counts() -> None:
    accuracy = metric.Accuracy()
    accuracy.update([mx.nd.array([1])], [mx.nd.array([[0, 1]])])
    both = metric.CompositeEvalMetric([accuracy])
    both.add("loss")
    assert both.get_metric(0) is accuracy
    assert both.get()[1][0] == 1.0
    with pytest.raises(ArgumentError, match="get_metric: expected a number below 2, got 2"):
        both.get_metric(2)


def test_single_arrays_instead_of_lists() -> None:
    label, pred = mx.nd.array([0, 1]), mx.nd.array([[0.5, 0.5], [0.25, 0.75]])
    for made in (metric.Accuracy(), metric.Perplexity(None), metric.CrossEntropy()):
        made.update(label, pred)
        assert made.num_inst == 2
    assert metric.check_label_shapes(label, pred, wrap=True) == ([label], [pred])


def test_registering_a_metric_of_ones_own() -> None:
    @metric.register
    @metric.alias("mine", "my_own")
    class OwnMetric(metric.EvalMetric):
        def __init__(self) -> None:
            super().__init__("own")

    for name in ("ownmetric", "mine", "My_Own"):
        assert isinstance(metric.create(name), OwnMetric)
    with pytest.warns(UserWarning, match="metric 'mine'.*takes the place of"):
        metric.alias("mine")(OwnMetric)
    with pytest.raises(NotImplementedError, match="OwnMetric: a metric must define update"):
        metric.create("mine").update([], [])
    with pytest.raises(ArgumentError, match="expected a subclass of EvalMetric, got <class 'int'>"):
        metric.register(int)


LABEL, PRED = [[0, 1]], [[[0.5, 0.5], [0.5, 0.5]]]


@pytest.mark.parametrize(
    ("name", "labels", "preds", "error", "message"),
    [
        ("acc", LABEL, [], ShapeError, "accuracy: expected as many labels as predictions, got 1 and 0"),
        ("acc", [[0, 1, 2]], PRED, ShapeError, r"one label for each distribution, got \(3,\) for \(2, 2\)"),
        ("perplexity", [[0, 1, 2]], PRED, ShapeError, r"distribution over 2 classes, got \(3,\) for \(2, 2\)"),
        ("perplexity", LABEL, [], ShapeError, "perplexity: expected as many labels as predictions, got 1 and 0"),
        ("ce", [[0, 2]], PRED, ArgumentError, "cross-entropy: labels: expected 0 to 1, got 0 to 2"),
        ("ce", [[0, -1]], PRED, ArgumentError, "expected 0 to 1, got -1 to 0"),
    ],
)
def test_bad_batches(name: str, labels: Any, preds: Any, error: type[Exception], message: str) -> None:
    made = metric.create(name, **({"ignore_label": None} if name == "perplexity" else {}))
    with pytest.raises(error, match=message):
        made.update([mx.nd.array(each) for each in labels], [mx.nd.array(each) for each in preds])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("accurate",), "metric: expected one of acc, accuracy.*got 'accurate'"),
        ((3,), "expected a metric or its name, got 3"),
        (('["acc", {}]', 1), "says it all"),
        (("[1]",), 'expected \\["name", {"argument": value, ...}\\]'),
        (("[acc]",), "is no JSON"),
    ],
)
def test_names_that_say_nothing(arguments: tuple, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        metric.create(*arguments)


def test_other_errors() -> None:
    with pytest.raises(NotSupportedError, match="a function cannot be written down"):
        metric.create(lambda label, pred: 0).get_config()
    with pytest.raises(ShapeError, match="same number, got 1 and 2"):
        metric.np(lambda label, pred: 0).update([mx.nd.ones((1,))], [mx.nd.ones((1,))] * 2)
    with pytest.raises(ArgumentError, match=r"output_names: no output is called \['x'\]; there are \['out'\]"):
        metric.create("acc", output_names=["x"]).update_dict({}, {"out": mx.nd.ones((1,))})
    with pytest.raises(ShapeError, match=r"same shape, got \(1,\) and \(2,\)"):
        metric.check_label_shapes(mx.nd.ones((1,)), mx.nd.ones((2,)), shape=True)
