"""Metrics made of other things: of several metrics, of a function; and `create`, which makes any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import registry
from ..base import ArgumentError, NotSupportedError
from ..ndarray import NDArray
from .contract import EvalMetric, alias, check_label_shapes, listed, register

_create = registry.get_create_func(EvalMetric, "metric")


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """A metric.

    Parameters
    ----------
    metric : str, callable, EvalMetric or list of these
        A registered name; a function of a label and a prediction as NumPy arrays, as in `CustomMetric`; a metric, which
        is returned; or several, which give a `CompositeEvalMetric`.
    *args, **kwargs
        Arguments for the metric that is made.

    Examples
    --------
    >>> from rennet import metric
    >>> metric.create("perplexity", ignore_label=0).get_config()["ignore_label"]
    0
    >>> metric.create(["acc", "ce"]).get()
    (['accuracy', 'cross-entropy'], [nan, nan])
    """
    if isinstance(metric, list):
        return CompositeEvalMetric([create(each, *args, **kwargs) for each in metric])
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    return _create(metric, *args, **kwargs)


@register
@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics as one, whose names and values are lists.

    Parameters
    ----------
    metrics : list, optional
        Whatever `create` takes.
    name, output_names, label_names
        See `EvalMetric`. The names restrict what the single metrics are given.
    """

    def __init__(
        self,
        metrics: Sequence[Any] | None = None,
        name: str = "composite",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        self.metrics: list[EvalMetric] = []
        super().__init__(name, output_names, label_names, has_global_stats=True)
        # last: metrics that have counted already are not to be reset
        self.metrics += [create(each) for each in metrics or ()]

    def add(self, metric: Any) -> None:
        """Add one more."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric:
        """One of the metrics."""
        if not -len(self.metrics) <= index < len(self.metrics):
            raise ArgumentError(f"get_metric: expected a number below {len(self.metrics)}, got {index}")
        return self.metrics[index]

    def update_dict(self, label: Mapping[str, NDArray], pred: Mapping[str, NDArray]) -> None:
        """Have every metric take in the batch."""
        if self.label_names is not None:
            label = {name: array for name, array in label.items() if name in self.label_names}
        if self.output_names is not None:
            pred = {name: array for name, array in pred.items() if name in self.output_names}
        for metric in self.metrics:
            metric.update_dict(label, pred)

    def update(self, labels: Any, preds: Any) -> None:
        """Have every metric take in the batch."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Have every metric forget everything."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Have every metric forget what `get` answers."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[list[str], list[float]]:
        """Names and values of all metrics."""
        return _unzipped([metric.get_name_value() for metric in self.metrics])

    def get_global(self) -> tuple[list[str], list[float]]:
        """Names and values of all metrics since the last `reset`."""
        return _unzipped([metric.get_global_name_value() for metric in self.metrics])

    def get_config(self) -> dict[str, Any]:
        """What `create` needs to make this metric anew."""
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


def _unzipped(pairs: list[list[tuple[str, float]]]) -> tuple[list[str], list[float]]:
    flat = [pair for each in pairs for pair in each]
    return [name for name, _ in flat], [value for _, value in flat]


@register
class CustomMetric(EvalMetric):
    """A function's mean over batches.

    Parameters
    ----------
    feval : callable
        Takes a label and a prediction as NumPy arrays; returns a value, or a pair of a sum and a number.
    name : str, optional
        By default the function's.
    allow_extra_outputs : bool
        Whether there may be more predictions than labels; the additional ones are not looked at.
    output_names, label_names
        See `EvalMetric`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet import metric
    >>> error = metric.create(lambda label, pred: abs(label - pred).mean())
    >>> error.update([mx.nd.array([1, 2])], [mx.nd.array([1, 4])])
    >>> error.get()[0], float(error.get()[1])
    ('custom(<lambda>)', 1.0)
    """

    def __init__(
        self,
        feval: Callable[[Any, Any], Any],
        name: str | None = None,
        allow_extra_outputs: bool = False,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        own = getattr(feval, "__name__", type(feval).__name__)
        super().__init__(
            name or (f"custom({own})" if "<" in own else own),
            output_names,
            label_names,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        """Apply the function to each pair of label and prediction."""
        if not self._allow_extra_outputs:
            check_label_shapes(labels, preds)
        for label, pred in zip(listed(labels), listed(preds), strict=False):
            result = self._feval(label.asnumpy(), pred.asnumpy())
            self._add(*(result if isinstance(result, tuple) else (result, 1)))

    def get_config(self) -> dict[str, Any]:
        """Not possible: a function cannot be written down."""
        raise NotSupportedError(f"{self.name}: get_config: a function cannot be written down")
