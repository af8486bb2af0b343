"""``rennet inspect``: what is said about files of every kind."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet._inspection import inspect_file, to_text
from rennet._inspection.layers import find_layers
from rennet._language_model.settings import ModelSettings, TrainingSettings
from rennet._language_model.training import start
from rennet.base import FormatError
from rennet.cli import main
from rennet.rnn import FusedRNNCell, GRUCell, LSTMCell, RNNCell, save_rnn_checkpoint
from same_script import random_arguments, to_nd

GOLDENS = Path(__file__).parents[1] / "goldens"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", *arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


class TestArrays:
    def test_a_checkpoint_of_cells(self, tmp_path: Path) -> None:
        cell = FusedRNNCell(6, 2, "lstm", bidirectional=True, prefix="net_").unfuse()
        net = cell.unroll(2, mx.sym.var("x"), merge_outputs=True)[0]
        params = {name: each for name, each in random_arguments(net, x=(2, 2, 4)).items() if name != "x"}
        for save, weights in ((mx.model.save_checkpoint, "packed"), (None, "one for each gate")):
            if save is None:
                save_rnn_checkpoint(cell, f"{tmp_path}/net", 1, net, to_nd(params), {})
            else:
                save(f"{tmp_path}/net", 1, net, to_nd(params), {})
            layers = inspect_file(f"{tmp_path}/net-0001.params")["layers"]
            assert [layer["name"] for layer in layers] == ["net_l0_", "net_r0_", "net_l1_", "net_r1_"]
            assert [layer["input"] for layer in layers] == [4, 4, 12, 12]
            for layer in layers:
                assert (layer["cell"], layer["units"], layer["projection"]) == ("LSTM", 6, None)
                assert layer["direction"] == ("left to right" if "_l" in layer["name"] else "right to left")
                assert layer["weights"] == weights
            assert sum(layer["parameters"] for layer in layers) == sum(each.size for each in params.values())

    @pytest.mark.parametrize(("make", "cell"), [(RNNCell, "RNN"), (GRUCell, "GRU"), (LSTMCell, "LSTM")])
    def test_kinds_of_cells(self, make: Any, cell: str) -> None:
        made = make(5)
        net = made.unroll(2, mx.sym.var("x"), merge_outputs=True)[0]
        shapes = {name: each.shape for name, each in random_arguments(net, x=(2, 2, 4)).items() if name != "x"}
        (layer,) = find_layers(shapes)
        assert (layer["cell"], layer["units"], layer["input"]) == (cell, 5, 4)

    def test_projection_gluon_convolution_and_the_flat_vector(self) -> None:
        shapes = {
            "_unfused.0.r_cell.i2h_weight": (12, 4),
            "_unfused.0.r_cell.h2h_weight": (12, 2),
            "_unfused.0.r_cell.h2r_weight": (2, 3),
            "conv_i2h_weight": (12, 3, 3, 3),
            "conv_h2h_weight": (12, 3, 3, 3),
            "lstm_parameters": (96,),
            "odd_i2h_weight": (7, 3),
            "odd_h2h_weight": (7, 3),
            "half_i2h_weight": (8, 3),
            "dense_weight": (2, 3),
        }
        projected, convolution, odd, flat = find_layers(shapes)
        assert (projected["cell"], projected["units"], projected["projection"]) == ("LSTM", 3, 2)
        assert projected["direction"] == "right to left"
        assert (convolution["cell"], odd["cell"], flat["elements"]) == ("ConvLSTM", "unknown", 96)

    def test_text(self) -> None:
        text = to_text(inspect_file(str(GOLDENS / "params" / "sparse.params")))
        assert "sparse.params: arrays in MXNet's container, written by MXNet 0.12 to 1.9, or rennet; 1.0 kB" in text
        assert "  6 arrays; 66 elements (54 float32, 12 float64)" in text
        assert "    csr               (4, 3) float32, csr in the file" in text
        assert ", without names" in to_text(inspect_file(str(GOLDENS / "params" / "list.params")))

    @pytest.mark.parametrize("container", ["npz", "safetensors"])
    def test_other_containers(self, tmp_path: Path, container: str) -> None:
        mx.nd.save(tmp_path / "a", {"w": mx.nd.ones((2, 3))}, container)
        summary = inspect_file(str(tmp_path / "a"))
        assert (summary["container"], summary["parameters"]) == (container, 6)
        assert f"in {'safetensors' if container == 'safetensors' else 'NumPy'}" in to_text(summary)

    def test_names_cannot_steer_the_terminal(self, tmp_path: Path) -> None:
        mx.nd.save(tmp_path / "a", {"\x1b[31mred": mx.nd.ones(1)})
        text = to_text(inspect_file(str(tmp_path / "a")))
        assert "\x1b" not in text
        assert "\\x1b[31mred" in text


class TestGraphs:
    @pytest.mark.parametrize("path", sorted((GOLDENS / "symbols").iterdir()), ids=lambda path: path.name)
    def test_every_golden(self, path: Path) -> None:
        summary = inspect_file(str(path))
        assert summary["written_by"] == "MXNet 1.9.1"
        assert summary["not_supported"] == []
        assert json.loads(json.dumps(summary)) == summary
        assert to_text(summary)

    def test_what_would_be_fused(self) -> None:
        path = str(GOLDENS / "symbols" / "unrolled_lstm-symbol.json")
        summary = inspect_file(path)
        assert [(each["mode"], each["steps"], each["why_not"]) for each in summary["unrolled"]] == [
            ("lstm", 3, None)
        ] * 2
        assert inspect_file(path, {"data": (7, 3)})["assumed"] == {"data": [7, 3]}
        assert "lstm_l0_t0_out ... lstm_l0_t2_out: lstm, 3 steps: would be fused" in to_text(summary)

    def test_why_not(self, tmp_path: Path) -> None:
        cell, x = LSTMCell(4), mx.sym.var("x")
        outputs, _ = cell.unroll(3, x, merge_outputs=True)
        inner = outputs.get_internals()["lstm_t0_i_output"]
        mx.sym.Group([outputs, inner]).save(tmp_path / "a.json")
        (found,) = inspect_file(str(tmp_path / "a.json"))["unrolled"]
        assert "is used outside" in found["why_not"]

    def test_operators_that_are_not_known(self, tmp_path: Path) -> None:
        text = (GOLDENS / "symbols" / "unrolled_gru-symbol.json").read_text()
        (tmp_path / "a.json").write_text(text.replace('"op": "elemwise_mul"', '"op": "elemwise_mull"'))
        summary = inspect_file(str(tmp_path / "a.json"))
        (unknown,) = summary["not_supported"]
        assert unknown["operator"] == "elemwise_mull"
        assert len(unknown["nodes"]) == 36
        assert "nearest known one is elemwise_mul" in to_text(summary)

    def test_names_of_mxnet_2_are_known(self, tmp_path: Path) -> None:
        text = (GOLDENS / "symbols" / "fused_lstm-symbol.json").read_text()
        (tmp_path / "a.json").write_text(text.replace('"op": "RNN"', '"op": "_npx_rnn"'))
        summary = inspect_file(str(tmp_path / "a.json"))
        assert summary["not_supported"] == []
        assert summary["fused_layers"][0]["mode"] == "lstm"

    def test_attributes_that_an_operator_lacks(self, tmp_path: Path) -> None:
        text = (GOLDENS / "symbols" / "fused_lstm-symbol.json").read_text()
        (tmp_path / "a.json").write_text(text.replace('"state_size"', '"statesize"'))
        assert "unknown attribute 'statesize'" in to_text(inspect_file(str(tmp_path / "a.json")))

    def test_the_version_that_wrote_it(self, tmp_path: Path) -> None:
        old = GOLDENS / "upgrades" / "batch_norm_0_8-old.json"
        assert inspect_file(str(old))["written_by"] == "MXNet 0.8 or older"
        text = (GOLDENS / "symbols" / "variable-symbol.json").read_text()
        (tmp_path / "a.json").write_text(text.replace("10901", "20000"))
        assert "written by MXNet 2.0.0; what is newer than 1.9.1" in to_text(inspect_file(str(tmp_path / "a.json")))


class TestStates:
    def test_ours(self, tmp_path: Path) -> None:
        update = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.5))
        update(3, mx.nd.ones(2), mx.nd.ones(2))
        (tmp_path / "a.states").write_bytes(update.get_states(dump_optimizer=True))
        summary = inspect_file(str(tmp_path / "a.states"))
        assert (summary["optimizer"], summary["updates"], summary["states"]) == ("Adam", 1, 1)
        assert summary["numbers"]["lr"] == 0.5
        assert "Adam, 1 update; states of 1 parameter" in to_text(summary)

    def test_mxnets(self, tmp_path: Path, oracle: Oracle) -> None:
        script = """
