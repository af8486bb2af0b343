"""The command line as a user meets it: help, exit codes, one line for a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rennet.cli import main

TEXT = "\n".join(
    f"the {noun} {verb} the {thing}"
    for noun in ["cat", "dog", "cow"]
    for verb in ["sees", "hears"]
    for thing in ["tree", "house", "barn"]
)
SMALL = [
    "--hidden",
    "6",
    "--embed",
    "5",
    "--layers",
    "1",
    "--epochs",
    "1",
    "--buckets",
    "8",
    "--lines",
    "2",
    "--min-count",
    "1",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_train_then_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--text", "text.txt", *SMALL) == 0
    out = capsys.readouterr().out
    assert "unigram" in out
    assert "epoch 1: held-out perplexity" in out
    assert len(out.split("sampled lines:\n")[1].splitlines()) == 2
    assert run("sample", "lm", "--prime", "the cat", "--lines", "3", "--seed", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("the cat") for line in lines)


def test_resume_keeps_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--text", "text.txt", *SMALL) == 0
    assert run("train", "--resume", "--epochs", "2", "--lines", "0") == 0
    assert "epoch 2: held-out perplexity" in capsys.readouterr().out


MISTAKES = {
    "missing file": (["train", "--text", "nowhere.txt"], "nowhere.txt"),
    "a folder": (["train", "--text", "."], "."),
    "empty text": (["train", "--text", "empty.txt"], "empty"),
    "too long": (["train", "--text", "text.txt", "--buckets", "4"], "longer than the largest bucket"),
    "unknown cell": (["train", "--cells", "foo"], "--cells"),
    "unknown optimizer": (["train", "--optimizer", "foo"], "--optimizer"),
    "unknown option": (["train", "--foo"], "--foo"),
    "no number": (["train", "--hidden", "many"], "--hidden"),
    "negative": (["train", "--epochs", "0"], "--epochs"),
    "dropout of one": (["train", "--text", "text.txt", "--dropout", "1"], "dropout"),
    "no learning rate": (["train", "--text", "text.txt", "--lr", "nan"], "lr"),
    "negative seed": (["train", "--text", "text.txt", "--seed", "-1"], "--seed"),
    "huge seed": (["train", "--text", "text.txt", "--seed", str(10**30)], "--seed"),
    "negative seed of a sample": (["sample", "lm", "--seed", "-1"], "--seed"),
    "tiny vocabulary": (["train", "--text", "text.txt", "--max-vocabulary", "3"], "--max-vocabulary"),
    "buckets": (["train", "--text", "text.txt", "--buckets", "a,b"], "--buckets"),
    "bidirectional": (["train", "--bidirectional"], "must not see the token"),
    "unwritable prefix": (["train", "--text", "text.txt", "--prefix", "no/such/folder/lm"], "no/such/folder"),
    "prefix is a folder": (["train", "--text", "text.txt", "--prefix", "./"], "--prefix"),
    "no GPU of that number": (["train", "--text", "text.txt", "--device", "gpu:99"], "--device"),
    "no such device": (["train", "--text", "text.txt", "--device", "tpu"], "--device"),
    "no run": (["train", "--resume"], "no run to resume"),
    "no model": (["sample", "nowhere"], "nowhere-vocab.json"),
    "no prefix": (["sample"], "PREFIX"),
    "no command": (["dance"], "dance"),
}


@pytest.mark.parametrize(("arguments", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], named: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty.txt").write_text("\n \n")
    before = sorted(path.name for path in folder.iterdir())
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("rennet: ")
    assert named in line
    assert captured.out == ""
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_checkpoint_of_another_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--text", "text.txt", *SMALL) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run("train", "--text", "text.txt", "--resume", "--hidden", "7") == 2
    assert "--hidden 7 was asked for, but the saved run has 6" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_divergence_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--text", "text.txt", *SMALL, "--lr", "1e20") == 0
    assert "try a lower --lr" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["sample", "--help"], ["--version"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 0
    assert capsys.readouterr().out.strip()


def test_installed_command_interrupted(folder: Path) -> None:
    """Ctrl-C in a real process: saved, exit code 130, and resumed."""
    program = (
        "import signal, threading, rennet._language_model.training as t\n"
        "from rennet.cli import main\n"
        "original = t.Curve.add\n"
        "def add(self, update, *args, **kwargs):\n"
        "    if update == 2: signal.raise_signal(signal.SIGINT)\n"
        "    original(self, update, *args, **kwargs)\n"
        "t.Curve.add = add\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "train", "--text", "text.txt", *SMALL, "--batch-size", "3"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 130, done.stderr
    assert "saved. Go on with: rennet train --prefix lm --resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("train", "--resume", "--epochs", "1", "--lines", "0") == 0
