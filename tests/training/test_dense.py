"""Sparse arrays made dense on request, wherever parameters are loaded; without the request they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import FormatError

NET = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, no_bias=True, name="fc")
WEIGHT = np.array([[0, 0], [1, 2], [0, 0]], "f4")


def graph(length: int) -> Any:
    return NET, ("data",), None


def of_a_module(prefix: str, dense: Any) -> Any:
    module = mx.mod.Module.load(prefix, 1, label_names=None, **dense)
    given: Any = module._given
    return given[0]["fc_weight"]


def into_a_module(prefix: str, dense: Any) -> Any:
    module = mx.mod.Module(NET, label_names=None)
    module.bind([("data", (1, 2))])
    module.init_params()
    module.load_params(f"{prefix}-0001.params", **dense)
    return module.get_params()[0]["fc_weight"]


def of_a_block(load: str) -> Callable[[str, Any], Any]:
    def run(prefix: str, dense: Any) -> Any:
        net = mx.gluon.nn.Dense(3, use_bias=False, in_units=2, prefix="fc_")
        target = net.collect_params() if load == "load" else net
        getattr(target, load)(f"{prefix}-0001.params", **dense)
        return net.weight.data()

    return run


def of_a_graph(prefix: str, dense: Any) -> Any:
    net = mx.gluon.SymbolBlock.imports(f"{prefix}-symbol.json", "data", f"{prefix}-0001.params", **dense)
    return net.collect_params()["fc_weight"].data()


LOADERS: dict[str, Callable[[str, Any], Any]] = {
    "nd.load": lambda prefix, dense: mx.nd.load(f"{prefix}-0001.params", **dense)["arg:fc_weight"],
    "load_frombuffer": lambda prefix, dense: mx.nd.load_frombuffer(Path(f"{prefix}-0001.params").read_bytes(), **dense)[
        "arg:fc_weight"
    ],
    "load_checkpoint": lambda prefix, dense: mx.model.load_checkpoint(prefix, 1, **dense)[1]["fc_weight"],
    "model.load_params": lambda prefix, dense: mx.model.load_params(prefix, 1, **dense)[0]["fc_weight"],
    "load_rnn_checkpoint": lambda prefix, dense: mx.rnn.load_rnn_checkpoint([], prefix, 1, **dense)[1]["fc_weight"],
    "Module.load": of_a_module,
    "Module.load_params": into_a_module,
    "BucketingModule.load": lambda prefix, dense: mx.mod.BucketingModule.load(
        prefix, 1, sym_gen=graph, default_bucket_key=1, **dense
    )._waiting[0]["fc_weight"],
    "FeedForward.load": lambda prefix, dense: (mx.module.FeedForward.load(prefix, 1, **dense).arg_params or {})[
        "fc_weight"
    ],
    "load_parameters": of_a_block("load_parameters"),
    "ParameterDict.load": of_a_block("load"),
    "SymbolBlock.imports": of_a_graph,
}


@pytest.mark.parametrize("kind", ["row_sparse", "csr"])
@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.filterwarnings("ignore:FeedForward is deprecated:DeprecationWarning")
def test_on_request(tmp_path: Path, oracle: Oracle, name: str, kind: str) -> None:
    prefix = str(tmp_path / "net")
    NET.save(f"{prefix}-symbol.json")
    # MXNet saves the stored shape of an array that is still being computed wrongly
    source = f"""
array = mx.nd.array(weight).tostype('{kind}')
array.wait_to_read()
mx.nd.save(path, {{'arg:fc_weight': array}})
"""
    oracle.build(source, [], {"path": f"{prefix}-0001.params", "weight": WEIGHT})
    assert LOADERS[name](prefix, {"dense": True}).asnumpy().tolist() == WEIGHT.tolist()
    with pytest.raises(FormatError, match=f"expected a dense array, got {kind}.*load it with dense=True"):
        LOADERS[name](prefix, {})
