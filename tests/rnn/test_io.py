"""Sentences to numbers, and numbers to batches, beside what real MXNet does with the same seeds."""

from __future__ import annotations

import copy
import gc
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet.base import ArgumentError
from rennet.rnn import BucketSentenceIter, encode_sentences
from rennet.rnn.encoding import RUN
from same_script import run_here

words = st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), max_size=6)


# encode_sentences


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=words, invalid_label=st.integers(-1, 4), start_label=st.integers(0, 4))
def test_a_new_vocabulary(oracle: Oracle, sentences: list[list[str]], invalid_label: int, start_label: int) -> None:
    script = "coded, vocab = mx.rnn.encode_sentences(sentences, invalid_label=invalid, start_label=start)"
    given = {"sentences": sentences, "invalid": invalid_label, "start": start_label}
    assert run_here(script, ["coded", "vocab"], given) == oracle.build(script, ["coded", "vocab"], given)


def test_t10_an_unknown_word_has_one_number_of_its_own() -> None:
    vocab = {"a": 0, "b": 1}
    coded, same = encode_sentences([["x", "a"], ["y", "x"]], vocab, unknown_token="UNK")
    assert coded == [[2, 0], [2, 2]]
    assert same is vocab
    assert vocab == {"a": 0, "b": 1, "UNK": 2}
    assert encode_sentences([["z", "b"]], vocab, unknown_token="UNK")[0] == [[2, 1]]
    assert encode_sentences([["z"]], {"a": 0}, invalid_label=7, unknown_token="?")[0] == [[8]]


def test_t09_t11_what_becomes_of_an_unknown_word_is_said() -> None:
    """With a vocabulary and nothing said, it is an error, and the vocabulary stays as it was."""
    vocab = {"a": 0}
    with pytest.raises(ArgumentError, match="'x' is not in the vocabulary; give unknown_token, or unknown='skip'"):
        encode_sentences([["a", "x"]], vocab)
    with pytest.raises(ArgumentError, match="'x' is not in the vocabulary"):
        encode_sentences([["a", "x"]], vocab, unknown="raise")
    assert encode_sentences([["x", "a"], ["y"]], vocab, unknown="skip") == ([[0], []], {"a": 0})
    assert encode_sentences([["x"]], vocab, unknown_token="?", unknown="map")[0] == [[1]]
    assert vocab == {"a": 0, "?": 1}
    coded, same = encode_sentences([["y", "a", "z"], ["z"]], vocab, unknown="add")
    assert coded == [[2, 0, 3], [3]]
    assert same is vocab
    assert vocab == {"a": 0, "?": 1, "y": 2, "z": 3}
    assert encode_sentences([["b"]], {"a": 3}, invalid_label=4, unknown="add")[0] == [[5]]
    assert type(encode_sentences([["b"]])[1]) is dict, "asking a vocabulary for a word does not add it"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unknown": "ignore"}, "unknown: expected one of add, map, raise, skip; got 'ignore'"),
        ({"unknown": "skip", "vocab": None}, "unknown='skip' needs a vocab; without one every word is new"),
        ({"unknown": "map"}, "unknown_token goes with unknown='map', and unknown='map' with it"),
        ({"unknown": "skip", "unknown_token": "?"}, "unknown_token goes with unknown='map'"),
    ],
)
def test_contradictions_about_unknown_words(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"encode_sentences: {message}"):
        encode_sentences([["x"]], **{"vocab": {"a": 0}, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vocab": ["a"]}, "vocab: expected a dict of words to numbers, got list"),
        ({"vocab": {"a": "1"}}, r"vocab\['a'\]: expected a number, got '1'"),
        ({"sentences": 5}, "sentences: expected a list of lists of words, got 5"),
        ({"sentences": None}, "sentences: expected a list of lists of words, got None"),
        ({"sentences": [["a"], 5]}, r"sentences\[1\]: expected the words of a sentence, got 5"),
        ({"sentences": iter([["a"], None])}, r"sentences\[1\]: expected the words of a sentence, got None"),
        ({"sentences": [[["a"]]]}, r"sentences\[0\]: expected words, got \['a'\] among them"),
        ({"sentences": [[{}]], "vocab": {"a": 0}, "unknown": "skip"}, r"sentences\[0\]: expected words, got {} among"),
        ({"sentences": [iter([["a"]])]}, r"sentences\[0\]: expected words; unhashable type: 'list'"),
        ({"invalid_label": "x"}, "invalid_label: expected a whole number, got 'x'"),
        ({"start_label": 1.5}, "start_label: expected a whole number, got 1.5"),
        ({"invalid_key": ["a"]}, "invalid_key: expected a word, got list"),
        ({"vocab": {}, "unknown_token": ["a"]}, "unknown_token: expected a word, got list"),
    ],
)
def test_what_is_no_sentence_or_vocabulary(given: dict[str, Any], message: str) -> None:
    vocab = given.get("vocab")
    before = copy.copy(vocab)
    with pytest.raises(ArgumentError, match=f"encode_sentences: {message}"):
        encode_sentences(**{"sentences": [["a"]], **given})
    assert vocab == before


