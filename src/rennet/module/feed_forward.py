"""FeedForward: training on arrays or iterators in one call, as in MXNet before there were modules."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import ArgumentError, MXNetError, ShapeError, _as_list
from ..context import Context
from ..io import DataDesc, NDArrayIter, ResizeIter
from ..model import BatchEndParam, Prefix, load_checkpoint, save_checkpoint
from ..ndarray import NDArray
from ..symbol import Symbol
from .base_module import INITIALIZER, BaseModule
from .bucketing_module import BucketingModule
from .module import Module
from .parameters import Params


class FeedForward:
    """A symbol with its parameters, for scripts that were written for it; new ones are better off with `Module`.

    Parameters
    ----------
    symbol : Symbol or callable
        The network; or a function from a batch's `bucket_key` to the network, as for a `BucketingModule`.
    ctx : Context or list of Context, optional
        Where to run, on the CPU by default; with several, each batch is split over them.
    num_epoch : int, optional
        The epoch to stop before. `fit` needs it.
    epoch_size : int, optional
        Batches in an epoch; by default all that there are. The next epoch goes on where the last stopped.
    optimizer : str or Optimizer
        By name or ready made.
    initializer : Initializer
        For parameters that are not given.
    numpy_batch_size : int
        Examples in a batch, where arrays are given in place of iterators.
    arg_params, aux_params : dict of str to NDArray, optional
        Values of parameters and auxiliary states.
    allow_extra_params : bool
        Whether given values may have names that the symbol has not.
    begin_epoch : int
        The first epoch's number.
    **kwargs
        Arguments for an optimizer given by name. ``rescale_grad`` is one over the batch size unless given.

    Raises
    ------
    ArgumentError
        There are arguments for an optimizer that is ready made.

    Examples
    --------
    >>> import numpy as np, warnings
    >>> import rennet as mx
    >>> warnings.simplefilter("ignore", DeprecationWarning)
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1)
    >>> net = mx.sym.LinearRegressionOutput(net, name="softmax")
    >>> model = mx.model.FeedForward(net, num_epoch=2, numpy_batch_size=4, learning_rate=0.1)
    >>> model.fit(np.ones((8, 3)), np.ones(8), eval_metric="mse")
    >>> model.predict(np.ones((5, 3))).shape
    (5, 1)
    """

    def __init__(
        self,
        symbol: Symbol | Callable[[Any], Symbol],
        ctx: Context | Sequence[Context] | None = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = INITIALIZER,
        numpy_batch_size: int = 128,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_extra_params: bool = False,
        begin_epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        warnings.warn("FeedForward is deprecated, in MXNet too; use mx.mod.Module", DeprecationWarning, stacklevel=2)
        if kwargs and not isinstance(optimizer, str):
            raise ArgumentError(
                f"FeedForward: {sorted(kwargs)}: expected with an optimizer's name, not a ready made one"
            )
        self.symbol: Symbol | None = symbol if isinstance(symbol, Symbol) else None
        self.sym_gen = None if isinstance(symbol, Symbol) else symbol
        self.ctx = ctx
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.arg_params = arg_params
        self.aux_params = aux_params
        self.allow_extra_params = allow_extra_params
        self.begin_epoch = begin_epoch
        self.kwargs = kwargs

    # training

    def fit(
        self,
        X: Any,
        y: Any = None,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Sequence[float] | None = None,
        monitor: Any = None,
        eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None,
    ) -> None:
        """Train, from the parameters there are.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
            What to train on. Arrays are shuffled, and examples that do not fill a batch open the next epoch.
        y : NDArray or numpy.ndarray, optional
            One label for each example; needed where `X` is an array, and refused where it is not.
        eval_data : DataIter or pair of arrays, optional
            What to measure on after each epoch.
        eval_metric : EvalMetric or str
            What to measure.
        epoch_end_callback : callable or list
            Called with ``(epoch, symbol, arg_params, aux_params)``.
        batch_end_callback, eval_end_callback, eval_batch_end_callback : callable or list
            Called with a `BatchEndParam`, which counts the batches of training from 1. What was measured is logged
            without any.
        kvstore : str or None
            As for `Module.init_optimizer`.
        logger : Logger, optional
            Where to report; to `logging` by default.
        work_load_list : list of float, optional
            The contexts' shares of a batch.
        monitor : Monitor, optional
            Watches values during training.

        Raises
        ------
        ArgumentError
            There is no `num_epoch`, or `X`, `y` and `eval_data` do not go together.
        """
        if self.num_epoch is None:
            raise ArgumentError("fit: expected FeedForward(..., num_epoch=...), got None")
        data = self._batches(X, y, is_train=True)
        if isinstance(eval_data, list | tuple):
            if len(eval_data) != 2:
                raise ArgumentError(f"fit: eval_data: expected a pair of data and labels, got {len(eval_data)} parts")
            given, labels = (np.asarray(each) if isinstance(each, list) else each for each in eval_data)
            eval_data = self._batches(given, labels, is_train=True)
        data.reset()
        module = self._module(data, logger or logging, work_load_list)
        module.bind(data.provide_data, data.provide_label, for_training=True)
        params = self._known(self.arg_params, "arguments"), self._known(self.aux_params, "auxiliary_states")
        module.init_params(self.initializer, *params, allow_missing=True)
        module.fit(
            data if self.epoch_size is None else ResizeIter(data, self.epoch_size, reset_internal=False),
            eval_data,
            eval_metric,
            epoch_end_callback,
            None if batch_end_callback is None else _counting_from_one(batch_end_callback),
            kvstore,
            self.optimizer,
            self.kwargs,
            eval_end_callback,
            eval_batch_end_callback,
            begin_epoch=self.begin_epoch,
            num_epoch=self.num_epoch,
            monitor=monitor,
        )
        self.arg_params, self.aux_params = module.get_params()

    @staticmethod
    def create(
        symbol: Symbol | Callable[[Any], Symbol],
        X: Any,
        y: Any = None,
        ctx: Context | Sequence[Context] | None = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = INITIALIZER,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Sequence[float] | None = None,
        eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None,
        **kwargs: Any,
    ) -> FeedForward:
        """A trained model: the constructor and `fit` in one call; see there."""
        model = FeedForward(symbol, ctx, num_epoch, epoch_size, optimizer, initializer, **kwargs)
        model.fit(
            X,
            y,
            eval_data,
            eval_metric,
            epoch_end_callback,
            batch_end_callback,
            kvstore,
            logger,
            work_load_list,
            eval_end_callback=eval_end_callback,
            eval_batch_end_callback=eval_batch_end_callback,
        )
        return model

    # running

    def predict(self, X: Any, num_batch: int | None = None, return_data: bool = False, reset: bool = True) -> Any:
        """The outputs for all of `X`, as NumPy arrays.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
            What to run on.
        num_batch : int, optional
            How many batches; all by default.
        return_data : bool
            Whether to give data and labels too.
        reset : bool
            Start the data from the beginning.

        Returns
        -------
        One array, or a list of arrays if there are several outputs; with `return_data` three of these, for outputs,
        data and labels.
        """
        batches = self._batches(X, None, is_train=False)
        # outputs do not depend on labels, which are whatever has no value; an iterator may know their shapes
        fed, valued = _names(batches.provide_data), self._trained()[1]
        labels = [name for name in self._network().list_arguments() if name not in (*fed, *valued)]
        known = batches is X and sorted(_names(X.provide_label)) == sorted(labels)
        module = self._bound(batches, labels, X.provide_label if known else None)
        parts: list[tuple[list[Any], list[Any], list[Any]]] = []
        for outputs, _, batch in module.iter_predict(batches, num_batch, reset):
            size = batches.batch_size - (batch.pad or 0)
            data, labels = ([each.asnumpy()[:size] for each in arrays or ()] for arrays in (batch.data, batch.label))
            parts.append(([output.asnumpy() for output in outputs], data, labels))
        if not parts:
            raise ArgumentError("predict: expected at least one batch, got none")
        found = [_merged([part[kind] for part in parts]) for kind in range(3)]
        return tuple(found) if return_data else found[0]

    def score(
        self,
        X: Any,
        eval_metric: Any = "acc",
        num_batch: int | None = None,
        batch_end_callback: Any = None,
        reset: bool = True,
    ) -> Any:
        """The metric's value on `X`, or its values.

        Parameters
        ----------
        X : DataIter
            What to run on, with labels.
        eval_metric : EvalMetric or str
            What to measure.
        num_batch : int, optional
            How many batches; all by default.
        batch_end_callback : callable or list
            Called with a `BatchEndParam` after each batch.
        reset : bool
            Start the data from the beginning.
        """
        if isinstance(X, NDArray | np.ndarray):
            raise ArgumentError("score: X: expected a DataIter, such as NDArrayIter(X, y): an array has no labels")
        data = self._batches(X, None, is_train=False)
        module = self._bound(data, _names(data.provide_label), data.provide_label)
        pairs = module.score(X, eval_metric, num_batch, batch_end_callback, reset=reset)
        values = [value for _, value in pairs]
        return values[0] if len(values) == 1 else values

    # files

    def save(self, prefix: Prefix, epoch: int | None = None, remove_amp_cast: bool = True) -> None:
        """Write ``PREFIX-symbol.json`` and ``PREFIX-<epoch>.params``; see `rennet.model.save_checkpoint`.

        The epoch is `num_epoch` by default.
        """
        epoch = self.num_epoch if epoch is None else epoch
        if epoch is None:
            raise ArgumentError("save: epoch: expected a number, for the model has no num_epoch; got None")
        symbol, arg_params, aux_params = self._trained()
        save_checkpoint(prefix, epoch, symbol, arg_params, aux_params, remove_amp_cast)

    @staticmethod
    def load(
        prefix: Prefix,
        epoch: int,
        ctx: Context | Sequence[Context] | None = None,
        *,
        dense: bool = False,
        **kwargs: Any,
    ) -> FeedForward:
        """A model from a checkpoint, whose next epoch is `epoch`; `kwargs` as for the constructor.

        `dense` as for `rennet.model.load_checkpoint`.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch, dense)
        how = {"arg_params": arg_params, "aux_params": aux_params, "begin_epoch": epoch, **kwargs}
        return FeedForward(symbol, ctx, **how)

    # within

    def _batches(self, X: Any, y: Any, is_train: bool) -> Any:
        """An iterator over arrays, or the one that was given."""
        if not isinstance(X, NDArray | np.ndarray):
            if not hasattr(X, "provide_data"):
                raise ArgumentError(f"X: expected a DataIter or an array, got {type(X).__name__}")
            if y is not None:
                raise ArgumentError("y: expected with an array for X only; a DataIter brings its own labels")
            return X
        if y is None:
            if is_train:
                raise ArgumentError("y: expected labels beside the array X, got None")
            y = np.zeros(len(X), np.float32)
        shape = tuple(y.shape)
        if len(shape) == 2 and 1 in shape:
            y = y.reshape((-1,))
        if len(y.shape) != 1 or len(X) != len(y):
            raise ShapeError(f"y: expected one number for each of {len(X)} examples, got the shape {shape}")
        size = min(len(X), self.numpy_batch_size)
        return NDArrayIter(X, y, size, shuffle=is_train, last_batch_handle="roll_over" if is_train else "pad")

    def _module(self, data: Any, logger: Any, work_load_list: Sequence[float] | None) -> BaseModule:
        """A module for training on `data`."""
        fed = _names(data.provide_data), _names(data.provide_label)
        if self.sym_gen is None:
            return Module(self._network(), *fed, logger, self.ctx, work_load_list)
        sym_gen, key = self.sym_gen, getattr(data, "default_bucket_key", None)
        if key is None:
            raise ArgumentError("fit: X: expected a DataIter with a default_bucket_key, for the symbol is a function")
        module = BucketingModule(lambda key: (sym_gen(key), *fed), key, logger, self.ctx, work_load_list)
        self.symbol = sym_gen(key)
        return module

    def _bound(self, data: Any, labels: Sequence[str], label_shapes: Any) -> Module:
        """A module for running on `data`, with the parameters there are."""
        symbol, arg_params, aux_params = self._trained()
        module = Module(symbol, _names(data.provide_data), labels, context=self.ctx)
        module.bind(data.provide_data, label_shapes, for_training=False)
        # the other buckets' own parameters are of no use here
        module.set_params(arg_params, aux_params, allow_extra=self.sym_gen is not None)
        return module

    def _network(self) -> Symbol:
        if self.symbol is None:
            raise MXNetError("the symbol is a function, and there is no network before fit has called it")
        return self.symbol

    def _trained(self) -> tuple[Symbol, Params, Params]:
        symbol = self._network()
        if self.arg_params is None:
            raise MXNetError("the model has no parameters yet; call fit, or give arg_params")
        return symbol, self._known(self.arg_params, "arguments"), self._known(self.aux_params, "auxiliary_states")

    def _known(self, params: Params | None, kind: str) -> Params:
        """Parameters that the symbol has, of those given, where there may be others."""
        names = getattr(self._network(), f"list_{kind}")()
        return {k: v for k, v in (params or {}).items() if not self.allow_extra_params or k in names}


def _counting_from_one(callbacks: Any) -> Callable[[BatchEndParam], None]:
    """What tells the callbacks of batches, as FeedForward always counted them."""

    def callback(param: BatchEndParam) -> None:
        for each in _as_list(callbacks):
            each(param._replace(nbatch=param.nbatch + 1))

    return callback


def _names(described: Sequence[Any] | None) -> list[str]:
    return [each.name if isinstance(each, DataDesc) else each[0] for each in described or ()]


def _merged(batches: list[list[Any]]) -> Any:
    """Arrays of all batches, one after another; alone, where there is one."""
    arrays = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return arrays[0] if len(arrays) == 1 else arrays
