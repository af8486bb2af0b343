"""Our end of the pipe: one method per question that can be put to real MXNet."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from .make import MISSING, is_complete, location, python_of
from .pipe import OracleCrash, OracleError, Pipe
from .replies import (
    CheckpointAnswer,
    MetricAnswer,
    OperatorAnswer,
    RunAnswer,
    SymbolAnswer,
    TrainingAnswer,
)
from .wire import SymbolText

__all__ = [
    "Batch",
    "CheckpointAnswer",
    "MetricAnswer",
    "OperatorAnswer",
    "Oracle",
    "OracleCrash",
    "OracleError",
    "RunAnswer",
    "Scheduler",
    "SymbolAnswer",
    "SymbolText",
    "TrainingAnswer",
]


_QUIET = {"MXNET_STORAGE_FALLBACK_LOG_VERBOSE": "0", "MXNET_SUBGRAPH_VERBOSE": "0", "MXNET_CPU_WORKER_NTHREADS": "2"}


class Scheduler(TypedDict):
    """A learning-rate scheduler by its class's name, e.g. `{"name": "FactorScheduler", "kwargs": {"step": 10}}`."""

    name: str
    kwargs: Mapping[str, Any]


class Batch(TypedDict, total=False):
    """Arrays in the order of `data_names` and `label_names`; `bucket_key` for `Oracle.bucketing_steps` only."""

    data: Sequence[np.ndarray]
    label: Sequence[np.ndarray]
    bucket_key: Hashable


