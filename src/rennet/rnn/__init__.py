"""``mx.rnn``: symbolic cells, bucketed sentences, checkpoints. May import rooms 1 to 9, no other surface."""

from .basic_cells import GRUCell, LSTMCell, RNNCell
from .cell import BaseRNNCell, RNNParams
from .checkpoint import do_rnn_checkpoint, load_rnn_checkpoint, rnn_unroll, save_rnn_checkpoint
from .containers import BidirectionalCell, SequentialRNNCell
from .dropout_cell import DropoutCell
from .fused_cell import FusedRNNCell
from .io import BucketSentenceIter, encode_sentences

__all__ = [
    "BaseRNNCell",
    "BidirectionalCell",
    "BucketSentenceIter",
    "DropoutCell",
    "FusedRNNCell",
    "GRUCell",
    "LSTMCell",
    "RNNCell",
    "RNNParams",
    "SequentialRNNCell",
    "do_rnn_checkpoint",
    "encode_sentences",
    "load_rnn_checkpoint",
    "rnn_unroll",
    "save_rnn_checkpoint",
]
