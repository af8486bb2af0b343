"""Initializers that look at one array only: constants, and random numbers on a scale that its shape gives."""

from __future__ import annotations

import json
import math
from typing import Any

import torch

from ..base import ShapeError, one_of
from ..ndarray import NDArray, random
from .contract import Initializer, alias, bilinear, register


@register
@alias("zeros")
class Zero(Initializer):
    """Weights of 0."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = 0.0


@register
@alias("ones")
class One(Initializer):
    """Weights of 1."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = 1.0


@register
class Constant(Initializer):
    """Weights of one value, or of given values.

    Parameters
    ----------
    value : float or array-like
        The value, or an array of the parameter's shape.
    """

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = self.value

    def dumps(self) -> str:
        """JSON from which `create` makes this initializer again; an array becomes nested lists."""
        value = self.value.asnumpy() if isinstance(self.value, NDArray) else self.value
        plain = value.tolist() if hasattr(value, "tolist") else value
        return json.dumps([type(self).__name__.lower(), {"value": plain}])


@register
class Uniform(Initializer):
    """Weights drawn evenly from ``[-scale, scale)``.

    Parameters
    ----------
    scale : float
        The bound.
    """

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, name: str, arr: NDArray) -> None:
        random.uniform(-self.scale, self.scale, out=arr)


@register
class Normal(Initializer):
    """Weights drawn from a normal distribution around 0.

    Parameters
    ----------
    sigma : float
        The standard deviation.
    """

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, name: str, arr: NDArray) -> None:
        random.normal(0, self.sigma, out=arr)


@register
class Xavier(Initializer):
    """Weights whose variance depends on how many numbers a unit reads and feeds.

    ::

        scale = sqrt(magnitude / factor)
        uniform:   evenly from [-scale, scale)
        gaussian:  normal, standard deviation scale

    For a weight of shape (out, in, ...), with s the product of the other sizes, the factor is ``in * s``, ``out * s``
    or the mean of the two.

    Parameters
    ----------
    rnd_type : {'uniform', 'gaussian'}
        The distribution.
    factor_type : {'avg', 'in', 'out'}
        What the factor is.
    magnitude : float
        Its counterpart.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> None:
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = one_of("rnd_type", rnd_type, ("uniform", "gaussian"))
        self.factor_type = one_of("factor_type", factor_type, ("avg", "in", "out"))
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        if arr.ndim < 2:
            raise ShapeError(f"{type(self).__name__}: {name}: expected a weight of two axes or more, got {arr.shape}")
        others = math.prod(arr.shape[2:])
        fan_in, fan_out = arr.shape[1] * others, arr.shape[0] * others
        factor = {"avg": (fan_in + fan_out) / 2.0, "in": fan_in, "out": fan_out}[self.factor_type]
        scale = math.sqrt(self.magnitude / factor)
        if self.rnd_type == "uniform":
            random.uniform(-scale, scale, out=arr)
        else:
            random.normal(0, scale, out=arr)


@register
class MSRAPrelu(Xavier):
    """Xavier's normal distribution with magnitude ``2 / (1 + slope**2)``, for layers before a rectifier.

    Parameters
    ----------
    factor_type : {'avg', 'in', 'out'}
        See `Xavier`.
    slope : float
        The rectifier's slope below 0.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", arXiv:1502.01852.
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25) -> None:
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}


@register
class Orthogonal(Initializer):
    """Weights whose rows, or columns if there are fewer of these, are orthogonal and of length `scale`.

    Parameters
    ----------
    scale : float
        Their length.
    rand_type : {'uniform', 'normal'}
        Distribution of the matrix whose singular vectors are taken.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", arXiv:1312.6120.
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None:
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = one_of("rand_type", rand_type, ("uniform", "normal"))

    def _init_weight(self, name: str, arr: NDArray) -> None:
        rows, columns = arr.shape[0], math.prod(arr.shape[1:])
        draw, first = (random.uniform, -1.0) if self.rand_type == "uniform" else (random.normal, 0.0)
        drawn = draw(first, 1.0, (rows, columns))
        left, _, right = torch.linalg.svd(drawn.tensor, full_matrices=False)
        chosen = left if left.shape == (rows, columns) else right
        arr[:] = self.scale * chosen.reshape(arr.shape)


@register
class Bilinear(Initializer):
    """Weights of a deconvolution that interpolates bilinearly."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = bilinear(name, arr.shape)