class Oracle:
    """Real MXNet 1.9.1, in a process of its own that starts with the first question. Not for use from two threads.

    Parameters
    ----------
    environment : Path, optional
        The virtual environment that `make.py` made; where `make.py` puts it, by default.
    timeout : float
        Seconds to wait for an answer.
    settings : mapping, optional
        Environment variables of MXNet's. The default is MXNet as it comes, oneDNN included, whose float32 kernels have
        bugs of their own: FullyConnected leaves its bias's gradient unwritten where its weight wants none. Float64
        does not go through them. `MXNET_USE_MKLDNN_RNN=0` keeps the RNN operator out of them; `MXNET_MKLDNN_ENABLED=0`
        breaks that operator in float32.

    Raises
    ------
    FileNotFoundError
        There is no such environment, or it was not made to the end.
    """

    def __init__(
        self, environment: Path | None = None, timeout: float = 120.0, settings: Mapping[str, str] | None = None
    ) -> None:
        environment = environment or location()
        if not is_complete(environment):
            raise FileNotFoundError(f"{environment}: {MISSING}")
        self._pipe = Pipe(python_of(environment), timeout, {**_QUIET, **(settings or {})})

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server. The next question would start another."""
        self._pipe.close()

    def version(self) -> dict[str, str]:
        """The versions of `mxnet` and `numpy` on the other side."""
        return self._ask("version")

    def op(
        self,
        name: str,
        inputs: Sequence[np.ndarray | None],
        attrs: Mapping[str, Any] | None = None,
        head_grads: Sequence[np.ndarray | None] | None = None,
        is_train: bool | None = None,
        grad: bool = False,
        namespace: str = "nd",
    ) -> OperatorAnswer:
        """Call one operator.

        Parameters
        ----------
        name : str
            As in `mx.nd.<name>`.
        inputs : sequence of arrays
            Positional; None for an optional input that is left out.
        attrs : mapping, optional
            Keyword arguments.
        head_grads : sequence of arrays, optional
            Gradients of the outputs; ones where None.
        is_train : bool, optional
            Training or prediction mode; by default training if gradients are wanted (some operators, RNN among them,
            keep what their backward pass needs in training mode only).
        grad : bool
            Whether to compute the gradients of all floating-point inputs.
        namespace : str
            Where the operator lives under `mx`: `"nd"`, `"nd.contrib"`, `"nd.linalg"`, `"nd.random"`, ...
        """
        answer = self._ask(
            "op",
            name=name,
            inputs=list(inputs),
            attrs=dict(attrs or {}),
            head_grads=None if head_grads is None else list(head_grads),
            is_train=grad if is_train is None else is_train,
            grad=grad,
            namespace=namespace,
        )
        return OperatorAnswer(**answer)

    def symbol_info(
        self, json: str, shapes: Mapping[str, Sequence[int]] | None = None, partial: bool = False
    ) -> SymbolAnswer:
        """Load a graph, say what is in it, and infer shapes from `shapes` (as far as possible, if `partial`)."""
        given = None if shapes is None else {name: tuple(shape) for name, shape in shapes.items()}
        return SymbolAnswer(**self._ask("symbol_info", json=json, shapes=given, partial=partial))

    def run_symbol(
        self,
        json: str,
        args: Mapping[str, np.ndarray],
        aux: Mapping[str, np.ndarray] | None = None,
        is_train: bool = False,
        head_grads: Sequence[np.ndarray] | None = None,
        grad_req: str | Mapping[str, str] = "write",
    ) -> RunAnswer:
        """Bind a graph, run it forward and, in training mode, backward.

        Parameters
        ----------
        json : str
            The graph.
        args, aux : mapping
            An array for every argument and every auxiliary state.
        is_train : bool
            With it and any `grad_req` but `"null"`, the backward pass runs too.
        head_grads : sequence of arrays, optional
            Gradients of the outputs; graphs that end in a loss need none.
        grad_req : str or mapping
            One for all floating-point arguments, or by name (`"null"` for those left out).
        """
        answer = self._ask(
            "run_symbol",
            json=json,
            args=dict(args),
            aux=dict(aux or {}),
            is_train=is_train,
            head_grads=None if head_grads is None else list(head_grads),
            grad_req=grad_req if isinstance(grad_req, str) else dict(grad_req),
        )
        return RunAnswer(**answer)

    def build(
        self,
        source: str,
        variables: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Run a snippet of Python with real MXNet as `mx`, NumPy as `np`, and `inputs`; hand back some variables.

        Automatic names start afresh for each snippet, and MXNet's, NumPy's and Python's random generators are seeded.
        Symbols come back as `SymbolText`, NDArrays as arrays; numbers, text, lists, tuples and dicts as they are.
        """
        return self._ask("build", source=source, variables=list(variables), inputs=dict(inputs or {}), seed=seed)

    def module_steps(
        self,
        json: str,
        data_names: Sequence[str],
        label_names: Sequence[str],
        batches: Sequence[Batch],
        arg_params: Mapping[str, np.ndarray],
        aux_params: Mapping[str, np.ndarray] | None = None,
        optimizer: str = "sgd",
        optimizer_params: Mapping[str, Any] | None = None,
        lr_scheduler: Scheduler | None = None,
        kvstore: str | None = None,
        steps: int | None = None,
        params_each_step: bool = False,
        fixed_param_names: Sequence[str] | None = None,
        layouts: Mapping[str, str] | None = None,
    ) -> TrainingAnswer:
        """Train a Module.

        Parameters
        ----------
        json : str
            The graph.
        data_names, label_names : sequence of str
            Which of its arguments the batches feed; the first batch's shapes are bound.
        batches : sequence of Batch
            Taken one after the other, from the first again if `steps` is larger.
        arg_params, aux_params : mapping
            Every parameter's initial value; one that is missing is an error.
        optimizer, optimizer_params, lr_scheduler, kvstore
            As `Module.init_optimizer` takes them.
        steps : int, optional
            Number of updates; one for each batch by default.
        params_each_step : bool
            Whether to hand back the parameters after each update too.
        fixed_param_names : sequence of str, optional
            Parameters that are not trained.
        layouts : mapping, optional
            By name of a data or a label, e.g. `"TN"`: MXNet scales gradients by the size of the axis called N, which
            is the first by default.
        """
        answer = self._ask(
            "module_steps",
            json=json,
            data_names=list(data_names),
            label_names=list(label_names),
            batches=[_plain(batch) for batch in batches],
            arg_params=dict(arg_params),
            aux_params=dict(aux_params or {}),
            optimizer=optimizer,
            optimizer_params=dict(optimizer_params or {}),
            lr_scheduler=_plain_scheduler(lr_scheduler),
            kvstore=kvstore,
            steps=steps,
            params_each_step=params_each_step,
            fixed_param_names=None if fixed_param_names is None else list(fixed_param_names),
            layouts=dict(layouts or {}),
        )
        return TrainingAnswer(**answer)

    def bucketing_steps(
        self,
        symbols: Mapping[Any, str],
        default_bucket_key: Hashable,
        data_names: Sequence[str],
        label_names: Sequence[str],
        batches: Sequence[Batch],
        arg_params: Mapping[str, np.ndarray],
        aux_params: Mapping[str, np.ndarray] | None = None,
        optimizer: str = "sgd",
        optimizer_params: Mapping[str, Any] | None = None,
        lr_scheduler: Scheduler | None = None,
        kvstore: str | None = None,
        steps: int | None = None,
        params_each_step: bool = False,
        fixed_param_names: Sequence[str] | None = None,
        layouts: Mapping[str, str] | None = None,
        default_batch: Batch | None = None,
    ) -> TrainingAnswer:
        """Train a BucketingModule. What is not listed here is as in `module_steps`.

        Parameters
        ----------
        symbols : mapping
            A graph, as JSON, for each bucket key.
        default_bucket_key : hashable
            The bucket that is bound first, and whose arrays the others share.
        batches : sequence of Batch
            Each with its `bucket_key`.
        default_batch : Batch, optional
            Shows the default bucket's shapes; by default the first batch of that bucket does.
        """
        answer = self._ask(
            "bucketing_steps",
            symbols=dict(symbols),
            default_bucket_key=default_bucket_key,
            data_names=list(data_names),
            label_names=list(label_names),
            batches=[_plain(batch) for batch in batches],
            default_batch=None if default_batch is None else _plain(default_batch),
            arg_params=dict(arg_params),
            aux_params=dict(aux_params or {}),
            optimizer=optimizer,
            optimizer_params=dict(optimizer_params or {}),
            lr_scheduler=_plain_scheduler(lr_scheduler),
            kvstore=kvstore,
            steps=steps,
            params_each_step=params_each_step,
            fixed_param_names=None if fixed_param_names is None else list(fixed_param_names),
            layouts=dict(layouts or {}),
        )
        return TrainingAnswer(**answer)

    def save_params(
        self, path: str | os.PathLike[str], params: Mapping[str, np.ndarray] | Sequence[np.ndarray]
    ) -> None:
        """`mx.nd.save`: arrays with names, or a list of arrays without."""
        plain = dict(params) if isinstance(params, Mapping) else list(params)
        self._ask("save_params", path=os.fspath(path), params=plain)

    def load_params(self, path: str | os.PathLike[str]) -> Any:
        """`mx.nd.load`: a dict of arrays, or a list if the file has no names."""
        return self._ask("load_params", path=os.fspath(path))

    def save_checkpoint(
        self,
        prefix: str | os.PathLike[str],
        epoch: int,
        json: str,
        arg_params: Mapping[str, np.ndarray],
        aux_params: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """`mx.model.save_checkpoint`."""
        self._ask(
            "save_checkpoint",
            prefix=os.fspath(prefix),
            epoch=epoch,
            json=json,
            arg_params=dict(arg_params),
            aux_params=dict(aux_params or {}),
        )

    def load_checkpoint(self, prefix: str | os.PathLike[str], epoch: int) -> CheckpointAnswer:
        """`mx.model.load_checkpoint`."""
        return CheckpointAnswer(**self._ask("load_checkpoint", prefix=os.fspath(prefix), epoch=epoch))

    def initializer(
        self,
        name: str,
        kwargs: Mapping[str, Any],
        shape: Sequence[int],
        desc_name: str = "weight",
        attrs: Mapping[str, str] | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> np.ndarray:
        """What the initializer makes of an array of NaN.

        Parameters
        ----------
        name, kwargs
            As `mx.initializer.create` takes them: a name such as `"xavier"`. An initializer among the arguments (of
            FusedRNN) goes as the text that its `dumps()` gives.
        shape, dtype
            Of the array.
        desc_name, attrs
            The InitDesc: MXNet chooses by the name's ending (`weight`, `bias`, ...) unless `attrs` has an `__init__`.
        seed : int
            For MXNet's and NumPy's generators.
        """
        return self._ask(
            "initializer",
            name=name,
            kwargs=dict(kwargs),
            shape=tuple(shape),
            desc_name=desc_name,
            attrs=dict(attrs or {}),
            seed=seed,
            dtype=dtype,
        )

    def metric(
        self,
        name: str,
        kwargs: Mapping[str, Any],
        updates: Sequence[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]],
    ) -> MetricAnswer:
        """A metric's `get()` after updating it with each `(labels, preds)`."""
        plain = [(list(labels), list(preds)) for labels, preds in updates]
        return MetricAnswer(**self._ask("metric", name=name, kwargs=dict(kwargs), updates=plain))

    def lr_schedule(self, name: str, kwargs: Mapping[str, Any], num_updates: Sequence[int]) -> list[float]:
        """The learning rate at each of `num_updates`, asked in that order (schedulers remember)."""
        return self._ask("lr_schedule", name=name, kwargs=dict(kwargs), num_updates=list(num_updates))

    def optimizer_steps(
        self,
        name: str,
        kwargs: Mapping[str, Any],
        weight: np.ndarray,
        grads: Sequence[np.ndarray],
        lr_scheduler: Scheduler | None = None,
        param_name: str = "fc_weight",
    ) -> list[np.ndarray]:
        """The weight after an update with each of `grads`, through `mx.optimizer.get_updater`.

        `param_name` matters: without a name that ends in `_weight` or `_gamma` there is no weight decay.
        """
        return self._ask(
            "optimizer_steps",
            name=name,
            kwargs=dict(kwargs),
            weight=weight,
            grads=list(grads),
            lr_scheduler=_plain_scheduler(lr_scheduler),
            param_name=param_name,
        )

    def _ask(self, request: str, **arguments: Any) -> Any:
        return self._pipe.ask(request, arguments)


def _plain(batch: Batch) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "data": list(batch.get("data", ())),
        "label": list(batch.get("label", ())),
    }
    if "bucket_key" in batch:
        plain["bucket_key"] = batch["bucket_key"]
    return plain


def _plain_scheduler(scheduler: Scheduler | None) -> dict[str, Any] | None:
    return None if scheduler is None else {"name": scheduler["name"], "kwargs": dict(scheduler["kwargs"])}
