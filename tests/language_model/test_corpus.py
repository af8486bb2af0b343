import dataclasses
import itertools
import re
import subprocess
import sys

import pytest

from rennet._language_model import corpus
from rennet._language_model.corpus import standard_library, text_file
from rennet.base import ArgumentError


@pytest.fixture(scope="module")
def small():
    return standard_library(3000)


@pytest.fixture
def library(tmp_path):
    """A folder of 40 files of Python, some of which have to be held out."""
    for i in range(40):
        folder = tmp_path / f"package{i % 4}"
        folder.mkdir(exist_ok=True)
        (folder / f"m{i}.py").write_text(f'"""Doc."""\nx{i} = {i}  # comment\n\n\ndef f{i}(\n    a,\n): return a\n')
    return tmp_path


def names(sentences):
    return {tokens[0] for tokens in sentences if tokens[0].startswith("x")}


def test_standard_library_lines(library):
    read = standard_library(root=library)
    assert len(read.train) + len(read.heldout) == 80
    assert read.skipped == 0
    assert read.kind == "python"
    assert ["x0", "=", "0"] in read.train + read.heldout
    assert ["def", "f7", "(", "a", ",", ")", ":", "return", "a"] in read.train + read.heldout
    assert not names(read.train) & names(read.heldout)


def test_files_change_sides_only_with_their_path(library):
    before = standard_library(root=library)
    for path in library.rglob("*.py"):
        path.write_text(path.read_text() + "y = 0\n")
    after = standard_library(root=library)
    assert names(before.heldout) == names(after.heldout)
    # Written down, because what is held out must be the same on every machine and with every version.
    assert names(after.heldout) == {"x23"}


def test_limit_is_a_prefix_drawn_from_all_packages(library):
    whole, part = standard_library(root=library), standard_library(20, root=library)
    assert part.train == whole.train[:20]
    assert part.heldout == whole.heldout[: len(part.heldout)]
    assert len(part.heldout) == 2
    packages = {int(name[1:]) % 4 for name in names(part.train)}
    assert packages == {0, 1, 2, 3}


def test_limit_reads_no_more_files_than_needed(library, monkeypatch):
    opened = []
    real = corpus.tokenize.open  # pyright: ignore[reportPrivateImportUsage]
    monkeypatch.setattr(corpus.tokenize, "open", lambda path: opened.append(path) or real(path))  # pyright: ignore[reportPrivateImportUsage]
    standard_library(6, root=library)
    assert len(opened) == 4


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x = (1,\n", id="open bracket"),
        pytest.param(b"x = $\n", id="stray character"),
        pytest.param(b"if x:\n        y\n    z\n", id="dedent"),
        pytest.param(b"# -*- coding: utf-99 -*-\nx\n", id="unknown encoding"),
        pytest.param(b"x = '\xff'\n", id="not utf-8"),
        pytest.param(b"x = '''\n", id="open string"),
        pytest.param(b"x = !y\n", id="exclamation mark"),
    ],
)
def test_broken_files_are_skipped_and_counted(library, content):
    before = standard_library(root=library)
    (library / "broken.py").write_bytes(content)
    after = standard_library(root=library)
    assert dataclasses.replace(after, skipped=0) == before
    assert after.skipped == 1


