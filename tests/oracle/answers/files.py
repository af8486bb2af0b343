"""Files, written and read by real MXNet."""

from __future__ import annotations

from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]

from .arrays import to_nd, to_nds, to_plain


def save_params(path: str, params: Any) -> None:
    mx.nd.save(path, to_nds(params) if isinstance(params, dict) else [to_nd(array) for array in params])


def load_params(path: str) -> Any:
    return to_plain(mx.nd.load(path))


def save_checkpoint(prefix: str, epoch: int, json: str, arg_params: dict[str, Any], aux_params: dict[str, Any]) -> None:
    mx.model.save_checkpoint(prefix, epoch, mx.sym.load_json(json), to_nds(arg_params), to_nds(aux_params))


def load_checkpoint(prefix: str, epoch: int) -> dict[str, Any]:
    symbol, arg_params, aux_params = mx.model.load_checkpoint(prefix, epoch)
    return {"json": symbol.tojson(), "arg_params": to_plain(arg_params), "aux_params": to_plain(aux_params)}
