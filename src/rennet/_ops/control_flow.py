"""Operators that run graphs: ``_foreach``, ``_while_loop`` and ``_cond``.

What they run is given to them as `Body`; here nothing is known of nodes. In the table each operator stands without its
bodies; a node of a graph has one of its own, made by `ControlFlow.with_bodies`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ..base import ArgumentError, NotSupportedError, ShapeError
from .inference import Attrs, Known, Rule, unify
from .registry import Bodies, Check, Operator, add_alias

Run = Callable[[Sequence[Tensor]], list[Tensor]]
"""A body bound to a device. It runs where its inputs lie: on the meta device it tells shapes and types alone."""

_Shapes = tuple[list[Known], list[Known]]
_Types = tuple[list[Any], list[Any]]


class Body(Protocol):
    """A graph as a function: from its inputs, the variables in order, to its outputs."""

    num_inputs: int
    num_outputs: int

    def infer_shapes(self, ins: Sequence[Known], outs: Sequence[Known]) -> _Shapes:
        """What is known of all shapes, from what was known before."""
        ...

    def types(self, ins: Sequence[Any]) -> _Types:
        """Element types, None where unknown."""
        ...

    def bind(self, training: bool, device: torch.device) -> Run:
        """The function; `device` is where something without inputs is made."""
        ...


class ControlFlow(Operator):
    """An operator that runs graphs.

    Parameters
    ----------
    fn : callable
        The computation, from tensors and bound bodies.
    name : str
        Canonical name.
    public : str
        Its name under ``contrib``, for errors.
    locations : tuple of callables
        For each body, from the attributes to where its inputs stand among the operator's.
    outputs : tuple of bool
        For each body, whether its outputs are those of the operator; otherwise it has one, a condition.
    infer, kinds : callable
        Rules for shapes and element types.
    check : callable
        Raises if the attributes contradict each other.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str,
        public: str,
        locations: tuple[Callable[[Attrs], Sequence[int]], ...],
        outputs: tuple[bool, ...],
        infer: Rule,
        kinds: Callable[[ControlFlow, Attrs, list[Any]], _Types],
        check: Check,
    ) -> None:
        self.public, self.locations, self._are_outputs, self._kinds = public, locations, outputs, kinds
        self._bodies: tuple[Body, ...] = ()
        super().__init__(
            fn,
            name,
            active=None,
            aux=(),
            outputs=None,
            hidden_outputs=0,
            infer=infer,
            types=functools.partial(kinds, self),
            marks={},
            check=check,
        )

    @property
    def num_bodies(self) -> int:
        """How many graphs it runs."""
        return len(self.locations)

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The graphs; an error if this is the operator without them."""
        if not self._bodies:
            raise NotSupportedError(f"{self.name} needs the graphs that it runs; contrib.{self.public} makes them")
        return self._bodies

    def with_bodies(self, bodies: Sequence[Body]) -> ControlFlow:
        """This operator for one node, with the graphs of that node."""
        if len(bodies) != self.num_bodies:
            raise ArgumentError(f"{self.name}: expected {self.num_bodies} subgraphs, got {len(bodies)}")
        made = copy.copy(self)
        made._bodies = tuple(bodies)
        made.types = functools.partial(self._kinds, made)
        return made

    def parse(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """As of every operator, and held to the bodies. Not remembered: that would keep the bodies alive."""
        parsed = self._parse(given)
        count = len(self.input_names(parsed))
        for body, locations, gives in zip(self._bodies, self.locations, self._are_outputs, strict=False):
            places = locations(parsed)
            if len(places) != body.num_inputs or not all(0 <= place < count for place in places):
                raise ArgumentError(
                    f"{self.name}: expected {body.num_inputs} locations below {count} for the inputs of a subgraph, "
                    f"got {list(places)}"
                )
            expected = parsed["num_outputs"] if gives else 1
            if body.num_outputs != expected:
                raise ArgumentError(f"{self.name}: expected a subgraph of {expected} outputs, got {body.num_outputs}")
        return parsed

    def input_names(self, attrs: Mapping[str, Any]) -> Sequence[str]:
        """Names of the inputs; in files `num_args` counts the graphs too."""
        return [f"arg{i}" for i in range((attrs["num_args"] or 0) - self.num_bodies)]

    def output_names(self, attrs: Mapping[str, Any]) -> Sequence[str]:
        """Names of the outputs, numbered if there are several."""
        assert self.bodies
        count = attrs["num_outputs"]
        return ["output"] if count == 1 else [f"output{i}" for i in range(count)]

    def bind(self, attrs: Mapping[str, Any], training: bool, device: torch.device) -> Callable[..., Any]:
        """The operator as a function of its input tensors alone."""
        keywords = {key: value for key, value in attrs.items() if key != "num_args"}
        return functools.partial(self.fn, bodies=tuple(body.bind(training, device) for body in self.bodies), **keywords)


def _at_least_one_axis(shape: Known) -> Known:
    return (1,) if shape == () else shape


def _step(whole: Known) -> Known:
    """The shape of one step; of a vector's it is ``(1,)``, as nothing has no axes."""
    return None if whole is None else whole[1:] or (1,)


