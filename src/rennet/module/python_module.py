"""Modules whose computation is written in Python."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..base import ArgumentError, MXNetError, NotSupportedError, expect, expect_call, expect_names
from ..io import DataBatch, DataDesc
from ..ndarray import NDArray, array
from .base_module import INITIALIZER, BaseModule
from .descriptions import descriptions, expect_batch
from .parameters import Params


class PythonModule(BaseModule):
    """A module without parameters; a subclass computes.

    A subclass gives `forward`, `backward`, `get_outputs`, `get_input_grads` and `_compute_output_shapes`. If it has
    parameters it overrides what here does nothing: `get_params`, `init_params`, `init_optimizer` and `update`.

    Parameters
    ----------
    data_names : list of str
        What is fed.
    label_names : list of str or None
        The labels.
    output_names : list of str
        Names of the outputs.
    logger : Logger
        Where `fit` reports.
    """

    def __init__(
        self,
        data_names: Sequence[str],
        label_names: Sequence[str] | None,
        output_names: Sequence[str],
        logger: Any = logging,
    ) -> None:
        super().__init__(logger)
        owner = type(self).__name__
        self._data_names = expect_names(f"{owner}: data_names", data_names)
        self._label_names = expect_names(f"{owner}: label_names", label_names)
        self._output_names = expect_names(f"{owner}: output_names", output_names)
        self._data_shapes: list[DataDesc] | None = None
        self._label_shapes: list[DataDesc] | None = None
        self._output_shapes: list[tuple[str, tuple[int, ...]]] | None = None

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._data_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> Any:
        """What data the module is bound for; None before."""
        return self._data_shapes

    @property
    def label_shapes(self) -> Any:
        """What labels the module is bound for; None if for none."""
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the outputs; None before the module is bound."""
        return self._output_shapes

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: Any = None,
        grad_req: Any = "write",
    ) -> None:
        """Take note of the shapes; see `Module.bind`.

        There are no executors, so `shared_module` makes no difference, and gradients can only be written.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        owner = type(self).__name__
        if grad_req != "write":
            raise NotSupportedError(f"{owner}.bind: grad_req: gradients are written, not {grad_req!r}")
        self._data_shapes = descriptions(data_shapes, self._data_names, f"{owner}.bind: data_shapes")
        labels = descriptions(label_shapes, self._label_names, f"{owner}.bind: label_shapes")
        self._label_shapes = labels or None
        for what, descs, names in (("data", self._data_shapes, self._data_names), ("label", labels, self._label_names)):
            found = [desc.name for desc in descs]
            if (what == "data" or descs) and found != names:
                raise ArgumentError(f"{owner}.bind: {what}_shapes: expected them in the order {names}, got {found}")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._output_shapes = self._compute_output_shapes()
        self.binded = True

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs; `data_shapes` and `label_shapes` are known."""
        raise self._lacks("_compute_output_shapes")

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """No parameters and no auxiliary states."""
        return {}, {}

    def init_params(
        self,
        initializer: Any = INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """There are no parameters; values that are given are those of other modules."""
        self.params_initialized = True

    def init_optimizer(
        self,
        kvstore: Any = "local",
        optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:
        """There is nothing to update."""
        self.optimizer_initialized = True

    def update(self) -> None:
        """There is nothing to update."""

    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: bool = False) -> None:
        """Tell the metric of the last outputs and their labels; nothing if the module is bound without labels."""
        if self._label_shapes is None:
            return
        if pre_sliced:
            raise NotSupportedError(f"{type(self).__name__}.update_metric: labels come whole, not pre-sliced")
        eval_metric.update(labels, self.get_outputs())


class PythonLossModule(PythonModule):
    """A loss whose gradient is a function: it puts out the scores that come in.

    Parameters
    ----------
    name : str
        The output is called ``NAME_output``.
    data_names, label_names : list of one str
        The scores and their labels.
    logger : Logger
        Where `fit` reports.
    grad_func : callable
        From scores and labels, NDArrays, to the scores' gradient, an NDArray or NumPy array. A subclass may define
        `_backward_impl` in its place, which sets ``self._scores_grad``.

    Examples
    --------
    >>> import rennet as mx
    >>> loss = mx.mod.PythonLossModule(grad_func=lambda scores, labels: scores - labels)
    >>> loss.bind([("data", (2, 1))], [("softmax_label", (2, 1))])
    >>> loss.forward_backward(mx.io.DataBatch([mx.nd.array([[3], [4]])], [mx.nd.array([[1], [1]])]))
    >>> loss.get_input_grads()[0].asnumpy().tolist()
    [[2.0], [3.0]]
    """

    def __init__(
        self,
        name: str = "pyloss",
        data_names: Sequence[str] = ("data",),
        label_names: Sequence[str] = ("softmax_label",),
        logger: Any = logging,
        grad_func: Callable[[NDArray, NDArray], Any] | None = None,
    ) -> None:
        self._name = expect("PythonLossModule: name", name, str, "a string")
        super().__init__(data_names, label_names, [f"{name}_output"], logger)
        for what, names in (("data_names", self._data_names), ("label_names", self._label_names)):
            if len(names) != 1:
                raise ArgumentError(f"PythonLossModule: {what}: expected one name, got {names}")
        if grad_func is not None:
            expect_call("PythonLossModule: grad_func", grad_func, "it makes the scores' gradient of scores and labels")
        self._grad_func = grad_func
        self._scores: NDArray | None = None
        self._labels: NDArray | None = None
        self._scores_grad: NDArray | None = None

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(self._output_names[0], self.data_shapes[0].shape)]

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Keep the scores and, in training, the labels."""
        expect_batch(data_batch)
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            if not data_batch.label:
                raise ArgumentError("PythonLossModule.forward: expected a batch with labels in training, got none")
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The scores."""
        return [_whole("get_outputs", self._scores, "forward", merge_multi_context)]

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """Compute the scores' gradient."""
        if out_grads is not None:
            raise ArgumentError("PythonLossModule.backward: out_grads: expected None, as nothing follows a loss")
        if not self.for_training:
            raise MXNetError("PythonLossModule.backward: bind the module with for_training=True")
        self._backward_impl()

    def _backward_impl(self) -> None:
        if self._grad_func is None:
            raise NotSupportedError("PythonLossModule: expected a grad_func, or a subclass that defines _backward_impl")
        scores = _whole("backward", self._scores, "forward")
        grad = self._grad_func(scores, _whole("backward", self._labels, "forward in training"))
        self._scores_grad = grad if isinstance(grad, NDArray) else array(grad)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The scores' gradient."""
        return [_whole("get_input_grads", self._scores_grad, "backward", merge_multi_context)]

    def install_monitor(self, mon: Any) -> None:
        """Refused: no executor is there to watch."""
        raise NotSupportedError("PythonLossModule.install_monitor: a module in Python has nothing that can be watched")


def _whole(what: str, value: NDArray | None, first: str, merge: bool = True) -> NDArray:
    if not merge:
        raise NotSupportedError(f"PythonLossModule.{what}: merge_multi_context: there is one device; pass True")
    if value is None:
        raise MXNetError(f"PythonLossModule.{what}: there is nothing yet; call {first} before")
    return value
