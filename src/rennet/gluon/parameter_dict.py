"""ParameterDict: parameters by full name, under a prefix, possibly shared with another dict."""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any

from .. import initializer, ndarray
from .._dtypes import element_type
from .._mismatch import describe_mismatch, sentence
from ..base import ArgumentError, FormatError, MXNetError, ShapeError
from ..context import Context
from ..ndarray import NDArray, array
from .parameter import Constant, Parameter

__all__ = ["ParameterDict"]


class ParameterDict:
    """Parameters by name.

    Parameters
    ----------
    prefix : str
        Put before the name of every parameter made here.
    shared : ParameterDict, optional
        Where `get` looks first, so that Blocks can share parameters.

    Examples
    --------
    >>> import rennet as mx
    >>> params = mx.gluon.ParameterDict("net_")
    >>> params.get("weight", shape=(2, 3)).name, list(params)
    ('net_weight', ['net_weight'])
    """

    def __init__(self, prefix: str = "", shared: ParameterDict | None = None) -> None:
        self._prefix = prefix
        self._params: dict[str, Parameter] = {}
        self._shared = shared

    def __repr__(self) -> str:
        content = "\n".join(f"  {parameter}" for parameter in self.values())
        return f"{self._prefix + ' ' if self._prefix else ''}(\n{content}\n)"

    def __getitem__(self, key: str) -> Parameter:
        return self._params[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._params.keys()

    def values(self) -> ValuesView[Parameter]:
        """The parameters."""
        return self._params.values()

    def items(self) -> ItemsView[str, Parameter]:
        """Names and parameters."""
        return self._params.items()

    @property
    def prefix(self) -> str:
        """What the names made here begin with."""
        return self._prefix

    def _get_impl(self, name: str) -> Parameter | None:
        if name not in self._params and self._shared is not None and name in self._shared:
            self._params[name] = self._shared[name]
        return self._params.get(name)

    def get(self, name: str, **kwargs: Any) -> Parameter:
        """The parameter ``prefix + name``, made if there is none yet, here or in the shared dict.

        Parameters
        ----------
        name : str
            Without the prefix.
        **kwargs
            Those of `Parameter`. An existing parameter must have what they say; what it does not know yet it learns.
        """
        full = self._prefix + name
        found = self._get_impl(full)
        if found is None:
            found = self._params[full] = Parameter(full, **kwargs)
            return found
        for key, wanted in kwargs.items():
            _reconcile(found, key, wanted)
        return found

    def get_constant(self, name: str, value: Any = None) -> Constant:
        """The constant ``prefix + name``, made of `value` if there is none yet."""
        full = self._prefix + name
        found = self._get_impl(full)
        if found is None:
            if value is None:
                raise KeyError(
                    f"No constant named {full!r}. Please specify value if you want to create a new constant."
                )
            found = self._params[full] = Constant(full, value)
        if not isinstance(found, Constant):
            raise ArgumentError(f"Parameter {full!r} already exists but it is not a constant.")
        if value is not None:
            wanted = value if isinstance(value, NDArray) else array(value)
            if wanted.shape != found.shape or not (wanted.asnumpy() == found.value.asnumpy()).all():
                raise ArgumentError(f"Constant {full!r} already exists but its value doesn't match new value")
        return found

    def update(self, other: ParameterDict | Mapping[str, Parameter]) -> None:
        """Take in all parameters of another dict."""
        for name, parameter in other.items():
            if self._params.setdefault(name, parameter) is not parameter:
                raise ArgumentError(
                    f"Cannot update self with other because they have different Parameters with the same name {name!r}"
                )

    def initialize(
        self,
        init: Any = None,
        ctx: Context | Sequence[Context] | None = None,
        verbose: bool = False,
        force_reinit: bool = False,
    ) -> None:
        """Initialise every parameter; see `Parameter.initialize`.

        Parameters
        ----------
        init : Initializer or str, optional
            For parameters that have none of their own; ``Uniform()`` by default.
        ctx : Context or list of Context, optional
            The devices.
        verbose : bool
            Whether the initializer logs what it does.
        force_reinit : bool
            Whether parameters that have values are filled anew.
        """
        default = initializer.create(initializer.Uniform() if init is None else init)
        if verbose:
            default.set_verbosity(verbose=verbose)
        for parameter in self.values():
            parameter.initialize(None, ctx, default, force_reinit=force_reinit)

    def zero_grad(self) -> None:
        """Fill all gradients with zeros."""
        for parameter in self.values():
            parameter.zero_grad()

    def reset_ctx(self, ctx: Context | Sequence[Context]) -> None:
        """Move every parameter to other devices."""
        for parameter in self.values():
            parameter.reset_ctx(ctx)

    def list_ctx(self) -> list[Context]:
        """All devices that any parameter is on."""
        return list(dict.fromkeys(ctx for parameter in self.values() for ctx in parameter.list_ctx()))

    def setattr(self, name: str, value: Any) -> None:
        """Set an attribute of every parameter.

        >>> import rennet as mx
        >>> layer = mx.gluon.nn.Dense(3)
        >>> layer.collect_params().setattr("grad_req", "null")
        >>> layer.weight.grad_req
        'null'
        """
        for parameter in self.values():
            setattr(parameter, name, value)

    # files

    def save(self, filename: str | os.PathLike[str], strip_prefix: str = "") -> None:
        """Write every parameter to a file that real MXNet reads, whole or not at all.

        Parameters
        ----------
        filename : path
            The file.
        strip_prefix : str
            Taken away from the beginning of the names.
        """
        content: dict[str, NDArray] = {}
        for parameter in self.values():
            if not parameter.name.startswith(strip_prefix):
                raise ArgumentError(
                    f"save: strip_prefix: expected every name to begin with {strip_prefix!r}, got {parameter.name!r}"
                )
            content[parameter.name[len(strip_prefix) :]] = parameter._reduce()
        ndarray.save(filename, content)

    def load(
        self,
        filename: str | os.PathLike[str],
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        restore_prefix: str = "",
        cast_dtype: bool = False,
        dtype_source: str = "current",
        dense: bool = False,
    ) -> None:
        """Read parameters from a file.

        Parameters
        ----------
        filename : path
            Written by `save`, by a Block, by a Module or by real MXNet.
        ctx : Context or list of Context, optional
            Where parameters without values go; the CPU by default.
        allow_missing, ignore_extra : bool
            Whether the file may lack parameters of this dict, and hold others.
        restore_prefix : str
            Put before the names in the file.
        cast_dtype : bool
            Whether values of another element type are cast.
        dtype_source : {'current', 'saved'}
            Which of the two types is kept then.
        dense : bool
            Whether sparse arrays in the file are made dense; otherwise they are an error.
        """
        loaded = named_arrays(filename, dense)
        source = (ctx, allow_missing, ignore_extra, restore_prefix, str(filename), cast_dtype, dtype_source)
        self.load_dict(loaded, *source)

    def load_dict(
        self,
        param_dict: Mapping[str, NDArray],
        ctx: Context | Sequence[Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        restore_prefix: str = "",
        filename: str | None = None,
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """As `load`, from arrays by name; names may begin with ``arg:`` or ``aux:``."""
        where = f"file: {filename}" if filename else "param_dict"
        for name in self.keys() if restore_prefix else ():
            if not name.startswith(restore_prefix):
                raise ArgumentError(f"restore_prefix: expected {restore_prefix!r} to begin every name, got {name!r}")
        loaded = {restore_prefix + bare(name): value for name, value in param_dict.items()}
        lacking = [name for name in self.keys() if name not in loaded] if not allow_missing else []
        if lacking:
            raise ArgumentError(
                f"Parameter {lacking[0][len(restore_prefix) :]!r} is missing in {where}, which contains parameters: "
                f"{brief(param_dict)}. {_SAME_PREFIX}{sentence(describe_mismatch(*shapes(self, loaded), block=True))}"
            )
        extra = [name for name in loaded if name not in self] if not ignore_extra else []
        if extra:
            raise ArgumentError(
                f"Parameter {extra[0][len(restore_prefix) :]!r} loaded from {where} is not present in ParameterDict, "
                f"choices are: {brief(self)}. Set ignore_extra to True to ignore. {_SAME_PREFIX}"
                f"{sentence(describe_mismatch(*shapes(self, loaded), block=True))}"
            )
        check_shapes(self, loaded, where)
        for name, value in loaded.items():
            if name in self:
                self[name]._load_init(value, ctx, cast_dtype, dtype_source)


_SAME_PREFIX = "Please make sure source and target networks have the same prefix"


def named_arrays(filename: str | os.PathLike[str], dense: bool = False) -> dict[str, NDArray]:
    """A file's arrays by name; one without names, or without an array to a name, is refused."""
    loaded = ndarray.load(filename, dense) or {}  # a file of nothing has no names either
    if not isinstance(loaded, dict):
        raise ArgumentError(f"{filename}: expected arrays with names, got a list of {len(loaded)} without")
    empty = next((name for name, array in loaded.items() if array is None), None)
    if empty is not None:
        raise FormatError(str(filename), f"array {empty!r}", "the array", "values", "a record that holds none")
    return loaded


def shapes(
    parameters: Mapping[str, Parameter] | ParameterDict, loaded: Mapping[str, NDArray]
) -> tuple[dict[str, tuple[int, ...] | None], dict[str, tuple[int, ...] | None]]:
    """Shapes of parameters and of what was loaded for them; None where a parameter's is not wholly known yet."""
    own = {name: each.shape for name, each in parameters.items()}
    known = {name: shape if shape is not None and min(shape, default=1) > 0 else None for name, shape in own.items()}
    return known, {name: tuple(value.shape) for name, value in loaded.items()}


def check_shapes(
    parameters: Mapping[str, Parameter] | ParameterDict, loaded: Mapping[str, NDArray], where: str
) -> None:
    """An error if something loaded has another shape than its parameter, before any of it is taken over."""
    own, came = shapes(parameters, loaded)
    for name, shape in came.items():
        expected = own.get(name)
        if expected is not None and tuple(expected) != shape:
            raise ShapeError(
                f"Failed loading Parameter {name!r} from {where}: shape incompatible: expected {tuple(expected)}, got "
                f"{shape}{sentence(describe_mismatch(own, came, block=True))}"
            )


def bare(name: str) -> str:
    """A parameter's name without the ``arg:`` or ``aux:`` that Module's files put before it."""
    return name[4:] if name.startswith(("arg:", "aux:")) else name


def brief(names: Mapping[str, Any] | ParameterDict, limit: int = 12) -> str:
    """The names for a message, the middle left out if there are many."""
    quoted = [repr(name) for name in names]
    return ", ".join(quoted if len(quoted) <= limit else [*quoted[: limit // 2], "...", *quoted[-limit // 2 :]])


def _reconcile(parameter: Parameter, key: str, wanted: Any) -> None:
    """An attribute asked for again: it must fit what there is."""
    if key == "shape":
        try:
            parameter.shape = wanted
        except ShapeError:
            raise _mismatch(parameter, key, wanted) from None
    elif key in ("allow_deferred_init", "differentiable"):
        setattr(parameter, f"_{key}", wanted)
    elif not hasattr(parameter, key):
        raise ArgumentError(f"Parameter {parameter.name!r}: no attribute {key!r}")
    elif wanted is None:
        return
    elif getattr(parameter, key) is None:
        setattr(parameter, key, wanted)
    elif not _equal(key, getattr(parameter, key), wanted):
        raise _mismatch(parameter, key, wanted)


def _equal(key: str, own: Any, wanted: Any) -> bool:
    return element_type(own).torch == element_type(wanted).torch if key == "dtype" else own == wanted


def _mismatch(parameter: Parameter, key: str, wanted: Any) -> MXNetError:
    return ArgumentError(
        f"Cannot retrieve Parameter {parameter.name!r} because desired attribute does not match with stored for "
        f"attribute {key!r}: desired {wanted!r} vs stored {getattr(parameter, key)!r}."
    )
