"""One Block, made by the same source in both libraries, held to real MXNet in every way it can be run and kept.

`assert_same_block` is the whole of it: what it covers is written there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from differential import assert_all_close
from oracle.client import Oracle
from same_script import run_here

# What both libraries run. Given: `source`, which makes `block`; `inputs`, nested lists of arrays; `dtype`; `folder`.
_SHARED = """
import contextlib
import os
import zlib


def make():
    # automatic names start afresh each time
    namespace = {"mx": mx, "np": np}
    with mx.name.NameManager():
        exec(source, namespace)
    return namespace["block"]


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in leaves(each)]
    if isinstance(value, mx.sym.Symbol) and len(value.list_outputs()) > 1:
        return list(value)
    return [] if value is None else [value]


def mapped(function, value):
    if isinstance(value, (list, tuple)):
        return [mapped(function, each) for each in value]
    return None if value is None else function(value)


def drawn(name, shape):
    # numbers that depend on the name alone: the same in both libraries
    rng = np.random.RandomState(zlib.crc32(name.encode()) % 2**31)
    if name.endswith("var"):
        return rng.uniform(0.5, 2, shape).astype(dtype)
    return (0.7 * rng.normal(size=shape)).astype(dtype)


def arrays():
    return mapped(lambda each: mx.nd.array(each, dtype=each.dtype), inputs)


def fill(block):
    for name, parameter in block.collect_params().items():
        parameter.set_data(mx.nd.array(drawn(name, parameter.shape), dtype=dtype))
        parameter.zero_grad()


def prepared(hybridized):
    block = make()
    if dtype != "float32":
        block.cast(dtype)
    block.initialize()
    if hybridized:
        block.hybridize()
    block(*arrays())
    fill(block)
    return block


def described(block):
    # real MXNet writes an unknown number of axes as None, and () where there are none
    return {
        name: [tuple(each.shape or ()), each.grad_req, np.dtype(each.dtype).name, each.lr_mult, each.wd_mult]
        for name, each in block.collect_params().items()
    }


def heads_for(results):
    return [mx.nd.array(drawn("head%d" % place, each.shape), dtype=each.dtype) for place, each in enumerate(results)]


def run(block, training):
    given = arrays()
    flat = leaves(given)
    wanted = {str(place): each for place, each in enumerate(flat) if place not in without_gradient}
    fill(block)
    parameters = block.collect_params()
    if not training:
        results = {"outputs": leaves(block(*given))}
    elif not gradients:
        with mx.autograd.train_mode():
            results = {"outputs": leaves(block(*given))}
    else:
        for each in wanted.values():
            each.attach_grad()
        with mx.autograd.record():
            results = {"outputs": leaves(block(*given))}
        mx.autograd.backward(results["outputs"], heads_for(results["outputs"]))
        results["gradients of inputs"] = {place: each.grad for place, each in wanted.items()}
        results["gradients of parameters"] = {
            name: each.grad() for name, each in parameters.items() if each.grad_req != "null"
        }
    results["states"] = {name: each.data() for name, each in parameters.items() if each.grad_req == "null"}
    return results


def graph_of(block):
    count = iter(range(100))
    variables = mapped(lambda _: mx.sym.var("input%d" % next(count)), inputs)
    results = leaves(block(*variables))
    return results[0] if len(results) == 1 else mx.sym.Group(results)


def bound(block, training):
    graph = graph_of(block)
    values = {"input%d" % place: each for place, each in enumerate(leaves(arrays()))}
    left_out = {"input%d" % place for place in without_gradient}
    for name in graph.list_inputs():
        if name not in values:
            values[name] = mx.nd.array(drawn(name, block.collect_params()[name].shape), dtype=dtype)
    arguments = {name: values[name] for name in graph.list_arguments()}
    wanted = {
        name: each for name, each in arguments.items() if each.dtype == np.dtype(dtype) and name not in left_out
    }
    found = {name: mx.nd.zeros(each.shape, dtype=each.dtype) for name, each in wanted.items()}
    requests = {name: "write" if name in wanted else "null" for name in arguments}
    states = {name: values[name] for name in graph.list_auxiliary_states()}
    executor = graph.bind(mx.cpu(), arguments, args_grad=found, grad_req=requests, aux_states=states)
    results = list(executor.forward(is_train=training))
    if training and gradients:
        executor.backward(heads_for(results))
    return {"outputs": results, "gradients": found, "states": states}


report = {"results": {}}
fresh = make()
report["repr"] = repr(fresh)
report["names"] = [fresh.name, fresh.prefix]
report["parameters at first"] = described(fresh)
hybrids = [False, True] if hybrid and isinstance(fresh, mx.gluon.HybridBlock) else [False]
for hybridized in hybrids:
    block = prepared(hybridized)
    way = "hybridized" if hybridized else "imperative"
    report["parameters, " + way] = described(block)
    report["repr, " + way] = repr(block)
    for training in modes:
        report["results"]["%s, %s" % (way, "training" if training else "prediction")] = run(block, training)
    fill(block)
    block.save_parameters(os.path.join(folder, "saved.params"))
    if hybridized:
        block.export(os.path.join(folder, "exported"))
