"""A summary as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["to_text"]

_CONTAINERS = {
    "params": "arrays in MXNet's container",
    "npy": "an array in NumPy's .npy",
    "npz": "arrays in NumPy's .npz",
    "safetensors": "arrays in safetensors",
}
_MOST_ARRAYS = 200


def to_text(summary: Mapping[str, Any]) -> str:
    """Lines that say what a file is, as `inspect_file` found it."""
    return "\n".join(map(_printable, _lines(summary)))


def _printable(line: str) -> str:
    """The line with nothing in it that a terminal would obey: names come from files."""
    return line if line.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    kind = summary["kind"]
    what = _CONTAINERS[summary["container"]] if kind == "arrays" else kind
    by = f", written by {summary['written_by']}" if summary.get("written_by") else ""
    yield f"{summary['file']}: {what}{by}; {_bytes(summary['bytes'])}"
    rest = {"graph": _graph, "optimizer states": _states, "language model's card": _card}.get(kind)
    if rest is not None:
        yield from rest(summary)
        return
    if kind == "training checkpoint":
        yield f"  epoch {summary['epoch']}, batch {summary['batch']}; optimizer {summary['optimizer']}, " + (
            f"{summary['updates']} updates"
        )
    yield from _arrays(summary)


def _arrays(summary: Mapping[str, Any]) -> Iterator[str]:
    arrays = summary["arrays"]
    types = ", ".join(f"{count:,} {name}" for name, count in summary["elements_by_dtype"].items())
    names = "" if summary["named"] or not arrays else ", without names"
    yield f"  {_count(len(arrays), 'array')}{names}; {summary['parameters']:,} elements ({types or 'none'})"
    yield from _layers(summary["layers"])
    if arrays:
        yield "  arrays"
    width = max((len(entry["name"]) for entry in arrays[:_MOST_ARRAYS]), default=0)
    for entry in arrays[:_MOST_ARRAYS]:
        shape = "(" + ", ".join(map(str, entry["shape"])) + ("," if len(entry["shape"]) == 1 else "") + ")"
        stored = "" if entry["storage"] == "dense" else f", {entry['storage']} in the file"
        yield f"    {entry['name']:<{width}}  {shape} {entry['dtype'] or 'no array'}{stored}"
    if len(arrays) > _MOST_ARRAYS:
        yield f"    and {len(arrays) - _MOST_ARRAYS} more"


def _layers(layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if layers:
        yield "  recurrent layers"
    for layer in layers:
        if "elements" in layer:
            yield f"    {layer['name']}: {layer['cell']} of {layer['elements']:,} elements"
            continue
        parts = [f"{layer['cell']}, {_count(layer['units'], 'unit')}"]
        parts += [f"input {layer['input']}"] if layer["input"] is not None else []
        parts += [f"projected to {layer['projection']}"] if layer["projection"] else []
        parts += [layer["direction"]] if layer["direction"] else []
        parts += ["weights of each gate apart"] if layer["weights"] != "packed" else []
        yield f"    {layer['name'] or '(no prefix)'}: {', '.join(parts)}; {layer['parameters']:,} parameters"


def _graph(summary: Mapping[str, Any]) -> Iterator[str]:
    most = ", ".join(f"{count} {name}" for name, count in list(summary["operators"].items())[:12])
    yield f"  {_count(summary['nodes'], 'node')}: {most or 'no operators'}" + (
        " ..." if len(summary["operators"]) > 12 else ""
    )
    for remark in summary.get("remarks", ()):
        yield f"  {remark}"
    for each in summary["not_supported"]:
        where = f" ({', '.join(each['nodes'][:5])})" if each["nodes"] else ""
        yield f"  not supported: {each['operator'] or 'the graph'}{where}: {each['why']}"
    for layer in summary["fused_layers"]:
        attributes = ", ".join(f"{key} {value}" for key, value in layer.items() if key != "name")
        yield f"  fused layer {layer['name']}: {attributes}"
    for key, title in (("arguments", "arguments"), ("auxiliary_states", "states"), ("outputs", "outputs")):
        names = summary.get(key)
        if names:
            more = f" and {len(names) - 20} more" if len(names) > 20 else ""
            yield f"  {title}: {', '.join(names[:20])}{more}"
    yield from _unrolled(summary)


def _unrolled(summary: Mapping[str, Any]) -> Iterator[str]:
    if "unrolled" not in summary:
        return
    assumed = summary["assumed"]
    shapes = ", ".join(f"{name} of shape {tuple(shape)}" for name, shape in assumed.items())
    if summary["unrolled"]:
        yield f"  unrolled recurrences{f', for {shapes}' if shapes else ''}"
    elif not summary["fused_layers"]:
        yield "  no unrolled recurrence was found; --shape NAME=2,3 tells the shapes of inputs"
    for each in summary["unrolled"]:
        why = "would be fused" if each["why_not"] is None else f"runs step by step: {each['why_not']}"
        yield f"    {each['name']}: {each['mode']}, {_count(each['steps'], 'step')}: {why}"


def _states(summary: Mapping[str, Any]) -> Iterator[str]:
    made = summary["optimizer"] or "an optimizer that the file does not name"
    updates = "" if summary["updates"] is None else f", {_count(summary['updates'], 'update')}"
    yield f"  {made}{updates}; states of {_count(summary['states'], 'parameter')}"
    if summary["scheduler"]:
        yield f"  learning rates by {summary['scheduler']}"
    if summary["numbers"]:
        yield "  " + ", ".join(f"{name} {value}" for name, value in summary["numbers"].items())


def _card(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"  learnt from {summary['source']}; see `rennet sample`"
    for key in ("model", "training"):
        if isinstance(summary[key], dict):
            yield f"  {key}: " + ", ".join(f"{name} {value}" for name, value in summary[key].items())


def _count(number: Any, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _bytes(count: int) -> str:
    size, unit = float(count), "bytes"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