def _whole(length: int | None, step: Known, known: Known) -> Known:
    """The shape of all steps together, as far as it follows."""
    if step is None or (known is not None and len(known) == 1):
        return unify(known, None if known is None else (length,))
    if known is None and step in ((1,), (None,)):
        return None  # a vector, or a matrix of one column
    return unify(known, (length, *step))


def _stacked(length: int | None, step: Known, known: Known) -> Known:
    """The shape of an output that is stacked from steps."""
    return known if step is None else unify(known, (length, *step))


def _infer(body: Body, ins: Sequence[Known], outs: Sequence[Known]) -> _Shapes:
    # inside, an output may have no axes where outside it has one
    found, results = body.infer_shapes(ins, [None if shape in ((1,), (None,)) else shape for shape in outs])
    return found, [_at_least_one_axis(shape) for shape in results]


def _zeros(run: Run, inputs: Sequence[Tensor], length: int, count: int) -> list[Tensor]:
    """What a loop of no steps gives out: zeros for each of the first `count` outputs."""
    with torch.no_grad():
        steps = run([tensor.to("meta") for tensor in inputs])[:count]
    device = inputs[0].device if inputs else torch.device("cpu")
    return [torch.zeros((length, *step.shape), dtype=step.dtype, device=device) for step in steps]


# _foreach


def _of_foreach(attrs: Attrs) -> tuple[int, ...]:
    return (*attrs["in_data_locs"], *attrs["in_state_locs"], *attrs["remain_locs"])


def _places_in_foreach(attrs: Attrs) -> list[int]:
    """For each input of the body, where it stands among the operator's."""
    locations = _of_foreach(attrs)
    return [locations.index(place) for place in range(len(locations))]


def _check_foreach(attrs: Attrs) -> None:
    locations = _of_foreach(attrs)
    if sorted(locations) != list(range(len(locations))):
        raise ArgumentError(
            "_foreach: expected every input once in in_data_locs, in_state_locs and remain_locs, "
            f"got {[list(attrs[key]) for key in ('in_data_locs', 'in_state_locs', 'remain_locs')]}"
        )
    if attrs["num_args"] not in (None, len(locations) + 1):
        raise ArgumentError(f"_foreach: expected num_args to be {len(locations) + 1}, one more than locations")
    if attrs["num_outputs"] != attrs["num_out_data"] + len(attrs["in_state_locs"]):
        raise ArgumentError(
            f"_foreach: expected num_outputs to be num_out_data and the states together, "
            f"{attrs['num_out_data'] + len(attrs['in_state_locs'])}; got {attrs['num_outputs']}"
        )


def _foreach_shapes(op: Any, attrs: Attrs, ins: list[Known], outs: list[Known]) -> _Shapes:
    num_data, num_out = len(attrs["in_data_locs"]), attrs["num_out_data"]
    (length,) = functools.reduce(
        _unify_lengths, [shape[:1] for shape in (*ins[:num_data], *outs[:num_out]) if shape is not None], (None,)
    )
    states = slice(num_data, num_data + len(attrs["in_state_locs"]))
    known = [unify(a, b) for a, b in zip(ins[states], outs[num_out:], strict=True)]
    given = [*map(_step, ins[:num_data]), *known, *ins[states.stop :]]
    places = _places_in_foreach(attrs)
    found, results = _infer(
        op.bodies[0],
        [given[place] for place in places],
        [*(_step_of_output(shape) for shape in outs[:num_out]), *known],
    )
    after: list[Known] = [None] * len(ins)
    for place, shape in zip(places, found, strict=True):
        after[place] = shape
    after[:num_data] = [_whole(length, step, own) for step, own in zip(after[:num_data], ins[:num_data], strict=True)]
    after[states] = [unify(a, b) for a, b in zip(after[states], results[num_out:], strict=True)]
    stacked = [_stacked(length, step, own) for step, own in zip(results[:num_out], outs[:num_out], strict=True)]
    return after, [*stacked, *after[states]]


def _unify_lengths(a: Any, b: Any) -> Any:
    return unify(a, b)


def _step_of_output(shape: Known) -> Known:
    return None if shape is None or len(shape) < 2 else shape[1:]


def _foreach_types(op: ControlFlow, attrs: Attrs, ins: list[Any]) -> _Types:
    known, places, results = list(ins), _places_in_foreach(attrs), []
    for _ in range(2):  # what a state turns out to be may tell more
        results = _types_at(op.bodies[0], known, places)
        for place, kind in enumerate(results[attrs["num_out_data"] :], len(attrs["in_data_locs"])):
            known[place] = known[place] or kind
    return known, results


