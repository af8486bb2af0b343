"""Classes by name: how a metric or an initializer is made from a string, a JSON text or a dict."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from .base import ArgumentError, one_of

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

Class = TypeVar("Class", bound=type)

_CLASSES: dict[type, dict[str, type]] = {}


def get_registry(base_class: type) -> dict[str, type]:
    """A copy of the registered subclasses of `base_class`, by name in lower case."""
    return dict(_CLASSES.get(base_class, {}))


def get_register_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A decorator that makes subclasses of `base_class` known by their names.

    Parameters
    ----------
    base_class : type
        What they must derive from.
    nickname : str
        What messages call them.
    """
    known = _CLASSES.setdefault(base_class, {})

    def register(klass: Class, name: str | None = None) -> Class:
        """Make a class known by `name`, or its own, in any case of letters. Usable as a decorator."""
        if not (isinstance(klass, type) and issubclass(klass, base_class)):
            raise ArgumentError(f"register: expected a subclass of {base_class.__name__}, got {klass!r}")
        key = (name or klass.__name__).lower()
        if key in known:
            old, new = (f"{each.__module__}.{each.__qualname__}" for each in (known[key], klass))
            warnings.warn(f"{nickname} {key!r}: {new} takes the place of {old}", stacklevel=2)
        known[key] = klass
        return klass

    return register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A decorator like that of `get_register_func`, for further names: ``@alias("acc", "hits")``."""
    register = get_register_func(base_class, nickname)

    def alias(*names: str) -> Callable[[Class], Class]:
        """Make a class known by further names, in any case of letters."""

        def register_all(klass: Class) -> Class:
            for name in names:
                register(klass, name)
            return klass

        return register_all

    return alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that makes registered classes' instances from descriptions.

    It takes a name and the arguments of the constructor; or, alone, an instance (which it returns), JSON of the form
    ``[name, {argument: value}]``, or a dict (or JSON of one) that has the name under `nickname` and the arguments
    beside it.
    """
    known = _CLASSES.setdefault(base_class, {})

    def create(*args: Any, **kwargs: Any) -> Any:
        if not args and nickname not in kwargs:
            raise ArgumentError(f"create: expected the name of a {nickname}, got nothing")
        given, *rest = args if args else (kwargs.pop(nickname),)
        whole = isinstance(given, base_class | dict) or (isinstance(given, str) and given.startswith(("[", "{")))
        if whole and (rest or kwargs):
            raise ArgumentError(f"create: {given!r} says it all; no further arguments can be given")
        if isinstance(given, base_class):
            return given
        if not isinstance(given, str | dict):
            raise ArgumentError(f"create: expected a {nickname} or its name, got {given!r}")
        if whole and isinstance(given, str):
            given = _parsed(given)
        if isinstance(given, dict):
            return create(**given)
        if isinstance(given, list):
            name, arguments = given
            return create(name, **arguments)
        return known[one_of(nickname, given.lower(), known)](*rest, **kwargs)

    create.__doc__ = f"A {nickname} from its name and arguments, from JSON or a dict that holds these, or as it is."
    return create


def _parsed(text: str) -> Any:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ArgumentError(f"create: {text!r} is no JSON: {error}") from error
    fits = isinstance(content, dict) or (
        len(content) == 2 and isinstance(content[0], str) and isinstance(content[1], dict)
    )
    if not fits:
        raise ArgumentError(f'create: expected ["name", {{"argument": value, ...}}], got {text!r}')
    return content
