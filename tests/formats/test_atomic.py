from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rennet._formats.atomic import write_atomic


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "data",
    [b"abc", [b"a", bytearray(b"b"), memoryview(b"c")], iter([b"abc"])],
    ids=["bytes", "chunks", "iterator"],
)
def test_writes_what_it_is_given(tmp_path: Path, data):
    write_atomic(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == b"abc"
    assert names_in(tmp_path) == ["file"]


def test_replaces_a_file(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o444], ids=oct)
def test_keeps_the_mode_of_the_old_file(tmp_path: Path, mode: int):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomic(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_new_file_gets_what_the_umask_leaves(tmp_path: Path, umask: int):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("error", [ValueError("no more"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_failure_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        assert len(names_in(tmp_path)) == 2, "the temporary file should be in the same directory"
        raise error

    with pytest.raises(type(error)):
        write_atomic(path, chunks())
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_failed_sync_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="no directory is synced there")
def test_syncs_the_file_before_it_is_renamed_and_the_directory_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    synced = []

    def record(descriptor: int) -> None:
        synced.append(("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    write_atomic(path, b"new")
    assert synced == [("file", False), ("directory", True)]


@pytest.mark.skipif(os.name == "nt", reason="no directory is synced there")
def test_a_file_system_that_cannot_sync_directories_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse_directories)
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_errors_of_the_system_come_through(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", b"new")
    with pytest.raises(OSError):
        write_atomic(tmp_path, b"new")


def test_errors_name_the_file_that_was_meant(tmp_path: Path):
    for path in (tmp_path / "missing" / "file", tmp_path / ("n" * 300)):
        with pytest.raises(OSError) as caught:
            write_atomic(path, b"new")
        assert caught.value.filename == str(path)
        assert "tmp" not in str(caught.value).replace(str(tmp_path), "")


def test_a_name_as_long_as_a_name_can_be(tmp_path: Path):
    path = tmp_path / ("n" * 255)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege there")
def test_a_symbolic_link_stays_one(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, [b"new", b"er"])
    reader.join()
    assert got == [b"newer"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