def test_an_error_in_the_callers_own_code_stays_what_it_is() -> None:
    def sentences() -> Iterator[list[str]]:
        yield ["a"]
        raise TypeError("my own")

    for broken in (sentences(), [("a" + 1 for _ in range(2))]):  # pyright: ignore
        with pytest.raises(TypeError, match=r"my own|can only concatenate") as caught:
            encode_sentences(broken)
        assert not isinstance(caught.value, ArgumentError)


@pytest.mark.parametrize("count", [0, 1, RUN - 1, RUN, RUN + 1, 2 * RUN, 2 * RUN + 3])
def test_each_sentence_is_read_before_the_next_is_made(count: int) -> None:
    def sentences() -> Iterator[list[int]]:
        word = [0]  # the same list each time
        for word[0] in range(count):
            yield word

    coded, vocab = encode_sentences(sentences(), invalid_label=-1)  # pyright: ignore
    assert coded == [[number] for number in range(count)]
    assert len(vocab) == count + 1


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_stays_as_it_was(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        encode_sentences([["a"]])
        assert gc.isenabled() is enabled
        with pytest.raises(ArgumentError):
            encode_sentences([["a"]], {})
        assert gc.isenabled() is enabled
        BucketSentenceIter([[1]], 1)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


# batches


def sentences_of(lengths: list[int], start: int = 1) -> list[list[int]]:
    """Sentences of these lengths, every word another."""
    ends = np.cumsum(lengths)
    return [list(range(start + end - length, start + end)) for length, end in zip(lengths, ends.tolist(), strict=True)]


SEEN = """
def seen(iterator):
    return [
        {
            "key": batch.bucket_key,
            "data": batch.data[0].asnumpy().tolist(),
            "label": batch.label[0].asnumpy().tolist(),
            "pad": batch.pad,
            "described": [(tuple(desc), desc.layout) for desc in batch.provide_data + batch.provide_label],
        }
        for batch in iterator
    ]
"""
seen = run_here(SEEN, ["seen"])["seen"]  # all batches up to the end of the epoch

EPOCHS = f"""{SEEN}
it = mx.rnn.BucketSentenceIter(sentences, batch_size, buckets=buckets, invalid_label=-7, layout=layout, dtype=dtype)
epochs = []
for _ in range(3):
    epochs.append(seen(it))
    it.reset()
known = it.buckets, it.default_bucket_key, it.batch_size, it.idx
provided = [(tuple(desc), desc.layout) for desc in it.provide_data + it.provide_label]
"""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 6), min_size=4, max_size=25),
    batch_size=st.integers(1, 3),
    buckets=st.none() | st.lists(st.integers(1, 7), min_size=1, max_size=3, unique=True),
    layout=st.sampled_from(["NT", "TN"]),
    dtype=st.sampled_from(["float32", "int32"]),
    seed=st.integers(0, 99),
)
def test_the_same_batches_in_the_same_order(oracle: Oracle, lengths: list[int], seed: int, **how: Any) -> None:
    variables = ["epochs", "known", "provided"]
    inputs = {"sentences": sentences_of(lengths), **how}
    try:
        ours = run_here(EPOCHS, variables, inputs, seed)
    except ArgumentError:
        reject()  # no bucket fills a batch; see below
    assert ours == oracle.build(EPOCHS, variables, inputs, seed)


