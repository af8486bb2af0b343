"""One symbol on one or more devices, each with its slice of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import ArgumentError, MXNetError, ShapeError, expect, expect_call
from ..context import Context
from ..executor import Executor, Pool, simple_bind
from ..io import DataBatch, DataDesc
from ..metric import EvalMetric
from ..ndarray import NDArray
from ..symbol import Symbol
from .rows import batch_axis, cut, first_rows, joined, load, part_of, sliced_shape, slices


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
        self.arg_names, self.aux_names = symbol.list_arguments(), symbol.list_auxiliary_states()
        self.data_shapes, self.label_shapes = list(data_shapes), list(label_shapes)
        descs = [*data_shapes, *label_shapes]
        sizes = {desc.name: desc.shape[batch_axis(desc.layout)] for desc in descs if batch_axis(desc.layout) >= 0}
        if len(set(sizes.values())) > 1:
            raise ShapeError(f"expected the same batch size of all data and labels, got {sizes}")
        self.batch_size: int = next(iter(sizes.values()), 1)
        self.slices = slices(self.batch_size, workload)
        attributes = symbol.attr_dict()
        self._state_axes = {name: batch_axis(attributes.get(name, {}).get("__layout__")) for name in state_names}
        self._output_axes = [batch_axis(output.attr("__layout__")) for output in symbol]
        arguments = set(self.arg_names)
        self._unused = {desc.name for desc in descs} - arguments
        shared = {*param_names, *self.aux_names}
        types = {desc.name: desc.dtype for desc in descs if desc.name in arguments}
        self.execs: list[Executor] = []
        for context, rows, pool in zip(contexts, self.slices, pools, strict=True):
            shapes = {desc.name: sliced_shape(desc, rows) for desc in descs if desc.name in arguments}
            self.execs.append(simple_bind(symbol, context, dict(grad_req), types, shapes, pool, shared))

    # arrays as old scripts know them: a list for each name, in it one for each device

    @property
    def data_arrays(self) -> list[list[tuple[slice, NDArray]]]:
        """Each datum's rows and array on each device."""
        return self._fed(self.data_shapes)

    @property
    def label_arrays(self) -> list[list[tuple[slice, NDArray]]] | None:
        """Each label's rows and array on each device; None if the module is bound without labels."""
        return self._fed(self.label_shapes) if self.label_shapes else None

    def _fed(self, descs: Sequence[DataDesc]) -> list[list[tuple[slice, NDArray]]]:
        return [
            [(rows, executor.arg_dict[desc.name]) for executor, rows in zip(self.execs, self.slices, strict=True)]
            for desc in descs
            if desc.name not in self._unused
        ]

    @property
    def input_grad_arrays(self) -> list[list[NDArray | None]] | None:
        """Each datum's gradient on each device; None unless they are wanted."""
        names = [desc.name for desc in self.data_shapes if desc.name not in self._unused]
        found = [[executor.grad_dict.get(name) for executor in self.execs] for name in names]
        return found if any(array is not None for arrays in found for array in arrays) else None

    @property
    def state_arrays(self) -> list[list[NDArray]]:
        """Each state on each device."""
        return self.states(merge=False)

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
        return [[executor.aux_dict[name] for executor in self.execs] for name in self.aux_names]

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
                    load(desc.name, executor.arg_dict[desc.name], self._rows(array, desc, rows))
            executor.forward(is_train)

    def _rows(self, array: NDArray, desc: DataDesc, rows: slice) -> NDArray:
        axis = batch_axis(desc.layout)
        return array if len(self.execs) == 1 or axis < 0 else part_of(array, axis, rows.start, rows.stop)

    def backward(self, out_grads: NDArray | Sequence[NDArray] | None) -> None:
        """Run every executor backwards on its share of the output gradients."""
        shares: list[Any] = [None] * len(self.execs)
        if out_grads is not None:
            out_grads = [out_grads] if isinstance(out_grads, NDArray) else out_grads
            for grad in expect("backward: out_grads", out_grads, list | tuple, "a list of NDArrays"):
                expect("backward: out_grads", grad, NDArray | None, "NDArrays")
            if len(out_grads) != len(self._output_axes):
                raise ArgumentError(
                    f"backward: expected {len(self._output_axes)} output gradients, got {len(out_grads)}"
                )
            split = [
                cut(grad, axis, [executor.outputs[place] for executor in self.execs], "backward: output gradient")
                for place, (grad, axis) in enumerate(zip(out_grads, self._output_axes, strict=True))
            ]
            shares = [list(share) for share in zip(*split, strict=True)]
        for executor, share in zip(self.execs, shares, strict=True):
            executor.backward(share)

    # results

    def forget(self) -> None:
        """Let go of the last results; whoever holds them keeps them."""
        for executor in self.execs:
            executor.forget()

    def outputs(self, merge: bool) -> list[Any]:
        """The outputs; joined over the devices, or a list for each."""
        self._expect_results("get_outputs: there are none yet")
        by_output = zip(*(executor.outputs for executor in self.execs), strict=True)
        return [
            joined(parts, axis) if merge else list(parts)
            for parts, axis in zip(by_output, self._output_axes, strict=True)
        ]

    def _expect_results(self, lacking: str) -> None:
        if not all(executor.has_run for executor in self.execs):
            raise MXNetError(f"{lacking}; call forward first")

    def outputs_of_first(self, count: int) -> list[NDArray]:
        """The outputs for the first `count` examples of the batch, without those that fill it up."""
        batch_first = not self.data_shapes or batch_axis(self.data_shapes[0].layout) == 0
        shares = [(rows.stop - rows.start, max(0, min(count, rows.stop) - rows.start)) for rows in self.slices]
        found = []
        for place, axis in enumerate(self._output_axes):
            parts = [
                first_rows(executor.outputs[place], axis, size, kept, batch_first)
                for executor, (size, kept) in zip(self.execs, shares, strict=True)
            ]
            found.append(joined(parts, axis))
        return found

    def gradients(self, merge: bool) -> list[Any]:
        """Gradients of the data; joined over the devices, or a list for each."""
        found = []
        for desc in self.data_shapes:
            parts = [executor.grad_dict[desc.name] for executor in self.execs]
            found.append(joined(parts, batch_axis(desc.layout)) if merge else parts)
        return found

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any], pre_sliced: bool) -> None:
        """Tell the metric of each device's outputs and labels.

        The devices' outputs are not joined first: rows that were reshaped from time and batch would not stand in the
        order of the joined labels.
        """
        told = getattr(eval_metric, "update_dict", None)
        expect_call("update_metric: eval_metric.update_dict", told, "mx.metric.create(name) makes a metric")
        expect("update_metric: labels", labels, list | tuple, "a list of NDArrays")
        self._expect_results("update_metric: there are no outputs yet")
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
        return [joined(parts, self._state_axes[name]) if merge else parts for name, parts in found.items()]

    def set_states(self, states: Sequence[Any]) -> None:
        """Set each state to an array, or to a list of arrays, one for each device."""
        expect("set_states: states", states, list | tuple, "a list with an array for each state")
        if len(states) != len(self._state_axes):
            raise ArgumentError(f"set_states: expected {len(self._state_axes)} states, got {len(states)}")
        for given, (name, axis) in zip(states, self._state_axes.items(), strict=True):
            own = [executor.arg_dict[name] for executor in self.execs]
            parts = cut(given, axis, own, f"set_states: {name}") if isinstance(given, NDArray) else given
            for array, part in zip(own, parts, strict=True):
                load(f"set_states: {name}", array, part)

    def share_states(self, other: DataParallelExecutorGroup) -> None:
        """Use the arrays of another group for the states that have the same shape there."""
        for own, theirs in zip(self.execs, other.execs, strict=True):
            for name in self._state_axes:
                array = theirs.arg_dict.get(name)
                if array is not None and array.shape == own.arg_dict[name].shape:
                    own.arg_dict[name] = array


def _described(what: str, descs: Sequence[DataDesc], arrays: Sequence[NDArray]) -> list[tuple[DataDesc, NDArray]]:
    """Each of a batch's arrays with what the module was told of it."""
    if len(arrays) != len(descs):
        names = ", ".join(desc.name for desc in descs)
        raise ArgumentError(f"forward: the batch's {what}: expected {len(descs)} arrays ({names}), got {len(arrays)}")
    return list(zip(descs, arrays, strict=True))