def test_a_declared_encoding_is_honoured(library):
    (library / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nz = 'é'\n".encode("latin-1"))
    read = standard_library(root=library)
    assert ["z", "=", "'é'"] in read.train + read.heldout


@pytest.mark.parametrize("folder", ["test", "site-packages", "a/tests", "idlelib/idle_test", "config-3.11-x"])
def test_other_folders_are_not_read(library, folder):
    before = standard_library(root=library)
    (library / folder).mkdir(parents=True)
    for i in range(20):
        (library / folder / f"t{i}.py").write_text("never = 1\n")
    assert standard_library(root=library) == before


def test_no_source(tmp_path):
    with pytest.raises(ArgumentError, match=r"found 0 files .*zipped or embedded.*--text FILE"):
        standard_library(root=tmp_path / "python311.zip")


def test_the_real_standard_library(small):
    assert len(small.train) == 3000
    assert len(small.heldout) == 261
    assert small.source.startswith("the standard library of Python 3.")
    assert standard_library(3000) == small
    tokens = set(itertools.chain.from_iterable(small.train))
    assert {"def", "self", "return", "'...'", "("} <= tokens
    assert not any(token.isspace() or "\n" in token or token.startswith("#") for token in tokens)
    assert max(map(len, (token for token in tokens if token[-1] in "'\""))) <= 10 + len("br''''''")


@pytest.mark.parametrize("source", [standard_library, lambda limit: text_file("unread", limit)])
@pytest.mark.parametrize("limit", [0, -3])
def test_limit_is_at_least_one(source, limit):
    with pytest.raises(ArgumentError, match=f"limit: expected .* at least 1, got {limit}"):
        source(limit)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_text_lines(tmp_path):
    lines = [f"line  {i}\tend" for i in range(500)]
    path = write(tmp_path / "a.txt", "\n\n".join(lines))
    read = text_file(path)
    assert sorted(read.train + read.heldout) == sorted(line.split() for line in lines)
    assert 0.04 < len(read.heldout) / 500 < 0.12
    assert (read.source, read.skipped, read.kind) == (str(path), 499, "plain")
    assert text_file(path) == read


def test_text_split_survives_appending(tmp_path):
    lines = "".join(f"line {i}\n" for i in range(200))
    before = text_file(write(tmp_path / "a.txt", lines))
    after = text_file(write(tmp_path / "a.txt", lines + "one more\n" * 100))
    assert after.heldout[: len(before.heldout)] == before.heldout


@pytest.mark.parametrize("start", range(30))
@pytest.mark.parametrize(("lines", "limit", "sizes"), [(1, None, (1, 0)), (2, None, (1, 1)), (2, 1, (1, 1))])
def test_text_of_few_lines(tmp_path, start, lines, limit, sizes):
    read = text_file(write(tmp_path / "a.txt", "".join(f"w{start} {i}\n" for i in range(lines))), limit)
    assert (len(read.train), len(read.heldout)) == sizes


@pytest.mark.parametrize("limit", [1, 2, 10, 100])
def test_text_limit(tmp_path, limit):
    path = write(tmp_path / "a.txt", "".join(f"w {i}\n" for i in range(1000)))
    whole, part = text_file(path), text_file(path, limit)
    assert part.train == whole.train[:limit]
    assert part.heldout == whole.heldout[: len(part.heldout)]
    assert len(part.heldout) == max(1, round(limit * 0.08 / 0.92))


def test_text_limit_does_not_read_on(tmp_path):
    path = write(tmp_path / "a.txt", b"a b\n" * 100_000 + b"\xff")
    assert len(text_file(path, 10).train) == 10


def test_text_line_ends_and_byte_order_mark(tmp_path):
    read = text_file(write(tmp_path / "a.txt", "\ufeffa b\r\nc\rd ü\n".encode()))
    assert sorted(read.train + read.heldout) == [["a", "b"], ["c"], ["d", "ü"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"a\nb \xc3\xbc \xff c\n", r"line 2, byte 6: expected UTF-8 text, got the byte 0xff", id="stray"),
        pytest.param(b"a\nb\n\xc3", r"line 3, byte 1: expected UTF-8 text, got the byte 0xc3", id="cut off"),
        pytest.param("a b".encode("utf-16"), r"line 1, byte 1: expected UTF-8 text", id="utf-16"),
        pytest.param(b"", r"expected text, one sentence a line; the file has no words", id="empty"),
        pytest.param(b" \n\t\n\n", r"expected text, one sentence a line; the file has no words", id="blank"),
    ],
)
def test_text_that_is_none(tmp_path, content, message):
    path = write(tmp_path / "a.txt", content)
    with pytest.raises(ArgumentError, match=re.escape(str(path)) + f".*{message}") as raised:
        text_file(path)
    assert "\n" not in str(raised.value)


def test_text_path_that_is_no_file(tmp_path):
    with pytest.raises(ArgumentError, match=r"no.txt: expected a text file.*No such file"):
        text_file(tmp_path / "no.txt")
    with pytest.raises(ArgumentError, match=re.escape(str(tmp_path)) + r": expected a text file.*[Dd]irectory"):
        text_file(tmp_path)


def test_the_room_itself_does_without_torch():
    program = (
        "import sys, types\n"
        "package = types.ModuleType('rennet')\n"
        f"package.__path__ = {list(__import__('rennet').__path__)!r}\n"
        "sys.modules['rennet'] = package\n"
        "from rennet._language_model import corpus, curve, surface, vocabulary\n"
        "print(*sorted({'torch', 'matplotlib'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
