"""From settings to batches: the text, its vocabulary, and iterators over both parts of it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from ..base import ArgumentError
from ..rnn import BucketSentenceIter, encode_sentences
from .corpus import Kind, Sentences, standard_library, text_file
from .network import PADDING_ID
from .settings import TrainingSettings
from .vocabulary import PADDING, Vocabulary, unigram_perplexity

MARKS = 2
"""Tokens that `Vocabulary.marked` adds to a sentence."""


@dataclass(frozen=True)
class Data:
    """What a model is trained on and judged by."""

    kind: Kind
    source: str
    vocabulary: Vocabulary
    train: BucketSentenceIter
    heldout: BucketSentenceIter
    unigram: float
    """Perplexity of the held-out part for who only knows how often each token occurs."""
    fingerprint: str
    """Differs when the text, the vocabulary or the split does."""


def prepare(settings: TrainingSettings) -> Data:
    """Read the text and make batches of it."""
    corpus = standard_library(settings.limit) if settings.text is None else text_file(settings.text, settings.limit)
    longest = max(settings.buckets) - MARKS
    train = _fitting(corpus.train, longest, "training")
    heldout = _fitting(corpus.heldout, longest, "held-out")
    vocabulary = Vocabulary.build(train, settings.min_count, settings.max_vocabulary)
    encoded = [_encoded(part, vocabulary) for part in (train, heldout)]
    digest = hashlib.sha256(repr((vocabulary.id_to_token, encoded)).encode("utf-8", "surrogatepass"))
    batches = [_batches(part, settings, shuffle) for part, shuffle in zip(encoded, (True, False), strict=True)]
    unigram = unigram_perplexity(train, heldout, vocabulary)
    return Data(corpus.kind, corpus.source, vocabulary, batches[0], batches[1], unigram, digest.hexdigest())


def _fitting(sentences: Sentences, longest: int, part: str) -> Sentences:
    if not sentences:
        raise ArgumentError(f"the text has no {part} sentences; at least two lines are needed")
    fitting = [sentence for sentence in sentences if len(sentence) <= longest]
    if not fitting:
        shortest = min(len(sentence) for sentence in sentences)
        raise ArgumentError(
            f"every {part} sentence is longer than the largest bucket: the shortest has {shortest} tokens and "
            f"{MARKS} marks, the bucket holds {longest + MARKS}; give larger --buckets"
        )
    if len(fitting) < len(sentences):
        logging.info(
            "%d of %d %s sentences are too long for the buckets", len(sentences) - len(fitting), len(sentences), part
        )
    return fitting


def _encoded(sentences: Sentences, vocabulary: Vocabulary) -> list[list[int]]:
    marked = [vocabulary.marked(sentence) for sentence in sentences]
    return encode_sentences(marked, vocabulary.token_to_id, invalid_label=PADDING_ID, invalid_key=PADDING)[0]


def _batches(sentences: list[list[int]], settings: TrainingSettings, shuffle: bool) -> BucketSentenceIter:
    return BucketSentenceIter(
        sentences,
        settings.batch_size,
        buckets=list(settings.buckets),
        invalid_label=PADDING_ID,
        layout="TN",
        last_batch="pad",
        seed=settings.seed,
        shuffle=shuffle,
    )
