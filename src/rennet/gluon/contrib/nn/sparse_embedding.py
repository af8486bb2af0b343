"""The embedding whose weight MXNet keeps by rows."""

from __future__ import annotations

from typing import Any

from .... import ndarray
from ....base import expect_whole
from ...block import Block
from ...parameter_dict import ParameterDict

__all__ = ["SparseEmbedding"]


class SparseEmbedding(Block):
    """Vectors for numbers: row ``x`` of the weight for each element ``x``.

    In MXNet the weight lies in rows on several machines, and those that a batch needs are fetched. Here it is dense, as
    that of `Embedding` is, and so is its gradient. It is no HybridBlock, as there.

    Parameters
    ----------
    input_dim : int
        How many vectors there are.
    output_dim : int
        Size of the vectors.
    dtype : str or type
        Element type of the weight.
    weight_initializer : Initializer or str, optional
        How the weight begins.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.contrib.nn.SparseEmbedding(10, 3)
    >>> layer.initialize()
    >>> layer(mx.nd.array([[1, 2], [3, 4]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        dtype: Any = "float32",
        weight_initializer: Any = None,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("SparseEmbedding: input_dim", input_dim, 1)
        expect_whole("SparseEmbedding: output_dim", output_dim, 1)
        super().__init__(prefix=prefix, params=params)
        self._attributes = {"input_dim": input_dim, "output_dim": output_dim, "dtype": dtype}
        self.weight = self.params.get("weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype)

    def __repr__(self) -> str:
        given = self._attributes
        return f"{type(self).__name__}({given['input_dim']} -> {given['output_dim']}, {given['dtype']})"

    def forward(self, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Any shape to that shape and ``output_dim``."""
        return ndarray.Embedding(x, self.weight.data(x.context), **self._attributes)
