"""Training end to end on a small text: interrupted and resumed, fused and unfused, and what is written."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

import rennet as mx
from rennet._language_model import training as training_module
from rennet._language_model.files import Card, Files, Snapshot
from rennet._language_model.sampling import Writer
from rennet._language_model.settings import ModelSettings, TrainingSettings
from rennet._language_model.training import Interrupted, resume, start
from rennet.base import ArgumentError, FormatError, MXNetError

SMALL = ModelSettings(layers=2, hidden=8, embed=6, dropout=0.3)
EPOCHS = 2


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Sixty sentences of a toy grammar."""
    choice = np.random.default_rng(1)
    words = [["the", "a"], ["cat", "dog", "cow"], ["sees", "hears"], ["the", "a"], ["tree", "house"]]
    lines = [" ".join(choice.choice(place) for place in words[: choice.integers(2, 6)]) for _ in range(60)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines))
    return path


def settings(text: Path, **more: object) -> TrainingSettings:
    return TrainingSettings(
        text=str(text), limit=None, min_count=1, buckets=(4, 6, 8), batch_size=7, **{"lr_decay": 0.5, **more}
    )


def bits(prefix: Path, epoch: int = EPOCHS) -> dict[str, bytes]:
    return {name: array.asnumpy().tobytes() for name, array in mx.nd.load(f"{prefix}-{epoch:04d}.params").items()}


def interrupt_at(monkeypatch: pytest.MonkeyPatch, update: int) -> None:
    """Have Ctrl-C pressed during the given update."""
    seen = {"updates": 0}
    original = training_module.Speedometer.__call__  # pyright: ignore[reportPrivateImportUsage]

    def press(self: object, param: object) -> None:
        seen["updates"] += 1
        if seen["updates"] == update:
            signal.raise_signal(signal.SIGINT)
        original(self, param)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(training_module.Speedometer, "__call__", press)  # pyright: ignore[reportPrivateImportUsage]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("update", [1, 5, 9, 10])
def test_interrupted_and_resumed_is_bitwise_the_same(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, update: int
) -> None:
    how = settings(text, optimizer=optimizer, lr=0.05)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(SMALL, how, str(whole), False).run(EPOCHS, bar=False)
    with monkeypatch.context() as patched:
        interrupt_at(patched, update)
        with pytest.raises(Interrupted):
            start(SMALL, how, str(parts), False).run(EPOCHS, bar=False)
    mx.random.seed(99)  # whatever happened in between does not matter
    outcome = resume({}, {}, str(parts)).run(EPOCHS, bar=False)
    assert bits(parts) == bits(whole)
    assert len(outcome.heldout) == EPOCHS
    ours, theirs = (Snapshot.read(Files(str(prefix)).resume) for prefix in (parts, whole))
    assert ours.notes == theirs.notes
    assert ours.optimizer == theirs.optimizer


def test_more_epochs_go_on_from_the_last(tmp_path: Path, text: Path) -> None:
    how = settings(text)
    start(SMALL, how, str(tmp_path / "whole"), False).run(3, bar=False)
    start(SMALL, how, str(tmp_path / "parts"), False).run(1, bar=False)
    resume({}, {}, str(tmp_path / "parts")).run(3, bar=False)
    assert bits(tmp_path / "parts", 3) == bits(tmp_path / "whole", 3)


