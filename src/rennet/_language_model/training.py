"""Training a language model: from settings to checkpoints, interruptible and resumable."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from .. import random
from ..base import ArgumentError, FormatError, MXNetError
from ..callback import Speedometer
from ..context import Context, cpu
from ..initializer import Xavier
from ..lr_scheduler import FactorScheduler
from ..metric import Perplexity
from ..model import BatchEndParam
from ..module import BucketingModule
from ..rnn import do_rnn_checkpoint
from .curve import draw_curve
from .data import Data, prepare
from .files import METRIC_TOTALS, Card, Files, Snapshot
from .network import PADDING_ID, cells_of, unrolled
from .progress import Bar, Curve
from .settings import ModelSettings, TrainingSettings, describe_difference


class Interrupted(Exception):
    """Training was stopped on request; everything needed to go on has been saved."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    data: Data
    heldout: list[float]
    """Held-out perplexity after each epoch."""
    epochs: int


class StopRequest:
    """While open, the first Ctrl-C asks training to stop after the batch; a second one stops at once."""

    def __init__(self) -> None:
        self.made = False
        self._before: Any = None

    def __enter__(self) -> StopRequest:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exc: Any) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.made = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        logging.warning("finishing this batch, then saving; press Ctrl-C again to stop without saving")


class Training:
    """One run over a text.

    Parameters
    ----------
    model, training : settings
        The network, and how it is trained.
    files : Files
        Where everything goes.
    context : Context
        Where it runs.
    snapshot : Snapshot, optional
        Where an earlier run stopped.
    """

    def __init__(
        self,
        model: ModelSettings,
        training: TrainingSettings,
        files: Files,
        context: Context,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.data = prepare(training)
        if snapshot is not None and snapshot.notes["fingerprint"] != self.data.fingerprint:
            raise ArgumentError(f"{files.resume}: the saved run was on another text than {self.data.source}")
        self._card = Card(self.data.kind, self.data.source, model, training, self.data.vocabulary)
        self._files = files
        self._stale: list[Path] | None = []
        self._cells = cells_of(model)
        sym_gen = unrolled(model, len(self.data.vocabulary), self._cells)
        self._module = BucketingModule(sym_gen, self.data.train.default_bucket_key, context=context)
        self._metric = Perplexity(ignore_label=PADDING_ID)
        self._curve = Curve()
        self._begin = (0, 0)
        random.seed(training.seed)
        self._module.bind(self.data.train.provide_data, self.data.train.provide_label)
        try:
            self._module.init_params(Xavier(), arg_params=snapshot.params if snapshot else None)
            self._init_optimizer(training)
            if snapshot is not None:
                self._take_up(snapshot)
        except MXNetError as error:
            if snapshot is None:
                raise
            raise ArgumentError(f"{files.resume} does not fit the model in {files.card}: {error}") from error

    @property
    def _batches(self) -> int:
        return len(self.data.train.idx)

    def _init_optimizer(self, training: TrainingSettings) -> None:
        how: dict[str, Any] = {"learning_rate": training.lr}
        if training.lr_decay != 1.0:
            how["lr_scheduler"] = FactorScheduler(self._batches, training.lr_decay, base_lr=training.lr)
        if training.optimizer == "sgd":
            how["momentum"] = 0.9
        self._module.init_optimizer(optimizer=training.optimizer, optimizer_params=how)

    def _take_up(self, snapshot: Snapshot) -> None:
        """Stand where the snapshot was taken."""
        notes = snapshot.notes
        self._module.set_optimizer_states(snapshot.optimizer)
        self.data.train.restore(snapshot.order)
        if notes["batch"] == 0:
            self.data.train.reset()  # the epoch before was complete
        for name in METRIC_TOTALS:
            setattr(self._metric, name, notes["metric"][name])
        self._curve = Curve.from_state(notes["curve"])
        self._begin = (notes["epoch"], notes["batch"])
        torch.set_rng_state(snapshot.generator)

    def _snapshot(self, epoch: int, batch: int) -> Snapshot:
        notes = {
            "epoch": epoch,
            "batch": batch,
            "fingerprint": self.data.fingerprint,
            "metric": {name: float(getattr(self._metric, name)) for name in METRIC_TOTALS},
            "curve": self._curve.state(),
        }
        params, _ = self._module.get_params()
        states = self._module.get_optimizer_states()
        return Snapshot(params, states, self.data.train.state(), torch.get_rng_state(), notes)

    def run(self, epochs: int, bar: bool, report: Callable[[int, float], None] = lambda epoch, value: None) -> Outcome:
        """Train up to `epochs` epochs in all; raises `Interrupted` if asked to stop on the way.

        Parameters
        ----------
        epochs : int
            Where to stop.
        bar : bool
            Whether to show a progress bar; log lines otherwise.
        report : callable
            Told the number of each epoch and its held-out perplexity.
        """
        progress = Bar(epochs, self._batches) if bar else Speedometer(self._card.training.batch_size, 50)
        default_symbol = self._module.symbol
        checkpoint = do_rnn_checkpoint(self._cells, self._files.prefix)
        with StopRequest() as request:

            def after_batch(param: BatchEndParam) -> None:
                update = param.epoch * self._batches + param.nbatch + 1
                totals = self._metric.global_sum_metric, self._metric.global_num_inst
                self._curve.add(update, *totals, first=param.nbatch == 0)
                progress(param)
                if request.made:
                    self._first_write()
                    self._snapshot(param.epoch, param.nbatch + 1).write(self._files.resume)
                    raise Interrupted

            def after_epoch(epoch: int, symbol: Any, args: Mapping[str, Any], aux: Mapping[str, Any]) -> None:
                self._first_write()
                # the graph of the default bucket, whichever bucket came last
                checkpoint(epoch, default_symbol, args, aux)

            def after_scoring(param: BatchEndParam) -> None:
                value = float(dict(param.eval_metric.get_global_name_value())["perplexity"])
                self._curve.heldout.append([(param.epoch + 1) * self._batches, value])
                self._snapshot(param.epoch + 1, 0).write(self._files.resume)
                report(param.epoch + 1, value)
                if request.made and param.epoch + 1 < epochs:
                    raise Interrupted

            try:
                self._module.fit(
                    self.data.train,
                    eval_data=self.data.heldout,
                    eval_metric=self._metric,
                    validation_metric=Perplexity(ignore_label=PADDING_ID),
                    batch_end_callback=after_batch,
                    epoch_end_callback=after_epoch,
                    eval_end_callback=after_scoring,
                    begin_epoch=self._begin[0],
                    begin_batch=self._begin[1],
                    num_epoch=epochs,
                )
            finally:
                if isinstance(progress, Bar):
                    progress.close()
        self._draw()
        return Outcome(self.data, [value for _, value in self._curve.heldout], max(epochs, self._begin[0]))

    def replace(self, stale: list[Path]) -> None:
        """Have the files of an earlier run removed as soon as there is something to put in their place."""
        self._stale = stale

    def _first_write(self) -> None:
        if self._stale is not None:
            for path in self._stale:
                path.unlink(missing_ok=True)
            self._card.write(self._files.card)
            self._stale = None

    def _draw(self) -> None:
        updates = [int(update) for update, _ in self._curve.points]
        values = [value for _, value in self._curve.points]
        heldout = [(int(update), value) for update, value in self._curve.heldout]
        draw_curve(self._files.curve, updates, values, heldout, self.data.unigram)


def start(
    model: ModelSettings, training: TrainingSettings, prefix: str, overwrite: bool, context: Context | None = None
) -> Training:
    """A new run; an error if there is one under this prefix already, unless `overwrite`."""
    files = Files(prefix)
    files.check_writable()
    present = files.existing()
    if present and not overwrite:
        raise ArgumentError(
            f"{present[0]} is there already; go on with --resume, replace it with --overwrite, or take another --prefix"
        )
    run = Training(model, training, files, context or cpu())
    run.replace(present)
    return run


def resume(
    asked_model: Mapping[str, Any],
    asked_training: Mapping[str, Any],
    prefix: str,
    context: Context | None = None,
) -> Training:
    """The run under this prefix, where it stopped; an error if other settings are asked for than it had."""
    files = Files(prefix)
    files.check_writable()
    snapshot = Snapshot.read(files.resume)
    card = Card.read(files.card)
    for saved, asked in ((card.model, asked_model), (card.training, asked_training)):
        difference = describe_difference(saved, asked)
        if difference:
            raise ArgumentError(f"cannot resume {prefix}: {difference}")
    run = Training(card.model, card.training, files, context or cpu(), snapshot)
    if run.data.vocabulary != card.vocabulary:
        raise FormatError(str(files.card), "card", "vocabulary", "that of the text", "another one")
    return run
