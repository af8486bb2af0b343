"""Every loss, run and kept in every way, against real MXNet; and what MXNet gets wrong, by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_close
from oracle.client import Oracle

from .both import assert_same_block, random_input

SCORES, LABELS = (4, 3), random_input(4, 3, seed=5)
CLASSES = np.array([0, 2, 1, 2], np.float32)
SIGNS = np.array([1, -1, -1, 1], np.float32)
MANY_SIGNS = np.sign(LABELS)
CHANCES = 1 / (1 + np.exp(-random_input(4, 3, seed=6)))
SHARES = np.exp(LABELS) / np.exp(LABELS).sum(1, keepdims=True)
WEIGHTS = np.array([[0.5], [2], [0], [1]], np.float32)
EACH = random_input(4, 3, seed=7) ** 2
WORDS = np.array([[1, 2, -1], [0, -1, -1], [2, 2, 1], [3, 0, 3]], np.float32)
LENGTHS, WORD_LENGTHS = np.array([8, 3, 9, 6], np.float32), np.array([2, 1, 3, 2], np.float32)
COUNTS = np.array([[1, 2, 5], [3, 1, 1], [2, 9, 4], [1, 1, 2]], np.float32)

LOSSES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("L2Loss()", [SCORES, LABELS], {}),
    ("L2Loss(weight=2, batch_axis=1)", [SCORES, LABELS, EACH], {}),
    ("L2Loss()", [(4, 1), SIGNS], {}),
    ("L2Loss()", [(4,), SIGNS, WEIGHTS[:, 0]], {}),
    ("L1Loss()", [SCORES, LABELS], {}),
    ("L1Loss(weight=0.5)", [(4, 3, 2), (4, 6), (4, 1, 2)], {}),
    ("SigmoidBCELoss()", [SCORES, CHANCES], {}),
    ("SigmoidBCELoss(weight=3)", [SCORES, CHANCES, WEIGHTS], {}),
    ("SigmoidBCELoss()", [SCORES, CHANCES, None, EACH], {"hybrid": False}),
    ("SigmoidBinaryCrossEntropyLoss(prefix='a_')", [SCORES, CHANCES, WEIGHTS, EACH], {}),
    ("SigmoidBCELoss(from_sigmoid=True)", [CHANCES, CHANCES[::-1]], {}),
    ("SigmoidBCELoss(from_sigmoid=True)", [CHANCES, CHANCES[::-1], WEIGHTS, EACH], {}),
    ("SoftmaxCELoss()", [SCORES, CLASSES], {}),
    ("SoftmaxCrossEntropyLoss(weight=0.3)", [(4, 2, 3), np.stack([CLASSES, CLASSES[::-1]], 1), (4, 1, 1)], {}),
    ("SoftmaxCELoss(axis=1)", [(4, 3, 2), np.stack([CLASSES, CLASSES[::-1]], 1)], {}),
    ("SoftmaxCELoss(axis=1, sparse_label=False, from_logits=True)", [SCORES, SHARES, WEIGHTS], {}),
    ("SoftmaxCELoss(sparse_label=False, batch_axis=1)", [(1, 4, 3), SHARES], {}),
    ("SoftmaxCELoss(from_logits=True)", [np.log(SHARES), CLASSES], {}),
    ("KLDivLoss()", [np.log(CHANCES), SHARES], {}),
    ("KLDivLoss(from_logits=False, axis=1, weight=2)", [(4, 3, 2), np.stack([SHARES, CHANCES], 2)], {}),
    ("KLDivLoss(from_logits=False)", [SCORES, SHARES, WEIGHTS], {}),
    ("CTCLoss()", [(4, 9, 5), WORDS], {"without_gradient": [1]}),
    ("CTCLoss('TNC', 'TN', weight=2)", [(9, 4, 5), WORDS.T], {"without_gradient": [1]}),
    ("CTCLoss()", [(4, 9, 5), WORDS, LENGTHS], {"without_gradient": [1, 2]}),
    ("CTCLoss()", [(4, 9, 5), WORDS, LENGTHS, WORD_LENGTHS], {"without_gradient": [1, 2, 3]}),
    ("CTCLoss()", [(4, 9, 5), WORDS, None, WORD_LENGTHS], {"without_gradient": [1, 2], "hybrid": False}),
    ("CTCLoss()", [(4, 9, 5), WORDS, LENGTHS, WORD_LENGTHS, SIGNS], {"without_gradient": [1, 2, 3]}),
    ("HuberLoss()", [SCORES, LABELS * 3], {}),
    ("HuberLoss(2.5, weight=3, batch_axis=1)", [SCORES, LABELS * 5, EACH], {}),
    ("HingeLoss()", [SCORES, MANY_SIGNS], {}),
    ("HingeLoss(2, weight=2)", [(4, 1), SIGNS, WEIGHTS], {}),
    ("SquaredHingeLoss()", [SCORES, MANY_SIGNS], {}),
    ("SquaredHingeLoss(0.5, weight=2)", [SCORES, MANY_SIGNS, WEIGHTS], {}),
    ("LogisticLoss()", [SCORES, MANY_SIGNS], {}),
    ("LogisticLoss(label_format='binary', weight=2)", [SCORES, (MANY_SIGNS + 1) / 2, WEIGHTS], {}),
    ("TripletLoss()", [SCORES, LABELS, EACH], {}),
    ("TripletLoss(margin=0.1, weight=2)", [(4, 3, 2), (4, 6), (4, 2, 3)], {}),
    ("PoissonNLLLoss()", [SCORES, COUNTS], {}),
    ("PoissonNLLLoss(weight=2, from_logits=False)", [CHANCES, COUNTS, WEIGHTS], {}),
    ("PoissonNLLLoss(compute_full=True)", [SCORES, COUNTS], {"hybrid": False, "training": False}),
    # MXNet's graph has an attribute that its operator does not know
    ("CosineEmbeddingLoss()", [SCORES, LABELS, SIGNS], {"graph": False, "exported": False}),
    (
        "CosineEmbeddingLoss(margin=0.2, weight=2)",
        [SCORES, LABELS, SIGNS, WEIGHTS],
        {"graph": False, "exported": False},
    ),
    ("SDMLLoss()", [SCORES, LABELS], {"hybrid": False}),
    ("SDMLLoss(0.1)", [(3, 7), (3, 7)], {"hybrid": False}),
]


# of these MXNet knows no doubles
SINGLE = ("CTCLoss", "CosineEmbeddingLoss", "SDMLLoss")

TRIED = [(*row, dtype) for row in LOSSES for dtype in ("float32", "float64")[: 1 if row[0].startswith(SINGLE) else 2]]


@pytest.mark.parametrize(
    ("source", "inputs", "options", "dtype"), TRIED, ids=[f"{i}-{row[0]}-{row[3]}" for i, row in enumerate(TRIED)]
)
def test_loss(
    oracle: Oracle, tmp_path: Path, source: str, inputs: list[Any], options: dict[str, Any], dtype: str
) -> None:
    assert_same_block(oracle, tmp_path, f"block = mx.gluon.loss.{source}", *inputs, dtype=dtype, **options)


def test_none_in_the_middle_when_hybridized() -> None:
    """Real MXNet counts names of inputs and forgets the one that is None."""
    scores, label, weight = (mx.nd.array(each) for each in (random_input(4, 3), CHANCES, EACH))
    loss = mx.gluon.loss.SigmoidBCELoss()
    expected = loss(scores, label, None, weight).asnumpy()
    loss.hybridize()
    assert_close(loss(scores, label, None, weight), expected, 1e-6, "hybridized")


def test_stirling_of_small_counts() -> None:
    """A count of zero adds nothing; in MXNet it is NaN times zero. And the loss can be hybridized."""
    pred, target = np.array([[0.5, -1, 2, 0.3]]), np.array([[0.0, 1, 2, 5]])
    more = np.array([0, 0, *[t * math.log(t) - t + 0.5 * math.log(2 * t * math.pi) for t in (2, 5)]])
    expected = np.exp(pred) - target * pred + more
    for hybrid in (False, True):
        loss = mx.gluon.loss.PoissonNLLLoss(compute_full=True)
        if hybrid:
            loss.hybridize()
        arrays = [mx.nd.array(each, dtype="float64") for each in (pred, target)]
        for each in arrays:
            each.attach_grad()
        with mx.autograd.record():
            result = loss(*arrays)
        result.backward()
        assert_close(result, expected.mean(keepdims=True)[0], 1e-12, "loss")
        gradient = arrays[1].grad
        assert gradient is not None
        assert np.isfinite(gradient.asnumpy()).all()


def test_weights_that_mxnet_forgets() -> None:
    one, other, third = (mx.nd.array(random_input(4, 3, seed=seed)) for seed in range(3))
    plain = mx.gluon.loss.TripletLoss()(one, other, third).asnumpy()
    weighted = mx.gluon.loss.TripletLoss()(one, other, third, mx.nd.array(SIGNS))
    assert_close(weighted, plain * SIGNS, 1e-6, "triplets")
    plain = mx.gluon.loss.SDMLLoss()(one, other).asnumpy()
    assert_close(mx.gluon.loss.SDMLLoss(weight=2)(one, other), plain * 2, 1e-6, "metric learning")
    plain = mx.gluon.loss.L2Loss()(one, other).asnumpy()
    assert_close(mx.gluon.loss.L2Loss(weight=None)(one, other), plain, 0, "no weight")


def test_half_precision() -> None:
    one, other = (mx.nd.array(random_input(4, 3, seed=seed), dtype="float16") for seed in range(2))
    loss = mx.gluon.loss.CosineEmbeddingLoss()(one, other, mx.nd.array(SIGNS, dtype="float16"))
    assert loss.dtype == np.float16


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("LogisticLoss(label_format='x')", "LogisticLoss: label_format: expected one of binary, signed; got 'x'"),
        ("CTCLoss(layout='NCT')", "CTCLoss: layout: expected one of NTC, TNC; got 'NCT'"),
        ("CTCLoss(label_layout='NTC')", "CTCLoss: label_layout: expected one of NT, TN; got 'NTC'"),
        ("L1Loss(weight='a')", "L1Loss: weight: expected a number or None, got 'a'"),
        ("HuberLoss(rho=0)", "HuberLoss: rho: expected a positive number, got 0"),
        ("HingeLoss(margin=None)", "HingeLoss: margin: expected a number, got None"),
        ("SDMLLoss(batch_axis=1)", "SDMLLoss: batch_axis: expected 0, got 1; transpose the inputs"),
        ("SDMLLoss()(mx.sym.var('x'), mx.sym.var('y'))", "SDMLLoss: .* do not hybridize it"),
        ("SDMLLoss()(mx.nd.ones((2, 3)), mx.nd.ones((3, 3)))", r"SDMLLoss: expected two batches .* \(2, 3\), \(3, 3\)"),
    ],
)
def test_objections(source: str, message: str) -> None:
    with pytest.raises(mx.base.MXNetError, match=message):
        eval(f"mx.gluon.loss.{source}", {"mx": mx})
