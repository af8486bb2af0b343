import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rennet._language_model.vocabulary import BEGIN, END, PADDING, UNKNOWN, Vocabulary, unigram_perplexity
from rennet.base import ArgumentError, FormatError

SENTENCES = [["b", "a", "b"], ["c", "a", "b"], ["d"]]
SPECIAL = (PADDING, UNKNOWN, BEGIN, END)

sentences = st.lists(st.lists(st.text("abcde\n<>", min_size=1, max_size=3) | st.sampled_from(SPECIAL)))


def test_order_is_by_count_and_then_by_the_alphabet():
    vocabulary = Vocabulary.build(SENTENCES)
    assert vocabulary.id_to_token == (*SPECIAL, "b", "a", "c", "d")
    assert vocabulary.token_to_id == {token: i for i, token in enumerate(vocabulary.id_to_token)}
    assert len(vocabulary) == 8
    assert type(vocabulary.token_to_id) is dict


def test_min_count_and_max_size():
    assert Vocabulary.build(SENTENCES, min_count=2).id_to_token[4:] == ("b", "a")
    assert Vocabulary.build(SENTENCES, max_size=7).id_to_token[4:] == ("b", "a", "c")
    assert Vocabulary.build(SENTENCES, min_count=2, max_size=5).id_to_token[4:] == ("b",)


@pytest.mark.parametrize(("given", "message"), [({"min_count": 0}, "min_count"), ({"max_size": 4}, "max_size")])
def test_build_refuses(given, message):
    with pytest.raises(ArgumentError, match=f"{message}: expected"):
        Vocabulary.build(SENTENCES, **given)


def test_marks_in_the_text_are_no_marks():
    vocabulary = Vocabulary.build([["a", UNKNOWN, END, BEGIN, END]])
    assert vocabulary.id_to_token == (*SPECIAL, "a")
    assert vocabulary.replace_rare(["a", END, UNKNOWN, "q"]) == ["a", UNKNOWN, UNKNOWN, UNKNOWN]
    assert vocabulary.marked(["a", "q"]) == [BEGIN, "a", UNKNOWN, END]


@given(sentences, st.integers(1, 3), st.none() | st.integers(5, 8))
def test_every_sentence_can_be_encoded(sentences, min_count, max_size):
    vocabulary = Vocabulary.build(sentences, min_count, max_size)
    assert max_size is None or len(vocabulary) <= max_size
    for sentence in sentences:
        ids = [vocabulary.token_to_id[token] for token in vocabulary.marked(sentence)]
        assert len(ids) == len(sentence) + 2
        assert (ids[0], ids[-1]) == (2, 3)
        assert not {0, 2, 3} & set(ids[1:-1])


@given(sentences)
def test_saved_and_loaded(sentences):
    vocabulary = Vocabulary.build(sentences)
    assert Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "fields: expected an object with the one field 'tokens', got list"),
        ({}, r"fields: expected .*, got \[\]"),
        ({"tokens": [*SPECIAL], "more": 1}, r"fields: expected .*, got \['more', 'tokens'\]"),
        ({"tokens": "abc"}, "tokens: expected a list, got str"),
        ({"tokens": [*SPECIAL, 5]}, "token 4: expected text, got 5"),
        ({"tokens": [*SPECIAL, ""]}, "token 4: expected text, got ''"),
        ({"tokens": ["a", "b"]}, r"first tokens: expected .*<unk>.*, got \('a', 'b'\)"),
        ({"tokens": [*SPECIAL, "a", "b", "a"]}, "tokens: expected each token once, got 'a' more than once"),
    ],
)
def test_loading_refuses(content, message):
    with pytest.raises(FormatError, match=f"a.json, vocabulary: {message}"):
        Vocabulary.from_dict(content, "a.json")


def test_unigram_perplexity_by_hand():
    vocabulary = Vocabulary.build([["a", "a", "b"]])
    # asked for: <unk>, <eos>, a, b; seen: a 2, b 1, <eos> 1
    p_a, p_end, p_unknown = 3 / 8, 2 / 8, 1 / 8
    expected = math.exp(-(math.log(p_a) + math.log(p_unknown) + math.log(p_end)) / 3)
    assert unigram_perplexity([["a", "a", "b"]], [["a", "q"]], vocabulary) == pytest.approx(expected)


def test_unigram_probabilities_add_up_to_one():
    vocabulary = Vocabulary.build(SENTENCES)
    # The perplexity of a sentence of one token is that of the token and of <eos> together.
    both = {token: unigram_perplexity(SENTENCES, [[token]], vocabulary) ** -2 for token in ["a", "b", "c", "d", "q"]}
    end = math.sqrt(unigram_perplexity(SENTENCES, [[]], vocabulary) ** -2)
    assert sum(both.values()) / end + end == pytest.approx(1)


def test_unigram_perplexity_needs_a_sentence():
    with pytest.raises(ArgumentError, match="heldout: expected at least one sentence"):
        unigram_perplexity(SENTENCES, [], Vocabulary.build(SENTENCES))
