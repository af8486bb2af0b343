"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from ... import initializer
from ...base import ArgumentError, expect, expect_number, expect_whole
from ..hybrid_block import HybridBlock
from ..parameter_dict import ParameterDict

__all__ = ["ELU", "GELU", "SELU", "Activation", "LeakyReLU", "PReLU", "Swish"]


class Activation(HybridBlock):
    """One of the classical activation functions, element by element.

    Parameters
    ----------
    activation : {'relu', 'sigmoid', 'tanh', 'softrelu', 'softsign'}
        Which.
    prefix : str, optional
        Put before names; the function's name and a number by default.
    params : ParameterDict, optional
        It has no parameters.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.Activation("relu")(mx.nd.array([-1, 2])).asnumpy().tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: str, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        self._act_type = expect("Activation: activation", activation, str, "a function's name, such as 'relu'")
        super().__init__(prefix=prefix, params=params)

    def _alias(self) -> str:
        return self._act_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._act_type})"

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.Activation(x, act_type=self._act_type, name="fwd")


class LeakyReLU(HybridBlock):
    """``x`` above zero, ``alpha * x`` below.

    Parameters
    ----------
    alpha : float
        The slope below zero, not negative.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> mx.gluon.nn.LeakyReLU(0.5)(mx.nd.array([-1, 2])).asnumpy().tolist()
    [-0.5, 2.0]
    """

    def __init__(self, alpha: float, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        if expect_number("LeakyReLU: alpha", alpha) < 0:
            raise ArgumentError(f"LeakyReLU: alpha: expected a slope that is not negative, got {alpha}")
        super().__init__(prefix=prefix, params=params)
        self._alpha = alpha

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._alpha})"

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.LeakyReLU(x, act_type="leaky", slope=self._alpha, name="fwd")


class PReLU(HybridBlock):
    """``x`` above zero, ``alpha * x`` below, where `alpha` is learned (He et al., 2015).

    Parameters
    ----------
    alpha_initializer : Initializer
        How the slopes begin; 0.25 by default.
    in_channels : int
        Number of slopes: 1 for all alike, or one for each channel (axis 1).
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.nn.PReLU()
    >>> layer.initialize()
    >>> layer(mx.nd.array([[-1, 2]])).asnumpy().tolist()
    [[-0.25, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = None,
        in_channels: int = 1,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        expect_whole("PReLU: in_channels", in_channels, 1)
        super().__init__(prefix=prefix, params=params)
        init = initializer.Constant(0.25) if alpha_initializer is None else alpha_initializer
        with self.name_scope():
            self.alpha = self.params.get("alpha", shape=(in_channels,), init=init)

    def hybrid_forward(self, F: Any, x: Any, alpha: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.LeakyReLU(x, gamma=alpha, act_type="prelu", name="fwd")


class ELU(HybridBlock):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below (Clevert et al., 2016).

    Parameters
    ----------
    alpha : float
        What it tends to, negated.
    prefix, params
        As for every Block.
    """

    def __init__(self, alpha: float = 1.0, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._alpha = expect_number("ELU: alpha", alpha)

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.LeakyReLU(x, act_type="elu", slope=self._alpha)


class SELU(HybridBlock):
    """The scaled `ELU` that keeps mean and variance of its input (Klambauer et al., 2017)."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.LeakyReLU(x, act_type="selu", name="fwd")


class GELU(HybridBlock):
    """``x`` times the probability that a standard normal number is below it (Hendrycks and Gimpel, 2016)."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return F.LeakyReLU(x, act_type="gelu", name="fwd")


class Swish(HybridBlock):
    """``x * sigmoid(beta * x)`` (Ramachandran et al., 2017).

    Parameters
    ----------
    beta : float
        With 1, this is also called SiLU.
    prefix, params
        As for every Block.
    """

    def __init__(self, beta: float = 1.0, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._beta = expect_number("Swish: beta", beta)

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The function of `x`."""
        return x * F.sigmoid(self._beta * x, name="fwd")
