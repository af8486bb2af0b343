"""Operators that move elements about without changing them: reshaping, splitting, joining, slicing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from ..base import ArgumentError, ShapeError
from .attrs import at_least
from .inference import Attrs, Known, Shape, axis_within, complete, unify
from .registry import Operator, first_type, operator


def reshaped(old: Sequence[int], codes: Sequence[int], reverse: bool = False) -> tuple[int, ...]:
    """The shape that MXNet's reshape codes make of `old`.

    Positive numbers stand for themselves, 0 copies a dimension, -1 is inferred, -2 copies all that are left, -3 joins
    two, -4 splits one into the next two. With `reverse` they are read from the right, a -4 behind its two sizes.

    >>> reshaped((2, 3, 4), (-3, 0)), reshaped((2, 3, 4), (0, -4, -1, 3, -2)), reshaped((8, 3), (0, -1, 3))
    ((6, 4), (2, 1, 3, 4), (8, 1, 3))
    """
    if reverse:
        return reshaped(old[::-1], codes[::-1])[::-1]
    new: list[int] = []
    source = 0
    i = 0
    while i < len(codes):
        code = codes[i]
        i += 1
        taken = 1
        if code > 0 or code == -1:
            new.append(code)
        elif code == 0 and source < len(old):
            new.append(old[source])
        elif code == -2:
            new.extend(old[source:])
            taken = len(old) - source
        elif code == -3 and source + 1 < len(old):
            new.append(old[source] * old[source + 1])
            taken = 2
        elif code == -4 and i + 1 < len(codes) and source < len(old):
            left, right = codes[i], codes[i + 1]
            i += 2
            if left == -1 and right > 0:
                left = old[source] // right
            elif right == -1 and left > 0:
                right = old[source] // left
            if min(left, right) < 1 or left * right != old[source]:
                raise ShapeError(f"Reshape: {old[source]} does not split into {codes[i - 2]} and {codes[i - 1]}")
            new.extend((left, right))
        else:
            raise ShapeError(f"Reshape: code {code} at place {i - 1} of {tuple(codes)} does not fit shape {tuple(old)}")
        source += taken
    if new.count(-1) > 1:
        raise ShapeError(f"Reshape: at most one -1 can be inferred, got {tuple(codes)}")
    if -1 in new:
        rest = prod(size for size in new if size != -1)
        new[new.index(-1)] = prod(old) // rest if rest else 0
    if prod(new) != prod(old):
        raise ShapeError(f"Reshape: {tuple(old)} with {prod(old)} elements cannot become {tuple(new)}")
    return tuple(new)


def _codes(attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """The codes of a Reshape, those that the older spelling comes to included."""
    if attrs["shape"] or not attrs["target_shape"]:
        return attrs["shape"]
    sizes = tuple(size or -1 for size in attrs["target_shape"])
    return (0, *sizes[1:]) if attrs["keep_highest"] else sizes


def _partly_reshaped(old: Shape, codes: Sequence[int], reverse: bool) -> Known:
    """What does not depend on the unknown sizes, found by putting two different ones in their place."""
    try:
        first, second = (reshaped([size or stand_in for size in old], codes, reverse) for stand_in in (2520, 5040))
    except ShapeError:
        return None
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))


def _reshape_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, out = ins[0], outs[0]
    codes = _codes(attrs)
    if data is not None and complete(data):
        sizes = [size for size in data if size is not None]
        return [data], [unify(out, reshaped(sizes, codes, attrs["reverse"]))]
    if out is not None and complete(out) and data is not None and data.count(None) == 1:
        # one unknown dimension follows from the number of elements: a batch given by the label, say
        known = prod(size for size in data if size is not None)
        if known:
            total = prod(size for size in out if size is not None)
            data = tuple(total // known if size is None else size for size in data)
    if data is not None:
        out = unify(out, _partly_reshaped(data, codes, attrs["reverse"]))
    return [data], [out]


@operator("Reshape", "reshape", infer=_reshape_shapes)
def reshape(
    data: Tensor,
    *,
    shape: tuple[int, ...] = (),
    reverse: bool = False,
    target_shape: tuple[int, ...] = (),
    keep_highest: bool = False,
) -> Tensor:
    """The same elements in another shape, by MXNet's codes.

    In `shape`, 0 copies a dimension, -1 is inferred, -2 copies all that are left, -3 joins two, -4 splits one into the
    next two; with `reverse` the codes are read from the right. `target_shape` and `keep_highest` are an older spelling.
    """
    codes = _codes({"shape": shape, "target_shape": target_shape, "keep_highest": keep_highest})
    return data.reshape(reshaped(data.shape, codes, reverse))


@operator("reshape_like", types=first_type)
def reshape_like(
    lhs: Tensor,
    rhs: Tensor,
    *,
    lhs_begin: int | None = None,
    lhs_end: int | None = None,
    rhs_begin: int | None = None,
    rhs_end: int | None = None,
) -> Tensor:
    """`lhs` in the shape of `rhs`, or some of its axes in the place of some of those.

    The axes of `lhs` from `lhs_begin` to `lhs_end`, as Python's slices have them, are replaced by those of `rhs` from
    `rhs_begin` to `rhs_end`. `rhs` gets no gradient.
    """
    for name, bound, rank in (
        ("lhs_begin", lhs_begin, lhs.dim()),
        ("lhs_end", lhs_end, lhs.dim()),
        ("rhs_begin", rhs_begin, rhs.dim()),
        ("rhs_end", rhs_end, rhs.dim()),
    ):
        if bound is not None and not -rank <= bound <= rank:
            raise ShapeError(f"reshape_like: attribute {name}: expected a number from {-rank} to {rank}; got {bound}")
    sizes = list(lhs.shape)
    sizes[slice(lhs_begin, lhs_end)] = list(rhs.shape)[slice(rhs_begin, rhs_end)]
    if prod(sizes) != lhs.numel():
        raise ShapeError(
            f"reshape_like: expected a shape of {lhs.numel()} elements for lhs of shape {tuple(lhs.shape)}, "
            f"got {tuple(sizes)} from rhs of shape {tuple(rhs.shape)}"
        )
    return lhs.reshape(sizes)


def _axes_to_swap(a: int, b: int, rank: int) -> tuple[int, int]:
    return axis_within("SwapAxis", "dim1", a, rank), axis_within("SwapAxis", "dim2", b, rank)


def _swapped(shape: Known, a: int, b: int) -> Known:
    if shape is None:
        return None
    sizes = list(shape)
    a, b = _axes_to_swap(a, b, len(sizes))
    sizes[a], sizes[b] = sizes[b], sizes[a]
    return tuple(sizes)


def _swap_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    axes = attrs["dim1"], attrs["dim2"]
    data = unify(ins[0], _swapped(outs[0], *axes))
    return [data], [_swapped(data, *axes)]


@operator("SwapAxis", "swapaxes", infer=_swap_shapes)
def swapaxes(data: Tensor, *, dim1: int = 0, dim2: int = 0) -> Tensor:
    """Two axes exchanged."""
    return data.transpose(*_axes_to_swap(dim1, dim2, data.dim()))


def _order(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """The order of all `rank` axes, each counted from the front; without `axes` they are reversed."""
    if not axes:
        return tuple(reversed(range(rank)))
    order = tuple(axis_within("transpose", "axes", axis, rank) for axis in axes)
    if len(set(order)) != rank or len(order) != rank:
        raise ShapeError(f"transpose: attribute axes: expected each of {rank} axes once; got {axes}")
    return order


def _transpose_shapes(
    op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]
) -> tuple[list[Known], list[Known]]:
    data, out = ins[0], outs[0]
    rank = len(data) if data is not None else len(out) if out is not None else len(attrs["axes"])
    axes = _order(attrs["axes"], rank)
    if out is not None:
        sizes: list[int | None] = [None] * rank
        for place, axis in enumerate(axes):
            sizes[axis] = out[place]
        data = unify(data, tuple(sizes))
    return [data], [out if data is None else unify(out, tuple(data[axis] for axis in axes))]


@operator("transpose", infer=_transpose_shapes)
def transpose(data: Tensor, *, axes: tuple[int, ...] = ()) -> Tensor:
    """The axes in the order `axes`, or all reversed."""
    return data.permute(_order(axes, data.dim()))


def _expand_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, out, axis = ins[0], outs[0], attrs["axis"]
    if out is not None:
        at = axis_within("expand_dims", "axis", axis, len(out))
        data = unify(data, (*out[:at], *out[at + 1 :]))
    if data is not None:
        at = axis_within("expand_dims", "axis", axis, len(data) + 1)
        out = (*data[:at], 1, *data[at:])
    return [data], [out]


@operator("expand_dims", infer=_expand_shapes)
def expand_dims(data: Tensor, *, axis: int) -> Tensor:
    """A new axis of size 1 at `axis`."""
    return data.unsqueeze(axis_within("expand_dims", "axis", axis, data.dim() + 1))


@operator("squeeze")
def squeeze(data: Tensor, *, axis: tuple[int, ...] | None = None) -> Tensor:
    """Without the axes of size 1, or without those in `axis`."""
    for at in axis or ():
        if data.shape[axis_within("squeeze", "axis", at, data.dim())] != 1:
            raise ShapeError(f"squeeze: axis {at} of shape {tuple(data.shape)} is not 1")
    result = data.squeeze() if axis is None else data.squeeze(axis)
    return result if result.dim() else result.reshape(1)


@operator("Flatten", "flatten")
def flatten(data: Tensor) -> Tensor:
    """All axes after the first as one."""
    return data.reshape(data.shape[0], -1)


def _concat_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    ranked = next((shape for shape in (*ins, *outs) if shape is not None), None)
    if ranked is None:
        return ins, outs
    axis = axis_within("Concat", "dim", attrs["dim"], len(ranked))

    def without_axis(shape: Known) -> Known:
        return None if shape is None else (*shape[:axis], None, *shape[axis + 1 :])

    common: Known = None
    for shape in (*ins, *outs):
        common = unify(common, without_axis(shape))
    ins = [unify(shape, common) for shape in ins]
    widths = [shape[axis] for shape in ins if shape is not None]
    known = [width for width in widths if width is not None]
    out = unify(outs[0], common)
    if out is None:
        return ins, [out]
    whole = out[axis]
    if len(known) == len(ins):
        out = unify(out, (*out[:axis], sum(known), *out[axis + 1 :]))
    elif whole is not None and len(known) == len(ins) - 1:
        last = (*out[:axis], whole - sum(known), *out[axis + 1 :])
        ins = [last if shape is None or shape[axis] is None else shape for shape in ins]
    return ins, [out]


@operator("Concat", "concat", infer=_concat_shapes)
def concat(*data: Tensor, dim: int = 1) -> Tensor:
    """The inputs joined along axis `dim`."""
    return torch.cat(data, axis_within("Concat", "dim", dim, data[0].dim()) if data else dim)


def _stack_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    out = outs[0]
    common: Known = None
    for shape in ins:
        common = unify(common, shape)
    if out is not None:
        at = axis_within("stack", "axis", attrs["axis"], len(out))
        common = unify(common, (*out[:at], *out[at + 1 :]))
    if common is not None:
        at = axis_within("stack", "axis", attrs["axis"], len(common) + 1)
        out = unify(out, (*common[:at], len(ins), *common[at:]))
    return [common] * len(ins), [out]


@operator("stack", infer=_stack_shapes)
def stack(*data: Tensor, axis: int = 0) -> Tensor:
    """The inputs, all of one shape, along a new axis."""
    return torch.stack(data, axis_within("stack", "axis", axis, data[0].dim() + 1) if data else axis)


def _split_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    count = attrs["num_outputs"]
    return [f"output{i}" for i in range(count)]


def _split_shapes(op: Operator, attrs: Attrs, ins: list[Known], outs: list[Known]) -> tuple[list[Known], list[Known]]:
    data, parts = ins[0], attrs["num_outputs"]
    part: Known = None
    for shape in outs:
        part = unify(part, shape)
    if part is not None:
        rank = len(part) + (1 if attrs["squeeze_axis"] else 0)
        axis = axis_within("SliceChannel", "axis", attrs["axis"], rank)
        if attrs["squeeze_axis"]:
            part = (*part[:axis], 1, *part[axis:])
        width = part[axis]
        whole = (*part[:axis], None if width is None else width * parts, *part[axis + 1 :])
        data = unify(data, whole)
    if data is None:
        return ins, outs
    axis = axis_within("SliceChannel", "axis", attrs["axis"], len(data))
    width = data[axis]
    if width is not None and width % parts:
        raise ShapeError(
            f"SliceChannel: axis {axis} of shape {data} does not split into num_outputs={parts} equal parts; "
            "where this takes a sequence apart, num_outputs is the length given to unroll, and the axis that of time"
        )
    if attrs["squeeze_axis"] and width is not None and width != parts:
        raise ShapeError(
            f"SliceChannel: squeeze_axis: axis {axis} of shape {data} splits into num_outputs={parts} parts of size "
            f"{width // parts}, not 1; where this takes a sequence apart, num_outputs is the length given to unroll, "
            "and the axis that of time"
        )
    if attrs["squeeze_axis"]:
        part = (*data[:axis], *data[axis + 1 :])
    else:
        part = (*data[:axis], None if width is None else width // parts, *data[axis + 1 :])
    return [data], [part] * parts


@operator(
    "SliceChannel", "split", outputs=_split_outputs, infer=_split_shapes, check=at_least("SliceChannel", num_outputs=1)
)
def split(data: Tensor, *, num_outputs: int, axis: int = 1, squeeze_axis: bool = False) -> tuple[Tensor, ...]:
    """`num_outputs` equal parts along `axis`; with `squeeze_axis` parts of size 1 lose that axis."""
    axis = axis_within("SliceChannel", "axis", axis, data.dim())
    width = data.shape[axis]
    if width % num_outputs:
        raise ShapeError(f"SliceChannel: axis {axis} of shape {tuple(data.shape)} does not split into {num_outputs}")
    if squeeze_axis:
        if width != num_outputs:
            raise ShapeError(f"SliceChannel: squeeze_axis needs parts of size 1, got {width // num_outputs}")
        return data.unbind(axis)
    return data.split(width // num_outputs, axis) if width else (data,) * num_outputs


@operator("slice_axis")
def slice_axis(data: Tensor, *, axis: int, begin: int, end: int | None) -> Tensor:
    """Elements `begin` to `end` (exclusive; None for the last) along `axis`."""
    axis = axis_within("slice_axis", "axis", axis, data.dim())
    size = data.shape[axis]
    first = begin + size if begin < 0 else begin
    last = size if end is None else end + size if end < 0 else end
    if not 0 <= first < last <= size:
        raise ArgumentError(f"slice_axis: begin {begin} and end {end} do not fit axis {axis} of size {size}")
    return data.narrow(axis, first, last - first)


@operator("reverse", "flip")
def reverse(data: Tensor, *, axis: tuple[int, ...]) -> Tensor:
    """The order of elements reversed along `axis`."""
    return data.flip([axis_within("reverse", "axis", at, data.dim()) for at in axis])


@operator("tile")
def tile(data: Tensor, *, reps: tuple[int, ...]) -> Tensor:
    """`data` repeated as a whole, `reps` times along each axis."""
    return data.tile(reps)


@operator("repeat")
def repeat(data: Tensor, *, repeats: int, axis: int | None = None) -> Tensor:
    """Each element repeated along `axis`, or in the flattened array."""
    if axis is None:
        return torch.repeat_interleave(data.flatten(), repeats, 0)
    return torch.repeat_interleave(data, repeats, axis_within("repeat", "axis", axis, data.dim()))


def _expanded(name: str, data: Tensor, wanted: Sequence[int]) -> Tensor:
    if len(wanted) != data.dim() or any(old not in (1, new) for old, new in zip(data.shape, wanted, strict=True)):
        raise ShapeError(f"{name}: {tuple(data.shape)} cannot become {tuple(wanted)}: only axes of size 1 are repeated")
    return data.expand(wanted)


@operator("broadcast_to")
def broadcast_to(data: Tensor, *, shape: tuple[int, ...] = ()) -> Tensor:
    """Axes of size 1 repeated up to `shape`, in which 0 keeps a dimension."""
    kept = data.shape[: len(shape)]
    wanted = [old if new == 0 else new for old, new in zip(kept, shape, strict=False)]
    return _expanded("broadcast_to", data, [*wanted, *shape[len(kept) :]])


def _first_type(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [ins[0]]


@operator("broadcast_like", types=_first_type)
def broadcast_like(
    lhs: Tensor, rhs: Tensor, *, lhs_axes: tuple[int, ...] | None = None, rhs_axes: tuple[int, ...] | None = None
) -> Tensor:
    """`lhs` repeated up to the shape of `rhs`; with `lhs_axes` and `rhs_axes` along these axes only, pair by pair."""
    if lhs_axes is None and rhs_axes is None:
        return _expanded("broadcast_like", lhs, rhs.shape)
    if not lhs_axes or not rhs_axes or len(lhs_axes) != len(rhs_axes):
        raise ArgumentError(f"broadcast_like: lhs_axes and rhs_axes go in pairs; got {lhs_axes} and {rhs_axes}")
    wanted = list(lhs.shape)
    for left, right in zip(lhs_axes, rhs_axes, strict=True):
        left = axis_within("broadcast_like", "lhs_axes", left, lhs.dim())
        wanted[left] = rhs.shape[axis_within("broadcast_like", "rhs_axes", right, rhs.dim())]
    return _expanded("broadcast_like", lhs, wanted)
