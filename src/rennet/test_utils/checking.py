"""Checking symbols: results and gradients against given ones, finite differences, and other devices or types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._graph import in_order
from ..base import ArgumentError, NotSupportedError
from ..context import Context
from ..executor import Executor
from ..ndarray import NDArray, array
from ..symbol import Symbol, make_loss, var
from .comparing import Tolerance, assert_almost_equal, default_atols, default_rtols, get_tolerance
from .surroundings import default_context, default_numeric_eps

Values = Mapping[str, Any] | Sequence[Any]
"""Arrays by name, or in the order in which a symbol lists them."""


def _named(given: Values | None, names: Sequence[str], what: str) -> dict[str, Any]:
    """The values by name; lists go by position."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ArgumentError(f"{what}: expected names among {', '.join(names)}; got {unknown[0]!r}")
        return dict(given)
    if len(given) > len(names):
        raise ArgumentError(f"{what}: expected at most {len(names)} ({', '.join(names)}), got {len(given)}")
    return dict(zip(names, given, strict=False))


def _to_nd(value: Any, ctx: Context, dtype: Any) -> NDArray:
    if isinstance(dtype, str) and dtype == "asnumpy":
        dtype = value.dtype
    return array(value, ctx, dtype)


def _located(sym: Symbol, location: Values, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    """An array for every argument."""
    names = sym.list_arguments()
    given = _named(location, names, "location")
    missing = [name for name in names if name not in given]
    if missing:
        raise ArgumentError(
            f"location: expected a value for every argument ({', '.join(names)}); {missing[0]} is missing"
        )
    return {name: _to_nd(given[name], ctx, dtype) for name in names}


def _states(sym: Symbol, aux_states: Values | None, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    given = _named(aux_states, sym.list_auxiliary_states(), "aux_states")
    return {name: _to_nd(value, ctx, dtype) for name, value in given.items()}


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    return value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)


def _requests(grad_req: Any, names: Sequence[str]) -> dict[str, str]:
    """What is asked for each argument."""
    if isinstance(grad_req, str):
        return dict.fromkeys(names, grad_req)
    return {**dict.fromkeys(names, "null"), **_named(grad_req, names, "grad_req")}


def _refuse_stypes(what: str, given: Mapping[str, str] | None) -> None:
    for name, stype in (given or {}).items():
        if stype != "default":
            raise NotSupportedError(f"{what}: {name}: there are no sparse arrays, only 'default'; got {stype!r}")


def simple_forward(sym: Symbol, ctx: Context | None = None, is_train: bool = False, **inputs: Any) -> Any:
    """What a symbol computes from inputs given by name: a NumPy array, or a list of them.

    >>> import rennet as mx
    >>> simple_forward(mx.sym.var("x") * 2, x=np.ones(2)).tolist()
    [2.0, 2.0]
    """
    where = ctx or default_context()
    executor = sym.bind(where, {name: array(value, where) for name, value in inputs.items()}, grad_req="null")
    outputs = [output.asnumpy() for output in executor.forward(is_train=is_train)]
    return outputs[0] if len(outputs) == 1 else outputs


def check_symbolic_forward(
    sym: Symbol,
    location: Values,
    expected: Values,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Values | None = None,
    ctx: Context | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> list[NDArray]:
    """Hold a symbol's outputs, outside of training, to those that are expected.

    Parameters
    ----------
    sym : Symbol
        What is computed.
    location, aux_states : list or dict of arrays
        Values of all arguments and auxiliary states, in order or by name.
    expected : list or dict of arrays
        The outputs, in order or by name.
    rtol, atol, equal_nan
        See `assert_almost_equal`.
    ctx : Context, optional
        Where; by default the current context.
    dtype : dtype or ``'asnumpy'``
        The element type in which is computed; ``'asnumpy'`` leaves every array its own.

    Returns
    -------
    list of NDArray
        The outputs.

    Raises
    ------
    AssertionError
        If an output differs.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.sym.var("x")
    >>> [output.asnumpy().tolist() for output in check_symbolic_forward(x * x, [np.array([3])], [np.array([9])])]
    [[9.0]]
    """
    where = ctx or default_context()
    args = _located(sym, location, where, dtype)
    executor = sym.bind(where, args, grad_req="null", aux_states=_states(sym, aux_states, where, dtype))
    outputs = executor.forward(is_train=False)
    for name, value in _named(expected, sym.list_outputs(), "expected").items():
        found = outputs[sym.list_outputs().index(name)]
        _hold(found, value, rtol, atol, (f"EXPECTED_{name}", f"FORWARD_{name}"), equal_nan)
    return outputs


def _hold(
    found: NDArray, expected: Any, rtol: Tolerance, atol: Tolerance, names: tuple[str, str], equal_nan: bool
) -> None:
    values, wanted = found.asnumpy(), _numpy(expected)
    # expected values are often written down in a wider type than the one in which is computed
    wanted = wanted.astype(values.dtype, copy=False)
    assert_almost_equal(wanted, values, rtol, atol, names, equal_nan)


def check_symbolic_backward(
    sym: Symbol,
    location: Values,
    out_grads: Values | None,
    expected: Values,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Values | None = None,
    grad_req: Any = "write",
    ctx: Context | None = None,
    grad_stypes: Mapping[str, str] | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> dict[str, NDArray]:
    """Hold the gradients of a symbol's arguments to those that are expected.

    Where `grad_req` is ``'add'``, random numbers stand in the gradient before, and must have been added to; where it is
    ``'null'``, they must still be there.

    Parameters
    ----------
    sym : Symbol
        What is differentiated.
    location, aux_states : list or dict of arrays
        Values of all arguments and auxiliary states, in order or by name.
    out_grads : list or dict of arrays, optional
        Gradients of the outputs; None for losses, which need none.
    expected : list or dict of arrays
        Gradients of the arguments, or of some of them by name.
    rtol, atol, equal_nan
        See `assert_almost_equal`.
    grad_req : str, list or dict of str
        ``'write'``, ``'add'`` or ``'null'``.
    ctx : Context, optional
        Where; by default the current context.
    grad_stypes : dict of str, optional
        Storage types of the gradients; only ``'default'``.
    dtype : dtype or ``'asnumpy'``
        The element type in which is computed.

    Returns
    -------
    dict of str to NDArray
        The gradients of the arguments in `expected`.

    Raises
    ------
    AssertionError
        If a gradient differs.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.sym.var("x")
    >>> found = check_symbolic_backward(x * x, [np.array([3])], [np.array([1])], {"x": np.array([6])})
    >>> found["x"].asnumpy().tolist()
    [6.0]
    """
    _refuse_stypes("check_symbolic_backward: grad_stypes", grad_stypes)
    where = ctx or default_context()
    args = _located(sym, location, where, dtype)
    wanted = _named(expected, sym.list_arguments(), "expected")
    requests = _requests(grad_req, sym.list_arguments())
    before = {name: np.random.normal(size=args[name].shape).astype(args[name].dtype) for name in wanted}
    gradients = {name: array(value, where, value.dtype) for name, value in before.items()}
    asked = {name: requests[name] if name in wanted else "null" for name in args}
    executor = sym.bind(where, args, gradients, asked, _states(sym, aux_states, where, dtype))
    outputs = executor.forward(is_train=True)
    if out_grads is None:
        executor.backward()
    else:
        heads = _named(out_grads, sym.list_outputs(), "out_grads")
        missing = [name for name in sym.list_outputs() if name not in heads]
        if missing:
            raise ArgumentError(f"out_grads: expected one for every output; {missing[0]} is missing")
        pairs = zip(sym.list_outputs(), outputs, strict=True)
        executor.backward([array(heads[name], where, output.dtype) for name, output in pairs])
    for name, value in wanted.items():
        target = {"write": _numpy(value), "add": before[name] + _numpy(value), "null": before[name]}[requests[name]]
        _hold(gradients[name], target, rtol, atol, (f"EXPECTED_{name}", f"BACKWARD_{name}"), equal_nan)
    return gradients


def numeric_grad(
    executor: Executor,
    location: Mapping[str, Any],
    aux_states: Mapping[str, Any] | None = None,
    eps: float = 1e-4,
    use_forward_train: bool = True,
    dtype: Any = np.float32,
) -> dict[str, np.ndarray[Any, Any]]:
    """Gradients of the sum of an executor's first output, by differences over `eps` around `location`.

    Parameters
    ----------
    executor : Executor
        Its arguments are set, and left at `location`.
    location : dict of arrays
        Values of the arguments in question, in a floating-point type.
    aux_states : dict of arrays, optional
        Auxiliary states, which are set before every step.
    eps : float
        The step.
    use_forward_train : bool
        Whether the steps are training steps.
    dtype : dtype
        The element type of the result.
    """
    found: dict[str, np.ndarray[Any, Any]] = {}
    states = {name: _numpy(value) for name, value in (aux_states or {}).items()}

    def total() -> float:
        for name, value in states.items():
            executor.aux_dict[name][:] = value
        return float(executor.forward(is_train=use_forward_train)[0].asnumpy().astype(np.float64).sum())

    values = {name: _numpy(value) for name, value in location.items()}
    for name, value in values.items():
        executor.arg_dict[name][:] = value
    for name, value in values.items():
        slope = np.zeros(value.shape, np.float64)
        for place in np.ndindex(value.shape):
            sums = []
            for step in (eps / 2, -eps / 2):
                moved = value.copy()
                moved[place] += step
                executor.arg_dict[name][:] = moved
                sums.append(total())
            slope[place] = (sums[0] - sums[1]) / eps
        executor.arg_dict[name][:] = value
        found[name] = slope.astype(dtype)
    return found


def check_numeric_gradient(
    sym: Symbol,
    location: Values,
    aux_states: Values | None = None,
    numeric_eps: float | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    grad_nodes: Sequence[str] | Mapping[str, str] | None = None,
    use_forward_train: bool = True,
    ctx: Context | None = None,
    grad_stype_dict: Mapping[str, str] | None = None,
    dtype: Any = np.float32,
) -> None:
    """Hold a symbol's gradients to finite differences of its outputs, weighted by random numbers and added up.

    Parameters
    ----------
    sym : Symbol
        What is differentiated.
    location, aux_states : list or dict of arrays
        Values of all arguments and auxiliary states, in order or by name.
    numeric_eps : float, optional
        The step; by default that of `default_numeric_eps` for `dtype`.
    rtol, atol : optional
        See `assert_almost_equal`; differences of float32 are rough, so that tests often give 1e-2.
    grad_nodes : list of str or dict of str, optional
        Which arguments, by default all; a dict says what is asked for each (see `check_symbolic_backward`).
    use_forward_train : bool
        Whether the steps are training steps.
    ctx : Context, optional
        Where; by default the current context.
    grad_stype_dict : dict of str, optional
        Storage types of the gradients; only ``'default'``.
    dtype : dtype
        The floating-point type in which is computed.

    Raises
    ------
    AssertionError
        If a gradient differs.

    Examples
    --------
    >>> import rennet as mx
    >>> check_numeric_gradient(mx.sym.tanh(mx.sym.var("x")), [np.linspace(-1, 1, 5)], dtype=np.float64, atol=1e-6)
    """
    _refuse_stypes("check_numeric_gradient: grad_stype_dict", grad_stype_dict)
    if np.dtype(dtype) not in default_numeric_eps():
        raise ArgumentError(f"check_numeric_gradient: dtype: expected a floating-point type, got {dtype!r}")
    eps = default_numeric_eps()[np.dtype(dtype)] if numeric_eps is None else numeric_eps
    where = ctx or default_context()
    names = sym.list_arguments()
    args = _located(sym, location, where, dtype)
    states = _states(sym, aux_states, where, dtype)
    if isinstance(grad_nodes, Mapping):
        requests = _named(grad_nodes, names, "grad_nodes")
    else:
        requests = _named(dict.fromkeys(names if grad_nodes is None else grad_nodes, "write"), names, "grad_nodes")
    weighted, weights = _weighted_sum(sym, args, states)
    start = {name: value.asnumpy() for name, value in states.items()}
    everything = {**args, **{name: array(value, where, dtype) for name, value in weights.items()}}
    check = {name: args[name].asnumpy() for name in requests}
    before = {name: np.random.normal(size=value.shape).astype(dtype) for name, value in check.items()}
    gradients = {name: array(value, where, dtype) for name, value in before.items()}
    asked = {**dict.fromkeys(everything, "null"), **requests}
    executor = weighted.bind(where, everything, gradients, asked, states)
    executor.forward(is_train=True)
    executor.backward()
    found = {name: value.asnumpy() for name, value in gradients.items()}
    numeric = numeric_grad(executor, check, start, eps, use_forward_train, dtype)
    for name, request in requests.items():
        target = {"write": numeric[name], "add": before[name] + numeric[name], "null": before[name]}[request]
        assert_almost_equal(target, found[name], rtol, atol, (f"NUMERICAL_{name}", f"BACKWARD_{name}"))


def _weighted_sum(
    sym: Symbol, args: Mapping[str, NDArray], states: Mapping[str, NDArray]
) -> tuple[Symbol, dict[str, np.ndarray[Any, Any]]]:
    """A loss that is the outputs, weighted by variables and added up; and random values for those."""
    known = {**args, **states}
    given = {name: known[name].shape for name in (*sym.list_arguments(), *sym.list_auxiliary_states()) if name in known}
    shapes = sym.infer_shape(**given)[1]
    total, weights = None, {}
    for number, (output, shape) in enumerate(zip(sym, shapes, strict=True)):
        name = f"__random_weight{number}"
        weights[name] = np.random.uniform(0.1, 1.1, size=shape)
        part = (output * var(name)).sum()
        total = part if total is None else total + part
    return make_loss(total), weights


def check_consistency(
    sym: Symbol | Sequence[Symbol],
    ctx_list: Sequence[Mapping[str, Any]],
    scale: float = 1.0,
    grad_req: Any = "write",
    arg_params: Mapping[str, Any] | None = None,
    aux_params: Mapping[str, Any] | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    raise_on_err: bool = True,
    ground_truth: Mapping[str, Any] | None = None,
    equal_nan: bool = False,
    use_uniform: bool = False,
    rand_type: Any = np.float64,
) -> dict[str, NDArray]:
    """Hold a symbol's results and gradients on several devices and in several types to those in the widest type.

    Parameters
    ----------
    sym : Symbol or list of Symbol
        One symbol, or one for each context, with the same arguments and number of outputs.
    ctx_list : list of dict
        For each run what `Symbol.simple_bind` takes: ``'ctx'``, shapes of inputs by name, and ``'type_dict'``.
    scale : float
        Of the random values.
    grad_req : str, list or dict of str
        For the arguments; with ``'null'`` only outputs in inference are compared.
    arg_params, aux_params : dict of arrays, optional
        Values of arguments, otherwise random, and of auxiliary states, otherwise zero.
    rtol, atol, equal_nan
        See `assert_almost_equal`; by default the tolerances of the narrower of the two types.
    raise_on_err : bool
        Otherwise differences are printed.
    ground_truth : dict of arrays, optional
        Outputs and gradients to compare with, by name, instead of those in the widest type.
    use_uniform : bool
        Draw values evenly from ``[-scale, scale)`` instead of from a normal distribution.
    rand_type : dtype
        The type to which the random values are rounded first.

    Returns
    -------
    dict of str to NDArray
        What was compared with: outputs and gradients, by name.

    Examples
    --------
    >>> import rennet as mx
    >>> runs = [{"ctx": mx.cpu(), "x": (2, 3), "type_dict": {"x": kind}} for kind in (np.float64, np.float32)]
    >>> sorted(check_consistency(mx.sym.tanh(mx.sym.var("x"), name="t"), runs))
    ['t_output', 'x']
    """
    if not ctx_list or (not isinstance(sym, Symbol) and len(sym) != len(ctx_list)):
        raise ArgumentError(f"check_consistency: expected a symbol for each context, got {len(ctx_list)} contexts")
    symbols = [sym] * len(ctx_list) if isinstance(sym, Symbol) else list(sym)
    first = symbols[0]
    for other in symbols[1:]:
        if other.list_arguments() != first.list_arguments() or len(other.list_outputs()) != len(first.list_outputs()):
            raise ArgumentError("check_consistency: expected symbols with the same arguments and number of outputs")
    runs = [each.simple_bind(grad_req=grad_req, **how) for each, how in zip(symbols, ctx_list, strict=True)]
    values = {name: _numpy(value) for name, value in (arg_params or {}).items()}
    for name, target in runs[0].arg_dict.items():
        if name not in values:
            drawn = np.random.uniform(-1, 1, target.shape) if use_uniform else np.random.normal(size=target.shape)
            values[name] = (drawn * scale).astype(rand_type)
    training = any(request != "null" for request in _requests(grad_req, first.list_arguments()).values())
    found = [_results(run, first.list_outputs(), values, aux_params or {}, training) for run in runs]
    widths = [max(value.dtype.itemsize for value in result.values()) for result in found]
    widest = int(np.argmax(widths))
    truth = {name: _numpy(value) for name, value in (ground_truth or found[widest]).items()}
    for number, result in enumerate(found):
        if ground_truth is None and number == widest:
            continue
        for name, value in result.items():
            if name not in truth:
                continue
            kind = min(value, truth[name], key=lambda each: each.dtype.itemsize)
            tolerances = get_tolerance(kind, rtol, default_rtols()), get_tolerance(kind, atol, default_atols())
            names = (f"{name} of run {number}", "the ground truth")
            try:
                assert_almost_equal(value, truth[name].astype(value.dtype), *tolerances, names, equal_nan)
            except AssertionError as error:
                if raise_on_err:
                    raise
                print(f"run {number} ({ctx_list[number]}): {error}")
    return {name: array(value, dtype=value.dtype) for name, value in truth.items()}


def _results(
    executor: Executor,
    outputs: Sequence[str],
    values: Mapping[str, np.ndarray[Any, Any]],
    states: Mapping[str, Any],
    training: bool,
) -> dict[str, np.ndarray[Any, Any]]:
    """Outputs and, in training, gradients for them as head gradients."""
    for name, value in values.items():
        executor.arg_dict[name][:] = value
    for name, target in executor.aux_dict.items():
        target[:] = states.get(name, 0)
    for gradient in executor.grad_arrays:
        if gradient is not None:
            gradient[:] = 0
    results = executor.forward(is_train=training)
    found = {name: value.asnumpy() for name, value in zip(outputs, results, strict=True)}
    if training:
        executor.backward([value.copy() for value in results])
        found |= {name: value.asnumpy() for name, value in executor.grad_dict.items() if value is not None}
    return found


def same_symbol_structure(sym1: Symbol, sym2: Symbol) -> bool:
    """Do two graphs consist of the same operators, joined in the same way, whatever the nodes are called."""
    return _structure(sym1) == _structure(sym2)


def _structure(sym: Symbol) -> Any:
    nodes = in_order(sym._outputs)
    numbers = {id(node): number for number, node in enumerate(nodes)}
    described = [
        (None if node.op is None else node.op.name, [(numbers[id(child)], index) for child, index in node.inputs])
        for node in nodes
    ]
    return described, [(numbers[id(node)], index) for node, index in sym._outputs]