if graph and True in hybrids:
    symbolic = make()
    if dtype != "float32":
        symbolic.cast(dtype)
    whole = graph_of(symbolic)
    report["graph"] = {
        "outputs": whole.list_outputs(),
        "arguments": whole.list_arguments(),
        "states": whole.list_auxiliary_states(),
        "internals": whole.get_internals().list_outputs(),
        "json": whole.tojson(),
    }
    for training in modes:
        way = "symbolic, %s" % ("training" if training else "prediction")
        report["results"][way] = bound(prepared(False), training)
"""

_READING = (
    _SHARED.split("report = {", maxsplit=1)[0]
    + """
block = make()
if dtype != "float32":
    block.cast(dtype)
block.load_parameters(os.path.join(folder, "saved.params"))
report = {"loaded": leaves(block(*arrays()))}
if exported and os.path.exists(os.path.join(folder, "exported-symbol.json")):
    flat = leaves(arrays())
    parameters = os.path.join(folder, "exported-0000.params")
    has = len(mx.nd.load(parameters)) if os.path.getsize(parameters) > 24 else 0
    known = mx.sym.load(os.path.join(folder, "exported-symbol.json")).list_inputs()
    names = ["data"] if "data" in known else ["data%d" % place for place in range(len(flat))]
    used = [place for place, name in enumerate(names) if name in known]
    imported = mx.gluon.SymbolBlock.imports(
        os.path.join(folder, "exported-symbol.json"), [names[place] for place in used], parameters if has else None
    )
    report["imported"] = leaves(imported(*[flat[place] for place in used]))
"""
)


def random_input(*shape: int, seed: int = 0, scale: float = 0.7) -> np.ndarray:
    """A normally distributed input."""
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def _concrete(value: Any, dtype: str, place: list[int]) -> Any:
    """Arrays for shapes (tuples), at any depth of lists."""
    if isinstance(value, list):
        return [_concrete(each, dtype, place) for each in value]
    if isinstance(value, tuple):
        place[0] += 1
        value = random_input(*value, seed=place[0])
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return value


def assert_same_block(
    oracle: Oracle,
    folder: Path,
    source: str,
    *inputs: Any,
    training: bool = True,
    gradients: bool = True,
    dtype: str = "float32",
    tolerance: float = 2e-5,
    hybrid: bool = True,
    graph: bool = True,
    exported: bool = True,
    without_gradient: Sequence[int] = (),
) -> Mapping[str, Any]:
    """Hold a Block of ours to real MXNet's.

    Compared are its repr and names; its parameters (names, shapes, requests, types) before and after shapes are known;
    outputs, gradients of inputs and parameters, and states, run imperatively, hybridized (with shapes that only the
    first call tells) and as a graph of symbols, in training and in prediction; the graph, name by name and byte by
    byte; and what each library computes from the parameters and the exported graph that the other wrote.

    Parameters
    ----------
    oracle : Oracle
        Real MXNet.
    folder : Path
        An empty one, such as pytest's `tmp_path`.
    source : str
        Python that makes `block`, of `mx` and `np`.
    *inputs : tuple, array, None or list of such
        What the Block is called with; a tuple is the shape of a random array.
    training : bool
        Whether training is compared too; not where it draws random numbers.
    gradients : bool
        Whether gradients are compared too, in training; not where MXNet's are wrong.
    dtype : str
        Element type of the parameters, to which the Block is cast, and of the inputs that are of floating point.
    tolerance : float
        See `differential`.
    hybrid : bool
        Whether a HybridBlock is hybridized too, and made a graph; not where MXNet cannot.
    graph : bool
        Whether the graphs are compared.
    exported : bool
        Whether each library runs the graph that the other exported.
    without_gradient : sequence of int
        Places of the inputs whose gradients are not asked for.

    Returns
    -------
    mapping
        What was found here: ``results`` by way, ``parameters at first``, ``repr``, ``graph`` and so on.
    """
    given: dict[str, Any] = {
        "source": source,
        "inputs": _concrete(list(inputs), dtype, [0]),
        "dtype": dtype,
        "modes": [True, False] if training else [False],
        "hybrid": hybrid,
        "graph": graph,
        "gradients": gradients,
        "exported": exported,
        "without_gradient": list(without_gradient),
    }
    folders = {name: folder / name for name in ("ours", "theirs")}
    for each in folders.values():
        each.mkdir(parents=True)
    theirs = oracle.build(_SHARED, ["report"], {**given, "folder": str(folders["theirs"])})["report"]
    ours = run_here(_SHARED, ["report"], {**given, "folder": str(folders["ours"])})["report"]
    for key in theirs:
        if key != "results":
            assert ours[key] == theirs[key], f"{key}: expected {theirs[key]}, got {ours[key]}"
    assert ours.keys() == theirs.keys()
    assert ours["results"].keys() == theirs["results"].keys()
    for way, parts in theirs["results"].items():
        for part, expected in parts.items():
            assert_all_close(ours["results"][way][part], expected, tolerance, f"{way}: {part}")
    expected = theirs["results"]["imperative, prediction"]["outputs"]
    ours_read = run_here(_READING, ["report"], {**given, "folder": str(folders["theirs"])})["report"]
    theirs_read = oracle.build(_READING, ["report"], {**given, "folder": str(folders["ours"])})["report"]
    assert ours_read.keys() == theirs_read.keys()
    for who, read in (("rennet from MXNet's", ours_read), ("MXNet from rennet's", theirs_read)):
        for way, outputs in read.items():
            assert_all_close(outputs, expected, tolerance, f"{who} files, {way}")
    return ours
