"""What an optimizer remembers, as a file. Its format is described in `rennet.optimizer`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._formats.params_file import Record, dump_params, read_params
from ..base import FormatError, NotSupportedError
from ..ndarray import NDArray
from ..ndarray.files import from_record, to_record
from .contract import Optimizer
from .mxnet_states import looks_like_pickle, read_mxnet_states
from .taking_up import take_up

_HEADER = "header"
_FORMAT = "rennet optimizer states 1"
_SOURCE = "optimizer states"
_PLAIN = (bool, int, float, str, type(None))


# writing


def dump_states(optimizer: Optimizer, states: Mapping[Any, Any], with_numbers: bool) -> bytes:
    """The file's bytes.

    Parameters
    ----------
    optimizer : Optimizer
        Whose counts, and numbers if `with_numbers`, are saved.
    states : dict
        State by index.
    with_numbers : bool
        Whether `set_states` shall restore the optimizer's and its scheduler's numbers too.
    """
    arrays: dict[str, NDArray] = {}
    scheduler = optimizer.lr_scheduler
    header = {
        "format": _FORMAT,
        "optimizer": type(optimizer).__name__,
        "num_update": optimizer.num_update,
        "update_counts": [
            [device, _index(index), count]
            for device, counts in optimizer._all_index_update_counts.items()
            for index, count in counts.items()
        ],
        "states": [[_index(index), packed(state, repr(_index(index)), [], arrays)] for index, state in states.items()],
        "numbers": _numbers(optimizer) if with_numbers else None,
        "scheduler": [type(scheduler).__name__, _numbers(scheduler)] if with_numbers and scheduler else None,
    }
    return dump_file(header, arrays)


def dump_file(header: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> bytes:
    """The bytes of a file: a header that JSON can hold, and arrays by name."""
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    records = [Record(text, 3), *(to_record(array) for array in arrays.values())]
    return dump_params([_HEADER, *arrays], records)


def _index(index: Any) -> int | str:
    if isinstance(index, str):
        return index
    if isinstance(index, int | np.integer):
        return int(index)
    raise NotSupportedError(f"states of parameter {index!r}: only integers and strings can be saved as its index")


def packed(state: Any, index: str, path: list[int], arrays: dict[str, NDArray]) -> Any:
    """A state as JSON, its arrays put into `arrays` under names that say whose they are."""
    if isinstance(state, NDArray):
        name = f"state:{index}:{'.'.join(map(str, path))}"
        arrays[name] = state
        return {"array": name}
    if isinstance(state, list | tuple):
        kind = "tuple" if isinstance(state, tuple) else "list"
        return {kind: [packed(each, index, [*path, place], arrays) for place, each in enumerate(state)]}
    if isinstance(state, _PLAIN):
        return {"value": state}
    raise NotSupportedError(
        f"state of parameter {index}: cannot be saved: {type(state).__name__}; "
        "expected None, an NDArray, a number, a string, or tuples and lists of these"
    )


def _numbers(owner: Any) -> dict[str, Any]:
    """The plain attributes of an optimizer or scheduler; a dict becomes a list of pairs, as its keys may be numbers."""
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, dict):
            if all(isinstance(each, _PLAIN) for each in [*value, *value.values()]):
                found[name] = {"pairs": [list(pair) for pair in value.items()]}
        elif isinstance(value, _PLAIN) or _is_plain_list(value):
            found[name] = {"value": value}
    for name in ("num_update", "_index_update_count", "param_dict", "aggregate_num"):
        found.pop(name, None)
    return found


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, _PLAIN) for each in value)


# reading


def load_states(optimizer: Optimizer, raw: bytes) -> dict[Any, Any]:
    """The states in a file, by index; counts and numbers go into `optimizer`, which stays as it was if this fails.

    MXNet's pickles are understood too, without running them.
    """
    if looks_like_pickle(raw):
        return take_up(optimizer, read_mxnet_states(raw))
    header, arrays = parse_file(raw, _FORMAT, type(optimizer).__name__)
    try:
        states = {index: unpacked(state, arrays) for index, state in header["states"]}
        counts: dict[int, dict[Any, int]] = {0: {}}
        for device, index, count in header["update_counts"]:
            counts.setdefault(int(device), {})[index] = int(count)
        num_update = int(header["num_update"])
        restored = [(optimizer, _restored(optimizer, header["numbers"] or {}))]
        if header["scheduler"] is not None:
            kind, numbers = header["scheduler"]
            restored.append((_scheduler(optimizer, kind), _restored(optimizer.lr_scheduler, numbers)))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise _error("header", f"the structure of {_FORMAT!r}", f"{type(error).__name__}: {error}") from error
    for owner, numbers in restored:
        vars(owner).update(numbers)
    optimizer._all_index_update_counts = counts
    optimizer._index_update_count = counts[0]
    optimizer.num_update = num_update
    return states


def parse_file(raw: bytes, form: str, ours: str) -> tuple[dict[str, Any], dict[str, Record]]:
    """The header of a file of the given format, saved from an optimizer called `ours`, and its arrays by name."""
    if looks_like_pickle(raw):
        raise NotSupportedError(
            f"{_SOURCE}: the bytes look like a pickle, as MXNet's .states files are, whose states {ours} cannot "
            "take up. Train on from the parameters alone, or with MXNet's optimizer of that name"
        )
    names, records = read_params(raw)
    arrays = dict(zip(names, records, strict=False))
    header = _header(arrays.pop(_HEADER, None), form)
    if header.get("optimizer") != ours:
        mend = "Create the optimizer they were saved from."
        raise _error("optimizer", f"states of {ours}", str(header.get("optimizer")), mend)
    return header, arrays


def _error(where: str, expected: str, got: str, mend: str = "") -> FormatError:
    return FormatError(_SOURCE, where, "content", expected, got, mend)


def _header(record: Record | None, form: str) -> dict[str, Any]:
    if record is None or record.array is None or record.array.dtype != np.uint8:
        raise _error("names", f"an array of bytes called {_HEADER!r}", "none", "This is no file of optimizer states.")
    try:
        header = json.loads(record.array.tobytes())
    except (ValueError, RecursionError) as error:
        raise _error(_HEADER, "JSON", str(error)) from error
    if not isinstance(header, dict) or header.get("format") != form:
        raise _error(_HEADER, f"format {form!r}", repr(header)[:80])
    return header


def unpacked(state: Any, arrays: Mapping[str, Record]) -> Any:
    """The reverse of `packed`."""
    ((kind, content),) = state.items()
    if kind == "array":
        if content not in arrays:
            raise _error("states", f"an array called {content!r}", "none")
        return from_record(arrays[content])
    if kind == "tuple":
        return tuple(unpacked(each, arrays) for each in content)
    if kind == "list":
        return [unpacked(each, arrays) for each in content]
    if kind != "value" or not isinstance(content, _PLAIN):
        raise _error("states", "array, tuple, list or value", f"{kind}: {content!r}"[:80])
    return content


def _scheduler(optimizer: Optimizer, kind: str) -> Any:
    ours = type(optimizer.lr_scheduler).__name__
    if ours != kind:
        mend = f"Give the optimizer a {kind}."
        raise _error("scheduler", f"the numbers of {ours}", f"those of {kind}", mend)
    return optimizer.lr_scheduler


def _restored(owner: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as saved; only those that `owner` has, so that a file can add none."""
    strange = sorted(set(numbers) - set(vars(owner)))
    if strange:
        raise _error(f"numbers of {type(owner).__name__}", "attributes it has", ", ".join(strange)[:80])
    return {name: dict(each["pairs"]) if "pairs" in each else each["value"] for name, each in numbers.items()}