schedule = mx.lr_scheduler.FactorScheduler(3)
update = mx.optimizer.get_updater(mx.optimizer.create("sgd", momentum=0.9, lr_scheduler=schedule))
update(0, mx.nd.ones(2), mx.nd.ones(2))
raw = np.frombuffer(update.get_states(dump_optimizer=dump), "u1")
"""
        for dump, expected in ((True, "SGD, 1 update; states of 1 parameter"), (False, "that the file does not name")):
            raw = oracle.build(script, ["raw"], {"dump": dump})["raw"]
            (tmp_path / "a.states").write_bytes(raw.tobytes())
            text = to_text(inspect_file(str(tmp_path / "a.states")))
            assert "written by MXNet (a pickle, read without running it)" in text
            assert expected in text
            assert ("learning rates by FactorScheduler" in text) == dump


def test_what_training_leaves_behind(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sees the tree\n" * 40)
    how = TrainingSettings(text=str(text), limit=None, min_count=1, buckets=(8,), batch_size=7)
    model = ModelSettings(layers=2, hidden=6, embed=5)
    start(model, how, str(tmp_path / "lm"), False).run(1, bar=False)
    summary = inspect_file(str(tmp_path / "lm-resume.state"))
    assert (summary["kind"], summary["epoch"], summary["optimizer"]) == ("training checkpoint", 1, "Adam")
    lines = to_text(summary)
    assert "epoch 1, batch 0; optimizer Adam" in lines
    assert json.loads(json.dumps(summary)) == summary
    assert "language model's card" in to_text(inspect_file(str(tmp_path / "lm-vocab.json")))
    assert [each["cell"] for each in inspect_file(str(tmp_path / "lm-0001.params"))["layers"]] == ["LSTM", "LSTM"]


class TestCommand:
    def test_several_files_one_of_them_missing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        good, bad = str(GOLDENS / "params" / "list.params"), str(tmp_path / "missing")
        assert run(good, bad, good) == 2
        captured = capsys.readouterr()
        assert captured.out.count("list.params: arrays") == 2
        assert captured.err.startswith("rennet: [Errno 2] No such file")
        assert len(captured.err.splitlines()) == 1
        assert run(good) == 0

    def test_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "broken").write_bytes(b"nothing that is known")
        assert run("--json", str(GOLDENS / "params" / "list.params"), str(tmp_path / "broken")) == 2
        first, second = json.loads(capsys.readouterr().out)
        assert first["kind"] == "arrays"
        assert "file magic" in second["error"]

    @pytest.mark.parametrize("shape", ["data", "data=", "=2", "data=2,x", "data=-1"])
    def test_shapes_that_are_none(self, shape: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("x", "--shape", shape) == 2
        assert "--shape: expected a name and sizes, such as data=32,10" in capsys.readouterr().err

    def test_shapes(self, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(GOLDENS / "symbols" / "unrolled_lstm-symbol.json")
        assert run(path, "--shape", "data=5,3") == 0
        assert "for data of shape (5, 3)" in capsys.readouterr().out
        assert run(path, "--shape", "nothing=5,3") == 2
        assert "--shape: nothing: the graph's inputs are data, embed_weight" in capsys.readouterr().err

    def test_nothing_is_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        class Evil:
            def __reduce__(self) -> Any:
                return os.system, ("false",)

        (tmp_path / "a").write_bytes(pickle.dumps({0: Evil()}))
        assert run(str(tmp_path / "a")) == 2
        assert re.search(r"the pickle holds a \w+\.system; expected arrays", capsys.readouterr().err)

    def test_damaged_files_are_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rng = np.random.default_rng(0)
        files = [*(GOLDENS / "params").iterdir(), *(GOLDENS / "symbols").iterdir()]
        for number in range(60):
            raw = bytearray(files[number % len(files)].read_bytes())
            for place in rng.integers(0, len(raw), 3):
                raw[place] = rng.integers(256)
            (tmp_path / "a").write_bytes(raw)
            assert run(str(tmp_path / "a")) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err

    def test_what_is_no_file_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text('{"a": 1}')
        with pytest.raises(FormatError, match="keys: expected 'nodes'"):
            inspect_file(str(tmp_path / "a"))
