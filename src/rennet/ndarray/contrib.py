"""``nd.contrib``: loops and branches over arrays, and the operators whose names begin with ``_contrib_``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._loops import Structure, flatten, iterations, nest, pair
from .._ops.catalogue import OPERATORS
from ..base import ArgumentError, ShapeError
from .array import NDArray, invoke
from .finite import isfinite, isinf, isnan
from .generated import functions_in

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Tells type checkers of the operators, which are made when this is imported."""


_GENERATED = functions_in("contrib")
globals().update(_GENERATED)

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "cond",
    "foreach",
    "isfinite",
    "isinf",
    "isnan",
    "while_loop",
    *_GENERATED,
]


def foreach(body: Callable[[Any, Any], Any], data: Any, init_states: Any) -> tuple[Any, Any]:
    """A loop over the first axis of arrays; recorded like any other computation.

    Parameters
    ----------
    body : callable
        From one step of `data` and the states, nested as they are, to the step's outputs and the new states.
    data : NDArray or nested lists of them
        What is looped over; all of one length.
    init_states : NDArray or nested lists of them
        The states before the first step; may be empty.

    Returns
    -------
    outputs, states
        Outputs of all steps, stacked along a new first axis, and the states as the last step returned them.

    Raises
    ------
    ArgumentError
        If the body returns something else.
    ShapeError
        If there is no step, or shapes of outputs differ between steps.

    Examples
    --------
    >>> import rennet as mx
    >>> step = lambda x, total: (x + total, x + total)
    >>> sums, last = mx.nd.contrib.foreach(step, mx.nd.array([[1], [2], [3]]), mx.nd.array([0]))
    >>> sums.asnumpy().tolist(), last.asnumpy().tolist()
    ([[1.0], [3.0], [6.0]], [6.0])
    """
    arrays, structure = flatten(data, NDArray, "foreach: data")
    flatten(init_states, NDArray, "foreach: init_states")
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1 or lengths == [0]:
        raise ShapeError(f"foreach: data: expected arrays of one length, at least 1; got lengths {lengths}")
    states, steps = init_states, _Steps("foreach: the body's outputs")
    for place in range(lengths[0]):
        outputs, states = pair("foreach: body", body(nest([array[place] for array in arrays], structure), states))
        flatten(states, NDArray, "foreach: the body's states")
        steps.add(outputs)
    return steps.stacked(lengths[0]), states


def while_loop(
    cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: int | None = None
) -> tuple[Any, Any]:
    """A loop that goes on while a condition holds; recorded like any other computation.

    Parameters
    ----------
    cond : callable
        From the loop's variables, as separate arguments, to an array of one element or a Python value.
    func : callable
        From the variables to the step's outputs (None for none) and as many new variables.
    loop_vars : NDArray or nested lists of them
        The variables before the first step.
    max_iterations : int
        The most steps that are taken. Required.

    Returns
    -------
    outputs, variables
        Outputs of all steps, stacked along a new first axis of size `max_iterations` and filled up with zeros; an
        empty list if there was no step. And the variables at the end.

    Raises
    ------
    ArgumentError
        If an argument, or what a function returns, is something else.
    ShapeError
        If shapes of outputs differ between steps.

    Examples
    --------
    >>> import rennet as mx
    >>> powers, last = mx.nd.contrib.while_loop(
    ...     lambda x: x < 10, lambda x: (x, [x * 2]), [mx.nd.array([2])], max_iterations=5
    ... )
    >>> powers.asnumpy().tolist(), last[0].asnumpy().tolist()
    ([[2.0], [4.0], [8.0], [0.0], [0.0]], [16.0])
    """
    variables, structure = flatten(loop_vars, NDArray, "while_loop: loop_vars")
    if not variables:
        raise ArgumentError("while_loop: loop_vars: expected at least one NDArray, got none")
    limit, steps, count = iterations(max_iterations), _Steps("while_loop: func's outputs"), len(variables)
    for _ in range(limit):
        nested = nest(variables, structure)
        arguments = [nested] if structure is None else nested
        if not _truth("while_loop: cond", cond(*arguments)):
            break
        outputs, states = pair("while_loop: func", func(*arguments))
        variables, _ = flatten(states, NDArray, "while_loop: func's variables")
        if len(variables) != count:
            raise ArgumentError(f"while_loop: expected func to return {count} variables, got {len(variables)}")
        steps.add([] if outputs is None else outputs)
    return steps.stacked(limit), nest(variables, structure)


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any]) -> Any:
    """The result of one of two functions without arguments, chosen by an array of one element.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.nd.array([-3])
    >>> mx.nd.contrib.cond(x < 0, lambda: -x, lambda: x).asnumpy().tolist()
    [3.0]
    """
    return then_func() if _truth("cond: pred", pred) else else_func()


class _Steps:
    """The outputs of a loop's steps, all nested in one way."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows: list[list[NDArray]] = []
        self._structure: Structure = []

    def add(self, outputs: Any) -> None:
        row, structure = flatten(outputs, NDArray, self._what)
        if self._rows and len(row) != len(self._rows[0]):
            raise ArgumentError(f"{self._what}: expected {len(self._rows[0])} as in the first step, got {len(row)}")
        self._rows.append(row)
        self._structure = structure

    def stacked(self, length: int) -> Any:
        """Each output of all steps in one array, filled up with zeros to `length`."""
        columns = [self._stack(column, length) for column in zip(*self._rows, strict=True)]
        return nest(columns, self._structure)

    def _stack(self, column: Sequence[NDArray], length: int) -> NDArray:
        shapes = {array.shape for array in column}
        if len(shapes) > 1:
            raise ShapeError(f"{self._what}: expected one shape in all steps, got {sorted(shapes)}")
        if length > len(column):
            column = [*column, *invoke(OPERATORS["zeros_like"], column[:1], {}) * (length - len(column))]
        return invoke(OPERATORS["stack"], column, {"axis": 0, "num_args": len(column)})[0]


def _truth(what: str, value: Any) -> bool:
    if isinstance(value, NDArray) and value.size != 1:
        raise ShapeError(f"{what}: expected an array of one element, got shape {value.shape}")
    return bool(value)
