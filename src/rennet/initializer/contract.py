"""Initializer: the contract between a parameter's name and how it is filled; InitDesc, which carries the name."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .. import registry
from ..base import ArgumentError, ShapeError
from ..ndarray import NDArray


class InitDesc(str):
    """A parameter's name, and what its variable says about how to initialise it.

    Parameters
    ----------
    name : str
        The parameter's name.
    attrs : dict of str to str, optional
        Attributes of its variable; ``__init__`` holds an initializer that goes before the global one.
    global_init : Initializer, optional
        What initialises parameters that have no initializer of their own.
    """

    attrs: Mapping[str, str]
    global_init: Any

    def __new__(cls, name: str, attrs: Mapping[str, str] | None = None, global_init: Any = None) -> InitDesc:
        """See the class."""
        desc = super().__new__(cls, name)
        desc.attrs, desc.global_init = attrs or {}, global_init
        return desc


_BY_SUFFIX = (
    ("weight", "_init_weight"),
    ("bias", "_init_bias"),
    ("gamma", "_init_gamma"),
    ("beta", "_init_beta"),
    ("moving_mean", "_init_zero"),
    ("running_mean", "_init_zero"),
    ("moving_var", "_init_one"),
    ("running_var", "_init_one"),
    ("moving_inv_var", "_init_zero"),
    ("moving_avg", "_init_zero"),
    ("min", "_init_zero"),
    ("max", "_init_one"),
)


class Initializer:
    """Base of all initializers: fills an array by what the parameter's name ends with.

    ====================================================  ================================================
    name ends with                                        filled with
    ====================================================  ================================================
    ``weight``                                            what the subclass's `_init_weight` says
    ``bias``, ``beta``                                    0
    ``gamma``                                             1
    ``moving_mean``, ``moving_inv_var``, ``moving_avg``,  0
    ``running_mean``, ``min``
    ``moving_var``, ``running_var``, ``max``              1
    ====================================================  ================================================

    An ``__init__`` attribute of the parameter's variable goes before all of this. An initializer of one's own
    overrides `_init_weight(name, arr)`, and whichever of `_init_bias`, `_init_gamma`, `_init_beta` and
    `_init_default` (for all other names) it wants to.

    Parameters
    ----------
    **kwargs
        The subclass's own arguments, for `dumps`.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet import initializer
    >>> @initializer.register
    ... class Halves(initializer.Initializer):
    ...     def _init_weight(self, name, arr):
    ...         arr[:] = 0.5
    >>> array = mx.nd.zeros((3,))
    >>> initializer.create("halves")(initializer.InitDesc("fc_weight"), array)
    >>> array.asnumpy().tolist()
    [0.5, 0.5, 0.5]
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._verbose = False
        self._print_func: Callable[[NDArray], str] | None = None

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[NDArray], str] | None = None) -> Initializer:
        """Log each array that is initialised.

        Parameters
        ----------
        verbose : bool
            Whether to.
        print_func : callable, optional
            What to say of an array; its root mean square by default.

        Returns
        -------
        Initializer
            This one.
        """
        self._verbose = verbose
        self._print_func = print_func or _root_mean_square
        return self

    def _verbose_print(self, desc: str, init: str, arr: NDArray) -> None:
        if self._verbose and self._print_func:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self) -> str:
        """JSON from which `create` makes this initializer again.

        >>> from rennet.initializer import LSTMBias
        >>> LSTMBias(forget_bias=1.0).dumps()
        '["lstmbias", {"forget_bias": 1.0}]'
        """
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and self.dumps() == other.dumps()

    def __hash__(self) -> int:
        return hash((type(self), self.dumps()))

    def __call__(self, desc: str, arr: NDArray) -> None:
        """Fill an array.

        Parameters
        ----------
        desc : InitDesc
            The parameter's name and attributes. A plain string works too, as it did before MXNet 0.9.
        arr : NDArray
            The parameter; filled in place.
        """
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
        else:
            self._init_by_suffix(desc, arr)

    def _init_by_suffix(self, name: str, arr: NDArray) -> None:
        for suffix, method in _BY_SUFFIX:
            if name.endswith(suffix):
                getattr(self, method)(name, arr)
                self._verbose_print(name, suffix, arr)
                return
        self._init_default(name, arr)

    def _legacy_init(self, name: str, arr: NDArray) -> None:
        warnings.warn("init(str, NDArray) is the old form; call init(InitDesc(name), array)", DeprecationWarning, 3)
        if not isinstance(name, str) or not isinstance(arr, NDArray):
            kinds = f"({type(name).__name__}, {type(arr).__name__})"
            raise ArgumentError(f"{type(self).__name__}: expected (InitDesc, NDArray), got {kinds}")
        if name.startswith("upsampling"):
            self._init_bilinear(name, arr)
        elif name.startswith("stn_loc") and name.endswith("weight"):
            self._init_zero(name, arr)
        elif name.startswith("stn_loc") and name.endswith("bias"):
            self._init_loc_bias(name, arr)
        else:
            self._init_by_suffix(name, arr)

    def _init_bilinear(self, name: str, arr: NDArray) -> None:
        arr[:] = bilinear(name, arr.shape)

    def _init_loc_bias(self, name: str, arr: NDArray) -> None:
        if arr.shape != (6,):
            raise ShapeError(f"{name}: expected shape (6,) for the bias of an affine transformation, got {arr.shape}")
        arr[:] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]

    def _init_zero(self, name: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, name: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_bias(self, name: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_gamma(self, name: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_beta(self, name: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_weight(self, name: str, arr: NDArray) -> None:
        raise NotImplementedError(f"{type(self).__name__}: an initializer must define _init_weight(name, arr)")

    def _init_default(self, name: str, arr: NDArray) -> None:
        raise ArgumentError(
            f"Unknown initialization pattern for {name!r}: expected a name that ends with one of "
            f"{', '.join(suffix for suffix, _ in _BY_SUFFIX)}. Give its variable an initializer: "
            "Variable(name, init=...) or the attribute __init__"
        )


def _root_mean_square(array: NDArray) -> str:
    return str(float(array.tensor.detach().double().square().mean().sqrt()))


def bilinear(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The kernel of bilinear interpolation, for every channel."""
    if len(shape) != 4:
        raise ShapeError(f"{name}: expected shape (channels, channels, height, width), got {shape}")
    half = -(-shape[3] // 2)
    centre = (2 * half - 1 - half % 2) / (2.0 * half)

    def ramp(size: int) -> torch.Tensor:
        return 1 - (torch.arange(size, dtype=torch.float64) / half - centre).abs()

    return (ramp(shape[2]).unsqueeze(1) * ramp(shape[3])).expand(shape).float()


register = registry.get_register_func(Initializer, "initializer")
alias = registry.get_alias_func(Initializer, "initializer")
create = registry.get_create_func(Initializer, "initializer")
