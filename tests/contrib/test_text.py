"""Vocabularies, counts and embeddings: real MXNet's, but for what it gets wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError, FormatError, NotSupportedError, ShapeError
from rennet.contrib.text import embedding, vocab
from rennet.contrib.text.vectors_file import read_vectors
from same_script import run_here

VOCABULARY = """
from collections import Counter
words = mx.contrib.text.vocab.Vocabulary(counter if counter is None else Counter(counter), **options)
found = [words.idx_to_token, words.token_to_idx, len(words), words.unknown_token, words.reserved_tokens]
found += [words.to_indices("b"), words.to_indices(["zz", "a", "<pad>"]), words.to_tokens(0)]
found += [words.to_tokens(list(range(len(words))))]
"""


@settings(max_examples=60)
@given(
    counter=st.none()
    | st.dictionaries(st.sampled_from(["a", "b", "c", "B", "<unk>", "<pad>", "?"]), st.integers(0, 4)),
    most_freq_count=st.none() | st.integers(0, 6),
    min_freq=st.integers(1, 3),
    unknown_token=st.sampled_from(["<unk>", "?"]),
    reserved_tokens=st.sampled_from([None, [], ["<pad>"], ["<eos>", "b"]]),
)
def test_vocabularies(oracle: Oracle, counter: dict[str, int] | None, **options: Any) -> None:
    inputs = {"counter": counter, "options": options}
    assert run_here(VOCABULARY, ["found"], inputs) == oracle.build(VOCABULARY, ["found"], inputs=inputs)


COUNT = """
from collections import Counter
count = mx.contrib.text.utils.count_tokens_from_str
counter = Counter({"a": 2})
found = [dict(count(text, **options)), count(text, counter_to_update=counter, **options) is counter, dict(counter)]
"""


@settings(max_examples=40)
@given(
    text=st.text("aAb *\n|.", max_size=20),
    token_delim=st.sampled_from([" ", r"\\*", "[ *]+", r"\|"]),
    seq_delim=st.sampled_from(["\n", r"\."]),
    to_lower=st.booleans(),
)
def test_counts(oracle: Oracle, text: str, **options: Any) -> None:
    inputs = {"text": text, "options": options}
    assert run_here(COUNT, ["found"], inputs) == oracle.build(COUNT, ["found"], inputs=inputs)


EMBEDDING = """
import warnings
from collections import Counter
text = mx.contrib.text
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    words = text.embedding.CustomEmbedding(path, delimiter, "utf8", mx.nd.ones, **options)
    narrow = text.vocab.Vocabulary(Counter(["hello", "zzz", "world", "zzz"]), reserved_tokens=["<pad>"])
    for_vocabulary = text.embedding.CustomEmbedding(path, delimiter, init_unknown_vec=mx.nd.ones, vocabulary=narrow)
    both = text.embedding.CompositeEmbedding(narrow, [words, for_vocabulary])
    alone = text.embedding.CompositeEmbedding(narrow, words)
found = {"warnings": len(caught)}
for name, each in (("words", words), ("narrow", for_vocabulary), ("both", both), ("alone", alone)):
    found[name] = [each.idx_to_token, each.token_to_idx, each.vec_len, each.idx_to_vec, each.reserved_tokens]
    found[name] += [each.get_vecs_by_tokens("hello"), each.get_vecs_by_tokens(["HELLO", "moon", "World"], True)]
    found[name] += [each.get_vecs_by_tokens(["HELLO", "moon"]), each.unknown_token, each.to_indices(["world", "x"])]
