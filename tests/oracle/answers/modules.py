"""Training steps of Module and BucketingModule, from given parameters on given batches."""

from __future__ import annotations

from typing import Any

import mxnet as mx  # pyright: ignore[reportMissingImports]

from .arrays import to_nd, to_nds, to_plain
from .parts import make_scheduler


def module_steps(
    json: str,
    data_names: list[str],
    label_names: list[str],
    batches: list[dict[str, Any]],
    fixed_param_names: list[str] | None,
    layouts: dict[str, str],
    **training: Any,
) -> dict[str, Any]:
    module = mx.mod.Module(mx.sym.load_json(json), data_names, label_names, fixed_param_names=fixed_param_names)
    sent = [_batch(batch, data_names, label_names, layouts) for batch in batches]
    module.bind(sent[0].provide_data, sent[0].provide_label)
    return _train(module, sent, **training)


def bucketing_steps(
    symbols: dict[Any, str],
    default_bucket_key: Any,
    data_names: list[str],
    label_names: list[str],
    batches: list[dict[str, Any]],
    default_batch: dict[str, Any] | None,
    fixed_param_names: list[str] | None,
    layouts: dict[str, str],
    **training: Any,
) -> dict[str, Any]:
    def generate(key: Any) -> tuple[Any, list[str], list[str]]:
        return mx.sym.load_json(symbols[key]), data_names, label_names

    module = mx.mod.BucketingModule(generate, default_bucket_key, fixed_param_names=fixed_param_names)
    sent = [_batch(batch, data_names, label_names, layouts) for batch in batches]
    if default_batch is not None:
        first = _batch(default_batch, data_names, label_names, layouts)
    else:
        in_default_bucket = [batch for batch in sent if batch.bucket_key == default_bucket_key]
        if not in_default_bucket:
            raise ValueError(f"no batch of the default bucket {default_bucket_key!r}; give default_batch")
        first = in_default_bucket[0]
    module.bind(first.provide_data, first.provide_label)
    return _train(module, sent, **training)


def _batch(batch: dict[str, Any], data_names: list[str], label_names: list[str], layouts: dict[str, str]) -> Any:
    def described(names: list[str], arrays: list[Any]) -> list[Any]:
        if len(names) != len(arrays):
            raise ValueError(f"a batch: expected {names}, got {len(arrays)} arrays")
        return [
            mx.io.DataDesc(name, array.shape, array.dtype.type, layouts.get(name, "NCHW"))
            for name, array in zip(names, arrays)  # noqa: B905 - lengths compared above
        ]

    data, label = batch["data"], batch.get("label") or []
    return mx.io.DataBatch(
        [to_nd(array) for array in data],
        [to_nd(array) for array in label],
        bucket_key=batch.get("bucket_key"),
        provide_data=described(data_names, data),
        provide_label=described(label_names, label),
    )


def _train(
    module: Any,
    batches: list[Any],
    arg_params: dict[str, Any],
    aux_params: dict[str, Any] | None,
    optimizer: str,
    optimizer_params: dict[str, Any],
    lr_scheduler: dict[str, Any] | None,
    kvstore: str | None,
    steps: int | None,
    params_each_step: bool,
) -> dict[str, Any]:
    # Without an initializer, a parameter that was not given is an error instead of a random number.
    module.init_params(None, to_nds(arg_params), to_nds(aux_params or {}))
    optimizer_params = dict(optimizer_params)
    if lr_scheduler is not None:
        optimizer_params["lr_scheduler"] = make_scheduler(lr_scheduler)
    module.init_optimizer(kvstore, optimizer, optimizer_params)
    outputs, params = [], []
    for step in range(len(batches) if steps is None else steps):
        module.forward_backward(batches[step % len(batches)])
        outputs.append([output.asnumpy() for output in module.get_outputs()])
        module.update()
        if params_each_step:
            params.append(to_plain(module.get_params()[0]))
    final, auxiliary = module.get_params()
    return {
        "params": to_plain(final),
        "aux": to_plain(auxiliary),
        "outputs": outputs,
        "params_each_step": params,
    }