@pytest.mark.parametrize(
    ("lengths", "found"),
    [([3, 3, 5, 5], [4, 6]), ([1, 1, 5, 5], [2, 6]), ([1, 1, 3, 3], [2, 4])],
    ids=["smallest", "middle", "largest"],
)
def test_t06_a_bucket_may_be_empty(lengths: list[int], found: list[int]) -> None:
    buckets = [6, 2, 4]
    iterator = BucketSentenceIter(sentences_of(lengths), 2, buckets)
    assert buckets == [6, 2, 4]  # as it was
    assert iterator.buckets == found
    assert iterator.default_bucket_key == found[-1]
    for batch in iterator:
        assert batch.data[0].shape == (2, batch.bucket_key)


@pytest.mark.parametrize(("layout", "shape"), [("NT", (2, 4)), ("TN", (4, 2))])
def test_t07_batches_say_where_their_rows_are(layout: str, shape: tuple[int, int]) -> None:
    iterator = BucketSentenceIter(sentences_of([4] * 4), 2, layout=layout, dtype="int32")
    batch: Any = iterator.next()
    for desc in (*iterator.provide_data, *iterator.provide_label, *batch.provide_data, *batch.provide_label):
        assert (desc.shape, desc.layout, np.dtype(desc.dtype)) == (shape, layout, np.int32)
        assert desc.shape[mx.io.DataDesc.get_batch_axis(desc.layout)] == 2
    assert [desc.name for desc in (*iterator.provide_data, *iterator.provide_label)] == ["data", "softmax_label"]
    assert batch.data[0].dtype == np.int32


LENGTHS = [2, 2, 2, 3, 4, 4, 4, 4, 4]
"""A bucket of three sentences, and one of six."""


@pytest.mark.parametrize(
    ("last_batch", "rows", "pads"),
    [("discard", [2, 2, 2, 2], [0] * 4), ("pad", [2] * 5, [0, 0, 0, 0, 1]), ("keep", [1, 2, 2, 2, 2], [0] * 5)],
)
def test_t12_the_last_batch(last_batch: str, rows: list[int], pads: list[int]) -> None:
    iterator = BucketSentenceIter(sentences_of(LENGTHS), 2, [2, 4], invalid_label=0, last_batch=last_batch)
    for _ in range(2):
        batches = seen(iterator)
        assert sorted(len(batch["data"]) for batch in batches) == rows
        assert sorted(batch["pad"] for batch in batches) == pads
        firsts = [row[0] for batch in batches for row in batch["data"] if any(row)]
        whole = {sentence[0] for sentence in sentences_of(LENGTHS)}
        assert len(set(firsts)) == len(firsts) == (8 if last_batch == "discard" else 9)
        assert set(firsts) <= whole
        for batch in batches:
            (shape, _), _ = batch["described"]
            assert shape == ("data", (len(batch["data"]), batch["key"]))
            if batch["pad"]:
                assert batch["data"][-1] == batch["label"][-1] == [0] * batch["key"]
        iterator.reset()


