"""Sentences to numbers or into buckets: the same script for rennet and for real MXNet.

Arguments: which package (``rennet`` or ``mxnet``), ``encoding`` or ``bucketing``, and the folder with the inputs.
"""

import importlib
import logging
import sys
from pathlib import Path

import numpy as np
from turns import serve

package, job, folder = sys.argv[1:]
mx = importlib.import_module(package)
logging.disable(logging.WARNING)

inputs = np.load(Path(folder) / "sentences.npz")
tokens, ends = inputs["tokens"].tolist(), np.cumsum(inputs["lengths"]).tolist()
sentences = [tokens[end - length : end] for length, end in zip(inputs["lengths"].tolist(), ends, strict=True)]


def encode():
    mx.rnn.encode_sentences(sentences, invalid_label=0, start_label=1)
    return len(sentences)


def bucket():
    sys.stdout = sys.stderr  # MXNet prints
    mx.rnn.BucketSentenceIter(sentences, 32, buckets=[5, 10, 15, 20, 25, 30], invalid_label=0)
    sys.stdout = sys.__stdout__
    return len(sentences)


if job == "encoding":
    names = [f"w{number}" for number in range(1 + max(tokens))]
    # through text, so that every word is a string of its own, as in what users have read
    sentences = [" ".join([names[token] for token in sentence]).split() for sentence in sentences]
serve({"encoding": encode, "bucketing": bucket}[job])
