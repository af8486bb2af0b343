"""What the operators of a step are called. The math stays free of names; a surface spells them in a table beside it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..name import NameManager, current
from ..symbol import Symbol


class Spelling(NamedTuple):
    """The names of one kind of step, each put behind the step's prefix.

    A surface has one for each of its cells and hands it to `dense_step` or `conv_step` along with the prefix, such as
    ``lstm_t0_``. Prefixes of scopes (``mx.name.Prefix``, so those of Gluon's blocks too) come on top.

    Examples
    --------
    The plain recurrence in Gluon's spelling, where the sum has a name of its own:

    >>> Spelling("i2h", "h2h", ("plus0", "out")).step
    ('plus0', 'out')
    """

    i2h: str
    """The projection of the input."""
    h2h: str
    """The projection of the hidden state."""
    step: tuple[str, ...]
    """What `Mode.step` applies, in the order in which it does: every activation, split, sum and product has its place,
    and an empty name leaves it an automatic one."""
    ones: bool = False
    """Whether one minus a gate is the difference of two arrays, the first of ones, instead of an operator's."""


class StepNames(NameManager):
    """Inside its ``with`` scope, the operators are called by `names`, one after another.

    Empty names, like names that the operators have already, are up to the manager around it.

    Parameters
    ----------
    prefix : str
        Put before every name that is not empty.
    names : sequence of str
        One for each operator.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.sym.Variable("x")
    >>> with mx.name.NameManager(), StepNames("t0_", ("", "gate")):
    ...     total = x + x
    ...     gate = mx.sym.sigmoid(total)
    >>> total.name, gate.name
    ('_plus0', 't0_gate')
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        super().__init__()
        self._names = iter([name and prefix + name for name in names])
        self._around = current()

    def get(self, name: str | None, hint: str) -> str:
        """`name` if given, otherwise the next one in turn."""
        return self._around.get(name or next(self._names), hint)

    def __enter__(self) -> StepNames:
        super().__enter__()
        return self

    def call(self, function: Callable[..., Any], data: Any) -> Any:
        """A function of a user takes the next name for its result, however many operators it is made of.

        As in MXNet it is told the name, if there is one; if it does not take ``name=``, its last operator is named.
        """
        name = next(self._names)
        with self._around:
            if not name:
                return function(data)
            if takes_a_name(function):
                return function(data, name=name)
            result = function(data)
            if isinstance(result, Symbol):
                result._outputs[0][0].name = current().get(name, "")
            return result


def takes_a_name(function: Callable[..., Any]) -> bool:
    """Can it be called with ``name=``."""
    parameters = inspect.signature(function).parameters
    return "name" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def names_of(data: Any, prefix: str, names: Sequence[str]) -> StepNames | contextlib.nullcontext[None]:
    """The scope that names operators on `data`: symbols have names, arrays do not."""
    return StepNames(prefix, names) if isinstance(data, Symbol) else contextlib.nullcontext()
