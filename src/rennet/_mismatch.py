"""How parameters differ from those that a network has, and why they probably do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["describe_mismatch", "likely_cause", "sentence"]

Shape = tuple[int, ...] | None
Shapes = Mapping[str, Shape]

_MOST_SHOWN = 6
_RECURRENT = re.compile(r"(.*?)(i2h|h2h|h2r)(_[ifcorz])?_(weight|bias)")
_KINDS = ("arg:", "aux:")
_CELLS = {1: "RNN", 3: "GRU", 4: "LSTM"}
_BACKWARD = re.compile(r"(?P<before>(?:.*[._])?)r(?P<after>\d+_|_cell\.).*")
_BY_CHECKPOINT = "mx.rnn.load_rnn_checkpoint(cells, prefix, epoch) brings either form to that of the cells"
_BY_DICT = (
    "mx.rnn.load_rnn_checkpoint(mx.rnn.FusedRNNCell(hidden_size, num_layers, mode, prefix=P).unfuse(), prefix, "
    "epoch)[1] has the matrices of a checkpoint in any form; take P off their names, and give them to load_dict"
)


def describe_mismatch(expected: Shapes, given: Shapes, block: bool = False) -> str:
    """Which names and shapes are missing, superfluous or different, and the likely cause; empty if all is well.

    Parameters
    ----------
    expected : dict of str to tuple
        What the network has.
    given : dict of str to tuple
        What came. None in either stands for a shape that is not known.
    block : bool
        Whether the network is a block of Gluon's.

    Examples
    --------
    >>> print(describe_mismatch({"a_weight": (2, 3), "a_bias": (2,)}, {"b_weight": (2, 3), "b_bias": (2,)}))
    Missing: a_bias, a_weight. Superfluous: b_bias, b_weight. Likely cause: names begin with 'b_' in place of 'a_': is \
the prefix that of the saved network?
    """
    missing, extra = _difference(expected, given)
    parts: list[str] = []
    for title, names in (("Missing", missing), ("Superfluous", extra)):
        if names:
            parts.append(f"{title}: {_listed(names)}.")
    other = [f"{name} (expected {a}, got {b})" for name, a, b in _other_shapes(expected, given)]
    if other:
        parts.append(f"Of another shape: {_listed(other)}.")
    cause = likely_cause(expected, given, block)
    return " ".join([*parts, cause] if cause else parts)


def likely_cause(expected: Shapes, given: Shapes, block: bool = False) -> str:
    """Why they probably differ, and what to do about it; empty if nothing suggests itself.

    What to do depends on whether the network is a `block` of Gluon's.
    """
    missing, extra = _difference(expected, given)
    cause = (
        _marked(missing, extra)
        or _another_form(missing, extra, block)
        or _another_direction(expected, given)
        or _another_kind(_matrices(expected, missing), _matrices(given, extra))
        or _another_prefix(missing, extra)
        or _another_shape(_other_shapes(expected, given))
    )
    return f"Likely cause: {cause}" if cause else ""


def sentence(text: str) -> str:
    """`text` as something to put after a message, if there is any."""
    return f". {text}" if text else ""


def _difference(expected: Shapes, given: Shapes) -> tuple[list[str], list[str]]:
    return sorted(set(expected) - set(given)), sorted(set(given) - set(expected))


def _other_shapes(expected: Shapes, given: Shapes) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    for name, wanted in expected.items():
        came = given.get(name)
        if wanted is not None and came is not None and tuple(wanted) != tuple(came):
            found.append((name, tuple(wanted), tuple(came)))
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


# causes


def _marked(missing: Sequence[str], extra: Sequence[str]) -> str:
    """Names that still have the mark of a checkpoint's file before them."""
    if missing and any(name.startswith(_KINDS) and name[4:] in missing for name in extra):
        return "names still begin with arg: or aux:, as in a checkpoint's file; mx.model.load_params takes that off"
    return ""


def _another_form(missing: Sequence[str], extra: Sequence[str], block: bool) -> str:
    if not missing or not extra:
        return ""
    wanted, came = _form(missing), _form(extra)
    names = {
        "flat": "those of a fused cell, in one vector",
        "gates": "those of each gate apart, as save_rnn_checkpoint writes them",
        "packed": "those of unfused cells, a matrix for all gates",
    }
    if not wanted or not came or wanted == came:
        return ""
    if any("." in name for name in (*missing, *extra)):
        return f"the weights given are {names[came]}; the network's are {names[wanted]}"
    mend = _BY_DICT if block else _BY_CHECKPOINT
    return f"the weights given are {names[came]}; the network's are {names[wanted]}. {mend}"