def foreach(
    *data: Tensor,
    bodies: Bodies,
    num_outputs: int,
    num_out_data: int,
    in_state_locs: tuple[int, ...],
    in_data_locs: tuple[int, ...],
    remain_locs: tuple[int, ...],
) -> list[Tensor]:
    """A loop over the first axis of some inputs, each step with the states that the step before it left.

    Inputs are first the arrays that are looped over, then the states, then what every step sees. The body's inputs
    are numbered in another order, which the locations tell. Outputs are those of all steps, stacked, and the states
    after the last.
    """
    (run,) = bodies
    num_data, num_states = len(in_data_locs), len(in_state_locs)
    lengths = {array.shape[0] for array in data[:num_data]}
    if len(lengths) != 1:
        raise ShapeError(f"_foreach: expected data of one length, got {sorted(lengths)}")
    inputs: list[Any] = [None] * len(data)
    for place, tensor in zip((*in_data_locs, *in_state_locs, *remain_locs), data, strict=True):
        inputs[place] = tensor
    states = list(data[num_data : num_data + num_states])
    parts = [(array if array.dim() > 1 else array.unsqueeze(1)).unbind() for array in data[:num_data]]
    steps: list[list[Tensor]] = []
    for part in zip(*parts, strict=True):
        for place, tensor in zip((*in_data_locs, *in_state_locs), (*part, *states), strict=True):
            inputs[place] = tensor
        results = run(inputs)
        steps.append(results[:num_out_data])
        states = results[num_out_data:]
    if steps:
        return [*(torch.stack(column) for column in zip(*steps, strict=True)), *states]
    for place, array in zip(in_data_locs, data, strict=False):
        inputs[place] = array.new_empty(array.shape[1:] or (1,))
    return [*_zeros(run, inputs, 0, num_out_data), *(state.clone() for state in states)]


# _while_loop


def _check_while_loop(attrs: Attrs) -> None:
    if attrs["max_iterations"] < 1:
        raise ArgumentError(
            f"_while_loop: attribute max_iterations: expected at least 1, got {attrs['max_iterations']}"
        )
    inputs, variables = attrs["func_input_locs"], attrs["func_var_locs"]
    if len(set(variables)) < len(variables) or not all(0 <= place < len(inputs) for place in variables):
        raise ArgumentError(
            f"_while_loop: expected func_var_locs to be different numbers below {len(inputs)}, got {list(variables)}"
        )
    if attrs["num_outputs"] != attrs["num_out_data"] + len(variables):
        raise ArgumentError(
            f"_while_loop: expected num_outputs to be num_out_data and the variables together, "
            f"{attrs['num_out_data'] + len(variables)}; got {attrs['num_outputs']}"
        )


def _variables(attrs: Attrs) -> list[int]:
    """Where the loop's variables stand among the operator's inputs."""
    return [attrs["func_input_locs"][place] for place in attrs["func_var_locs"]]


def _infer_at(body: Body, known: list[Known], places: Sequence[int], outs: Sequence[Known]) -> list[Known]:
    """Bring `known` up to date with what a body says of the inputs at `places`; returns what it says of its outputs."""
    found, results = _infer(body, [known[place] for place in places], outs)
    for place, shape in zip(places, found, strict=True):
        known[place] = unify(known[place], shape)
    return results


def _types_at(body: Body, known: list[Any], places: Sequence[int]) -> list[Any]:
    found, results = body.types([known[place] for place in places])
    for place, kind in zip(places, found, strict=True):
        known[place] = known[place] or kind
    return results


def _while_loop_shapes(op: Any, attrs: Attrs, ins: list[Known], outs: list[Known]) -> _Shapes:
    condition, body = op.bodies
    known, num_out = list(ins), attrs["num_out_data"]
    places = _variables(attrs)
    for place, shape in zip(places, outs[num_out:], strict=True):
        known[place] = unify(known[place], shape)
    _infer_at(condition, known, attrs["cond_input_locs"], [None])
    after_step = [*(_step_of_output(shape) for shape in outs[:num_out]), *(known[place] for place in places)]
    results = _infer_at(body, known, attrs["func_input_locs"], after_step)
    for place, shape in zip(places, results[num_out:], strict=True):
        known[place] = unify(known[place], shape)
    stacked = [
        _stacked(attrs["max_iterations"], step, own)
        for step, own in zip(results[:num_out], outs[:num_out], strict=True)
    ]
    return known, [*stacked, *(known[place] for place in places)]


