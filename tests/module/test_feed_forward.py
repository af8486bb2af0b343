"""FeedForward: trained, run, measured and saved as by real MXNet, and what it refuses."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close, assert_close
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.module import FeedForward
from same_script import run_here

from .classifier import NETWORK, PARAMS, network

pytestmark = pytest.mark.filterwarnings("ignore:FeedForward is deprecated:DeprecationWarning")

SCRIPT = f"""{NETWORK}
import warnings
warnings.simplefilter("ignore")
values = {{name: mx.nd.array(value) for name, value in params.items()}}
kinds = {{"arrays": (x, y), "column": (mx.nd.array(x), y.reshape(-1, 1))}}
kinds["iterator"] = mx.io.NDArrayIter(x, y, 4), None
seen = []
model = mx.model.FeedForward(
    network(), num_epoch=3, epoch_size=epoch_size, numpy_batch_size=4, learning_rate=0.5, momentum=0.9,
    arg_params={{**values, "other": mx.nd.ones((1,))}}, allow_extra_params=True, begin_epoch=1)
# only where nothing is shuffled: its own shuffles come from the same generator, at another time than MXNet's
held_out = (x.tolist(), y.tolist()) if kind == "iterator" else None
model.fit(*kinds[kind], eval_data=held_out,
          batch_end_callback=lambda param: seen.append((param.epoch, param.nbatch)))
trained = dict(model.arg_params)
found = model.predict(x, return_data=True)
part = model.predict(mx.io.NDArrayIter(x, y, 4), num_batch=1)
batches = mx.io.NDArrayIter(x, y, 4)
scores = [model.score(batches), model.score(batches, eval_metric=["acc", "ce"], num_batch=2)]
model.save(prefix)
again = mx.model.FeedForward.load(prefix, 3)
begin, outputs = again.begin_epoch, again.predict(x)
again.num_epoch = 4
again.fit(mx.io.NDArrayIter(x, y, 4))
more = dict(again.arg_params)
"""
WANTED = ["trained", "found", "part", "scores", "begin", "outputs", "more", "seen"]


def examples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(11, 4)).astype(np.float32)
    return {"x": x, "y": (x.sum(1) > 0).astype(np.float32)}


@pytest.mark.parametrize("epoch_size", [None, 2])
@pytest.mark.parametrize("kind", ["arrays", "column", "iterator"])
def test_it_does_what_mxnets_does(oracle: Oracle, tmp_path: Path, kind: str, epoch_size: int | None) -> None:
    inputs: dict[str, Any] = {**examples(), "params": PARAMS, "kind": kind, "epoch_size": epoch_size}
    ours = run_here(SCRIPT, WANTED, {**inputs, "prefix": str(tmp_path / "ours")})
    theirs = oracle.build(SCRIPT, WANTED, {**inputs, "prefix": str(tmp_path / "theirs")})
    for params in ("trained", "more"):
        assert_all_close(ours[params], theirs[params], 1e-5, params)
    assert len(ours["found"]) == len(theirs["found"]) == 3
    for name in ("found", "scores"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    for name in ("part", "outputs"):
        assert_close(ours[name], theirs[name], 1e-5, name)
    assert ours["begin"] == theirs["begin"] == 3
    assert ours["seen"] == theirs["seen"]


def test_create_learns_and_reports(caplog: pytest.LogCaptureFixture) -> None:
    given = examples()
    with caplog.at_level(logging.INFO):
        model = FeedForward.create(
            network(), given["x"], given["y"], num_epoch=60, learning_rate=0.5, eval_data=(given["x"], given["y"])
        )
    assert model.score(mx.io.NDArrayIter(given["x"], given["y"], 11)) == 1
    assert sum("Validation-accuracy" in record.getMessage() for record in caplog.records) == 60


def test_a_network_for_each_bucket() -> None:
    rng = np.random.default_rng(0)
    sentences = [list(rng.integers(1, 5, size)) for size in rng.integers(2, 6, 40)]
    batches = mx.rnn.BucketSentenceIter(sentences, batch_size=2, buckets=[3, 5], invalid_label=0)

    def generate(length: int) -> mx.sym.Symbol:
        embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=5, output_dim=3, name="embed")
        outputs, _ = mx.rnn.LSTMCell(4, prefix="lstm_").unroll(length, embedded, merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.reshape(outputs, shape=(-1, 4)), num_hidden=5, name="scores")
        return mx.sym.SoftmaxOutput(
            scores, mx.sym.reshape(mx.sym.Variable("softmax_label"), shape=(-1,)), name="softmax"
        )

    model = FeedForward(generate, num_epoch=1, initializer=mx.init.Xavier())
    with pytest.raises(MXNetError, match="no network before fit"):
        model.predict(np.ones((2, 5)))
    model.fit(batches, eval_metric=mx.metric.Perplexity(0))
    whole = mx.rnn.BucketSentenceIter([[1, 2, 3, 4, 1]] * 3, batch_size=3, buckets=[5], invalid_label=0)
    assert model.predict(whole).shape == (15, 5)
    with pytest.raises(ArgumentError, match="expected a DataIter with a default_bucket_key"):
        model.fit(np.ones((2, 5)), np.ones(2))


def test_it_says_that_it_is_deprecated() -> None:
    assert mx.model.FeedForward is FeedForward  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.warns(DeprecationWarning, match=r"use mx\.mod\.Module"):
        FeedForward(network())


X, Y = np.ones((4, 4)), np.ones(4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda model: model.fit(X), ArgumentError, "y: expected labels beside the array X"),
        (
            lambda model: model.fit(X, np.ones(3)),
            ShapeError,
            r"one number for each of 4 examples, got the shape \(3,\)",
        ),
        (lambda model: model.fit(X, np.ones((4, 2))), ShapeError, r"got the shape \(4, 2\)"),
        (lambda model: model.fit([1, 2], Y), ArgumentError, "X: expected a DataIter or an array, got list"),
        (lambda model: model.fit(mx.io.NDArrayIter(X, Y), Y), ArgumentError, "a DataIter brings its own labels"),
        (lambda model: model.fit(X, Y, eval_data=(X,)), ArgumentError, "eval_data: expected a pair .* got 1 parts"),
        (lambda model: model.fit(X, Y, kvstore="dist_sync"), NotSupportedError, "'dist_sync'.* is not supported"),
        (lambda model: model.predict(X), MXNetError, "no parameters yet; call fit, or give arg_params"),
        (lambda model: model.score(X), ArgumentError, "score: X: expected a DataIter"),
        (lambda model: model.save("x"), MXNetError, "no parameters yet"),
        (
            lambda _: FeedForward(network()).fit(X, Y),
            ArgumentError,
            r"expected FeedForward\(\.\.\., num_epoch=\.\.\.\)",
        ),
        (lambda _: FeedForward(network()).save("x"), ArgumentError, "save: epoch: expected a number"),
        (
            lambda _: FeedForward(network(), optimizer=mx.optimizer.SGD(), momentum=0.5),
            ArgumentError,
            r"\['momentum'\]: expected with an optimizer's name",
        ),
        (
            lambda _: FeedForward(network(), num_epoch=1, arg_params={"other": mx.nd.ones((1,))}).fit(X, Y),
            ArgumentError,
            "other",
        ),
    ],
)
def test_what_cannot_work(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(FeedForward(network(), num_epoch=1))
