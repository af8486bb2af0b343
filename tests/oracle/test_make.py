"""Making the environment, without the hundred megabytes: what is refused, and what is taken for complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import make


def run(environment: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, make.__file__],
        env={**os.environ, "RENNET_ORACLE": str(environment), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def pretend(environment: Path, said: str) -> None:
    """An environment whose Python says `said`, whatever it is asked."""
    python = make.python_of(environment)
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho '{said}'\n")
    python.chmod(0o755)
    (environment / "pyvenv.cfg").touch()


@pytest.mark.parametrize(
    ("chosen", "cache", "expected"),
    [
        ("/a/b", "/cache", "/a/b"),
        (None, "/cache", "/cache/rennet/oracle"),
        (None, None, "/home/me/.cache/rennet/oracle"),
        ("~/b", None, "/home/me/b"),
        ("", "", "/home/me/.cache/rennet/oracle"),
    ],
)
def test_location(monkeypatch: pytest.MonkeyPatch, chosen: str | None, cache: str | None, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in (("RENNET_ORACLE", chosen), ("XDG_CACHE_HOME", cache)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert make.location() == Path(expected)


def test_one_made_by_hand_is_adopted_and_then_left_alone(tmp_path: Path) -> None:
    environment = tmp_path / "oracle"
    pretend(environment, "mxnet==1.9.1 numpy==1.23.5")
    assert not make.is_complete(environment)
    adopted = run(environment)
    assert adopted.returncode == 0
    assert "adopted" in adopted.stdout
    assert make.is_complete(environment)
    assert "nothing to do" in run(environment).stdout


def test_without_its_python_it_is_not_complete(tmp_path: Path) -> None:
    environment = tmp_path / "oracle"
    pretend(environment, "mxnet==1.9.1 numpy==1.23.5")
    run(environment)
    make.python_of(environment).unlink()
    assert not make.is_complete(environment)


def test_a_folder_with_other_things_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    refused = run(tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("cannot make the oracle: ")
    assert "found something else" in refused.stderr
    assert (tmp_path / "thesis.tex").exists()


def test_no_suitable_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(make, "PYTHONS", ((2, 0),))
    with pytest.raises(make.CannotMake, match=r"needs Python 2\.0; this is 3\..*none on the PATH"):
        make.make(tmp_path / "oracle")
    assert not (tmp_path / "oracle").exists()


@pytest.mark.slow
def test_a_failed_installation_is_one_line_and_not_complete(tmp_path: Path) -> None:
    environment = tmp_path / "oracle"
    failed = run(environment, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert failed.returncode == 2
    assert len(failed.stderr.splitlines()) == 1
    assert "failed: ERROR" in failed.stderr
    assert not make.is_complete(environment)
