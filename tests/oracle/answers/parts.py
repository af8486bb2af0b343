"""The parts of training, one by one: initializers, metrics, learning-rate schedules, optimizers."""

from __future__ import annotations

from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]
import numpy as np

from .arrays import to_nd, to_plain


def make_scheduler(described: dict[str, Any]) -> Any:
    """The learning-rate scheduler that `{"name": ..., "kwargs": {...}}` describes."""
    return getattr(mx.lr_scheduler, described["name"])(**described["kwargs"])


def initializer(
    name: str, kwargs: dict[str, Any], shape: Any, desc_name: str, attrs: dict[str, str], seed: int, dtype: str
) -> Any:
    mx.random.seed(seed)
    np.random.seed(seed)  # Orthogonal draws from NumPy
    initialize = mx.initializer.create(name, **kwargs)
    array = mx.nd.full(tuple(shape), np.nan, dtype=dtype)  # what is left unset shows
    initialize(mx.init.InitDesc(desc_name, attrs, global_init=initialize), array)
    return array.asnumpy()


def metric(name: str, kwargs: dict[str, Any], updates: list[Any]) -> dict[str, Any]:
    accumulated = mx.metric.create(name, **kwargs)
    for labels, preds in updates:
        accumulated.update([to_nd(array) for array in labels], [to_nd(array) for array in preds])
    names, values = accumulated.get()
    return {"name": names, "value": values}


def lr_schedule(name: str, kwargs: dict[str, Any], num_updates: list[int]) -> list[float]:
    schedule = make_scheduler({"name": name, "kwargs": kwargs})
    return [float(schedule(count)) for count in num_updates]


def optimizer_steps(
    name: str,
    kwargs: dict[str, Any],
    weight: Any,
    grads: list[Any],
    lr_scheduler: dict[str, Any] | None,
    param_name: str,
) -> list[Any]:
    if lr_scheduler is not None:
        kwargs = {**kwargs, "lr_scheduler": make_scheduler(lr_scheduler)}
    optimizer = mx.optimizer.create(name, param_idx2name={0: param_name}, **kwargs)
    update = mx.optimizer.get_updater(optimizer)
    current, after = to_nd(weight), []
    for grad in grads:
        update(0, to_nd(grad), current)
        after.append(current)
        current = current.copy()
    return to_plain(after)
