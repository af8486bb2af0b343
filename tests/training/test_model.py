"""Checkpoints."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet import model
from rennet.base import FormatError


def network() -> mx.sym.Symbol:
    return mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")  # pyright: ignore


def parameters() -> dict[str, np.ndarray]:
    return {"fc_weight": np.random.randn(2, 3).astype(np.float32), "fc_bias": np.random.randn(2).astype(np.float32)}


def arrays(plain: dict[str, np.ndarray]) -> dict[str, mx.nd.NDArray]:
    return {name: mx.nd.array(value) for name, value in plain.items()}


def test_there_and_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    weights, states = parameters(), {"mean": np.ones(2, np.float32)}
    model.save_checkpoint(tmp_path / "net", 7, network(), arrays(weights), arrays(states))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-0007.params", "net-symbol.json"]
    assert caplog.messages == [f'Saved checkpoint to "{tmp_path}/net-0007.params"']
    symbol, arg_params, aux_params = model.load_checkpoint(str(tmp_path / "net"), 7)
    assert symbol.tojson() == network().tojson()
    assert_all_close(arg_params, weights, 0, "arg_params")
    assert_all_close(aux_params, states, 0, "aux_params")


def test_real_mxnet_reads_ours_and_we_read_its(oracle: Oracle, tmp_path: Path) -> None:
    weights = parameters()
    model.save_checkpoint(tmp_path / "ours", 1, network(), arrays(weights), {})
    theirs = oracle.load_checkpoint(tmp_path / "ours", 1)
    assert_all_close(theirs.arg_params, weights, 0, "arg_params")
    oracle.save_checkpoint(tmp_path / "theirs", 12, theirs.json, weights)
    symbol, arg_params, aux_params = model.load_checkpoint(tmp_path / "theirs", 12)
    assert (symbol.list_arguments(), aux_params) == (["data", "fc_weight", "fc_bias"], {})
    assert_all_close(arg_params, weights, 0, "arg_params")
    assert (tmp_path / "ours-symbol.json").read_bytes() == (tmp_path / "theirs-symbol.json").read_bytes()
    assert (tmp_path / "ours-0001.params").read_bytes() == (tmp_path / "theirs-0012.params").read_bytes()


def test_without_a_graph(tmp_path: Path) -> None:
    model.save_checkpoint(tmp_path / "net", 12345, None, arrays(parameters()), {})
    assert [path.name for path in tmp_path.iterdir()] == ["net-12345.params"]


def test_nothing_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model.save_checkpoint(tmp_path / "net", 1, None, {}, {})
    assert model.load_params(tmp_path / "net", 1) == ({}, {})
    assert caplog.messages == [f"{tmp_path}/net-0001.params holds no arrays"]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"net-symbol\.json"):
        model.load_checkpoint(tmp_path / "net", 1)
    with pytest.raises(FileNotFoundError, match=r"net-0001\.params"):
        model.load_params(tmp_path / "net", 1)


def test_names_that_say_nothing(tmp_path: Path) -> None:
    mx.nd.save(tmp_path / "net-0001.params", {name: mx.nd.ones((1,)) for name in ("arg:a", "b", "arg", "x:c")})
    with pytest.raises(FormatError, match=r"net-0001.params.*arg: or aux:, got 'b', 'arg', 'x:c'\. nd.load"):
        model.load_params(tmp_path / "net", 1)
    mx.nd.save(tmp_path / "net-0002.params", {str(number): mx.nd.ones((1,)) for number in range(9)})
    with pytest.raises(FormatError, match="'4' and 4 more"):
        model.load_params(tmp_path / "net", 2)


def test_a_list(tmp_path: Path) -> None:
    mx.nd.save(tmp_path / "net-0001.params", [mx.nd.ones((1,))])
    with pytest.raises(FormatError, match="one for each, got none: a list was saved"):
        model.load_params(tmp_path / "net", 1)


def test_names_with_colons(tmp_path: Path) -> None:
    model.save_checkpoint(tmp_path / "net", 1, None, {"a:b": mx.nd.ones((1,))}, {})
    assert list(model.load_params(tmp_path / "net", 1)[0]) == ["a:b"]
