"""Weights by name as cells pack and unpack them: taking one out, and what is said of those that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .._mismatch import likely_cause
from .._recurrence.modes import MODES
from ..base import ArgumentError, ShapeError, expect
from ..ndarray import NDArray

Weights = dict[str, NDArray]

_GATES = "|".join(sorted({gate for mode in MODES.values() for gate in mode.gates if gate}))
FIELD = rf"[ih]2h(?P<gate>{_GATES})?_(?:weight|bias)"
"""What the name of a cell's weight ends with, as a regular expression."""
_NAME = re.compile(rf".*?(?P<field>parameters|{FIELD})")


def expect_weights(what: str, args: Mapping[str, NDArray]) -> Weights:
    """A copy of parameters by name."""
    expect(f"{what}: args", args, Mapping, "a dict of parameters by name", "Module.get_params()[0] is one")
    return dict(args)


def take_weight(args: Weights, name: str, what: str) -> NDArray:
    """Take a parameter out of `args`; a missing one is an error that says what there is in its place."""
    if name in args:
        return expect(f"{what}: {name}", args.pop(name), NDArray, "an NDArray")
    raise ArgumentError(f"{what}: expected a parameter {name!r}, found {_shortened(sorted(args))}{_hint(args, name)}")


def expect_rows(weight: NDArray, gates: int, units: int, name: str, what: str, cause: str) -> None:
    """Refuse a weight without a row for each unit of each gate, or a hidden one without a column for each unit."""
    wanted = (gates * units, units) if _is_hidden(name) else (gates * units,)
    if weight.shape[: len(wanted)] != wanted:
        columns = f" of {units}" if len(wanted) == 2 else ""
        share = f"num_hidden={units}" + (f" for each of {gates} gates" if gates > 1 else "")
        raise ShapeError(
            f"{what}: {name}: expected {gates * units} rows{columns}, {share}; got shape {weight.shape}. {cause}"
        )


def _is_hidden(name: str) -> bool:
    field = _NAME.fullmatch(name)
    return field is not None and field["field"].startswith("h2h") and name.endswith("weight")


def why_other_rows(args: Weights, stem: str, gates: int, units: int) -> str:
    """Why weights have not the rows of `gates` gates of `units` units, by the shape of the hidden one."""
    name = f"{stem}h2h_weight"
    weight = args.get(name)
    came = tuple(weight.shape[:2]) if isinstance(weight, NDArray) else None
    cause = likely_cause({name: (gates * units, units)}, {name: came}) if came and len(came) == 2 else ""
    return cause or "Likely cause: they are of another kind of cell, or of one of another num_hidden"


def refuse_leftovers(owner: str, names: Iterable[str], cause: str) -> None:
    """Refuse weights, by name, that a cell has no place for."""
    listed = sorted(names)
    if listed:
        raise ArgumentError(
            f"pack_weights: {owner} has no place for {', '.join(listed[:4])}"
            f"{' and more' if len(listed) > 4 else ''}; {cause}"
        )


def _form(field: re.Match[str]) -> str:
    if field["field"] == "parameters":
        return "flat"
    return "gate" if field["gate"] else "matrix"


def _hint(args: Weights, name: str) -> str:
    """Which weights were probably meant: those of another prefix, or those in another form."""
    wanted = _NAME.fullmatch(name)
    if wanted is None:
        return ""
    found = [match for match in map(_NAME.fullmatch, sorted(args)) if match is not None]
    similar = [match[0] for match in found if match["field"] == wanted["field"]]
    if similar:
        return f"; there is {', '.join(similar[:3])}: is the cell's prefix right?"
    mend = {
        ("flat", "matrix"): "of unfused cells: take fused.pack_weights(fused.unfuse().unpack_weights(args))",
        ("flat", "gate"): "unpacked already: is the cell's prefix right?",
        ("matrix", "flat"): "of a fused cell: call the unpack_weights of that cell in place of this one's",
        ("matrix", "gate"): "unpacked already: is the cell's prefix right?",
        ("gate", "flat"): "of a fused cell: call the unpack_weights of that cell first",
        ("gate", "matrix"): "with all gates in one: call unpack_weights first, a fused cell's cell.unfuse() has it",
    }
    for match in found:
        text = mend.get((_form(wanted), _form(match)))
        if text is not None:
            return f"; there is {match[0]}, {text}"
    return ""


def _shortened(names: Sequence[str], limit: int = 12) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "none"
