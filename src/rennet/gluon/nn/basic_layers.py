"""Dense layers, dropout, embedding, flattening."""

from __future__ import annotations

from typing import Any

from ...base import expect_rate, expect_whole
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict
from .activations import Activation

__all__ = ["Dense", "Dropout", "Embedding", "Flatten"]


class Dense(HybridBlock):
    """``activation(x @ weight.T + bias)``.

    Parameters
    ----------
    units : int
        Size of the output.
    activation : str, optional
        See `Activation`; none by default.
    use_bias : bool
        Whether there is a bias.
    flatten : bool
        Whether all axes of the input after the first are taken together; otherwise the last axis is transformed.
    dtype : str or type
        Element type of the parameters.
    weight_initializer, bias_initializer : Initializer or str
        How they begin; the weight as `initialize` says, the bias with zeros.
    in_units : int
        Size of the input; 0 if the first batch is to tell.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share, such as another layer's ``.params``.

    Examples
    --------
    A decoder that shares the embedding's weights:

    >>> import rennet as mx
    >>> nn = mx.gluon.nn
    >>> embedding = nn.Embedding(5, 3, prefix="words_")
    >>> decoder = nn.Dense(5, flatten=False, use_bias=False, in_units=3, params=embedding.params)
    >>> decoder.weight is embedding.weight
    True
    >>> embedding.initialize()
    >>> decoder(embedding(mx.nd.array([[0, 1]]))).shape
    (1, 2, 5)
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        flatten: bool = True,
        dtype: Any = "float32",
        weight_initializer: Any = None,
        bias_initializer: Any = "zeros",
        in_units: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("Dense: units", units, 1)
        expect_whole("Dense: in_units", in_units, 0)
        super().__init__(prefix=prefix, params=params)
        self._units, self._in_units, self._flatten = units, in_units, flatten
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=(units, in_units), init=weight_initializer, dtype=dtype, allow_deferred_init=True
            )
            self.bias = (
                self.params.get("bias", shape=(units,), init=bias_initializer, dtype=dtype, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = None if activation is None else Activation(activation, prefix=f"{activation}_")

    def __repr__(self) -> str:
        units, inputs = self.weight.shape or (0, 0)
        return f"{type(self).__name__}({inputs or None} -> {units}, {self.act or 'linear'})"

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, F: Any, x: Any, weight: Any, bias: Any = None
    ) -> Any:
        """``(batch, ...)`` to ``(batch, units)``, or ``(..., in_units)`` to ``(..., units)`` without `flatten`."""
        result = F.FullyConnected(
            x, weight, bias, no_bias=bias is None, num_hidden=self._units, flatten=self._flatten, name="fwd"
        )
        return result if self.act is None else self.act(result)


class Dropout(HybridBlock):
    """Zeroes elements with some probability while training, and scales the others by ``1 / (1 - rate)``.

    Parameters
    ----------
    rate : float
        The probability; with 0 nothing happens.
    axes : tuple of int
        Along these one decision is shared: with ``axes=(0,)`` for data ``(time, batch, ...)``, that of all steps.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.Dropout(0.5)
    >>> layer(mx.nd.ones((2,))).asnumpy().tolist()
    [1.0, 1.0]
    >>> with mx.autograd.train_mode():
    ...     sorted(set(layer(mx.nd.ones((99,))).asnumpy().tolist()))
    [0.0, 2.0]
    """

    def __init__(
        self,
        rate: float,
        axes: tuple[int, ...] = (),
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_rate("Dropout: rate", rate)
        super().__init__(prefix=prefix, params=params)
        self._rate, self._axes = rate, axes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p = {self._rate}, axes={self._axes})"

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x`, with some elements missing in training."""
        if self._rate > 0:
            return F.Dropout(x, p=self._rate, axes=self._axes, name="fwd", cudnn_off=False)
        return F.identity(x)


class Embedding(HybridBlock):
    """Vectors for numbers: row ``x`` of the weight for each element ``x``.

    Parameters
    ----------
    input_dim : int
        How many vectors there are. Numbers outside are taken as the nearest one inside, as in MXNet.
    output_dim : int
        Size of the vectors.
    dtype : str or type
        Element type of the weight.
    weight_initializer : Initializer or str, optional
        How the weight begins.
    sparse_grad : bool
        MXNet keeps the gradient of the rows that were used only, and its optimizers then leave the others alone
        (``lazy_update``). Here gradients are dense, with zeros in the other rows: an optimizer with momentum or weight
        decay goes on moving those, as ``lazy_update=False`` does. The flag is kept in graphs.
    prefix : str, optional
        Put before the names of the parameters.
    params : ParameterDict, optional
        Parameters to share.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.Embedding(10, 3)
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
        sparse_grad: bool = False,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("Embedding: input_dim", input_dim, 1)
        expect_whole("Embedding: output_dim", output_dim, 1)
        super().__init__(prefix=prefix, params=params)
        self._input_dim, self._output_dim = input_dim, output_dim
        self._attributes = {
            "input_dim": input_dim,
            "output_dim": output_dim,
            "dtype": dtype,
            "sparse_grad": bool(sparse_grad),
        }
        self.weight = self.params.get(
            "weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype, allow_deferred_init=True
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._input_dim} -> {self._output_dim}, {self._attributes['dtype']})"

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Any shape to that shape and ``output_dim``."""
        return F.Embedding(x, weight, name="fwd", **self._attributes)


class Flatten(HybridBlock):
    """``(batch, ...)`` to ``(batch, everything else)``.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.Flatten()(mx.nd.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __repr__(self) -> str:
        return type(self).__name__

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`x` with two axes."""
        return F.Flatten(x)
