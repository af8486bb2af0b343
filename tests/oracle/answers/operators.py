"""One operator, called imperatively, with its gradients."""

from __future__ import annotations

from functools import reduce
from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]
import numpy as np

from .arrays import is_float, to_nd, to_plain


def version() -> dict[str, str]:
    return {"mxnet": mx.__version__, "numpy": np.__version__}


def op(
    name: str,
    inputs: list[Any],
    attrs: dict[str, Any],
    head_grads: list[Any] | None,
    is_train: bool,
    grad: bool,
    namespace: str,
) -> dict[str, list[Any]]:
    call = getattr(reduce(getattr, namespace.split("."), mx), name)
    arrays = [to_nd(array) for array in inputs]
    if not grad:
        with mx.autograd.train_mode() if is_train else mx.autograd.predict_mode():
            outputs = _listed(call(*arrays, **attrs))
        return {"outputs": to_plain(outputs), "gradients": []}
    wanted = [is_float(array) for array in inputs]
    for array, want in zip(arrays, wanted):  # noqa: B905 - one list made from the other
        if want:
            array.attach_grad()
    with mx.autograd.record(train_mode=is_train):
        outputs = _listed(call(*arrays, **attrs))
    heads = None if head_grads is None else [to_nd(head) for head in head_grads]
    mx.autograd.backward(outputs, heads, train_mode=is_train)
    gradients = [array.grad if want else None for array, want in zip(arrays, wanted)]  # noqa: B905
    return {"outputs": to_plain(outputs), "gradients": to_plain(gradients)}


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