def test_t12_what_is_left_out_is_logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    BucketSentenceIter(sentences_of([2, 2, 2, 5]), 2, [2, 4])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "discarded 1 sentences longer than the largest bucket (4)."),
        ("INFO", "1 sentences of 4 do not fill a batch and are left out."),
    ]
    caplog.clear()
    BucketSentenceIter(sentences_of([2, 2, 3]), 2, [2, 4], last_batch="pad")
    assert not caplog.records
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64"])
def test_t12_large_numbers_stay_exact(dtype: str) -> None:
    large = 2**24 + 1
    batch = BucketSentenceIter([[large, large + 2]], 1, dtype=dtype).next()
    assert batch.data[0].asnumpy().tolist() == [[large, large + 2]]
    with pytest.raises(ArgumentError, match=r"dtype float32 cannot hold 16777217; pass dtype='int32' or 'int64'"):
        BucketSentenceIter([[1, large]], 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sentences": []}, "no length has 2 sentences, so no buckets can be chosen from them; give buckets"),
        ({"sentences": [[1], [1, 2]]}, "no length has 2 sentences"),
        ({"sentences": [[1] * 9], "buckets": [3, 4]}, "none of the 1 sentences fits a bucket; the largest is 4 long"),
        (
            {"sentences": [[1]], "buckets": [3]},
            "no bucket holds a batch of 2; the fullest has 1 sentences. Take a smaller",
        ),
        ({"sentences": [[1], [2]], "layout": "NTC"}, "layout: expected 'NT' or 'TN', got 'NTC'"),
        ({"sentences": [[1], [2]], "last_batch": "drop"}, "last_batch: expected one of discard, keep, pad; got 'drop'"),
        ({"sentences": [[1], [2]], "dtype": "uint8", "buckets": [2]}, "dtype uint8 cannot hold -1"),
        ({"sentences": [[1], [2]], "dtype": "foo"}, "dtype: expected one of float32, .*; got 'foo'"),
        ({"sentences": [[1], [2]], "dtype": "bfloat16"}, "dtype: NumPy, which lays the batches out, has no bfloat16"),
        ({"sentences": [[1], [2]], "invalid_label": "x"}, "invalid_label: expected a number, got 'x'"),
        ({"sentences": [[1], [2]], "buckets": 5}, "buckets: expected lengths of at least 1, got 5"),
        ({"sentences": [[1], [2]], "buckets": [2, "x"]}, r"buckets: expected lengths of at least 1, got \[2, 'x'\]"),
        ({"sentences": [[1], [2]], "layout": None}, "layout: expected 'NT' or 'TN', got None"),
        ({"sentences": [[1], [2]], "seed": 1.5}, "seed: expected a whole number, got 1.5"),
        ({"sentences": 5}, "sentences: expected a list of lists of numbers, got 5"),
        ({"sentences": [[1], 5]}, r"sentences\[1\]: expected a list of numbers, got 5"),
        ({"sentences": np.array(5)}, "sentences: expected a list of lists of numbers, got a single number"),
        ({"sentences": [[1], np.array(5)]}, r"sentences\[1\]: expected a list of numbers, got array\(5\)"),
        ({"sentences": ["ab", "cd"]}, "sentences: expected lists of numbers, got <U1"),
        ({"sentences": [[1, None], [1, 2]]}, "sentences: expected lists of numbers, got object"),
        ({"sentences": [[[1]], [[2]]]}, "sentences: expected lists of numbers, got lists of lists"),
        ({"sentences": [[[1]], [[2, 3]]]}, "sentences: expected lists of numbers; "),
    ],
)
def test_what_makes_no_batches(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"BucketSentenceIter: {message}"):
        BucketSentenceIter(batch_size=2, **given)


