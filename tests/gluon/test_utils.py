"""Helpers of training loops."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, ShapeError
from rennet.gluon import utils

from .script import assert_same


def test_splitting(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
x = ramp(4, 3)
split, load = gluon.utils.split_data, gluon.utils.split_and_load
note("even", [split(x, 2), split(x, 4), split(x, 3, batch_axis=1), split(x, 1)])
note("uneven", [split(x, 3, even_split=False), split(ramp(7, 2), 3, even_split=False), fails(split, x, 3)])
for name, parts in {
    "array of NumPy's": load(np.arange(6.0).reshape(3, 2), [mx.cpu(0), mx.cpu(1)], even_split=False),
    "one device": load(x, [mx.cpu(1)]),
    "other axis": load(x, [mx.cpu(1), mx.cpu(0), mx.cpu(2)], batch_axis=1),
}.items():
    note(name, [[str(each.context), each] for each in parts])
x.attach_grad()
with autograd.record():
    a, b = split(x, 2)
    loss = (a * 2 + b * 3).sum()
loss.backward()
note("gradient", x.grad)
""",
    )


def test_clipping(oracle: Oracle) -> None:
    assert_same(
        oracle,
        """
clip = gluon.utils.clip_global_norm
for bound in (1.0, 100.0):
    for check in (True, False):
        arrays = [nd.array([3.0, 4.0]), nd.array([[12.0]])]
        norm = clip(arrays, bound, check_isfinite=check)
        note("%s %s" % (bound, check), [float(norm if check else norm.asscalar()), arrays])
        note("kind %s %s" % (bound, check), isinstance(norm, nd.NDArray))
note("infinite", [warned(clip, [nd.array([np.inf, 4.0])], 1.0), warned(clip, [nd.array([np.nan])], 1.0, False)])
note("nothing", fails(clip, [], 1.0))
""",
    )


def test_download_of_local_files(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(b"hello")
    digest = hashlib.sha1(b"hello").hexdigest()
    assert utils.check_sha1(source, digest)
    assert not utils.check_sha1(source, "00")
    folder = tmp_path / "folder"
    folder.mkdir()
    url = source.as_uri()
    assert utils.download(url, folder) == str(folder / "source.txt")
    target = tmp_path / "new" / "name.txt"
    assert utils.download(url, target, sha1_hash=digest) == str(target)
    assert target.read_bytes() == b"hello"
    source.write_bytes(b"changed")
    utils.download(url, target, sha1_hash=digest)  # is the right one already
    assert target.read_bytes() == b"hello"
    with pytest.raises(MXNetError, match="expected a SHA-1 of 00"):
        utils.download(url, target, sha1_hash="00", retries=0)
    assert target.read_bytes() == b"hello"
    utils.download(url, target, overwrite=True)
    assert target.read_bytes() == b"changed"


def test_messages(tmp_path: Path) -> None:
    x = mx.nd.array(np.zeros((4, 3)))
    with pytest.raises(ShapeError, match="Too many slices"):
        utils.split_data(x, 5, even_split=False)
    with pytest.raises(ShapeError, match="cannot be evenly split into 3 slices along axis 0"):
        utils.split_data(x, 3)
    with pytest.raises(ArgumentError, match="num_slice: expected a whole number"):
        utils.split_data(x, 0)
    with pytest.raises(ArgumentError, match="verify_ssl=False"):
        utils.download("https://localhost/x", verify_ssl=False)
    with pytest.raises(ArgumentError, match="expected http, https or file"):
        utils.download("ftp://localhost/x")
    with pytest.raises(ArgumentError, match="retries"):
        utils.download("file:///x", retries=-1)
    with pytest.raises(MXNetError, match="download: file:///nothing"):
        utils.download("file:///nothing", tmp_path / "x", retries=0)