@pytest.mark.parametrize("cells", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
def test_every_cell_learns(tmp_path: Path, text: Path, cells: str, fused: bool) -> None:
    model = ModelSettings(cells=cells, fused=fused, layers=1, hidden=12, embed=8, dropout=0.0)
    outcome = start(model, settings(text, lr=0.02, lr_decay=1.0), str(tmp_path / "lm"), False).run(6, bar=False)
    assert outcome.heldout[-1] < 0.6 * outcome.data.unigram
    lines = Writer(str(tmp_path / "lm"), lines=3).write("the", temperature=0.5, seed=3)
    assert all(line.startswith("the") for line in lines)


def test_fused_and_unfused_start_alike(tmp_path: Path, text: Path) -> None:
    """Weights saved by one form mean the same to the other: same outputs at the first scoring."""
    start(SMALL, settings(text), str(tmp_path / "fused"), False).run(1, bar=False)
    card = Card.read(Files(str(tmp_path / "fused")).card)
    writers = []
    for form in ("fused", "unfused"):
        for path in tmp_path.glob("fused*"):
            (tmp_path / path.name.replace("fused", form)).write_bytes(path.read_bytes())
        writers.append(Writer(str(tmp_path / form), lines=4).write(temperature=0))
    assert card.model == SMALL
    assert writers[0] == writers[1]


def test_written_files(tmp_path: Path, text: Path) -> None:
    start(SMALL, settings(text), str(tmp_path / "lm"), False).run(1, bar=False)
    names = sorted(path.name for path in tmp_path.glob("lm*"))
    assert names == ["lm-0001.params", "lm-curve.png", "lm-resume.state", "lm-symbol.json", "lm-vocab.json"]
    assert (tmp_path / "lm-curve.png").read_bytes().startswith(b"\x89PNG")
    symbol, arg_params, _ = mx.model.load_checkpoint(str(tmp_path / "lm"), 1)
    assert symbol.list_outputs() == ["softmax_output"]
    assert "lstm_l1_h2h_f_weight" in arg_params


def test_sampling_is_seeded_and_never_writes_marks(tmp_path: Path, text: Path) -> None:
    start(SMALL, settings(text), str(tmp_path / "lm"), False).run(1, bar=False)
    writer = Writer(str(tmp_path / "lm"), lines=20)
    first = writer.write(temperature=3.0, seed=5)
    assert first == writer.write(temperature=3.0, seed=5) != writer.write(temperature=3.0, seed=6)
    assert not any(mark in line for line in first for mark in ("<bos>", "<eos>", "<unk>"))


class TestRefusals:
    def test_a_run_is_not_overwritten(self, tmp_path: Path, text: Path) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(1, bar=False)
        before = bits(tmp_path / "lm", 1)
        with pytest.raises(ArgumentError, match=r"--resume.*--overwrite"):
            start(SMALL, settings(text), prefix, False)
        assert bits(tmp_path / "lm", 1) == before

    def test_other_settings_are_not_resumed(self, tmp_path: Path, text: Path) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(1, bar=False)
        with pytest.raises(ArgumentError, match="--hidden 9 was asked for, but the saved run has 8"):
            resume({"hidden": 9}, {}, prefix)

    def test_another_text_is_not_resumed(self, tmp_path: Path, text: Path) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(1, bar=False)
        text.write_text(text.read_text() + "\nthe cow sees")
        with pytest.raises(ArgumentError, match="another text"):
            resume({}, {}, prefix)

    def test_nothing_to_resume(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="no run to resume"):
            resume({}, {}, str(tmp_path / "lm"))

    def test_a_text_that_fits_no_bucket(self, tmp_path: Path, text: Path) -> None:
        how = TrainingSettings(text=str(text), limit=None, buckets=(3,))
        with pytest.raises(ArgumentError, match="longer than the largest bucket"):
            start(SMALL, how, str(tmp_path / "lm"), False)
        assert not list(tmp_path.glob("lm*"))

    def test_parameters_of_another_model(self, tmp_path: Path, text: Path) -> None:
        start(SMALL, settings(text), str(tmp_path / "a"), False).run(1, bar=False)
        other = ModelSettings(layers=2, hidden=9, embed=6)
        start(other, settings(text), str(tmp_path / "b"), False).run(1, bar=False)
        (tmp_path / "a-0001.params").write_bytes((tmp_path / "b-0001.params").read_bytes())
        with pytest.raises(ArgumentError, match="is not of the model"):
            Writer(str(tmp_path / "a"))

    @pytest.mark.parametrize(
        ("entry", "content"),
        [
            ("notes", b'{"epoch": 1}'),
            ("notes", b"[]"),
            ("notes", b"\xff"),
            ("notes", b'{"epoch":1,"batch":0,"fingerprint":"","metric":3,"curve":{}}'),
            ("generator", b"12345"),
            ("optimizer", b"12345"),
        ],
    )
    def test_a_broken_training_state(self, tmp_path: Path, text: Path, entry: str, content: bytes) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(1, bar=False)
        path = tmp_path / "lm-resume.state"
        entries = mx.nd.load(path)
        entries[entry] = mx.nd.array(np.frombuffer(content, dtype=np.uint8), dtype="uint8")
        mx.nd.save(path, entries)
        with pytest.raises(MXNetError, match=r"lm-resume\.state"):
            resume({}, {}, prefix)

    def test_a_vocabulary_of_another_text(self, tmp_path: Path, text: Path) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(1, bar=False)
        card = tmp_path / "lm-vocab.json"
        content = json.loads(card.read_text())
        content["vocabulary"]["tokens"].pop()
        card.write_text(json.dumps(content))
        with pytest.raises(FormatError, match=r"lm-vocab\.json, card: vocabulary"):
            resume({}, {}, prefix)

    def test_an_overwritten_run_stays_until_there_is_another(self, tmp_path: Path, text: Path) -> None:
        prefix = str(tmp_path / "lm")
        start(SMALL, settings(text), prefix, False).run(2, bar=False)
        before = bits(tmp_path / "lm", 2)
        run = start(SMALL, settings(text, seed=1), prefix, True)
        assert bits(tmp_path / "lm", 2) == before
        run.run(1, bar=False)
        assert Files(prefix).epochs() == [1]

    @pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"format": "x"}', b"[" * 100_000])
    def test_a_broken_card(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "lm-vocab.json").write_bytes(content)
        with pytest.raises(FormatError, match=r"lm-vocab\.json"):
            Writer(str(tmp_path / "lm"))

    def test_an_epoch_that_is_not_there(self, tmp_path: Path, text: Path) -> None:
        start(SMALL, settings(text), str(tmp_path / "lm"), False).run(1, bar=False)
        with pytest.raises(ArgumentError, match="--epoch: expected one of 1, got 7"):
            Writer(str(tmp_path / "lm"), epoch=7)