size = words.vec_len
words.update_token_vectors("hello", mx.nd.arange(size))
words.update_token_vectors(["world"], mx.nd.arange(size).reshape((1, size)) * 2)
words.update_token_vectors([words.unknown_token, "hello"], mx.nd.arange(2 * size).reshape((2, size)) * 3)
found["updated"] = words.idx_to_vec
"""
FILES = {
    "plain": "hello 1 2 3\nworld 4 5 6\n",
    "header, again": "2 3\nhello 1 2 3\nworld 0.1 -5e-3 6\nhello 7 8 9\n<pad> 9 9 9\nhello 1 2\n",
    "unknown": "hello 1 2\n<unk> 7 8\nworld 4 5\n<unk> 1 2\nWorld 3 3  \n",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize(
    ("delimiter", "options"), [(" ", {}), ("\t", {"unknown_token": "<unk>"})], ids=["space", "tab"]
)
def test_embeddings(oracle: Oracle, tmp_path: Path, content: str, delimiter: str, options: dict[str, Any]) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content.replace(" ", delimiter))
    inputs = {"path": str(path), "delimiter": delimiter, "options": options}
    ours, theirs = run_here(EMBEDDING, ["found"], inputs), oracle.build(EMBEDDING, ["found"], inputs=inputs)
    np.testing.assert_equal(ours, theirs)
    assert ours["found"]["words"][3].dtype == np.float32


def test_reserved_tokens_have_rows_too(tmp_path: Path) -> None:  # MXNet's vectors stand one row too high then
    path = tmp_path / "vectors.txt"
    path.write_text("hello 1 2\n<pad> 3 4\n")
    words = embedding.CustomEmbedding(str(path), reserved_tokens=["<pad>", "<eos>"], init_unknown_vec=mx.nd.ones)
    assert words.idx_to_token == ["<unk>", "<pad>", "<eos>", "hello"]
    assert words.idx_to_vec.asnumpy().tolist() == [[1, 1], [3, 4], [1, 1], [1, 2]]


def test_only_the_unknown_token_of_a_vocabulary(tmp_path: Path) -> None:  # MXNet fails
    path = tmp_path / "vectors.txt"
    path.write_text("hello 1 2\n")
    words = embedding.CustomEmbedding(str(path), vocabulary=vocab.Vocabulary())
    assert words.idx_to_vec.asnumpy().tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 2\nb 1 2 3\n", "line 2: vector of 'b': expected 2 numbers, got 3"),
        ("a 1 2\nb\n", "line 2: vector: expected a token, ' ' and numbers, got 'b'"),
        ("a 1 b\n", "line 1: vector of 'a': expected numbers, got could not convert string to float: 'b'"),
        ("", "vectors: expected at least one, got none"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(FormatError, match=message):
        read_vectors(path, " ", "utf8")


def test_published_files(oracle: Oracle) -> None:
    script = "names = mx.contrib.text.embedding.get_pretrained_file_names()"
    ours, theirs = run_here(script, ["names"])["names"], oracle.build(script, ["names"])["names"]
    assert ours["glove"] == theirs["glove"] == embedding.get_pretrained_file_names("GloVe")
    assert sorted(ours["fasttext"]) == sorted(theirs["fasttext"])


@pytest.mark.parametrize(("name", "file"), [("glove", "glove.6B.50d.txt"), ("FastText", "wiki.simple.vec")])
def test_published_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    place = tmp_path / "embeddings" / name.lower() / file
    with pytest.raises(NotSupportedError, match=rf"{name.lower()}/{file}: expected a file of https.*downloads nothing"):
        embedding.create(name, pretrained_file_name=file)
    place.parent.mkdir(parents=True)
    place.write_text("hello 1 2 3\n")
    given_root = embedding.create(name, pretrained_file_name=file, embedding_root=str(tmp_path / "embeddings"))
    assert given_root.idx_to_vec.asnumpy().tolist() == [[0, 0, 0], [1, 2, 3]]
    narrow = vocab.Vocabulary(Counter(["there"]))
    assert embedding.create(name, pretrained_file_name=file, vocabulary=narrow).idx_to_token == ["<unk>", "there"]
    with pytest.raises(ArgumentError, match="pretrained_file_name: expected one of "):
        embedding.create(name, pretrained_file_name="mine.txt")


def test_an_embedding_of_ones_own() -> None:
    @embedding.register
    class OwnForThisTest(embedding.TokenEmbedding):
        pretrained_file_name_sha1 = {"own.txt": "0" * 40}  # noqa: RUF012

    assert type(embedding.create("ownforthistest")) is OwnForThisTest
    assert embedding.get_pretrained_file_names("ownforthistest") == ["own.txt"]
    with pytest.raises(ArgumentError, match="OwnForThisTest: expected vectors, got none"):
        OwnForThisTest().idx_to_vec
    with pytest.raises(ArgumentError, match="embedding_name: expected one of fasttext, glove"):
        embedding.get_pretrained_file_names("word2vec")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda _: vocab.Vocabulary(min_freq=0), ArgumentError, "min_freq: expected a positive number, got 0"),
        (lambda _: vocab.Vocabulary(most_freq_count=-1), ArgumentError, "most_freq_count: expected None or a whole"),
        (lambda _: vocab.Vocabulary({"a": 1}), ArgumentError, "counter: expected a collections.Counter, got dict"),  # pyright: ignore
        (lambda _: vocab.Vocabulary(reserved_tokens=["<unk>"]), ArgumentError, "expected none of them unknown"),
        (
            lambda _: vocab.Vocabulary(reserved_tokens=["a", "a"]),
            ArgumentError,
            r"expected each once, got more of \['a'\]",
        ),
        (lambda words: words.to_tokens(2), ArgumentError, "expected whole numbers from 0 to 1, got 2"),
        (lambda words: words.to_tokens([-1]), ArgumentError, "got -1"),  # MXNet's gives the last token
        (lambda words: words.to_tokens(1.0), ArgumentError, "got 1.0"),
        (
            lambda words: words.update_token_vectors("x", mx.nd.ones(2)),
            ArgumentError,
            r"got \['x'\]; to change .*'<unk>'",
        ),
        (
            lambda words: words.update_token_vectors("a", mx.nd.ones(3)),
            ShapeError,
            r"expected shape \(1, 2\), got \(3,\)",
        ),
        (lambda words: words.update_token_vectors("a", [1, 2]), ArgumentError, "new_vectors: expected an NDArray"),
        (lambda words: embedding.CompositeEmbedding(words, []), ArgumentError, "expected one or more TokenEmbeddings"),
        (lambda words: embedding.CompositeEmbedding(["a"], words), ArgumentError, "vocabulary: expected a contrib"),  # pyright: ignore
        (lambda _: embedding.CustomEmbedding("nowhere.txt"), ArgumentError, "got nowhere.txt, which is no file"),
    ],
)
def test_arguments_that_make_no_sense(tmp_path: Path, make: Any, error: type[Exception], message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("a 1 2\n")
    with pytest.raises(error, match=message):
        make(embedding.CustomEmbedding(path))
