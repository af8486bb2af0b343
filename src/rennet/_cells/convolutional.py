"""One step of a cell whose projections are convolutions over the axes behind the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._recurrence.modes import Mode
from ..base import ArgumentError, is_whole
from .gated import CellWeights, gated_step
from .naming import Spelling


class Convolutions(NamedTuple):
    """The two convolutions of a step."""

    i2h: dict[str, tuple[int, ...]]
    """Kernel, stride, padding and dilation over the input."""
    h2h: dict[str, tuple[int, ...]]
    """The same over the hidden state, whose size it keeps."""
    layout: str


def convolutions(
    i2h_kernel: tuple[int, ...],
    i2h_stride: tuple[int, ...],
    i2h_pad: tuple[int, ...],
    i2h_dilate: tuple[int, ...],
    h2h_kernel: tuple[int, ...],
    h2h_dilate: tuple[int, ...],
    layout: str,
) -> Convolutions:
    """The two, checked; the hidden one is padded so that the state keeps its size."""
    axes = len(layout) - 2
    sizes = {"i2h_kernel": i2h_kernel, "i2h_stride": i2h_stride, "i2h_dilate": i2h_dilate, "h2h_kernel": h2h_kernel}
    for name, given in sizes.items():
        expect_sizes(name, given, 1, axes)
    expect_sizes("h2h_dilate", h2h_dilate, 1)
    expect_sizes("i2h_pad", i2h_pad, 0, axes)
    if any(size % 2 == 0 for size in h2h_kernel):
        raise ArgumentError(f"h2h_kernel: expected odd sizes, which can keep the state's size; got {h2h_kernel}")
    if len(h2h_dilate) != len(h2h_kernel):
        raise ArgumentError(f"h2h_dilate: expected {len(h2h_kernel)} numbers, as h2h_kernel has; got {h2h_dilate}")
    pad = tuple(dilate * (size - 1) // 2 for size, dilate in zip(h2h_kernel, h2h_dilate, strict=True))
    return Convolutions(
        {"kernel": i2h_kernel, "stride": i2h_stride, "pad": i2h_pad, "dilate": i2h_dilate},
        {"kernel": h2h_kernel, "stride": (1,) * len(h2h_kernel), "pad": pad, "dilate": h2h_dilate},
        layout,
    )


def expect_sizes(argument: str, sizes: Any, least: int, count: int | None = None) -> None:
    """Refuse what is no tuple of whole numbers from `least`, one for each of `count` axes."""
    many = "" if count is None else f"{count} "
    if not isinstance(sizes, list | tuple) or not all(is_whole(size, least) for size in sizes):
        raise ArgumentError(f"{argument}: expected a tuple of {many}whole numbers from {least}, got {sizes!r}")
    if count is not None and len(sizes) != count:
        raise ArgumentError(f"{argument}: expected {count} numbers, one for each axis behind the channels; got {sizes}")


def conv_step(
    F: Any,
    mode: Mode,
    hidden: int,
    how: Convolutions,
    weights: CellWeights,
    inputs: Any,
    states: Sequence[Any],
    name: str,
    spelling: Spelling,
    squash: str | Callable[..., Any],
) -> list[Any]:
    """The new states, of which the first is also the output; see `gated_step`.

    `inputs` are ``(N, C, ...)`` and the states ``(N, hidden, ...)`` over the axes that the input's convolution leaves.
    """
    filters = hidden * mode.num_gates
    i2h = F.Convolution(
        data=inputs,
        weight=weights.i2h_weight,
        bias=weights.i2h_bias,
        num_filter=filters,
        layout=how.layout,
        name=f"{name}{spelling.i2h}",
        **how.i2h,
    )
    h2h = F.Convolution(
        data=states[0],
        weight=weights.h2h_weight,
        bias=weights.h2h_bias,
        num_filter=filters,
        layout=how.layout,
        name=f"{name}{spelling.h2h}",
        **how.h2h,
    )
    return gated_step(F, mode, i2h, h2h, states, name, spelling, squash)
