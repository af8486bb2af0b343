"""Where MXNet's users look for these; names only."""

from .dynamic import dynamic_unroll
from .lstmp_cell import LSTMPCell
from .variational_dropout_cell import VariationalDropoutCell

__all__ = ["LSTMPCell", "VariationalDropoutCell", "dynamic_unroll"]