def _while_loop_types(op: ControlFlow, attrs: Attrs, ins: list[Any]) -> _Types:
    condition, body = op.bodies
    known, results = list(ins), []
    for _ in range(2):  # what a variable turns out to be may tell more
        _types_at(condition, known, attrs["cond_input_locs"])
        results = _types_at(body, known, attrs["func_input_locs"])
        for place, kind in zip(_variables(attrs), results[attrs["num_out_data"] :], strict=True):
            known[place] = known[place] or kind
    return known, results


def _truth(op: str, values: Sequence[Tensor]) -> bool:
    (value,) = values
    if value.numel() != 1:
        raise ShapeError(f"{op}: expected a condition of one element, got shape {tuple(value.shape)}")
    return bool(value)


def while_loop(
    *data: Tensor,
    bodies: Bodies,
    num_outputs: int,
    num_out_data: int,
    max_iterations: int,
    cond_input_locs: tuple[int, ...],
    func_input_locs: tuple[int, ...],
    func_var_locs: tuple[int, ...],
) -> list[Tensor]:
    """A loop that goes on while a condition on its variables holds, at most `max_iterations` times.

    Outputs are those of all steps, stacked and filled up with zeros to `max_iterations`, and the variables at the end.
    """
    condition, run = bodies
    values = list(data)
    places = [func_input_locs[place] for place in func_var_locs]
    steps: list[list[Tensor]] = []
    while len(steps) < max_iterations:
        with torch.no_grad():
            if not _truth("_while_loop", condition([values[place] for place in cond_input_locs])):
                break
        results = run([values[place] for place in func_input_locs])
        steps.append(results[:num_out_data])
        for place, value in zip(places, results[num_out_data:], strict=True):
            values[place] = value
    if not steps:
        inputs = [values[place] for place in func_input_locs]
        return [*_zeros(run, inputs, max_iterations, num_out_data), *(values[place].clone() for place in places)]
    rest = [torch.zeros_like(step) for step in steps[0]]
    columns = [
        [*column, *[nothing] * (max_iterations - len(steps))]
        for column, nothing in zip(zip(*steps, strict=True), rest, strict=True)
    ]
    return [*map(torch.stack, columns), *(values[place] for place in places)]


# _cond


def _check_cond(attrs: Attrs) -> None:
    if attrs["num_outputs"] < 1:
        raise ArgumentError(f"_cond: attribute num_outputs: expected at least 1, got {attrs['num_outputs']}")


def _branches(attrs: Attrs) -> tuple[Sequence[int], Sequence[int]]:
    return attrs["then_input_locs"], attrs["else_input_locs"]


def _cond_shapes(op: Any, attrs: Attrs, ins: list[Known], outs: list[Known]) -> _Shapes:
    known = list(ins)
    _infer_at(op.bodies[0], known, attrs["cond_input_locs"], [None])
    for body, places in zip(op.bodies[1:], _branches(attrs), strict=True):
        found = _infer_at(body, known, places, outs)
        outs = [unify(a, b) for a, b in zip(outs, found, strict=True)]
    return known, outs


def _cond_types(op: ControlFlow, attrs: Attrs, ins: list[Any]) -> _Types:
    known = list(ins)
    _types_at(op.bodies[0], known, attrs["cond_input_locs"])
    first, second = (
        _types_at(body, known, places) for body, places in zip(op.bodies[1:], _branches(attrs), strict=True)
    )
    return known, [a or b for a, b in zip(first, second, strict=True)]


def cond(
    *data: Tensor,
    bodies: Bodies,
    num_outputs: int,
    cond_input_locs: tuple[int, ...],
    then_input_locs: tuple[int, ...],
    else_input_locs: tuple[int, ...],
) -> list[Tensor]:
    """One of two graphs, chosen by a condition of one element; the other does not run."""
    condition, *branches = bodies
    with torch.no_grad():
        chosen = 0 if _truth("_cond", condition([data[place] for place in cond_input_locs])) else 1
    return branches[chosen]([data[place] for place in (then_input_locs, else_input_locs)[chosen]])


for record in (
    ControlFlow(
        foreach,
        "_foreach",
        "foreach",
        (_places_in_foreach,),
        (True,),
        _foreach_shapes,
        _foreach_types,
        _check_foreach,
    ),
    ControlFlow(
        while_loop,
        "_while_loop",
        "while_loop",
        (lambda attrs: attrs["cond_input_locs"], lambda attrs: attrs["func_input_locs"]),
        (False, True),
        _while_loop_shapes,
        _while_loop_types,
        _check_while_loop,
    ),
    ControlFlow(
        cond,
        "_cond",
        "cond",
        (
            lambda attrs: attrs["cond_input_locs"],
            lambda attrs: attrs["then_input_locs"],
            lambda attrs: attrs["else_input_locs"],
        ),
        (False, True, True),
        _cond_shapes,
        _cond_types,
        _check_cond,
    ),
):
    add_alias(record.name, record)
