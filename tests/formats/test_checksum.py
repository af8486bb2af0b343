"""Checksums beside files: written on request, renewed, verified wherever files are read."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

import rennet as mx
from rennet._formats.atomic import write_atomic
from rennet.base import FormatError


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_on_request_and_renewed(tmp_path: Path) -> None:
    path, beside = tmp_path / "a.params", tmp_path / "a.params.sha256"
    mx.nd.save(path, {"w": mx.nd.ones(2)})
    assert names_in(tmp_path) == ["a.params"]
    mx.nd.save(path, {"w": mx.nd.ones(2)}, checksum=True)
    assert beside.read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  a.params\n"
    mx.nd.save(path, {"w": mx.nd.zeros(3)})
    assert beside.read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  a.params\n"
    assert mx.nd.load(path)["w"].shape == (3,)


def test_damage_that_the_format_cannot_see(tmp_path: Path) -> None:
    path = tmp_path / "a.params"
    mx.nd.save(path, [mx.nd.ones(2)], checksum=True)
    raw = bytearray(path.read_bytes())
    raw[-12] ^= 1  # in the data
    path.write_bytes(raw)
    mend = r"The file was damaged or replaced; if it is meant to be so, remove a\.params\.sha256"
    with pytest.raises(
        FormatError, match=rf"a\.params, whole file: checksum: expected \w{{64}}, got \w{{64}}\. {mend}"
    ):
        mx.nd.load(path)
    (tmp_path / "a.params.sha256").unlink()
    assert len(mx.nd.load(path)) == 1


def test_the_checksum_explains_what_else_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.params"
    mx.nd.save(path, [mx.nd.ones(2)], checksum=True)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FormatError, match="checksum: expected"):
        mx.nd.load(path)
    path.with_name("a.params.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(FormatError, match="truncated"):
        mx.nd.load(path)


def test_graphs_and_states(tmp_path: Path) -> None:
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    module = mx.mod.Module(net, label_names=None)
    module.bind([("data", (1, 3))])
    module.init_params()
    module.init_optimizer()
    for path in (tmp_path / "a-symbol.json", tmp_path / "a.states"):
        path.with_name(f"{path.name}.sha256").write_text("0" * 64)
    net.save(tmp_path / "a-symbol.json")
    module.save_optimizer_states(tmp_path / "a.states")
    mx.sym.load(tmp_path / "a-symbol.json")
    module.load_optimizer_states(tmp_path / "a.states")
    for path in (tmp_path / "a-symbol.json", tmp_path / "a.states"):
        path.with_name(f"{path.name}.sha256").write_text("0" * 64)
    with pytest.raises(FormatError, match="checksum: expected 0000"):
        mx.sym.load(tmp_path / "a-symbol.json")
    with pytest.raises(FormatError, match="checksum: expected 0000"):
        module.load_optimizer_states(tmp_path / "a.states")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_names_that_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "od\\d\n.params"
    mx.nd.save(path, [mx.nd.ones(2)], checksum=True)
    beside = path.with_name(f"{path.name}.sha256")
    ours = beside.read_text()
    theirs = subprocess.run(["sha256sum", path.name], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert ours == theirs
    assert ours.startswith("\\")
    assert len(mx.nd.load(path)) == 1
    beside.write_text("\\" + "0" * 64 + theirs[65:])
    with pytest.raises(FormatError, match="checksum: expected 0000"):
        mx.nd.load(path)


@pytest.mark.parametrize("text", ["", "nothing", "0" * 63, "g" * 64, "0" * 65])
def test_what_is_no_checksum(tmp_path: Path, text: str) -> None:
    mx.nd.save(tmp_path / "a", [mx.nd.ones(2)])
    (tmp_path / "a.sha256").write_text(text)
    with pytest.raises(FormatError, match=r"a\.sha256, byte 0: checksum: expected 64 digits of base 16"):
        mx.nd.load(tmp_path / "a")


def test_no_moment_has_the_checksum_of_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash right after the renaming leaves the new file without a checksum."""
    path = tmp_path / "a"
    write_atomic(path, b"old", checksum=True)
    replace = Path.replace

    def crash(self: Path, target: Path) -> Path:
        replace(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")
    assert names_in(tmp_path) == ["a"]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("kvstore", [None, "device"])
def test_a_trainers_states(tmp_path: Path, kvstore: str | None) -> None:
    """Verified, and errors name the file."""
    net = mx.gluon.nn.Dense(1, in_units=1)
    net.initialize()
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", kvstore=kvstore, update_on_kvstore=kvstore is not None)
    with mx.autograd.record():
        loss = net(mx.nd.ones((1, 1)))
    loss.backward()
    trainer.step(1)
    path = tmp_path / "a.states"
    trainer.save_states(path)
    trainer.load_states(path)
    path.with_name("a.states.sha256").write_text("0" * 64)
    with pytest.raises(FormatError, match=r"a\.states, whole file: checksum: expected 0000"):
        trainer.load_states(path)
    path.with_name("a.states.sha256").unlink()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"^\S*a\.states, byte \d+: name"):
        trainer.load_states(path)
