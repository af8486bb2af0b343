"""One symbol on one or more devices, each with its slice of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..base import ArgumentError, MXNetError, ShapeError
from ..context import Context
from ..executor import Executor, Pool, simple_bind
from ..io import DataBatch, DataDesc
from ..metric import EvalMetric
from ..ndarray import NDArray, concatenate
from ..symbol import Symbol


def slices(batch_size: int, shares: Sequence[float]) -> list[slice]:
    """The rows that each device works on, in proportion to its share, rounded as MXNet does.

    >>> slices(5, [1, 1])
    [slice(0, 2, None), slice(2, 5, None)]
    """
    total, edges = sum(shares), [0]
    for share in shares[:-1]:
        edges.append(min(edges[-1] + round(batch_size * share / total), batch_size))
    edges.append(batch_size)
    parts = [slice(begin, end) for begin, end in pairwise(edges)]
    if any(part.start == part.stop for part in parts):
        raise ArgumentError(f"a batch of {batch_size} is too small for {len(parts)} devices with shares {list(shares)}")
    return parts


class DataParallelExecutorGroup:
    """Executors of one symbol, one for each context.

    An array is split over the devices along the axis that its layout calls N: the layout of a DataDesc for data and
    labels, the attribute ``__layout__`` for states and outputs. Without a layout it is the first; an array whose layout
    has no N is whole on every device.

    Parameters
    ----------
    symbol : Symbol
        The graph.
    contexts : list of Context
        Where to run; the batch is split over them.
    workload : list of float
        Their shares.
    data_shapes, label_shapes : list of DataDesc
        What comes in, in the order in which batches hold it.
    param_names, state_names : list of str
        Which arguments are parameters, and which are states.
    grad_req : dict of str to str
        What to do with each argument's gradient.
    pools : list of Pool
        The parameters' arrays, for each context.
    """

    def __init__(
        self,
        symbol: Symbol,
        contexts: Sequence[Context],
        workload: Sequence[float],
        data_shapes: Sequence[DataDesc],
        label_shapes: Sequence[DataDesc],
        param_names: Sequence[str],
        state_names: Sequence[str],
        grad_req: Mapping[str, str],
        pools: Sequence[Pool],
    ) -> None:
        self.symbol, self.contexts, self.param_names = symbol, list(contexts), list(param_names)
        self.data_shapes, self.label_shapes = list(data_shapes), list(label_shapes)
        descs = [*data_shapes, *label_shapes]
        sizes = {desc.name: desc.shape[_axis(desc.layout)] for desc in descs if _axis(desc.layout) >= 0}
        if len(set(sizes.values())) > 1:
            raise ShapeError(f"expected the same batch size of all data and labels, got {sizes}")
        self.batch_size: int = next(iter(sizes.values()), 1)
        self.slices = slices(self.batch_size, workload)
        attributes = symbol.attr_dict()
        self._state_axes = {name: _axis(attributes.get(name, {}).get("__layout__")) for name in state_names}
        self._output_axes = [_axis(output.attr("__layout__")) for output in symbol]
        arguments = set(symbol.list_arguments())
        self._unused = {desc.name for desc in descs} - arguments
        shared = {*param_names, *symbol.list_auxiliary_states()}
        types = {desc.name: desc.dtype for desc in descs if desc.name in arguments}
        self.execs: list[Executor] = []
        for context, rows, pool in zip(contexts, self.slices, pools, strict=True):
            shapes = {desc.name: _sliced_shape(desc, rows) for desc in descs if desc.name in arguments}
            self.execs.append(simple_bind(symbol, context, dict(grad_req), types, shapes, pool, shared))

    @property
    def param_arrays(self) -> list[list[NDArray]]:
        """Each parameter's array on each device."""
        return [[executor.arg_dict[name] for executor in self.execs] for name in self.param_names]

    @property
    def grad_arrays(self) -> list[list[NDArray | None]]:
        """Each parameter's gradient on each device, for scripts that clip them; None where none is wanted."""
        return [[executor.grad_dict.get(name) for executor in self.execs] for name in self.param_names]

    @property
    def aux_arrays(self) -> list[list[NDArray]]:
        """Each auxiliary state on each device."""
        names = self.symbol.list_auxiliary_states()
        return [[executor.aux_dict[name] for executor in self.execs] for name in names]

    # running

    def forward(self, batch: DataBatch, is_train: bool) -> None:
        """Give every executor its rows and run it."""
        given = _described("data", self.data_shapes, batch.data)
        labels = getattr(batch, "label", None)
        if self.label_shapes and labels:
            given += _described("label", self.label_shapes, labels)
        for executor, rows in zip(self.execs, self.slices, strict=True):
            for desc, array in given:
                if desc.name not in self._unused:
                    _load(desc.name, executor.arg_dict[desc.name], self._rows(array, desc, rows))
            executor.forward(is_train)

    def _rows(self, array: NDArray, desc: DataDesc, rows: slice) -> NDArray:
        axis = _axis(desc.layout)
        return array if len(self.execs) == 1 or axis < 0 else _part(array, axis, rows.start, rows.stop)

    def backward(self, out_grads: Sequence[NDArray] | None) -> None:
        """Run every executor backwards on its share of the output gradients."""
        shares: list[Any] = [None] * len(self.execs)
        if out_grads is not None:
            if len(out_grads) != len(self._output_axes):
                raise ArgumentError(
                    f"backward: expected {len(self._output_axes)} output gradients, got {len(out_grads)}"
                )
            split = [
                _split(grad, axis, [executor.outputs[place] for executor in self.execs], "backward: output gradient")
                for place, (grad, axis) in enumerate(zip(out_grads, self._output_axes, strict=True))
            ]
            shares = [list(share) for share in zip(*split, strict=True)]
        for executor, share in zip(self.execs, shares, strict=True):
            executor.backward(share)

    # results

    def outputs(self, merge: bool) -> list[Any]:
        """The outputs; joined over the devices, or a list for each."""
        if not all(executor.outputs for executor in self.execs):
            raise MXNetError("get_outputs: there are none yet; call forward first")
        by_output = zip(*(executor.outputs for executor in self.execs), strict=True)
        return [
            _joined(parts, axis) if merge else list(parts)
            for parts, axis in zip(by_output, self._output_axes, strict=True)
        ]

    def outputs_of_first(self, count: int) -> list[NDArray]:
        """The outputs for the first `count` examples of the batch, without those that fill it up."""
        batch_first = not self.data_shapes or _axis(self.data_shapes[0].layout) == 0
        shares = [(rows.stop - rows.start, max(0, min(count, rows.stop) - rows.start)) for rows in self.slices]
        found = []
        for place, axis in enumerate(self._output_axes):
            parts = [
                _first(executor.outputs[place], axis, size, kept, batch_first)
                for executor, (size, kept) in zip(self.execs, shares, strict=True)
            ]
            found.append(_joined(parts, axis))
        return found

    def gradients(self, merge: bool) -> list[Any]:
        """Gradients of the data; joined over the devices, or a list for each."""
        found = []
        for desc in self.data_shapes:
            parts = [executor.grad_dict[desc.name] for executor in self.execs]
            found.append(_joined(parts, _axis(desc.layout)) if merge else parts)
        return found

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any], pre_sliced: bool) -> None:
        """Tell the metric of each device's outputs and labels.

        The devices' outputs are not joined first: rows that were reshaped from time and batch would not stand in the
        order of the joined labels.
        """
        names = self.symbol.list_outputs()
        for place, (executor, rows) in enumerate(zip(self.execs, self.slices, strict=True)):
            if pre_sliced:
                own = labels[place]
            else:
                own = [self._rows(label, desc, rows) for desc, label in zip(self.label_shapes, labels, strict=False)]
            named = {desc.name: label for desc, label in zip(self.label_shapes, own, strict=False)}
            eval_metric.update_dict(named, dict(zip(names, executor.outputs, strict=True)))

    # states

    def states(self, merge: bool) -> list[Any]:
        """The states; joined over the devices, or a list for each."""
        found = {name: [executor.arg_dict[name] for executor in self.execs] for name in self._state_axes}
        return [_joined(parts, self._state_axes[name]) if merge else parts for name, parts in found.items()]

    def set_states(self, states: Sequence[Any]) -> None:
        """Set each state to an array, or to a list of arrays, one for each device."""
        if len(states) != len(self._state_axes):
            raise ArgumentError(f"set_states: expected {len(self._state_axes)} states, got {len(states)}")
        for given, (name, axis) in zip(states, self._state_axes.items(), strict=True):
            own = [executor.arg_dict[name] for executor in self.execs]
            parts = _split(given, axis, own, f"set_states: {name}") if isinstance(given, NDArray) else given
            for array, part in zip(own, parts, strict=True):
                _load(f"set_states: {name}", array, part)

    def share_states(self, other: DataParallelExecutorGroup) -> None:
        """Use the arrays of another group for the states that have the same shape there."""
        for own, theirs in zip(self.execs, other.execs, strict=True):
            for name in self._state_axes:
                array = theirs.arg_dict.get(name)
                if array is not None and array.shape == own.arg_dict[name].shape:
                    own.arg_dict[name] = array


