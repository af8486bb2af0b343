"""What every module can do once it can run and update: fit, score, predict."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import metric
from ..base import ArgumentError, NotSupportedError, _as_list, expect_call, expect_whole, shown
from ..initializer import Uniform
from ..io import DataBatch, DataIter
from ..model import BatchEndParam, read_params, write_params
from ..ndarray import NDArray, array, concatenate
from ..symbol import Symbol

INITIALIZER = Uniform(0.01)
"""What fills parameters if nothing else is said."""


class BaseModule:
    """The part of a module that does not depend on how it computes."""

    def __init__(self, logger: Any = logging) -> None:
        self.logger = logger
        self.binded = self.for_training = self.inputs_need_grad = False
        self.params_initialized = self.optimizer_initialized = False
        self._symbol: Symbol | None = None

    # what a subclass provides

    def _lacks(self, member: str) -> NotSupportedError:
        return NotSupportedError(f"{type(self).__name__}: a module must define {member}; Module does")

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        raise self._lacks("data_names")

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise self._lacks("output_names")

    @property
    def data_shapes(self) -> list[Any]:
        """Names and shapes of the data that the module is bound for."""
        raise self._lacks("data_shapes")

    @property
    def label_shapes(self) -> list[Any]:
        """Names and shapes of the labels that the module is bound for."""
        raise self._lacks("label_shapes")

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs."""
        raise self._lacks("output_shapes")

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """See `Module.get_input_grads`."""
        raise self._lacks("get_input_grads")

    def bind(self, *args: Any, **kwargs: Any) -> None:
        """See `Module.bind`."""
        raise self._lacks("bind")

    def init_params(self, *args: Any, **kwargs: Any) -> None:
        """See `Module.init_params`."""
        raise self._lacks("init_params")

    def init_optimizer(self, *args: Any, **kwargs: Any) -> None:
        """See `Module.init_optimizer`."""
        raise self._lacks("init_optimizer")

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """See `Module.forward`."""
        raise self._lacks("forward")

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """See `Module.backward`."""
        raise self._lacks("backward")

    def update(self) -> None:
        """See `Module.update`."""
        raise self._lacks("update")

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """See `Module.get_outputs`."""
        raise self._lacks("get_outputs")

    def _outputs_without_padding(self, pad: int) -> list[NDArray]:
        """The outputs without those for the batch's last `pad` examples, which only fill it up."""
        return [output[: output.shape[0] - pad] for output in self.get_outputs()]

    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: bool = False) -> None:
        """See `Module.update_metric`."""
        raise self._lacks("update_metric")

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """See `Module.get_params`."""
        raise self._lacks("get_params")

    def set_params(
        self,
        arg_params: Mapping[str, NDArray],
        aux_params: Mapping[str, NDArray] | None = None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters other values; arguments as for `init_params`."""
        self.init_params(None, arg_params, aux_params, allow_missing, force_init, allow_extra)

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states; none unless a subclass has some."""
        return []

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """Set the states, if a subclass has some."""
        if states or value is not None:
            raise NotSupportedError(f"{type(self).__name__}.set_states: this kind of module has no states")

    def install_monitor(self, mon: Any) -> None:
        """See `Module.install_monitor`."""
        raise self._lacks("install_monitor")

    @property
    def symbol(self) -> Symbol | None:
        """The network; None if the module consists of others, or of Python."""
        return self._symbol

    # what follows from it

    def prepare(self, data_batch: DataBatch, sparse_row_id_fn: Any = None) -> None:
        """Get ready for a batch before it is run; nothing is to be done unless a subclass says so."""

    def forward_backward(self, data_batch: DataBatch) -> None:
        """A forward and a backward pass in training mode."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def score(
        self,
        eval_data: DataIter,
        eval_metric: Any,
        num_batch: int | None = None,
        batch_end_callback: Any = None,
        score_end_callback: Any = None,
        reset: bool = True,
        epoch: int = 0,
        sparse_row_id_fn: Any = None,
    ) -> list[tuple[str, float]]:
        """Run on `eval_data` and measure; returns the metric's names and values.

        Parameters
        ----------
        eval_data : DataIter
            What to run on.
        eval_metric : EvalMetric or str
            What to measure.
        num_batch : int, optional
            How many batches; all by default.
        batch_end_callback, score_end_callback : callable or list, optional
            Called with a `BatchEndParam` after each batch, and at the end.
        reset : bool
            Start the data from the beginning.
        epoch : int
            What the callbacks are told.
        sparse_row_id_fn : optional
            Not used: there are no sparse arrays.
        """
        expect_batches("score: eval_data", eval_data)
        if reset:
            eval_data.reset()
        eval_metric = metric.create(eval_metric)
        eval_metric.reset()
        count = 0
        for nbatch, batch in enumerate(eval_data):
            if nbatch == num_batch:
                break
            self.prepare(batch)
            self.forward(batch, is_train=False)
            self.update_metric(eval_metric, batch.label)
            count += 1
            _call_all(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
        _call_all(score_end_callback, BatchEndParam(epoch, count, eval_metric, locals()))
        return eval_metric.get_global_name_value()

    def iter_predict(
        self, eval_data: DataIter, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[list[NDArray], int, DataBatch]]:
        """Outputs, number and batch, one after another; padding rows are left out of the outputs."""
        expect_batches("predict: eval_data", eval_data)
        if reset:
            eval_data.reset()
        for nbatch, batch in enumerate(eval_data):
            if nbatch == num_batch:
                break
            self.prepare(batch)
            self.forward(batch, is_train=False)
            yield self._outputs_without_padding(batch.pad or 0), nbatch, batch

    def predict(
        self,
        eval_data: DataIter | NDArray | np.ndarray[Any, Any],
        num_batch: int | None = None,
        merge_batches: bool = True,
        reset: bool = True,
        always_output_list: bool = False,
        sparse_row_id_fn: Any = None,
    ) -> Any:
        """The outputs for all of `eval_data`.

        Returns
        -------
        One array, or a list of arrays if there are several outputs or `always_output_list`; without `merge_batches` a
        list with the list of outputs of each batch.
        """
        if isinstance(eval_data, NDArray | np.ndarray):
            data = eval_data if isinstance(eval_data, NDArray) else array(eval_data)
            self.forward(DataBatch([data]), is_train=False)
            outputs = self.get_outputs()
            return outputs if len(outputs) > 1 or always_output_list else outputs[0]
        batches = [[out.copy() for out in outs] for outs, _, _ in self.iter_predict(eval_data, num_batch, reset)]
        if not merge_batches or not batches:
            return batches
        if len({len(outputs) for outputs in batches}) != 1:
            raise ArgumentError("predict: batches have different numbers of outputs; pass merge_batches=False")
        merged = [concatenate(parts) for parts in zip(*batches, strict=True)]
        return merged if len(merged) > 1 or always_output_list else merged[0]

    def fit(
        self,
        train_data: Any,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),),
        eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None,
        initializer: Any = INITIALIZER,
        arg_params: Mapping[str, NDArray] | None = None,
        aux_params: Mapping[str, NDArray] | None = None,
        allow_missing: bool = False,
        force_rebind: bool = False,
        force_init: bool = False,
        begin_epoch: int = 0,
        num_epoch: int | None = None,
        validation_metric: Any = None,
        monitor: Any = None,
        sparse_row_id_fn: Any = None,
        *,
        begin_batch: int = 0,
    ) -> None:
        """Train.

        Parameters
        ----------
        train_data, eval_data : DataIter
            What to train on, and what to measure on after each epoch.
        eval_metric, validation_metric : EvalMetric or str
            What to measure in training and afterwards.
        epoch_end_callback : callable or list
            Called with ``(epoch, symbol, arg_params, aux_params)``.
        batch_end_callback, eval_end_callback, eval_batch_end_callback : callable or list
            Called with a `BatchEndParam`.
        kvstore, optimizer, optimizer_params
            As for `init_optimizer`.
        initializer, arg_params, aux_params, allow_missing, force_init
            As for `init_params`.
        force_rebind : bool
            As for `bind`.
        begin_epoch, num_epoch : int
            The first epoch's number, and the number to stop before.
        monitor : Monitor, optional
            Watches values during training.
        sparse_row_id_fn : optional
            Not used: there are no sparse arrays.
        begin_batch : int
            The number of the first batch in the first epoch, when an interrupted epoch is taken up again: `train_data`
            and `eval_metric` are then expected to stand where they stood, and are not reset.
        """
        if num_epoch is None:
            raise ArgumentError("fit: num_epoch is required")
        for what, number in (("num_epoch", num_epoch), ("begin_epoch", begin_epoch), ("begin_batch", begin_batch)):
            expect_whole(f"fit: {what}", number, 0)
        expect_batches("fit: train_data", train_data, ("reset", "provide_data", "provide_label"))
        if eval_data is not None:
            expect_batches("fit: eval_data", eval_data)
        callbacks = (epoch_end_callback, batch_end_callback, eval_end_callback, eval_batch_end_callback)
        for callback in (each for given in callbacks if given is not None for each in _as_list(given)):
            expect_call("fit: a callback", callback)
        if not self.binded or force_rebind:
            self.bind(train_data.provide_data, train_data.provide_label, for_training=True, force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)
        if not self.params_initialized or force_init:
            self.init_params(initializer, arg_params, aux_params, allow_missing, force_init)
        if not self.optimizer_initialized:
            self.init_optimizer(kvstore, optimizer, optimizer_params)
        eval_metric = metric.create(eval_metric)
        validation_metric = eval_metric if validation_metric is None else metric.create(validation_metric)
        for epoch in range(begin_epoch, num_epoch):
            started = time.time()
            nbatch = begin_batch if epoch == begin_epoch else 0
            if nbatch == 0:
                eval_metric.reset()
            for data_batch in train_data:
                if monitor is not None:
                    monitor.tic()
                self.prepare(data_batch)
                self.forward_backward(data_batch)
                self.update()
                self.update_metric(eval_metric, data_batch.label)
                if monitor is not None:
                    monitor.toc_print()
                _call_all(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
                nbatch += 1
            for name, value in eval_metric.get_global_name_value():
                self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
            self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - started)
            params = self.get_params()
            # each device has moving statistics of its own: from here on all have the mean, which is what is saved
            self.set_params(*params)
            if epoch_end_callback is not None:
                for callback in _as_list(epoch_end_callback):
                    callback(epoch, self.symbol, *params)
            if eval_data is not None:
                result = self.score(
                    eval_data,
                    validation_metric,
                    score_end_callback=eval_end_callback,
                    batch_end_callback=eval_batch_end_callback,
                    epoch=epoch,
                )
                for name, value in result:
                    self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
            train_data.reset()

    # files

    def save_params(self, fname: str) -> None:
        """Write parameters and auxiliary states to a ``.params`` file."""
        write_params(fname, *self.get_params())

    def load_params(self, fname: str, dense: bool = False) -> None:
        """Read parameters and auxiliary states from a ``.params`` file; `dense` as for ``nd.load``."""
        self.set_params(*read_params(fname, dense))


def _call_all(callbacks: Any, param: BatchEndParam) -> None:
    if callbacks is not None:
        each: Callable[[BatchEndParam], None]
        for each in _as_list(callbacks):
            each(param)


def expect_batches(argument: str, data: Any, members: Sequence[str] = ("reset",)) -> None:
    """Refuse what is no iterator over batches."""
    if not isinstance(data, Iterable) or not all(hasattr(data, member) for member in members):
        raise ArgumentError(
            f"{argument}: expected an iterator over batches with {', '.join(members)}, got {shown(data)}; "
            "mx.io.NDArrayIter(data, label, batch_size) makes one of arrays"
        )