@pytest.mark.parametrize("batch_size", [0, 1.0, "2", None, True])
def test_what_is_no_batch_size(batch_size: Any) -> None:
    with pytest.raises(
        ArgumentError, match="BucketSentenceIter: batch_size: expected a whole number of at least 1, got"
    ):
        BucketSentenceIter([[1], [2]], batch_size)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(
    ("code", "fractions"),
    [
        ("[[1, 2], [3, 4], [5], []]", False),
        ("[(1, 2), [3, 4], (5,)]", False),
        ("[np.array([1, 2]), [3, 4], (5,)]", False),
        ("np.array([[1, 2], [3, 4]])", False),
        ("[[np.int64(1), np.int32(2)], [3, 4]]", False),
        ("[[True, False], [False, True]]", False),
        ("[[True, 2], [3, 4]]", False),
        ("[[1.0, 2], [3, 4]]", False),
        ("[[1.5, 2], [3, -0.25], [1, 2]]", True),
        ("iter([[1, 2], [3, 4]])", False),
    ],
)
def test_numbers_of_many_kinds(oracle: Oracle, code: str, fractions: bool, dtype: str) -> None:
    script = f"""{SEEN}
batches = seen(mx.rnn.BucketSentenceIter({code}, 1, [1, 3], dtype=dtype))
"""
    if fractions and dtype == "int32":  # MXNet cuts them off
        with pytest.raises(ArgumentError, match=r"dtype int32 cannot hold 1\.5"):
            run_here(script, ["batches"], {"dtype": dtype})
        return
    ours = run_here(script, ["batches"], {"dtype": dtype}, 5)
    assert ours == oracle.build(script, ["batches"], {"dtype": dtype}, 5)


# an order of one's own


def make(seed: int | None = 3, **how: Any) -> BucketSentenceIter:
    return BucketSentenceIter(sentences_of(LENGTHS), 2, [2, 4], last_batch="pad", seed=seed, **how)


def test_a_seed_decides_the_order() -> None:
    def epochs(seed: int) -> list[Any]:
        iterator = make(seed)
        found = []
        for _ in range(3):
            found.append(seen(iterator))
            iterator.reset()
        return found

    assert epochs(3) == epochs(3)
    assert epochs(3) != epochs(4)
    first, second, _ = epochs(3)
    assert first != second
    before = np.random.get_state()[1].tolist()  # pyright: ignore
    make()
    assert np.random.get_state()[1].tolist() == before  # pyright: ignore


@pytest.mark.parametrize("taken", range(7))
def test_a_state_taken_up_goes_on_alike(taken: int) -> None:
    first, second = make(), make()
    for _ in range(2):
        seen(second)
        second.reset()
    for _ in range(min(taken, 5)):
        first.next()
    if taken > 5:
        first.reset()
    second.restore(first.state())
    for _ in range(2):
        assert seen(second) == seen(first)
        first.reset()
        second.reset()


def test_a_state_without_a_seed() -> None:
    first, second = make(None), make(None)
    first.next()
    second.restore(first.state())
    assert seen(second) == seen(first)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("position"),
        lambda state: state.update(position=np.array([99])),
        lambda state: state.update(rows0=np.array([0, 0, 0])),
        lambda state: state.update(rows1=np.array([0, 1])),
        lambda state: state.update(batches=state["batches"][1:]),
        lambda state: state.update(batches=np.array([1, 2])),
        lambda state: state.pop("generator"),
        lambda state: state.update(generator=np.arange(3)),
        lambda state: state.update(make(invalid_label=0).state()),
        lambda state: state.update(BucketSentenceIter(sentences_of(LENGTHS, 5), 2, [2, 4], seed=3).state()),
    ],
)
def test_a_foreign_state_is_refused(spoil: Any) -> None:
    iterator, state = make(), make().state()
    iterator.next()
    expected = seen(make())[1:]
    spoil(state)
    with pytest.raises(ArgumentError, match="the saved position belongs to other sentences, buckets or seeds"):
        iterator.restore(state)
    assert seen(iterator) == expected  # and nothing has changed


def test_a_seed_and_none_do_not_mix() -> None:
    for one, other in ((make(), make(None)), (make(None), make())):
        with pytest.raises(ArgumentError, match="other sentences, buckets or seeds"):
            one.restore(other.state())
