"""The parameters of one or several graphs, on every device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._mismatch import describe_mismatch, likely_cause, sentence
from ..base import ArgumentError, expect, expect_call
from ..context import Context, cpu
from ..executor import Pool
from ..initializer import InitDesc
from ..ndarray import NDArray
from ..symbol import Symbol

Params = Mapping[str, NDArray]


class Parameters:
    """Arrays of parameters and auxiliary states by name; graphs that are bound with the same object share them.

    Parameters
    ----------
    contexts : list of Context
        The devices. Those that are one memory, such as several ``cpu(i)``, share the parameters' arrays. Gradients and
        auxiliary states are each device's own: they follow from the rows that it sees.

    Attributes
    ----------
    pools : list of Pool
        The arrays on each device. Binding a graph adds those that it is the first to have.
    filled : set of str
        Names of the arrays that have been given values.
    """

    def __init__(self, contexts: Sequence[Context]) -> None:
        self.pools: list[Pool] = []
        self.filled: set[str] = set()
        self._attributes: dict[str, Mapping[str, str]] = {}
        for place, context in enumerate(contexts):
            pool = Pool()
            for other, earlier in zip(contexts[:place], self.pools, strict=True):
                if other.torch_device == context.torch_device:
                    pool.args = earlier.args
            self.pools.append(pool)

    @property
    def args(self) -> dict[str, NDArray]:
        """The parameters on the first device."""
        return self.pools[0].args

    @property
    def aux(self) -> dict[str, NDArray]:
        """The auxiliary states on the first device."""
        return self.pools[0].aux

    def note(self, symbol: Symbol, names: Iterable[str]) -> None:
        """Remember what some of a graph's variables say of themselves, such as how to initialise them."""
        attributes = symbol.attr_dict()
        self._attributes.update({name: attributes[name] for name in names if name in attributes})

    def forget_gradients(self) -> None:
        """Have graphs that are bound from here on begin with gradients of zero."""
        for pool in self.pools:
            pool.grads = {}

    def fill(
        self,
        names: Iterable[str],
        arg_params: Params | None,
        aux_params: Params | None,
        initializer: Any,
        allow_missing: bool,
    ) -> None:
        """Give the arrays called `names` values, on every device; nothing is changed if there is an error.

        Parameters
        ----------
        names : iterable of str
            Which arrays.
        arg_params, aux_params : dict of str to NDArray, optional
            Values. Other names in it are not looked at.
        initializer : Initializer or None
            Fills arrays that are given no value. Without one they keep theirs.
        allow_missing : bool
            Whether some may be given values and others not.
        """
        if initializer is not None:
            expect_call("init_params: initializer", initializer, "mx.init.create(name) makes an initializer")
        for what, values in (("arg_params", arg_params), ("aux_params", aux_params)):
            expect(what, values, Mapping | None, "a dict of NDArrays by name")
        names = list(names)
        plan = []
        for name in names:
            arrays, given = (self.args, arg_params) if name in self.args else (self.aux, aux_params)
            value = None if given is None else given.get(name)
            if value is not None:
                expect(f"parameter {name}", value, NDArray, "an NDArray")
                if tuple(value.shape) != tuple(arrays[name].shape):
                    raise ArgumentError(
                        f"parameter {name}: expected shape {arrays[name].shape}, got {value.shape}; "
                        f"are these the parameters of this network?{self._mismatch(names, arg_params, aux_params)}"
                    )
            elif given is not None and not allow_missing:
                raise ArgumentError(
                    f"parameter {name} is missing from the given ones ({', '.join(sorted(given)) or 'none'}); "
                    f"pass allow_missing=True to initialise it{self._mismatch(names, arg_params, aux_params)}"
                )
            elif initializer is None and name not in self.filled:
                raise ArgumentError(f"parameter {name} has no value yet: give one, or an initializer")
            plan.append((name, arrays[name], value))
        for name, array, value in plan:
            if value is not None:
                array[:] = value
            elif initializer is not None:
                initializer(InitDesc(name, self._attributes.get(name), initializer), array)
            self.filled.add(name)
        self.spread(states=True)

    def _mismatch(self, names: Iterable[str], *given: Params | None) -> str:
        expected = {name: (self.args if name in self.args else self.aux)[name].shape for name in names}
        found = {name: _shape(each) for some in given if some is not None for name, each in some.items()}
        return sentence(describe_mismatch(expected, found))

    def spread(self, states: bool = False) -> None:
        """Copy the first device's parameters to the devices that have their own, and with `states` its states too."""
        for pool in self.pools[1:]:
            for source, own in ((self.args, pool.args), *([(self.aux, pool.aux)] if states else [])):
                if own is not source:
                    for name, array in source.items():
                        own[name][:] = array

    def copies(
        self, arg_names: Iterable[str], aux_names: Iterable[str]
    ) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Copies of parameters and of the devices' mean auxiliary states, on the CPU."""
        return (
            {name: self.args[name].copyto(cpu()) for name in arg_names},
            {name: self._mean_state(name) for name in aux_names},
        )

    def _mean_state(self, name: str) -> NDArray:
        first, *others = (pool.aux[name].copyto(cpu()) for pool in self.pools)
        if not others:
            return first
        total = first.tensor.double()
        for other in others:
            total = total + other.tensor.double()
        return NDArray((total / len(self.pools)).to(first.tensor.dtype), first.context)


def _shape(array: Any) -> tuple[int, ...] | None:
    return tuple(array.shape) if isinstance(array, NDArray) else None


def refuse_extra(given: Params | None, names: Iterable[str], what: str, mend: str) -> None:
    """An error if `given` has names that are not among `names`."""
    expect(what, given, Mapping | None, "a dict of NDArrays by name")
    names = list(names)
    extra = sorted(set(given or ()) - set(names))
    if extra:
        found = {name: _shape(each) for name, each in (given or {}).items()}
        cause = sentence(likely_cause(dict.fromkeys(names), found))
        raise ArgumentError(
            f"{what}: {', '.join(extra)} are not in this network, which has {', '.join(names) or 'none'}; {mend}{cause}"
        )
