"""A graph given as JSON: what MXNet reads in it, and what it computes."""

from __future__ import annotations

from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]
import numpy as np

from .arrays import is_float, to_nd, to_nds, to_plain


def symbol_info(json: str, shapes: dict[str, Any] | None, partial: bool) -> dict[str, Any]:
    symbol = mx.sym.load_json(json)
    infer = symbol.infer_shape_partial if partial else symbol.infer_shape
    argument_shapes, output_shapes, auxiliary_shapes = (None,) * 3 if shapes is None else infer(**shapes)
    return {
        "arguments": symbol.list_arguments(),
        "outputs": symbol.list_outputs(),
        "auxiliary_states": symbol.list_auxiliary_states(),
        "argument_shapes": argument_shapes,
        "output_shapes": output_shapes,
        "auxiliary_shapes": auxiliary_shapes,
        "internals": symbol.get_internals().list_outputs(),
        "attributes": symbol.attr_dict(),
        "json": symbol.tojson(),
    }


def run_symbol(
    json: str,
    args: dict[str, Any],
    aux: dict[str, Any] | None,
    is_train: bool,
    head_grads: list[Any] | None,
    grad_req: Any,
) -> dict[str, Any]:
    symbol = mx.sym.load_json(json)
    requests = dict.fromkeys(symbol.list_arguments(), "null")
    if isinstance(grad_req, dict):
        requests.update(grad_req)
    else:
        requests.update({name: grad_req for name, array in args.items() if is_float(array)})
    # NaN where it is to be overwritten: a gradient that MXNet forgets to write must not look like zero.
    fresh = {"write": np.nan, "add": 0}
    gradients = {
        name: to_nd(np.full_like(args[name], fresh[request])) for name, request in requests.items() if request != "null"
    }
    executor = symbol.bind(mx.cpu(), to_nds(args), args_grad=gradients, grad_req=requests, aux_states=to_nds(aux or {}))
    outputs = executor.forward(is_train=is_train)
    if not is_train:
        gradients = {}
    elif gradients:
        executor.backward(None if head_grads is None else [to_nd(head) for head in head_grads])
    return {
        "outputs": to_plain(list(outputs)),
        "gradients": to_plain(gradients),
        "aux": to_plain(dict(executor.aux_dict)),
    }
