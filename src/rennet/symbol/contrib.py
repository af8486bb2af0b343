"""``sym.contrib``: loops and branches as operators, and the operators whose names begin with ``_contrib_``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import attribute
from .. import name as names
from .._graph import Entry, Node
from .._loops import iterations, nest, pair
from .._ops.catalogue import OPERATORS
from .._ops.control_flow import ControlFlow
from ..base import ArgumentError, expect_call
from .cutting import Cut, leaves_of, trace
from .files import to_record
from .generated import functions_in
from .subgraph import Subgraph
from .symbol import Symbol

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


_GENERATED = functions_in("contrib")
globals().update(_GENERATED)

__all__ = ["cond", "foreach", "while_loop", *_GENERATED]  # pyright: ignore[reportUnsupportedDunderAll]


def foreach(body: Callable[[Any, Any], Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """A loop over the first axis of arrays, as one operator whose graph is the body's.

    Parameters
    ----------
    body : callable
        From one step of `data` and the states, nested as they are, to the step's outputs and the new states, which
        are nested as `init_states`. It is called once, with variables, and has to use each of them. What else it
        uses is captured: variables such as weights, and results of other operators.
    data : Symbol or nested lists of them
        What is looped over.
    init_states : Symbol or nested lists of them
        The states before the first step; may be empty.
    name : str
        What the attribute ``__subgraph_name__`` of the body's nodes begins with.

    Returns
    -------
    outputs, states
        Outputs of all steps, stacked along a new first axis, and the states after the last.

    Raises
    ------
    ArgumentError
        If the body returns something else, or leaves an argument unused.

    Examples
    --------
    >>> import rennet as mx
    >>> step = lambda x, total: (x + total, x + total)
    >>> sums, last = mx.sym.contrib.foreach(step, mx.sym.var("data"), mx.sym.var("start"))
    >>> sums.eval(data=mx.nd.array([[1], [2], [3]]), start=mx.nd.array([0]))[0].asnumpy().tolist()
    [[1.0], [3.0], [6.0]]
    """
    expect_call("foreach: body", body)
    flat_data, data_structure = leaves_of(data, "foreach: data")
    flat_states, state_structure = leaves_of(init_states, "foreach: init_states")
    if not flat_data:
        raise ArgumentError("foreach: data: expected at least one Symbol to loop over, got none")
    shape: list[Any] = []

    def run(arguments: list[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
        step, states = arguments[: len(flat_data)], arguments[len(flat_data) :]
        outputs, states = pair("foreach: body", body(nest(step, data_structure), nest(states, state_structure)))
        flat_outputs, output_structure = leaves_of(outputs, "foreach: the body's outputs")
        new_states, new_structure = leaves_of(states, "foreach: the body's states")
        if new_structure != state_structure:
            raise ArgumentError(
                "foreach: expected the body to return states nested as init_states, got another nesting"
            )
        shape.extend((output_structure, len(flat_outputs)))
        return flat_outputs, new_states

    cut = trace("foreach", name, [*flat_data, *flat_states], run)
    output_structure, num_out_data = shape
    locations = _locations("foreach", cut, [*flat_data, *flat_states])
    remaining = [place for place, source in enumerate(cut.sources) if not isinstance(source, int)]
    inputs = [symbol._outputs[0] for symbol in (*flat_data, *flat_states)]
    results = _node(
        "_foreach",
        [cut],
        [*inputs, *(source for source in cut.sources if not isinstance(source, int))],
        {
            "num_outputs": num_out_data + len(flat_states),
            "num_out_data": num_out_data,
            "in_state_locs": locations[len(flat_data) :],
            "in_data_locs": locations[: len(flat_data)],
            "remain_locs": remaining,
        },
    )
    return nest(results[:num_out_data], output_structure), nest(results[num_out_data:], state_structure)


def while_loop(
    cond: Callable[..., Any],
    func: Callable[..., Any],
    loop_vars: Any,
    max_iterations: int | None = None,
    name: str = "while_loop",
) -> tuple[Any, Any]:
    """A loop that goes on while a condition holds, as one operator with the graphs of condition and body.

    Parameters
    ----------
    cond : callable
        From the loop's variables, as separate arguments, to a Symbol of one element.
    func : callable
        From the variables to the step's outputs (None for none) and as many new variables. It is called once, and
        has to use each variable.
    loop_vars : Symbol or nested lists of them
        The variables before the first step.
    max_iterations : int
        The most steps that may be taken. Required.
    name : str
        What the attribute ``__subgraph_name__`` of the graphs' nodes begins with.

    Returns
    -------
    outputs, variables
        Outputs of all steps, stacked along a new first axis of size `max_iterations` and filled up with zeros, and
        the variables at the end.

    Examples
    --------
    >>> import rennet as mx
    >>> powers, last = mx.sym.contrib.while_loop(
    ...     lambda x: x < 10, lambda x: (x, [x * 2]), [mx.sym.var("x")], max_iterations=5
    ... )
    >>> powers.eval(x=mx.nd.array([2]))[0].asnumpy().tolist()
    [[2.0], [4.0], [8.0], [0.0], [0.0]]
    """
    expect_call("while_loop: cond", cond)
    expect_call("while_loop: func", func)
    flat, structure = leaves_of(loop_vars, "while_loop: loop_vars")
    limit = iterations(max_iterations)
    if not flat:
        raise ArgumentError("while_loop: loop_vars: expected at least one Symbol, got none")
    shape: list[Any] = []

    def arguments_of(variables: list[Symbol]) -> list[Any]:
        return [nest(variables, None)] if structure is None else nest(variables, structure)

    def test(variables: list[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
        return [_single("while_loop: cond", cond(*arguments_of(variables)))], []

    def step(variables: list[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
        outputs, states = pair("while_loop: func", func(*arguments_of(variables)))
        flat_outputs, output_structure = leaves_of([] if outputs is None else outputs, "while_loop: func's outputs")
        new_states, _ = leaves_of(states, "while_loop: func's variables")
        if len(new_states) != len(flat):
            raise ArgumentError(f"while_loop: expected func to return {len(flat)} variables, got {len(new_states)}")
        shape.extend((output_structure, len(flat_outputs)))
        return [*flat_outputs, *new_states], []  # other than in foreach, a variable may be an output too

    condition = trace("while_loop: cond", f"{name}_cond", flat, test)
    body = trace("while_loop: func", f"{name}_func", flat, step)
    output_structure, num_out_data = shape
    inputs, (condition_places, body_places) = _union([condition, body], flat)
    results = _node(
        "_while_loop",
        [condition, body],
        inputs,
        {
            "num_outputs": num_out_data + len(flat),
            "num_out_data": num_out_data,
            "max_iterations": limit,
            "cond_input_locs": condition_places,
            "func_input_locs": body_places,
            "func_var_locs": _locations("while_loop", body, flat),
        },
    )
    return nest(results[:num_out_data], output_structure), nest(results[num_out_data:], structure)


def cond(pred: Symbol, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """One of two results, chosen when the graph runs, as one operator with the graphs of both.

    Parameters
    ----------
    pred : Symbol
        The condition, of one element.
    then_func, else_func : callable
        Without arguments; each is called once. Both return as many Symbols.
    name : str
        What the attribute ``__subgraph_name__`` of the graphs' nodes begins with.

    Returns
    -------
    Symbol or nested lists of them, as `then_func` returned.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.sym.var("x")
    >>> size = mx.sym.contrib.cond(x < 0, lambda: -x, lambda: x * 1)
    >>> size.eval(x=mx.nd.array([-3]))[0].asnumpy().tolist()
    [3.0]
    """
    expect_call("cond: then_func", then_func)
    expect_call("cond: else_func", else_func)
    condition = trace("cond: pred", f"{name}_pred", [], lambda _: ([_single("cond: pred", pred)], []))
    structures: list[Any] = []

    def branch(what: str, function: Callable[[], Any]) -> Cut:
        def run(_: list[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
            outputs, structure = leaves_of(function(), f"cond: {what}_func's outputs")
            structures.append((structure, len(outputs)))
            return outputs, []

        return trace(f"cond: {what}_func", f"{name}_{what}", [], run)

    then, other = branch("then", then_func), branch("else", else_func)
    (structure, count), (_, other_count) = structures
    if count != other_count or not count:
        raise ArgumentError(
            f"cond: expected as many outputs, at least one, of then_func and else_func; got {count} and {other_count}"
        )
    inputs, places = _union([condition, then, other], [], share_variables=True)
    keys = ("cond_input_locs", "then_input_locs", "else_input_locs")
    attributes = {**dict(zip(keys, places, strict=True)), "num_outputs": count}
    return nest(_node("_cond", [condition, then, other], inputs, attributes), structure)


def _single(what: str, value: Any) -> Symbol:
    if not isinstance(value, Symbol) or len(value) != 1:
        raise ArgumentError(f"{what}: expected a Symbol of one output, got {value!r}")
    return value


def _locations(what: str, cut: Cut, arguments: Sequence[Symbol]) -> list[int]:
    """Where the variables for all arguments stand in a graph."""
    places = [cut.place_of(number) for number in range(len(arguments))]
    unused = [symbol.name for symbol, place in zip(arguments, places, strict=True) if place is None]
    if unused:
        raise ArgumentError(f"{what}: expected the body to use every argument; unused: {', '.join(map(str, unused))}")
    return [place for place in places if place is not None]


def _union(
    cuts: Sequence[Cut], arguments: Sequence[Symbol], share_variables: bool = False
) -> tuple[list[Entry], list[list[int]]]:
    """The inputs of several graphs together, and for each graph where its own stand among them.

    Arguments are shared; variables of one name are if asked. As in MXNet, all else that two graphs use stands twice.
    """
    inputs: list[Entry] = []
    shared: dict[int | str, int] = {}
    places: list[list[int]] = []
    for cut in cuts:
        own: list[int] = []
        for source in cut.sources:
            node, index = arguments[source]._outputs[0] if isinstance(source, int) else source
            key = source if isinstance(source, int) else node.name if share_variables and node.op is None else None
            place = len(inputs) if key is None else shared.setdefault(key, len(inputs))
            if place == len(inputs):
                inputs.append((node, index))
            own.append(place)
        places.append(own)
    return inputs, places


def _node(operator: str, cuts: Sequence[Cut], inputs: Sequence[Entry], attributes: dict[str, Any]) -> list[Symbol]:
    """The node of a control-flow operator, as one Symbol for each output."""
    record = OPERATORS[operator]
    assert isinstance(record, ControlFlow)
    texts = {key: str(value) for key, value in attributes.items()}
    given = {**attribute.current().get(None), **texts, "num_args": str(len(cuts) + len(inputs))}
    own = record.with_bodies([Subgraph(cut.symbol) for cut in cuts])
    node = Node(own, names.current().get(None, operator), given, inputs)
    node.subgraphs = tuple(dataclasses.replace(to_record(cut.symbol), attrs={}) for cut in cuts)
    node.note_writing()
    return [Symbol([(node, index)]) for index in range(node.num_outputs)]