def _axis(layout: str | None) -> int:
    return DataDesc.get_batch_axis(layout)


def _joined(parts: Sequence[Any], axis: int) -> NDArray:
    if len(parts) == 1 or axis < 0:
        return parts[0]
    return concatenate([part.as_in_context(parts[0].context) for part in parts], axis)


def _split(array: NDArray, axis: int, like: Sequence[NDArray], what: str) -> list[NDArray]:
    """`array` cut along `axis` into parts as long as those of `like`."""
    if len(like) == 1 or axis < 0:
        return [array] * len(like)
    sizes = [part.shape[axis] for part in like]
    if array.shape[axis] != sum(sizes):
        raise ShapeError(f"{what}: expected {sum(sizes)} along axis {axis}, got shape {array.shape}")
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [_part(array, axis, start, start + size) for start, size in zip(starts, sizes, strict=True)]


def _part(array: NDArray, axis: int, start: int, stop: int) -> NDArray:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _first(array: NDArray, axis: int, size: int, count: int, batch_first: bool) -> NDArray:
    """The rows of the first `count` of `size` examples.

    An array with several rows for each example holds them as the data does: one example after another, or, where the
    batch is not the data's first axis, one step after another. One without rows for each example stays whole.
    """
    if count == size or axis < 0 or array.shape[axis] % size:
        return array
    if array.shape[axis] == size or axis > 0:
        return _part(array, axis, 0, count)
    if batch_first:
        return array[: array.shape[0] // size * count]
    width = array.shape[1:]
    return array.reshape((-1, size, *width))[:, :count].reshape((-1, *width))


def _sliced_shape(desc: DataDesc, rows: slice) -> tuple[int, ...]:
    shape, axis = list(desc.shape), _axis(desc.layout)
    if axis >= 0:
        shape[axis] = rows.stop - rows.start
    return tuple(shape)


def _load(name: str, target: NDArray, source: NDArray) -> None:
    if tuple(source.shape) != tuple(target.shape):
        raise ShapeError(f"{name}: expected shape {target.shape}, got {source.shape}")
    target[:] = source


def _described(what: str, descs: Sequence[DataDesc], arrays: Sequence[NDArray]) -> list[tuple[DataDesc, NDArray]]:
    """Each of a batch's arrays with what the module was told of it."""
    if len(arrays) != len(descs):
        names = ", ".join(desc.name for desc in descs)
        raise ArgumentError(f"forward: the batch's {what}: expected {len(descs)} arrays ({names}), got {len(arrays)}")
    return list(zip(descs, arrays, strict=True))