def _form(names: Iterable[str]) -> str:
    """How recurrent weights among the names are kept."""
    found = [_RECURRENT.fullmatch(name) for name in names]
    gates = {match[3] for match in found if match is not None}
    if any(gates):
        return "gates"
    if gates:
        return "packed"
    return "flat" if any(name.endswith("parameters") for name in names) else ""


def _another_direction(expected: Shapes, given: Shapes) -> str:
    ours, theirs = _both_ways(expected), _both_ways(given)
    if ours == theirs or not any(map(_RECURRENT.search, expected)) or not any(map(_RECURRENT.search, given)):
        return ""
    ways = {True: "both directions", False: "one direction"}
    return f"the weights given are of cells in {ways[theirs]}, those of the network run in {ways[ours]}"


def _both_ways(names: Iterable[str]) -> bool:
    """Whether there are weights of cells that run backwards, beside those of cells that run forwards."""
    present = set(names)
    for match in filter(None, map(_BACKWARD.fullmatch, present)):
        place = len(match["before"])
        if f"{match[0][:place]}l{match[0][place + 1 :]}" in present:
            return True
    return False


def _matrices(shapes: Shapes, names: Iterable[str]) -> set[tuple[int, ...]]:
    """The shapes of the hidden matrices among the names."""
    found = (shapes[name] for name in names if name.endswith("h2h_weight"))
    return {tuple(shape) for shape in found if shape is not None and len(shape) == 2}


def _another_kind(ours: Iterable[tuple[int, ...]], theirs: Iterable[tuple[int, ...]]) -> str:
    """Cells of another kind, by how many rows there are for each unit; of one kind on either side."""
    kinds = [{_kind(shape) for shape in shapes} for shapes in (ours, theirs)]
    if any(len(each) != 1 or None in each for each in kinds) or kinds[0] == kinds[1]:
        return ""
    (mine,), (came,) = kinds
    return f"the weights are of {came} cells, the network has {mine} cells, whose gates are others"


def _kind(shape: tuple[int, ...]) -> str | None:
    rows, columns = shape
    return _CELLS.get(rows // columns) if columns and rows % columns == 0 else None


def _another_prefix(missing: Sequence[str], extra: Sequence[str]) -> str:
    """A beginning that, put in the place of another, turns most of the superfluous names into missing ones."""
    wanted = set(missing)
    best, most = ("", ""), 0
    for name in extra[:_MOST_SHOWN]:
        for target in missing:
            ours, theirs = _beginnings(target, name)
            if len(ours) == len(target):  # no part of a name in common
                continue
            fitting = sum(each.startswith(theirs) and ours + each[len(theirs) :] in wanted for each in extra)
            if fitting > most:
                best, most = (ours, theirs), fitting
    ours, theirs = best
    if not most or 2 * most < min(len(missing), len(extra)):
        return ""
    if not theirs:
        return f"names lack {ours!r} at their beginning: is the prefix that of the saved network?"
    instead = f"in place of {ours!r}" if ours else "where the network's have nothing"
    return f"names begin with {theirs!r} {instead}: is the prefix that of the saved network?"


def _beginnings(ours: str, theirs: str) -> tuple[str, str]:
    """What stands before the longest common end that begins a part of the name."""
    common = 0
    while common < min(len(ours), len(theirs)) and ours[-1 - common] == theirs[-1 - common]:
        common += 1
    end = ours[len(ours) - common :]
    if common < len(ours) and common < len(theirs):
        cut = min((place for place in (end.find("_"), end.find(".")) if place >= 0), default=-1)
        if cut < 0:
            return ours, theirs
        end = end[cut + 1 :]
    return ours[: len(ours) - len(end)], theirs[: len(theirs) - len(end)]


def _another_shape(others: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> str:
    for name, wanted, came in others:
        found = _RECURRENT.fullmatch(name)
        if name.endswith("parameters") and len(wanted) == len(came) == 1:
            sizes = "the size of the input, num_hidden, num_layers, mode and bidirectional"
            vector = f"{name}, the vector of a fused cell, has {came[0]} elements in place of {wanted[0]}"
            return f"{vector}: are {sizes} those of the saved network?"
        if len(wanted) == 2 and wanted == came[::-1] and wanted[0] != wanted[1]:
            return f"{name} is transposed: MXNet keeps one row for each output"
        if found is None or len(wanted) != 2 or len(came) != 2:
            continue
        if found[2] == "h2h":
            kind = _another_kind([wanted], [came])
            if kind:
                return kind
            if wanted[1] != came[1]:
                return f"the weights are of cells of {came[1]} units, the network's have {wanted[1]}"
        elif found[2] == "i2h" and wanted[0] == came[0]:
            return f"the input of the weights has {came[1]} features, that of the network {wanted[1]}"
    return ""
