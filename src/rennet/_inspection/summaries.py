"""A file as a plain dict: what kind it is, told by its content, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._dtypes import BY_CODE
from .._formats.array_record import Record
from .._formats.containers import Content, read_arrays
from .._formats.json_text import load_json
from .._formats.symbol_json import parse_graph
from ..base import FormatError
from ..optimizer.mxnet_states import ForeignOptimizer, ForeignStates, looks_like_pickle, read_mxnet_states
from .graphs import summary_of_graph
from .layers import find_layers

__all__ = ["inspect_file"]

_START = 64
_CARD = b'"rennet language model"'
_BLANKS = b" \t\r\n"
_GENERATIONS = {
    0: "MXNet 0.10 or older",
    1: "MXNet 0.11",
    2: "MXNet 0.12 to 1.9, or rennet",
    3: "MXNet with np_shape",
}


def inspect_file(path: str, shapes: Mapping[str, tuple[int, ...]] | None = None) -> dict[str, Any]:
    """What is in a file, as values that JSON can hold.

    Parameters
    ----------
    path : str
        The file; its name does not matter.
    shapes : dict of str to tuple, optional
        Shapes of a graph's inputs, to see what would be fused.

    Raises
    ------
    FormatError
        The content is damaged, or nothing that is known.
    OSError
        It cannot be read.
    """
    with Path(path).open("rb") as stream:
        start = stream.read(_START)
    summary: dict[str, Any]
    if start.lstrip(_BLANKS).startswith(b"{"):
        summary = _of_json(path, shapes or {})
    elif looks_like_pickle(start):
        summary = _of_pickle(read_mxnet_states(Path(path).read_bytes(), path))
    else:
        summary = _of_arrays(path, read_arrays(path))
    return {"file": path, "bytes": Path(path).stat().st_size, **summary}


# JSON


def _of_json(path: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    raw = Path(path).read_bytes()
    content = load_json(raw, path, True) if _CARD in raw[:_START] else None
    if isinstance(content, dict):
        words = content.get("vocabulary")
        return {
            "kind": "language model's card",
            "source": content.get("source"),
            "model": content.get("model"),
            "training": content.get("training"),
            "words": len(words) if isinstance(words, dict | list) else None,
        }
    return summary_of_graph(parse_graph(raw, path), path, shapes)


# arrays


def _of_arrays(path: str, content: Content) -> dict[str, Any]:
    named = dict(zip(content.names, content.records, strict=False))
    header = _text(named.get("header"))
    if header is not None and str(header.get("format", "")).startswith("rennet optimizer states"):
        return _of_states(header)
    notes = _text(named.get("notes"))
    if notes is not None and {"optimizer", "generator"} <= named.keys():
        return _of_checkpoint(path, named, notes)
    return {"kind": "arrays", "container": content.container, **_written_by(content), **_listed(content)}


def _written_by(content: Content) -> dict[str, Any]:
    if content.container != "params" or not content.records:
        return {}
    generations = sorted({record.generation for record in content.records})
    return {"generations": generations, "written_by": " and ".join(_GENERATIONS[each] for each in generations)}


def _listed(content: Content) -> dict[str, Any]:
    names = content.names or [str(place) for place in range(len(content.records))]
    entries = [_entry(name, record) for name, record in zip(names, content.records, strict=True)]
    elements = Counter[str]()
    for entry in entries:
        elements[entry["dtype"] or "none"] += entry["elements"]
    shapes = {_bare(entry["name"]): tuple(entry["shape"]) for entry in entries}
    return {
        "named": bool(content.names),
        "parameters": sum(entry["elements"] for entry in entries),
        "auxiliary": sum(entry["elements"] for entry in entries if entry["name"].startswith("aux:")),
        "elements_by_dtype": dict(elements),
        "layers": find_layers(shapes) if content.names else [],
        "arrays": entries,
    }


def _entry(name: str, record: Record) -> dict[str, Any]:
    array = record.array
    return {
        "name": name,
        "shape": [] if array is None else list(array.shape),
        "dtype": None if array is None else BY_CODE[record.type_code].name,
        "elements": 0 if array is None else int(array.size),
        "storage": record.storage,
    }


def _bare(name: str) -> str:
    kind, colon, rest = name.partition(":")
    return rest if colon and kind in ("arg", "aux", "param") else name


def _text(record: Record | None) -> dict[str, Any] | None:
    """The JSON object that an array of bytes spells, if it spells one."""
    if record is None or record.array is None or record.array.dtype.name != "uint8":
        return None
    try:
        content = load_json(record.array.tobytes(), "<header>", True)
    except FormatError:
        return None
    return content if isinstance(content, dict) else None


# states


def _of_states(header: Mapping[str, Any]) -> dict[str, Any]:
    states, scheduler = header.get("states"), header.get("scheduler")
    numbers = header.get("numbers")
    return {
        "kind": "optimizer states",
        "written_by": "rennet",
        "optimizer": header.get("optimizer"),
        "updates": header.get("num_update"),
        "states": len(states) if isinstance(states, list) else None,
        "numbers": None if not isinstance(numbers, dict) else {key: _plain(each) for key, each in numbers.items()},
        "scheduler": scheduler[0] if isinstance(scheduler, list) and scheduler else None,
    }


def _plain(entry: Any) -> Any:
    return entry.get("value", entry.get("pairs")) if isinstance(entry, dict) else entry


def _of_pickle(foreign: ForeignStates) -> dict[str, Any]:
    dumped = foreign.optimizer
    return {
        "kind": "optimizer states",
        "written_by": "MXNet (a pickle, read without running it)",
        "optimizer": None if dumped is None else dumped.kind,
        "updates": None if dumped is None else dumped.numbers.get("num_update"),
        "states": len(foreign.states),
        "numbers": None if dumped is None else _jsonable(dumped),
        "scheduler": None if dumped is None or dumped.scheduler is None else dumped.scheduler.kind,
    }


def _jsonable(dumped: ForeignOptimizer) -> dict[str, Any]:
    return {name: value for name, value in dumped.numbers.items() if isinstance(value, bool | int | float | str)}


def _of_checkpoint(path: str, named: Mapping[str, Record], notes: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {name: record for name, record in named.items() if name.startswith("param:")}
    optimizer = named["optimizer"].array
    states: dict[str, Any] = {}
    if optimizer is not None:
        content = read_arrays(optimizer.tobytes())
        header = _text(dict(zip(content.names, content.records, strict=False)).get("header"))
        states = _of_states(header) if header is not None else {}
    return {
        "kind": "training checkpoint",
        "written_by": "rennet train",
        "epoch": notes.get("epoch"),
        "batch": notes.get("batch"),
        "optimizer": states.get("optimizer"),
        "updates": states.get("updates"),
        **_listed(Content("params", list(parameters), list(parameters.values()))),
    }
