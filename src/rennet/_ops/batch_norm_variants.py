"""Batch normalisation under other names: over several devices, and with a rectifier behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..base import ArgumentError, NotSupportedError
from .inference import Attrs, Known
from .normalization import MOVING, batch_norm, batch_norm_outputs, batch_norm_shapes, batch_norm_types
from .registry import IsTraining, Operator, operator


def _sync_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    return batch_norm_shapes(op, {**attrs, "axis": 1}, ins, outs)


def _check_devices(attrs: Mapping[str, Any]) -> None:
    if attrs["ndev"] < 1:
        raise ArgumentError(f"SyncBatchNorm: attribute ndev: expected a positive number; got {attrs['ndev']}")


@operator(
    "_contrib_SyncBatchNorm",
    aux=("moving_mean", "moving_var"),
    outputs=batch_norm_outputs,
    hidden_outputs=lambda attrs: 0 if attrs["output_mean_var"] else 2,
    infer=_sync_shapes,
    types=batch_norm_types,
    marks=MOVING,
    check=_check_devices,
)
def sync_batch_norm(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    *,
    eps: float = 1e-3,
    momentum: float = 0.9,
    fix_gamma: bool = True,
    use_global_stats: bool = False,
    output_mean_var: bool = False,
    ndev: int = 1,
    key: str,
    training: IsTraining,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """`BatchNorm` along axis 1, with the statistics of the whole batch on one device.

    MXNet has the devices with one `key` wait for each other, `ndev` of them, and share statistics. Here a device's
    operators do not meet another's, so training with more than one is refused.
    """
    if training and not use_global_stats and ndev > 1:
        raise NotSupportedError(
            f"SyncBatchNorm: attribute ndev (num_devices of the layer): statistics are not shared between devices, so "
            f"training needs 1; got {ndev}"
        )
    return batch_norm(
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        eps=eps,
        momentum=momentum,
        fix_gamma=fix_gamma,
        use_global_stats=use_global_stats,
        output_mean_var=output_mean_var,
        training=training,
    )


@operator(
    "_contrib_BatchNormWithReLU",
    aux=("moving_mean", "moving_var"),
    outputs=batch_norm_outputs,
    hidden_outputs=lambda attrs: 1 if attrs["output_mean_var"] else 3,
    infer=batch_norm_shapes,
    types=batch_norm_types,
    marks=MOVING,
)
def batch_norm_with_relu(
    data: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    *,
    eps: float = 1e-3,
    momentum: float = 0.9,
    fix_gamma: bool = True,
    use_global_stats: bool = False,
    output_mean_var: bool = False,
    axis: int = 1,
    cudnn_off: bool = False,
    min_calib_range: float | None = None,
    max_calib_range: float | None = None,
    training: IsTraining,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """`BatchNorm`, and then `relu`. Real MXNet computes it with oneDNN only, for float32 images."""
    result = batch_norm(
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        eps=eps,
        momentum=momentum,
        fix_gamma=fix_gamma,
        use_global_stats=use_global_stats,
        output_mean_var=output_mean_var,
        axis=axis,
        training=training,
    )
    return (result[0].relu(), *result[1:]) if isinstance(result, tuple) else result.relu()
